"""What the programs in programs/ read: one JSON file, the same for each of them.

They are the peers that somebody would have to write; where a peer has a format of its own, its module writes that.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from tests.bench.contender import Landscape


def settings(landscape: Landscape, port: int) -> dict[str, Any]:
    """Where to listen, what to forward to where, and whom to ask for tokens; `ca` is empty without TLS."""
    return {
        "port": port,
        "upstream": landscape.upstream_url,
        "prefixes": landscape.prefixes,
        "token_url": landscape.token_url,
        "client_id": landscape.client_id,
        "client_secret": landscape.client_secret,
        "ca": str(landscape.ca or ""),
    }


def written(landscape: Landscape, port: int) -> Path:
    """The file, in the contender's folder."""
    path = landscape.folder / "settings.json"
    path.touch(mode=0o600)
    path.write_text(json.dumps(settings(landscape, port)))
    return path
