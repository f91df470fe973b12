;; Cannot be started: grow_init says why through log.error and returns 1.
(module
  (import "grow" "call" (func $grow_call (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 2)
  (data (i32.const 16) "\01\00\00\00" "\01\00" "\04\00type" "\09\00\00\00log.error" "\09\00\00\00no ledger")
  (func (export "grow_alloc") (param $len i32) (result i32) (i32.const 4096))
  ;; 38 bytes at 16; the answer goes to 64 and is not looked at.
  (func (export "grow_init") (param $ptr i32) (param $len i32) (result i32)
    (drop (call $grow_call (i32.const 16) (i32.const 38) (i32.const 64) (i32.const 64)))
    (i32.const 1))
  (func (export "grow_handle") (param $ptr i32) (param $len i32) (result i64)
    unreachable))
