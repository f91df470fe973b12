package command

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/grow-platform/grow/cmd/grow/app"
	"github.com/grow-platform/grow/host/control"
	"github.com/grow-platform/grow/specs"
	"github.com/grow-platform/grow/specs/codes"
	"github.com/grow-platform/grow/specs/shape"
	"github.com/spf13/cobra"
)

// problem is one line of vet for programs.
type problem struct {
	File    string `json:"file"`
	Line    int    `json:"line,omitempty"`
	Col     int    `json:"col,omitempty"`
	Path    string `json:"path,omitempty"`
	Code    string `json:"code"`
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
	Warning bool   `json:"warning,omitempty"`
}

// verdict is what vet answers.
type verdict struct {
	OK        bool      `json:"ok"`
	Actors    int       `json:"actors"`
	Workflows int       `json:"workflows"`
	Endpoints int       `json:"endpoints"`
	Types     int       `json:"types"`
	Problems  []problem `json:"problems"`
}

func (s *shell) vet() *cobra.Command {
	code := ""
	cmd := &cobra.Command{
		Use: "vet [FOLDER|FILE.wasm]", Short: "check the files of a service, or explain a module", Args: cobra.MaximumNArgs(1),
		Long: "vet reads every file of a service and reports all that is wrong at once, a line each:\n\n  file:line:col: path: what is wrong; what to do\n\n" +
			"Nothing is built or started. The exit code is 3 when something is wrong. Each kind of\nproblem has a code; --explain tells what it means, with a wrong and a right example, and of\nthe codes of dead letters and refused modules what happened, why, and what to do.\n\n" +
			"Of a file of WebAssembly it says whether an actor can be made of it and why not, what it\nexports and imports, how large it is, and which limits are near.",
		Example: "  grow vet\n  grow vet shop -o json\n  grow vet --explain spec.route\n  grow vet price.wasm",
		RunE: func(cmd *cobra.Command, args []string) error {
			if cmd.Flags().Changed("explain") {
				return s.explain(code)
			}
			if len(args) == 1 && isModule(args[0]) {
				return s.vetModule(args[0])
			}
			dir, err := s.folder(args)
			if err != nil {
				return err
			}
			return s.check(dir)
		},
	}
	cmd.Flags().StringVar(&code, "explain", "", "tell what the problem with this `code` is, instead of checking")
	_ = cmd.RegisterFlagCompletionFunc("explain", cobra.FixedCompletions(codes.Known(), cobra.ShellCompDirectiveNoFileComp)) // fails for no flag of that name
	return cmd
}

// check vets a folder and prints the verdict.
func (s *shell) check(dir string) error {
	begin := time.Now()
	service, err := app.Load(dir)
	v, err := judge(service, err)
	if err != nil {
		return err
	}
	took := time.Since(begin)
	if err := s.print(v, func(w io.Writer) error { return v.write(w, took) }); err != nil {
		return err
	}
	if v.OK {
		return nil
	}
	return v.fault(dir, s.json())
}

// explain prints what there is to say of a code.
func (s *shell) explain(code string) error {
	e, ok := codes.Of(code)
	if !ok {
		next := "the codes are " + strings.Join(codes.Known(), ", ")
		if near := shape.Near(code, codes.Known()); near != "" {
			next = "did you mean " + near + "?"
		}
		return &control.Error{Code: control.CodeNotFound, Message: fmt.Sprintf("there is no text for the code %q", code), At: code, Next: next}
	}
	return s.print(e, func(w io.Writer) error {
		_, err := io.WriteString(w, e.String())
		return err
	})
}

// judge makes a verdict of what Load said.
func judge(service *specs.Service, err error) (verdict, error) {
	v := verdict{OK: err == nil, Problems: []problem{}}
	var problems specs.Problems
	switch {
	case errors.As(err, &problems):
	case err != nil:
		return v, err
	default:
		v.Actors, v.Workflows, v.Endpoints, v.Types = len(service.Actors), len(service.Workflows), len(service.Endpoints), len(service.Types)
		problems = service.Warnings
	}
	for _, p := range problems {
		v.Problems = append(v.Problems, problem{p.File, p.Line, p.Col, p.Path, p.Code, p.Message, p.Hint, p.Warning})
	}
	return v, nil
}

// fault is the error of a service that is wrong.
func (v *verdict) fault(dir string, asJSON bool) error {
	n, kinds := 0, []string{}
	for _, p := range v.Problems {
		if !p.Warning {
			n++
		}
		if _, ok := codes.Of(p.Code); ok && !slices.Contains(kinds, p.Code) {
			kinds = append(kinds, p.Code)
		}
	}
	fault := control.Error{Code: codeSpecInvalid, Message: count(n, "problem"), At: dir}
	if len(kinds) > 0 {
		if fault.Next = "grow vet --explain " + kinds[0]; !asJSON {
			fault.Message += "\nmore: grow vet --explain CODE, here " + strings.Join(kinds, ", ")
		}
	}
	return &told{fault: fault}
}

func (v *verdict) write(w io.Writer, took time.Duration) error {
	for _, p := range v.Problems {
		line := specs.Problem{Position: specs.Position{File: p.File, Line: p.Line, Col: p.Col}, Path: p.Path, Message: p.Message, Hint: p.Hint}.Error()
		if p.Warning {
			line = "warning: " + line
		}
		if _, err := fmt.Fprintln(w, cell(line)); err != nil {
			return err
		}
	}
	if !v.OK {
		return nil
	}
	_, err := fmt.Fprintf(w, "ok: %s in %s\n", strings.Join([]string{
		count(v.Actors, "actor"), count(v.Workflows, "workflow"), count(v.Endpoints, "endpoint"), count(v.Types, "type"),
	}, ", "), short(took))
	return err
}

// count writes a number of things: 1 actor, 3 actors.
func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// short writes a duration as people read it.
func short(d time.Duration) string {
	switch {
	case d < time.Second:
		return fmt.Sprintf("%d ms", max(d.Round(time.Millisecond), time.Millisecond).Milliseconds())
	case d < time.Minute:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d < time.Hour:
		return fmt.Sprintf("%d min %d s", int(d.Minutes()), int(d.Seconds())%60)
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h %d min", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%d days", int(d.Hours())/24)
}
