;; Claims an answer of 4 GiB less a byte, at an address in memory.
(module
  (memory (export "memory") 2)
  (func (export "grow_alloc") (param $len i32) (result i32) (i32.const 4096))
  (func (export "grow_handle") (param $ptr i32) (param $len i32) (result i64)
    (i64.const 0x00000010ffffffff)))
