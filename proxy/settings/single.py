"""One route wholly from flags or environment, without a file; and what is said of flags beside a file.

The same checks as for files; a problem names the flag or the variable instead of a line, and advises nothing that only a file can say.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from proxy.settings.problems import Findings, Place, Problem, SettingsError, Warned
from proxy.settings.reading import settle
from proxy.settings.source import Entry, Node

if TYPE_CHECKING:
    from proxy.settings.model import Settings

ALIAS = "default"  # of the one credential
_IN_A_FILE = {
    "upstream": "routes[0].upstream",
    "prefix": "routes[0].prefix",
    "token-url": "credentials.ALIAS.token_url",
    "client-id": "credentials.ALIAS.client_id",
    "client-secret": "credentials.ALIAS.client_secret",
    "client-secret-file": "credentials.ALIAS.client_secret",
    "scope": "credentials.ALIAS.scope",
    "listen": "listeners[0].address",
    "admin": "admin.address",
    "allow-plaintext": "routes[0].allow_plaintext",
    "allow-anonymous": "listeners[0].allow_anonymous",
}
FLAGS = tuple(_IN_A_FILE)
SWITCHES = frozenset({"allow-plaintext", "allow-anonymous"})  # a flag without a value means true
REQUIRED = ("upstream", "token-url", "client-id")
_STAND_INS = dict.fromkeys(REQUIRED, "https://missing.invalid") | {"client-secret": "missing"}  # so that the rest is checked too
_NOWHERE = Place("")
_ADVICE = (  # what is said of a file, and what of flags
    (re.compile(r"allow_(plaintext|anonymous): true"), r"--allow-\1"),
    (re.compile(r"a variable is read by \{env: (\w+)\}; write that"), r"the shell left the variable \1 as it is; single quotes keep it so"),
    (
        re.compile(r"it looks like a variable of a shell, .*"),
        "it looks like a variable that the shell left as it is, as in single quotes, and none of that name is set",
    ),
    (re.compile(r"; write \{file: (.+)\}"), r"; say --client-secret-file \1"),
    (re.compile(r"; write \{env: NAME\}"), "; say BEARERD_CLIENT_SECRET"),
    (re.compile(r"; (allow_link_local: true|`metrics: \{).*"), ""),
    (re.compile(r"(`egress: \{proxy: \.\.\.\}`)"), r"\1 in a configuration file"),
)


def variable(flag: str) -> str:
    """The environment variable that stands for a flag: BEARERD_TOKEN_URL for token-url."""
    return "BEARERD_" + flag.replace("-", "_").upper()


def in_a_file(flag: str) -> str:
    """The key that says in a file what a flag says without one."""
    return _IN_A_FILE[flag]


def beside_a_file(settings: Settings) -> Settings:
    """Settings from files, with a warning for each variable of a flag that is set and that no file mentions."""
    texts = [Path(file).read_bytes() for file in settings.files]
    stray = [flag for flag in FLAGS if os.environ.get(variable(flag)) and not any(variable(flag).encode() in text for text in texts)]
    lines = (f"{variable(flag)} is set and ignored beside a file; unset it, or change {in_a_file(flag)} in the file" for flag in stray)
    told = (Warned("", Problem(None, "", text)) for text in lines)
    return msgspec.structs.replace(settings, warnings=(*settings.warnings, *told))


def load_single(options: Mapping[str, str | None]) -> Settings:
    """The configuration with one route that these options say; keys are FLAGS, None and "" mean unsaid.

    Raises:
        SettingsError: all that is wrong with it, each problem with its flag, or the variable that it came from, as key.
    """
    said = {flag: value for flag, value in options.items() if value}
    try:
        settings = _settings(said)
    except SettingsError as exc:
        raise SettingsError(tuple(_for_flags(problem, said) for problem in exc.problems)) from None
    return msgspec.structs.replace(settings, warnings=tuple(Warned(told.rule, _advised(told.problem)) for told in settings.warnings))


def _settings(options: Mapping[str, str]) -> Settings:
    findings = Findings()
    for flag in REQUIRED:
        if flag not in options:
            findings.add(None, f"--{flag}", f"missing; say --{flag} or {variable(flag)}")
    _check_secret(options, findings)
    said = _STAND_INS | dict(options)
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


def _for_flags(problem: Problem, said: Mapping[str, str]) -> Problem:
    flag = problem.key.removeprefix("--")
    key = variable(flag) if flag in said and os.environ.get(variable(flag)) == said[flag] else problem.key
    return _advised(replace(problem, key=key))


def _advised(problem: Problem) -> Problem:
    return replace(problem, text=_advice(problem.text))


def _advice(text: str) -> str:
    for pattern, instead in _ADVICE:
        text = pattern.sub(instead, text)
    return text


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
