"""The demonstration's configuration, in the two files that a user would write.

One secret comes from a file beside them, the other from the environment.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from proxy.cli.demonstration.api import API
    from proxy.cli.demonstration.authorization_server import AuthorizationServer, Client

TICKER_SECRET = "TICKER_SECRET"  # noqa: S105  # the variable's name
PROXY = """\
version: 1
listeners:
  - address: 127.0.0.1:0
admin: {{address: 127.0.0.1:0}}
security_material: [security-material.yaml]
routes:
  - prefix: /shop
    name: shop
    upstream: {api}/v1
    credential: {alias}
  - prefix: /ticker
    name: ticker
    upstream: {api}/v1
    credential: ticker
"""
SECURITY_MATERIAL = """\
credentials:
  shop:
    type: oauth2_client_credentials
    token_url: {server}/token
    client_id: {shop.id}
    client_secret: {{file: shop.secret}}
    scope: [orders.read, orders.write]
  ticker:
    type: oauth2_client_credentials
    token_url: {server}/token
    client_id: {ticker.id}
    client_secret: {{env: {variable}}}
    client_auth: client_secret_post
    scope: [prices.read]
"""


def write(folder: Path, *, api: API, server: AuthorizationServer, shop: Client, ticker: Client, alias: str = "shop") -> dict[str, str]:
    """Write the files into `folder`; the environment that they want. `alias` is what the first route asks for."""
    folder.mkdir(exist_ok=True)
    (folder / "proxy.yaml").write_text(PROXY.format(api=api.url, alias=alias), encoding="utf-8")
    material = SECURITY_MATERIAL.format(server=server.url, shop=shop, ticker=ticker, variable=TICKER_SECRET)
    (folder / "security-material.yaml").write_text(material, encoding="utf-8")
    secret = folder / "shop.secret"
    secret.touch(mode=0o600)
    secret.write_text(shop.secret, encoding="utf-8")
    return {TICKER_SECRET: ticker.secret}
