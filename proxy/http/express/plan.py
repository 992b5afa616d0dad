"""What a plain request's head means: the route that takes it, and what is sent for it.

Made once for requests that are alike: many callers repeat themselves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from proxy.errors import ProxyError
from proxy.http.headers import encode_head, for_upstream
from proxy.http.plain import REQUEST_LINE, read_fields, sent_fields
from proxy.http.retry import IDEMPOTENT
from proxy.http.routing import request_line, split_target, upstream_path
from proxy.http.wire import RequestHead

if TYPE_CHECKING:
    from proxy.http.active import ActiveRoute
    from proxy.http.express.writing import Writing
    from proxy.http.handler import Handler
    from proxy.http.headers import HeaderPolicy
    from proxy.http.plain import Fields
    from proxy.oauth.token import Token

METHODS = {name.encode("ascii"): name for name in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")}
REMEMBERED = 2 << 10  # bytes of the largest head that is remembered; an idle connection stays small


class Plan:
    """A plain request, but for its body.

    `active` is the route that serves it at a glance; None where it takes the walk, which also says why it is refused.
    """

    __slots__ = ("active", "bodiless", "fields", "handler", "idempotent", "line", "method", "name", "target")

    def __init__(self, handler: Handler, method: bytes, target: bytes, fields: Fields) -> None:
        self.handler = handler
        self.method = method
        self.target = target
        self.fields = fields
        self.name = METHODS[method]
        self.idempotent = self.name in IDEMPOTENT
        self.bodiless = method == b"HEAD"
        self.active: ActiveRoute | None = None
        self.line = b""  # towards the upstream
        try:
            path, query = split_target(target, fields.host)
            active = handler.find(fields.host, self.name, path)
        except ProxyError:
            return
        if active.at_a_glance:
            self.active = active
            self.line = request_line(method, upstream_path(active.route, path), query)

    @property
    def head(self) -> RequestHead:
        """The request's head, as the walk knows it."""
        return RequestHead(self.method, self.target, 1, self.fields.headers, self.fields.framing)


class Plans:
    """What was asked last on one connection, and what it meant; when that ends, the next connection has it."""

    __slots__ = ("_block", "_fields", "_head", "_plan", "_tail", "_tail_of")

    def __init__(self) -> None:
        self._head = b""
        self._plan: Plan | None = None
        self._block = b""  # the header fields of `_head`
        self._fields: Fields | None = None
        self._tail = b""
        self._tail_of: tuple[HeaderPolicy | None, Token | None, Fields | None, Writing | None] = (None, None, None, None)

    def hand_on(self, handler: Handler) -> bool:
        """Whether the next connection has anything of them, with `handler` in service; who asked is forgotten."""
        if self._tail_of[3] is not None:
            self._tail, self._tail_of = b"", (None, None, None, None)
        return self._plan is not None and self._plan.handler is handler

    def of(self, handler: Handler, head: bytes, max_headers: int) -> Plan | None:
        """What the request means whose `head` ends before the empty line; None where it is not plain."""
        if head == self._head and self._plan is not None and self._plan.handler is handler:
            return self._plan
        line = REQUEST_LINE.match(head)
        if line is None:
            return None
        block = head[line.end() :]
        fields = self._fields if block == self._block else read_fields(block, max_headers)
        if fields is None:
            return None
        plan = Plan(handler, line[1], line[2], fields)
        if len(head) <= REMEMBERED:
            self._head, self._plan, self._block, self._fields = head, plan, block, fields
        return plan

    def tail(self, active: ActiveRoute, token: Token | None, fields: Fields, client: Writing) -> bytes:
        """A request's head behind its first line, as `active` sends it with `token`."""
        of, policy, named = self._tail_of, active.own.headers, client if active.names_callers else None
        if of[0] is policy and of[1] is token and of[2] is fields and of[3] is named:
            return self._tail
        put = token.headers if token is not None else ()
        tail = sent_fields(fields, policy, put)
        if tail is None:
            tail = encode_head(b"", for_upstream(fields.headers, policy, client.caller(fields.host), fields.framing, put))
        if fields is self._fields:
            self._tail, self._tail_of = tail, (policy, token, fields, named)
        return tail
