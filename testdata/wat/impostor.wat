;; Says wherever an actor can say something what should pass for a line of the
;; host, clear the screen and turn text around: on standard output and error, as
;; log.error with a field, and in the code and the text of the refusal that it
;; answers each message with. The frames are those of abi/README.md.
(module
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "grow" "call" (func $call (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 2)
  (data (i32.const 16) "\00\0c\00\00V\00\00\00")
  ;; The request: log.error, x.field and data are the text.
  (data (i32.const 1024) "\01\00\00\00\02\00\04\00type\09\00\00\00log.error\07\00x.fieldT\00\00\00paid\0a12:00:00.000 ERROR [pay]  message was given up on code=trap\0d\1b[2J\1b[31m\e2\80\ae\e2\80\a8\c2\9b2JT\00\00\00paid\0a12:00:00.000 ERROR [pay]  message was given up on code=trap\0d\1b[2J\1b[31m\e2\80\ae\e2\80\a8\c2\9b2J")
  ;; The answer: grow.error, with a code.
  (data (i32.const 2048) "\01\00\00\00\02\00\04\00type\0a\00\00\00grow.error\04\00code\12\00\00\00evil\0aid       \1b[2JT\00\00\00paid\0a12:00:00.000 ERROR [pay]  message was given up on code=trap\0d\1b[2J\1b[31m\e2\80\ae\e2\80\a8\c2\9b2J")
  ;; What is printed: the text, a byte that is no UTF-8, and a line break.
  (data (i32.const 3072) "paid\0a12:00:00.000 ERROR [pay]  message was given up on code=trap\0d\1b[2J\1b[31m\e2\80\ae\e2\80\a8\c2\9b2J\ff\0a")
  (func (export "grow_alloc") (param $len i32) (result i32) (i32.const 8192))
  (func (export "grow_handle") (param $ptr i32) (param $len i32) (result i64)
    (drop (call $write (i32.const 1) (i32.const 16) (i32.const 1) (i32.const 8)))
    (drop (call $write (i32.const 2) (i32.const 16) (i32.const 1) (i32.const 8)))
    (drop (call $call (i32.const 1024) (i32.const 210) (i32.const 4096) (i32.const 1024)))
    (i64.const 8796093022350)))
