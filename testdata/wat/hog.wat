;; Uses as much of something as the message says. Its data is a JSON string of a
;; letter and a number, the last thing in the frame:
;;   "m12"  grows memory by 12 pages, and traps when it may not
;;   "f12"  loops 12 times, 10 instructions each
;;   "o12"  sends one hog.done whose data is a JSON string of 12 bytes
;;   "n12"  sends 12 messages hog.done with the data 0
;;   "c12"  asks for the time 12 times, each in a call of its own
;;   "t12"  sleeps for 12 milliseconds
;;   "r12"  calls itself to a depth of 12
;;   "l12"  writes 12 lines to descriptor 1
;;   "p12"  sends 12 messages hog.done whose data is a JSON string of 1 MiB
;;   "s12"  sets 12 values of its state to a JSON string of 1 MiB, named by a character each from "0" on
;;   "g12"  gets the value named "0" 12 times
;;   "e12"  sets the value named "0" to a JSON string of 12 bytes
;; What the state answers is not looked at but for an error, which ends in a trap.
(module
  (import "grow" "call" (func $call (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 3)
  (data (i32.const 64) "\01\00\00\00\01\00\04\00type\08\00\00\00time.now\00\00\00\00") ;; a request, 28 bytes
  (data (i32.const 128) "\01\00\04\00type\08\00\00\00hog.done") ;; what a message begins with, 20 bytes
  (data (i32.const 192) "\d0\00\00\00\02\00\00\00") ;; an iovec
  (data (i32.const 208) "x\0a")
  (data (i32.const 320) "\01\00\00\00\02\00\04\00type\09\00\00\00state.set\04\00name\01\00\00\000\00\00\00\00") ;; 40 bytes, the name's last one at 35, the size of data at 36
  (data (i32.const 384) "\01\00\00\00\02\00\04\00type\09\00\00\00state.get\04\00name\01\00\00\000\00\00\00\00") ;; likewise
  (func (export "grow_alloc") (param $len i32) (result i32) (i32.const 1024))

  ;; Sees to it that there are n bytes of memory.
  (func $need (param $n i32)
    (local $pages i32)
    (local.set $pages (i32.sub (i32.shr_u (i32.add (local.get $n) (i32.const 65535)) (i32.const 16)) (memory.size)))
    (if (i32.gt_s (local.get $pages) (i32.const 0))
      (then (if (i32.eq (memory.grow (local.get $pages)) (i32.const -1)) (then unreachable)))))

  ;; Writes the beginning of a message at a place, and returns where it goes on.
  (func $message (param $at i32) (result i32)
    (memory.copy (local.get $at) (i32.const 128) (i32.const 20))
    (i32.add (local.get $at) (i32.const 20)))

  (func $one (param $n i32) (result i64)
    (local $at i32)
    (call $need (i32.add (local.get $n) (i32.const 66560)))
    (i32.store (i32.const 65536) (i32.const 1))
    (local.set $at (call $message (i32.const 65540)))
    (i32.store (local.get $at) (local.get $n))
    (call $text (i32.add (local.get $at) (i32.const 4)) (local.get $n))
    (i64.or (i64.const 0x1000000000000) (i64.extend_i32_u (i32.add (local.get $n) (i32.const 28)))))

  (func $many (param $n i32) (result i64)
    (local $at i32) (local $left i32)
    (call $need (i32.add (i32.mul (local.get $n) (i32.const 25)) (i32.const 66560)))
    (i32.store (i32.const 65536) (local.get $n))
    (local.set $at (i32.const 65540))
    (local.set $left (local.get $n))
    (loop $next
      (local.set $at (call $message (local.get $at)))
      (i32.store (local.get $at) (i32.const 1))
      (i32.store8 offset=4 (local.get $at) (i32.const 48))
      (local.set $at (i32.add (local.get $at) (i32.const 5)))
      (br_if $next (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
    (i64.or (i64.const 0x1000000000000) (i64.extend_i32_u (i32.sub (local.get $at) (i32.const 65536)))))

  ;; Writes a JSON string of n bytes at a place.
  (func $text (param $at i32) (param $n i32)
    (memory.fill (local.get $at) (i32.const 120) (local.get $n))
    (i32.store8 (local.get $at) (i32.const 34))
    (i32.store8 (i32.add (local.get $at) (i32.sub (local.get $n) (i32.const 1))) (i32.const 34)))

  ;; Sends n messages of 1 MiB.
  (func $large (param $n i32) (result i64)
    (local $at i32) (local $left i32)
    (call $need (i32.add (i32.mul (local.get $n) (i32.const 1048600)) (i32.const 66560)))
    (i32.store (i32.const 65536) (local.get $n))
    (local.set $at (i32.const 65540))
    (local.set $left (local.get $n))
    (loop $next
      (local.set $at (call $message (local.get $at)))
      (i32.store (local.get $at) (i32.const 1048576))
      (call $text (i32.add (local.get $at) (i32.const 4)) (i32.const 1048576))
      (local.set $at (i32.add (local.get $at) (i32.const 1048580)))
      (br_if $next (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
    (i64.or (i64.const 0x1000000000000) (i64.extend_i32_u (i32.sub (local.get $at) (i32.const 65536)))))

  ;; Makes a request of the state, with n bytes of data behind it. The answer is of
  ;; type ok or grow.error, whose first byte is at 16.
  (func $ask (param $at i32) (param $n i32)
    (i32.store offset=36 (local.get $at) (local.get $n))
    (if (i32.le_u (call $call (local.get $at) (i32.add (local.get $n) (i32.const 40)) (i32.const 512) (i32.const 512)) (i32.const 512))
      (then (if (i32.ne (i32.load8_u (i32.const 528)) (i32.const 111)) (then unreachable)))))

  ;; Sets n values of the state to strings of a size.
  (func $set (param $n i32) (param $size i32)
    (call $need (i32.add (local.get $size) (i32.const 65576)))
    (memory.copy (i32.const 65536) (i32.const 320) (i32.const 40))
    (call $text (i32.const 65576) (local.get $size))
    (loop $next
      (call $ask (i32.const 65536) (local.get $size))
      (i32.store8 (i32.const 65571) (i32.add (i32.load8_u (i32.const 65571)) (i32.const 1)))
      (br_if $next (local.tee $n (i32.sub (local.get $n) (i32.const 1))))))

  (func $deep (param $n i32) (result i32)
    (if (result i32) (local.get $n)
      (then (i32.add (i32.const 1) (call $deep (i32.sub (local.get $n) (i32.const 1)))))
      (else (i32.const 0))))

  (func (export "grow_handle") (param $ptr i32) (param $len i32) (result i64)
    (local $at i32) (local $n i32) (local $unit i32) (local $digit i32)
    ;; Reads the number from its end, which is before the last byte.
    (local.set $at (i32.sub (i32.add (local.get $ptr) (local.get $len)) (i32.const 2)))
    (local.set $unit (i32.const 1))
    (block $read
      (loop $next
        (local.set $digit (i32.sub (i32.load8_u (local.get $at)) (i32.const 48)))
        (br_if $read (i32.gt_u (local.get $digit) (i32.const 9)))
        (local.set $n (i32.add (local.get $n) (i32.mul (local.get $digit) (local.get $unit))))
        (local.set $unit (i32.mul (local.get $unit) (i32.const 10)))
        (local.set $at (i32.sub (local.get $at) (i32.const 1)))
        (br $next)))
    (local.set $digit (i32.load8_u (local.get $at)))
    (if (i32.eq (local.get $digit) (i32.const 109)) ;; m
      (then
        (if (i32.eq (memory.grow (local.get $n)) (i32.const -1)) (then unreachable))
        (return (i64.const 0))))
    (if (i32.eq (local.get $digit) (i32.const 111)) (then (return (call $one (local.get $n))))) ;; o
    (if (i32.eq (local.get $digit) (i32.const 110)) (then (return (call $many (local.get $n))))) ;; n
    (if (i32.eq (local.get $digit) (i32.const 112)) (then (return (call $large (local.get $n))))) ;; p
    (if (i32.eq (local.get $digit) (i32.const 115)) (then (call $set (local.get $n) (i32.const 1048576)) (return (i64.const 0)))) ;; s
    (if (i32.eq (local.get $digit) (i32.const 101)) (then (call $set (i32.const 1) (local.get $n)) (return (i64.const 0)))) ;; e
    (if (i32.eq (local.get $digit) (i32.const 103)) ;; g
      (then
        (loop $next
          (call $ask (i32.const 384) (i32.const 0))
          (br_if $next (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
        (return (i64.const 0))))
    (if (i32.eq (local.get $digit) (i32.const 114)) ;; r
      (then (drop (call $deep (local.get $n))) (return (i64.const 0))))
    (if (i32.eq (local.get $digit) (i32.const 116)) ;; t
      (then
        (i32.store8 offset=8 (i32.const 256) (i32.const 0))
        (i32.store offset=16 (i32.const 256) (i32.const 1))
        (i64.store offset=24 (i32.const 256) (i64.mul (i64.extend_i32_u (local.get $n)) (i64.const 1000000)))
        (drop (call $poll (i32.const 256) (i32.const 320) (i32.const 1) (i32.const 384)))
        (return (i64.const 0))))
    (if (i32.eq (local.get $digit) (i32.const 99)) ;; c
      (then
        (loop $next
          (drop (call $call (i32.const 64) (i32.const 28) (i32.const 512) (i32.const 256)))
          (br_if $next (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
        (return (i64.const 0))))
    (if (i32.eq (local.get $digit) (i32.const 108)) ;; l
      (then
        (loop $next
          (drop (call $write (i32.const 1) (i32.const 192) (i32.const 1) (i32.const 512)))
          (br_if $next (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
        (return (i64.const 0))))
    (if (i32.eq (local.get $digit) (i32.const 102)) ;; f
      (then
        (loop $next
          (local.set $unit (i32.add (local.get $unit) (i32.const 1))) ;; 4
          (local.set $n (i32.sub (local.get $n) (i32.const 1)))        ;; 4
          (br_if $next (local.get $n)))                                ;; 2
        (return (i64.const 0))))
    unreachable))
