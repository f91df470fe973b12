;; Fails every message with a trap.
(module
  (memory (export "memory") 2)
  (func (export "grow_alloc") (param $len i32) (result i32) (i32.const 4096))
  (func (export "grow_handle") (param $ptr i32) (param $len i32) (result i64)
    unreachable))
