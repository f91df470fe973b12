// Package wat holds actors written by hand in the text form of WebAssembly: a
// ledger made from abi/README.md alone, an echo that is the floor of
// benchmarks, and modules that break a rule each, for tests of whoever runs
// modules. README.md says what each one does and how they are made.
package wat

import (
	"embed"
	"encoding/json"
	"fmt"
	"path"
	"strings"
)

//go:embed *.wasm ledger.cases.json
var files embed.FS

// Module returns the binary of NAME.wat, a fresh copy. It panics when there is
// none of that name: it is for tests.
func Module(name string) []byte {
	b, err := files.ReadFile(name + ".wasm")
	if err != nil {
		panic("wat: " + err.Error())
	}
	return b
}

// Names lists the modules, sorted.
func Names() []string {
	list, err := files.ReadDir(".")
	if err != nil {
		panic("wat: " + err.Error())
	}
	var names []string
	for _, f := range list {
		if name := strings.TrimSuffix(f.Name(), ".wasm"); path.Ext(f.Name()) == ".wasm" {
			names = append(names, name)
		}
	}
	return names
}

// Ledger is what the ledger must do, whatever it is written in: Cases in
// order, given Config.
type Ledger struct {
	Config json.RawMessage
	Cases  []Case
}

// Case is one message and what comes of it.
type Case struct {
	Name    string
	Type    string
	Key     string
	Data    json.RawMessage // nil: {}
	Outcome string          // refused; "" means handled
	Code    string          // of a refusal
	Text    string          // of a refusal
	Outputs []Output
	Logs    []Line
	State   json.RawMessage // the key's value "" afterwards; nil when there is none
}

// Output is a message that is sent; Data is compared as JSON.
type Output struct {
	Type string
	Data json.RawMessage
}

// Line is a log line.
type Line struct {
	Level, Text string
	Fields      map[string]string
}

// LedgerCases returns ledger.cases.json.
func LedgerCases() (Ledger, error) {
	b, err := files.ReadFile("ledger.cases.json")
	if err != nil {
		return Ledger{}, fmt.Errorf("read cases: %w", err)
	}
	var l Ledger
	if err := json.Unmarshal(b, &l); err != nil {
		return Ledger{}, fmt.Errorf("decode cases: %w", err)
	}
	for i := range l.Cases {
		if l.Cases[i].Data == nil {
			l.Cases[i].Data = json.RawMessage("{}")
		}
	}
	return l, nil
}
