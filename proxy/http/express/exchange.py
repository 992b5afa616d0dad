"""One plain call, from its head to the end of its answer, in callbacks alone.

What it cannot settle at a glance goes on in the walk, with all that was sent and received so far.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from proxy.errors import ProxyError
from proxy.http.attempt import Sent
from proxy.http.call import CLIENT_LEFT, Call
from proxy.http.express.arriving import Arriving, Request
from proxy.http.plain import read_response
from proxy.http.relay import rewritten
from proxy.http.retry import IDEMPOTENT
from proxy.http.routing import request_line, split_target, upstream_path
from proxy.http.wire import ChunkScanner, MalformedError, RequestHead

if TYPE_CHECKING:
    from proxy.http.active import ActiveRoute
    from proxy.http.express.front import Front
    from proxy.http.handler import Handler
    from proxy.http.plain import Fields, PlainResponse
    from proxy.http.upstream import Connection
    from proxy.oauth.token import Token


class Asked:
    """A plain request, whole: its line taken apart, its fields, its body."""

    __slots__ = ("body", "fields", "method", "target")

    def __init__(self, method: bytes, target: bytes, fields: Fields, body: bytes) -> None:
        self.method = method
        self.target = target
        self.fields = fields
        self.body = body

    @property
    def head(self) -> RequestHead:
        """The head, as the walk knows it."""
        return RequestHead(self.method, self.target, 1, self.fields.headers, self.fields.framing)


class Exchange:
    """A call that was sent, and the Receiver of its answer."""

    __slots__ = (
        "_active",
        "_asked",
        "_begun",
        "_bytes_out",
        "_connection",
        "_front",
        "_handler",
        "_keep_alive",
        "_keeps_upstream",
        "_method",
        "_remaining",
        "_scanner",
        "_sent",
        "_started",
        "_status",
        "_taken",
        "_token",
        "deadline",
        "kept",
    )

    def __init__(  # noqa: PLR0917  # once for each request: keywords cost
        self, front: Front, handler: Handler, asked: Asked, active: ActiveRoute, connection: Connection, token: Token | None, now: float
    ) -> None:
        self._front = front
        self._handler = handler
        self._asked = asked
        self._active = active
        self._connection = connection
        self._token = token
        self._started = self._sent = now
        self._taken = b""  # of the answer's head
        self._begun = False  # the answer's head went to the caller
        self._status = CLIENT_LEFT
        self._bytes_out = 0
        self.kept = 0  # bytes of the route's memory that the body has
        timeout = active.route.timeout
        self.deadline = now + min(timeout.response, timeout.total)

    # the answer

    def received(self, data: bytes) -> None:
        """The next bytes of the answer."""
        if self._begun:
            self._go_on(data)
            return
        end = data.find(b"\r\n\r\n")
        if end < 0:
            self._leave(data)
            return
        active, head_only = self._active, self._asked.method == b"HEAD"
        plain = read_response(data[:end], self._rewrite, bodiless=head_only)
        if plain is None or plain.status in active.judged:
            self._leave(data)
            return
        self._begin(plain, data[end + 4 :])

    def ended(self) -> None:
        """The upstream's connection ended before the answer did."""
        if not self._begun:
            self._leave(b"")
            return
        self._finish("upstream_body_cut", clean=False)
        self._front.cut()

    def _begin(self, plain: PlainResponse, data: bytes) -> None:
        front, now = self._front, self._handler.clock()
        self._active.metrics.upstream(now - self._sent)
        self._begun = True
        front.begun = True
        self._status = plain.status
        self._keeps_upstream = plain.keep_alive
        self._keep_alive = self._asked.fields.keep_alive and not front.closing
        start = plain.head
        if plain.length is None:
            self._scanner: ChunkScanner | None = ChunkScanner()
            start += b"\r\nTransfer-Encoding: chunked"
        else:
            self._scanner = None
            self._remaining = plain.length
        start += b"\r\n\r\n" if self._keep_alive else b"\r\nConnection: close\r\n\r\n"
        self.deadline = now + self._active.route.timeout.idle
        if self._scanner is None and len(data) == plain.length:  # all at once
            self._bytes_out = plain.length
            front.send(start + data)
            self._answered(clean=plain.keep_alive)
            return
        front.send(start)
        if data:
            self._go_on(data)

    def _go_on(self, data: bytes) -> None:
        self.deadline = self._handler.clock() + self._active.route.timeout.idle
        if self._scanner is not None:
            self._go_on_chunked(self._scanner, data)
            return
        left = self._remaining - len(data)
        if left < 0:
            data = data[:left]
        self._bytes_out += len(data)
        self._remaining = left
        self._front.send(data)
        if left <= 0:
            self._answered(clean=self._keeps_upstream and not left)

    def _go_on_chunked(self, scanner: ChunkScanner, data: bytes) -> None:
        try:
            piece = b"".join(scanner.feed(data))
        except MalformedError:
            self.ended()
            return
        self._bytes_out += len(piece)
        framed = b"%x\r\n%b\r\n" % (len(piece), piece) if piece else b""
        if scanner.done:
            framed += b"0\r\n\r\n"
        if framed:
            self._front.send(framed)
        if scanner.done:
            self._answered(clean=self._keeps_upstream and not scanner.rest)

    def _rewrite(self, name: bytes, value: bytes) -> bytes:
        return rewritten(name, value, self._active.route, self._front.caller(self._asked.fields.host))

    # the caller

    def hold(self) -> None:
        """The caller takes no more for now."""
        self._connection.hold()

    def resume(self) -> None:
        """The caller takes more."""
        self.deadline = self._handler.clock() + self._active.route.timeout.idle
        self._connection.go_on()

    def client_left(self) -> None:
        """The caller left before the end of the answer."""
        self._finish("client_left", clean=False)

    def late(self) -> None:
        """No head within the route's limits, which the walk tells; or nothing moved in the body for too long."""
        if not self._begun:
            self._leave(b"")
            return
        self._finish("body_idle", clean=False)
        self._front.cut()

    # the end

    def _answered(self, *, clean: bool) -> None:
        self._finish(None, clean=clean)
        self._front.answered(keep_alive=self._keep_alive)

    def _finish(self, code: str | None, *, clean: bool) -> None:
        active, handler, asked = self._active, self._handler, self._asked
        self._front.over(self)
        self._connection.settle(clean=clean)
        active.own.pool.release(self._connection)
        active.memory.give_back(self.kept)
        active.leave()
        seconds = handler.clock() - self._started
        active.metrics.finished(METHODS[asked.method], self._status, seconds)
        if handler.tells_access:
            call = self._as_call()
            call.status, call.code, call.bytes_out = self._status, code, self._bytes_out
            call.upstream_status = self._status if self._begun else None
            handler.tell_access(call, seconds)
        handler.end()

    def _leave(self, data: bytes) -> None:
        """Go on in the walk, from the wait for the answer's head; `data` is what came of it."""
        call = self._as_call()
        self._front.over(self)
        self._connection.read_on(self._asked.method, data)
        sent = Sent(self._active.own, self._connection, self._token, self._sent)
        call.sends = 0
        self._front.walk(self._handler.resume(call, sent))

    def _as_call(self) -> Call:
        asked, handler = self._asked, self._handler
        request = Request(asked.head, self._front, Arriving(0, b"", _nobody), asked.fields.keep_alive)
        call = Call(request, asked.head, started=self._started, new_id=handler.new_id)
        body = handler.body_of(call, self._active)
        body.keep_whole(asked.body)
        call.enter(self._active, body)
        call.address(*split_target(asked.target, call.host))
        call.token_word = "cached" if self._token else None
        call.sends = 1
        return call


METHODS = {name.encode("ascii"): name for name in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")}


def begin(front: Front, handler: Handler, asked: Asked) -> Exchange | None:
    """Send the request at once; None where something is not at hand, or has to be said first. Nothing has happened then."""
    now, fields, method = handler.clock(), asked.fields, METHODS[asked.method]
    try:
        path, query = split_target(asked.target, fields.host)
        active = handler.find(fields.host, method, path)
    except ProxyError:
        return None
    if not active.at_a_glance:
        return None
    kept = _kept(active, asked, method)
    token: Token | None = None
    if active.token is not None:
        token = active.token.source.peek(active.token.key, now)
        if token is None or token.query or token.per_send is not None or token.upstream is not None:
            return None
        if kept is None and now >= token.due_at:  # a body that cannot be replayed asks for the full margin
            return None
    connection = _connection(active, kept, idempotent=method in IDEMPOTENT and kept is not None)
    if connection is None:
        return None
    handler.begin()
    active.metrics.started()
    active.budget.deposit()
    exchange = Exchange(front, handler, asked, active, connection, token, now)
    exchange.kept = kept or 0
    front.began(exchange)
    connection.lend(exchange)
    line = request_line(asked.method, upstream_path(active.route, path), query)
    connection.write(line + front.tail(active, token, fields) + asked.body)
    return exchange


def _kept(active: ActiveRoute, asked: Asked, method: str) -> int | None:
    """Bytes that the body takes of the route's memory for a replay; None where there can be none."""
    if not asked.body:
        return 0
    size = len(asked.body)
    again = active.policy.may_send_again(method, idempotency_key=asked.fields.idempotency_key, has_token=active.token is not None)
    return size if again and size <= active.route.replay.memory else None


def _connection(active: ActiveRoute, kept: int | None, *, idempotent: bool) -> Connection | None:
    """An idle connection, with a place on the route and the memory for the body; None, with nothing taken, where one of them is missing."""
    if not active.enter():
        return None
    if kept and not active.memory.take(kept):
        active.leave()
        return None
    connection = active.own.pool.take(idempotent=idempotent)
    if connection is None:
        active.memory.give_back(kept or 0)
        active.leave()
    return connection


def _nobody() -> None:
    """Nobody waits for more of a body that is here."""
