;; Loops without an end, in every message.
(module
  (memory (export "memory") 1)
  (func (export "grow_alloc") (param $len i32) (result i32) (i32.const 1024))
  (func (export "grow_handle") (param $ptr i32) (param $len i32) (result i64)
    (loop $again (br $again))
    (i64.const 0)))
