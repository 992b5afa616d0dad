"""What an export comes to: entries, their secrets and what was left of them.

A secret is a Held, whose value no repr shows; a Left holds what may be shown.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

Form = Literal["secret", "text", "file"]


@dataclass(frozen=True, slots=True)
class Held:
    """A secret of an export: what it is called here, and its value where the export holds it.

    A `secret` is written {env: NAME} or {file: PATH}, a `text` {env: NAME}, and a `file` as the path itself.
    """

    name: str
    value: str | None = field(default=None, repr=False)
    form: Form = "secret"


@dataclass(frozen=True, slots=True)
class Left:
    """A key that was not translated; `shown` is its value as a comment may show it, and one that `matters` changes what is done."""

    key: str
    shown: str
    why: str
    matters: bool = True


@dataclass(frozen=True, slots=True)
class Entry:
    """One credential or destination of an export. `blocked` says why no credential can be made of it, "" where one is."""

    source: str
    name: str
    material: Mapping[str, object] | None
    route: Mapping[str, object] | None = None
    left: tuple[Left, ...] = ()
    notes: tuple[str, ...] = ()
    blocked: str = ""

    @property
    def whole(self) -> bool:
        """Whether everything that matters was translated."""
        return not self.blocked and not any(left.matters for left in self.left)
