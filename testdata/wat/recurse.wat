;; Calls itself without an end, in every message, with twelve arguments.
(module
  (memory (export "memory") 1)
  (func (export "grow_alloc") (param $len i32) (result i32) (i32.const 1024))
  (func $deeper (param i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64) (result i64)
    (i64.add (local.get 11)
      (call $deeper (i64.add (local.get 0) (i64.const 1)) (local.get 0) (local.get 1) (local.get 2) (local.get 3) (local.get 4)
        (local.get 5) (local.get 6) (local.get 7) (local.get 8) (local.get 9) (local.get 10))))
  (func (export "grow_handle") (param $ptr i32) (param $len i32) (result i64)
    (call $deeper (i64.const 0) (i64.const 0) (i64.const 0) (i64.const 0) (i64.const 0) (i64.const 0)
      (i64.const 0) (i64.const 0) (i64.const 0) (i64.const 0) (i64.const 0) (i64.const 0))))
