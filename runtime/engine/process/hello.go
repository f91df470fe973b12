package process

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"

	"github.com/grow-platform/grow/runtime/engine"
)

// hello is what a worker is told first: a JSON text behind its size. The file of
// the shared memory follows with a byte, and then the module.
type hello struct {
	Version int    `json:"version"`
	Lines   int    `json:"lines"`
	Module  int    `json:"module"` // bytes
	Memory  int64  `json:"memory"` // bytes of an instance
	Answer  int    `json:"answer"` // bytes of a frame that answers
	Seed    uint32 `json:"seed"`
	Probed  bool   `json:"probed,omitempty"` // the module has probes
	Probes  int    `json:"probes,omitempty"` // how many
}

// version is that of all that passes between host and worker.
const version = 6

const helloMax = 4 << 10 // bytes of the JSON text

// verdict is what a worker says of the module: either of the two.
type verdict struct {
	Info  *engine.Info `json:"info,omitempty"`
	Fault []byte       `json:"fault,omitempty"` // see decodeFault
}

// writeText writes v as a JSON text behind its size.
func writeText(w io.Writer, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	_, err = w.Write(append(binary.LittleEndian.AppendUint32(nil, uint32(len(text))), text...))
	return err
}

// readText reads what writeText wrote, of at most so many bytes. Memory grows
// with what comes, not with what is announced.
func readText(r io.Reader, most int64, v any) error {
	var size [4]byte
	if _, err := io.ReadFull(r, size[:]); err != nil {
		return err
	}
	n := int64(binary.LittleEndian.Uint32(size[:]))
	if n > most {
		return fmt.Errorf("a text of %d bytes; at most %d are read", n, most)
	}
	var text bytes.Buffer
	if _, err := io.CopyN(&text, r, n); err != nil {
		return err
	}
	d := json.NewDecoder(&text)
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("a text with something behind it")
	}
	return nil
}

// sendFile sends a file, along with a byte that says nothing.
func sendFile(c Conn, f *os.File) error {
	socket, ok := c.(*net.UnixConn)
	if !ok {
		return fmt.Errorf("hand over shared memory: the connection is a %T, which takes no files", c)
	}
	if _, _, err := socket.WriteMsgUnix([]byte{0}, rights(f), nil); err != nil {
		return fmt.Errorf("hand over shared memory: %w", err)
	}
	return nil
}

// receiveFile is the other end of sendFile.
func receiveFile(c Conn) (*os.File, error) {
	socket, ok := c.(*net.UnixConn)
	if !ok {
		return nil, fmt.Errorf("take shared memory: the connection is a %T, which takes no files", c)
	}
	one, control := make([]byte, 1), make([]byte, 64)
	n, size, _, _, err := socket.ReadMsgUnix(one, control)
	if err == nil && n == 0 {
		err = io.EOF
	}
	if err != nil {
		return nil, fmt.Errorf("take shared memory: %w", err)
	}
	return fileOf(control[:size])
}
