package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/grow-platform/grow/host/control"
	"github.com/grow-platform/grow/runtime/admission"
	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/runtime/wasm"
)

// isModule says whether what vet is given is a file to be explained: one that is
// no folder, or is to be a module by its name.
func isModule(path string) bool {
	info, err := os.Stat(path)
	if err != nil {
		return filepath.Ext(path) == ".wasm"
	}
	return !info.IsDir()
}

// vetModule explains a module and says whether it is an actor.
func (s *shell) vetModule(path string) error {
	b, err := readModule(path)
	if err != nil {
		return err
	}
	r := admission.Describe(b)
	report := struct {
		File string `json:"file"`
		*admission.Report
	}{path, r}
	if err := s.print(report, func(w io.Writer) error { return writeModule(w, path, r) }); err != nil {
		return err
	}
	if r.OK {
		return nil
	}
	first := r.Faults[0]
	return &told{fault: control.Error{
		Code: codeRefused, Message: fmt.Sprintf("%s is refused: %s", path, first.Code), At: path, Next: first.Next,
	}}
}

// readModule reads a file of which no more than a module may have matters.
func readModule(path string) ([]byte, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &control.Error{Code: control.CodeNotFound, Message: fmt.Sprintf("there is no file %s", path), At: path, Next: "grow build makes the modules of a service, in its folder .grow/build"}
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return nil, usage("%s is a folder, not a module", path)
	}
	if info.Size() > wasm.BinaryMax {
		return nil, &control.Error{
			Code: codeRefused, At: path, Next: "make it smaller: optimize it for size, and keep files that it needs outside of it",
			Message: fmt.Sprintf("%s is refused: %s: it has %d bytes; at most %d are allowed", path, engine.CodeLimit, info.Size(), wasm.BinaryMax),
		}
	}
	return io.ReadAll(io.LimitReader(f, wasm.BinaryMax+1))
}

// writeModule explains a module to a person.
func writeModule(w io.Writer, path string, r *admission.Report) error {
	verdict := "accepted"
	if !r.OK {
		verdict = "refused"
	}
	fmt.Fprintf(w, "%s: %s\n", cell(path), verdict)
	for _, f := range r.Faults {
		writeFault(w, &f)
	}
	fmt.Fprintln(w)
	if err := table(w, "MODULE", facts(r)); err != nil {
		return err
	}
	for _, part := range []struct {
		head string
		rows [][]string
	}{
		{"EXPORT TYPE ABI", exportRows(r)},
		{"IMPORT TYPE GRANTED", importRows(r)},
		{"SECTION AT SIZE", sectionRows(r)},
		{"LIMIT FOUND MAX NEAR", nearRows(r)},
	} {
		if len(part.rows) == 0 {
			continue
		}
		fmt.Fprintln(w)
		if err := table(w, part.head, part.rows); err != nil {
			return err
		}
	}
	return nil
}

func writeFault(w io.Writer, f *admission.Fault) {
	at := ""
	if f.At != nil {
		at = fmt.Sprintf("at offset %d: ", *f.At)
		if f.Where != "" {
			at = fmt.Sprintf("at offset %d, %s: ", *f.At, f.Where)
		}
	}
	fmt.Fprintf(w, "  %s: %s%s\n", f.Code, cell(at), cell(f.Message))
	if f.Next != "" {
		fmt.Fprintf(w, "    next: %s\n", f.Next)
	}
}

// facts are what is said of a module in a line each.
func facts(r *admission.Report) [][]string {
	rows := [][]string{{"size", bytesOf(int64(r.Size))}, {"digest", r.Digest}}
	add := func(what, text string) {
		if text != "" {
			rows = append(rows, []string{what, text})
		}
	}
	add("name", r.Name)
	add("runtime", r.Runtime)
	var made []string
	for _, p := range r.Producers {
		made = append(made, strings.TrimSpace(p.Name+" "+p.Version)+" ("+p.Field+")")
	}
	add("made with", strings.Join(made, ", "))
	add("may use", strings.Join(r.Targets, " "))
	add("uses", strings.Join(r.Features, ", "))
	if r.Memory != nil {
		most := "no maximum"
		if r.Memory.Max >= 0 {
			most = "at most " + bytesOf(r.Memory.Max)
		}
		add("memory", bytesOf(r.Memory.Min)+" at the start, "+most)
	}
	for _, t := range r.Tables {
		most := "no maximum"
		if t.Max >= 0 {
			most = fmt.Sprintf("at most %d", t.Max)
		}
		add("table", fmt.Sprintf("%d of %s at the start, %s", t.Min, t.Elem, most))
	}
	if r.Functions+r.Globals > 0 {
		add("functions", fmt.Sprint(r.Functions))
		add("globals", fmt.Sprint(r.Globals))
	}
	if r.Data.Segments > 0 {
		add("data", fmt.Sprintf("%s in %s", bytesOf(int64(r.Data.Bytes)), count(r.Data.Segments, "segment")))
	}
	if r.Start {
		add("start", "a function runs when an instance starts")
	}
	return rows
}

func exportRows(r *admission.Report) (rows [][]string) {
	for _, e := range r.Exports {
		abi := e.ABI
		if e.Want != "" {
			abi += ", must be " + e.Want
		}
		rows = append(rows, []string{e.Name, strings.TrimSpace(e.Kind + " " + e.Type), abi})
	}
	return rows
}

func importRows(r *admission.Report) (rows [][]string) {
	for _, i := range r.Imports {
		granted := "yes"
		if !i.Granted {
			granted = "no"
		}
		rows = append(rows, []string{i.Module + "." + i.Name, strings.TrimSpace(i.Kind + " " + i.Type), granted})
	}
	return rows
}

func sectionRows(r *admission.Report) (rows [][]string) {
	for _, s := range r.Sections {
		rows = append(rows, []string{s.Name, fmt.Sprint(s.At), bytesOf(int64(s.Size))})
	}
	return rows
}

func nearRows(r *admission.Report) (rows [][]string) {
	for _, n := range r.Near {
		rows = append(rows, []string{n.Limit, fmt.Sprint(n.Found), fmt.Sprint(n.Max), fmt.Sprintf("%d %%", n.Percent)})
	}
	return rows
}

// bytesOf writes a number of bytes as people read it.
func bytesOf(n int64) string {
	switch {
	case n < 1<<10:
		return count(int(n), "byte")
	case n < 1<<20:
		return fmt.Sprintf("%.1f KiB", float64(n)/(1<<10))
	}
	return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
}
