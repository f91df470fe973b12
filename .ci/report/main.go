// Command report reads the output of go test -json from standard input. It
// prints a line for each package as it ends, what failed tests said, and
// writes the numbers of tests that passed and failed to the file named by its
// argument. It fails when a test or a package did.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"strings"
)

type event struct {
	Action, Package, Test, Output string
	ImportPath                    string // of build output
	Elapsed                       float64
}

func main() {
	passed, failed, err := report()
	if err == nil && len(os.Args) == 2 {
		err = os.WriteFile(os.Args[1], fmt.Appendf(nil, "%d %d\n", passed, failed), 0o644)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "report:", err)
		os.Exit(1)
	}
	if failed > 0 {
		os.Exit(1)
	}
}

// unended prints what tests of a package said that were running when it broke down, as
// it does for one that never ends. The stacks of all goroutines may be long: of each
// test the beginning is shown.
func unended(said map[string]*strings.Builder, of string) {
	const most = 64 << 10
	for id, text := range said {
		if strings.HasPrefix(id, of) && id != of {
			s := text.String()
			fmt.Printf("%s did not end:\n%s\n", id, s[:min(len(s), most)])
			delete(said, id)
		}
	}
}

func report() (passed, failed int, err error) {
	said := map[string]*strings.Builder{} // by package and test
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 16<<20)
	for in.Scan() {
		var e event
		if json.Unmarshal(in.Bytes(), &e) != nil {
			fmt.Println(in.Text()) // not of go test
			continue
		}
		id := e.Package + e.ImportPath + " " + e.Test
		switch e.Action {
		case "output", "build-output":
			if said[id] == nil {
				said[id] = &strings.Builder{}
			}
			said[id].WriteString(e.Output)
		case "pass", "fail", "build-fail":
			if e.Test == "" && (e.Action == "fail" || e.Package != "") {
				fmt.Printf("%-4s %-60s %6.1f s\n", e.Action, strings.TrimPrefix(e.Package, "github.com/grow-platform/grow/"), e.Elapsed)
			}
			if e.Action == "pass" && e.Test != "" {
				passed++
			}
			if e.Action != "pass" {
				failed++
				if said[id] != nil {
					fmt.Print(said[id])
				}
				if e.Test == "" {
					unended(said, e.Package+" ")
				}
			}
			delete(said, id)
		case "skip":
			if e.Test != "" && said[id] != nil {
				fmt.Print(said[id])
			}
		}
	}
	return passed, failed, in.Err()
}
