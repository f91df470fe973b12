;; Writes to descriptor 1 "first\nsecond\nunfin" and then "ished\n", to
;; descriptor 2 "to stderr\n", and sends nothing. Traps when a write fails.
(module
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 2)
  (data (i32.const 64) "first\nsecond\nunfin" "ished\n" "to stderr\n")
  ;; Three iovecs, each an address and a length.
  (data (i32.const 16) "\40\00\00\00\12\00\00\00" "\52\00\00\00\06\00\00\00" "\58\00\00\00\0a\00\00\00")
  (func (export "grow_alloc") (param $len i32) (result i32) (i32.const 4096))
  ;; The number of bytes written goes to 8.
  (func $must (param $descriptor i32) (param $iovec i32)
    (if (call $write (local.get $descriptor) (local.get $iovec) (i32.const 1) (i32.const 8))
      (then unreachable)))
  (func (export "grow_handle") (param $ptr i32) (param $len i32) (result i64)
    (call $must (i32.const 1) (i32.const 16))
    (call $must (i32.const 1) (i32.const 24))
    (call $must (i32.const 2) (i32.const 32))
    (i64.const 0)))
