package command

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/grow-platform/grow/cmd/grow/app"
	"github.com/grow-platform/grow/host/control"
	"github.com/grow-platform/grow/specs"
	"github.com/grow-platform/grow/specs/openapi"
	"github.com/grow-platform/grow/specs/schema"
	"github.com/spf13/cobra"
)

// codeNoService is the code of a folder that holds no service.
const codeNoService = "service.none"

// schemaSuffix ends the names of the files that editors read.
const schemaSuffix = ".schema.json"

// described is one thing that there is a schema of.
type described struct {
	Name  string `json:"name"`
	Kind  string `json:"kind"` // file or type
	About string `json:"about,omitempty"`
}

// fileForms says which file each schema of a file is of.
var fileForms = map[string]string{
	"grow": "the file grow.yaml", "actor": "actors/NAME/actor.yaml", "workflow": "workflows/NAME.yaml", "tests": "actors/NAME/tests/*.yaml",
}

func (s *shell) schema() *cobra.Command {
	var openAPI bool
	var out string
	c := &cobra.Command{
		Use: "schema [NAME]", Short: "print JSON Schemas of files, types and endpoints", Args: cobra.MaximumNArgs(1),
		Long: "schema prints a JSON Schema (2020-12): of a file that you write (grow, actor, workflow, tests), or of a message type\n" +
			"of the service in this folder. Without a name it lists both. A file's name comes before a type's.\n\n" +
			"--out writes the schemas of all files into a folder, for editors, which look there when a file begins with\n\n" +
			"  # yaml-language-server: $schema=.schema/grow.schema.json\n\n" +
			"--openapi prints an OpenAPI 3.1 document of the service's endpoints.",
		Example: "  grow schema\n  grow schema order.placed\n  grow schema --out .schema\n  grow schema --openapi",
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			all, _ := s.schemaNames()
			var names []string
			for _, d := range all {
				names = append(names, d.Name)
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(c *cobra.Command, args []string) error {
			switch {
			case c.Flags().Changed("out") && (openAPI || len(args) > 0):
				return usage("--out writes the schemas of all files; it takes no name and no --openapi")
			case openAPI && len(args) > 0:
				return usage("--openapi is of the whole service; it takes no name")
			case c.Flags().Changed("out"):
				return s.writeSchemas(out)
			case openAPI:
				return s.printOpenAPI()
			case len(args) > 0:
				return s.printSchema(args[0])
			}
			return s.listSchemas()
		},
	}
	c.Flags().BoolVar(&openAPI, "openapi", false, "print the OpenAPI document of the endpoints")
	c.Flags().StringVar(&out, "out", "", "write the schemas of all files into this `folder`")
	return c
}

// schemaNames lists what there is a schema of; err says why there are no types.
func (s *shell) schemaNames() ([]described, error) {
	var all []described
	for _, file := range slices.Sorted(maps.Keys(schema.JSONSchemas())) {
		name := strings.TrimSuffix(file, schemaSuffix)
		all = append(all, described{name, "file", fileForms[name]})
	}
	service, err := s.loaded()
	if err != nil {
		return all, err
	}
	for _, name := range slices.Sorted(maps.Keys(service.Types)) {
		about, _, _ := strings.Cut(service.Types[name].About(), "\n")
		all = append(all, described{name, "type", about})
	}
	return all, nil
}

func (s *shell) loaded() (*specs.Service, error) {
	dir, err := s.folder(nil)
	if err != nil {
		return nil, err
	}
	return app.Load(dir)
}

func (s *shell) listSchemas() error {
	all, err := s.schemaNames()
	var problems specs.Problems
	if errors.As(err, &problems) {
		s.say("the types are left out: %s in the service's files, see grow vet", count(len(problems), "problem"))
	}
	return s.print(all, func(w io.Writer) error {
		rows := make([][]string, len(all))
		for i, d := range all {
			rows[i] = []string{d.Name, d.Kind, d.About}
		}
		return table(w, "NAME KIND ABOUT", rows)
	})
}

// printSchema prints the schema of a file or of a type.
func (s *shell) printSchema(name string) error {
	if text := schema.JSONSchemas()[strings.TrimSuffix(name, schemaSuffix)+schemaSuffix]; text != nil {
		_, err := s.stdout.Write(text)
		return err
	}
	names, message := slices.Sorted(maps.Keys(fileForms)), fmt.Sprintf("there is no file or type %q", name)
	service, err := s.loaded()
	var fault *control.Error
	switch {
	case errors.As(err, &fault) && fault.Code == codeNoService:
		message = fmt.Sprintf("there is no file %q, and no service here whose type it may be", name)
	case err != nil:
		return err
	case service.Types[name] != nil:
		_, err = s.stdout.Write(service.Types[name].JSONSchema(name))
		return err
	default:
		names = append(names, slices.Sorted(maps.Keys(service.Types))...)
	}
	next := "see what there is: grow schema"
	if near := schema.Nearest(name, names); near != "" {
		next = "did you mean " + near + "?"
	}
	return &control.Error{Code: control.CodeNotFound, Message: message, Next: next}
}

func (s *shell) printOpenAPI() error {
	service, err := s.loaded()
	if err != nil {
		return err
	}
	_, err = s.stdout.Write(openapi.Document(service))
	return err
}

// writeSchemas writes the schemas of all files.
func (s *shell) writeSchemas(dir string) error {
	if dir == "" {
		return usage("--out names a folder, such as .schema")
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("write schemas: %w", err)
	}
	all := schema.JSONSchemas()
	written := []string{}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, all[name], 0o644); err != nil {
			return fmt.Errorf("write schemas: %w", err)
		}
		written = append(written, path)
	}
	s.say("editors find them when a file begins with, say:\n  # yaml-language-server: $schema=%s", filepath.ToSlash(filepath.Join(dir, "grow"+schemaSuffix)))
	return s.print(written, func(w io.Writer) error {
		for _, path := range written {
			if _, err := fmt.Fprintln(w, cell(path)); err != nil {
				return err
			}
		}
		return nil
	})
}
