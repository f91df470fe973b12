;; The floor: what grow itself costs when the actor does nothing. It takes any
;; message and sends one of type echo.done with the same data, which is JSON.
;;
;; The data is not copied. The input block may be overwritten, and in front of
;; the data lie at least the bytes of the input's own head, so the head of the
;; answer is written there:
;;
;;   input    count  n  attributes ...        length  data
;;   answer             count  n  attribute   length  data
(module
  (memory (export "memory") 1)

  ;; The answer up to the length of the data, 25 bytes: one message, one attribute.
  (data (i32.const 0) "\01\00\00\00" "\01\00" "\04\00type" "\09\00\00\00echo.done")
  ;; The block of input begins after room for that head, so that there is room
  ;; even for a message without attributes.
  (global $block i32 (i32.const 64))

  ;; Room for len bytes behind the head: memory grows to hold it, or 0.
  (func (export "grow_alloc") (param $len i32) (result i32)
    (local $missing i64)
    (local.set $missing
      (i64.sub
        (i64.shr_u
          (i64.add (i64.add (i64.extend_i32_u (local.get $len)) (i64.extend_i32_u (global.get $block))) (i64.const 65535))
          (i64.const 16))
        (i64.extend_i32_u (memory.size))))
    (if (i64.gt_s (local.get $missing) (i64.const 0))
      (then
        (if (i32.eq (memory.grow (i32.wrap_i64 (local.get $missing))) (i32.const -1))
          (then (return (i32.const 0))))))
    (global.get $block))

  (func (export "grow_handle") (param $p i32) (param $len i32) (result i64)
    (local $end i32) (local $n i32)
    (local.set $end (i32.add (local.get $p) (local.get $len)))
    ;; Past the count and the number of attributes, then past each attribute.
    (local.set $n (i32.load16_u offset=4 (local.get $p)))
    (local.set $p (i32.add (local.get $p) (i32.const 6)))
    (block $done
      (loop $next
        (br_if $done (i32.eqz (local.get $n)))
        (local.set $n (i32.sub (local.get $n) (i32.const 1)))
        (local.set $p (i32.add (i32.add (local.get $p) (i32.const 2)) (i32.load16_u (local.get $p))))
        (local.set $p (i32.add (i32.add (local.get $p) (i32.const 4)) (i32.load (local.get $p))))
        (br $next)))
    ;; p is at the length of the data, which stays. The head goes before it.
    (local.set $p (i32.sub (local.get $p) (i32.const 25)))
    (i64.store (local.get $p) (i64.load (i32.const 0)))
    (i64.store offset=8 (local.get $p) (i64.load (i32.const 8)))
    (i64.store offset=16 (local.get $p) (i64.load (i32.const 16)))
    (i32.store8 offset=24 (local.get $p) (i32.load8_u (i32.const 24)))
    (i64.or
      (i64.shl (i64.extend_i32_u (local.get $p)) (i64.const 32))
      (i64.extend_i32_u (i32.sub (local.get $end) (local.get $p))))))
