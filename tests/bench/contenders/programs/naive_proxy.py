"""The proxy that one writes in an afternoon: an aiohttp application, a ClientSession, a token in a variable.

It is written well as such things go: connections are kept, a small body is read whole, a big one is streamed.
"""

from __future__ import annotations

import json
import ssl
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import uvloop
from aiohttp import ClientSession, ClientTimeout, TCPConnector, encode_basic_auth, web

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

SMALL = 64 << 10  # bytes: read whole
DROPPED = {"authorization", "connection", "content-length", "host", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"}


class Proxy:
    """One upstream, one client, one token."""

    def __init__(self, told: dict[str, Any]) -> None:
        self.told = told
        self.token, self.until = "", 0.0
        self.session: ClientSession

    async def run(self, _: web.Application) -> AsyncIterator[None]:
        tls = ssl.create_default_context(cafile=self.told["ca"] or None)
        connector = TCPConnector(limit=1024, ssl=tls)
        async with ClientSession(connector=connector, auto_decompress=False, timeout=ClientTimeout(total=None)) as self.session:
            yield

    async def bearer(self) -> str:
        if time.monotonic() >= self.until:
            client = {"Authorization": encode_basic_auth(self.told["client_id"], self.told["client_secret"])}
            form = {"grant_type": "client_credentials"}
            async with self.session.post(self.told["token_url"], data=form, headers=client, raise_for_status=True) as answer:
                told = await answer.json()
            self.token, self.until = told["access_token"], time.monotonic() + told["expires_in"] * 0.9
        return f"Bearer {self.token}"

    async def call(self, request: web.Request) -> web.StreamResponse:
        headers = [(name, value) for name, value in request.headers.items() if name.lower() not in DROPPED]
        headers.append(("Authorization", await self.bearer()))
        small = request.content_length is not None and request.content_length <= SMALL
        body = (await request.read() if small else request.content) if request.body_exists else None
        url = self.told["upstream"] + request.raw_path[len(request.path.split("/", 2)[1]) + 1 :]
        async with self.session.request(request.method, url, headers=headers, data=body, allow_redirects=False) as answer:
            passed = [(name, value) for name, value in answer.headers.items() if name.lower() not in DROPPED]
            if answer.content_length is not None and answer.content_length <= SMALL:
                return web.Response(status=answer.status, headers=passed, body=await answer.read())
            response = web.StreamResponse(status=answer.status, headers=passed)
            response.content_length = answer.content_length
            await response.prepare(request)
            async for chunk in answer.content.iter_chunked(SMALL):
                await response.write(chunk)
            return response


def main() -> None:
    told = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    proxy, application = Proxy(told), web.Application()
    application.cleanup_ctx.append(proxy.run)
    for prefix in told["prefixes"]:
        application.router.add_route("*", f"{prefix}/{{rest:.*}}", proxy.call)
    web.run_app(application, host="127.0.0.1", port=told["port"], access_log=None, print=None, loop=uvloop.new_event_loop())


if __name__ == "__main__":
    main()
