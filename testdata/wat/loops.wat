;; Five tight loops, each exported with the number of its turns as parameter: what
;; counting fuel costs where there is nothing else to do. As an actor it takes any
;; message and sends nothing.
(module
  (type $step (func (param i64) (result i64)))
  (memory (export "memory") 2)
  (table 2 2 funcref)
  (elem (i32.const 0) $up $turn)

  (func (export "grow_alloc") (param $len i32) (result i32)
    (if (result i32) (i32.le_u (local.get $len) (i32.const 65536))
      (then (i32.const 65536))
      (else (i32.const 0))))
  (func (export "grow_handle") (param i32 i32) (result i64) (i64.const 0))

  ;; Integers: a sum.
  (func (export "add") (param $n i32) (result i64)
    (local $sum i64)
    (loop $next
      (local.set $sum (i64.add (local.get $sum) (i64.extend_i32_u (local.get $n))))
      (br_if $next (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $sum))

  ;; Memory: the sum of words of the first page.
  (func (export "sum") (param $n i32) (result i64)
    (local $sum i64)
    (loop $next
      (local.set $sum (i64.add (local.get $sum)
        (i64.load (i32.and (i32.shl (local.get $n) (i32.const 3)) (i32.const 65528)))))
      (br_if $next (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $sum))

  (func $up (param $v i64) (result i64) (i64.add (local.get $v) (i64.const 1)))
  (func $turn (param $v i64) (result i64) (i64.rotl (local.get $v) (i64.const 3)))

  ;; Calls: of a function that does one thing.
  (func (export "call") (param $n i32) (result i64)
    (local $v i64)
    (loop $next
      (local.set $v (call $up (local.get $v)))
      (br_if $next (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $v))

  ;; Floats: a logistic map.
  (func (export "float") (param $n i32) (result i64)
    (local $x f64)
    (local.set $x (f64.const 0.4))
    (loop $next
      (local.set $x (f64.mul (f64.mul (f64.const 3.7) (local.get $x)) (f64.sub (f64.const 1) (local.get $x))))
      (br_if $next (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (i64.reinterpret_f64 (local.get $x)))

  ;; Calls through the table, of two functions, each for 65,536 turns: changing at
  ;; every turn measures how a processor predicts where it goes.
  (func (export "call_indirect") (param $n i32) (result i64)
    (local $v i64)
    (loop $next
      (local.set $v (call_indirect (type $step) (local.get $v) (i32.and (i32.shr_u (local.get $n) (i32.const 16)) (i32.const 1))))
      (br_if $next (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $v)))
