// Package oracle asks others whether a module is valid: V8, which node has, and
// wabt. Where both refuse what grow accepts, grow is wrong.
package oracle

import (
	"bufio"
	_ "embed"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Missing are the tools that the oracles need and that are not there.
func Missing() []string {
	var list []string
	for _, tool := range []string{"node", "wasm-validate"} {
		if _, err := exec.LookPath(tool); err != nil {
			list = append(list, tool)
		}
	}
	return list
}

//go:embed validate.mjs
var script string

// V8 is a node that validates. It accepts more than core specification 2.0
// and has limits of its own. It belongs to one goroutine.
type V8 struct {
	node  *exec.Cmd
	in    io.WriteCloser
	out   *bufio.Reader
	asked int
}

// askedMax is how many modules a node is asked of before another takes its
// place: it remembers all types it has ever seen, and becomes slow.
const askedMax = 20_000

// Start starts a node; close what it returns.
func Start() (*V8, error) {
	v := &V8{}
	return v, v.start()
}

func (v *V8) start() error {
	node := exec.Command("node", "--max-old-space-size=1024", "--input-type=module", "-e", script)
	node.Stderr = os.Stderr
	in, err := node.StdinPipe()
	if err != nil {
		return fmt.Errorf("start node: %w", err)
	}
	out, err := node.StdoutPipe()
	if err != nil {
		return fmt.Errorf("start node: %w", err)
	}
	if err := node.Start(); err != nil {
		return fmt.Errorf("start node: %w", err)
	}
	v.node, v.in, v.out, v.asked = node, in, bufio.NewReaderSize(out, 1<<20), 0
	return nil
}

// Close ends the node.
func (v *V8) Close() error {
	return errors.Join(v.in.Close(), v.node.Wait())
}

// Validate says which modules are valid.
func (v *V8) Validate(modules [][]byte) ([]bool, error) {
	lines, err := v.ask(modules, 0)
	if err != nil {
		return nil, err
	}
	valid := make([]bool, len(lines))
	for i, line := range lines {
		valid[i] = line == ok
	}
	return valid, nil
}

// Why says why a module is not valid; "" is valid.
func (v *V8) Why(module []byte) (string, error) {
	lines, err := v.ask([][]byte{module}, reasoned)
	if err != nil || lines[0] == ok {
		return "", err
	}
	return lines[0], nil
}

// What is said to the script and by it.
const (
	ok       = "ok"
	reasoned = 1 << 31 // in the length of a module
)

// ask has the script read modules and returns its lines.
func (v *V8) ask(modules [][]byte, flag uint32) ([]string, error) {
	if v.asked > askedMax {
		if err := errors.Join(v.Close(), v.start()); err != nil {
			return nil, err
		}
	}
	v.asked += len(modules)
	sent := make(chan error, 1)
	go func() { sent <- send(v.in, modules, flag) }()
	lines := make([]string, len(modules))
	for i := range lines {
		line, err := v.out.ReadString('\n')
		if err != nil {
			return nil, errors.Join(fmt.Errorf("read V8's verdict: %w", err), v.in.Close(), <-sent)
		}
		lines[i] = strings.TrimSuffix(line, "\n")
	}
	if err := <-sent; err != nil {
		return nil, fmt.Errorf("send modules to V8: %w", err)
	}
	return lines, nil
}

func send(out io.Writer, modules [][]byte, flag uint32) error {
	w := bufio.NewWriterSize(out, 1<<20)
	for _, b := range modules {
		if _, err := w.Write(binary.LittleEndian.AppendUint32(nil, uint32(len(b))|flag)); err != nil {
			return err
		}
		if _, err := w.Write(b); err != nil {
			return err
		}
	}
	return w.Flush()
}

// Wabt says why wabt does not find a module valid, "" when it does. Its
// features are those of core specification 2.0, as they are when nothing is
// asked of it.
func Wabt(dir string, module []byte) (string, error) {
	path := filepath.Join(dir, "module.wasm")
	if err := os.WriteFile(path, module, 0o600); err != nil {
		return "", fmt.Errorf("ask wabt: %w", err)
	}
	out, err := exec.Command("wasm-validate", path).CombinedOutput()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return "", nil
	case errors.As(err, &exit):
		line, _, _ := strings.Cut(strings.ReplaceAll(string(out), path+":", ""), "\n")
		if line == "" {
			line = exit.String()
		}
		return line, nil
	}
	return "", fmt.Errorf("ask wabt: %w", err)
}
