package python

import (
	"context"
	"encoding/binary"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/runtime/wasm"
	"github.com/grow-platform/grow/runtime/wasm/thin"
)

// nativeEngine runs thin modules with the machine's own Python: it is as much of
// an engine as the checker needs.
type nativeEngine struct{ dir string }

func (e *nativeEngine) Compile(_ context.Context, bin []byte, _ engine.Config) (engine.Module, error) {
	m, err := wasm.Decode(bin)
	if err != nil {
		return nil, err
	}
	a, err := thin.Read(m)
	if err != nil {
		return nil, err
	}
	for name, data := range a.Files {
		place := filepath.Join(e.dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(place), 0o755); err != nil {
			return nil, err
		}
		if err := os.WriteFile(place, data, 0o644); err != nil {
			return nil, err
		}
	}
	return &nativeModule{engine: e}, nil
}

func (*nativeEngine) Close(context.Context) error { return nil }

type nativeModule struct{ engine *nativeEngine }

func (m *nativeModule) Info() engine.Info { return engine.Info{Language: language} }

func (m *nativeModule) Instantiate(context.Context, engine.Host) (engine.Instance, error) {
	shim, err := filepath.Abs("testdata/native/grow.py")
	if err != nil {
		return nil, err
	}
	cmd := exec.Command("python3", "-B", shim, filepath.Join(m.engine.dir, "app"))
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	return &nativeInstance{cmd: cmd, in: in, out: out}, cmd.Start()
}

func (m *nativeModule) Close(context.Context) error { return nil }

type nativeInstance struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out io.Reader
}

func (i *nativeInstance) Init(engine.Host, []byte) error { return nil }

func (i *nativeInstance) Handle(_ engine.Host, in engine.Input) (engine.Answer, error) {
	frame := make([]byte, 4+in.Size())
	binary.LittleEndian.PutUint32(frame, uint32(in.Size()))
	in.CopyTo(frame[4:])
	trap := func(err error) (engine.Answer, error) {
		return engine.Answer{}, &engine.Error{Code: engine.CodeTrap, Reason: "the process ended", Cause: err}
	}
	if _, err := i.in.Write(frame); err != nil {
		return trap(err)
	}
	var head [4]byte
	if _, err := io.ReadFull(i.out, head[:]); err != nil {
		return trap(err)
	}
	answer := make([]byte, binary.LittleEndian.Uint32(head[:]))
	_, err := io.ReadFull(i.out, answer)
	return engine.Answer{Frame: answer}, err
}

func (i *nativeInstance) MemorySize() int64 { return 0 }

func (i *nativeInstance) Close() error {
	_ = i.in.Close()
	return i.cmd.Wait()
}

// testDigest stands for the runtime where it is not built.
var testDigest = strings.Repeat("0a", 32)

// testRuntime is what the tests check sources with.
func testRuntime(t testing.TB) Runtime {
	t.Helper()
	if _, err := exec.LookPath("python3"); err != nil {
		t.Skip("there is no python3 here")
	}
	return Runtime{
		Language: func() (*engine.Language, error) { return &engine.Language{Name: language, Digest: testDigest}, nil },
		Engine:   func(context.Context) (engine.Engine, error) { return &nativeEngine{t.TempDir()}, nil },
	}
}
