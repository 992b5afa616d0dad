"""A vendor's token endpoint and API on loopback: rules are data, and a request that breaks one gets the vendor's own refusal.

Strict: rules are asked in order, the first that does not hold answers, and nothing is mended.
"""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import parse_qsl
from xml.etree import ElementTree as ET

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

KINDS = {"application/x-www-form-urlencoded": "form", "application/json": "json", "application/xml": "xml", "text/xml": "xml"}


@dataclass(frozen=True)
class Asked:
    """A request as it came; names of headers in lower case, a parameter that came twice is none."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    @property
    def kind(self) -> str:
        """`form`, `json`, `xml`, or "" for anything else."""
        return KINDS.get(self.headers.get("content-type", "").partition(";")[0].strip().lower(), "")

    @cached_property
    def params(self) -> Mapping[str, Any]:
        """The fields of the body."""
        match self.kind:
            case "form":
                return _once(parse_qsl(self.body.decode(), keep_blank_values=True))
            case "json":
                said = json.loads(self.body)
                return said if isinstance(said, dict) else {}
            case _:
                return {}

    @cached_property
    def xml(self) -> ET.Element:
        """The root element of an XML body."""
        return ET.fromstring(self.body)  # noqa: S314  # our own program wrote it

    @property
    def basic(self) -> tuple[str, str]:
        """User and password of HTTP Basic, as they are on the wire."""
        scheme, _, blob = self.headers.get("authorization", "").partition(" ")
        try:
            user, _, password = base64.b64decode(blob, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return "", ""
        return (user, password) if scheme == "Basic" else ("", "")


def _once(pairs: list[tuple[str, str]]) -> dict[str, str]:
    names = [name for name, _ in pairs]
    return {name: value for name, value in pairs if names.count(name) == 1}


@dataclass(frozen=True, slots=True)
class Answer:
    """A status and a body; anything but text is written as JSON. `{api}` in it is the API's address."""

    status: int
    body: object
    content_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Rule:
    """What holds for a request that the vendor takes, and its answer to one that does not."""

    holds: Callable[[Asked], bool]
    refusal: Answer


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One URL of the vendor's, below its host."""

    path: str
    rules: tuple[Rule, ...]
    answer: Answer
    method: str = "POST"


@dataclass(frozen=True, slots=True)
class Fault:
    """A mistake of the user's, laid over their YAML, and what bearerd says of it."""

    name: str
    change: Mapping[str, object]
    code: str
    key: str  # below credentials.ALIAS


@dataclass(frozen=True, slots=True)
class Vendor:
    """Its endpoints, what its API wants to see, and the mistakes that its documentation tells the answers to."""

    endpoints: tuple[Endpoint, ...]
    wants: Mapping[str, str]  # headers of an API call with their values; without Authorization among them, none may come
    faults: tuple[Fault, ...] = ()
    present: tuple[str, ...] = ()  # headers of an API call with any value
    path: str = "/upstream/thing"  # where a call to /thing arrives
    secrets: Mapping[str, str] = field(default_factory=dict)  # environment variables of its example


def refused(status: int, error: str, description: str = "", **more: object) -> Answer:
    """An error as RFC 6749 §5.2 writes it."""
    return Answer(status, {"error": error, **({"error_description": description} if description else {}), **more})


def kind(expected: str, refusal: Answer) -> Rule:
    """The body is of this kind."""
    return Rule(lambda asked: asked.kind == expected, refusal)


def says(name: str, value: str, refusal: Answer) -> Rule:
    """The body has this parameter, once, with this value."""
    return Rule(lambda asked: asked.params.get(name) == value, refusal)


def there(name: str, refusal: Answer) -> Rule:
    """The body has this parameter, once."""
    return Rule(lambda asked: bool(asked.params.get(name)), refusal)


def absent(name: str, refusal: Answer) -> Rule:
    """The body has no such parameter."""
    return Rule(lambda asked: name not in asked.params, refusal)


def basic(user: str, password: str, refusal: Answer) -> Rule:
    """HTTP Basic, and no secret in the body beside it (RFC 6749 §2.3)."""
    return Rule(lambda asked: asked.basic == (user, password) and "client_secret" not in asked.params, refusal)


def posted(user: str, password: str, refusal: Answer) -> Rule:
    """Client id and secret in the body, and no Authorization beside it (RFC 6749 §2.3)."""
    wanted = {"client_id": user, "client_secret": password}
    return Rule(lambda asked: wanted.items() <= asked.params.items() and "authorization" not in asked.headers, refusal)


def header(name: str, value: str | None, refusal: Answer) -> Rule:
    """The request has this header, with this value if there is one."""
    return Rule(lambda asked: bool(said := asked.headers.get(name)) and value in {None, said}, refusal)


def query(name: str, value: str, refusal: Answer) -> Rule:
    """The query has this parameter, once, with this value."""
    return Rule(lambda asked: asked.query.get(name) == value, refusal)


@dataclass(slots=True)
class VendorServer:
    """A vendor on loopback; `asked` holds the token requests, `called` the API calls that it took."""

    vendor: Vendor
    asked: list[Asked] = field(default_factory=list)
    called: list[Asked] = field(default_factory=list)
    port: int = 0
    _runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._serve)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    @property
    def url(self) -> str:
        """Its origin."""
        return f"http://127.0.0.1:{self.port}"

    async def _serve(self, request: web.Request) -> web.Response:
        asked = Asked(
            request.method,
            request.path,
            _once(list(request.query.items())),
            {name.lower(): value for name, value in request.headers.items()},
            await request.read(),
        )
        if asked.path.startswith("/upstream/"):
            return self._call(asked)
        self.asked.append(asked)
        return self._written(self._answer(asked))

    def _answer(self, asked: Asked) -> Answer:
        here = [endpoint for endpoint in self.vendor.endpoints if endpoint.path == asked.path]
        if not here:
            return Answer(404, "<html><h1>Not Found</h1></html>", "text/html")
        endpoint = next((endpoint for endpoint in here if endpoint.method == asked.method), None)
        if endpoint is None:
            return Answer(405, "<html><h1>Method Not Allowed</h1></html>", "text/html")
        return next((rule.refusal for rule in endpoint.rules if not rule.holds(asked)), endpoint.answer)

    def _call(self, asked: Asked) -> web.Response:
        wants = self.vendor.wants
        right = all(asked.headers.get(name.lower()) == value for name, value in wants.items())
        right &= all(asked.headers.get(name.lower()) for name in self.vendor.present)
        if not right or ("authorization" in asked.headers and "authorization" not in {name.lower() for name in wants}):
            return web.json_response({"message": "no"}, status=401, headers={"WWW-Authenticate": 'Bearer error="invalid_token"'})
        self.called.append(asked)
        return web.json_response({"path": asked.path})

    def _written(self, answer: Answer) -> web.Response:
        text = answer.body if isinstance(answer.body, str) else json.dumps(answer.body)
        response = web.Response(status=answer.status, text=text.replace("{api}", f"{self.url}/upstream"), content_type=answer.content_type)
        for name, value in answer.headers:
            response.headers.add(name, value)
        return response
