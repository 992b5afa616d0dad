"""Rules that need more than one key: addresses, TLS pairs, matchers, header names.

Each yields what is wrong at the node that repairs it, and never the value itself when it could hold a secret.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from proxy.addresses import forbidden_address, is_loopback
from proxy.egress import EgressProxy
from proxy.http.address import HOST, UpstreamURL
from proxy.http.routing import ExpiredWhen, Inject, RouteTLS
from proxy.settings.certificates import pair_fault
from proxy.settings.problems import Place, join

if TYPE_CHECKING:
    from proxy.egress import Egress
    from proxy.settings.source import Node

Fault = tuple[Place, str, str]  # place, key, text
Values = Mapping[str, object]

TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110 §5.6.2
_FIELD_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")  # RFC 9110 §5.5
NOT_OURS = frozenset({
    "connection", "content-length", "expect", "host", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection",
    "te", "trailer", "transfer-encoding", "upgrade",
})  # fmt: skip
_PATH = re.compile(r"[A-Za-z0-9/._~!$&'()*+,;=:@%-]*")  # RFC 3986 §3.3
_NAME = re.compile(r"[A-Za-z0-9._:/-]{1,128}")  # it stands in labels and header fields
_DOT_SEGMENT = re.compile(r"(\.|%2e){1,2}", re.IGNORECASE)
_FORBIDDEN, _SUCCESS, _FAILURE = 403, 2, 5  # what says nothing about a token by itself: this status, and these classes (RFC 9110 §15)
_TIMEOUTS = ("connect", "response", "total", "idle")


class ClientTLS(Protocol):
    """TLS of outgoing calls: to an upstream, or to a token endpoint."""

    @property
    def ca(self) -> str | None: ...
    @property
    def cert(self) -> str | None: ...
    @property
    def key(self) -> str | None: ...
    @property
    def server_name(self) -> str | None: ...


def fault(node: Node, text: str) -> Fault:
    """A fault at this node."""
    return node.place, node.key, text


def url_fault(url: UpstreamURL, *, allow_plaintext: bool, allow_link_local: bool) -> str | None:
    """Why this address is not called, or None."""
    if forbidden_address(url.host) and not allow_link_local:
        return "a link-local or metadata address is not called; allow_link_local: true allows it"
    if url.scheme == "http" and not is_loopback(url.host) and not allow_plaintext:
        return "http shows everything on the way; write https, or allow_plaintext: true"
    return None


def path_fault(path: str) -> str | None:
    """Why this is no path that a request could have, or None."""
    if not _PATH.fullmatch(path):
        return "it has a character that a path cannot have; write it as %XX"
    if any(_DOT_SEGMENT.fullmatch(part) for part in path.split("/")):
        return "it has a dot segment, . or .."
    return None


def not_zero(node: Node, path: tuple[str, str], values: Values) -> Iterator[Fault]:
    """A limit of 0 lets nothing pass."""
    if getattr(values.get(path[0]), path[1], None) == 0:
        yield fault(
            node.nearest(*filter(None, path)), f"0 lets nothing pass; give a {'larger size' if path[1] == 'head_limit' else 'longer time'}"
        )


def route_faults(node: Node, values: Values) -> Iterator[Fault]:
    """Every rule that one route breaks by itself."""
    for name in ("prefix", "probe"):
        yield from _path(node, name, values)
    yield from _upstream(node, values)
    yield from _name(node, values)
    yield from _methods(node, values)
    yield from _host(node, values)
    yield from _inject(node, values)
    yield from _expired_when(node, values)
    if isinstance(tls := values.get("tls"), RouteTLS):
        yield from tls_faults(node, tls)
    yield from own_proxy_faults(node, values.get("proxy"))
    for name in _TIMEOUTS:
        yield from not_zero(node, ("timeout", name), values)


def _path(node: Node, name: str, values: Values) -> Iterator[Fault]:
    value = values.get(name)
    path, at = (value, node.nearest(name)) if name == "prefix" else (getattr(value, "path", None), node.nearest(name, "path"))
    if not isinstance(path, str):
        return
    if text := path_fault(path):
        yield fault(at, f"not a path: {text}")
    elif not path.startswith("/"):
        what, better = ("prefix", path.rstrip("/")) if name == "prefix" else ("path", path)
        yield fault(at, f"a {what} begins with /" + ("" if "://" in path else f": write /{better}"))


def _upstream(node: Node, values: Values) -> Iterator[Fault]:
    url = values.get("upstream")
    if not isinstance(url, UpstreamURL):
        return
    at = node.nearest("upstream")
    text = url_fault(url, allow_plaintext=bool(values.get("allow_plaintext")), allow_link_local=bool(values.get("allow_link_local")))
    if text:
        yield fault(at, text)
    if url.path and (text := path_fault(url.path)):
        yield fault(at, f"the URL's path cannot be sent: {text}")


def _name(node: Node, values: Values) -> Iterator[Fault]:
    name = values.get("name")
    if isinstance(name, str) and name and not _NAME.fullmatch(name):
        yield fault(node.nearest("name"), "a name is made of letters, digits and . _ : / -")


def _methods(node: Node, values: Values) -> Iterator[Fault]:
    methods = values.get("methods")
    if not isinstance(methods, tuple):
        return
    at = node.nearest("methods")
    if not methods:
        yield fault(at, "an empty list lets nothing pass; leave the key out for all methods")
    for item in at.items:
        if item.kind != "text":
            continue
        if not TOKEN.fullmatch(item.word):
            yield fault(item, "not a method")
        elif item.word.upper() in {"TRACE", "CONNECT"}:
            yield fault(item, f"{item.word.upper()} never passes")
        elif item.word != item.word.upper():
            yield fault(item, f"methods are case-sensitive; write {item.word.upper()}")


def _host(node: Node, values: Values) -> Iterator[Fault]:
    host = values.get("host")
    if isinstance(host, str) and not re.fullmatch(r"[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]", host):
        yield fault(node.nearest("host"), "expected a host name, without port or scheme")


def _inject(node: Node, values: Values) -> Iterator[Fault]:
    inject = values.get("inject")
    if not isinstance(inject, Inject):
        return
    seen: set[str] = set()
    for name in inject.query:
        if not name or not name.isprintable() or not set(name).isdisjoint("?&=#"):
            yield fault(node.nearest("inject", "query", name), "not the name of a query parameter")
    for name, value in inject.headers.items():
        at, low = node.nearest("inject", "headers", name), name.lower()
        if not TOKEN.fullmatch(name):
            yield fault(at, "not a header name")
        elif low in NOT_OURS:
            yield fault(at, "bearerd sets this header itself")
        elif low == "authorization" and values.get("credential") not in {None, "none"}:
            yield fault(at, "the credential's token stands in Authorization")
        elif low in seen:
            yield fault(at, "the header is said twice; names do not differ by case")
        said = value.render(lambda _: "x")
        if not _FIELD_VALUE.fullmatch(said) or said != said.strip():
            yield fault(at, "a header's value has no line end, control character or outer space")
        seen.add(low)


def _expired_when(node: Node, values: Values) -> Iterator[Fault]:
    rule = values.get("expired_when")
    if not isinstance(rule, ExpiredWhen):
        return
    for name, value in rule.header.items():
        at = node.nearest("expired_when", "header", name)
        if not TOKEN.fullmatch(name):
            yield fault(at, "not a header name")
        if not _FIELD_VALUE.fullmatch(value):
            yield fault(at, "no header's value holds a line end, a control character or a letter beyond Latin-1")
    header, body = (node.get("expired_when", name) for name in ("header", "body"))
    silent = [str(status) for status in dict.fromkeys(rule.status) if status == _FORBIDDEN or status // 100 in {_SUCCESS, _FAILURE}]
    if silent and not (header and header.entries) and (body is None or body.kind == "nothing"):
        say = "say" if len(silent) > 1 else "says"
        text = f"{_and(silent)} alone {say} nothing about a token; add `header` or `body`"
        yield fault(node.nearest("expired_when", "status"), text)


def _and(parts: list[str]) -> str:
    return " and ".join(part for part in (", ".join(parts[:-1]), parts[-1]) if part)


def tls_faults(node: Node, tls: ClientTLS) -> Iterator[Fault]:
    """What is wrong with the files and the name that `tls` under this node says."""
    yield from ca_fault(node.nearest("tls", "ca"), tls.ca)
    yield from _chain(node, tls)
    if tls.server_name is not None and not HOST.fullmatch(tls.server_name.lower()):
        yield fault(node.nearest("tls", "server_name"), "no name and no address")
    if tls.cert is not None and tls.key is None:
        yield node.nearest("tls").place, join(node.nearest("tls").key, "key"), "`cert` needs its `key`"
    if tls.key is not None and tls.cert is None:
        yield node.nearest("tls").place, join(node.nearest("tls").key, "cert"), "`key` needs its `cert`"


def ca_fault(node: Node, path: str | None) -> Iterator[Fault]:
    """A file of CA certificates that cannot be read, or holds none."""
    if path is None:
        return
    text = _unreadable(path)
    try:
        if text is None:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
    except (ssl.SSLError, ValueError):
        text = f"{path}: no PEM certificate in it"
    if text:
        yield fault(node, text)


def _chain(node: Node, tls: ClientTLS) -> Iterator[Fault]:
    """A client certificate and its key, each readable and belonging together."""
    texts = {name: _unreadable(path) for name, path in (("cert", tls.cert), ("key", tls.key)) if path is not None}
    for name, text in texts.items():
        if text:
            yield fault(node.nearest("tls", name), text)
    if any(texts.values()) or tls.cert is None or tls.key is None:
        return
    if (found := pair_fault(tls.cert, tls.key)) is not None:
        yield fault(node.nearest("tls", found[0]), found[1])


def _unreadable(path: str) -> str | None:
    try:
        Path(path).open("rb").close()
    except OSError as exc:
        return f"{path}: {exc.strerror}"
    except ValueError:
        return "not the name of a file"
    return None


def egress_faults(node: Node, egress: Egress) -> Iterator[Fault]:
    """What is wrong with the proxy for all outgoing calls."""
    if egress.proxy is not None:
        yield from _proxy_url(node.nearest("proxy"), egress.proxy)
    elif egress.username is not None:
        yield fault(node.nearest("username"), "it is for `proxy`, which is missing")
    yield from _who_calls(node, egress)


def own_proxy_faults(node: Node, proxy: object) -> Iterator[Fault]:
    """What is wrong with the `proxy` under this node, of a route or a token request."""
    if isinstance(proxy, EgressProxy):
        yield from _proxy_url(node.nearest("proxy", "url"), proxy.url)
        yield from _who_calls(node.nearest("proxy"), proxy)


def _proxy_url(node: Node, text: str) -> Iterator[Fault]:
    """An egress proxy is http://host:port and nothing more."""
    try:
        url = UpstreamURL.parse(text)
    except ValueError as exc:
        yield fault(node, str(exc))
        return
    if url.scheme != "http" or url.path not in {"", "/"}:
        yield fault(node, "an egress proxy is http://host:port")


def _who_calls(node: Node, said: Egress | EgressProxy) -> Iterator[Fault]:
    """A user and a password stand together, and the user has no colon (RFC 7617 §2)."""
    if said.username is not None and (":" in said.username or not said.username.isprintable()):
        yield fault(node.nearest("username"), "a user's name has no colon and no control character")
    if said.password is not None and said.username is None:
        yield fault(node.nearest("password"), "`password` needs its `username`")
    if said.username is not None and said.password is None:
        yield node.place, join(node.key, "password"), "`username` needs its `password`"
