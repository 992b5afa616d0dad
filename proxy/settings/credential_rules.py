"""Rules that need more than one key of a credential: its endpoint, how the client proves itself, whose tokens it takes.

Each yields what is wrong at the key that repairs it, and never a value that could be a secret.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from proxy.http.address import UpstreamURL
from proxy.oauth.client_auth import CLIENT_AUTH
from proxy.oauth.destination import led_by_answer
from proxy.oauth.grants import ExchangedToken
from proxy.oauth.options import Assertion, Refresh, Step
from proxy.oauth.rotation import ROTATED
from proxy.oauth.template import Template
from proxy.oauth.tree import Tree
from proxy.oauth.vocabulary import known
from proxy.oauth.walk import leaves
from proxy.secrets import Secret
from proxy.settings import checks, key_rules, request_rules, slips, words
from proxy.settings.said import UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from proxy.settings.checks import Fault
    from proxy.settings.said import Said

_PLACE = "write {env: NAME} or {file: PATH}"
_TAKING = ("assertion", "subject_token", "actor_token")  # the keys that take a token from elsewhere
_ONE_LINE = {"client_secret": "client secret", "value": "token or key"}


def faults(said: Said) -> Iterator[Fault]:
    """Every rule that a credential breaks by itself."""
    for name, what in _ONE_LINE.items():
        if (text := said.secret(name)) is not None and not {"\r", "\n"}.isdisjoint(text):  # RFC 6749 appendix A.2
            yield said.at(name, f"the secret has a line end in it; a {what} is one line")
    values = said.node.get("values")
    for name, entry in values.entries.items() if values is not None else ():
        if not known(f"values.{name}"):
            yield entry.place, entry.node.key, "a value's name is made of letters, digits, `_` and `-`, and does not begin with a digit"
    yield from _addresses(said)
    yield from _rotations(said)
    yield from checks.not_zero(said.node, ("lifetime", "when_missing"), said.values)
    yield from checks.not_zero(said.node, ("lifetime", "fixed"), said.values)
    yield from request_rules.faults(said)
    yield from key_rules.faults(said)
    yield from slips.faults(said)
    if said.of_endpoint:
        yield from _endpoint(said)
        yield from _without_steps(said)
        yield from _client_auth(said)
        yield from _assertion(said)
    if said.kind == "user_credentials" and ":" in said.text("username"):
        yield said.at("username", "the name has a colon, which HTTP Basic takes for its end (RFC 7617 section 2)")
    for name in ("subject_token", "actor_token"):
        if isinstance(token := said.values.get(name), ExchangedToken):
            yield from _one_of(said, name, token.from_, token.header)


def _rotations(said: Said) -> Iterator[Fault]:
    """A second secret stands only where a refusal leads to it; a certificate goes with its key."""
    rotated = dict.fromkeys(path for name, value in said.values.items() for path in _rotated(name, value))
    tried = ROTATED if said.of_endpoint else ()
    for path in rotated:
        if path not in tried and not (path == "certificate" and "private_key" in rotated):
            text = f"no refusal leads to `next` here; it is tried for {words.either(ROTATED)} of a token request"
            yield said.at(path.partition("[")[0], text)


def _rotated(name: str, value: object) -> Iterator[str]:
    for path, leaf in leaves(value, name):
        secrets = leaf.secrets if isinstance(leaf, Tree) else (leaf,)
        if any(isinstance(secret, Secret) and secret.after is not None for secret in secrets):
            yield path


def _endpoint(said: Said) -> Iterator[Fault]:
    if said.kind == "login_token" and said.yes("dpop"):
        yield said.at("dpop", "a vendor's own login binds no token to a key (RFC 9449); take it out, or use a type of OAuth")
    if {"token_url", "issuer"} <= said.values.keys() and None not in {said.values["token_url"], said.values["issuer"]}:
        yield said.at("issuer", "said together with token_url; say one of them")
    if not said.has("token_url") and not said.has("issuer"):
        yield said.at("token_url", "this key is missing; `issuer` stands in its place where the server describes itself")


def _without_steps(said: Said) -> Iterator[Fault]:
    """Neither a login's refresh nor its assertion knows what a step answers, so that each needs an address that is known without one."""
    refresh, url = said.values.get("refresh"), said.values.get("token_url")
    if not isinstance(url, Template) or not any(name.startswith("step") for name in url.names):
        return
    if isinstance(refresh, Refresh) and not said.has("refresh.token_url"):
        yield said.at("refresh.token_url", "this key is missing; a refresh calls no step, and token_url needs the answer of one")
    assertion = said.section("assertion", Assertion)
    if "assertion" in said.names and assertion.audience is None and not (assertion.from_ or assertion.header):
        yield said.at("assertion.audience", "this key is missing; an assertion is made before any step, and token_url needs an answer")


def _addresses(said: Said) -> Iterator[Fault]:
    for path, url in _urls(said):
        if text := url_fault(said, url):
            yield said.at(path, text)
    led = next((path for path, url in _all_urls(said) if led_by_answer(url, said.known)), None)
    if led is not None and not said.values.get("allowed_hosts"):
        yield said.at("allowed_hosts", f"this key is missing; an answer says which host {led} leads to, and it may be one of these alone")
    steps, node = said.values.get("steps"), said.node.get("steps")
    if isinstance(steps, tuple) and node is not None and len(steps) == len(node.items):
        for step, item in zip(steps, node.items, strict=True):
            if isinstance(step, Step) and (text := url_fault(said, step.token_url)):
                yield checks.fault(item.nearest("token_url"), text)
    if (issuer := said.text("issuer")) and (text := _issuer_fault(said, issuer)):
        yield said.at("issuer", text)


def _urls(said: Said) -> Iterator[tuple[str, Template]]:
    if isinstance(url := said.values.get("token_url"), Template):
        yield "token_url", url
    refresh = said.values.get("refresh")
    if isinstance(refresh, Refresh) and refresh.token_url is not None:
        yield "refresh.token_url", refresh.token_url


def _all_urls(said: Said) -> Iterator[tuple[str, Template]]:
    yield from _urls(said)
    steps = said.values.get("steps")
    for index, step in enumerate(steps if isinstance(steps, tuple) else ()):
        if isinstance(step, Step):
            yield f"steps[{index}].token_url", step.token_url


def url_fault(said: Said, template: Template) -> str | None:
    """What is wrong with a token endpoint's URL, as far as it is known before a request; None also where its host is not."""
    url = said.rendered(template)
    if UNKNOWN in "/".join(url.split("/", 3)[:3]):
        return None
    return endpoint_fault(
        url.replace(UNKNOWN, "x"), allow_plaintext=said.yes("allow_plaintext"), allow_link_local=said.yes("allow_link_local")
    )


def endpoint_fault(url: str, *, allow_plaintext: bool, allow_link_local: bool) -> str | None:
    """What is wrong with a token endpoint's URL; it may have a query and no fragment (RFC 6749 §3.2)."""
    if "#" in url:
        return "it has a fragment; take it out"
    path, _, query = url.partition("?")
    if not (query.isascii() and query.isprintable()) or " " in query:
        return "its query holds a character that must be percent-encoded; ${urlencode(...)} does so"
    try:
        parsed = UpstreamURL.parse(path or url)
    except ValueError as exc:
        return str(exc)
    return checks.url_fault(parsed, allow_plaintext=allow_plaintext, allow_link_local=allow_link_local)


def _issuer_fault(said: Said, issuer: str) -> str | None:
    if "?" in issuer:
        return "an issuer has no query (RFC 8414 section 2); take it out"
    return endpoint_fault(issuer, allow_plaintext=said.yes("allow_plaintext"), allow_link_local=said.yes("allow_link_local"))


def _client_auth(said: Said) -> Iterator[Fault]:
    """Each method has what it needs, and a name to send."""
    method = said.client_auth
    needed = next((known.needs for name, known in CLIENT_AUTH.items() if name == method), ())
    if needed and not any(said.has(key) for key in needed):
        yield said.at(needed[0], _needed(said, needed))
    named = said.has("client_id") or (method == "private_key_jwt" and said.has("client_assertion"))
    if method != "none" and not named and said.kind != "oauth2_client_credentials":  # where the key is required anyway
        yield said.at("client_id", f"this key is missing; client_auth {method} needs it")


def _needed(said: Said, needed: tuple[str, ...]) -> str:
    text = f"this key is missing; client_auth {said.client_auth} needs it"
    if needed[0] == "token_request.tls.cert":
        signing = "; certificate and private_key sign assertions" if said.has("certificate") or said.has("private_key") else ""
        return f"{text}: write token_request: {{tls: {{cert: PATH, key: PATH}}}}{signing}"
    if len(needed) > 1:
        return f"{text}, or {words.either(needed[1:])}"
    if needed[0] != "client_secret":
        return text
    if said.has("client_auth"):
        return f"{text}: {_PLACE}"
    other = "private_key_jwt, which signs with private_key" if said.has("private_key") else "none, for a client that has no secret"
    return f"{text}: {_PLACE}; or change client_auth to {other}"


def _assertion(said: Said) -> Iterator[Fault]:
    """The assertion that is the grant itself: signed here, or taken from somewhere."""
    assertion = said.section("assertion", Assertion)
    taken = assertion.from_ or assertion.header
    if assertion.from_ and assertion.header:
        yield said.at("assertion.header", "said together with `from`; say one of them")
    if taken and said.kind not in {"oauth2_jwt_bearer", "login_token"}:
        key = "assertion.from" if assertion.from_ else "assertion.header"
        yield said.at(key, "it belongs to a credential of type oauth2_jwt_bearer or login_token")
    if assertion.header and not checks.TOKEN.fullmatch(assertion.header):
        yield said.at("assertion.header", "not a header name")
    if said.kind != "oauth2_jwt_bearer" or taken:
        return
    if not said.has("private_key"):
        yield said.at("private_key", "this key is missing; the assertion is signed with it, unless assertion.from takes another token")
    if not said.has("client_id") and assertion.issuer is None:
        yield said.at("assertion.issuer", "this key is missing; an assertion says who made it, by this key or by client_id")


def _one_of(said: Said, name: str, alias: str | None, header: str | None) -> Iterator[Fault]:
    if not alias and not header:
        yield said.at(f"{name}.from", "this key is missing; `from` names another alias, or `header` one of the incoming request")
    if alias and header:
        yield said.at(f"{name}.header", "said together with `from`; say one of them")
    if header and not checks.TOKEN.fullmatch(header):
        yield said.at(f"{name}.header", "not a header name")


def sources_of(values: Mapping[str, object]) -> dict[str, str]:
    """The aliases whose tokens a credential takes, by the key that names each."""
    found = ((name, getattr(values.get(name), "from_", None)) for name in _TAKING)
    return {f"{name}.from": alias for name, alias in found if alias}


def alias_faults(drafts: Mapping[str, Said], places: Mapping[str, str]) -> Iterator[Fault]:
    """Aliases in `from` that are not there, that have no token, or that wait for one another; `places` tells where each alias stands."""
    takes = {alias: set(sources_of(said.values).values()) for alias, said in drafts.items()}
    for alias, said in drafts.items():
        for key, source in sources_of(said.values).items():
            if source not in drafts:
                yield said.at(key, words.no_such_alias(source, places))
            elif drafts[source].kind == "user_credentials":
                yield said.at(key, "that credential is a name and a password, not a token")
            elif _shown_by_callers(drafts[source]):
                yield said.at(key, "that credential's token is for what a caller presents in a header, and nobody presents it here")
            elif source == alias:
                yield said.at(key, "a credential does not take its own token")
            elif alias in _reached(source, takes):
                yield said.at(key, "the two wait for each other's token: that credential takes this one's, by `from`")


def _shown_by_callers(said: Said) -> bool:
    return any(getattr(said.values.get(name), "header", None) for name in _TAKING)


def _reached(alias: str, takes: Mapping[str, set[str]]) -> set[str]:
    """`alias` and every one whose token it needs, over however many."""
    found, left = {alias}, [alias]
    while left:
        further = takes.get(left.pop(), set()) - found
        found |= further
        left += further
    return found
