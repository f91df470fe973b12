;; Takes any message, makes 900 requests of the same, one after the other, and sends
;; nothing: none.do with the grant g, and no data. What a granted call costs is measured
;; with it. It traps when an answer has no frame.
(module
  (import "grow" "call" (func $call (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 2)
  (data (i32.const 1024) "\01\00\00\00\02\00\04\00type\07\00\00\00none.do\03\00use\01\00\00\00g\00\00\00\00")
  (func (export "grow_alloc") (param $len i32) (result i32)
    (if (result i32) (i32.le_u (local.get $len) (i32.const 65536))
      (then (i32.const 65536))
      (else (i32.const 0))))
  (func (export "grow_handle") (param i32 i32) (result i64)
    (local $n i32)
    (local.set $n (i32.const 900))
    (loop $next
      (if (i32.eqz (call $call (i32.const 1024) (i32.const 37) (i32.const 4096) (i32.const 1024)))
        (then (unreachable)))
      (br_if $next (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (i64.const 0)))
