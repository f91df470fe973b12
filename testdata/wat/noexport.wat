;; Is no actor: grow_handle is missing.
(module
  (memory (export "memory") 2)
  (func (export "grow_alloc") (param $len i32) (result i32) (i32.const 4096)))
