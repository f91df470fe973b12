package app

import (
	"bytes"
	"errors"
	"fmt"
	"os"

	"github.com/grow-platform/grow/host/deploy"
	"github.com/grow-platform/grow/runtime/admission"
	"github.com/grow-platform/grow/runtime/wasm"
	"github.com/grow-platform/grow/specs/schema"
)

// DefinitionSection is the custom section of a module in which its maker can put the
// definition of the actor that it is for: actor.yaml, as it stands in a service's folder.
const DefinitionSection = "grow.definition"

// definitions holds what modules say of themselves against the definitions that they run
// under, and code that is named by digest against what is there.
func (g *gate) definitions(k *deploy.Check) error {
	for _, name := range sorted(g.candidate.Actors) {
		a := g.service.Actors[name]
		if a == nil || g.now[name] == g.before[name] {
			continue
		}
		if want, have := a.Code.Digest, string(g.candidate.Actors[name].Digest); want != "" && want != have {
			k.Add(deploy.Detail{Subject: name, At: place(a.At), Text: fmt.Sprintf("actor %s: code.digest names the module %.12s, and it is deployed with %.12s", name, want, have)})
		}
		if err := g.definition(name, k); err != nil {
			return err
		}
	}
	if len(k.Details) > 0 {
		k.Outcome, k.Text = deploy.Failed, "a module and its definition do not fit"
	}
	return nil
}

// definition looks at one module: it must be one that is admitted, and what it says that it
// wants must be granted.
func (g *gate) definition(name string, k *deploy.Check) error {
	binary, err := os.ReadFile(g.candidate.Modules[name])
	if err != nil {
		return err
	}
	if r := admission.Describe(binary); !r.OK {
		for _, f := range r.Faults {
			k.Add(deploy.Detail{Subject: name, Text: fmt.Sprintf("actor %s: %s: %s", name, f.Code, f.Message)})
		}
		return nil
	}
	m, err := wasm.Decode(binary)
	if err != nil {
		return err
	}
	text := bytes.Join(m.Customs(DefinitionSection), nil)
	if len(text) == 0 {
		return nil
	}
	root, faults := schema.ReadYAML(text)
	if root == nil {
		err := errors.New("it is no YAML")
		if len(faults) > 0 {
			err = errors.New(faults[0].Message)
		}
		k.Add(deploy.Detail{Subject: name, Text: fmt.Sprintf("actor %s: read the module's section %s: %v", name, DefinitionSection, err)})
		return nil
	}
	g.grants(name, root.Get("uses"), k)
	return nil
}

// grants reports what a module wants and its definition does not grant.
func (g *gate) grants(name string, wanted *schema.Node, k *deploy.Check) {
	if wanted == nil {
		return
	}
	a := g.service.Actors[name]
	granted := map[string]string{}
	for _, u := range a.Uses {
		granted[u.Name] = u.Kind
	}
	for _, f := range wanted.Fields {
		kind := f.Value.Get("kind").String()
		if have, ok := granted[f.Key]; !ok {
			k.Add(deploy.Detail{Subject: name, At: place(a.At), Text: fmt.Sprintf("actor %s: the module wants uses.%s (%s), which the definition does not grant", name, f.Key, kind)})
		} else if have != kind {
			k.Add(deploy.Detail{Subject: name, At: place(a.At), Text: fmt.Sprintf("actor %s: the module wants uses.%s of kind %s, and the definition grants one of kind %s", name, f.Key, kind, have)})
		}
	}
}
