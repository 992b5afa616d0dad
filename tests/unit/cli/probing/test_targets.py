"""What a probe's arguments choose."""

from __future__ import annotations

import pytest

from proxy.cli.probing.targets import Target, UnknownNameError, chosen
from proxy.egress import Egress
from proxy.http.address import UpstreamURL
from proxy.http.routing import Probe, Route
from proxy.oauth.credential import Credential
from proxy.oauth.grants import ClientCredentials
from proxy.oauth.template import Template
from proxy.settings.model import Admin, Listener, Log, Settings, TokenStoreOptions
from proxy.units import Seconds

ROUTES = {
    "orders": ("/orders", "crm", "/a"),
    "invoices": ("/invoices", "crm", "/b"),
    "silent": ("/silent", "crm", None),
    "/stock": ("/stock", "erp", None),
    "pages": ("/pages", "none", "/"),
    "files": ("/files", "none", None),
}


@pytest.fixture
def settings() -> Settings:
    url = UpstreamURL.parse("https://api.example")
    grant = ClientCredentials(token_url=Template.parse("https://login.example"), client_id="id")
    return Settings(
        listeners=(Listener(),),
        admin=Admin(),
        metrics=None,
        drain_timeout=Seconds(1),
        express=False,
        log=Log(),
        egress=Egress(),
        token_store=TokenStoreOptions(),
        routes=tuple(
            Route(name=name, prefix=prefix, upstream=url, credential=alias, probe=Probe(path=path))
            for name, (prefix, alias, path) in ROUTES.items()
        ),
        credentials={alias: Credential(alias=alias, grant=grant) for alias in ("crm", "erp", "spare")},
    )


def told(targets: list[Target]) -> list[tuple[str | None, str | None]]:
    return [(target.alias, target.route.name if target.route else None) for target in targets]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ((), [("crm", "orders"), ("crm", "invoices"), ("erp", "/stock"), ("spare", None), (None, "pages")]),
        (("crm",), [("crm", "orders"), ("crm", "invoices")]),
        (("erp",), [("erp", "/stock")]),
        (("spare",), [("spare", None)]),
        (("silent",), [("crm", "silent")]),
        (("/silent",), [("crm", "silent")]),
        (("files",), [(None, "files")]),
        (("invoices", "crm"), [("crm", "orders"), ("crm", "invoices")]),
        (("erp", "orders", "orders"), [("erp", "/stock"), ("crm", "orders")]),
    ],
)
def test_chosen(settings: Settings, names: tuple[str, ...], expected: list[tuple[str | None, str | None]]) -> None:
    """An alias brings its routes with a probe path, a route brings its alias, nothing comes twice."""
    assert told(chosen(settings, names)) == expected


def test_every_unknown_name_is_told(settings: Settings) -> None:
    """All unknown names are told at once, each with the nearest one that is known."""
    with pytest.raises(UnknownNameError) as caught:
        chosen(settings, ("order", "crm", "xyzzy"))
    assert caught.value.lines == ["no alias or route 'order'; did you mean 'orders'?", "no alias or route 'xyzzy'"]
