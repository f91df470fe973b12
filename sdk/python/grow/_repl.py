# mypy: ignore-errors
# It deals with values of any kind.
"""What a person types, carried out in a copy of an actor: runtime/debug/python is its
other end. It is imported when the host asks for it, which it does of copies alone.

A request is made, debug.repl, with what came of the last input; its answer is the next.
Names are those of the actor's main module, with ctx, message and grow."""

import codeop
import linecache
import sys

import grow

from . import _context, _debug, _message, _runtime, _trace

OUTPUT_MAX = 64 << 10  # characters that are shown of what one input has printed
VALUE_MAX = 8 << 10  # characters of a value
SOURCES_MAX = 1000  # inputs whose lines tracebacks show


class Output:
    """What is printed: a text file to write to, of which so much is kept."""

    encoding = "utf-8"

    def __init__(self):
        self.parts, self.left, self.lost = [], OUTPUT_MAX, 0

    def write(self, text):
        if not isinstance(text, str):
            raise TypeError(f"write() takes a str, not {type(text).__name__}")
        if kept := text[: self.left]:
            self.parts.append(kept)
            self.left -= len(kept)
        self.lost += len(text) - len(kept)
        return len(text)

    def writelines(self, lines):
        for line in lines:
            self.write(line)

    def flush(self):
        pass

    def isatty(self):
        return False

    def text(self):
        return "".join(self.parts) + (f"\n… and {self.lost} characters more\n" if self.lost else "")


class Console:
    """Carries out inputs, one after the other."""

    def __init__(self, message):
        self.names = sys.modules[_runtime.MAIN].__dict__
        self.names.update(ctx=_context.Context(message), message=message, grow=grow)
        self.compile = codeop.CommandCompiler()
        self.number = 0

    def carry_out(self, source):
        name = f"<input {self.number + 1}>"
        linecache.cache[name] = (len(source), None, source.splitlines(True), name)
        try:
            code = self.compile(source, name, "single")
        except (SyntaxError, ValueError, OverflowError) as e:
            return {"fault": _trace.text(e)}
        if code is None:
            return {"more": True}
        self.number += 1
        linecache.cache.pop(f"<input {self.number - SOURCES_MAX}>", None)
        return self.run(code)

    def run(self, code):
        output, fault = Output(), ""
        before = sys.stdout, sys.stderr, sys.displayhook
        sys.stdout = sys.stderr = output
        sys.displayhook = self.show
        try:
            _debug.evaluating = True
            try:
                exec(code, self.names)
            finally:
                _debug.evaluating = False
        except _debug.TooLong:
            fault = "it takes too long, and was ended"
        except BaseException as e:
            fault = _trace.text(e)
        finally:
            sys.stdout, sys.stderr, sys.displayhook = before
        return {"output": output.text(), "fault": fault}

    def show(self, value):
        """Shows the value of an expression, as Python's own prompt does."""
        if value is None:
            return
        self.names["_"] = value
        text = repr(value)
        if len(text) > VALUE_MAX:
            text = f"{text[:VALUE_MAX]}… ({len(text)} characters)"
        print(text)


def serve(frame):
    """Carries out what the host says, in place of what the frame was called for. It ends
    with the instance."""
    while frame is not None and frame.f_code is not _runtime.handle.__code__:
        frame = frame.f_back
    if frame is None:
        _debug.tell("debug.failed", "no message is being handled")
        return
    told = frame.f_locals
    console = Console(_message.Message(told["type"], told["raw"], told["data"]))
    _debug.busy = True  # the host may call for attention a moment too late
    do = _debug.tell("debug.repl", {})
    while "source" in do:
        try:
            done = console.carry_out(do["source"])
        except _debug.TooLong:  # a moment after it was over
            done = {"fault": "it takes too long, and was ended"}
        do = _debug.tell("debug.repl", done)
