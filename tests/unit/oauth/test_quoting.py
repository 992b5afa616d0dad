"""proxy/oauth/quoting.py: nothing secret survives a quotation."""

from __future__ import annotations

import base64
import json
from string import ascii_uppercase, digits
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.oauth.client_auth import basic_blob
from proxy.oauth.quoting import MAX_QUOTED, MAX_READ, forms, quoted, quoted_code, sent_secrets
from proxy.oauth.token import TokenKey
from proxy.secrets.sources import Text
from tests.fakes.credentials import SECRET as CLIENT_SECRET
from tests.fakes.credentials import crm, names_of

SECRET = "pä/ß w+rd=1"
SPELLED = {
    "raw": SECRET,
    "form": quote_plus(SECRET),
    "form, lower case": quote_plus(SECRET).lower(),
    "percent": quote(SECRET, safe=""),
    "json": json.dumps(SECRET)[1:-1],
    "basic": basic_blob("id", SECRET, encoding="form"),
    "raw basic": basic_blob("id", SECRET, encoding="raw"),
    "base64": base64.b64encode(SECRET.encode()).decode(),
    "base64, unpadded": base64.b64encode(SECRET.encode()).decode().rstrip("="),
    "base64url": base64.urlsafe_b64encode(SECRET.encode()).decode(),
}


@pytest.mark.parametrize("form", SPELLED.values(), ids=SPELLED)
def test_every_form_of_the_secret_goes(form: str) -> None:
    """However the endpoint echoes the secret, it is not quoted."""
    assert quoted(f"bad secret '{form}' given", forms("id", SECRET)) == "bad secret '[redacted]' given"


@pytest.mark.parametrize(
    "run",
    [
        "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln",
        "0123456789abcdef0123456789abcdef",
        "AbCdEfGhIjKlMnOpQrStUvWxYz",
        "a!b|c~d.e-f_0123456789+/==",
    ],
)
def test_opaque_runs_go(run: str) -> None:
    """A long run that looks like a token is not quoted, also when we did not send it."""
    assert quoted(f"token {run} expired", ()) == "token [redacted] expired"


@pytest.mark.parametrize(
    "text", ["AADSTS7000215: Invalid client secret provided.", "temporarily_unavailable_for_maintenance", "unknown scope read:everything"]
)
def test_words_stay(text: str) -> None:
    """What an administrator needs to read stays readable."""
    assert quoted(text, forms("id", SECRET)) == text


def test_control_and_foreign_characters() -> None:
    """A quotation is one line of printable ASCII."""
    assert quoted("a\r\nb\x1b[31m\u202eé", ()) == "a??b?[31m??"


def test_overlapping_secrets() -> None:
    """Where one find begins in another, in any case, nothing of either is left."""
    assert quoted("aXXxXb and hunter2hunter2", ("XX", "2hunter", "hunter2")) == "a[redacted]b and [redacted]"


def test_cut_after_redaction() -> None:
    """A secret across the cut leaves no half of itself."""
    shown = quoted("x " * 97 + "hunter2-hunter2", ("hunter2-hunter2",))
    assert "hunter" not in shown
    assert len(shown) == MAX_QUOTED


@given(secret=st.text(ascii_uppercase + "% é", min_size=1, max_size=60), filler=st.text("az.,é \n", max_size=40))
def test_no_cut_shows_a_part_of_a_secret(secret: str, filler: str) -> None:
    """Wherever it falls: a long text of a secret, again and again, shows nothing of it."""
    shown = quoted(f"{secret}{filler}x" * MAX_READ, (secret,)).replace("[redacted]", "")
    assert not set(shown) & {*ascii_uppercase, "%"}


@pytest.mark.parametrize("secret", ["hunter2 hunter2 hunter2 ", "pässwörter", "Hunter2-" * 5])
@pytest.mark.parametrize("missing", range(1, 8))
def test_no_half_of_a_secret_at_the_end_of_what_is_read(secret: str, missing: int) -> None:
    """Redaction shortens what is before it, so that the end of what is read may be seen."""
    room = MAX_READ - len(secret) + missing
    before = (f"{secret}!" * (room // (len(secret) + 1))).ljust(room, "!")

    shown = quoted(before + secret, (secret,))

    assert secret[:3] not in shown
    assert quoted((before + secret)[:MAX_READ], (secret,)) == shown


@pytest.mark.parametrize(
    "code",
    [
        "INVALID_REQUEST_HEADER.GMP_GATEWAY_API",
        "errors.com.example.account.oauth.invalid_client_credentials",
        "Invalid-Authentication-Token-70002",
    ],
)
def test_a_code_of_words_is_told_whole(code: str) -> None:
    """However long: it is what a vendor's support asks for, though in a description it might be a token."""
    assert quoted_code(code, forms("id", SECRET)) == code


@pytest.mark.parametrize(
    "code",
    [
        "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln",
        "xoxb-1234567890-AbCdEfGhIjKlMnOpQrSt",
        "9f86d081884c7d659a2feaa0c55ad015",
        "0123456789_0123456789_0123456789",
        "ABC_" * 21,
    ],
)
def test_a_code_that_reads_like_a_token(code: str) -> None:
    """Words it has none, or too many."""
    assert quoted_code(code, ()) == "[redacted]"


def test_a_code_that_is_a_secret() -> None:
    """A secret is told nowhere, not even where it is made of words."""
    assert quoted_code("CORRECT_HORSE.BATTERY_STAPLE", ("correct_horse.battery_staple",)) == "[redacted]"


def test_what_a_caller_showed_is_a_secret() -> None:
    """Its own token, without the scheme before it."""
    secrets = sent_secrets(names_of(crm(), key=TokenKey("f", "s", {"x-user": "Bearer hunter2-session", "x-key": "k3y-of-a-user"})))
    assert quoted("unknown hunter2-session, K3Y-of-a-user", secrets) == "unknown [redacted], [redacted]"


@given(
    secret=st.text(ascii_uppercase + digits + "!/+=%&: ", min_size=1, max_size=30), before=st.text(max_size=30), after=st.text(max_size=250)
)
def test_no_text_quotes_the_secret(secret: str, before: str, after: str) -> None:
    """Whatever surrounds it, the secret is gone, and the quotation is short and printable."""
    shown = quoted(before + secret + after, forms("id", secret))
    assert secret not in shown.replace("[redacted]", "")
    assert len(shown) <= MAX_QUOTED
    assert shown.isascii()


TRACE = "0f3ab1c2-1111-2222-3333-0123456789ab"


@pytest.mark.parametrize("text", [f"Trace ID: {TRACE} Correlation ID: {TRACE.upper()}", f"trace {TRACE}."])
def test_traces_stay(text: str) -> None:
    """The name of a trace, which a server's support asks for, is quoted; one that is a secret of ours is not."""
    assert quoted(text, forms("id", SECRET)) == text
    assert TRACE not in quoted(text, (TRACE,)).lower()


def test_what_is_no_secret_is_quoted() -> None:
    """A host or tenant among a credential's `values` stands in clear in every URL; the secrets beside it are not quoted."""
    secrets = sent_secrets(names_of(crm(values={"tenant": Text("acme-tenant"), "api_key": Text("acme-key")})))
    told = quoted(f"no client in acme-tenant with acme-key and {CLIENT_SECRET.value}", secrets)
    assert told == "no client in acme-tenant with [redacted] and [redacted]"
