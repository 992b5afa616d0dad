"""proxy/settings/exposure.py: what is a secret by its name and its text."""

from __future__ import annotations

import pytest

from proxy.settings.exposure import secret_said
from tests.unit.settings.conftest import GRANT, Loaded

NONE = {
    "requested_token_use": "on_behalf_of",
    "X-CSRF-Token": "Fetch",
    "X-Token-Mode": "strict-as-2024",
    "page_token": "1",
    "token_ttl": "3600",
    "private": "no",
    "password_policy": "Corporate2024",
    "token_kind": "urn:x:JWT",
    "secret_question": "What is your cat called?",
    "token_expiry_seconds": "3600",
    "include_refresh_token": "true",
    "client_secret_version": "2",
    "token_format": "self-contained",
    "keep_token": "false",
    "token_since": "1767225600000",
    "token_share": "0.5",
    "audience": "Zk3vR8qLw0",
}


@pytest.mark.parametrize(("name", "text"), NONE.items())
def test_what_is_about_a_secret_is_none(name: str, text: str) -> None:
    """Its name says so, or its text is a number, a choice or plain words."""
    assert not secret_said(name, text)


SECRET = {
    "client_secret": "Zk3vR8qLw0",
    "X-CSRF-Token": "Fetch-Zk3vR8qLw0",
    "X-Auth-Token": "6f9619ff-8b86-d011-b42d-00cf4fc964ff",
    "page_access_token": "EAACZk3vR8qLw0",
    "password": "swordfish",
    "apikey": "zkvrqlwzkvrqlwzkvrqlw",
    "x-api-key": "12345678901234567890",
    "private": "Zk3vR8qLw0==",
    "token": "a_b-C_d1",
    "key": "AIzaSyD-1234",
}


@pytest.mark.parametrize(("name", "text"), SECRET.items())
def test_what_may_be_a_secret_is_one(name: str, text: str) -> None:
    """A word of eight letters as well as a random text."""
    assert secret_said(name, text)


SANE = {
    "parameters": "token_request: {params: [{key: requested_token_use, value: on_behalf_of}]}\n",
    "parameters of a GET": "token_request: {method: GET, params: [{key: token_expiry_seconds, value: '3600'}, "
    "{key: include_refresh_token, value: 'true'}, {key: client_secret_version, value: '2'}]}\n",
    "a body": "token_request: {content_type: json, body: {token_ttl: '3600', private: 'no', password_policy: none, token_kind: jwt, "
    "secret_question: none, page: {token: '1'}}}\n",
    "values": "values: {token_type: bearer-token, secret_name: Production1}\n",
}


@pytest.mark.parametrize("more", SANE.values(), ids=SANE)
def test_a_sane_credential_brings_no_warning(loaded: Loaded, more: str) -> None:
    """Neither in clear nor in a URL."""
    assert loaded(GRANT + more).warnings == ()


def test_sane_injections_bring_no_warning(loaded: Loaded) -> None:
    """In headers and in the query; the whole of a Cookie is a secret, however short."""
    sane = ", inject: {headers: {X-CSRF-Token: Fetch, X-Token-Mode: strict}, query: {page_token: '1', key: abc}}"

    assert loaded(GRANT, sane).warnings == ()
    assert [told.rule for told in loaded(GRANT, ", inject: {headers: {Cookie: a=b}}").warnings] == ["literal_secret"]
    assert [told.rule for told in loaded(GRANT, ", inject: {query: {page_token: '${token}'}}").warnings] == ["secret_in_query"]
