"""No secret and no token in anything that comes out: a grep over all of it, at debug level.

Here every kind of failure is provoked, and the search that every other test ends with (`nothing_leaks`) is shown what it must find.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, quote_plus

import pytest
from yarl import URL

from tests.fakes.raw import RawUpstream, say
from tests.fakes.token_server import TokenServer, answer, drop
from tests.fakes.witness import WITNESS, spellings
from tests.integration.applications import until
from tests.integration.running import Bearerd, write_config

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fakes.api import EchoAPI
    from tests.integration.applications import Caller, Got
    from tests.integration.authorization import AuthorizationServer, Client
    from tests.integration.conftest import StartBearerd

pytestmark = pytest.mark.lanes

SECRET = "hush/hush+%&"
CALLERS = "callers-own-token"


async def test_no_secret_comes_out(
    authorization_server: AuthorizationServer,
    echo_api: EchoAPI,
    token_server: TokenServer,
    raw_upstream: RawUpstream,
    client: Client,
    credential: Callable[..., dict[str, Any]],
    caller: Caller,
    bearerd: StartBearerd,
) -> None:
    """Standard output and error, metrics, admin pages and answers hold no secret, no token and no Authorization of a caller."""
    odd = {"type": "oauth2_client_credentials", "token_url": token_server.token_url, "client_id": "odd", "client_secret": SECRET}
    running = bearerd(
        {"prefix": "/crm", "upstream": echo_api.url, "credential": "crm"},
        {"prefix": "/odd", "upstream": raw_upstream.url, "credential": "odd", "retry": {"attempts": 1}},
        credentials={"crm": credential(client), "odd": odd},
        log={"level": "debug"},
    )
    repeats = {"error": "invalid_request", "error_description": f"client odd secret {SECRET} {quote_plus(SECRET)}"}
    basic = "Basic " + base64.b64encode(f"odd:{quote_plus(SECRET)}".encode()).decode()
    token_server.script.extend(
        [
            drop,
            answer(500, f"failed for {basic}", content_type="text/plain"),
            answer(200, f'"access_token": "half-a-token {SECRET}'),
            answer(200, {"access_token": "leaky token", "token_type": "Bearer"}),
        ]
    )
    own = {"Authorization": f"Bearer {CALLERS}", "Cookie": f"session={CALLERS}"}
    got: list[Got] = [
        await caller.get(f"{running.url}/crm/echo?access_token={CALLERS}", headers=own),
        await caller.get(f"{running.url}/nowhere?token={CALLERS}", headers=own),
        await caller.get(f"{running.url}/odd/1", headers=own),
    ]
    raw_upstream.reply = say(b"HTTP/1.1 200 OK\r\nContent-Length: nonsense\r\n\r\n", close=True)

    async def answers() -> bool:
        got.append(await caller.get(f"{running.url}/odd/2", headers=own))
        return bool(token_server.issued)

    await until(answers)
    token_server.reply = answer(400, repeats)
    raw_upstream.reply = say(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n")
    got.append(await caller.get(f"{running.url}/odd/3", headers=own))
    authorization_server.revoke(client)
    got.append(await caller.post(f"{running.url}/crm/write", b"x", headers=own))
    assert got.pop(0).status == 200  # an echo of what was sent, and so of no account

    pages = [await running.admin(path) for path in ("/metrics", "/healthz", "/readyz", "/readyz?alias=odd")]
    assert running.stop() == 0
    everything = "\n".join([running.said, *(body for _, body in pages), *(f"{answer.headers} {answer.body!r}" for answer in got)])
    hidden = spellings(SECRET) | spellings(client.secret) | {CALLERS, basic.removeprefix("Basic "), "leaky token", "half-a-token"}
    hidden |= set(token_server.issued) | {call.token for call in echo_api.calls}
    assert {text for text in hidden if text in everything} == set()
    assert "token_request_refused" in everything


PLANTED = "planted/secret+{}&y"
PLACES: tuple[dict[str, Any], ...] = (  # where a secret is said, beside a client secret that is another one
    {"client_secret": "{text}"},
    {"client_secret": {"env": "PLANTED_{number}"}},
    {"client_secret": {"file": "planted-{number}"}},
    {"client_secret": {"current": "another-secret", "next": {"file": "planted-{number}"}}},
    {"token_request": {"params": [{"key": "x", "value": {"file": "planted-{number}"}}]}},
    {"values": {"y": {"env": "PLANTED_{number}"}}},
)
SPELT: tuple[Callable[[str], str], ...] = (str, partial(quote, safe=""), lambda text: base64.b64encode(text.encode()).decode())


async def test_a_secret_of_the_configuration_that_comes_out_is_found(
    token_server: TokenServer, raw_upstream: RawUpstream, caller: Caller, tmp_path: Path
) -> None:
    """The search that every test ends with sees secrets planted in a call's path, wherever they lie and however they are spelt."""
    odd = {"type": "oauth2_client_credentials", "token_url": token_server.token_url, "client_id": "odd", "client_secret": "something-else"}
    secrets = [PLANTED.format(number) for number in range(len(PLACES))]
    credentials = {}
    for number, (place, text) in enumerate(zip(PLACES, secrets, strict=True)):
        (tmp_path / f"planted-{number}").write_text(text)
        said = json.loads(json.dumps(place).replace("{number}", str(number)).replace("{text}", text))
        credentials[f"c{number}"] = {**odd, **said}
    routes = [{"prefix": f"/{alias}", "upstream": raw_upstream.url, "credential": alias} for alias in credentials]
    env = {f"PLANTED_{number}": text for number, text in enumerate(secrets)}
    told = [spell(text) for text in secrets for spell in SPELT]
    with Bearerd(write_config(tmp_path, routes, credentials, {}), env=env) as running:
        for said in told:
            assert (await caller.get(URL(f"{running.url}/c0/{said}", encoded=True))).status == 200
    leaks = WITNESS.take()
    assert [said for said in told if not any(said in leak for leak in leaks)] == []


@pytest.mark.parametrize("whose", ["the server's", "the caller's"])
async def test_a_token_that_comes_out_is_found(
    whose: str, token_server: TokenServer, raw_upstream: RawUpstream, caller: Caller, tmp_path: Path
) -> None:
    """So is a token that a server issued, and one that a caller showed to an API without a credential."""
    issued = whose == "the server's"
    odd = {"type": "oauth2_client_credentials", "token_url": token_server.token_url, "client_id": "odd", "client_secret": SECRET}
    route = {"prefix": "/odd", "upstream": raw_upstream.url, "credential": "odd" if issued else "none"}
    said = f"fake-token-{token_server.port}-1" if issued else CALLERS
    with Bearerd(write_config(tmp_path, [route], {"odd": odd}, {})) as running:
        await caller.get(f"{running.url}/odd/{said}", headers={"Authorization": f"Bearer {CALLERS}"})
    assert WITNESS.take()


async def test_every_page_is_read(token_server: TokenServer, raw_upstream: RawUpstream, tmp_path: Path) -> None:
    """Metrics and readiness name every alias: one that is a secret is found on both."""
    odd = {"type": "oauth2_client_credentials", "token_url": token_server.token_url, "client_id": "odd", "client_secret": "planted-alias"}
    route = {"prefix": "/odd", "upstream": raw_upstream.url, "credential": "planted-alias"}
    with Bearerd(write_config(tmp_path, [route], {"planted-alias": odd}, {})) as running:
        metrics, _, ready = running._pages()
    assert ("planted-alias" in metrics, "planted-alias" in ready) == (True, True)
    assert WITNESS.take()


async def test_a_secret_in_an_answer_is_found(raw_upstream: RawUpstream, caller: Caller) -> None:
    """A problem document counts, and so does Proxy-Status on an answer that is relayed; what an API says by itself does not."""
    mark, place = WITNESS.begin(), f"{raw_upstream.url}/a/secret-place"
    raw_upstream.reply = answer(200, "the secret-place itself")
    await caller.get(place)
    WITNESS.search(mark, [], ["secret-place"], name="")
    assert WITNESS.take() == []
    for header, kind in (("Proxy-Status", "text/plain"), ("X-Any", "application/problem+json")):
        raw_upstream.reply = answer(200, "{}", content_type=kind, headers={header: "the secret-place itself"})
        await caller.get(place)
        WITNESS.search(mark, [], ["secret-place"], name=header)
    assert [leak.partition(":")[0] for leak in WITNESS.take()] == ["Proxy-Status", "X-Any"]
