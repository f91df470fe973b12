;; Writes log lines of 60 KB to descriptor 1 without an end.
(module
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 2)
  (data (i32.const 16) "\00\10\00\00\60\ea\00\00")
  (func (export "grow_alloc") (param $len i32) (result i32) (i32.const 1024))
  (func (export "grow_handle") (param $ptr i32) (param $len i32) (result i64)
    (memory.fill (i32.const 4096) (i32.const 120) (i32.const 59999))
    (i32.store8 (i32.const 64095) (i32.const 10))
    (loop $again
      (br_if $again (i32.eqz (call $write (i32.const 1) (i32.const 16) (i32.const 1) (i32.const 8)))))
    unreachable))
