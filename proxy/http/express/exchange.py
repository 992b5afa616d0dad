"""One plain call, from its head to the end of its answer, in callbacks alone.

What it cannot settle at a glance goes on in the walk, with all that was sent and received so far.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from proxy.http.attempt import Sent
from proxy.http.call import CLIENT_LEFT, Call
from proxy.http.express.arriving import Arriving, Request
from proxy.http.plain import read_response
from proxy.http.relay import rewritten
from proxy.http.routing import shown_path, split_target
from proxy.http.wire import ChunkScanner, MalformedError
from proxy.logs import Access

if TYPE_CHECKING:
    from collections.abc import Callable

    from proxy.http.active import ActiveRoute
    from proxy.http.express.front import Front
    from proxy.http.express.plan import Plan
    from proxy.http.plain import PlainResponse
    from proxy.http.upstream import Connection
    from proxy.oauth.token import Token


class Exchange:
    """A plain request, whole, and once it is sent the Receiver of its answer."""

    __slots__ = (
        "_active",
        "_begun",
        "_body",
        "_bytes_out",
        "_connection",
        "_front",
        "_keep_alive",
        "_keeps_upstream",
        "_kept",
        "_plan",
        "_remaining",
        "_scanner",
        "_started",
        "_status",
        "_token",
        "deadline",
    )

    def __init__(self, front: Front, plan: Plan, body: bytes) -> None:
        self._front = front
        self._plan = plan
        self._body = body
        self._begun = False  # the answer's head went to the caller
        self._status = CLIENT_LEFT
        self._bytes_out = 0

    def begin(self) -> bool:
        """Send the request at once; False where something is not at hand, or has to be said first. Nothing has happened then."""
        plan, active = self._plan, self._plan.active
        if active is None:
            return False
        now = plan.handler.clock()
        kept = self._kept_of(active) if self._body else 0
        if kept is None and len(self._body) <= active.route.replay.disk:  # the walk may keep it in a file
            return False
        token: Token | None = None
        if active.token is not None:
            token = active.token.source.peek(active.token.key, now)
            if token is None or not token.at_a_glance:
                return False
            if kept is None and now >= token.due_at:  # a body that cannot be replayed asks for the full margin
                return False
        connection = _taken(active, kept or 0, idempotent=plan.idempotent and kept is not None)
        if connection is None:
            return False
        plan.handler.begin()
        active.metrics.started()
        active.budget.deposit()
        self._active, self._connection, self._token = active, connection, token
        self._kept = kept or 0
        self._started = now
        self.deadline = now + active.first_deadline
        self._front.began(self)
        connection.lend(self, plan.line + self._front.plans.tail(active, token, plan.fields, self._front) + self._body)
        return True

    def _kept_of(self, active: ActiveRoute) -> int | None:
        """Bytes that the body takes of the route's memory for a replay; None where there can be none."""
        size, plan = len(self._body), self._plan
        again = active.policy.may_send_again(plan.name, idempotency_key=plan.fields.idempotency_key, has_token=active.token is not None)
        return size if again and size <= active.route.replay.memory else None

    # the answer

    def received(self, data: bytes) -> None:
        """The next bytes of the answer."""
        if self._begun:
            self._go_on(data)
            return
        end = data.find(b"\r\n\r\n")
        try:
            plain = read_response(data[:end], self._rewrite, bodiless=self._plan.bodiless) if end > 0 else None
        except Exception as exc:  # noqa: BLE001  # a fault of ours: the walk reads the answer in its own way
            self._plan.handler.logs.event("error", "internal_error", exc_info=exc)
            plain = None
        if plain is None or plain[0] in self._active.judged:
            self._leave(data)
        else:
            self._begin(plain, data, end)

    def ended(self) -> None:
        """The upstream's connection ended before the answer did."""
        if not self._begun:
            self._leave(b"")
            return
        self._broken("upstream_body_cut")

    def _begin(self, plain: PlainResponse, data: bytes, end: int) -> None:
        """The answer's head, and what came behind its `end`."""
        front, now = self._front, self._plan.handler.clock()
        status, head, length, keeps_upstream = plain
        self._active.metrics.upstream(now - self._started)
        self._status, self._begun = status, True
        keep_alive = self._keep_alive = self._plan.fields.keep_alive and not front.closing
        if not keep_alive:
            head += b"\r\nConnection: close"
        here = len(data) - end - 4
        if here == length:  # the usual case: all of it at once
            self._bytes_out = here
            front.send(head + data[end:])
            self._answered(now, clean=keeps_upstream)
            return
        front.begun = True
        self._keeps_upstream = keeps_upstream
        self._remaining, self._scanner = length or 0, None
        if length is None:
            self._scanner = ChunkScanner()
            head = plain[1] + b"\r\nTransfer-Encoding: chunked" + head[len(plain[1]) :]
        front.send(head + b"\r\n\r\n")
        self.deadline = now + self._active.route.timeout.idle
        if here:
            self._go_on(data[end + 4 :])

    def _go_on(self, data: bytes) -> None:
        now = self._plan.handler.clock()
        self.deadline = now + self._active.route.timeout.idle
        if self._scanner is not None:
            self._go_on_chunked(self._scanner, data, now)
            return
        left = self._remaining - len(data)
        if left < 0:
            data = data[:left]
        self._bytes_out += len(data)
        self._remaining = left
        self._front.send(data)
        if left <= 0:
            self._answered(now, clean=self._keeps_upstream and not left)

    def _go_on_chunked(self, scanner: ChunkScanner, data: bytes, now: float) -> None:
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
            self._answered(now, clean=self._keeps_upstream and not scanner.rest)

    def _rewrite(self, name: bytes, value: bytes) -> bytes:
        return rewritten(name, value, self._active.route, self._front.caller(self._plan.fields.host))

    # the caller

    def hold(self) -> None:
        """The caller takes no more for now."""
        self._connection.hold()

    def resume(self) -> None:
        """The caller takes more."""
        self.deadline = self._plan.handler.clock() + self._active.route.timeout.idle
        self._connection.go_on()

    def client_left(self) -> None:
        """The caller left before the end of the answer."""
        self._finish(self._plan.handler.clock(), "client_left", clean=False)

    def late(self) -> None:
        """No head within the route's limits, which the walk tells; or nothing moved in the body for too long."""
        if not self._begun:
            self._leave(b"")
            return
        self._broken("body_idle")

    # the end

    def _answered(self, now: float, *, clean: bool) -> None:
        self._finish(now, None, clean=clean)
        self._front.answered(keep_alive=self._keep_alive)

    def _broken(self, code: str) -> None:
        """The answer stays visibly cut."""
        self._finish(self._plan.handler.clock(), code, clean=False)
        self._front.cut()

    def _finish(self, now: float, code: str | None, *, clean: bool) -> None:
        active, handler = self._active, self._plan.handler
        self._front.over(self)
        self._connection.settle(clean=clean)
        active.own.pool.release(self._connection)
        if self._kept:
            active.memory.give_back(self._kept)
        active.leave()
        active.metrics.finished(self._plan.name, self._status, now - self._started)
        if handler.tells_access:
            handler.logs.access(self._entry(code, now - self._started))
        handler.end()

    def _entry(self, code: str | None, seconds: float) -> Access:
        """The access line of the call, which is over."""
        plan, active = self._plan, self._active
        return Access(
            request_id=plan.fields.request_id or plan.handler.new_id(),
            client=self._front.address,
            method=plan.name,
            path=shown_path(plan.target).decode("ascii"),
            route=active.route.name,
            status=self._status,
            seconds=seconds,
            bytes_in=len(self._body),
            bytes_out=self._bytes_out,
            attempts=1,
            upstream_status=self._status if self._begun else None,
            alias=active.token.alias if active.token else None,
            code=code,
            token="cached" if self._token else None,
        )

    def _leave(self, data: bytes) -> None:
        """Go on in the walk, from the wait for the answer's head; `data` is what came of it."""
        call = self._as_call()
        self._front.over(self)
        self._connection.read_on(self._plan.method, data)
        sent = Sent(self._active.own, self._connection, self._token, self._started)
        self._front.walk(self._plan.handler.resume(call, sent))

    def serve(self, read: Callable[[], None]) -> Arriving:
        """Take the walk from its start; the body, of which `read` is told when it was taken."""
        payload = Arriving(self._plan.fields.length or 0, self._body, read)
        self._front.walk(self._plan.handler.serve(self._request(payload)))
        return payload

    def _request(self, payload: Arriving) -> Request:
        return Request(self._plan.head, self._front, payload, self._plan.fields.keep_alive)

    def _as_call(self) -> Call:
        """The call in service, as the walk knows it."""
        plan = self._plan
        request = self._request(Arriving(0, b"", _nobody))
        call = Call(request, request.head, started=self._started, new_id=plan.handler.new_id)
        body = plan.handler.body_of(call, self._active)
        body.keep_whole(self._body)
        call.enter(self._active, body)
        call.address(*split_target(plan.target, call.host))
        call.token_word = "cached" if self._token else None
        return call


def _taken(active: ActiveRoute, kept: int, *, idempotent: bool) -> Connection | None:
    """An idle connection, with a place on the route and the memory for the body; None, with nothing taken, where one of them is missing."""
    if not active.enter():
        return None
    if kept and not active.memory.take(kept):
        active.leave()
        return None
    connection = active.own.pool.take(idempotent=idempotent)
    if connection is None:
        active.memory.give_back(kept)
        active.leave()
    return connection


def _nobody() -> None:
    """Nobody waits for more of a body that is here."""
