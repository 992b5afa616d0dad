"""One attempt: the request onto a connection, until a final response head comes back or a failure does.

Whatever happens, the connection is back in its pool or ended.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from proxy.errors import (
    BodyTimeoutError,
    ProxyError,
    UpstreamClosedError,
    UpstreamConnectTimeoutError,
    UpstreamDNSError,
    UpstreamTimeoutError,
    UpstreamUnreachableError,
)
from proxy.http.retry import IDEMPOTENT
from proxy.http.sending import Request, written
from proxy.http.upstream import BodyCutError

if TYPE_CHECKING:
    from proxy.http.active import ActiveRoute, Upstream
    from proxy.http.retry import Failure
    from proxy.http.upstream import Connection
    from proxy.http.wire import ResponseHead
    from proxy.oauth.token import Send, Token

DRAIN_TIME = 0.05  # seconds that an unwanted answer may take
DRAINABLE = 64 << 10  # bytes of an unwanted answer that are read to keep its connection


class Outgoing(Request, Protocol):
    """What is sent: a caller's request, or one of our own."""

    def continue_expected(self) -> None:
        """A connection is at hand: who waits with the body may send it."""

    async def pass_interim(self, head: ResponseHead) -> None:
        """An interim response came before the final one.

        Raises:
            ConnectionError: the caller left.
        """


class AttemptFailedError(Exception):
    """No response head; `failure` is what the retry policy knows it by."""

    def __init__(self, error: ProxyError, failure: Failure) -> None:
        super().__init__(str(error))
        self.error = error
        self.failure = failure


@dataclass(slots=True, eq=False)
class Answer:
    """A final response head on a connection that still holds its body, and the request's sender if it still runs.

    `again`: it asks for the same request once more, with a proof made anew (RFC 9449 §9).
    """

    head: ResponseHead
    connection: Connection
    upstream: Upstream
    sender: asyncio.Task[None] | None
    again: bool = False

    async def close(self) -> None:
        """The exchange ends here: relayed whole, or cut; a request that was not sent whole costs the connection."""
        whole = self.sender is None or (self.sender.done() and not self.sender.cancelled() and self.sender.exception() is None)
        if not whole:
            self.connection.abort()
        try:
            await _stop(self.sender)
        finally:
            self.upstream.pool.release(self.connection)

    async def abort(self) -> None:
        """Nobody waits for the answer any more."""
        self.connection.abort()
        await self.close()

    async def dispose(self) -> None:
        """Nobody wants the body: what is already here is dropped, and the connection kept if that was all."""
        read = 0
        try:
            async with asyncio.timeout(DRAIN_TIME):
                while not self.connection.finished() and read < DRAINABLE:
                    read += len(await self.connection.read())
        except (BodyCutError, TimeoutError):
            self.connection.abort()
        finally:
            await self.close()


@dataclass(frozen=True, slots=True, eq=False)
class Sent:
    """A request that went out whole at `at` (monotonic seconds); its answer is on its way on `connection`."""

    upstream: Upstream
    connection: Connection
    token: Token | None
    at: float


async def attempt(call: Outgoing, active: ActiveRoute, token: Token | None, *, fresh: bool) -> Answer:
    """The answer to one send of the request.

    Raises:
        AttemptFailedError: there was no response head.
        ProxyError: the caller's body failed, or the token is not one that can be sent; nothing is sent again.
        ConnectionError: the caller left.
    """
    upstream = active.at(token)
    try:
        idempotent = call.method in IDEMPOTENT and call.body.replayable  # else nothing mends what an old connection breaks
        connection = await upstream.pool.acquire(idempotent=idempotent, fresh=fresh)
    except ProxyError as exc:
        connects = isinstance(exc, UpstreamConnectTimeoutError | UpstreamUnreachableError | UpstreamDNSError)
        raise AttemptFailedError(exc, "connect" if connects else "other") from exc
    sender: asyncio.Task[None] | None = None
    try:
        head_sent, send = written(call, active, upstream, token)
        connection.begin(call.head.method)
        connection.write(head_sent)
        call.continue_expected()
        sender = await _start_body(call, connection)
        head = await _final_head(call, active, connection, sender, active.route.timeout.response)
    except BaseException as exc:
        await _abandon(upstream, connection, sender)
        if isinstance(exc, ProxyError):
            raise _explained(exc, connection, sender) from exc
        raise
    return Answer(head, connection, upstream, sender, _heard(token, send, head))


async def resumed(call: Outgoing, active: ActiveRoute, sent: Sent, *, limit: float) -> Answer:
    """The answer to a request that was sent already, within `limit` seconds.

    Raises:
        AttemptFailedError: there was no response head.
        ConnectionError: the caller left.
    """
    try:
        head = await _final_head(call, active, sent.connection, None, limit)
    except BaseException as exc:
        await _abandon(sent.upstream, sent.connection, None)
        if isinstance(exc, ProxyError):
            raise _explained(exc, sent.connection, None) from exc
        raise
    return Answer(head, sent.connection, sent.upstream, None)


async def _abandon(upstream: Upstream, connection: Connection, sender: asyncio.Task[None] | None) -> None:
    """The exchange failed: nothing of it goes on."""
    connection.abort()
    try:
        await _stop(sender)
    finally:
        upstream.pool.release(connection)


def _heard(token: Token | None, send: Send | None, head: ResponseHead) -> bool:
    """Whether the answer wants the request again, with what it says taken in."""
    if send is None or token is None or token.per_send is None:
        return False
    return token.per_send.heard(send, head.status, head.headers)


async def _start_body(call: Outgoing, connection: Connection) -> asyncio.Task[None] | None:
    """Sends the body: at once where it is here and small, else beside the wait for the answer, which may come early."""
    if call.body.empty:
        return None
    if call.body.ready():
        await _send_body(call, connection)
        return None
    return asyncio.create_task(_send_or_abort(call, connection))


async def _send_or_abort(call: Outgoing, connection: Connection) -> None:
    try:
        await _send_body(call, connection)
    except BaseException:
        connection.abort()  # without a last chunk: what the upstream has is visibly cut
        raise


async def _send_body(call: Outgoing, connection: Connection) -> None:
    chunked = call.body.framing.kind == "chunked"
    try:
        async with aclosing(call.body.pieces()) as pieces:
            async for piece in pieces:
                connection.write(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
                await connection.drain()
    except TimeoutError as exc:
        raise BodyTimeoutError("no byte of the request body came within timeout.idle") from exc
    if chunked:
        connection.write(b"0\r\n\r\n")


async def _final_head(
    call: Outgoing, active: ActiveRoute, connection: Connection, sender: asyncio.Task[None] | None, limit: float
) -> ResponseHead:
    """The final head; interim ones are passed on. `limit`, in seconds, runs from the end of the request's body."""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(None if sender else limit) as timer:
            waiting = True

            def sent(_task: object) -> None:
                if waiting:  # a callback that is on its way cannot be taken back
                    timer.reschedule(loop.time() + limit)

            if sender is not None:
                sender.add_done_callback(sent)
            try:
                while (head := await connection.head()).status < 200:  # noqa: PLR2004  # RFC 9110 §15.2
                    await call.pass_interim(head)
            finally:
                waiting = False
    except TimeoutError as exc:
        raise UpstreamTimeoutError("no response head within timeout.response", key=f"routes.{active.route.name}.timeout.response") from exc
    return head


def _explained(exc: ProxyError, connection: Connection, sender: asyncio.Task[None] | None) -> Exception:
    """What really failed: the caller's body before the upstream's connection."""
    failed = sender.exception() if sender is not None and sender.done() and not sender.cancelled() else None
    if failed is not None and not isinstance(failed, UpstreamClosedError):
        return failed if isinstance(failed, Exception) else exc
    if not isinstance(exc, UpstreamClosedError):
        return AttemptFailedError(exc, "other") if exc.origin == "upstream" else exc
    stale = connection.used > 1 and not connection.answered
    return AttemptFailedError(exc, "closed_reused" if stale else "closed")


async def _stop(task: asyncio.Task[None] | None) -> None:
    if task is None:
        return
    task.cancel()
    await asyncio.wait({task})
    if not task.cancelled():
        task.exception()  # looked at, so that it is not reported as forgotten
