;; Answers every message with one of type "surprise", which no definition declares.
(module
  (memory (export "memory") 2)
  (data (i32.const 16) "\01\00\00\00" "\01\00" "\04\00type" "\08\00\00\00surprise" "\02\00\00\00{}")
  (func (export "grow_alloc") (param $len i32) (result i32) (i32.const 4096))
  ;; 30 bytes at 16.
  (func (export "grow_handle") (param $ptr i32) (param $len i32) (result i64)
    (i64.const 0x000000100000001e)))
