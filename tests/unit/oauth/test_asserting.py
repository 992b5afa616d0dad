"""proxy/oauth/asserting.py: what an assertion says when a credential says this much of it."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, cast

import pytest

from proxy.errors import SecretUnavailableError
from proxy.oauth.asserting import bearer_assertion, client_assertion, saml_assertion
from proxy.oauth.grants import JWTBearer
from proxy.oauth.options import Assertion
from proxy.oauth.template import Template
from proxy.oauth.tree import Tree
from proxy.secrets.sources import Text
from proxy.units import Seconds
from tests.fakes.credentials import EPOCH, URL, crm, facts_of, names_of

if TYPE_CHECKING:
    from proxy.oauth.exchange import SAMLAssertion, Signer
    from proxy.oauth.names import Names

KEY, CERTIFICATE = Text("k3y"), Text("c3rtificate")


@dataclass
class Notes:
    """A signer that keeps what it is asked to sign; `unusable` is what it says of a key instead."""

    unusable: str = ""
    asked: dict[str, Any] = field(default_factory=dict)

    def jwt(self, key: str, **asked: Any) -> str:
        self.asked |= {"key": key, **asked}
        if self.unusable:
            raise ValueError(self.unusable)
        return "signed"

    def saml(self, assertion: SAMLAssertion, **asked: Any) -> str:
        self.asked["saml"] = assertion
        return self.jwt(**asked)

    def thumbprint(self, certificate: str, hash_name: str) -> str:
        return f"{hash_name} of {certificate}"


def asserting(notes: Notes, said: Assertion | None = None, **options: Any) -> Names:
    grant = crm(**{"private_key": KEY, "certificate": CERTIFICATE, "assertion": said or Assertion(), **options})
    return names_of(grant, signer=cast("Signer", notes))


def client(names: Names, key: Literal["private_key", "client_secret"] = "private_key") -> dict[str, Any]:
    """Algorithm, header and claims of a client's assertion."""
    heard: dict[str, Any] = {}

    def sign(alg: str | None, header: Mapping[str, object], claims: Mapping[str, object]) -> str:
        heard.update(alg=alg, header=header, claims=claims)
        return "signed"

    assert client_assertion(names, sign, key=key) == "signed"
    return heard


def bearer(said: Assertion | None = None, **options: Any) -> dict[str, Any]:
    notes = Notes()
    assert bearer_assertion(asserting(notes, said, **options)) == "signed"
    return notes.asked


TIMES = {"jti": "unique", "iat": EPOCH, "exp": EPOCH + 300}
CLAIMS: Mapping[str, tuple[Assertion, dict[str, object]]] = {  # said -> what is not as usual
    "nothing": (Assertion(), {}),
    "issuer": (Assertion(issuer=Template.parse("https://${client_id}")), {"iss": "https://id"}),
    "subject": (Assertion(subject=Template.parse("ada")), {"sub": "ada"}),
    "audience": (Assertion(audience=Template.parse("https://as.test")), {"aud": "https://as.test"}),
    "lifetime": (Assertion(lifetime=Seconds(60)), {"exp": EPOCH + 60}),
    "claims": (Assertion(claims=Tree.parse({"scope": "a ${client_id}", "n": 1, "l": [True]})), {"scope": "a id", "n": 1, "l": [True]}),
    "a claim in place of ours": (Assertion(claims=Tree.parse({"aud": ["a", "b"]})), {"aud": ["a", "b"]}),
    "a secret in a claim": (Assertion(claims=Tree.parse({"pin": KEY})), {"pin": "k3y"}),
}


@pytest.mark.parametrize(("said", "other"), CLAIMS.values(), ids=CLAIMS)
def test_client_claims(said: Assertion, other: dict[str, object]) -> None:
    """A client speaks of itself to the token endpoint, but for what the credential says (RFC 7523 §3)."""
    assert client(asserting(Notes(), said))["claims"] == {"iss": "id", "sub": "id", "aud": URL, **TIMES, **other}


@pytest.mark.parametrize(("said", "other"), CLAIMS.values(), ids=CLAIMS)
def test_bearer_claims(said: Assertion, other: dict[str, object]) -> None:
    """An assertion that is the grant has no subject unless one is said (Google without delegation, a GitHub App)."""
    assert bearer(said)["claims"] == {"iss": "id", "aud": URL, **TIMES, **other}


def test_a_claim_is_taken_away() -> None:
    """null takes away a claim of ours."""
    said = Assertion(claims=Tree.parse({"aud": None, "jti": None}))
    assert bearer(said)["claims"] == {"iss": "id", "iat": EPOCH, "exp": EPOCH + 300}


@pytest.mark.parametrize(
    ("said", "header"),
    [
        (Assertion(), {}),
        (Assertion(kid="k1"), {"kid": "k1"}),
        (Assertion(x5t=True), {"x5t": "sha1 of c3rtificate"}),
        (Assertion(x5t_s256=True), {"x5t#S256": "sha256 of c3rtificate"}),
        (Assertion(kid="k1", x5t=True, x5t_s256=True), {"kid": "k1", "x5t": "sha1 of c3rtificate", "x5t#S256": "sha256 of c3rtificate"}),
    ],
)
def test_header(said: Assertion, header: dict[str, str]) -> None:
    """`kid` and the certificate's thumbprints stand in the header where they are asked for (RFC 7515 §4.1)."""
    assert bearer(said)["header"] == header
    assert client(asserting(Notes(), said))["header"] == header


def test_algorithm_and_key() -> None:
    """The key is the credential's, the algorithm the one said, else the one that fits the key."""
    assert (bearer()["key"], bearer()["alg"]) == ("k3y", None)
    assert bearer(Assertion(alg="PS256"))["alg"] == "PS256"
    assert client(asserting(Notes(), Assertion(alg="PS256")))["alg"] == "PS256"


FULL = Assertion(
    alg="PS256",
    kid="k1",
    issuer=Template.parse("i"),
    subject=Template.parse("ada"),
    audience=Template.parse("https://other.test"),
    lifetime=Seconds(60),
    claims=Tree.parse({"scope": "a"}),
)
OWN: dict[str, Any] = {"iss": "id", "sub": "id", "aud": URL, **TIMES}


@pytest.mark.parametrize(
    ("key", "alg", "header"), [("private_key", "PS256", {"kid": "k1"}), ("client_secret", None, {})], ids=["private_key", "client_secret"]
)
def test_a_client_beside_an_assertion(key: Literal["private_key", "client_secret"], alg: str | None, header: dict[str, str]) -> None:
    """Where the grant is an assertion of its own, `assertion` speaks of that one: the client's names the client alone."""
    grant = JWTBearer(token_url=Template.parse(URL), client_id="id", private_key=KEY, assertion=FULL)
    notes = Notes()
    names = names_of(grant, signer=cast("Signer", notes))
    assert client(names, key) == {"alg": alg, "header": header, "claims": OWN}
    bearer_assertion(names)
    assert (notes.asked["claims"]["sub"], notes.asked["alg"]) == ("ada", "PS256")


def test_a_client_beside_another_alias_s_token() -> None:
    """Where the grant's assertion is somebody else's, `assertion` speaks of the client's."""
    said = Assertion(from_="login", audience=Template.parse("https://other.test"))
    grant = JWTBearer(token_url=Template.parse(URL), client_id="id", private_key=KEY, assertion=said)
    assert client(names_of(grant, signer=cast("Signer", Notes())))["claims"] == {**OWN, "aud": "https://other.test"}


def test_saml_defaults() -> None:
    """A SAML assertion is the client's, for the token endpoint, unless more is said (RFC 7522 §3)."""
    notes = Notes()
    assert saml_assertion(asserting(notes)) == "signed"
    said = notes.asked["saml"]
    assert (said.issuer, said.subject, said.audience, said.recipient) == ("id", "id", URL, URL)
    assert (said.epoch, said.lifetime, said.unique, said.attributes, said.encoding) == (EPOCH, 300, "unique", {}, "base64url")
    assert (notes.asked["key"], notes.asked["certificate"], notes.asked["alg"]) == ("k3y", "c3rtificate", None)


def test_saml_as_said() -> None:
    """Every option of a SAML assertion arrives, templates rendered."""
    notes = Notes()
    told = Assertion(
        alg="RS512",
        issuer=Template.parse("i ${client_id}"),
        subject=Template.parse("s"),
        audience=Template.parse("a"),
        recipient=Template.parse("r"),
        lifetime=Seconds(60),
        name_id_format="urn:f",
        attributes={"mail": Template.parse("ada@${client_id}")},
        encoding="base64",
    )
    saml_assertion(asserting(notes, told))
    said = notes.asked["saml"]
    assert (said.issuer, said.subject, said.audience, said.recipient, said.name_id_format) == ("i id", "s", "a", "r", "urn:f")
    assert (said.attributes, said.lifetime, said.encoding, notes.asked["alg"]) == ({"mail": "ada@id"}, 60, "base64", "RS512")


@pytest.mark.parametrize("make", [bearer_assertion, saml_assertion])
def test_an_unusable_key(make: Any) -> None:
    """What the signer says of a key is told with the key's place."""
    with pytest.raises(SecretUnavailableError, match="no private key") as caught:
        make(asserting(Notes(unusable="it holds no private key")))
    assert caught.value.key == "credentials.crm.private_key"


@pytest.mark.parametrize(
    ("make", "missing", "said"),
    [
        (bearer_assertion, "private_key", Assertion()),
        (bearer_assertion, "certificate", Assertion(x5t=True)),
        (saml_assertion, "private_key", Assertion()),
        (saml_assertion, "certificate", Assertion()),
    ],
)
def test_fails_closed(make: Any, missing: str, said: Assertion) -> None:
    """Nothing is signed without what it needs, and the missing key is named."""
    notes = Notes()
    with pytest.raises(SecretUnavailableError) as caught:
        make(asserting(notes, said, **{missing: None}))
    assert caught.value.key == f"credentials.crm.{missing}"
    assert notes.asked == {}


def test_a_secret_key_that_is_no_use() -> None:
    """client_secret_jwt's own trouble names client_secret."""

    def unusable(_alg: object, _header: object, _claims: object) -> str:
        raise ValueError("too short")

    with pytest.raises(SecretUnavailableError) as caught:
        client_assertion(asserting(Notes()), unusable, key="client_secret")
    assert caught.value.key == "credentials.crm.client_secret"


def test_signed_for_real(pems: dict[str, str]) -> None:
    """With the real signer the assertion is a JWT of the said algorithm."""
    grant = crm(private_key=Text(pems["Ed25519"]), assertion=Assertion(kid="k1"))
    names = names_of(grant, signer=facts_of(grant).signer)
    header = json.loads(base64.urlsafe_b64decode(bearer_assertion(names).split(".")[0] + "=="))
    assert header["kid"] == "k1"
    assert header["alg"] in {"EdDSA", "Ed25519"}
