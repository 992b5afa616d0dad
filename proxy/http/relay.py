"""The answer's way back: head as bytes, body as it streams, cut short where it was cut short.

A response gains at most Proxy-Status and X-Request-Id; framing is of this hop.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from proxy.http.headers import encode_head, for_client, rewrite_cookie, rewrite_location
from proxy.http.told import proxy_status
from proxy.http.upstream import BodyCutError

if TYPE_CHECKING:
    from proxy.http.attempt import Answer
    from proxy.http.call import Call
    from proxy.http.headers import Caller
    from proxy.http.routing import Route
    from proxy.http.wire import Header

_LOCATIONS = frozenset({b"location", b"content-location"})
_COOKIE = b"set-cookie"


async def relay(call: Call, answer: Answer) -> bool:
    """Send `answer` to the caller; whether its connection may serve another request.

    Raises:
        ConnectionError: the caller left.
    """
    head = answer.head
    call.status = call.upstream_status = head.status
    framing = answer.connection.framing
    chunked = framing.kind in {"chunked", "close"} and bool(call.head.minor)
    framed = chunked or framing.kind in {"none", "length"}
    keep_alive = framed and call.incoming.keep_alive and call.received_whole() and not call.client.closing
    try:
        start = _head(call, answer, chunked=chunked, keep_alive=keep_alive)
        call.client.begun = True
        whole = await _body(call, answer, start, chunked=chunked)
    except BaseException:
        if call.client.begun:
            call.client.cut()  # else an answer that only the connection's end ends would look whole
        await answer.abort()
        raise
    await answer.close()
    return whole and keep_alive


def _head(call: Call, answer: Answer, *, chunked: bool, keep_alive: bool) -> bytes:
    head = answer.head
    extra: list[Header] = []
    if call.details is not None:
        extra.append(proxy_status(call.details))
        if not head.values(b"x-request-id"):
            extra.append((b"X-Request-Id", call.request_id.encode("ascii")))
    if chunked:
        extra.append((b"Transfer-Encoding", b"chunked"))
    if not keep_alive:
        extra.append((b"Connection", b"close"))
    elif not call.head.minor:
        extra.append((b"Connection", b"keep-alive"))
    route = answer.upstream.route
    headers = [(name, rewritten(name.lower(), value, route, call.caller)) for name, value in for_client(head.headers, extra)]
    if head.status == 204:  # noqa: PLR2004  # RFC 9110 §8.6: no Content-Length
        headers = [(name, value) for name, value in headers if name.lower() != b"content-length"]
    return encode_head(b"HTTP/1.1 %d %b" % (head.status, head.reason), headers)


def rewritten(name: bytes, value: bytes, route: Route, caller: Caller) -> bytes:
    """A response field's value as the caller gets it; `name` in lower case."""
    if name in _LOCATIONS:
        return rewrite_location(value, route, caller) if route.rewrite.location else value
    return rewrite_cookie(value, route) if name == _COOKIE and route.rewrite.cookies else value


async def _body(call: Call, answer: Answer, start: bytes, *, chunked: bool) -> bool:
    """Write the head, then the body as it comes; whether it was whole."""
    client, connection = call.client, answer.connection
    idle = call.active.route.timeout.idle
    if not connection.has_input():
        client.write(start)
        start = b""
    try:
        while piece := await _next(answer, idle):
            call.bytes_out += len(piece)
            client.write(start + (b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece))
            start = b""
            await _drained(call, idle)
    except (BodyCutError, TimeoutError) as exc:
        if start:
            client.write(start)
        call.code = "upstream_body_cut" if isinstance(exc, BodyCutError) else "body_idle"
        client.cut()
        return False
    if chunked or start:
        client.write(start + (b"0\r\n\r\n" if chunked else b""))
    return True


async def _next(answer: Answer, idle: float) -> bytes:
    if answer.connection.has_input():
        return await answer.connection.read()
    async with asyncio.timeout(idle):
        return await answer.connection.read()


async def _drained(call: Call, idle: float) -> None:
    if not call.client.writing_paused:
        return
    async with asyncio.timeout(idle):
        await call.client.drain()
