// Package versions says what is different between two versions of a service on a host:
// in its documents line by line, in tests, in modules, and in what it promises to others.
package versions

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/grow-platform/grow/host/documents"
	"github.com/grow-platform/grow/specs/compare"
	"github.com/grow-platform/grow/specs/shape"
)

// Difference is what two versions differ in.
type Difference struct {
	Old       string   `json:"old"`
	New       string   `json:"new"`
	Documents []File   `json:"documents" nullable:"false"`
	Tests     []Test   `json:"tests" nullable:"false"`
	Modules   []Module `json:"modules" nullable:"false"`
	Changes   []Change `json:"changes" nullable:"false" doc:"of types, grants and what else others see"`
	Notes     []string `json:"notes" nullable:"false" doc:"on what could not be compared"`
}

// Module is an actor that runs another module.
type Module struct {
	Actor string `json:"actor"`
	Old   string `json:"old,omitempty" doc:"digest; none: there was none"`
	New   string `json:"new,omitempty"`
}

// Change is a difference that others may see, and what it means for them.
type Change struct {
	Subject   string          `json:"subject" doc:"what it is in: type order.placed, actor pricing, endpoint POST /orders"`
	Path      string          `json:"path,omitempty" doc:"of the value in the subject"`
	Role      string          `json:"role,omitempty" doc:"side that the verdict is about: in, out, state or config"`
	Where     string          `json:"where,omitempty" doc:"what gives a type its role"`
	Verdict   string          `json:"verdict" enum:"ok,warn,break"`
	Class     string          `json:"class" enum:"types,interface,state,grants,info"`
	Code      string          `json:"code"`
	Message   string          `json:"message"`
	Example   json.RawMessage `json:"example,omitempty" doc:"message that works with one side and fails with the other"`
	Raw       []byte          `json:"raw,omitempty" doc:"the example when it is no JSON"`
	Refusal   string          `json:"refusal,omitempty" doc:"why the example fails"`
	Undecided bool            `json:"undecided,omitempty" doc:"there is no proof either way, so it is taken for a break"`
}

// ChangesOf is what a comparison has found, as it is told.
func ChangesOf(found []compare.Change) []Change {
	list := make([]Change, 0, len(found))
	for _, c := range found {
		out := Change{
			Subject: c.Subject, Path: c.Path, Role: c.Role, Where: c.Where, Verdict: strings.ToLower(c.Verdict.String()), Class: c.Class, Code: c.Code,
			Message: c.Message, Refusal: c.Refusal, Undecided: c.Undecided,
		}
		if json.Valid(c.Example) {
			out.Example = c.Example
		} else {
			out.Raw = c.Example
		}
		list = append(list, out)
	}
	return list
}

// Break and Warn are the verdicts that are not ok.
var (
	Break = strings.ToLower(shape.Break.String())
	Warn  = strings.ToLower(shape.Warn.String())
)

// Name names a version: of a service by the number of a deployment, of an actor by that
// of a revision.
type Name struct {
	Actor  string // "": the service
	Number int    // 0: the one that is live
}

// NamePattern is what the text of a name matches.
const NamePattern = `^([a-z0-9][a-z0-9_-]{0,62}@)?([1-9][0-9]{0,8}|live)$`

var namePattern = regexp.MustCompile(NamePattern)

// ParseName reads a name: 3, price@3, live or price@live.
func ParseName(text string) (n Name, ok bool) {
	if !namePattern.MatchString(text) {
		return n, false
	}
	actor, number, ofActor := strings.Cut(text, "@")
	if ofActor {
		n.Actor = actor
	} else {
		number = text
	}
	if number != "live" {
		n.Number, _ = strconv.Atoi(number) // it matches
	}
	return n, true
}

// String is the name for people.
func (n Name) String() string {
	if n.Actor == "" {
		return fmt.Sprintf("deployment %d", n.Number)
	}
	return fmt.Sprintf("%s@%d", n.Actor, n.Number)
}

// Version is one of two that are compared.
type Version struct {
	Name    Name
	Tree    documents.Tree    // of the whole service
	Modules map[string]string // digests by actor
}

// tree are the documents that count.
func (v *Version) tree() documents.Tree {
	if v.Name.Actor == "" {
		return v.Tree
	}
	return slices.DeleteFunc(slices.Clone(v.Tree), func(f documents.File) bool {
		return !strings.HasPrefix(f.Path, "actors/"+v.Name.Actor+"/") && !strings.HasPrefix(f.Path, "types/")
	})
}

// Read reads a file.
type Read func(ctx context.Context, f documents.File) ([]byte, error)

// Compare tells what is different between two versions of one service, or of one actor
// of it; without lines it names the documents that differ. Read's errors end it.
func Compare(ctx context.Context, old, new *Version, read Read, lines bool) (d Difference, err error) {
	d = Difference{Old: old.Name.String(), New: new.Name.String(), Documents: Files(old.tree(), new.tree()), Modules: modules(old.Modules, new.Modules), Changes: []Change{}, Notes: []string{}}
	if lines {
		left, err := Lines(ctx, d.Documents, read, read)
		if err != nil {
			return d, err
		}
		if left > 0 {
			d.Notes = append(d.Notes, fmt.Sprintf("there is too much to show: of %d files only the names are", left))
		}
	}
	if d.Tests, err = testsBetween(ctx, d.Documents, read); err != nil {
		return d, err
	}
	return d, d.promises(ctx, old, new, read)
}

func modules(old, new map[string]string) []Module {
	list := []Module{}
	for actor, digest := range old {
		if new[actor] != digest {
			list = append(list, Module{actor, digest, new[actor]})
		}
	}
	for actor, digest := range new {
		if _, ok := old[actor]; !ok {
			list = append(list, Module{Actor: actor, New: digest})
		}
	}
	slices.SortFunc(list, func(a, b Module) int { return strings.Compare(a.Actor, b.Actor) })
	return list
}
