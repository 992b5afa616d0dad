"""proxy/oauth/declared.py: the error that an answer declares, in whatever members its vendor chose."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.oauth.declared import NOTHING, Declared, declared, fine
from proxy.oauth.quoting import MAX_READ

CERTAIN: dict[str, tuple[object, str, str]] = {
    "RFC 6749": ({"error": "invalid_client", "error_description": "no such client"}, "invalid_client", "no such client"),
    "a code alone": ({"error": "invalid_scope"}, "invalid_scope", ""),
    "a message beside it": ({"error": "unauthorized", "message": "bad key"}, "unauthorized", "bad key"),
    "an object": ({"error": {"code": "x1", "message": "no such app"}}, "x1", "no such app"),
    "Google's object": ({"error": {"code": 400, "message": "bad", "status": "INVALID_ARGUMENT"}}, "INVALID_ARGUMENT", "bad"),
    "an object with a message": ({"error": {"message": "bad"}}, "error", "bad"),
    "an object, its text beside": ({"error": {"type": "t"}, "error_description": "bad"}, "t", "bad"),
    "true": ({"error": True, "errorCode": 17, "message": "bad"}, "17", "bad"),
    "true alone": ({"error": True}, "error", ""),
    "a list": ({"errors": [{"code": "601", "message": "Access token invalid"}, {"code": "7"}]}, "601", "Access token invalid"),
    "a list with numbers": ({"errors": [{"code": 10000, "message": "bad"}]}, "10000", "bad"),
    "a list of texts": ({"errors": ["bad"]}, "error", "bad"),
    "Apigee": ({"fault": {"faultstring": "Invalid key", "detail": {"errorcode": "oauth.v2.Invalid"}}}, "oauth.v2.Invalid", "Invalid key"),
    "SOAP": ({"Envelope": {"Body": {"Fault": {"faultcode": "c", "faultstring": "bad"}}}}, "c", "bad"),
    "SOAP with a header": ({"Envelope": {"Header": "h", "Body": {"Fault": {"faultcode": "c", "faultstring": "bad"}}}}, "c", "bad"),
    "an envelope": ({"data": {"error": "x", "message": "bad"}}, "x", "bad"),
}
UNCERTAIN: dict[str, tuple[object, str, str]] = {
    "camel case": ({"errorCode": "E7", "errorMessage": "bad"}, "E7", "bad"),
    "snake case": ({"error_code": 1042, "error_message": "bad"}, "1042", "bad"),
    "Pascal case": ({"ErrorCode": "E7", "Message": "bad"}, "E7", "bad"),
    "Okta": ({"errorCode": "E0000011", "errorSummary": "Invalid token provided"}, "E0000011", "Invalid token provided"),
    "Salesforce": ([{"errorCode": "INVALID_SESSION_ID", "message": "bad"}], "INVALID_SESSION_ID", "bad"),
    "problem+json": ({"title": "Unauthorized", "status": 401, "detail": "no key"}, "", "no key"),
    "a code": ({"code": "E7", "message": "bad"}, "E7", "bad"),
    "a message": ({"message": "Unauthorized"}, "", "Unauthorized"),
    "a login's code": ({"code": "abc", "message": "ok", "state": "s"}, "", "ok"),
    "text": ("bad key", "", "bad key"),
    "a success": ({"errorCode": 0, "message": "ok", "token": "t"}, "0", "ok"),
}

HOLLOW: list[object] = [None, "", False, [], {}, 0]
EMPTY: list[object] = [{name: value} for name in ("error", "errors", "fault") for value in HOLLOW]


@pytest.mark.parametrize(("said", "code", "text"), CERTAIN.values(), ids=CERTAIN)
def test_an_error_that_is_certain(said: object, code: str, text: str) -> None:
    """What nothing but an error says is one under every status."""
    assert declared(said) == Declared(code, text, certain=True)


@pytest.mark.parametrize(("said", "code", "text"), UNCERTAIN.values(), ids=UNCERTAIN)
def test_an_error_that_is_likely(said: object, code: str, text: str) -> None:
    """What may stand beside a token too is an error only where something else says so."""
    assert declared(said) == Declared(code, text, certain=False)


@pytest.mark.parametrize(
    "said",
    [None, {}, [], [[]], {"access_token": "t"}, *EMPTY],
    ids=repr,
)
def test_no_error(said: object) -> None:
    """An empty member declares nothing, since many servers send it beside a token."""
    assert declared(said) == NOTHING


@pytest.mark.parametrize(
    ("code", "expected"),
    [("", True), ("0", True), ("000", True), ("OK", True), ("Success", True), ("200", True), ("null", True), ("1", False), ("E0", False)],
)
def test_a_code_of_success(code: str, expected: bool) -> None:  # noqa: FBT001  # a table's cell
    """Some vendors send a code with every answer."""
    assert fine(code) is expected


JSON: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["error", "errors", "fault", "code", "message", "x", "Body"]), inner)
    ),
)


@given(JSON)
def test_anything_is_read(said: object) -> None:
    """Whatever JSON a server sends, there is a code and a text."""
    found = declared(said)
    assert isinstance(found.code, str)
    assert isinstance(found.text, str)
    assert found.code or not found.certain


LONG = "x" * (MAX_READ + 1)


@pytest.mark.parametrize(
    "said", [LONG, {"error": LONG, "error_description": LONG}, {"errors": [LONG]}, {"errorCode": LONG, "message": LONG}]
)
def test_what_is_declared_is_cut(said: object) -> None:
    """Nothing that searches it sees more, whatever the answer is."""
    found = declared(said)
    assert {len(found.code), len(found.text)} <= {0, len("error"), MAX_READ}


def test_lists_within_one_another() -> None:
    """However deep they are, there is an error, and nothing raises."""
    said: object = {"code": "x"}
    for _ in range(100_000):
        said = [said]
    assert declared({"errors": said}) == Declared("error", "", certain=True)
