;; An actor that does what its input says, for the conformance suite. The input
;; is no frame: an engine does not look into it. Byte 0 is the operation, four
;; i32 arguments follow from byte 4. Results are stored from address 16 on.
;;   wat2wasm probe.wat -o probe.wasm
(module
  (import "grow" "call" (func $call (param i32 i32 i32 i32) (result i32)))
  (import "grow" "answer" (func $answer (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "clock_time_get" (func $clock (param i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "args_sizes_get" (func $args (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_sizes_get" (func $environ (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (import "wasi_snapshot_preview1" "sched_yield" (func $yield (result i32)))
  (import "wasi_snapshot_preview1" "path_unlink_file" (func $unlink (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_open" (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "sock_shutdown" (func $sock (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 2)
  (global $next (mut i32) (i32.const 4096))
  (global $allocs (mut i32) (i32.const 0))
  (global $started (mut i32) (i32.const 0))

  (func (export "_initialize") (global.set $started (i32.const 7)))

  ;; Every call gives the next block; grow_alloc of more than a page gives none.
  (func (export "grow_alloc") (param $n i32) (result i32)
    (local $p i32)
    (global.set $allocs (i32.add (global.get $allocs) (i32.const 1)))
    (if (i32.gt_u (local.get $n) (i32.const 65536)) (then (return (i32.const 0))))
    (local.set $p (global.get $next))
    (global.set $next (i32.add (global.get $next) (i32.and (i32.add (local.get $n) (i32.const 7)) (i32.const -8))))
    (local.get $p))

  ;; grow_init fails with the first byte of its input.
  (func (export "grow_init") (param $p i32) (param $n i32) (result i32) (i32.load8_u (local.get $p)))

  (func $recurse (param i32) (result i32) (i32.add (call $recurse (i32.add (local.get 0) (i32.const 1))) (local.get 0)))

  (func $back (param $at i32) (param $n i32) (result i64)
    (i64.or (i64.shl (i64.extend_i32_u (local.get $at)) (i64.const 32)) (i64.extend_i32_u (local.get $n))))

  (func $result (param $v i32) (result i64)
    (i32.store (i32.const 16) (local.get $v))
    (call $back (i32.const 16) (i32.const 4)))

  (func (export "grow_handle") (param $p i32) (param $n i32) (result i64)
    (local $a i32) (local $b i32) (local $c i32) (local $d i32)
    (local.set $a (i32.load offset=4 (local.get $p)))
    (local.set $b (i32.load offset=8 (local.get $p)))
    (local.set $c (i32.load offset=12 (local.get $p)))
    (local.set $d (i32.load offset=16 (local.get $p)))
    (block $o19 (block $o18 (block $o17 (block $o16 (block $o15 (block $o14 (block $o13 (block $o12 (block $o11 (block $o10
    (block $o9 (block $o8 (block $o7 (block $o6 (block $o5 (block $o4 (block $o3 (block $o2 (block $o1 (block $o0
      (br_table $o0 $o1 $o2 $o3 $o4 $o5 $o6 $o7 $o8 $o9 $o10 $o11 $o12 $o13 $o14 $o15 $o16 $o17 $o18 $o19 (i32.load8_u (local.get $p))))
      ;; 0: the input is the answer
      (return (call $back (local.get $p) (local.get $n))))
      ;; 1: unreachable
      (unreachable))
      ;; 2: memory.grow
      (return (call $result (memory.grow (local.get $a)))))
      ;; 3: grow.call with the four arguments
      (return (call $result (call $call (local.get $a) (local.get $b) (local.get $c) (local.get $d)))))
      ;; 4: answer with the memory named
      (return (call $back (local.get $a) (local.get $b))))
      ;; 5: grow.call with the input as request into $a of capacity $b; grow.answer into $c: of one byte less than it
      ;; needs, as it needs, and once more
      (i32.store (i32.const 16) (call $call (local.get $p) (local.get $n) (local.get $a) (local.get $b)))
      (i32.store (i32.const 20) (call $answer (local.get $c) (i32.sub (i32.load (i32.const 16)) (i32.const 1))))
      (i32.store (i32.const 24) (call $answer (local.get $c) (i32.load (i32.const 16))))
      (i32.store (i32.const 28) (call $answer (local.get $c) (i32.const 65536)))
      (return (call $back (i32.const 16) (i32.const 16))))
      ;; 6: recursion without end
      (return (call $result (call $recurse (i32.const 0)))))
      ;; 7: how often grow_alloc was called
      (return (call $result (global.get $allocs))))
      ;; 8: clock_time_get of clock $a
      (drop (call $clock (local.get $a) (i64.const 1) (i32.const 16)))
      (return (call $back (i32.const 16) (i32.const 8))))
      ;; 9: $a random bytes
      (drop (call $random (i32.const 64) (local.get $a)))
      (return (call $back (i32.const 64) (local.get $a))))
      ;; 10: fd_write of the input to descriptor $a
      (i32.store (i32.const 32) (local.get $p))
      (i32.store (i32.const 36) (local.get $n))
      (return (call $result (call $fd_write (local.get $a) (i32.const 32) (i32.const 1) (i32.const 40)))))
      ;; 11: proc_exit
      (call $exit (local.get $a)))
      ;; 12: errno of what is refused
      (i32.store (i32.const 16) (call $unlink (i32.const 3) (i32.const 64) (i32.const 1)))
      (i32.store (i32.const 20) (call $sock (i32.const 3) (i32.const 0)))
      (i32.store (i32.const 24) (call $yield))
      (return (call $back (i32.const 16) (i32.const 12))))
      ;; 13: sleep for $a nanoseconds
      (i64.store (i32.const 64) (i64.const 0)) (i64.store (i32.const 72) (i64.const 0)) (i64.store (i32.const 80) (i64.const 1))
      (i64.store (i32.const 88) (i64.extend_i32_u (local.get $a))) (i64.store (i32.const 96) (i64.const 1)) (i64.store (i32.const 104) (i64.const 0))
      (return (call $result (call $poll (i32.const 64) (i32.const 128) (i32.const 1) (i32.const 192)))))
      ;; 14: load outside memory
      (return (call $result (i32.load (local.get $a)))))
      ;; 15: division by $a
      (return (call $result (i32.div_u (i32.const 1) (local.get $a)))))
      ;; 16: what _initialize left
      (return (call $result (global.get $started))))
      ;; 17: write $b at $a
      (i32.store (local.get $a) (local.get $b))
      (return (i64.const 0)))
      ;; 18: read descriptor 0, sizes of args and environ, path_open
      (i32.store (i32.const 32) (i32.const 256)) (i32.store (i32.const 36) (i32.const 16))
      (drop (call $fd_read (i32.const 0) (i32.const 32) (i32.const 1) (i32.const 16)))
      (drop (call $args (i32.const 20) (i32.const 40)))
      (drop (call $environ (i32.const 24) (i32.const 40)))
      (i32.store (i32.const 28) (call $open (i32.const 3) (i32.const 0) (i32.const 64) (i32.const 1) (i32.const 0) (i64.const 0) (i64.const 0) (i32.const 0) (i32.const 40)))
      (return (call $back (i32.const 16) (i32.const 16))))
      ;; 19: an answer without bytes at an address outside memory
      (call $back (i32.const -1) (i32.const 0))))
