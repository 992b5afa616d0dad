"""One route wholly from flags or environment, without a file.

The same checks as for files; a problem names the flag instead of a line.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from proxy.settings.problems import Findings, Place
from proxy.settings.reading import settle
from proxy.settings.source import Entry, Node

if TYPE_CHECKING:
    from proxy.settings.model import Settings

ALIAS = "default"  # of the one credential
FLAGS = (
    "upstream",
    "prefix",
    "token-url",
    "client-id",
    "client-secret",
    "client-secret-file",
    "scope",
    "listen",
    "admin",
    "allow-plaintext",
    "allow-anonymous",
)
_REQUIRED = ("upstream", "token-url", "client-id")
_NOWHERE = Place("")


def variable(flag: str) -> str:
    """The environment variable that stands for a flag: BEARERD_TOKEN_URL for token-url."""
    return "BEARERD_" + flag.replace("-", "_").upper()


def load_single(options: Mapping[str, str | None]) -> Settings:
    """The configuration with one route that these options say; keys are FLAGS, None and "" mean unsaid.

    Raises:
        SettingsError: all that is wrong with it, each problem with its flag as key.
    """
    findings = Findings()
    said = {flag: value for flag, value in options.items() if value}
    for flag in _REQUIRED:
        if flag not in said:
            findings.add(None, f"--{flag}", f"missing; say --{flag} or {variable(flag)}")
    _check_secret(said, findings)
    findings.raise_if_any()
    route = _mapping(
        "route",
        prefix=_text("prefix", said.get("prefix", "/")),
        upstream=_text("upstream", said["upstream"]),
        credential=_text("credential", ALIAS),
        allow_plaintext=_switch("allow-plaintext", said),
    )
    credentials = _mapping("credentials", **{ALIAS: _credential(said)})
    settings = settle(_top(said), [_list("routes", route)], [credentials], findings)
    findings.raise_if_any()
    return settings


def _check_secret(said: Mapping[str, str], findings: Findings) -> None:
    match "client-secret" in said, "client-secret-file" in said:
        case True, True:
            findings.add(None, "--client-secret-file", "said together with --client-secret; say one of them")
        case False, False:
            findings.add(None, "--client-secret-file", f"missing; say --client-secret-file or {variable('client-secret')}")


def _credential(said: Mapping[str, str]) -> Node:
    return _mapping(
        "credential",
        type=_text("type", "oauth2_client_credentials"),
        token_url=_text("token-url", said["token-url"]),
        client_id=_text("client-id", said["client-id"]),
        client_secret=_secret(said),
        scope=_text("scope", said.get("scope", "")),
        allow_plaintext=_switch("allow-plaintext", said),
    )


def _secret(said: Mapping[str, str]) -> Node:
    """A secret that came from its variable stays there, so that it is read when used."""
    if "client-secret-file" in said:
        return _mapping("client-secret-file", file=_text("client-secret-file", said["client-secret-file"]))
    name = variable("client-secret")
    if os.environ.get(name) == said["client-secret"]:
        return _mapping("client-secret", env=_text("client-secret", name))
    return _text("client-secret", said["client-secret"])


def _top(said: Mapping[str, str]) -> Node:
    nodes: dict[str, Node] = {}
    listener = {"allow_anonymous": _switch("allow-anonymous", said)}
    if "listen" in said:
        listener["address"] = _text("listen", said["listen"])
    nodes["listeners"] = _list("listen", _mapping("listen", **listener))
    if "admin" in said:
        nodes["admin"] = _mapping("admin", address=_text("admin", said["admin"]))
    return Node("", _NOWHERE, "mapping", entries=_entries(nodes))


def _switch(flag: str, said: Mapping[str, str]) -> Node:
    word = said.get(flag, "false")
    known = {"true": True, "1": True, "false": False, "0": False}
    value = known.get(word.lower())
    return _text(flag, word) if value is None else Node(f"--{flag}", _NOWHERE, "boolean", value, word)


def _text(flag: str, value: str) -> Node:
    return Node(f"--{flag}", _NOWHERE, "text", value, value)


def _list(flag: str, item: Node) -> Node:
    return Node(f"--{flag}", _NOWHERE, "list", items=(item,))


def _mapping(flag: str, **nodes: Node) -> Node:
    return Node(f"--{flag}", _NOWHERE, "mapping", entries=_entries(nodes))


def _entries(nodes: Mapping[str, Node]) -> dict[str, Entry]:
    return {name: Entry(_NOWHERE, node) for name, node in nodes.items()}
