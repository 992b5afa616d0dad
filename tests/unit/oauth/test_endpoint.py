"""proxy/oauth/endpoint.py: a credential's exchange against a real HTTP server on loopback."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import msgspec
import pytest
from aiohttp import web

from proxy import errors
from proxy.egress import Egress
from proxy.oauth.answer import Path
from proxy.oauth.endpoint import METADATA_LIFE
from proxy.oauth.exchange import Scope
from proxy.oauth.grants import ExchangedToken, LoginToken, Password, RefreshToken, SecureParameter, TokenExchange
from proxy.oauth.options import Param, Step, TokenRequestOptions, TokenTLS
from proxy.oauth.template import Template
from proxy.oauth.token import Token, TokenKey
from proxy.oauth.tree import Tree
from proxy.secrets.sources import Command, Env, File, Rotation, Text
from proxy.units import Seconds
from tests.fakes.credentials import SECRET, crm
from tests.fakes.exchanges import GOOD, KEY, Bench, NamesAt, Server

if TYPE_CHECKING:
    import pathlib
    from collections.abc import Callable

    from proxy.oauth.client_auth import ClientAuthName
    from proxy.oauth.endpoint import TokenEndpoint

ROTATION = Rotation(Text("current"), Text("next"))


def forms(server: Server) -> list[dict[str, str]]:
    """What the token requests said."""
    return [{name: value for name, (value,) in parse_qs(body).items()} for _, body, _ in server.seen]


def answering(server: Server, judge: Callable[[dict[str, str]], tuple[int, dict[str, object]]]) -> None:
    """Let `judge` decide on the form of each request."""

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        status, body = judge({name: value for name, (value,) in parse_qs(await request.text()).items()})
        return web.json_response(body, status=status)

    server.answer = answer


def issuing(**members: object) -> tuple[int, dict[str, object]]:
    return 200, {"access_token": "abc", "token_type": "Bearer", "expires_in": 60, **members}


async def refused(endpoint: TokenEndpoint, key: TokenKey = KEY) -> errors.TokenError:
    with pytest.raises(errors.TokenError) as caught:
        await endpoint.fetch(key)
    return caught.value


def posting(url: str, **options: Any) -> Any:
    return crm(url, client_auth="client_secret_post", **options)


async def test_token(server: Server, bench: Bench) -> None:
    """One POST, and its answer is the token, dated by the moment at which the exchange began."""
    token = await bench.endpoint(crm(server.url, scope=Scope(("api",)))).fetch(KEY)
    assert (token.value, token.obtained_at, token.expires_at) == ("abc", 100, 160)
    assert forms(server) == [{"grant_type": "client_credentials", "scope": "api"}]


async def test_html(server: Server, bench: Bench) -> None:
    """A sign-in page under 200 is told by its media type; where it stands is for the log alone."""

    async def page(_: web.BaseRequest) -> web.StreamResponse:
        return web.Response(text="<html>", content_type="text/html")

    server.answer = page
    error = await refused(bench.endpoint(crm(server.url + "/login?key=s3cr3t")))
    assert error.code == "token_response_not_json"
    assert "answered 200 text/html, not a JSON object" in error.facts
    assert error.log_detail == server.url + "/login"


async def test_rotated_secret(server: Server, bench: Bench, tmp_path: pathlib.Path) -> None:
    """The secret is read for every fetch, and its version changes with it without telling it."""
    file = tmp_path / "secret"
    file.write_text("first\n")
    endpoint = bench.endpoint(posting(server.url, client_secret=File(str(file))))
    await endpoint.fetch(KEY)
    before = endpoint.secret_version()
    file.write_text("second\n")
    await endpoint.fetch(KEY)
    assert [form["client_secret"] for form in forms(server)] == ["first", "second"]
    assert before is not None
    assert before != endpoint.secret_version()
    assert "first" not in before


async def test_unreadable_secret(server: Server, bench: Bench, tmp_path: pathlib.Path) -> None:
    """Without its secret nothing is sent; the place is for the log alone."""
    endpoint = bench.endpoint(crm(server.url, client_secret=File(str(tmp_path / "none"))))
    error = await refused(endpoint)
    assert (error.code, error.origin, error.key) == ("secret_unavailable", "config", "credentials.crm.client_secret")
    assert str(tmp_path) not in error.detail
    assert str(tmp_path) in error.log_detail
    assert endpoint.secret_version() is None
    assert server.seen == []


async def test_secret_that_is_no_text(server: Server, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable with foreign bytes is the secret's fault, told without showing any of it."""
    monkeypatch.setenv("CRM_SECRET", "abc\udcff")
    endpoint = bench.endpoint(crm(server.url, client_secret=Env("CRM_SECRET")))
    error = await refused(endpoint)
    assert error.code == "secret_unavailable"
    assert "udcff" not in error.detail + error.log_detail
    assert endpoint.secret_version() is not None


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post", "client_secret_jwt", "private_key_jwt"])
async def test_no_secret(server: Server, bench: Bench, method: ClientAuthName) -> None:
    """A credential without what its client_auth needs fails closed."""
    assert (await refused(bench.endpoint(crm(server.url, client_secret=None, client_auth=method)))).code == "secret_unavailable"
    assert server.seen == []


async def test_a_program_s_secret(server: Server, bench: Bench) -> None:
    """A secret that a program prints is asked for when a token is fetched, never to compare versions."""
    endpoint = bench.endpoint(posting(server.url, client_secret=Command(("/bin/echo", "printed"))))
    version = endpoint.secret_version()
    await endpoint.fetch(KEY)
    assert forms(server)[0]["client_secret"] == "printed"
    assert endpoint.secret_version() == version


async def test_environment_in_a_template(server: Server, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """`${env:NAME}` is read when a token is fetched; unset, or no text, it is told by its name."""
    endpoint = bench.endpoint(crm(server.url + "/${env:TENANT}"))
    monkeypatch.setenv("TENANT", "eu1")
    await endpoint.fetch(KEY)
    assert server.seen[0][0] == "/eu1"
    for value, told in (("", "environment variable TENANT is not set"), ("a\udcff", "environment variable TENANT is not UTF-8 text")):
        monkeypatch.setenv("TENANT", value)
        error = await refused(endpoint)
        assert (error.code, error.facts, error.key) == ("secret_unavailable", told, None)
    assert len(server.seen) == 1


async def test_next_secret(server: Server, bench: Bench) -> None:
    """Where the current secret is refused the next one is tried, told of once, and used first from then on."""
    answering(server, lambda form: issuing() if form["client_secret"] == "next" else (401, {"error": "invalid_client"}))
    endpoint = bench.endpoint(posting(server.url, client_secret=ROTATION))
    await endpoint.fetch(KEY)
    await endpoint.fetch(KEY)
    assert [form["client_secret"] for form in forms(server)] == ["current", "next", "next"]
    assert bench.next_secrets == ["crm"]


async def test_next_secret_for_several_subjects_at_once(server: Server, bench: Bench) -> None:
    """Exchanges that find out at the same time do not undo each other's finding."""
    both = asyncio.Barrier(2)

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        await both.wait()
        good = "next" in await request.text()
        return web.json_response({"access_token": "abc"} if good else {"error": "invalid_client"}, status=200 if good else 401)

    server.answer = answer
    endpoint = bench.endpoint(posting(server.url, client_secret=ROTATION))
    for _ in range(2):
        await asyncio.gather(endpoint.fetch(TokenKey("f", "ada")), endpoint.fetch(TokenKey("f", "bob")))
    assert [form["client_secret"] for form in forms(server)] == ["current"] * 2 + ["next"] * 4
    assert bench.next_secrets == ["crm"]


async def test_back_to_the_current_secret(server: Server, bench: Bench) -> None:
    """Where the next secret is refused later, the current one is tried again, and nothing is told of it."""
    good = ["next"]
    answering(server, lambda form: issuing() if form["client_secret"] in good else (401, {"error": "invalid_client"}))
    endpoint = bench.endpoint(posting(server.url, client_secret=ROTATION))
    await endpoint.fetch(KEY)
    good[:] = ["current"]
    await endpoint.fetch(KEY)
    await endpoint.fetch(KEY)
    assert [form["client_secret"] for form in forms(server)] == ["current", "next", "next", "current", "current"]
    assert bench.next_secrets == ["crm"]


async def test_next_secret_after_a_plain_401(server: Server, bench: Bench) -> None:
    """A server that names no error refuses the client by its status."""
    answering(server, lambda form: issuing() if form["client_secret"] == "next" else (401, {"message": "bad credentials"}))
    await bench.endpoint(posting(server.url, client_secret=ROTATION)).fetch(KEY)
    assert [form["client_secret"] for form in forms(server)] == ["current", "next"]


async def test_next_password(server: Server, bench: Bench) -> None:
    """A refused password is followed by the next one, which stays in use."""
    answering(server, lambda form: issuing() if form["password"] == "next" else (400, {"error": "invalid_grant"}))
    endpoint = bench.endpoint(owner(server.url, password=ROTATION))
    await endpoint.fetch(KEY)
    await endpoint.fetch(KEY)
    assert [form["password"] for form in forms(server)] == ["current", "next", "next"]


async def test_both_secrets_refused(server: Server, bench: Bench) -> None:
    """Two refusals are the end; one more exchange begins with the current secret again."""
    answering(server, lambda _: (401, {"error": "invalid_client"}))
    endpoint = bench.endpoint(posting(server.url, client_secret=ROTATION))
    for _ in range(2):
        error = await refused(endpoint)
        assert error.code == "token_invalid_client"
        assert error.facts.endswith("; so was the other secret of the rotation")
    assert [form["client_secret"] for form in forms(server)] == ["current", "next"] * 2
    assert bench.next_secrets == []


async def test_next_secret_that_is_taken_and_another_refusal(server: Server, bench: Bench) -> None:
    """A refusal for another reason shows that the secret was taken: it stays in use, and nothing false is told of it."""

    def answered(form: dict[str, str]) -> tuple[int, dict[str, object]]:
        return (400, {"error": "invalid_scope"}) if form["client_secret"] == "next" else (401, {"error": "invalid_client"})

    answering(server, answered)
    endpoint = bench.endpoint(posting(server.url, client_secret=ROTATION))
    error = await refused(endpoint)
    assert (error.code, "rotation" in error.facts) == ("token_invalid_scope", False)
    await refused(endpoint)
    assert [form["client_secret"] for form in forms(server)] == ["current", "next", "next"]
    assert bench.next_secrets == ["crm"]


async def test_next_secret_that_is_not_there_yet(server: Server, bench: Bench) -> None:
    """The refusal stays the cause where the next secret cannot be read."""
    answering(server, lambda _: (401, {"error": "invalid_client"}))
    endpoint = bench.endpoint(posting(server.url, client_secret=Rotation(Text("current"), Env("NOT_SET_ANYWHERE"))))
    assert (await refused(endpoint)).code == "token_invalid_client"


async def test_other_refusals_do_not_try_the_next_secret(server: Server, bench: Bench) -> None:
    """Only invalid_client speaks of the secret."""
    answering(server, lambda _: (400, {"error": "invalid_scope"}))
    assert (await refused(bench.endpoint(posting(server.url, client_secret=ROTATION)))).code == "token_invalid_scope"
    assert len(server.seen) == 1


def owner(url: str, **options: Any) -> Password:
    return Password(
        **{"token_url": Template.parse(url), "client_id": "id", "client_auth": "none", "username": "ada", "password": Text("pw"), **options}
    )


async def test_refresh_token_is_kept_by_key(server: Server, bench: Bench) -> None:
    """What one exchange brought serves the next one of the same key, and no other's."""
    answering(server, lambda _: issuing(refresh_token=f"r{len(server.seen)}"))
    endpoint = bench.endpoint(owner(server.url))
    await endpoint.fetch(TokenKey("f", "ada"))
    await endpoint.fetch(TokenKey("f", "bob"))
    await endpoint.fetch(TokenKey("f", "ada"))
    assert [form.get("refresh_token", form["grant_type"]) for form in forms(server)] == ["password", "password", "r1"]
    assert bench.store.refresh_token(TokenKey("f", "ada")) == "r3"
    assert bench.store.refresh_token(TokenKey("f", "bob")) == "r2"


async def test_refused_refresh_token_is_forgotten(server: Server, bench: Bench) -> None:
    """After the fallback the old refresh token is gone, also where the grant brought no new one."""
    answering(server, lambda form: issuing() if form["grant_type"] == "password" else (400, {"error": "invalid_grant"}))
    bench.store.keep_refresh_token(KEY, "old")
    await bench.endpoint(owner(server.url)).fetch(KEY)
    assert [form["grant_type"] for form in forms(server)] == ["refresh_token", "password"]
    assert bench.store.refresh_token(KEY) is None


async def test_failed_refresh_keeps_the_refresh_token(server: Server, bench: Bench) -> None:
    """A server that is down for a moment costs no refresh token."""
    answering(server, lambda _: (503, {}))
    bench.store.keep_refresh_token(KEY, "old")
    assert (await refused(bench.endpoint(owner(server.url)))).code == "token_endpoint_error"
    assert bench.store.refresh_token(KEY) == "old"


async def test_configured_refresh_token(server: Server, bench: Bench) -> None:
    """A refresh token that a user gave is the first, and the one to return to."""
    answering(
        server,
        lambda form: (400, {"error": "invalid_grant"}) if form["refresh_token"] == "r1" else issuing(refresh_token="r1"),
    )
    grant = RefreshToken(token_url=Template.parse(server.url), client_auth="none", refresh_token=Text("given"))
    endpoint = bench.endpoint(grant)
    await endpoint.fetch(KEY)
    await endpoint.fetch(KEY)
    assert [form["refresh_token"] for form in forms(server)] == ["given", "r1", "given"]


def other_token(value: str) -> Token:
    return Token(value=value, obtained_at=0, expires_at=1e9, due_at=1e9, usable_until=1e9)


def exchanging(url: str) -> TokenExchange:
    return TokenExchange(
        token_url=Template.parse(url),
        client_auth="none",
        subject_token=ExchangedToken(from_="login"),
        actor_token=ExchangedToken(from_="machine"),
    )


async def test_tokens_of_other_aliases(server: Server, bench: Bench) -> None:
    """What a grant takes from other aliases is at hand."""
    bench.others.tokens |= {"login": other_token("t1"), "machine": other_token("t2")}
    await bench.endpoint(exchanging(server.url)).fetch(KEY)
    (form,) = forms(server)
    assert (form["subject_token"], form["actor_token"]) == ("t1", "t2")
    assert bench.others.told == []


@pytest.mark.parametrize("code", ["invalid_grant", "invalid_request", "token_expired"])
async def test_refused_tokens_of_other_aliases(code: str, server: Server, bench: Bench) -> None:
    """A refusal that may be of the other aliases' tokens tells them so, and the exchange goes once more with new ones."""
    bench.others.tokens |= {"login": other_token("t1"), "machine": other_token("t2")}
    answering(server, lambda _: (400, {"error": code}))
    await refused(bench.endpoint(exchanging(server.url)))
    assert [(alias, token.value) for alias, token in bench.others.told] == [("login", "t1"), ("machine", "t2")]
    assert len(forms(server)) == 2


@pytest.mark.parametrize(("code", "age"), [("invalid_scope", 1.0), ("unauthorized_client", 1.0), ("invalid_grant", 0.0)])
async def test_tokens_of_other_aliases_that_are_not_at_fault(code: str, age: float, server: Server, bench: Bench) -> None:
    """Another cause leaves them alone, and a token that is as new as the exchange would be no better if it were newer."""
    obtained = bench.now - age
    bench.others.tokens |= {alias: replace(other_token(alias), obtained_at=obtained) for alias in ("login", "machine")}
    answering(server, lambda _: (400, {"error": code}))
    await refused(bench.endpoint(exchanging(server.url)))
    assert (bench.others.told, len(forms(server))) == ([], 1)


def metadata(server: Server, **members: object) -> dict[str, object]:
    return {"issuer": server.url, "token_endpoint": f"{server.url}/found", **members}


def discovering(server: Server, **members: object) -> None:
    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        if "well-known" in request.path:
            return web.json_response(metadata(server, **members))
        return web.Response(text=GOOD) if request.path == "/found" else web.Response(status=404)

    server.answer = answer


def issued_by(server: Server, **options: Any) -> Any:
    return msgspec.structs.replace(crm(**options), token_url=None, issuer=server.url)


async def test_discovery(server: Server, bench: Bench) -> None:
    """The issuer's metadata says where the token endpoint is, and is asked again only when its time is over."""
    discovering(server)
    endpoint = bench.endpoint(issued_by(server))
    await endpoint.fetch(KEY)
    bench.now += METADATA_LIFE - 1
    await endpoint.fetch(KEY)
    bench.now += 1
    await endpoint.fetch(KEY)
    place = "/.well-known/openid-configuration"
    assert [path for path, _, _ in server.seen] == [place, "/found", "/found", place, "/found"]


async def test_discovery_after_a_404(server: Server, bench: Bench) -> None:
    """An endpoint that has moved is found again by the next exchange."""
    discovering(server, token_endpoint=f"{server.url}/gone")
    endpoint = bench.endpoint(issued_by(server))
    assert (await refused(endpoint)).code == "token_endpoint_not_found"
    discovering(server)
    assert (await endpoint.fetch(KEY)).value == "abc"


async def test_discovery_rules_the_method_out(server: Server, bench: Bench) -> None:
    """A server that does not list the method never sees the secret."""
    discovering(server, token_endpoint_auth_methods_supported=["private_key_jwt"])
    error = await refused(bench.endpoint(issued_by(server)))
    assert (error.code, error.key) == ("token_invalid_client", "credentials.crm.client_auth")
    assert all("well-known" in path for path, _, _ in server.seen)


async def test_dpop(server: Server, bench: Bench) -> None:
    """With `dpop` each request has a proof by one key, which the token is bound to."""
    answering(server, lambda _: issuing(token_type="DPoP"))
    endpoint = bench.endpoint(crm(server.url, dpop=True))
    first, second = await endpoint.fetch(KEY), await endpoint.fetch(KEY)
    assert first.headers == second.headers == ((b"Authorization", b"DPoP abc"),)
    assert first.per_send is not None
    jwks = [headers["DPoP"].split(".")[0] for _, _, headers in server.seen]
    assert jwks[0] == jwks[1]


async def test_dpop_key_follows_its_file(server: Server, bench: Bench, pems: dict[str, str], tmp_path: pathlib.Path) -> None:
    """A changed DPoP key proves from the next exchange on; one that is no key names `dpop_key`."""
    answering(server, lambda _: issuing(token_type="DPoP"))
    file = tmp_path / "key.pem"
    endpoint = bench.endpoint(crm(server.url, dpop=True, dpop_key=File(str(file))))
    for kind in ("P-256", "P-384"):
        file.write_text(pems[kind])
        await endpoint.fetch(KEY)
    first, second = (headers["DPoP"].split(".")[0] for _, _, headers in server.seen)
    assert first != second
    file.write_text("s3cr3t, and no key")
    error = await refused(endpoint)
    assert (error.code, error.key) == ("secret_unavailable", "credentials.crm.dpop_key")
    assert "s3cr3t" not in error.detail + error.log_detail


async def test_a_credential_without_an_endpoint(bench: Bench) -> None:
    """A static credential is read and sends nothing."""
    token = await bench.endpoint(SecureParameter(value=Text("key"))).fetch(KEY)
    assert token.headers == ((b"Authorization", b"Bearer key"),)


async def test_one_timeout_for_all_steps(server: Server, bench: Bench) -> None:
    """`token_request.timeout` bounds the whole exchange, not each of its calls."""
    forever = asyncio.Event()

    async def hang(request: web.BaseRequest) -> web.StreamResponse:
        if request.path == "/2":
            await forever.wait()
        return web.json_response({"sid": "s"})

    server.answer = hang
    grant = LoginToken(
        token_url=Template.parse(server.url + "/3"),
        steps=tuple(Step(token_url=Template.parse(f"{server.url}/{number}")) for number in (1, 2)),
        token_request=TokenRequestOptions(timeout=Seconds(0.5)),
    )
    assert (await refused(bench.endpoint(grant))).code == "token_endpoint_timeout"
    assert [path for path, _, _ in server.seen] == ["/1", "/2"]
    forever.set()


async def test_the_answer_of_a_step_names_the_token_endpoint(server: Server, bench: Bench) -> None:
    """`token_url` may stand on an earlier answer."""

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        return web.json_response({"host": server.url} if request.path == "/login" else json.loads(GOOD))

    server.answer = answer
    steps = (Step(token_url=Template.parse(server.url + "/login")),)
    grant = LoginToken(token_url=Template.parse("${step1.host}/token"), steps=steps, allowed_hosts=("127.0.0.1",))
    assert (await bench.endpoint(grant).fetch(KEY)).value == "abc"
    assert [path for path, _, _ in server.seen] == ["/login", "/token"]


@pytest.mark.parametrize("scheme", ["http", "ws", "wss", "tcp"])
async def test_no_secret_follows_an_answer_elsewhere(server: Server, bench: Bench, scheme: str) -> None:
    """What a step answered leads to no other host than the allowed ones, and to none by another protocol."""
    host = "elsewhere.test" if scheme == "http" else "127.0.0.1"
    answering(server, lambda _: (200, {"url": f"{scheme}://{host}:{server.port}"}))
    url, steps = Template.parse("${step1.url}/token"), (Step(token_url=Template.parse(server.url)),)
    basic: dict[str, Any] = {"client_id": "id", "client_secret": SECRET, "client_auth": "client_secret_basic"}
    grant = LoginToken(token_url=url, steps=steps, allowed_hosts=("127.0.0.1",), **basic)
    error = await refused(bench.endpoint(grant, resolver=NamesAt("127.0.0.1")))
    assert (error.code, error.key) == ("token_address_refused", f"credentials.crm.{'allowed_hosts' if scheme == 'http' else 'token_url'}")
    assert "elsewhere" not in error.detail
    assert len(server.seen) == 1


@pytest.mark.parametrize("status", [400, 200])
async def test_a_key_in_the_path_reaches_no_log(server: Server, bench: Bench, status: int) -> None:
    """An operator sees the host and the path as the credential says it, whatever went wrong there."""

    async def answer(_: web.BaseRequest) -> web.StreamResponse:
        return web.Response(status=status, headers={"Content-Encoding": "gzip"}, body=b"no gzip")

    server.answer = answer
    error = await refused(bench.endpoint(crm(server.url + "/${values.key}/token", values={"key": Text("s3cr3t")})))
    assert error.log_detail.startswith(server.url + "/${values.key}/token")
    assert "s3cr3t" not in error.log_detail


@pytest.mark.parametrize("url", ["http://[", "http://a:99999/", "nowhere", "file:///etc/passwd", "http://user:s3cr3t@[/", "http://a b/"])
async def test_what_a_template_makes_is_no_url(server: Server, bench: Bench, url: str) -> None:
    """Whatever an answer puts into a URL, it is a TokenError that does not show it."""

    async def answer(_: web.BaseRequest) -> web.StreamResponse:
        return web.json_response({"url": url})

    server.answer = answer
    grant = LoginToken(token_url=Template.parse("${step1.url}"), steps=(Step(token_url=Template.parse(server.url)),))
    error = await refused(bench.endpoint(grant))
    assert url not in error.detail
    assert "s3cr3t" not in error.detail + error.log_detail


HANGING = Command(("sleep", "60"), timeout=Seconds(0.05))


async def test_a_program_that_hangs(server: Server, bench: Bench) -> None:
    """It is the secret's fault and not the server's, even where the program may take as long as the whole exchange."""
    options = TokenRequestOptions(timeout=Seconds(0.05))
    error = await refused(bench.endpoint(posting(server.url, client_secret=HANGING, token_request=options)))
    assert (error.code, error.key) == ("secret_unavailable", "credentials.crm.client_secret")
    assert "took longer than 0.05 s" in error.log_detail
    assert server.seen == []


async def test_a_proxy_s_password_by_a_program_that_hangs(server: Server, bench: Bench) -> None:
    """It is the password's fault, not that of a server that was not asked yet."""
    options = TokenRequestOptions(timeout=Seconds(0.05))
    egress = Egress(proxy=server.url, username="bearerd", password=HANGING)
    error = await refused(bench.endpoint(crm("http://login.test/", token_request=options), egress=egress))
    assert (error.code, error.key) == ("token_egress_error", "egress.password")


async def test_a_program_s_secret_that_was_exchanged(
    server: Server, bench: Bench, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kept output that the server refuses is got anew and sent at once; the same output again is not sent again."""
    monkeypatch.setattr("proxy.secrets.programs.DOUBTED_AFTER", 0.0)
    vault, good = tmp_path / "vault", ["one"]
    vault.write_text("one")
    answering(server, lambda form: issuing() if form["client_secret"] in good else (401, {"error": "invalid_client"}))
    endpoint = bench.endpoint(posting(server.url, client_secret=Command(("cat", str(vault)))))
    await endpoint.fetch(KEY)
    vault.write_text("two")
    good[:] = ["two"]
    await endpoint.fetch(KEY)
    good.clear()
    error = await refused(endpoint)
    vault.unlink()
    assert (error.code, (await refused(endpoint)).code) == ("token_invalid_client",) * 2
    assert [form["client_secret"] for form in forms(server)] == ["one", "one", "two", "two", "two"]


@pytest.mark.parametrize(
    ("status", "body", "key"),
    [
        (404, {}, "steps[0].token_url"),
        (200, {"other": "s1"}, "steps[0].values.session"),
        (415, {}, "steps[0].token_request.content_type"),
    ],
)
async def test_a_step_that_fails_is_named(status: int, body: dict[str, object], key: str, server: Server, bench: Bench) -> None:
    """The key that repairs a step stands under the step."""
    answering(server, lambda _: (status, body))
    step = Step(token_url=Template.parse(f"{server.url}/login"), values={"session": Path.parse("session")})
    grant = LoginToken(token_url=Template.parse(f"{server.url}/token?s=${{step1.session}}"), steps=(step,))
    assert (await refused(bench.endpoint(grant))).key == f"credentials.crm.{key}"


async def test_an_answer_without_what_the_request_wants(server: Server, bench: Bench) -> None:
    """Where a template reads an answer itself, the request that holds it is what changes."""
    answering(server, lambda _: (200, {"other": "s1"}))
    param = Param(key="session", value=Tree.parse("${step1.session}"))
    request = TokenRequestOptions(params=(param,))
    steps = (Step(token_url=Template.parse(server.url)),)
    grant = LoginToken(token_url=Template.parse(server.url), steps=steps, token_request=request)
    assert (await refused(bench.endpoint(grant))).key == "credentials.crm.token_request"


async def test_a_certificate_without_an_answer(server: Server, bench: Bench, tmp_path: pathlib.Path) -> None:
    """A server that ends the connection of a client with a certificate without a word has probably refused the certificate."""

    async def hang_up(request: web.BaseRequest) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    server.answer = hang_up
    tls = TokenTLS(cert=str(tmp_path / "c.pem"), key=str(tmp_path / "k.pem"))
    error = await refused(bench.endpoint(crm(server.url, token_request=TokenRequestOptions(tls=tls))))
    assert (error.code, error.key) == ("token_endpoint_unreachable", "credentials.crm.token_request.tls.cert")
