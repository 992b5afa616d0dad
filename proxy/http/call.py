"""One request on its way: what came, what was done for it, and what will be told of it.

The walk writes here; metrics, access line and Proxy-Status read it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from proxy.errors import ExpectationFailedError
from proxy.http.headers import Caller, encode_head, for_client, replace_query, request_id_of
from proxy.http.routing import request_line, shown_path, upstream_path

if TYPE_CHECKING:
    from collections.abc import Callable

    from proxy.http.active import ActiveRoute
    from proxy.http.body import Payload, RequestBody
    from proxy.http.routing import Route
    from proxy.http.wire import RequestHead, ResponseHead
    from proxy.oauth.token import Token

CLIENT_LEFT = 499  # what is counted when the caller left before an answer began


class Client(Protocol):
    """A caller's connection, as far as one answer needs it."""

    begun: bool  # a byte of the final response was written

    @property
    def peername(self) -> object:
        """The caller's address; a tuple on TCP."""

    @property
    def closing(self) -> bool:
        """Whether the connection ends after this answer."""

    @property
    def writing_paused(self) -> bool:
        """Whether the caller takes no more for now."""

    def write(self, data: bytes) -> None:
        """Send bytes to the caller.

        Raises:
            ConnectionResetError: the caller left.
        """

    async def drain(self) -> None:
        """Wait until the caller takes more.

        Raises:
            ConnectionError: the caller left.
        """

    def cut(self) -> None:
        """End the connection so that the caller sees an answer cut short: a reset, not an end."""


class Incoming(Protocol):
    """A request as a listener hands it over; `head` is None only where it was refused."""

    @property
    def head(self) -> RequestHead | None: ...
    @property
    def client(self) -> Client:
        """The connection it came on."""

    @property
    def content(self) -> Payload:
        """Its body."""

    @property
    def keep_alive(self) -> bool:
        """Whether the caller would send another request on this connection."""


class Call:
    """A request and its record; times are monotonic seconds."""

    __slots__ = (
        "_new_id",
        "_request_id",
        "active",
        "body",
        "bytes_out",
        "caller",
        "client",
        "code",
        "continued",
        "details",
        "entered",
        "expects",
        "head",
        "host",
        "idempotency_key",
        "incoming",
        "method",
        "path",
        "query",
        "refused_token",
        "request_line",
        "retry_reason",
        "routed",
        "sends",
        "started",
        "status",
        "token",
        "token_word",
        "upstream_status",
    )

    active: ActiveRoute  # these two from `enter` on
    body: RequestBody

    def __init__(self, incoming: Incoming, head: RequestHead, *, started: float, new_id: Callable[[], str]) -> None:
        self.incoming = incoming
        self.entered = False
        self.client: Client = incoming.client
        self.head = head
        self.started = started
        self._new_id = new_id
        self._request_id = ""
        self.method = head.method.decode("ascii")
        self.host = b""
        self.expects = b""
        self.idempotency_key = False
        for name, value in head.headers:
            match name.lower():
                case b"host":
                    self.host = value
                case b"expect":
                    self.expects = value.lower()
                case b"idempotency-key":
                    self.idempotency_key = True
                case b"x-request-id":
                    self._request_id = request_id_of(value)
                case _:
                    pass
        peer = self.client.peername
        self.caller = Caller("http", self.host, str(peer[0]) if isinstance(peer, tuple) else "unix")
        self.path = shown_path(head.target)
        self.routed = b""  # the path that was matched
        self.query: bytes | None = None
        self.request_line = b""
        self.continued = False
        self.token: Token | None = None
        self.refused_token: Token | None = None  # the one that a replay replaced
        self.token_word: str | None = None
        self.retry_reason: str | None = None
        self.details: str | None = None
        self.sends = 0
        self.status = CLIENT_LEFT
        self.code: str | None = None
        self.upstream_status: int | None = None
        self.bytes_out = 0

    @property
    def request_id(self) -> str:
        """The caller's X-Request-Id, or one of ours, made when first asked for."""
        if not self._request_id:
            self._request_id = self._new_id()
        return self._request_id

    @property
    def route_name(self) -> str:
        """The route's name; "" where none took the request."""
        return self.active.route.name if self.entered else ""

    @property
    def alias(self) -> str | None:
        """The credential's alias, if the route has one."""
        return self.active.token.alias if self.entered and self.active.token else None

    def enter(self, active: ActiveRoute, body: RequestBody) -> None:
        """A route took the request."""
        self.active, self.body, self.entered = active, body, True

    def address(self, path: bytes, query: bytes | None) -> None:
        """What of the request target is sent on."""
        self.routed, self.query = path, query
        sent = replace_query(query or b"", self.active.injected.query) or query
        self.request_line = request_line(self.head.method, self.path_at(self.active.route), sent)

    def path_at(self, route: Route) -> bytes:
        """Its path at the upstream of `route`."""
        return upstream_path(route, self.routed)

    def received_whole(self) -> bool:
        """Whether every byte of the request has arrived, so that another may follow."""
        return self.incoming.content.is_eof()

    def check_expectation(self) -> None:
        """Refuse what cannot be met.

        Raises:
            ExpectationFailedError: Expect says something other than 100-continue (RFC 9110 §10.1.1).
        """
        if self.expects and self.expects != b"100-continue" and self.head.minor:
            raise ExpectationFailedError("Expect knows only 100-continue")

    def continue_expected(self) -> None:
        """Tell a waiting caller to send its body, once: a token and a connection are at hand."""
        if self.expects and self.head.minor and not self.continued and not self.body.ready():
            self.continued = True
            self.client.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    async def pass_interim(self, head: ResponseHead) -> None:
        """102, 103 and the like go to HTTP/1.1 callers; 100 was answered here already."""
        if head.status == 100 or not self.head.minor:  # noqa: PLR2004  # Continue
            return
        self.client.write(encode_head(b"HTTP/1.1 %d %b" % (head.status, head.reason), for_client(head.headers)))
        await self.client.drain()
