"""What a reload takes over from the configuration before, and what it makes anew."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import trustme
import yaml

from proxy.app import App
from proxy.logs import EventLog, Logs
from proxy.metrics import Metrics
from proxy.settings import load

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def configuration(**route: object) -> dict[str, Any]:
    return {
        "version": 1,
        "routes": [{"prefix": "/crm", "upstream": "https://api.test", "credential": "crm", "tls": {"ca": "ca.pem"}, **route}],
        "credentials": {
            "crm": {
                "type": "oauth2_client_credentials",
                "token_url": "https://login.test/token",
                "client_id": "me",
                "client_secret": {"file": "secret"},
            }
        },
    }


@pytest.fixture
def build(tmp_path: Path) -> Callable[..., App]:
    """Write, load and compose a configuration: `build(document, before=...)`."""
    (tmp_path / "secret").write_text("s3cret")
    (tmp_path / "secret").chmod(0o600)
    trustme.CA().cert_pem.write_to_path(tmp_path / "ca.pem")

    def app(document: dict[str, object], *, before: App | None = None) -> App:
        (tmp_path / "proxy.yaml").write_text(yaml.safe_dump(document))
        logs = Logs(lambda _: None)
        return App(load([tmp_path / "proxy.yaml"]), metrics=Metrics(), logs=logs, event_log=EventLog(logs), before=before)

    return app


async def test_an_unchanged_route_is_taken_over(build: Callable[..., App]) -> None:
    """Its connections, its retry budget and its memory of refusals stay, and so does the alias's token source."""
    first = build(configuration())
    second = build(configuration(), before=first)
    assert second.routes["/crm"] is first.routes["/crm"]
    assert second.aliases["crm"] is first.aliases["crm"]


async def test_a_changed_route_is_made_anew(build: Callable[..., App]) -> None:
    """A changed route has new connections; its alias, unchanged, keeps its tokens."""
    first = build(configuration())
    second = build(configuration(preserve_host=True), before=first)
    assert second.routes["/crm"] is not first.routes["/crm"]
    assert second.aliases["crm"] is first.aliases["crm"]


async def test_a_renewed_certificate_file_counts_as_a_change(build: Callable[..., App], tmp_path: Path) -> None:
    """A CA file with a new content under its old name is used by new connections; it is among the files that are watched."""
    first = build(configuration())
    assert str(tmp_path / "ca.pem") in first.files
    trustme.CA().cert_pem.write_to_path(tmp_path / "ca.pem")
    second = build(configuration(), before=first)
    assert second.routes["/crm"] is not first.routes["/crm"]


def certified(folder: Path) -> dict[str, Any]:
    """A credential that proves itself by a certificate of its own."""
    client = trustme.CA().issue_cert("client@test")
    client.cert_chain_pems[0].write_to_path(folder / "client.pem")
    client.private_key_pem.write_to_path(folder / "client.key")
    document = configuration()
    del document["credentials"]["crm"]["client_secret"]
    document["credentials"]["crm"] |= {
        "client_auth": "self_signed_tls_client_auth",
        "token_request": {"tls": {"cert": "client.pem", "key": "client.key"}},
    }
    return document


async def test_a_route_shows_the_certificate_that_its_tokens_are_bound_to(build: Callable[..., App], tmp_path: Path) -> None:
    """Where it has none of its own (RFC 8705 §3); a new certificate is a new connection, and a new way to the token endpoint."""
    document = certified(tmp_path)
    first = build(document)
    cert, key = str(tmp_path / "client.pem"), str(tmp_path / "client.key")
    tls = first.routes["/crm"].route.tls
    assert (tls.cert, tls.key, tls.ca, {cert, key} <= set(first.files)) == (cert, key, str(tmp_path / "ca.pem"), True)
    same = build(document, before=first)
    assert (same.routes["/crm"] is first.routes["/crm"], same.aliases["crm"] is first.aliases["crm"]) == (True, True)
    second = build(certified(tmp_path), before=same)
    assert (second.routes["/crm"] is same.routes["/crm"], second.aliases["crm"] is same.aliases["crm"]) == (False, False)


async def test_a_new_certificate_asks_for_new_access_tokens(build: Callable[..., App], tmp_path: Path) -> None:
    """What is bound to the old one is not sent beside the new one (RFC 8705 §3); the refresh token stays."""
    document = certified(tmp_path)
    first = build(document)
    second = build(certified(tmp_path), before=first)
    one, two = first.aliases["crm"].key, second.aliases["crm"].key
    assert (one == two, one.chain == two.chain) == (False, True)


async def test_narrower_rules_ask_for_new_access_tokens(build: Callable[..., App]) -> None:
    """A token that came under other `allowed_hosts` is not sent any more, since it may lead elsewhere; the refresh token stays."""
    document = configuration()
    document["credentials"]["crm"] |= {"allowed_hosts": ["*.old.test", "api.test"], "token_response": {"upstream": "instance_url"}}
    first = build(document)
    document["credentials"]["crm"]["allowed_hosts"] = ["api.test"]
    second = build(document, before=first)
    one, two = first.aliases["crm"].key, second.aliases["crm"].key
    assert (one == two, one.chain == two.chain) == (False, True)


async def test_what_routes_put_on_calls_asks_for_tokens_that_came_with_it(build: Callable[..., App]) -> None:
    """Of an answer is kept what routes name: a name that a reload brings is in no token that came before."""
    named = {"inject": {"headers": {"X-Org": "${response.organization}"}}}
    first, second = build(configuration()), build(configuration(**named))
    one, two = first.aliases["crm"], second.aliases["crm"]
    assert (one.credential.kept, two.credential.kept) == (frozenset(), frozenset({"response.organization"}))
    assert (one.key == two.key, one.key.chain == two.key.chain) == (False, True)
    again = build(configuration(**named, preserve_host=True), before=second)
    assert again.aliases["crm"] is two


async def test_a_certificate_of_the_routes_own_stays(build: Callable[..., App], tmp_path: Path) -> None:
    """What a route says about itself holds."""
    document = certified(tmp_path)
    for end in ("pem", "key"):
        (tmp_path / f"own.{end}").write_bytes((tmp_path / f"client.{end}").read_bytes())
    document["routes"][0]["tls"] = {"cert": "own.pem", "key": "own.key"}
    tls = build(document).routes["/crm"].route.tls
    assert (tls.cert, tls.key) == (str(tmp_path / "own.pem"), str(tmp_path / "own.key"))


async def test_the_way_out_counts_as_a_change(build: Callable[..., App]) -> None:
    """Connections through another proxy, or as another user of it, are others."""
    proxy = {"proxy": "http://proxy.test:3128", "username": "u", "password": "one"}
    first = build({**configuration(), "egress": proxy})
    second = build({**configuration(), "egress": {**proxy, "password": "two"}}, before=first)
    assert (second.routes["/crm"] is first.routes["/crm"], second.aliases["crm"] is first.aliases["crm"]) == (False, False)


async def test_what_callers_present_is_read_and_goes_no_further(build: Callable[..., App]) -> None:
    """The headers that an exchange names are the route's, in lower case."""
    document = configuration()
    document["credentials"]["crm"] |= {
        "type": "oauth2_token_exchange",
        "subject_token": {"header": "X-Subject"},
        "actor_token": {"header": "Authorization"},
        "token_placement": {"header": "X-Token"},
    }
    active = build(document).routes["/crm"]
    assert active.token is not None
    assert (active.token.presented, {b"x-subject", b"authorization"} <= active.own.headers.dropped) == (
        ("authorization", "x-subject"),
        True,
    )
