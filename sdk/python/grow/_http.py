"""HTTP through the capability http.fetch."""

from __future__ import annotations

import urllib.parse
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from functools import partial
from typing import Any, TypedDict, TypeVar, Unpack

from . import _call, _decode, _json, _message
from ._stream import AsyncStream, Stream

T = TypeVar("T")


class Response:
    """An answer to an HTTP request."""

    __slots__ = ("blob", "data", "headers", "status")

    def __init__(self, status: int, headers: dict[str, str], data: bytes, blob: str = "") -> None:
        self.status = status
        self.headers = headers
        """By their names in lower case."""
        self.data = data
        self.blob = blob
        """The key of the body in the grant's bucket, when it was too large to be ``data``."""

    def __repr__(self) -> str:
        return f"<grow.Response {self.status} of {len(self.data)} bytes>"

    @property
    def ok(self) -> bool:
        """Whether the status is one of success."""
        return 200 <= self.status < 300

    @property
    def text(self) -> str:
        """The body as text, which is taken to be UTF-8."""
        return self.data.decode(errors="replace")

    def json(self) -> Any:
        """The body, which must be JSON."""
        return _json.loads(self.data)

    def json_as(self, cls: type[T]) -> T:
        """The body, which must be JSON, as a dataclass."""
        value: T = _decode.decode(cls, self.json(), "body")
        return value


class Options(TypedDict, total=False):
    """What can be said of a request besides its method and where it goes."""

    params: Mapping[str, str | int | float]
    """For the query."""
    headers: Mapping[str, str]
    data: str | bytes
    """The body."""
    json: Any
    """The body, as a value of JSON or a dataclass."""
    blob: str
    """The body, as the key of an object in the grant's bucket."""
    timeout: float | timedelta
    """In seconds."""


def _fetch(use: str, method: str, where: str, options: Mapping[str, Any]) -> _call.Operation[Response]:
    doing = f"http {method} {where}"
    unknown = options.keys() - Options.__annotations__.keys()
    if unknown:
        raise TypeError(f"{doing}: unexpected argument {sorted(unknown)[0]!r}")
    if "json" in options and "data" in options:
        raise TypeError(f"{doing}: data and json are two bodies")
    if "blob" in options and ("data" in options or "json" in options):
        raise TypeError(f"{doing}: blob is a body, and there is another one")
    data: str | bytes = options.get("data", b"")
    headers = {name.lower(): value for name, value in options.get("headers", {}).items()}
    if "json" in options:
        data = _json.dumps(options["json"], doing)
        headers.setdefault("content-type", _message.CONTENT_JSON)
    if params := options.get("params"):
        where += ("&" if "?" in where else "?") + urllib.parse.urlencode(params)
    attrs = {"use": use, "method": method, _place(doing, where): where}
    attrs.update(("header." + name, headers[name]) for name in sorted(headers))
    if timeout := options.get("timeout"):
        attrs["timeout"] = _message.milliseconds(timeout)
    if "blob" in options:
        attrs["blob"] = options["blob"]
    _call.check(doing, attrs)
    return ("http.fetch", attrs, data), _response


def _stream(use: str, method: str, where: str, write: bool, options: Mapping[str, Any]) -> _call.Operation[_call.Answer]:
    (op, attrs, data), _ = _fetch(use, method, where, options)
    attrs = {**(attrs or {}), "of": op, **({"body": "stream"} if write else {})}
    _call.check(f"http {method} {where}", attrs)
    return ("stream.open", attrs, data), lambda a: a


def _stream_operation(
    use: str, name: str, params: Mapping[str, Any], body: Any, timeout: float | timedelta | None
) -> _call.Operation[_call.Answer]:
    (op, attrs, data), _ = _operation(use, name, params, body, timeout)
    return ("stream.open", {**(attrs or {}), "of": op}, data), lambda a: a


def _place(doing: str, where: str) -> str:
    if where.startswith("/"):
        return "path"
    if where.startswith(("http://", "https://")):
        return "url"
    raise ValueError(f"{doing}: expected a path that begins with / or a whole URL")


def _response(a: _call.Answer) -> Response:
    prefix = "header."
    headers = {name[len(prefix) :]: v for name, v in a.attributes.items() if name.startswith(prefix)}
    return Response(int(a.attributes.get("status", "0")), headers, a.data, a.attributes.get("blob", ""))


_ABSENT: Any = object()


def _operation(
    use: str,
    name: str,
    params: Mapping[str, Any],
    body: Any,
    timeout: float | timedelta | None,
) -> _call.Operation[Response]:
    doing = f"http {use} {name}"
    asked: dict[str, Any] = {"params": {n: v for n, v in params.items() if v is not None}}
    if body is not _ABSENT:
        asked["body"] = body
    attrs = {"use": use, "operation": name}
    if timeout:
        attrs["timeout"] = _message.milliseconds(timeout)
    _call.check(doing, attrs)
    return ("http.call", attrs, _json.dumps(asked, doing)), _response


def _method(name: str) -> str:
    if name.startswith("_"):
        raise AttributeError(name)
    return name


class HTTP:
    """HTTP with a grant of the actor.

    Where a request goes is a path below what the grant covers, or a whole URL. It takes
    ``params`` for the query, ``headers``, a body as ``data`` or ``json``, and a
    ``timeout`` in seconds. A response of any status is returned; what does not come
    about raises a :class:`grow.CallError`.

    With a grant that names an OpenAPI document, its operations are methods:
    ``ctx.http("tax").get_rate(country="DE")``.
    """

    __slots__ = ("_use",)

    def __init__(self, use: str) -> None:
        self._use = use

    def request(self, method: str, where: str, **options: Unpack[Options]) -> Response:
        """Makes a request."""
        return _call.now(_fetch(self._use, method.upper(), where, options))

    def get(self, where: str, **options: Unpack[Options]) -> Response:
        """Makes a GET request."""
        return self.request("GET", where, **options)

    def head(self, where: str, **options: Unpack[Options]) -> Response:
        """Makes a HEAD request."""
        return self.request("HEAD", where, **options)

    def post(self, where: str, **options: Unpack[Options]) -> Response:
        """Makes a POST request."""
        return self.request("POST", where, **options)

    def put(self, where: str, **options: Unpack[Options]) -> Response:
        """Makes a PUT request."""
        return self.request("PUT", where, **options)

    def patch(self, where: str, **options: Unpack[Options]) -> Response:
        """Makes a PATCH request."""
        return self.request("PATCH", where, **options)

    def delete(self, where: str, **options: Unpack[Options]) -> Response:
        """Makes a DELETE request."""
        return self.request("DELETE", where, **options)

    def stream(self, method: str, where: str, *, write: bool = False, **options: Unpack[Options]) -> Stream:
        """Makes a request whose answer is read in pieces, as it comes. With ``write`` the
        body is only its begin: the rest is written to the stream."""
        return Stream(self._use, _call.now(_stream(self._use, method.upper(), where, write, options)))

    def call(
        self,
        operation: str,
        params: Mapping[str, Any] | None = None,
        /,
        *,
        body: Any = _ABSENT,
        timeout: float | timedelta | None = None,
        **more: Any,
    ) -> Response:
        """Asks for an operation of the grant's OpenAPI document, by its operationId.

        Parameters are named as in the document; those whose names are none in Python
        are given as a mapping. What does not fit the document, be it asked or answered,
        raises a :class:`grow.CallError` of code ``invalid``.
        """
        return _call.now(_operation(self._use, operation, {**(params or {}), **more}, body, timeout))

    def stream_call(
        self,
        operation: str,
        params: Mapping[str, Any] | None = None,
        /,
        *,
        body: Any = _ABSENT,
        timeout: float | timedelta | None = None,
        **more: Any,
    ) -> Stream:
        """:meth:`call`, whose answer is read in pieces, as it comes: server-sent events, or
        what is no JSON. All but its body is held against the document first."""
        asked = _stream_operation(self._use, operation, {**(params or {}), **more}, body, timeout)
        return Stream(self._use, _call.now(asked))

    def __getattr__(self, name: str) -> Callable[..., Response]:
        return partial(self.call, _method(name))


class AsyncHTTP:
    """:class:`HTTP` for handlers that are ``async``."""

    __slots__ = ("_use",)

    def __init__(self, use: str) -> None:
        self._use = use

    async def request(self, method: str, where: str, **options: Unpack[Options]) -> Response:
        """Makes a request."""
        return await _call.soon(_fetch(self._use, method.upper(), where, options))

    async def get(self, where: str, **options: Unpack[Options]) -> Response:
        """Makes a GET request."""
        return await self.request("GET", where, **options)

    async def head(self, where: str, **options: Unpack[Options]) -> Response:
        """Makes a HEAD request."""
        return await self.request("HEAD", where, **options)

    async def post(self, where: str, **options: Unpack[Options]) -> Response:
        """Makes a POST request."""
        return await self.request("POST", where, **options)

    async def put(self, where: str, **options: Unpack[Options]) -> Response:
        """Makes a PUT request."""
        return await self.request("PUT", where, **options)

    async def patch(self, where: str, **options: Unpack[Options]) -> Response:
        """Makes a PATCH request."""
        return await self.request("PATCH", where, **options)

    async def delete(self, where: str, **options: Unpack[Options]) -> Response:
        """Makes a DELETE request."""
        return await self.request("DELETE", where, **options)

    async def stream(self, method: str, where: str, *, write: bool = False, **options: Unpack[Options]) -> AsyncStream:
        """Makes a request whose answer is read in pieces, as it comes."""
        return AsyncStream(self._use, await _call.soon(_stream(self._use, method.upper(), where, write, options)))

    async def call(
        self,
        operation: str,
        params: Mapping[str, Any] | None = None,
        /,
        *,
        body: Any = _ABSENT,
        timeout: float | timedelta | None = None,
        **more: Any,
    ) -> Response:
        """Asks for an operation of the grant's OpenAPI document, by its operationId."""
        return await _call.soon(_operation(self._use, operation, {**(params or {}), **more}, body, timeout))

    async def stream_call(
        self,
        operation: str,
        params: Mapping[str, Any] | None = None,
        /,
        *,
        body: Any = _ABSENT,
        timeout: float | timedelta | None = None,
        **more: Any,
    ) -> AsyncStream:
        """:meth:`call`, whose answer is read in pieces, as it comes."""
        asked = _stream_operation(self._use, operation, {**(params or {}), **more}, body, timeout)
        return AsyncStream(self._use, await _call.soon(asked))

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Response]]:
        return partial(self.call, _method(name))
