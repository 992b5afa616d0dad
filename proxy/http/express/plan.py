"""What a plain request's head means: the route that takes it, and what is sent for it.

Made once for requests that are alike: many callers repeat themselves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from proxy.errors import ProxyError
from proxy.http.retry import IDEMPOTENT
from proxy.http.routing import request_line, split_target, upstream_path
from proxy.http.wire import RequestHead

if TYPE_CHECKING:
    from proxy.http.active import ActiveRoute
    from proxy.http.handler import Handler
    from proxy.http.plain import Fields

METHODS = {name.encode("ascii"): name for name in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")}


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
