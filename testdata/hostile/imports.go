package hostile

import (
	"fmt"
	"slices"
)

// wasiFunctions are all of wasi_snapshot_preview1 that return a number, with
// their parameters: i is an i32, I an i64.
var wasiFunctions = []struct{ name, params string }{
	{"args_get", "ii"}, {"args_sizes_get", "ii"}, {"clock_res_get", "ii"}, {"clock_time_get", "iIi"}, {"environ_get", "ii"}, {"environ_sizes_get", "ii"},
	{"fd_advise", "iIIi"}, {"fd_allocate", "iII"}, {"fd_close", "i"}, {"fd_datasync", "i"}, {"fd_fdstat_get", "ii"}, {"fd_fdstat_set_flags", "ii"},
	{"fd_fdstat_set_rights", "iII"}, {"fd_filestat_get", "ii"}, {"fd_filestat_set_size", "iI"}, {"fd_filestat_set_times", "iIIi"}, {"fd_pread", "iiiIi"},
	{"fd_prestat_get", "ii"}, {"fd_prestat_dir_name", "iii"}, {"fd_pwrite", "iiiIi"}, {"fd_read", "iiii"}, {"fd_readdir", "iiiIi"}, {"fd_renumber", "ii"},
	{"fd_seek", "iIii"}, {"fd_sync", "i"}, {"fd_tell", "ii"}, {"fd_write", "iiii"}, {"path_create_directory", "iii"}, {"path_filestat_get", "iiiii"},
	{"path_filestat_set_times", "iiiiIIi"}, {"path_link", "iiiiiii"}, {"path_open", "iiiiiIIii"}, {"path_readlink", "iiiiii"}, {"path_remove_directory", "iii"},
	{"path_rename", "iiiiii"}, {"path_symlink", "iiiii"}, {"path_unlink_file", "iii"}, {"poll_oneoff", "iiii"}, {"proc_raise", "i"}, {"random_get", "ii"},
	{"sched_yield", ""}, {"sock_accept", "iii"}, {"sock_recv", "iiiiii"}, {"sock_send", "iiiii"}, {"sock_shutdown", "ii"},
}

// importWASI imports a function of a type in letters, and returns its index and
// code that pushes n for each of its parameters.
func importWASI(m *module, name, params string, n int64) (f int, args []byte) {
	types := ""
	for _, p := range params {
		if p == 'I' {
			types += i64
			args = append(args, c64(n)...)
		} else {
			types += i32
			args = append(args, c32(int32(n))...)
		}
	}
	return m.import_("wasi_snapshot_preview1", name, types, i32), args
}

func importCases() []Case {
	var list []Case
	refused := func(name string, change func(m *module)) {
		list = append(list, one(Import, name, func(m *module) []byte { change(m); return nil }, "module.import"))
	}
	list = append(list, one(Import, "import of nothing from nowhere", func(m *module) []byte {
		m.import_("", "", i32, i32)
		return nil
	}, "module.import", noName("")))
	for _, i := range [][2]string{
		{"env", "system"}, {"env", "memory"}, {"grow", ""}, {"grow", "fork"}, {"grow", "call "}, {"Grow", "call"}, {"grow.call", ""}, {"go", "runtime.write"},
		{"wasi_snapshot_preview1", ""}, {"wasi_snapshot_preview1", "fd_teleport"}, {"wasi_snapshot_preview2", "fd_write"}, {"wasi_unstable", "fd_write"},
		{"wasi:cli/run@0.2.0", "run"}, {"extism:host/env", "input_length"}, {"gojs", "x"}, {"grow_runtime", "alloc"}, {"price", "grow_handle"}, {"orders/price", "memory"},
	} {
		refused(fmt.Sprintf("import of %q %q", i[0], i[1]), func(m *module) { m.import_(i[0], i[1], i32, i32) })
	}
	for _, kind := range []struct {
		name string
		of   []byte
	}{
		{"table", []byte{1, 0x70, 0, 1}}, {"memory", []byte{2, 0, 1}}, {"global", []byte{3, 0x7f, 0}}, {"global to set", []byte{3, 0x7f, 1}},
	} {
		for _, from := range []string{"env", "grow", "wasi_snapshot_preview1"} {
			refused(fmt.Sprintf("import of a %s from %s", kind.name, from), func(m *module) {
				if kind.name == "memory" {
					m.memories = nil
				}
				m.imports = append(m.imports, append(text(nil, from, "thing"), kind.of...))
			})
		}
	}
	for _, f := range slices.Concat(wasiFunctions, []struct{ name, params string }{{"proc_exit", ""}}) {
		refused(f.name+" with a parameter too many", func(m *module) { importWASI(m, f.name, f.params+"i", 0) })
		if f.params != "" {
			refused(f.name+" with an i64 first", func(m *module) { importWASI(m, f.name, "I"+f.params[1:], 0) })
		}
	}
	for _, of := range [][2]string{{i32 + i32 + i32, i32}, {i32 + i32 + i32 + i64, i32}, {i32 + i32 + i32 + i32, i64}, {i32 + i32 + i32 + i32, ""}, {"", ""}, {f32, f64}} {
		refused(fmt.Sprintf("grow.call of another type %x %x", of[0], of[1]), func(m *module) { m.import_("grow", "call", of[0], of[1]) })
	}
	refused("an import granted and one that is not", func(m *module) { growCall(m); m.import_("env", "x", "", "") })
	list = append(list, one(Import, "the same import 10,000 times", func(m *module) []byte {
		for range 10_000 {
			growCall(m)
		}
		return nil
	}, Handled, tooMuch))
	list = append(list, one(Import, "200,000 imports", func(m *module) []byte {
		for range 200_000 {
			m.imports = append(m.imports, append(text(nil, "grow", "call"), 0, 0))
		}
		m.typ(i32+i32+i32+i32, i32)
		m.imported = 200_000
		return nil
	}, tooMuch))
	for _, name := range []string{"grow_alloc", "grow_handle", "grow_init", "grow_abi", "_initialize", "memory"} {
		for _, of := range [][2]string{{"", ""}, {i32, i32}, {i64 + i64, i64}, {i32 + i32, f32}, {v128, v128}, {i32 + i32, i64 + i64}} {
			want := "module.export"
			switch {
			case name == "_initialize" && of[0] == "", name == "grow_alloc" && of == [2]string{i32, i32}:
				continue
			}
			c := one(Import, fmt.Sprintf("export %s of type %x %x", name, of[0], of[1]), nil, want)
			c.Binary = func() []byte {
				m := actor()
				if name == "memory" {
					m.exports = nil
				}
				m.fn(name, of[0], of[1], unreachable)
				return m.bytes()
			}
			list = append(list, c)
		}
	}
	return list
}
