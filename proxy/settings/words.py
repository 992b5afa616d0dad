"""Which word was meant: nearest names, the words of other tools, and what this release does not have yet.

A wrong value is never quoted back; a key or an alias is.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence

from proxy.settings.problems import quoted

_TOKEN_URL: Mapping[str, str] = dict.fromkeys(
    (
        "token_endpoint",
        "token_uri",
        "access_token_uri",
        "access_token_url",
        "token_service_url",
        "tokenurl",
        "auth_url",
        "token_request_url",
    ),
    "here it is `token_url`",
)
_NO_ENDPOINT_YET = "not in this release; name the endpoint itself: `token_url`"
_CREDENTIAL: Mapping[str, str] = {
    **_TOKEN_URL,
    "scopes": "here it is `scope`",
    "grant": "here it is `type`",
    "grant_type": "here it is `type`, such as oauth2_client_credentials",
    "flow": "here it is `type`, such as oauth2_client_credentials",
    "clientid": "here it is `client_id`",
    "client": "here it is `client_id`",
    "client_key": "here it is `client_id`",
    "consumer_key": "here it is `client_id`",
    "consumer_secret": "here it is `client_secret`",
    "clientsecret": "here it is `client_secret`",
    "secret": "here it is `client_secret`",
    "client_secret_file": "here it is `client_secret: {file: PATH}`",
    "secret_file": "here it is `client_secret: {file: PATH}`",
    "client_secret_path": "here it is `client_secret: {file: PATH}`",
    "client_secret_env": "here it is `client_secret: {env: NAME}`",
    "secret_env": "here it is `client_secret: {env: NAME}`",
    "client_authentication": "here it is `client_auth`",
    "auth_style": "here it is `client_auth`",
    "auth_method": "here it is `client_auth`",
    "token_endpoint_auth_method": "here it is `client_auth`",
    "send_as": "here it is `client_auth`",
    "audiences": "here it is `audience`",
    "resources": "here it is `resource`",
    "timeout": "here it is `token_request: {timeout: 10s}`",
    "content_type": "here it is `token_request: {content_type: form}`",
    "expires_in": "here it is `lifetime: {when_missing: 5m}`",
    "session_duration": "here it is `lifetime: {when_missing: 5m}`",
    "refresh_before": "it stands under `lifetime`",
    "refresh_margin": "here it is `lifetime: {refresh_before: 60s}`",
    "early_refresh": "here it is `lifetime: {refresh_before: 60s}`",
    "leeway": "here it is `lifetime: {refresh_before: 60s}`",
    "api_key": "no API keys in this release; for a fixed header use `inject: {headers: {...}}`",
    "username": "this release has no grant with a user's password",
    "password": "this release has no grant with a user's password",
    "issuer": _NO_ENDPOINT_YET,
    "discovery_url": _NO_ENDPOINT_YET,
    "provider": _NO_ENDPOINT_YET,
    "tenant": "write it into `token_url`",
    "tenant_id": "write it into `token_url`",
    "params": "not in this release",
    "extra_params": "not in this release",
}
_TLS = "TLS is always verified; trust your own CA with `tls: {ca: PATH}`"
_ROUTE: Mapping[str, str] = {
    **dict.fromkeys(
        ("backend", "target", "url", "destination", "upstream_url", "service", "origin", "proxy_pass", "base_url"), "here it is `upstream`"
    ),
    **dict.fromkeys(("path", "path_prefix", "location", "match", "from", "uri"), "here it is `prefix`"),
    **dict.fromkeys(
        ("alias", "auth", "credential_alias", "credential_name", "credentials", "security", "oauth2"),
        "here it is `credential`, the alias of one in the security material",
    ),
    **dict.fromkeys(("insecure", "insecure_skip_verify", "verify", "verify_ssl", "ssl_verify", "tls_verify"), _TLS),
    "to": "here it is `upstream`",
    "id": "here it is `name`",
    "headers": "here it is `inject: {headers: {...}}`",
    "add_headers": "here it is `inject: {headers: {...}}`",
    "query": "here it is `inject: {query: {...}}`",
    "api_key": "no API keys in this release; for a fixed header use `inject: {headers: {...}}`",
    "rewrite_path": "here it is `strip_prefix: true` and the path of `upstream`",
    "strip_path": "here it is `strip_prefix`",
    "retries": "here it is `retry: {attempts: 3}`",
    "timeouts": "here it is `timeout`",
    "connect_timeout": "here it is `timeout: {connect: 5s}`",
    "read_timeout": "here it is `timeout: {response: 60s}`",
    "hosts": "here it is `host`, one name",
    "method": "here it is `methods`, a list",
    "max_connections": "here it is `pool: {connections: 100}`",
    "retry_on": "here it is `retry: {statuses: [...]}`",
    "refresh_on": "here it is `expired_when`",
    "detect_on": "here it is `expired_when`",
    "subject_from": "not in this release",
    "token_url": "it belongs to a credential of the security material",
    "scope": "it belongs to a credential of the security material",
    "client_id": "it belongs to a credential of the security material",
    "client_secret": "it belongs to a credential of the security material",
}
_TOP: Mapping[str, str] = {
    **dict.fromkeys(
        ("prefix", "upstream", "credential", "timeout", "retry", "retries", "inject", "expired_when", "replay", "pool", "tls"),
        "it belongs to a route, or under `defaults`",
    ),
    **dict.fromkeys(("token_url", "client_id", "client_secret", "scope"), "it belongs to an alias under `credentials`"),
    "listen": "here it is `listeners: [{address: 127.0.0.1:6750}]`",
    "listener": "here it is `listeners`, a list",
    "bind": "here it is `listeners: [{address: 127.0.0.1:6750}]`",
    "port": "here it is `listeners: [{address: 127.0.0.1:6750}]`",
    "server": "here it is `listeners`",
    "logging": "here it is `log`",
    "log_level": "here it is `log: {level: info}`",
    "proxy": "here it is `egress: {proxy: ...}`",
    "http_proxy": "here it is `egress: {proxy: ...}`",
    "https_proxy": "here it is `egress: {proxy: ...}`",
    "route": "here it is `routes`, a list",
    "services": "here it is `routes`",
    "upstreams": "here it is `routes`, each with its `upstream`",
    "secrets": "here it is `credentials`",
    "include": "here it is `security_material`, a list of files",
    "store": "here it is `token_store`",
    "cache": "here it is `token_store`",
    "shutdown_timeout": "here it is `drain_timeout`",
    "grace_period": "here it is `drain_timeout`",
    "threads": "one process serves all calls; this release has `workers: 1`",
}
_FOREIGN: tuple[tuple[re.Pattern[str], Mapping[str, str]], ...] = (
    (re.compile(r"credentials\..+"), _CREDENTIAL),
    (re.compile(r"routes\[\d+\]|defaults"), _ROUTE),
    (re.compile(r""), _TOP),
)
_LATER: tuple[tuple[re.Pattern[str], frozenset[object] | None, str], ...] = (
    (re.compile(r"express"), None, "this release has no express lane: leave the key out, or say false"),
    (re.compile(r"workers"), None, "this release runs one process: leave the key out, or say 1"),
    (re.compile(r"token_store\.type"), frozenset({"sqlite", "redis"}), "this release keeps tokens in memory only: memory"),
    (
        re.compile(r"credentials\..+\.client_auth"),
        frozenset({"client_secret_jwt", "private_key_jwt", "tls_client_auth", "self_signed_tls_client_auth", "none"}),
        "not in this release, which has client_secret_basic and client_secret_post",
    ),
    (
        re.compile(r"credentials\..+\.type"),
        frozenset({
            "oauth2_password", "oauth2_authorization_code", "oauth2_refresh_token", "oauth2_jwt_bearer", "oauth2_saml_bearer",
            "oauth2_token_exchange", "oauth2_device_code", "login_token", "user_credentials", "secure_parameter",
        }),
        "not in this release, which has oauth2_client_credentials",
    ),
)  # fmt: skip
_MISSING = {
    "credential": "; name an alias, or say `none` for a route without a token",
    "type": "; write oauth2_client_credentials",
}

SECTIONS: Mapping[str, str] = {
    "admin": "{address: 127.0.0.1:6751}",
    "body": "{contains: expired}",
    "egress": "{proxy: http://proxy.example:3128}",
    "expired_when": "{status: [401]}",
    "inject": "{headers: {X-Env: prod}}",
    "lifetime": "{refresh_before: 60s}",
    "listeners": "{address: 127.0.0.1:6750}",
    "log": "{level: info}",
    "metrics": "{address: 127.0.0.1:6752}",
    "pool": "{connections: 100}",
    "probe": "{path: /me}",
    "replay": "{memory: 1MiB}",
    "retry": "{attempts: 3}",
    "rewrite": "{location: true}",
    "timeout": "{response: 5s}",
    "tls": "{ca: corporate.pem}",
    "token_request": "{timeout: 10s}",
    "token_store": "{type: memory}",
}
_NAMED = re.compile(r"`(\w+)")  # an answer names the right key first


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The one of `known` that was probably meant."""
    found = difflib.get_close_matches(word.lower(), known, n=1, cutoff=0.6)
    return found[0] if found else None


def answer(parent: str, name: str, known: Sequence[str]) -> str:
    """What to say about the key `name` under `parent`, where only `known` keys may stand."""
    snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).replace("-", "_").lower()
    if snake in known:
        return f"unknown key; did you mean `{snake}`?"
    for where, foreign in _FOREIGN:
        if where.fullmatch(parent) and snake in foreign:
            return f"unknown key; {foreign[snake]}"
    if not parent and name.startswith("x-"):  # where Compose keeps its anchors
        return "unknown key; put an anchor where it is used first, and what routes share under `defaults`"
    near = nearest(snake, known)
    return f"unknown key; did you mean `{near}`?" if near else f"unknown key; known are {', '.join(sorted(known))}"


def explained(parent: str, names: Iterable[str], known: Sequence[str]) -> frozenset[str]:
    """Those of `known` that the answer to an unknown one of `names` speaks of: nobody misses them besides."""
    answers = [answer(parent, name, known) for name in names if name not in known]
    return frozenset(found[1] for text in answers if (found := _NAMED.search(text))).intersection(known)


def later(key: str, value: object) -> str | None:
    """What to say of a value that the configuration knows and this release does not have."""
    for where, values, text in _LATER:
        if where.fullmatch(key) and (values is None or (isinstance(value, str) and value in values)):
            return text
    return None


def missing(name: str) -> str:
    """What to say of a required key that is not there."""
    return "this key is missing" + _MISSING.get(name, "")


def empty(name: str) -> str:
    """What to say of a required key that is there and has no value."""
    return "expected a value, got nothing" + _MISSING.get(name, "")


def section(key: str) -> str:
    """An example of the mapping that stands under `key`; "" where its keys are told elsewhere."""
    return SECTIONS.get(re.sub(r"\[\d+\]$", "", key.rpartition(".")[2]), "")


def wrong_choice(key: str, value: object, choices: Sequence[object]) -> str:
    """What to say of a value that is none of `choices`."""
    if isinstance(value, str) and value in [str(choice).lower() for choice in choices if not isinstance(choice, str)]:
        return f"expected {value}; leave out the quotes"
    if said := later(key, value):
        return said
    shown = [str(choice).lower() if isinstance(choice, bool) else str(choice) for choice in choices]
    near = nearest(value, shown) if isinstance(value, str) and len(shown) > 1 else None
    return f"expected {either(shown)}" + (f"; did you mean {near}?" if near else "")


def either(shown: Sequence[str]) -> str:
    """`a, b or c`."""
    return " or ".join(part for part in (", ".join(shown[:-1]), shown[-1]) if part)


def no_such_alias(alias: str, known: Mapping[str, str]) -> str:
    """What to say of an alias that is none of `known`, which maps aliases to where each stands."""
    near = nearest(alias, known)
    meant = f"; did you mean {quoted(near)} ({known[near]})?" if near else ""
    return f"no credential {quoted(alias)}{meant}"
