"""Which secrets may be exchanged while bearerd runs, and which refusals may mean that the other of the two is the right one.

Pure; a refusal that is about something else never shows the server a second secret.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from proxy.errors import TokenInvalidClientError, TokenRefusedError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

_BLAMED: Mapping[str, tuple[str, ...]] = {  # a secret's key -> the keys that refusals without `invalid_client` name for it
    "client_secret": ("client_secret", "client_auth"),  # the latter where a login sends it by a template
    "private_key": ("private_key", "assertion"),
    "password": ("password",),
}
_OF_THE_CLIENT = frozenset({"client_secret", "private_key"})
ROTATED = tuple(_BLAMED)  # the keys of which `next` is tried


def may_be_rotated(refused: TokenRefusedError, rotated: Collection[str]) -> bool:
    """Whether the other secret is worth a try; `rotated` are the keys that have one."""
    if isinstance(refused, TokenInvalidClientError) and not _OF_THE_CLIENT.isdisjoint(rotated):
        return True
    blamed = {f"credentials.{refused.alias}.{key}" for name in rotated for key in _BLAMED.get(name, ())}
    return refused.key in blamed
