package command

import (
	"encoding/binary"
	"os"

	"github.com/rogpeppe/go-internal/testscript"
)

// withSection is a module with one more custom section.
func withSection(module []byte, name string, text []byte) []byte {
	content := append(binary.AppendUvarint(nil, uint64(len(name))), name...)
	content = append(content, text...)
	module = append(module, 0)
	return append(binary.AppendUvarint(module, uint64(len(content))), content...)
}

func addSection(ts *testscript.TestScript, _ bool, args []string) {
	file := ts.MkAbs(args[0])
	module, err := os.ReadFile(file)
	ts.Check(err)
	text := ""
	if len(args) > 2 {
		text = ts.ReadFile(args[2])
	}
	ts.Check(os.WriteFile(file, withSection(module, args[1], []byte(text)), 0o600))
}
