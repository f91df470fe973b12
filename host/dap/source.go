package dap

import (
	"path"
	"slices"
	"strings"

	"github.com/google/go-dap"
	"github.com/grow-platform/grow/runtime/debug"
)

// deemphasized is the hint of a source that the actor's author has not written.
const deemphasized = "deemphasize"

// source is a file as a client is shown it: one in its own folder, or one that it
// asks this server for.
func (s *server) source(file string) *dap.Source {
	name := path.Base(slashed(file))
	if own, ok := s.own(file); ok && s.config.Sources != "" {
		return &dap.Source{Name: name, Path: strings.TrimSuffix(slashed(s.config.Sources), "/") + "/" + own}
	}
	files := s.session.Program().Files()
	if n := slices.Index(files, file); n >= 0 {
		built := &dap.Source{Name: name, Path: file, SourceReference: 1 + n, Origin: "as it was built"}
		if _, own := s.own(file); !own {
			built.PresentationHint = deemphasized
		}
		return built
	}
	shown := &dap.Source{Name: name, Path: file, PresentationHint: deemphasized}
	if n := s.handles.unlist(file); n >= 0 { // who asks for its text is told why there is none
		shown.SourceReference = 1 + len(files) + n
	}
	return shown
}

// own is the name that a source has in the folder of the actor's author; false: it is
// not from there. Where the host has no sources, a program has those of its author by
// the paths that they were built from.
func (s *server) own(file string) (string, bool) {
	if folder := strings.TrimSuffix(slashed(s.config.Sources), "/"); folder != "" {
		if own, ok := strings.CutPrefix(slashed(file), folder+"/"); ok {
			return own, true
		}
	}
	if r, ok := s.session.Program().(debug.Rooted); ok {
		return strings.CutPrefix(file, r.Root())
	}
	return file, !absolute(file)
}

// file is the name that the program has for a client's source: that itself, the one
// below the client's folder, or the only one whose path ends alike.
func (s *server) file(source *dap.Source) (string, error) {
	files := s.session.Program().Files()
	if source == nil {
		return "", fault(codeArguments, "no source is given")
	}
	if n := source.SourceReference; n > 0 && n <= len(files) {
		return files[n-1], nil
	} else if file, ok := s.handles.findUnlisted(n - len(files) - 1); ok {
		return file, nil
	}
	name := slashed(source.Path)
	if name == "" {
		name = slashed(source.Name)
	}
	below, _ := strings.CutPrefix(name, strings.TrimSuffix(slashed(s.config.Sources), "/")+"/")
	for _, file := range files {
		own, _ := s.own(file)
		if slashed(file) == name || slashed(own) == below {
			return file, nil
		}
	}
	best, length, alone := "", 0, false
	for _, file := range files {
		switch n := alike(slashed(file), name); {
		case n > length:
			best, length, alone = file, n, true
		case n == length:
			alone = false
		}
	}
	if !alone {
		return "", fault(codeUnknown, "%s is not a source of what is debugged", excerpt(name))
	}
	return best, nil
}

// alike is how many parts two paths have in common at their ends.
func alike(a, b string) int {
	x, y := strings.Split(a, "/"), strings.Split(b, "/")
	n := 0
	for n < len(x) && n < len(y) && x[len(x)-1-n] == y[len(y)-1-n] {
		n++
	}
	return n
}

func slashed(name string) string { return strings.ReplaceAll(name, `\`, "/") }

func absolute(name string) bool {
	name = slashed(name)
	return strings.HasPrefix(name, "/") || len(name) > 1 && name[1] == ':'
}

func (s *server) text(a dap.SourceArguments) (dap.ResponseMessage, error) {
	source := a.Source
	if source == nil {
		source = &dap.Source{}
	}
	if a.SourceReference > 0 {
		source = &dap.Source{SourceReference: a.SourceReference}
	}
	file, err := s.file(source)
	if err != nil {
		return nil, err
	}
	text, err := s.session.Program().Source(file)
	if err != nil {
		return nil, err
	}
	if len(text) > MessageMax {
		return nil, fault(codeLimit, "%s has %d bytes: sources of up to %d are shown", file, len(text), MessageMax)
	}
	answer := &dap.SourceResponse{}
	answer.Body.Content = strings.ToValidUTF8(string(text), "\ufffd")
	return answer, nil
}

func (s *server) loaded() dap.ResponseMessage {
	answer := &dap.LoadedSourcesResponse{}
	answer.Body.Sources = []dap.Source{}
	for _, file := range s.session.Program().Files() {
		answer.Body.Sources = append(answer.Body.Sources, *s.source(file))
	}
	return answer
}
