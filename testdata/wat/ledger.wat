;; A ledger, written by hand from abi/README.md. README.md beside this file says
;; what it takes and what it answers; ledger.cases.json holds that against it.
;;
;; Memory: constants and globals' scratch below 4096, then the input block, then
;; whatever one message needs, taken from $top upwards and forgotten at the next.
(module
  (import "grow" "call" (func $grow_call (param i32 i32 i32 i32) (result i32)))
  (import "grow" "answer" (func $grow_answer (param i32 i32) (result i32)))
  (memory (export "memory") 1)

  ;; Attribute names and values, one every 32 bytes.
  (data (i32.const 0) "type")
  (data (i32.const 32) "name")
  (data (i32.const 64) "code")
  (data (i32.const 96) "retry")
  (data (i32.const 128) "subject")
  (data (i32.const 160) "revision")
  (data (i32.const 192) "x.account")
  ;; Types taken.
  (data (i32.const 256) "ledger.post")
  (data (i32.const 288) "ledger.show")
  (data (i32.const 320) "ledger.close")
  ;; Types sent.
  (data (i32.const 384) "ledger.posted")
  (data (i32.const 416) "ledger.shown")
  (data (i32.const 448) "grow.error")
  ;; Operations.
  (data (i32.const 512) "state.get")
  (data (i32.const 544) "state.set")
  (data (i32.const 576) "config.get")
  (data (i32.const 608) "log.info")
  ;; Codes and texts of refusals.
  (data (i32.const 672) "ledger.closed")
  (data (i32.const 704) "ledger.unknown")
  (data (i32.const 736) "a ledger is never closed")
  (data (i32.const 768) "no such request to a ledger")
  (data (i32.const 800) "posted")
  ;; Pieces of JSON.
  (data (i32.const 864) "{\"entries\":[")
  (data (i32.const 896) "]}")
  (data (i32.const 928) "{\"config\":")
  (data (i32.const 960) ",\"entry\":")
  (data (i32.const 992) "{}")

  (global $block i32 (i32.const 4096))
  (global $block_end (mut i32) (i32.const 4096))
  (global $top (mut i32) (i32.const 4096))
  (global $input (mut i32) (i32.const 0))   ;; the message being handled
  (global $answer (mut i32) (i32.const 0))  ;; the answer to the last request, a message
  (global $value (mut i32) (i32.const 0))   ;; what $attribute and $data found
  (global $size (mut i32) (i32.const 0))
  (global $frame (mut i32) (i32.const 0))   ;; the frame being written
  (global $at (mut i32) (i32.const 0))      ;; where its next byte goes

  ;; ---- memory

  ;; Makes memory reach to end, which is at most 2^32; says whether it does.
  (func $reach (param $end i64) (result i32)
    (local $missing i64)
    (local.set $missing
      (i64.sub
        (i64.shr_u (i64.add (local.get $end) (i64.const 65535)) (i64.const 16))
        (i64.extend_i32_u (memory.size))))
    (if (i64.le_s (local.get $missing) (i64.const 0)) (then (return (i32.const 1))))
    (i32.ne (memory.grow (i32.wrap_i64 (local.get $missing))) (i32.const -1)))

  ;; Room for n bytes until the next message.
  (func $reserve (param $n i32) (result i32)
    (local $p i32)
    (local.set $p (global.get $top))
    (if (i32.eqz (call $reach (i64.add (i64.extend_i32_u (local.get $p)) (i64.extend_i32_u (local.get $n)))))
      (then unreachable))
    (global.set $top (i32.add (local.get $p) (local.get $n)))
    (local.get $p))

  (func $same (param $a i32) (param $a_len i32) (param $b i32) (param $b_len i32) (result i32)
    (if (i32.ne (local.get $a_len) (local.get $b_len)) (then (return (i32.const 0))))
    (block $end
      (loop $next
        (br_if $end (i32.eqz (local.get $a_len)))
        (local.set $a_len (i32.sub (local.get $a_len) (i32.const 1)))
        (if (i32.ne
              (i32.load8_u (i32.add (local.get $a) (local.get $a_len)))
              (i32.load8_u (i32.add (local.get $b) (local.get $a_len))))
          (then (return (i32.const 0))))
        (br $next)))
    (i32.const 1))

  ;; ---- reading a message

  ;; Finds the attribute of a message called name, in $value and $size; says
  ;; whether there is one. Without one they tell of an empty value.
  (func $attribute (param $message i32) (param $name i32) (param $name_len i32) (result i32)
    (local $n i32) (local $p i32) (local $q i32)
    (local.set $n (i32.load16_u (local.get $message)))
    (local.set $p (i32.add (local.get $message) (i32.const 2)))
    (global.set $value (i32.const 0))
    (global.set $size (i32.const 0))
    (block $end
      (loop $next
        (br_if $end (i32.eqz (local.get $n)))
        (local.set $n (i32.sub (local.get $n) (i32.const 1)))
        ;; q is at the length of the value.
        (local.set $q (i32.add (i32.add (local.get $p) (i32.const 2)) (i32.load16_u (local.get $p))))
        (if (call $same
              (i32.add (local.get $p) (i32.const 2)) (i32.load16_u (local.get $p))
              (local.get $name) (local.get $name_len))
          (then
            (global.set $value (i32.add (local.get $q) (i32.const 4)))
            (global.set $size (i32.load (local.get $q)))
            (return (i32.const 1))))
        (local.set $p (i32.add (i32.add (local.get $q) (i32.const 4)) (i32.load (local.get $q))))
        (br $next)))
    (i32.const 0))

  ;; Finds the data of a message, in $value and $size.
  (func $data (param $message i32)
    (local $n i32) (local $p i32)
    (local.set $n (i32.load16_u (local.get $message)))
    (local.set $p (i32.add (local.get $message) (i32.const 2)))
    (block $end
      (loop $next
        (br_if $end (i32.eqz (local.get $n)))
        (local.set $n (i32.sub (local.get $n) (i32.const 1)))
        (local.set $p (i32.add (i32.add (local.get $p) (i32.const 2)) (i32.load16_u (local.get $p))))
        (local.set $p (i32.add (i32.add (local.get $p) (i32.const 4)) (i32.load (local.get $p))))
        (br $next)))
    (global.set $value (i32.add (local.get $p) (i32.const 4)))
    (global.set $size (i32.load (local.get $p))))

  ;; ---- writing a frame

  (func $put (param $p i32) (param $n i32)
    (memory.copy (global.get $at) (local.get $p) (local.get $n))
    (global.set $at (i32.add (global.get $at) (local.get $n))))

  ;; Begins a frame of one message of n attributes, with room for bytes of
  ;; values and data beside 256 for everything else.
  (func $begin (param $n i32) (param $bytes i32)
    (global.set $frame (call $reserve (i32.add (local.get $bytes) (i32.const 256))))
    (i32.store (global.get $frame) (i32.const 1))
    (i32.store16 offset=4 (global.get $frame) (local.get $n))
    (global.set $at (i32.add (global.get $frame) (i32.const 6))))

  (func $put_attribute (param $name i32) (param $name_len i32) (param $p i32) (param $n i32)
    (i32.store16 (global.get $at) (local.get $name_len))
    (global.set $at (i32.add (global.get $at) (i32.const 2)))
    (call $put (local.get $name) (local.get $name_len))
    (call $put_length (local.get $n))
    (call $put (local.get $p) (local.get $n)))

  (func $put_length (param $n i32)
    (i32.store (global.get $at) (local.get $n))
    (global.set $at (i32.add (global.get $at) (i32.const 4))))

  ;; The frame as grow_handle returns it.
  (func $finish (result i64)
    (i64.or
      (i64.shl (i64.extend_i32_u (global.get $frame)) (i64.const 32))
      (i64.extend_i32_u (i32.sub (global.get $at) (global.get $frame)))))

  ;; ---- requests

  ;; Sends the frame. Says whether the answer, whose message is then $answer,
  ;; is ok. The first buffer has 64 bytes; what is larger is fetched.
  (func $ask (result i32)
    (local $buffer i32) (local $n i32) (local $len i32)
    (local.set $len (i32.sub (global.get $at) (global.get $frame)))
    (local.set $buffer (call $reserve (i32.const 64)))
    (local.set $n (call $grow_call (global.get $frame) (local.get $len) (local.get $buffer) (i32.const 64)))
    (if (i32.gt_u (local.get $n) (i32.const 64))
      (then
        (local.set $buffer (call $reserve (local.get $n)))
        (if (i32.ne (call $grow_answer (local.get $buffer) (local.get $n)) (local.get $n))
          (then unreachable))))
    (global.set $answer (i32.add (local.get $buffer) (i32.const 4)))
    (drop (call $attribute (global.get $answer) (i32.const 0) (i32.const 4)))
    (i32.eqz (call $same (global.get $value) (global.get $size) (i32.const 448) (i32.const 10))))

  ;; state.get of the value "".
  (func $get_state (result i32)
    (call $begin (i32.const 2) (i32.const 0))
    (call $put_attribute (i32.const 0) (i32.const 4) (i32.const 512) (i32.const 9))
    (call $put_attribute (i32.const 32) (i32.const 4) (i32.const 0) (i32.const 0))
    (call $put_length (i32.const 0))
    (call $ask))

  ;; Whether the answer to state.get says that there is no value.
  (func $absent (result i32)
    (drop (call $attribute (global.get $answer) (i32.const 160) (i32.const 8)))
    (i32.and
      (i32.eq (global.get $size) (i32.const 1))
      (i32.eq (i32.load8_u (global.get $value)) (i32.const 0x30))))

  ;; ---- answers

  ;; A refusal.
  (func $refuse (param $code i32) (param $code_len i32) (param $text i32) (param $text_len i32) (result i64)
    (call $begin (i32.const 2) (i32.const 0))
    (call $put_attribute (i32.const 0) (i32.const 4) (i32.const 448) (i32.const 10))
    (call $put_attribute (i32.const 64) (i32.const 4) (local.get $code) (local.get $code_len))
    (call $put_length (local.get $text_len))
    (call $put (local.get $text) (local.get $text_len))
    (call $finish))

  ;; The error answer of a capability, with its code, its retry and its text.
  (func $pass_on (result i64)
    (call $data (global.get $answer))
    (call $begin (i32.const 3) (i32.add (i32.const 8192) (global.get $size)))
    (call $put_attribute (i32.const 0) (i32.const 4) (i32.const 448) (i32.const 10))
    (drop (call $attribute (global.get $answer) (i32.const 64) (i32.const 4)))
    (call $put_attribute (i32.const 64) (i32.const 4) (global.get $value) (global.get $size))
    (drop (call $attribute (global.get $answer) (i32.const 96) (i32.const 5)))
    (call $put_attribute (i32.const 96) (i32.const 5) (global.get $value) (global.get $size))
    (call $data (global.get $answer))
    (call $put_length (global.get $size))
    (call $put (global.get $value) (global.get $size))
    (call $finish))

  ;; ledger.post: the state gets the entry, a line is logged, ledger.posted goes out.
  (func $post (result i64)
    (local $entry i32) (local $entry_len i32) (local $old i32) (local $old_len i32) (local $length i32)
    (call $data (global.get $input))
    (local.set $entry (global.get $value))
    (local.set $entry_len (global.get $size))

    (if (i32.eqz (call $get_state)) (then (return (call $pass_on))))
    (if (i32.eqz (call $absent))
      (then
        (call $data (global.get $answer))
        (local.set $old (global.get $value))
        (local.set $old_len (global.get $size))))
    (call $begin (i32.const 2) (i32.add (local.get $old_len) (local.get $entry_len)))
    (call $put_attribute (i32.const 0) (i32.const 4) (i32.const 544) (i32.const 9))
    (call $put_attribute (i32.const 32) (i32.const 4) (i32.const 0) (i32.const 0))
    (local.set $length (global.get $at))
    (call $put_length (i32.const 0)) ;; known at the end
    (if (local.get $old_len)
      (then ;; the old value without ]} at its end, and a comma
        (call $put (local.get $old) (i32.sub (local.get $old_len) (i32.const 2)))
        (call $put (i32.const 960) (i32.const 1)))
      (else
        (call $put (i32.const 864) (i32.const 12))))
    (call $put (local.get $entry) (local.get $entry_len))
    (call $put (i32.const 896) (i32.const 2))
    (i32.store (local.get $length) (i32.sub (global.get $at) (i32.add (local.get $length) (i32.const 4))))
    (if (i32.eqz (call $ask)) (then (return (call $pass_on))))

    (drop (call $attribute (global.get $input) (i32.const 128) (i32.const 7)))
    (call $begin (i32.const 2) (global.get $size))
    (call $put_attribute (i32.const 0) (i32.const 4) (i32.const 608) (i32.const 8))
    (call $put_attribute (i32.const 192) (i32.const 9) (global.get $value) (global.get $size))
    (call $put_length (i32.const 6))
    (call $put (i32.const 800) (i32.const 6))
    (drop (call $ask))

    (call $begin (i32.const 1) (i32.const 0))
    (call $put_attribute (i32.const 0) (i32.const 4) (i32.const 576) (i32.const 10))
    (call $put_length (i32.const 0))
    (if (i32.eqz (call $ask)) (then (return (call $pass_on))))
    (call $data (global.get $answer))
    (if (i32.eqz (global.get $size)) ;; an actor without a config has the empty one
      (then
        (global.set $value (i32.const 992))
        (global.set $size (i32.const 2))))
    (call $begin (i32.const 1) (i32.add (global.get $size) (local.get $entry_len)))
    (call $put_attribute (i32.const 0) (i32.const 4) (i32.const 384) (i32.const 13))
    (call $put_length (i32.add (i32.add (global.get $size) (local.get $entry_len)) (i32.const 20)))
    (call $put (i32.const 928) (i32.const 10))
    (call $put (global.get $value) (global.get $size))
    (call $put (i32.const 960) (i32.const 9))
    (call $put (local.get $entry) (local.get $entry_len))
    (call $put (i32.const 897) (i32.const 1))
    (call $finish))

  ;; ledger.show: ledger.shown with the state.
  (func $show (result i64)
    (if (i32.eqz (call $get_state)) (then (return (call $pass_on))))
    (if (call $absent)
      (then
        (call $begin (i32.const 1) (i32.const 0))
        (call $put_attribute (i32.const 0) (i32.const 4) (i32.const 416) (i32.const 12))
        (call $put_length (i32.const 14))
        (call $put (i32.const 864) (i32.const 12))
        (call $put (i32.const 896) (i32.const 2))
        (return (call $finish))))
    (call $data (global.get $answer))
    (call $begin (i32.const 1) (global.get $size))
    (call $put_attribute (i32.const 0) (i32.const 4) (i32.const 416) (i32.const 12))
    (call $put_length (global.get $size))
    (call $put (global.get $value) (global.get $size))
    (call $finish))

  ;; ---- exports

  (func (export "grow_abi") (result i32) (i32.const 1))

  (func (export "grow_alloc") (param $len i32) (result i32)
    (local $end i64)
    (local.set $end (i64.add (i64.extend_i32_u (global.get $block)) (i64.extend_i32_u (local.get $len))))
    (if (i32.eqz (call $reach (local.get $end))) (then (return (i32.const 0))))
    (global.set $block_end (i32.wrap_i64 (local.get $end)))
    (global.get $block))

  (func (export "grow_handle") (param $p i32) (param $len i32) (result i64)
    (local $type i32) (local $type_len i32)
    (global.set $top (i32.and (i32.add (global.get $block_end) (i32.const 7)) (i32.const -8)))
    (global.set $input (i32.add (local.get $p) (i32.const 4)))
    (drop (call $attribute (global.get $input) (i32.const 0) (i32.const 4)))
    (local.set $type (global.get $value))
    (local.set $type_len (global.get $size))
    (if (call $same (local.get $type) (local.get $type_len) (i32.const 256) (i32.const 11))
      (then (return (call $post))))
    (if (call $same (local.get $type) (local.get $type_len) (i32.const 288) (i32.const 11))
      (then (return (call $show))))
    (if (call $same (local.get $type) (local.get $type_len) (i32.const 320) (i32.const 12))
      (then (return (call $refuse (i32.const 672) (i32.const 13) (i32.const 736) (i32.const 24)))))
    (call $refuse (i32.const 704) (i32.const 14) (i32.const 768) (i32.const 27))))
