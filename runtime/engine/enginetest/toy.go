package enginetest

import (
	"encoding/binary"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/fstest"

	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/runtime/wasm/thin"
)

// Toy is a language runtime whose programs are the text of main.txt; see
// testdata/toy.wat. asked counts how often its reactor was asked for; nil: nobody
// counts.
func Toy(asked *atomic.Int32) engine.Language {
	return engine.Language{
		Name: "toy", Digest: ToyDigest,
		Module: func() ([]byte, error) {
			if asked != nil {
				asked.Add(1)
			}
			return files.ReadFile("testdata/toy.wasm")
		},
		Files: []engine.Mount{{At: "/lib", Files: fstest.MapFS{
			"toy.txt":    {Data: []byte("what every program has")},
			"sub/deep.x": {Data: []byte("deep")},
		}}},
	}
}

// ToyDigest is the digest of Toy.
var ToyDigest = strings.Repeat("70", 32)

// Thin is a thin module for Toy with a program, and other files as name, content, …
func Thin(t testing.TB, program string, more ...string) []byte {
	t.Helper()
	return packed(t, ToyDigest, append([]string{"app/main.txt", program}, more...)...)
}

func packed(t testing.TB, digest string, all ...string) []byte {
	t.Helper()
	a := &thin.Actor{Language: "toy", Digest: digest, Files: map[string][]byte{}}
	for k := 0; k < len(all); k += 2 {
		a.Files[all[k]] = []byte(all[k+1])
	}
	b, err := thin.Pack(a)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// wasiFunctions are those that the toy calls, by number.
var wasiFunctions = []string{
	"fd_advise", "fd_close", "fd_datasync", "fd_fdstat_get", "fd_fdstat_set_flags", "fd_filestat_get", "fd_pread", "fd_prestat_get",
	"fd_prestat_dir_name", "fd_read", "fd_readdir", "fd_seek", "fd_sync", "fd_tell", "path_filestat_get", "path_open", "path_readlink",
	"fd_allocate", "fd_filestat_set_size", "fd_pwrite", "path_create_directory", "path_unlink_file", "path_rename", "fd_write",
	"poll_oneoff", "clock_time_get", "random_get", "fd_renumber",
}

// toyBlock is where the toy's input lies, toyRoom where functions may write, and toyWhy
// where it is told why it is interrupted.
const (
	toyWhy   = 131072
	toyBlock = 65536
	toyRoom  = 8192
	toyText  = 8 + 9*8 // of the input: where texts begin
)

// wasiInput has the toy call a function of WASI. text lies at toyBlock+toyText.
func wasiInput(name, text string, args ...uint64) []byte {
	b := make([]byte, toyText, toyText+len(text))
	b[0], b[1] = 'W', byte(slices.Index(wasiFunctions, name))
	for k, a := range args {
		binary.LittleEndian.PutUint64(b[8+8*k:], a)
	}
	return append(b, text...)
}

// op is an input of the toy.
func op(op byte, args ...uint32) []byte { return input(op, args...) }

// keys are the sorted names of a map.
func keys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
