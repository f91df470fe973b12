;; Takes as much memory as it is given and fills it, again and again.
(module
  (memory (export "memory") 1)
  (func (export "grow_alloc") (param $len i32) (result i32) (i32.const 1024))
  (func (export "grow_handle") (param $ptr i32) (param $len i32) (result i64)
    (loop $more (br_if $more (i32.ne (memory.grow (i32.const 1)) (i32.const -1))))
    (loop $again
      (memory.fill (i32.const 0) (i32.const 42) (i32.mul (memory.size) (i32.const 65536)))
      (br $again))
    (i64.const 0)))
