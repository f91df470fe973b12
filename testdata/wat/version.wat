;; Speaks version 2 of the ABI, which does not exist.
(module
  (memory (export "memory") 2)
  (func (export "grow_abi") (result i32) (i32.const 2))
  (func (export "grow_alloc") (param $len i32) (result i32) (i32.const 4096))
  (func (export "grow_handle") (param $ptr i32) (param $len i32) (result i64)
    (i64.const 0)))
