package versions

import (
	"context"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Test is a test that is not in both of two versions as it is.
type Test struct {
	File string `json:"file"`
	Test string `json:"test"`
	How  string `json:"how" enum:"added,removed,changed"`
}

// testsBetween are the tests that differ, in the files that do.
func testsBetween(ctx context.Context, files []File, read Read) ([]Test, error) {
	list := []Test{}
	for _, f := range files {
		if !holdsTests(f.Path) {
			continue
		}
		was, is, err := both(ctx, &f, read, read)
		if err != nil {
			return nil, err
		}
		list = append(list, changedTests(f.Path, was, is)...)
	}
	return list, nil
}

// holdsTests reports whether there can be tests in a file.
func holdsTests(path string) bool {
	parts := strings.Split(path, "/")
	return strings.HasSuffix(path, ".yaml") && (path == "grow.yaml" || parts[0] == "workflows" || parts[0] == "actors" && len(parts) > 3 && parts[2] == "tests")
}

func changedTests(file string, old, new []byte) []Test {
	was, is := testsIn(old), testsIn(new)
	var list []Test
	for _, name := range was.names {
		if text, ok := is.texts[name]; !ok {
			list = append(list, Test{file, name, "removed"})
		} else if text != was.texts[name] {
			list = append(list, Test{file, name, "changed"})
		}
	}
	for _, name := range is.names {
		if _, ok := was.texts[name]; !ok {
			list = append(list, Test{file, name, "added"})
		}
	}
	slices.SortStableFunc(list, func(a, b Test) int { return strings.Compare(a.Test, b.Test) })
	return list
}

// testTexts are the tests of a file by name, as text of one form.
type testTexts struct {
	names []string
	texts map[string]string
}

// testsIn reads the tests of a file; none of one that is no YAML.
func testsIn(text []byte) testTexts {
	t := testTexts{texts: map[string]string{}}
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil || len(doc.Content) == 0 {
		return t
	}
	list := doc.Content[0]
	if list.Kind == yaml.MappingNode {
		list = valueOf(list, "tests")
	}
	if list == nil || list.Kind != yaml.SequenceNode {
		return t
	}
	for _, item := range list.Content {
		name := valueOf(item, "test")
		if name == nil {
			continue
		}
		var plain any
		if err := item.Decode(&plain); err != nil {
			continue
		}
		b, err := yaml.Marshal(plain)
		if err != nil {
			continue
		}
		t.names = append(t.names, name.Value)
		t.texts[name.Value] = string(b)
	}
	return t
}

// valueOf is the value of a key; nil: there is none.
func valueOf(n *yaml.Node, key string) *yaml.Node {
	if n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1]
		}
	}
	return nil
}
