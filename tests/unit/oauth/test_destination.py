"""proxy/oauth/destination.py: where a request goes, what of it is shown, which hosts an answer may lead to."""

from __future__ import annotations

import pytest

from proxy.oauth.destination import destination, led_by_answer
from proxy.oauth.exchange import TokenResponse
from proxy.oauth.template import Template
from proxy.secrets.sources import Text
from tests.fakes.credentials import crm, names_of

JSON = {"content-type": "application/json"}
VALUES = {"key": Text("s3cr3t"), "base": Text("https://h/s3cr3t")}
HOSTS = ("*.login.test",)


@pytest.mark.parametrize(
    ("template", "path"),
    [
        ("https://h/oauth/token", "/oauth/token"),
        ("https://h", ""),
        ("https://h?a=${values.key}", ""),
        ("https://h/${values.key}/token", "/${values.key}/token"),
        ("https://h/a${urlencode(${values.key}${client_id})}?x=1", "/a${client_id, values.key}"),
        ("https://h/a?key=${values.key}", "/a"),
        ("https://${values.key}.h/a#b", "/a"),
        ("${values.base}/token", "${values.base}/token"),
        ("${values.key}/token", ""),
    ],
)
def test_a_path_is_shown_without_what_was_filled_in(template: str, path: str) -> None:
    """A value in a path is shown by its name; what is behind `?` or has no host is not shown."""
    to = destination(Template.parse(template), names_of(crm(values=VALUES)))
    assert to.path == path
    assert "s3cr3t" not in repr(to)


@pytest.mark.parametrize(
    ("template", "led"),
    [
        ("https://login.test/token", False),
        ("https://login.test/${step1.x}", False),
        ("https://login.test?x=${step1.x}", False),
        ("https://login.test${step1.x}", True),
        ("https://${step1.x}.login.test/token", True),
        ("${step1.x}/token", True),
        ("https:${step1.x}", True),
        ("https://${urlencode(${step1.x})}/token", True),
        ("${values.key}${step1.x}", True),
    ],
)
def test_a_host_of_an_answer_is_bound(template: str, led: bool) -> None:  # noqa: FBT001  # a column of the table
    """Where an answer may say the host, or go on with it, the request carries the hosts that are allowed."""
    names = names_of(crm(values=VALUES, allowed_hosts=HOSTS)).hearing("step1", TokenResponse(200, JSON, b'{"x": "/x"}'), {})
    assert led_by_answer(Template.parse(template), names) is led
    assert destination(Template.parse(template), names).hosts == (HOSTS if led else None)


def test_the_credential_s_own_endpoint() -> None:
    """Without a template it is the credential's, or what its issuer named."""
    assert destination(None, names_of(crm("https://a.test/${values.key}", values=VALUES))).url == "https://a.test/s3cr3t"
    found = destination(None, names_of(crm(token_url=None), token_url="https://b.test/token?x=1"))
    assert (found.url, found.path, found.hosts) == ("https://b.test/token?x=1", "/token", None)
