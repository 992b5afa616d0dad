"""The head of one send: the request line and headers, with what the route and the token put there.

Where nothing is made for the send, what was prepared is used as it is.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from proxy.http.headers import encode_head, for_upstream, last_of_each, replace_query, sent_host
from proxy.http.routing import request_line
from proxy.oauth.token import Send

if TYPE_CHECKING:
    from proxy.http.active import ActiveRoute, Upstream
    from proxy.http.body import RequestBody
    from proxy.http.headers import Caller
    from proxy.http.routing import Route
    from proxy.http.wire import RequestHead
    from proxy.oauth.token import Token


class Request(Protocol):
    """What is sent, as far as its head needs it."""

    @property
    def method(self) -> str: ...
    @property
    def head(self) -> RequestHead: ...
    @property
    def body(self) -> RequestBody: ...
    @property
    def caller(self) -> Caller: ...
    @property
    def query(self) -> bytes | None:
        """The query that it came with."""

    @property
    def request_line(self) -> bytes:
        """The request line towards the route's own upstream, with the fixed parameters of `inject`."""

    def path_at(self, route: Route) -> bytes:
        """Its path at the upstream of `route`."""


def written(request: Request, active: ActiveRoute, upstream: Upstream, token: Token | None) -> tuple[bytes, Send | None]:
    """The head, and the Send that a proof was made for, if one was.

    Raises:
        TokenError: the token's answer has not what a template names.
    """
    plain = token is None or (not token.query and token.per_send is None)
    if plain and active.injected.fixed and upstream is active.own:
        put = token.headers if token is not None else ()
        headers = for_upstream(request.head.headers, upstream.headers, request.caller, request.body.framing, put)
        return encode_head(request.request_line, headers), None
    return _made(request, active, upstream, token)


def _made(request: Request, active: ActiveRoute, upstream: Upstream, token: Token | None) -> tuple[bytes, Send | None]:
    path = request.path_at(upstream.route)
    origin = f"{upstream.route.upstream.scheme}://{sent_host(upstream.headers, request.caller).decode('latin-1')}"
    shown = path.decode("latin-1")
    bare = Send(request.method, origin + shown, shown)
    pairs = active.injected.parameters(bare, token) + (token.query if token is not None else ())
    query = replace_query(request.query or b"", pairs) or request.query
    send = bare if query is None else replace(bare, url=f"{bare.url}?{query.decode('latin-1')}")
    put = active.injected.fields(send, token)
    if token is not None:
        put += token.headers
        put += token.per_send.headers(send) if token.per_send is not None else ()
    headers = for_upstream(request.head.headers, upstream.headers, request.caller, request.body.framing, last_of_each(put))
    proven = token is not None and token.per_send is not None
    return encode_head(request_line(request.head.method, path, query), headers), send if proven else None
