"""Runs an actor's handlers in ordinary Python tests, with a host that keeps state, config
and log lines in memory and answers requests to capabilities with doubles::

    from grow.testing import Host
    import main

    def test_placed():
        host = Host(config={"currency": "EUR"})
        got = host.send("order.placed", {"id": "o-1", "items": []})
        assert got.outcome == "refused" and got.code == "order.empty"

It does not check types: the tests that grow runs on the built actor do. Waiting takes no
time: the host's clock goes on by as much.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Literal

from . import _bridge, _call, _context, _dispatch, _frame, _handlers, _json

Outcome = Literal["handled", "refused", "later", "failed"]

_PAGE_MAX = 100  # names that state.list gives at once


@dataclass(frozen=True)
class Double:
    """The answer to a request: an error when ``code`` is not ``""``, whose text is data."""

    data: bytes | str = b""
    attributes: Mapping[str, str] = field(default_factory=dict)
    code: str = ""
    retry: bool = False


@dataclass(frozen=True)
class Sent:
    """A message that the actor sent."""

    type: str
    attributes: dict[str, str]
    data: bytes

    def json(self) -> Any:
        """The data, which must be JSON."""
        return _json.loads(self.data)


@dataclass(frozen=True)
class Line:
    """A log line."""

    level: str
    text: str
    fields: dict[str, str]


@dataclass(frozen=True)
class Result:
    """What came of one message."""

    outcome: Outcome
    code: str = ""
    """Of a refusal or a try-later."""
    text: str = ""
    """Of a refusal, a try-later or a failure."""
    after: float = 0
    """Seconds, of a try-later."""
    outputs: list[Sent] = field(default_factory=list)
    """In order; none unless handled."""
    logs: list[Line] = field(default_factory=list)
    exception: BaseException | None = None
    """Of a failure."""


def _bytes(data: bytes | str) -> bytes:
    return data.encode() if isinstance(data, str) else data


class _Stream:
    """A stream that an actor has open. Its double is asked once, when the body has ended."""

    def __init__(self, request: _call.Request, whole: bool, double: Callable[[_call.Request], Double]) -> None:
        self.request, self.whole, self.double = request, whole, double
        self.answer: Double | None = None
        self.rest = b""

    def begin(self) -> Double:
        """The answer without its data."""
        self.answer = self.double(self.request)
        self.rest = _bytes(self.answer.data)
        return self.answer if self.answer.code else replace(self.answer, data=b"")

    def serve(self, r: _call.Request) -> Double:
        if r.op == "stream.write":
            if self.whole:
                return Double("the body of the request has been sent", code="invalid")
            self.request = replace(self.request, data=_bytes(self.request.data) + _bytes(r.data))
            self.whole = "end" in r.attributes
            return Double()
        if not self.whole:
            return Double("a double answers when the body has ended", code="timeout", retry=True)
        head = Double() if self.answer is not None else self.begin()
        if head.code:
            return head
        size = int(r.attributes.get("max", len(self.rest)))
        data, self.rest = self.rest[:size], self.rest[size:]
        return Double(data, head.attributes if self.rest else {**head.attributes, "end": "yes"})


def load(path: str | Path) -> Any:
    """Imports an actor's main.py as module main, with its folder first among those that
    modules are looked for in. What was registered before is forgotten."""
    path = Path(path).resolve()
    _handlers.actor.__init__()  # type: ignore[misc]
    spec = importlib.util.spec_from_file_location("main", path)
    if spec is None or spec.loader is None:
        raise ImportError(f"cannot import {path}")
    module = importlib.util.module_from_spec(spec)
    sys.modules["main"] = module
    if str(path.parent) not in sys.path:
        sys.path.insert(0, str(path.parent))
    spec.loader.exec_module(module)
    return module


class Host:
    """The host of the actor that has been imported: of what ``@grow.on`` registered.

    ``config`` is the actor's config; ``double`` answers requests to capabilities that
    need a grant, which are denied when there is none (what is asked for as a stream is
    asked for once, when its body has ended); ``now`` is the time of messages.
    Module variables of the actor are shared by all hosts, as by messages of an instance.
    """

    def __init__(
        self,
        config: Any = None,
        double: Callable[[_call.Request], Double] | None = None,
        now: datetime | None = None,
    ) -> None:
        self.double = double
        self.now = now or datetime(2025, 1, 1, tzinfo=timezone.utc)
        self.calls: list[list[_call.Request]] = []
        """The requests of the last message, by the call that they were made in."""
        self._config = b"" if config is None else _json.dumps(config)
        self._states: dict[str, dict[str, bytes]] = {}
        self._open: dict[str, bytes] | None = None
        self._logs: list[Line] = []
        self._sent = 0
        self._streams: dict[str, _Stream] = {}
        self._opened = 0
        self._clock = 0.0
        self._start()

    def _start(self) -> None:
        _bridge.host = self
        _dispatch.start("grow.init", _frame.encode_attributes({"type": "grow.init"}), self._config)

    def send(self, type: str, data: Any = None, *, key: str = "", attributes: Mapping[str, str] | None = None) -> Result:
        """Has the actor handle a message. Its data is sent as JSON; bytes are sent as
        they are."""
        if _bridge.host is not self:
            self._start()
        self._sent += 1
        self._logs, self.calls = [], []
        attrs = {"id": f"test.{self._sent}", "source": "test", "type": type, "time": self.now.isoformat()}
        attrs |= {"datacontenttype": "application/json", "correlation": "test", "causation": "test", "attempt": "1"}
        if key:
            attrs["subject"] = key
        attrs |= attributes or {}
        body = data if isinstance(data, bytes) else _json.dumps(data)
        self._open = dict(self._states.get(key, {}))
        self._streams.clear()
        try:
            sent = _dispatch.handle(type, _frame.encode_attributes(attrs), body)
            result = self._result(sent or [])
            if result.outcome == "handled":
                self._states[key] = self._open
            return result
        except (Exception, SystemExit) as e:
            return Result("failed", text=f"{e.__class__.__name__}: {e}", logs=self._logs, exception=e)
        finally:
            self._open = None

    def state(self, key: str = "") -> dict[str, Any]:
        """The values of a key's state, by name."""
        return {name: _json.loads(data) for name, data in self._states.get(key, {}).items()}

    def set_state(self, value: Any, name: str = "", *, key: str = "") -> None:
        """Makes a value one of a key's state."""
        self._states.setdefault(key, {})[name] = _json.dumps(value)

    def _result(self, sent: list[_bridge.RawOutput]) -> Result:
        outputs = []
        for type, attrs, data in sent:
            b = data.encode() if isinstance(data, str) else data
            if type == "grow.error":
                a = attrs or {}
                outcome: Outcome = "later" if a["retry"] == "yes" else "refused"
                return Result(outcome, a["code"], b.decode(), int(a.get("after", "0")) / 1000, logs=self._logs)
            outputs.append(Sent(type, dict(attrs or {}), b))
        return Result("handled", outputs=outputs, logs=self._logs)

    # What the actor asks for.

    def call(self, requests: list[_bridge.RawRequest], /) -> list[_bridge.RawAnswer]:
        """Answers requests."""
        made = []
        for op, attrs, data in requests:
            attrs = dict(attrs or {})
            use = attrs.pop("use", "")
            made.append(_call.Request(op, use, data.encode() if isinstance(data, str) else data, attrs))
        self.calls.append(made)
        return [self._answer(r) for r in made]

    def log(self, type: str, fields: dict[str, str] | None, text: str, /) -> None:
        """Keeps a log line."""
        named = {name.removeprefix("x."): v for name, v in (fields or {}).items()}
        self._logs.append(Line(type.removeprefix("log."), text, named))

    def attributes(self, raw: bytes, /) -> dict[str, str]:
        """Decodes attributes."""
        return _frame.attributes(raw)

    def monotonic(self) -> float:
        """The clock that goes on when something waits."""
        return self._clock

    def sleep(self, seconds: float, /) -> None:
        """Waits, which takes no time."""
        self._clock += seconds

    def _answer(self, r: _call.Request) -> _bridge.RawAnswer:
        d = self._serve(r)
        data = d.data.encode() if isinstance(d.data, str) else d.data
        if d.code:
            return {"type": "grow.error", "code": d.code, "retry": "yes" if d.retry else "no", **d.attributes}, data
        return {"type": "ok", **d.attributes}, data

    def _serve(self, r: _call.Request) -> Double:
        if r.op == "config.get":
            return Double(self._config)
        if r.op == "time.now":
            return Double(attributes={"unix_ns": str(int(self.now.timestamp() * 1_000_000) * 1000)})
        if r.op.startswith("state."):
            return self._serve_state(r)
        if self.double is None:
            return Double(f"no double for {r.op}", code="denied")
        if r.op.startswith("stream."):
            return self._serve_stream(r, self.double)
        return self.double(r)

    def _serve_stream(self, r: _call.Request, double: Callable[[_call.Request], Double]) -> Double:
        if r.op == "stream.open":
            attrs = {n: v for n, v in r.attributes.items() if n not in ("of", "body")}
            whole = "body" not in r.attributes
            s = _Stream(_call.Request(r.attributes["of"], r.use, r.data, attrs), whole, double)
            self._opened += 1
            begun = Double() if not whole else s.begin()
            if not begun.code:
                self._streams[str(self._opened)] = s
            return replace(begun, attributes={"handle": str(self._opened), **begun.attributes})
        handle = r.attributes["handle"]
        if r.op == "stream.close":
            self._streams.pop(handle, None)
            return Double()
        if handle not in self._streams:
            return Double("no such stream is open", code="not_found")
        answer = self._streams[handle].serve(r)
        if r.op == "stream.read" and (answer.attributes.get("end") or answer.code not in ("", "timeout")):
            del self._streams[handle]
        return answer

    def _serve_state(self, r: _call.Request) -> Double:
        if self._open is None:
            return Double("no message is being handled", code="denied")
        name = r.attributes.get("name", "")
        if r.op == "state.get":
            data = self._open.get(name)
            return Double(attributes={"revision": "0"}) if data is None else Double(data, {"revision": "1"})
        if r.op == "state.set":
            self._open[name] = r.data.encode() if isinstance(r.data, str) else r.data
            return Double(attributes={"revision": "1"})
        if r.op == "state.delete":
            self._open.pop(name, None)
            return Double()
        prefix, after = r.attributes.get("prefix", ""), r.attributes.get("after")
        names = [n for n in sorted(self._open, key=str.encode) if n.startswith(prefix) and (after is None or n > after)]
        return Double(_json.dumps(names[:_PAGE_MAX]))


__all__ = ["Double", "Host", "Line", "Outcome", "Result", "Sent", "load"]
