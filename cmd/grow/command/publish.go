package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/grow-platform/grow/compiler/project"
	"github.com/grow-platform/grow/host/control"
	"github.com/grow-platform/grow/host/oci"
	"github.com/grow-platform/grow/host/signing"
	"github.com/grow-platform/grow/host/store"
	"github.com/grow-platform/grow/specs"
	spec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/spf13/cobra"
)

// The codes of registries.
const (
	codeRegistry       = "registry.fault"
	codeRegistryDenied = "registry.denied"
	codeRegistryLayout = "registry.layout" // what is there is no module
)

// published is what publish answers.
type published struct {
	Actor    string `json:"actor"`
	Ref      string `json:"ref"`
	Manifest string `json:"manifest,omitempty"` // digest
	Module   string `json:"module"`             // digest
	Bytes    int    `json:"bytes"`
	Signed   bool   `json:"signed"`
	Plan     bool   `json:"plan,omitempty"`
}

func (s *shell) publish() *cobra.Command {
	var key string
	var plan bool
	c := &cobra.Command{
		Use: "publish ACTOR oci://REF", Short: "put an actor's module into an OCI registry", Args: cobra.ExactArgs(2),
		Long: "publish builds an actor and puts its module into an OCI registry, in the CNCF's layout for Wasm, from where\n" +
			"grow upload takes it. Credentials are those of docker login and its like.",
		Example: "  grow publish price oci://registry.example.org/shop/price:1.2\n  grow publish price oci://127.0.0.1:5000/price:dev --sign release.key",
		RunE: func(c *cobra.Command, args []string) error {
			service, err := s.load(nil)
			if err != nil {
				return err
			}
			m, a, err := s.moduleToPublish(c, service, args[0])
			if err != nil {
				return err
			}
			digest := store.DigestOf(m.Bytes)
			p := published{Actor: a.Name, Ref: args[1], Module: string(digest), Bytes: len(m.Bytes), Signed: key != "", Plan: plan}
			if key != "" {
				if m.Signature, err = signature(key, digest); err != nil {
					return err
				}
			}
			if !plan {
				if p.Manifest, err = oci.Push(c.Context(), args[1], m); err != nil {
					return registryFault(args[1], err)
				}
			}
			return s.print(p, func(w io.Writer) error {
				if plan {
					_, err := fmt.Fprintf(w, "would publish %s, %s, as %s\n", p.Actor, memory(int64(p.Bytes)), cell(p.Ref))
					return err
				}
				_, err := fmt.Fprintf(w, "published %s, %s, as %s\nmanifest  %s\n", p.Actor, memory(int64(p.Bytes)), cell(p.Ref), p.Manifest)
				return err
			})
		},
	}
	c.Flags().StringVar(&key, "sign", "", "`file` of a private key to sign the module with: grow signkey create")
	c.Flags().BoolVar(&plan, "plan", false, "only say what would be published")
	return s.completes(c, actorsOf)
}

// moduleToPublish builds an actor.
func (s *shell) moduleToPublish(c *cobra.Command, service *specs.Service, name string) (*oci.Module, *specs.Actor, error) {
	built, err := s.compile(c.Context(), service, project.Options{Only: []string{name}})
	if err != nil {
		return nil, nil, err
	}
	b, err := os.ReadFile(built[name].Module)
	if err != nil {
		return nil, nil, fmt.Errorf("read module: %w", err)
	}
	a := service.Actors[name]
	about := map[string]string{spec.AnnotationTitle: service.Name + "/" + name}
	if a.About != "" {
		about[spec.AnnotationDescription] = a.About
	}
	if service.Version != "" {
		about[spec.AnnotationVersion] = service.Version
	}
	return &oci.Module{Bytes: b, Annotations: about}, a, nil
}

// signature signs an artifact with the key in a file.
func signature(file string, d store.Digest) (string, error) {
	b, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return "", &control.Error{Code: control.CodeNotFound, Message: "there is no file " + file, At: file, Next: "make a key: grow signkey create"}
	}
	if err != nil {
		return "", fmt.Errorf("read key: %w", err)
	}
	key, err := signing.Private(b)
	if err != nil {
		return "", &control.Error{Code: control.CodeInvalid, Message: "read key: " + err.Error(), At: file, Next: "make one: grow signkey create"}
	}
	return signing.Sign(key, d).String(), nil
}

// pullModule is a module of a registry.
func pullModule(ctx context.Context, ref string, limit int64) (*oci.Module, error) {
	m, err := oci.Pull(ctx, ref, limit)
	if err != nil {
		return nil, registryFault(ref, err)
	}
	return m, nil
}

// registryFault says what to do about an error of a registry.
func registryFault(ref string, err error) error {
	e := &control.Error{Code: codeRegistry, Message: err.Error(), At: ref, Next: "see that the registry can be reached, and the reference is right"}
	switch {
	case errors.Is(err, oci.ErrRef):
		return usage("%v", err)
	case errors.Is(err, oci.ErrNotFound):
		e.Code, e.Next = control.CodeNotFound, "check the name and the tag"
	case errors.Is(err, oci.ErrDenied):
		e.Code, e.Next = codeRegistryDenied, "log in with docker login, or what your registry has for that"
	case errors.Is(err, oci.ErrLayout):
		e.Code, e.Next = codeRegistryLayout, "take a reference that grow publish made, or another tool by the CNCF's layout for Wasm"
	case errors.Is(err, oci.ErrTooLarge):
		e.Code, e.Next = codeRefused, "a module has at most 32 MiB"
	}
	return e
}
