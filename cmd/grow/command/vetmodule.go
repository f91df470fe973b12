package command

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/grow-platform/grow/host/control"
	"github.com/grow-platform/grow/runtime/admission"
	"github.com/grow-platform/grow/runtime/wasm"
)

// isModule says whether vet is to explain a file: one that is a module by its
// name, or no text.
func isModule(path string) bool {
	if ext := filepath.Ext(path); ext == ".wasm" || ext == ".wat" {
		info, err := os.Stat(path)
		return err != nil || !info.IsDir()
	}
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	head := make([]byte, 512)
	n, err := io.ReadFull(f, head)
	return (err == nil || errors.Is(err, io.ErrUnexpectedEOF)) && bytes.IndexByte(head[:n], 0) >= 0
}

// vetModule explains a module and says whether it is an actor.
func (s *shell) vetModule(path string) error {
	r, err := describe(path)
	if err != nil {
		return err
	}
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

// describe reads a file, but none that is larger than a module may be.
func describe(path string) (*admission.Report, error) {
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
	if info.Size() > wasm.BinaryMax {
		return admission.TooLarge(info.Size()), nil
	}
	b, err := io.ReadAll(io.LimitReader(f, wasm.BinaryMax+1)) // it may be growing, or a pipe
	if err != nil {
		return nil, err
	}
	return admission.Describe(b), nil
}

// rowsMax is how many lines of a kind a person is shown.
const rowsMax = 100

// writeModule explains a module to a person.
func writeModule(w io.Writer, path string, r *admission.Report) error {
	verdict := "accepted"
	if !r.OK {
		verdict = "refused"
	}
	fmt.Fprintf(w, "%s: %s\n", cell(path), verdict)
	writeFaults(w, r.Faults)
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
		if err := table(w, part.head, part.rows[:min(len(part.rows), rowsMax)]); err != nil {
			return err
		}
		more(w, len(part.rows))
	}
	return nil
}

// more says that there are lines that are not shown.
func more(w io.Writer, rows int) {
	if rows > rowsMax {
		fmt.Fprintf(w, "… and %d more; -o json has all\n", rows-rowsMax)
	}
}

// writeFaults says what is wrong, and, of those for which it is the same, once
// what to do.
func writeFaults(w io.Writer, all []admission.Fault) {
	for i, f := range all[:min(len(all), rowsMax)] {
		at := ""
		if f.At != nil {
			at = fmt.Sprintf("at offset %d: ", *f.At)
			if f.Where != "" {
				at = fmt.Sprintf("at offset %d, %s: ", *f.At, f.Where)
			}
		}
		fmt.Fprintf(w, "  %s: %s\n", f.Code, cell(at+f.Message))
		if f.Next != "" && (i+1 == len(all) || all[i+1].Next != f.Next) {
			fmt.Fprintf(w, "    next: %s\n", f.Next)
		}
	}
	more(w, len(all))
}

// facts are what is said of a module in a line each.
func facts(r *admission.Report) [][]string {
	rows := [][]string{{"size", bytesOf(r.Size)}}
	add := func(what, text string) {
		if text != "" {
			rows = append(rows, []string{what, text})
		}
	}
	add("digest", r.Digest)
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

// bytesOf writes a number of bytes as people read it, few of them exactly.
func bytesOf(n int64) string {
	if n < 1<<10 {
		return count(int(n), "byte")
	}
	return memory(n)
}
