;; Answers every message with a malformed frame: it counts a message and ends.
(module
  (memory (export "memory") 2)
  (data (i32.const 16) "\01\00\00\00")
  (func (export "grow_alloc") (param $len i32) (result i32) (i32.const 4096))
  (func (export "grow_handle") (param $ptr i32) (param $len i32) (result i64)
    (i64.const 0x0000001000000004)))
