package starter

import "slices"

// Service is a service that is begun.
type Service struct {
	Name    string // as in grow.yaml
	Lang    string // of its first actor: one of Languages
	Version string // of grow, as `go install` takes it: v1.2.0, or latest
}

// LangTitle is the language's name for people.
func (s Service) LangTitle() string { return Title(s.Lang) }

var serviceAbouts = map[string]string{
	"grow.yaml":                             "the service: its endpoints, with tests",
	"types/people.cue":                      "what messages and state look like",
	"actors/greeter/actor.yaml":             "what the actor takes, sends and keeps",
	"actors/greeter/docs/goals.md":          "what it is for",
	"actors/greeter/docs/requirements.md":   "what it must do",
	"actors/greeter/tests/greeting.yaml":    "examples that prove it",
	"actors/greeter/src/go/main.go":         "its code",
	"actors/greeter/src/rust/lib.rs":        "its code",
	"actors/greeter/src/python/main.py":     "its code",
	"actors/greeter/src/python/messages.py": "its types, by grow types",
	"README.md":                             "how to run, test and call it",
	"AGENTS.md":                             "the same for coding agents, with rules",
	".gitignore":                            "what is built is not committed",
	".github/workflows/grow.yml":            "vet and test on every push",
}

// Files are the files of a service that greets people: one actor with documents
// and tests, one endpoint.
func (s Service) Files() ([]File, error) {
	var others []string
	for _, lang := range Languages {
		if lang != s.Lang {
			others = append(others, "actors/greeter/src/"+lang)
		}
	}
	files, err := renderAll("service", "", s, serviceAbouts, others...)
	if err != nil {
		return nil, err
	}
	return sorted(append(files, Schemas()...)), nil
}

// Bare are the files of a service without anything in it, and the folders that
// will hold it.
func (s Service) Bare() (files []File, folders []string, err error) {
	files, err = renderAll("bare", "", s, map[string]string{"grow.yaml": "the service: only its name yet", ".gitignore": serviceAbouts[".gitignore"]})
	return sorted(append(files, Schemas()...)), []string{"types", "actors", "workflows"}, err
}

// sorted puts files in the order in which they are read: grow.yaml, types,
// actors, then what is about them.
func sorted(files []File) []File {
	rank := func(f File) int {
		for i, name := range order {
			if f.Path == name || len(f.Path) > len(name) && f.Path[:len(name)+1] == name+"/" {
				return i
			}
		}
		return len(order)
	}
	slices.SortStableFunc(files, func(a, b File) int { return rank(a) - rank(b) })
	return files
}

var order = []string{"grow.yaml", "types", "actors", "workflows", "README.md", "AGENTS.md", ".gitignore", ".github", ".schema"}
