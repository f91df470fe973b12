;; A language runtime for tests: it does as the first byte of its input says, see
;; grow_handle. Its language has one program, whose text it answers with.
(module
  (import "grow" "call" (func $call (param i32 i32 i32 i32) (result i32)))
  (import "language" "fault" (func $fault (param i32 i32 i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (import "wasi_snapshot_preview1" "fd_advise" (func $fd_advise (param i32 i64 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_close" (func $fd_close (param i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_datasync" (func $fd_datasync (param i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_fdstat_get" (func $fd_fdstat_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_fdstat_set_flags" (func $fd_fdstat_set_flags (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_filestat_get" (func $fd_filestat_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_pread" (func $fd_pread (param i32 i32 i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_prestat_get" (func $fd_prestat_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_prestat_dir_name" (func $fd_prestat_dir_name (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_readdir" (func $fd_readdir (param i32 i32 i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_seek" (func $fd_seek (param i32 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_sync" (func $fd_sync (param i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_tell" (func $fd_tell (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_filestat_get" (func $path_filestat_get (param i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_open" (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_readlink" (func $path_readlink (param i32 i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_allocate" (func $fd_allocate (param i32 i64 i64) (result i32)))
  (import "wasi_snapshot_preview1" "fd_filestat_set_size" (func $fd_filestat_set_size (param i32 i64) (result i32)))
  (import "wasi_snapshot_preview1" "fd_pwrite" (func $fd_pwrite (param i32 i32 i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_create_directory" (func $path_create_directory (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_unlink_file" (func $path_unlink_file (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_rename" (func $path_rename (param i32 i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll_oneoff (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "clock_time_get" (func $clock_time_get (param i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "random_get" (func $random_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_renumber" (func $fd_renumber (param i32 i32) (result i32)))

  (memory (export "memory") 3)
  (table 1 funcref)
  (elem (i32.const 0) $started)
  (type $v (func))
  (global $count (mut i32) (i32.const 0))
  (global $ran (mut i64) (i64.const 0))

  ;; 16: the seed. 20: set by an interrupt. 24: another word of it. 32: where they
  ;; are said to be, and that 8 bytes at 131072
  ;; are for why. 64: texts. 512: an iovec. 520: results. 4096: the program, and at
  ;; 4092 its length. 8192: what functions of WASI write. 65536: the input.
  (data (i32.const 32) "\14\00\00\00\01\00\00\00\18\00\00\00\00\01\00\00\00\00\00\00\00\00\00\00\00\00\02\00\08\00\00\00")
  (data (i32.const 64) "main.txt")
  (data (i32.const 80) "NoProgram: there is no main.txt\n  at the beginning")
  (data (i32.const 160) "Stopped: interrupted\n  in a loop of main.txt")
  (data (i32.const 240) "Fault: told to\n  line 1 of main.txt\n  line 2 of main.txt")
  (data (i32.const 320) "Refused: told to")
  (data (i32.const 400) "hello from load\n")

  (func $started (global.set $ran (i64.add (global.get $ran) (i64.const 1))))
  (func (export "_initialize") (call_indirect (type $v) (i32.const 0)))

  (func (export "grow_boot") (param $seed i32) (result i32)
    (i32.store (i32.const 16) (local.get $seed))
    ;; two seeds that it does not start with: it says why, or does not
    (if (i32.eq (local.get $seed) (i32.const 13))
      (then (call $fault (i32.const 0) (i32.const 320) (i32.const 16))))
    (i32.or (i32.eq (local.get $seed) (i32.const 13)) (i32.eq (local.get $seed) (i32.const 14))))

  (func (export "grow_interrupt") (result i32) (i32.const 32))

  ;; The program lies in the second tree: /lib is the first.
  (func (export "grow_load") (result i32)
    (local $b i32)
    (if (call $path_open (i32.const 4) (i32.const 0) (i32.const 64) (i32.const 8) (i32.const 0) (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 520))
      (then
        (call $fault (i32.const 0) (i32.const 80) (i32.const 50))
        (return (i32.const 1))))
    (i32.store (i32.const 512) (i32.const 4096))
    (i32.store (i32.const 516) (i32.const 4096))
    (drop (call $fd_read (i32.load (i32.const 520)) (i32.const 512) (i32.const 1) (i32.const 4092)))
    (local.set $b (i32.load8_u (i32.const 4096)))
    ;; leak: the file stays open
    (if (i32.ne (local.get $b) (i32.const 0x6c))
      (then (drop (call $fd_close (i32.load (i32.const 520))))))
    ;; print: a line is written
    (if (i32.eq (local.get $b) (i32.const 0x70))
      (then
        (i32.store (i32.const 512) (i32.const 400))
        (i32.store (i32.const 516) (i32.const 16))
        (drop (call $fd_write (i32.const 1) (i32.const 512) (i32.const 1) (i32.const 520)))))
    ;; world: random bytes and the clock are kept at 8192
    (if (i32.eq (local.get $b) (i32.const 0x77))
      (then
        (drop (call $random_get (i32.const 8192) (i32.const 16)))
        (drop (call $clock_time_get (i32.const 0) (i64.const 1) (i32.const 8208)))))
    ;; grow: memory grows by a page, whose first word is set
    (if (i32.eq (local.get $b) (i32.const 0x67))
      (then (i32.store (i32.mul (memory.grow (i32.const 1)) (i32.const 65536)) (i32.const 77))))
    ;; loop: without an end
    (if (i32.eq (local.get $b) (i32.const 0x6f))
      (then (loop $l (br $l))))
    ;; call: asks the host for what the rest of the program is, the answer lies at 8192
    (if (i32.eq (local.get $b) (i32.const 0x3f))
      (then (i32.store (i32.const 8188)
        (call $call (i32.const 4097) (i32.sub (i32.load (i32.const 4092)) (i32.const 1)) (i32.const 8192) (i32.const 4096)))))
    ;; !: the rest is why it fails
    (if (i32.eq (local.get $b) (i32.const 0x21))
      (then
        (call $fault (i32.const 0) (i32.const 4097) (i32.sub (i32.load (i32.const 4092)) (i32.const 1)))
        (return (i32.const 1))))
    ;; $: fails and does not say why
    (i32.eq (local.get $b) (i32.const 0x24)))

  (func (export "grow_alloc") (param $n i32) (result i32)
    (select (i32.const 65536) (i32.const 0) (i32.le_u (local.get $n) (i32.const 65536))))

  (func (export "grow_init") (param $at i32) (param $n i32) (result i32)
    ;; an input of one byte, f: it fails and says why; e: it does not
    (if (i32.eq (i32.load8_u (local.get $at)) (i32.const 0x66))
      (then (call $fault (i32.const 0) (i32.const 240) (i32.const 56))))
    (i32.or (i32.eq (i32.load8_u (local.get $at)) (i32.const 0x66)) (i32.eq (i32.load8_u (local.get $at)) (i32.const 0x65))))

  (func $answer (param $at i32) (param $n i32) (result i64)
    (i64.or (i64.shl (i64.extend_i32_u (local.get $at)) (i64.const 32)) (i64.extend_i32_u (local.get $n))))

  (func $wait
    (loop $l (br_if $l (i32.eqz (i32.load (i32.const 20)))))
    (i32.store (i32.const 20) (i32.const 0)))

  (func $deep (param $n i32)
    (if (local.get $n) (then
      (call $deep (i32.sub (local.get $n) (i32.const 1)))
      (global.set $count (i32.add (global.get $count) (local.get $n))))))

  (func (export "grow_handle") (param $at i32) (param $n i32) (result i64)
    (local $op i32)
    (local.set $op (i32.load8_u (local.get $at)))
    ;; m: the program
    (if (i32.eq (local.get $op) (i32.const 0x6d)) (then (return (call $answer (i32.const 4096) (i32.load (i32.const 4092))))))
    ;; c: counts, and says what it has come to, how often _initialize ran, and the seed
    (if (i32.eq (local.get $op) (i32.const 0x63)) (then
      (global.set $count (i32.add (global.get $count) (i32.const 1)))
      (i32.store (i32.const 520) (global.get $count))
      (i64.store32 (i32.const 524) (global.get $ran))
      (i32.store (i32.const 528) (i32.load (i32.const 16)))
      (return (call $answer (i32.const 520) (i32.const 12)))))
    ;; l: waits for an interrupt, and says so
    (if (i32.eq (local.get $op) (i32.const 0x6c)) (then
      (call $wait)
      (call $fault (i32.const 1) (i32.const 160) (i32.const 44))
      (return (i64.const 0))))
    ;; R: waits for three
    (if (i32.eq (local.get $op) (i32.const 0x52)) (then
      (call $wait) (call $wait) (call $wait)
      (call $fault (i32.const 1) (i32.const 160) (i32.const 44))
      (return (i64.const 0))))
    ;; i: waits for one, and goes on as if nothing had been
    (if (i32.eq (local.get $op) (i32.const 0x69)) (then (call $wait) (return (call $answer (i32.const 4096) (i32.const 1)))))
    ;; n: a loop of so many turns, that does not look
    (if (i32.eq (local.get $op) (i32.const 0x6e)) (then
      (local.set $op (i32.load offset=4 (local.get $at)))
      (loop $l (br_if $l (local.tee $op (i32.sub (local.get $op) (i32.const 1)))))
      (return (i64.const 0))))
    ;; L: a loop without an end, that does not look
    (if (i32.eq (local.get $op) (i32.const 0x4c)) (then (loop $l (br $l))))
    ;; d: calls itself so many times, each within the one before
    (if (i32.eq (local.get $op) (i32.const 0x64)) (then (call $deep (i32.load offset=4 (local.get $at))) (return (i64.const 0))))
    ;; f: fails
    (if (i32.eq (local.get $op) (i32.const 0x66)) (then (call $fault (i32.const 0) (i32.const 240) (i32.const 56)) (return (i64.const 0))))
    ;; s: says that it was stopped, by nobody
    (if (i32.eq (local.get $op) (i32.const 0x73)) (then (call $fault (i32.const 1) (i32.const 160) (i32.const 44)) (return (i64.const 0))))
    ;; o: fails with a text outside of memory
    (if (i32.eq (local.get $op) (i32.const 0x6f)) (then (call $fault (i32.const 0) (i32.const 160) (i32.const -1))))
    ;; F: fails with all of memory for a text
    (if (i32.eq (local.get $op) (i32.const 0x46)) (then (call $fault (i32.const 0) (i32.const 240) (i32.const 180000)) (return (i64.const 0))))
    ;; x: exits. t: traps
    (if (i32.eq (local.get $op) (i32.const 0x78)) (then (call $exit (i32.const 3))))
    (if (i32.eq (local.get $op) (i32.const 0x74)) (then (unreachable)))
    ;; b: the two words of the interrupt
    (if (i32.eq (local.get $op) (i32.const 0x62)) (then (return (call $answer (i32.const 20) (i32.const 8)))))
    ;; g: grows memory by so many pages, and says from where
    (if (i32.eq (local.get $op) (i32.const 0x67)) (then
      (i32.store (i32.const 520) (memory.grow (i32.load offset=4 (local.get $at))))
      (return (call $answer (i32.const 520) (i32.const 4)))))
    ;; G: does so, and gives up when it cannot
    (if (i32.eq (local.get $op) (i32.const 0x47)) (then
      (if (i32.eq (memory.grow (i32.load offset=4 (local.get $at))) (i32.const -1)) (then (unreachable)))
      (return (i64.const 0))))
    ;; r: reads a word. w: writes one
    (if (i32.eq (local.get $op) (i32.const 0x72)) (then (return (call $answer (i32.load offset=4 (local.get $at)) (i32.const 4)))))
    (if (i32.eq (local.get $op) (i32.const 0x77)) (then
      (i32.store (i32.load offset=4 (local.get $at)) (i32.load offset=8 (local.get $at)))
      (return (i64.const 0))))
    ;; W: calls the function of WASI whose number is in the second byte with the
    ;; parameters that lie from byte 8 on, 8 bytes each, and says what it returned
    (i32.store (i32.const 520) (call $wasi (local.get $at) (i32.load8_u offset=1 (local.get $at))))
    (call $answer (i32.const 520) (i32.const 4)))

  (func $wasi (param $at i32) (param $k i32) (result i32)
    (if (i32.eq (local.get $k) (i32.const 0)) (then (return (call $fd_advise (i32.load offset=8 (local.get $at)) (i64.load offset=16 (local.get $at)) (i64.load offset=24 (local.get $at)) (i32.load offset=32 (local.get $at))))))
    (if (i32.eq (local.get $k) (i32.const 1)) (then (return (call $fd_close (i32.load offset=8 (local.get $at))))))
    (if (i32.eq (local.get $k) (i32.const 2)) (then (return (call $fd_datasync (i32.load offset=8 (local.get $at))))))
    (if (i32.eq (local.get $k) (i32.const 3)) (then (return (call $fd_fdstat_get (i32.load offset=8 (local.get $at)) (i32.load offset=16 (local.get $at))))))
    (if (i32.eq (local.get $k) (i32.const 4)) (then (return (call $fd_fdstat_set_flags (i32.load offset=8 (local.get $at)) (i32.load offset=16 (local.get $at))))))
    (if (i32.eq (local.get $k) (i32.const 5)) (then (return (call $fd_filestat_get (i32.load offset=8 (local.get $at)) (i32.load offset=16 (local.get $at))))))
    (if (i32.eq (local.get $k) (i32.const 6)) (then (return (call $fd_pread (i32.load offset=8 (local.get $at)) (i32.load offset=16 (local.get $at)) (i32.load offset=24 (local.get $at)) (i64.load offset=32 (local.get $at)) (i32.load offset=40 (local.get $at))))))
    (if (i32.eq (local.get $k) (i32.const 7)) (then (return (call $fd_prestat_get (i32.load offset=8 (local.get $at)) (i32.load offset=16 (local.get $at))))))
    (if (i32.eq (local.get $k) (i32.const 8)) (then (return (call $fd_prestat_dir_name (i32.load offset=8 (local.get $at)) (i32.load offset=16 (local.get $at)) (i32.load offset=24 (local.get $at))))))
    (if (i32.eq (local.get $k) (i32.const 9)) (then (return (call $fd_read (i32.load offset=8 (local.get $at)) (i32.load offset=16 (local.get $at)) (i32.load offset=24 (local.get $at)) (i32.load offset=32 (local.get $at))))))
    (if (i32.eq (local.get $k) (i32.const 10)) (then (return (call $fd_readdir (i32.load offset=8 (local.get $at)) (i32.load offset=16 (local.get $at)) (i32.load offset=24 (local.get $at)) (i64.load offset=32 (local.get $at)) (i32.load offset=40 (local.get $at))))))
    (if (i32.eq (local.get $k) (i32.const 11)) (then (return (call $fd_seek (i32.load offset=8 (local.get $at)) (i64.load offset=16 (local.get $at)) (i32.load offset=24 (local.get $at)) (i32.load offset=32 (local.get $at))))))
    (if (i32.eq (local.get $k) (i32.const 12)) (then (return (call $fd_sync (i32.load offset=8 (local.get $at))))))
    (if (i32.eq (local.get $k) (i32.const 13)) (then (return (call $fd_tell (i32.load offset=8 (local.get $at)) (i32.load offset=16 (local.get $at))))))
    (if (i32.eq (local.get $k) (i32.const 14)) (then (return (call $path_filestat_get (i32.load offset=8 (local.get $at)) (i32.load offset=16 (local.get $at)) (i32.load offset=24 (local.get $at)) (i32.load offset=32 (local.get $at)) (i32.load offset=40 (local.get $at))))))
    (if (i32.eq (local.get $k) (i32.const 15)) (then (return (call $path_open (i32.load offset=8 (local.get $at)) (i32.load offset=16 (local.get $at)) (i32.load offset=24 (local.get $at)) (i32.load offset=32 (local.get $at)) (i32.load offset=40 (local.get $at)) (i64.load offset=48 (local.get $at)) (i64.load offset=56 (local.get $at)) (i32.load offset=64 (local.get $at)) (i32.load offset=72 (local.get $at))))))
    (if (i32.eq (local.get $k) (i32.const 16)) (then (return (call $path_readlink (i32.load offset=8 (local.get $at)) (i32.load offset=16 (local.get $at)) (i32.load offset=24 (local.get $at)) (i32.load offset=32 (local.get $at)) (i32.load offset=40 (local.get $at)) (i32.load offset=48 (local.get $at))))))
    (if (i32.eq (local.get $k) (i32.const 17)) (then (return (call $fd_allocate (i32.load offset=8 (local.get $at)) (i64.load offset=16 (local.get $at)) (i64.load offset=24 (local.get $at))))))
    (if (i32.eq (local.get $k) (i32.const 18)) (then (return (call $fd_filestat_set_size (i32.load offset=8 (local.get $at)) (i64.load offset=16 (local.get $at))))))
    (if (i32.eq (local.get $k) (i32.const 19)) (then (return (call $fd_pwrite (i32.load offset=8 (local.get $at)) (i32.load offset=16 (local.get $at)) (i32.load offset=24 (local.get $at)) (i64.load offset=32 (local.get $at)) (i32.load offset=40 (local.get $at))))))
    (if (i32.eq (local.get $k) (i32.const 20)) (then (return (call $path_create_directory (i32.load offset=8 (local.get $at)) (i32.load offset=16 (local.get $at)) (i32.load offset=24 (local.get $at))))))
    (if (i32.eq (local.get $k) (i32.const 21)) (then (return (call $path_unlink_file (i32.load offset=8 (local.get $at)) (i32.load offset=16 (local.get $at)) (i32.load offset=24 (local.get $at))))))
    (if (i32.eq (local.get $k) (i32.const 22)) (then (return (call $path_rename (i32.load offset=8 (local.get $at)) (i32.load offset=16 (local.get $at)) (i32.load offset=24 (local.get $at)) (i32.load offset=32 (local.get $at)) (i32.load offset=40 (local.get $at)) (i32.load offset=48 (local.get $at))))))
    (if (i32.eq (local.get $k) (i32.const 23)) (then (return (call $fd_write (i32.load offset=8 (local.get $at)) (i32.load offset=16 (local.get $at)) (i32.load offset=24 (local.get $at)) (i32.load offset=32 (local.get $at))))))
    (if (i32.eq (local.get $k) (i32.const 24)) (then (return (call $poll_oneoff (i32.load offset=8 (local.get $at)) (i32.load offset=16 (local.get $at)) (i32.load offset=24 (local.get $at)) (i32.load offset=32 (local.get $at))))))
    (if (i32.eq (local.get $k) (i32.const 25)) (then (return (call $clock_time_get (i32.load offset=8 (local.get $at)) (i64.load offset=16 (local.get $at)) (i32.load offset=24 (local.get $at))))))
    (if (i32.eq (local.get $k) (i32.const 26)) (then (return (call $random_get (i32.load offset=8 (local.get $at)) (i32.load offset=16 (local.get $at))))))
    (if (i32.eq (local.get $k) (i32.const 27)) (then (return (call $fd_renumber (i32.load offset=8 (local.get $at)) (i32.load offset=16 (local.get $at))))))
    (i32.const -1)))
