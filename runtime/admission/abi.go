// Package admission says whether a module is an actor: whether it exports what
// the ABI asks for, and imports nothing but what is served. Of all that is said of
// exports and imports this is the one place.
package admission

import (
	"strings"

	"github.com/grow-platform/grow/runtime/wasm"
	"github.com/grow-platform/grow/runtime/wasm/thin"
)

// Version is the version of the ABI that this host speaks.
const Version = 1

// The exports of the ABI.
const (
	ExportMemory     = "memory"
	ExportAlloc      = "grow_alloc"
	ExportHandle     = "grow_handle"
	ExportInit       = "grow_init"
	ExportVersion    = "grow_abi"
	ExportInitialize = "_initialize"
)

// Export is a function that the ABI knows.
type Export struct {
	Name     string
	Type     wasm.FuncType
	Optional bool
}

// Exports are the functions of the ABI that a module exports.
var Exports = []Export{
	{Name: ExportAlloc, Type: signature("i:i")},
	{Name: ExportHandle, Type: signature("ii:l")},
	{Name: ExportInit, Type: signature("ii:i"), Optional: true},
	{Name: ExportVersion, Type: signature(":i"), Optional: true},
	{Name: ExportInitialize, Type: signature(":"), Optional: true},
}

// The modules that functions are imported from.
const (
	Grow = "grow"
	WASI = "wasi_snapshot_preview1"
	// Runtime is what modules that need a language runtime import from: the
	// exports of its reactor.
	Runtime = thin.Import
	// Language is what the reactor of a language runtime imports from besides.
	Language = "language"
)

// Served is the type of a function that actors may import, if it is one, or
// that reactors may.
func Served(module, name string) (wasm.FuncType, bool) {
	text, ok := "", false
	switch module {
	case Grow:
		text, ok = grow[name]
	case WASI:
		text, ok = wasi[name]
	case Language:
		text, ok = language[name]
	}
	return signature(text), ok
}

// Names are the functions that are served of a module, in no order.
func Names(module string) []string {
	var all []string
	for name := range map[string]map[string]string{Grow: grow, WASI: wasi, Language: language}[module] {
		all = append(all, name)
	}
	return all
}

var grow = map[string]string{
	"call":   "iiii:i",
	"answer": "ii:i",
}

var language = map[string]string{"fault": "iii:"}

// wasi are the functions of WASI 0.1 (wasi_snapshot_preview1.witx).
var wasi = map[string]string{
	"args_get":                "ii:i",
	"args_sizes_get":          "ii:i",
	"clock_res_get":           "ii:i",
	"clock_time_get":          "ili:i",
	"environ_get":             "ii:i",
	"environ_sizes_get":       "ii:i",
	"fd_advise":               "illi:i",
	"fd_allocate":             "ill:i",
	"fd_close":                "i:i",
	"fd_datasync":             "i:i",
	"fd_fdstat_get":           "ii:i",
	"fd_fdstat_set_flags":     "ii:i",
	"fd_fdstat_set_rights":    "ill:i",
	"fd_filestat_get":         "ii:i",
	"fd_filestat_set_size":    "il:i",
	"fd_filestat_set_times":   "illi:i",
	"fd_pread":                "iiili:i",
	"fd_prestat_dir_name":     "iii:i",
	"fd_prestat_get":          "ii:i",
	"fd_pwrite":               "iiili:i",
	"fd_read":                 "iiii:i",
	"fd_readdir":              "iiili:i",
	"fd_renumber":             "ii:i",
	"fd_seek":                 "ilii:i",
	"fd_sync":                 "i:i",
	"fd_tell":                 "ii:i",
	"fd_write":                "iiii:i",
	"path_create_directory":   "iii:i",
	"path_filestat_get":       "iiiii:i",
	"path_filestat_set_times": "iiiilli:i",
	"path_link":               "iiiiiii:i",
	"path_open":               "iiiiillii:i",
	"path_readlink":           "iiiiii:i",
	"path_remove_directory":   "iii:i",
	"path_rename":             "iiiiii:i",
	"path_symlink":            "iiiii:i",
	"path_unlink_file":        "iii:i",
	"poll_oneoff":             "iiii:i",
	"proc_exit":               "i:",
	"proc_raise":              "i:i",
	"random_get":              "ii:i",
	"sched_yield":             ":i",
	"sock_accept":             "iii:i",
	"sock_recv":               "iiiiii:i",
	"sock_send":               "iiiii:i",
	"sock_shutdown":           "ii:i",
}

// signature reads a type written as parameters, a colon and results: i is i32, l is
// i64.
func signature(text string) wasm.FuncType {
	params, results, _ := strings.Cut(text, ":")
	return wasm.FuncType{Params: types(params), Results: types(results)}
}

func types(text string) []wasm.ValType {
	var all []wasm.ValType
	for _, r := range text {
		t := wasm.I32
		if r == 'l' {
			t = wasm.I64
		}
		all = append(all, t)
	}
	return all
}
