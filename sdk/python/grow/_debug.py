# mypy: ignore-errors
# It deals with values of any kind, and needs a later Python than the rest.
"""What debugs an actor from inside: breakpoints by sys.monitoring, and what a person
asks of frames while the instance stands still. runtime/debug/python is its other end.

It is imported when the host asks for attention, which it does of actors that somebody
debugs. CPython calls it at the lines with a breakpoint; those without are taken out of
the code when they are first come by. Where the instance is to stand still, a request is
made, debug.stop: its answer is what to do next."""

import dataclasses
import itertools
import json
import reprlib
import signal
import sys

from . import _bridge, _runtime

monitoring = sys.monitoring
events = monitoring.events
DISABLE = monitoring.DISABLE

APP = "/app/"
FOLDERS = (APP, "/packages/", "/lib/python313.zip/")  # as the host names them: app/, packages/, lib/
HIDDEN = ("/lib/python313.zip/grow/", "<frozen ", "<debugger>")  # what nobody wants to step into
ENTRIES = {_runtime.start.__code__, _runtime.handle.__code__}  # which the host calls

VALUE_MAX = 1024  # characters of a value that are shown
NAME_MAX = 256  # characters of a name or a type
CHILDREN_MAX = 1000  # at once
FRAMES_MAX = 1000  # at once
PLACES_MAX = 10_000  # code that is remembered
REFERENCES_MAX = 100_000  # while it stands still
TOOLS = (monitoring.DEBUGGER_ID, 3, 4)  # that nobody else is expected to have

tool = None  # among those of sys.monitoring; None: there is none
lines = {}  # with a breakpoint, by file: the first and the last of a statement
places = {}  # those of code, as places_in finds them
every = False  # statement is reported
depth = 0  # frames of those at most; 0: any
leaving = 0  # frames, of which the innermost's return is reported; 0: none
armed = set()  # code with events of its own
busy = False  # it stands still
evaluating = False  # for the person
frames = []  # while it stands still, innermost first: a frame, its line
references = []  # what has been shown and has parts: Scope or Value


class TooLong(BaseException):
    """Ends an evaluation that takes more than it may."""


class Unknown(Exception):
    """Something that is not there."""


class ReadOnly(Exception):
    """Something that cannot be set."""


def tell(operation, value):
    attributes, data = _bridge.host.call([(operation, None, json.dumps(value))])[0]
    if attributes.get("type") == "grow.error":
        return {"do": "go", "watch": {"off": True}}
    return json.loads(data)


# What is reported.


def apply(watch):
    """Has the host told of what it wants to know, and of nothing else."""
    global lines, every, depth, leaving
    lines = watch.get("lines", {})
    places.clear()
    every, depth, leaving = watch.get("every", False), watch.get("depth", 0), watch.get("return", 0)
    for code in armed:
        monitoring.set_local_events(tool, code, 0)
    armed.clear()
    wanted = 0
    if every:
        wanted |= events.LINE
    elif lines:
        wanted |= events.PY_START | events.PY_RESUME
    if leaving:
        wanted |= events.PY_RETURN
    if watch.get("raised"):
        wanted |= events.RAISE
    if watch.get("uncaught"):
        wanted |= events.PY_UNWIND
    monitoring.set_events(tool, wanted)
    monitoring.restart_events()
    if watch.get("off"):
        leave()
        return
    frame = sys._getframe()
    while frame is not None and lines and not every:
        arm(frame.f_code)
        frame = frame.f_back


def places_in(code):
    """The breakpoints in code, by the line where CPython comes by first. Of a statement
    such as `if (`, with what is asked below, that is not where it begins."""
    found = places.get(code)
    if found is None:
        found = {}
        numbers = lines.get(code.co_filename)
        if numbers:
            has = {line for _, _, line in code.co_lines() if line}
            for first, last in numbers:
                if first in has:
                    found[first] = first
                elif code.co_firstlineno < first:  # what is nested in the statement begins in it
                    at = min((line for line in has if first < line <= last), default=None)
                    if at is not None:
                        found[at] = first
        if len(places) < PLACES_MAX:
            places[code] = found
    return found


def arm(code):
    if places_in(code):
        armed.add(code)
        monitoring.set_local_events(tool, code, events.LINE)


def on_start(code, offset):
    if not busy:
        arm(code)
    return DISABLE


def on_line(code, line):
    if busy:
        return None
    at = places_in(code).get(line) if lines else None
    if at is None:
        if not every or code.co_filename.startswith(HIDDEN):
            return DISABLE
        if depth and shallow(sys._getframe(1), depth) > depth:
            return None
    stop("line", "", chain(sys._getframe(1), at or line))
    return None


def on_return(code, offset, value):
    """Stands still in the caller of a function that is stepped out of, in the midst of
    the line that called it."""
    if busy or not leaving:
        return None
    if code.co_filename.startswith(HIDDEN):
        return DISABLE
    frame = sys._getframe(1)
    if shallow(frame, leaving) == leaving:
        stop("return", "", chain(frame.f_back, None))
    return None


def shallow(frame, most):
    """How many frames that are shown lie here, or one more than that many."""
    n = 0
    while frame is not None and n <= most:
        n += not frame.f_code.co_filename.startswith(HIDDEN)
        frame = frame.f_back
    return n


def on_raise(code, offset, e):
    if busy or not code.co_filename.startswith(APP) or isinstance(e, (StopIteration, StopAsyncIteration, GeneratorExit)):
        return
    tb = e.__traceback__
    inner = tb.tb_next if tb else None
    while inner is not None:  # it was told of there
        if inner.tb_frame.f_code.co_filename.startswith(APP):
            return
        inner = inner.tb_next
    stop("exception", said(e), raised(tb) + chain(sys._getframe(2), None) if tb else chain(sys._getframe(1), None))


def on_unwind(code, offset, e):
    if not busy and code in ENTRIES:
        stop("uncaught", said(e), raised(e.__traceback__))


def said(e):
    try:
        text = str(e)
    except Exception:
        text = "?"
    return f"{type(e).__qualname__}: {text}"[:VALUE_MAX] if text else type(e).__qualname__


def chain(frame, line):
    """The frames from one on that are shown."""
    found = []
    while frame is not None:
        if not frame.f_code.co_filename.startswith(HIDDEN):
            found.append((frame, line or frame.f_lineno or 0))
        frame, line = frame.f_back, None
    return found


def raised(tb):
    """The frames of a traceback that are shown, innermost first."""
    found = []
    while tb is not None:
        if not tb.tb_frame.f_code.co_filename.startswith(HIDDEN):
            found.append((tb.tb_frame, tb.tb_lineno or 0))
        tb = tb.tb_next
    return found[::-1]


def on_signal(number, frame):
    """The host asks for attention: what it wants to know has changed, or what it has
    evaluated takes too long."""
    if evaluating:
        raise TooLong
    if busy or tool is None:
        return
    before = every
    apply(tell("debug.watch", None))
    if every and not before:
        stop("line", "", chain(frame, None))


# While it stands still.


def stop(cause, text, there):
    """Stands still until the host says to go on, and does meanwhile what it says."""
    global busy, frames
    if not there:
        return
    busy, frames = True, there
    try:
        frame, line = there[0]
        do = tell("debug.stop", {"cause": cause, "text": text, "file": name_of(frame.f_code), "line": line, "depth": len(there)})
        while do["do"] != "go":
            do = tell("debug.result", carry_out(do))
    finally:
        busy, frames = False, []
        references.clear()
    if "watch" in do:
        apply(do["watch"])


def carry_out(do):
    global evaluating
    try:
        evaluating = True
        try:
            return {"ok": COMMANDS[do["do"]](do)}
        finally:
            evaluating = False
    except Unknown as e:
        return {"fault": str(e), "kind": "unknown"}
    except ReadOnly as e:
        return {"fault": str(e), "kind": "readonly"}
    except TooLong:
        return {"fault": "it takes too long"}
    except (NameError, AttributeError, LookupError) as e:
        return {"fault": said(e), "kind": "unknown"}
    except BaseException as e:
        return {"fault": said(e)}


def name_of(code):
    file = code.co_filename
    for folder in FOLDERS:
        if file.startswith(folder):
            return folder.split("/")[1] + "/" + file[len(folder) :]
    return file


def frame_at(do):
    index = do.get("frame", 0)
    if not 0 <= index < len(frames):
        raise Unknown("there is no such frame")
    return frames[index][0]


def list_frames(do):
    return [
        {
            "function": f"{frame.f_globals.get('__name__', '?')}.{frame.f_code.co_qualname}"[:NAME_MAX],
            "file": name_of(frame.f_code),
            "line": line,
            "own": frame.f_code.co_filename.startswith(APP),
        }
        for frame, line in page(frames, do, FRAMES_MAX)
    ]


def page(all, do, most):
    n = do.get("n") or most
    return itertools.islice(all, do.get("start", 0), do.get("start", 0) + min(n, most))


@dataclasses.dataclass
class Scope:
    """Variables by name: of a function, or of its module."""

    of: object


@dataclasses.dataclass
class Value:
    """A value that has parts, and an expression for it, if there is one."""

    of: object
    path: str


def refer(to):
    if len(references) >= REFERENCES_MAX:
        return 0
    references.append(to)
    return len(references)


def referred(do):
    at = do.get("of", 0)
    if not 0 < at <= len(references):
        raise Unknown("there is no such variable any more")
    return references[at - 1]


def scopes(do):
    frame = frame_at(do)
    found = []
    if frame.f_locals is not frame.f_globals:
        found.append(("Locals", frame.f_locals))
    found.append(("Globals", frame.f_globals))
    return [
        {"name": name, "children": refer(Scope(of)), "named": sum(shown(k) for k in of), "lazy": name == "Globals"} for name, of in found
    ]


def shown(name):
    return isinstance(name, str) and not name.startswith((".", "__"))


def children(do):
    of = referred(do)
    if isinstance(of, Scope):
        names = sorted(filter(shown, of.of))
        return [describe(name, of.of[name], name) for name in page(names, do, CHILDREN_MAX)]
    return [describe(name, value, path) for name, value, path in page(parts(of.of, of.path), do, CHILDREN_MAX)]


SIMPLE = (str, int, float, bool, bytes, type(None))
MEMBERS = (list, tuple)


def parts(of, path):
    """The parts of a value: their names, values, and expressions."""
    if isinstance(of, dict):
        for key, value in of.items():
            yield key_name(key), value, f"{path}[{key!r}]" if path and isinstance(key, SIMPLE) and len(str(key)) < NAME_MAX else ""
    elif isinstance(of, MEMBERS) or is_deque(of):
        fields = getattr(type(of), "_fields", None) if isinstance(of, tuple) else None
        for i, value in enumerate(of):
            if fields and i < len(fields):
                yield fields[i], value, f"{path}.{fields[i]}" if path else ""
            else:
                yield str(i), value, f"{path}[{i}]" if path else ""
    elif isinstance(of, (set, frozenset)):
        for i, value in enumerate(of):
            yield str(i), value, ""
    for name in attributes(of):
        try:
            value = getattr(of, name)
        except AttributeError:
            continue  # a slot that is empty
        yield name, value, f"{path}.{name}" if path else ""


def is_deque(of):
    return type(of).__module__ == "collections" and type(of).__name__ == "deque"


def key_name(key):
    return show(key)[0][:NAME_MAX]


def attributes(of):
    """The names of what an object has of its own."""
    if isinstance(of, (*SIMPLE, type(sys), type(show))):
        return []
    try:
        names = dict.fromkeys(object.__getattribute__(of, "__dict__"))
    except Exception:
        names = {}
    for cls in type(of).__mro__:
        slots = cls.__dict__.get("__slots__", ())
        names.update(dict.fromkeys((slots,) if isinstance(slots, str) else slots))
    return [name for name in names if shown(name)]


def describe(name, value, path):
    """A variable, as it is shown."""
    text, fault = show(value)
    indexed = len(value) if isinstance(value, (list, tuple, set, frozenset)) or is_deque(value) else 0
    named = len(value) if isinstance(value, dict) else 0
    named += len(attributes(value))
    variable = {"name": name[:NAME_MAX], "type": type_of(value), "value": text, "path": path}
    if fault:
        variable["fault"] = fault
    if named or indexed:
        variable |= {"children": refer(Value(value, path)), "named": named, "indexed": indexed}
    return variable


def type_of(value):
    cls = type(value)
    module = "" if cls.__module__ in ("builtins", "__main__") else cls.__module__ + "."
    return (module + cls.__qualname__)[:NAME_MAX]


class Short(reprlib.Repr):
    """Values as they are written, short: what is in a value is shown on demand."""

    def __init__(self):
        super().__init__()
        self.maxlevel, self.maxother = 3, VALUE_MAX
        self.maxstring = self.maxlong = VALUE_MAX
        self.maxlist = self.maxtuple = self.maxdict = self.maxset = self.maxfrozenset = self.maxdeque = self.maxarray = 20

    def repr_str(self, x, level):
        return repr(x[:VALUE_MAX]) if len(x) <= VALUE_MAX else repr(x[:VALUE_MAX]) + "…"

    def repr_bytes(self, x, level):
        return repr(x[:VALUE_MAX]) if len(x) <= VALUE_MAX else repr(x[:VALUE_MAX]) + "…"

    def repr_int(self, x, level):
        return repr(x) if x.bit_length() < 4 * VALUE_MAX else f"an int of {x.bit_length()} bits"

    def repr_instance(self, x, level):
        if dataclasses.is_dataclass(x) and not isinstance(x, type) and type(x).__dataclass_params__.repr:
            if level <= 0:
                return f"{type(x).__qualname__}(…)"
            fields = (f for f in dataclasses.fields(x) if f.repr)
            return f"{type(x).__qualname__}({', '.join(f'{f.name}={self.repr1(getattr(x, f.name), level - 1)}' for f in fields)})"
        return repr(x)


short = Short()


def show(value):
    """A value as it is written, and why it is not, if its own code fails."""
    try:
        text = short.repr(value)
    except TooLong:
        return "", "its __repr__ takes too long"
    except BaseException as e:
        return "", f"its __repr__ fails: {said(e)}"[:VALUE_MAX]
    return text if len(text) <= VALUE_MAX else text[: VALUE_MAX - 1] + "…", ""


def value_of(frame, expression):
    # What is nested in an expression, as a generator is, sees no locals but as globals.
    code = compile(expression.strip(), "<debugger>", "eval")
    return eval(code, {**frame.f_globals, **frame.f_locals}, frame.f_locals)


def evaluate(do):
    frame, expression = frame_at(do), do["expression"]
    try:
        compile(expression.strip(), "<debugger>", "eval")
    except SyntaxError:
        code = compile(expression.strip(), "<debugger>", "exec")
        exec(code, frame.f_globals, frame.f_locals)
        return {"name": "", "type": "", "value": "", "path": ""}
    path = expression.strip()
    return describe(path, value_of(frame, path), path)


def truth(do):
    return bool(value_of(frame_at(do), do["expression"]))


def assign(do):
    to, name, frame = referred(do), do["name"], frame_at(do)
    value = value_of(frame, do["value"])
    if isinstance(to, Scope):
        if name not in to.of:
            raise Unknown(f"there is no variable {name}")
        to.of[name] = value
        return describe(name, value, name)
    try:
        replace(to.of, name, value)
    except (TypeError, AttributeError) as e:
        raise ReadOnly(said(e)) from None
    for part, now, path in itertools.islice(parts(to.of, to.path), REFERENCES_MAX):
        if part == name:
            return describe(name, now, path)
    return describe(name, value, "")


def replace(of, name, value):
    """Gives a part of a value another value."""
    if name in attributes(of):
        setattr(of, name, value)
    elif isinstance(of, dict):
        for key in of:
            if key_name(key) == name:
                of[key] = value
                return
        raise Unknown(f"there is no key {name}")
    elif name.isdecimal() and (isinstance(of, MEMBERS) or is_deque(of)):
        of[int(name)] = value
    elif isinstance(of, (tuple, set, frozenset)):
        raise ReadOnly(f"parts of a {type(of).__name__} cannot be set")
    else:
        raise Unknown(f"there is no {name}")


COMMANDS = {"frames": list_frames, "scopes": scopes, "children": children, "evaluate": evaluate, "truth": truth, "set": assign}


# How it begins and ends.


def enter(frame):
    """Begins, in the midst of what a frame does."""
    global tool
    for free in TOOLS:
        if monitoring.get_tool(free) is None:
            break
    else:
        tell("debug.failed", "the actor uses sys.monitoring itself, as all of the tools that there are for others")
        return
    tool = free
    monitoring.use_tool_id(tool, "grow")
    for event, does in (
        (events.PY_START, on_start),
        (events.PY_RESUME, on_start),
        (events.LINE, on_line),
        (events.PY_RETURN, on_return),
        (events.RAISE, on_raise),
        (events.PY_UNWIND, on_unwind),
    ):
        monitoring.register_callback(tool, event, does)
    signal.signal(signal.SIGUSR1, on_signal)
    on_signal(signal.SIGUSR1, frame)


def leave():
    """Ends, until the host asks for attention again."""
    global tool
    for event in (events.PY_START, events.PY_RESUME, events.LINE, events.PY_RETURN, events.RAISE, events.PY_UNWIND):
        monitoring.register_callback(tool, event, None)
    monitoring.free_tool_id(tool)
    tool = None
    signal.signal(signal.SIGUSR1, _runtime.attend)
