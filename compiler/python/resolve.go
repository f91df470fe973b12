package python

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/grow-platform/grow/compiler"
	"github.com/grow-platform/grow/compiler/cache"
)

// PackagesMax is how many packages an actor may depend on, those of packages
// included.
const PackagesMax = 200

// resolver finds out which packages a requirements.txt comes to.
type resolver struct {
	source compiler.Source
	tool   installer
	store  string // folder of wheels in the user's cache
	temp   string
	parts  string          // folder of wheels whose native part was left out
	from   map[string]pin  // the packages in parts, by name
	tried  map[string]bool // requirements that parts were fetched for
}

// resolve has the tool choose and fetch packages, and puts their wheels into the
// cache.
func resolve(ctx context.Context, s compiler.Source, tool installer, store string) (lock, error) {
	temp, err := os.MkdirTemp("", "grow-packages-")
	if err != nil {
		return lock{}, compiler.Fail(s, compiler.CodeFailed, "fetch packages", err)
	}
	defer os.RemoveAll(temp)
	r := &resolver{source: s, tool: tool, store: store, temp: temp, parts: filepath.Join(temp, "parts"), from: map[string]pin{}, tried: map[string]bool{}}
	if err := os.Mkdir(r.parts, 0o755); err != nil {
		return lock{}, compiler.Fail(s, compiler.CodeFailed, "fetch packages", err)
	}
	for range PackagesMax {
		l, again, err := r.try(ctx)
		if err != nil || !again {
			return l, err
		}
	}
	return lock{}, compiler.Fail(s, compiler.CodeFailed, fmt.Sprintf("fetch packages: more than %d", PackagesMax), nil)
}

// try lets the tool resolve. again says that it lacked something which is there
// now.
func (r *resolver) try(ctx context.Context) (l lock, again bool, err error) {
	to := filepath.Join(r.temp, "wheels")
	if err := errors.Join(os.RemoveAll(to), os.Mkdir(to, 0o755)); err != nil {
		return lock{}, false, compiler.Fail(r.source, compiler.CodeFailed, "fetch packages", err)
	}
	out, err := r.tool.download(ctx, to, r.source.Progress, pure,
		"--find-links", r.parts, "--requirement", filepath.Join(r.source.Path, requirementsName))
	log := compiler.Clip(append(out.Stderr, out.Stdout...))
	if stopped := compiler.Stopped(ctx, r.source, log); stopped != nil {
		return lock{}, false, stopped
	}
	if err != nil {
		again, err = r.lacking(ctx, log, err)
		return lock{}, again, err
	}
	l, err = r.keep(to)
	return l, false, err
}

// keep moves wheels into the cache and pins them.
func (r *resolver) keep(dir string) (lock, error) {
	paths, err := wheelsIn(dir)
	if err != nil {
		return lock{}, compiler.Fail(r.source, compiler.CodeFailed, "read packages", err)
	}
	var l lock
	for _, path := range paths {
		name, version, ok := wheelName(filepath.Base(path))
		if !ok {
			return lock{}, compiler.Fail(r.source, compiler.CodeFailed, "read packages: not the name of a wheel: "+filepath.Base(path), nil)
		}
		if p, ok := r.from[name]; ok && p.Version == version {
			l.Pins = append(l.Pins, p)
			continue
		}
		sum, err := storeWheel(path, r.store)
		if err != nil {
			return lock{}, compiler.Fail(r.source, compiler.CodeFailed, "keep packages", err)
		}
		l.Pins = append(l.Pins, pin{Name: name, Version: version, Digest: sum})
	}
	l.sort()
	return l, nil
}

// storeWheel copies a wheel into the cache, where it is called by its digest.
func storeWheel(path, store string) (sum string, err error) {
	sum, err = cache.DigestFile(path)
	if err != nil {
		return "", err
	}
	_, err = cache.Place(path, wheelPath(store, sum))
	return sum, err
}

func wheelPath(store, sum string) string { return filepath.Join(store, sum+".whl") }

// The ways in which pip says that it finds nothing.
var (
	saysNone     = regexp.MustCompile(`Could not find a version that satisfies the requirement (\S.*?)(?: \(from ([^)]*?)\))? \(from versions: (.*)\)`)
	saysDepends  = regexp.MustCompile(`(?m)^\s+(\S+) (\S+) depends on ([A-Za-z0-9][A-Za-z0-9._-]*)(.*)$`)
	saysOffline  = regexp.MustCompile(`(?i)(NewConnectionError|Temporary failure in name resolution|Failed to establish a new connection|Connection refused|ConnectTimeout|Network is unreachable|Could not fetch URL)`)
	saysInvalid  = regexp.MustCompile(`(?m)^ERROR: (Invalid requirement.*)$`)
	packageStart = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*`)
)

// lack is a requirement that no pure wheel satisfies.
type lack struct {
	Name     string // normalised
	Spec     string // MarkupSafe>=2.0
	By       string // who requires it: jinja2; "": requirements.txt
	Versions bool   // there are others that would do
}

// lackOf reads what the tool said; false when that is about something else.
func lackOf(log string) (lack, bool) {
	if m := saysNone.FindStringSubmatch(log); m != nil {
		by := m[2]
		if strings.HasPrefix(by, "-r ") {
			by = ""
		}
		by, _, _ = strings.Cut(by, "->")
		return lack{normal(packageStart.FindString(m[1])), m[1], by, m[3] != "none"}, packageStart.MatchString(m[1])
	}
	// A conflict in which all versions of a package want one that there is not; in
	// any other the user's own words are a part.
	var first lack
	if strings.Contains(log, "The user requested") {
		return first, false
	}
	for _, m := range saysDepends.FindAllStringSubmatch(log, -1) {
		l := lack{Name: normal(m[3]), Spec: m[3] + strings.TrimSpace(m[4]), By: m[1]}
		if first.Name == "" {
			first = l
		} else if first.Name != l.Name {
			return lack{}, false
		}
	}
	return first, first.Name != ""
}

// lacking supplies what the tool lacked, or says why that cannot be.
func (r *resolver) lacking(ctx context.Context, log string, cause error) (again bool, err error) {
	l, ok := lackOf(log)
	switch {
	case saysOffline.MatchString(log):
		return false, r.refuse("the index of packages cannot be reached", "try again with a network, or commit "+lockName+" and build where its packages are in the cache", "", log)
	case !ok:
		text := "pip finds no packages for " + requirementsName
		if m := saysInvalid.FindStringSubmatch(log); m != nil {
			text += ": " + m[1]
		}
		e := r.refuse(text, "read what it says, and change "+requirementsName, "", log)
		e.Diagnostics = append(e.Diagnostics, conflict(r.source, log)...)
		e.Cause = cause
		return false, e
	case fallbacks[l.Name] && !l.Versions && !r.tried[l.Spec]:
		r.tried[l.Spec] = true
		return r.supply(ctx, l)
	}
	return false, r.hopeless(ctx, l, log)
}

// supply fetches a package with native code, and leaves that out.
func (r *resolver) supply(ctx context.Context, l lack) (bool, error) {
	to, err := os.MkdirTemp(r.temp, "native-")
	if err != nil {
		return false, compiler.Fail(r.source, compiler.CodeFailed, "fetch packages", err)
	}
	r.source.Say("fetching " + l.Spec + ", whose native part is left out")
	out, err := r.tool.download(ctx, to, r.source.Progress, natural, "--no-deps", l.Spec)
	if stopped := compiler.Stopped(ctx, r.source, ""); stopped != nil {
		return false, stopped
	}
	paths, _ := wheelsIn(to)
	if err != nil || len(paths) != 1 {
		return false, r.refuse("no wheel of "+l.Spec+" for Python "+Version, "ask for another version in "+requirementsName, l.Name, compiler.Clip(append(out.Stderr, out.Stdout...)))
	}
	name, version, _ := wheelName(filepath.Base(paths[0]))
	sum, err := storeWheel(paths[0], r.store)
	if err == nil {
		err = withoutNative(paths[0], r.parts)
	}
	if err != nil {
		return false, compiler.Fail(r.source, compiler.CodeFailed, "read package "+l.Name, err)
	}
	r.from[name] = pin{Name: name, Version: version, Digest: sum, Partly: true}
	return true, nil
}

// hopeless says why there is no pure wheel of a package.
func (r *resolver) hopeless(ctx context.Context, l lack, log string) error {
	who := l.Name
	if l.By != "" {
		who += ", which " + l.By + " needs,"
	}
	if why, ok := natives[l.Name]; ok {
		return r.refuse("the package "+who+" "+why, "", l.Name, log)
	}
	if l.Versions {
		return r.refuse("no version of the package "+l.Spec+" is in pure Python", "ask for another version in "+requirementsName, l.Name, log)
	}
	to, err := os.MkdirTemp(r.temp, "native-")
	if err != nil {
		return compiler.Fail(r.source, compiler.CodeFailed, "fetch packages", err)
	}
	if _, err := r.tool.download(ctx, to, nil, natural, "--no-deps", l.Spec); err == nil {
		return r.refuse("the package "+who+" has native code, which an actor cannot run", "look for one in pure Python that does the same, or write what needs it as an actor in Rust or Go", l.Name, log)
	}
	if stopped := compiler.Stopped(ctx, r.source, ""); stopped != nil {
		return stopped
	}
	if r.tool.exists(ctx, l.Name) {
		return r.refuse("the package "+who+" comes as source only, or for other versions of Python: building it would run its code on this machine",
			"put its modules beside main.py when its licence lets you, or look for one that has a wheel (py3-none-any)", l.Name, log)
	}
	return r.refuse("there is no package "+who+" in the index", "look for a slip in "+requirementsName, l.Name, log)
}

// refuse makes an error that names the line of requirements.txt.
func (r *resolver) refuse(text, hint, name, log string) *compiler.Error {
	e := &compiler.Error{Code: compiler.CodeFailed, Actor: r.source.Actor, Text: "fetch packages", Hint: hint, Log: log}
	d := compiler.Diagnostic{File: r.source.Relative(filepath.Join(r.source.Path, requirementsName)), Text: text}
	if data, err := os.ReadFile(filepath.Join(r.source.Path, requirementsName)); err == nil && name != "" {
		all, _ := parseRequirements(data)
		if i := slices.IndexFunc(all, func(q requirement) bool { return q.Name == name }); i >= 0 {
			d.Line = all[i].Line
		}
	}
	e.Diagnostics = []compiler.Diagnostic{d}
	return e
}

// conflict is what the tool says of packages that do not go together.
func conflict(s compiler.Source, log string) []compiler.Diagnostic {
	_, told, ok := strings.Cut(log, "The conflict is caused by:\n")
	if !ok {
		return nil
	}
	told, _, _ = strings.Cut(told, "\n\n")
	return []compiler.Diagnostic{{Text: "the conflict:\n" + strings.TrimRight(told, "\n")}}
}
