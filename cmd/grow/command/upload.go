package command

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/grow-platform/grow/cmd/grow/app"
	"github.com/grow-platform/grow/host/api"
	"github.com/grow-platform/grow/host/control"
	"github.com/grow-platform/grow/host/store"
	"github.com/grow-platform/grow/runtime/admission"
	"github.com/grow-platform/grow/runtime/wasm"
	"github.com/grow-platform/grow/specs"
	"github.com/grow-platform/grow/specs/schema"
	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"
)

// definitionFiles are the names that an actor's definition can have.
var definitionFiles = []string{"actor.yaml", "actor.yml", "actor.cue"}

func (s *shell) upload() *cobra.Command {
	var g gateFlags
	var noLive bool
	var definition string
	c := &cobra.Command{
		Use: "upload ACTOR FILE.wasm|oci://REF", Short: "put a compiled module into a service that runs on a host", Args: cobra.ExactArgs(2),
		Long: "upload brings a module that any compiler has made to a host, goes on where an earlier upload was cut, and has the host check it as grow deploy does: " +
			"when all checks have passed it is live at once, and actor.yaml on the host says code: {language: wasm, digest: ...}. The same module again is done in an instant.\n\n" +
			"ACTOR is an actor of the service in this folder, of that named by --service, or SERVICE:ACTOR. One that is new is made from the definition in the module's custom section " +
			app.DefinitionSection + ", or from that given by --definition. oci://REF is a module in an OCI registry, as grow publish puts it there.",
		Example: "  grow upload price target/wasm32-unknown-unknown/release/price.wasm\n  grow upload shop:price price.wasm --no-live\n  grow upload price price.wasm --definition actor.yaml --sign release.key",
		RunE: func(c *cobra.Command, args []string) error {
			if service, actor, ok := strings.Cut(args[0], ":"); ok {
				s.target.service, args[0] = service, actor
			}
			return s.uploadModule(c.Context(), args[0], args[1], definition, noLive, g)
		},
	}
	f := c.Flags()
	g.flags(f)
	g.signing(f)
	f.BoolVar(&noLive, "no-live", false, "check it and record its revision, but leave live what is live")
	f.StringVar(&definition, "definition", "", "`file` with the definition of the actor: actor.yaml, as for grow vet")
	return s.completes(c, actorsOf, func(*specs.Service) []string { return nil })
}

func (s *shell) uploadModule(ctx context.Context, actor, file, definition string, noLive bool, g gateFlags) error {
	binary, signed, err := moduleFrom(ctx, file)
	if err != nil {
		return err
	}
	name, err := s.serviceName()
	if err != nil {
		return err
	}
	at, err := s.visit(ctx, name)
	if err != nil {
		return err
	}
	defer at.client.Close()
	if at.last.ID == "" {
		return at.missing()
	}
	digest := string(store.DigestOf(binary))
	d := &delivery{
		files: at.last.Files, from: at.last.Files, request: g.request(""),
		modules: map[string]artifact{actor: {api.Artifact{Digest: digest, Language: "wasm", Signature: signed}, binary}},
	}
	d.request.Parent, d.request.Hold = at.last.ID, noLive
	path, text, err := at.definition(ctx, actor, definition, binary)
	if err != nil {
		return err
	}
	if text, err = withDigest(path, text, digest); err != nil {
		return err
	}
	d.put(path, text)
	d.send = func(ctx context.Context, missing []string) error {
		if len(missing) == 0 {
			return nil
		}
		_, err := at.client.Upload(ctx, text, nil) // all others come from the host
		return err
	}
	if err := d.sign(g.key); err != nil {
		return err
	}
	if at.has(actor, d) {
		return s.finish(ctx, at, nil, deployed{Plan: g.plan, Unchanged: true, Deployment: at.live}, nil)
	}
	n, err := s.deliver(ctx, at, d)
	return s.finish(ctx, at, nil, deployed{Plan: g.plan, Deployment: &n}, err)
}

// put makes a text the file at a path.
func (d *delivery) put(path string, text []byte) {
	f := api.File{Path: path, Digest: string(store.DigestOf(text)), Size: int64(len(text))}
	d.files = slices.DeleteFunc(slices.Clone(d.files), func(have api.File) bool { return have.Path == path })
	d.files = append(d.files, f)
	slices.SortFunc(d.files, func(a, b api.File) int { return strings.Compare(a.Path, b.Path) })
}

// has reports whether an actor runs what is to be delivered already.
func (at *destination) has(actor string, d *delivery) bool {
	if at.live == nil || string(at.live.Change) != at.last.ID || !slices.Equal(d.files, at.last.Files) {
		return false
	}
	want, have := d.modules[actor], at.live.Actors[actor]
	return string(have.Digest) == want.Digest && (want.Signature == "" || want.Signature == have.Signature)
}

// moduleFrom reads a module out of a file or a registry, which may have a signature of it.
func moduleFrom(ctx context.Context, name string) (binary []byte, signature string, err error) {
	if !strings.HasPrefix(name, "oci://") {
		binary, err = moduleIn(name)
		return binary, "", err
	}
	m, err := pullModule(ctx, name, app.ModuleMax)
	if err != nil {
		return nil, "", err
	}
	return m.Bytes, m.Signature, admitted(name, m.Bytes)
}

// moduleIn reads a module's file, and refuses at once what no host takes.
func moduleIn(file string) ([]byte, error) {
	info, err := os.Stat(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &control.Error{Code: control.CodeNotFound, Message: "there is no file " + file, At: file, Next: "name the .wasm file that your compiler has made"}
	}
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, &control.Error{Code: control.CodeInvalid, Message: file + " is not a file", At: file}
	}
	if info.Size() > app.ModuleMax {
		return nil, &control.Error{Code: codeRefused, Message: fmt.Sprintf("%s has %s; a module has at most %s", file, memory(info.Size()), memory(app.ModuleMax)), At: file}
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	return b, admitted(file, b)
}

// admitted reports what no host would take in a module.
func admitted(name string, binary []byte) error {
	r := admission.Describe(binary)
	if r.OK {
		return nil
	}
	first := r.Faults[0]
	e := &control.Error{Code: codeRefused, Message: fmt.Sprintf("%s is refused: %s: %s", name, first.Code, first.Message), At: name, Next: first.Next}
	if !strings.HasPrefix(name, "oci://") {
		e.Next = "see all that is wrong with it: grow vet " + quote(name)
	}
	return e
}

// definition is an actor's definition: that on the host, or that of a new actor.
func (at *destination) definition(ctx context.Context, actor, file string, binary []byte) (path string, text []byte, err error) {
	if !schema.Lookup("#Name").Fits(actor) {
		return "", nil, usage("%q is no name of an actor: lower-case letters, digits and dashes, a letter first", actor)
	}
	path = "actors/" + actor + "/actor.yaml"
	there := false
	for _, name := range definitionFiles {
		if f, ok := find(at.last.Files, "actors/"+actor+"/"+name); ok {
			path, there = f.Path, true
		}
	}
	switch {
	case file != "" && there && strings.HasSuffix(path, ".cue") != strings.HasSuffix(file, ".cue"):
		return "", nil, usage("the definition on the host is %s, and %s is none of its kind", path, file)
	case file != "":
		if strings.HasSuffix(file, ".cue") {
			path = "actors/" + actor + "/actor.cue"
		}
		text, err = os.ReadFile(file)
		return path, text, err
	case there:
		text, err = at.File(ctx, "", path)
		return path, text, err
	}
	if text, err = embedded(binary); err != nil || text != nil {
		return path, text, err
	}
	var have []string
	for _, f := range at.last.Files {
		if parts := strings.Split(f.Path, "/"); len(parts) == 3 && parts[0] == "actors" && slices.Contains(definitionFiles, parts[2]) {
			have = append(have, parts[1])
		}
	}
	return "", nil, &control.Error{
		Code: control.CodeNotFound, Message: fmt.Sprintf("%s has no actor %s, and the module has no definition in its section %s", at.service, actor, app.DefinitionSection), At: actor,
		Next: meant(actor, have, "give its definition beside it: --definition actor.yaml"),
	}
}

// embedded is the definition in a module; nil: there is none.
func embedded(binary []byte) ([]byte, error) {
	m, err := wasm.Decode(binary)
	if err != nil {
		return nil, err
	}
	found := m.Customs(app.DefinitionSection)
	if len(found) == 0 {
		return nil, nil
	}
	return bytes.Join(found, nil), nil
}

// withDigest has a definition name the module on the host by its digest. The rest stays
// as it was written.
func withDigest(path string, text []byte, digest string) ([]byte, error) {
	if strings.HasSuffix(path, ".cue") {
		return withDigestCUE(path, text, digest)
	}
	return withField(path, text, "code", "code: {language: wasm, digest: \"sha256:"+digest+"\"}\n")
}

// withField has a definition in YAML say what is in line of a field, which is added behind
// the actor's name when it is not there. The rest stays as it was written.
func withField(path string, text []byte, field, line string) ([]byte, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil {
		return nil, &control.Error{Code: codeSpecInvalid, Message: "read the definition: " + err.Error(), At: path}
	}
	if doc.Kind != yaml.DocumentNode || doc.Content[0].Kind != yaml.MappingNode {
		return nil, &control.Error{Code: codeSpecInvalid, Message: "the definition is no mapping of fields: actor, about, in, out", At: path}
	}
	root := doc.Content[0]
	if root.Style&yaml.FlowStyle != 0 {
		return flowWith(&doc, field, line)
	}
	lines := strings.SplitAfter(strings.TrimSuffix(string(text), "\n")+"\n", "\n")
	for i := 0; i < len(root.Content); i += 2 {
		if root.Content[i].Value != field {
			continue
		}
		from := root.Content[i].Line - 1
		return []byte(strings.Join(lines[:from], "") + line + strings.Join(lines[endOf(lines, from, root, i):], "")), nil
	}
	first := len(lines)
	if len(root.Content) > 2 { // behind the actor's name
		first = endOf(lines, root.Content[0].Line-1, root, 0)
	}
	return []byte(strings.Join(lines[:first], "") + line + strings.Join(lines[first:], "")), nil
}

// endOf is the line behind the value of the i-th key, which stands at line from.
func endOf(lines []string, from int, root *yaml.Node, i int) int {
	end := len(lines)
	if i+2 < len(root.Content) {
		end = root.Content[i+2].Line - 1
	}
	for end > from+1 { // comments and empty lines belong to what follows
		text := strings.TrimSpace(lines[end-1])
		if text != "" && !strings.HasPrefix(text, "#") {
			break
		}
		end--
	}
	return end
}

// flowWith writes a definition that stands in braces anew.
func flowWith(doc *yaml.Node, field, line string) ([]byte, error) {
	var added yaml.Node
	if err := yaml.Unmarshal([]byte(line), &added); err != nil {
		return nil, err
	}
	root, pair := doc.Content[0], added.Content[0].Content
	for i := 0; i < len(root.Content); i += 2 {
		if root.Content[i].Value == field {
			root.Content[i+1] = pair[1]
			return yaml.Marshal(doc)
		}
	}
	root.Content = append(root.Content, pair...)
	return yaml.Marshal(doc)
}
