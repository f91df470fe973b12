;; Ends itself with exit code 3 at every message.
(module
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 2)
  (func (export "grow_alloc") (param $len i32) (result i32) (i32.const 4096))
  (func (export "grow_handle") (param $ptr i32) (param $len i32) (result i64)
    (call $exit (i32.const 3))
    unreachable))
