"""Lines for people: rows in columns, long ones cut or continued, foreign text made harmless.

No line of a table is wider than WIDTH.
"""

from __future__ import annotations

import shutil
import sys
import textwrap
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

WIDTH = 100  # columns
NARROWEST = 40  # columns; in fewer nothing can be read
_GAP = "   "
_INDENT = "    "  # of a last cell on a line of its own


def columns(rows: Sequence[Sequence[str]], width: int = WIDTH) -> list[str]:
    """The rows as lines with aligned cells; where a row does not fit, its last cell stands on the next line."""
    fitting = [row for row in rows if len(_GAP.join(row)) <= width]
    sizes = [max(map(len, column)) for column in zip(*fitting, strict=True)]
    lines: list[str] = []
    for row in rows:
        padded = _GAP.join(cell.ljust(size) for cell, size in zip(row, sizes, strict=False)).rstrip()
        if row in fitting:
            lines.append(padded if len(padded) <= width else _GAP.join(row))
        else:
            lines += [cut(_GAP.join(row[:-1]), width), _INDENT + cut(row[-1], width - len(_INDENT))]
    return lines


def cut(text: str, width: int) -> str:
    """`text`, without its middle where it is too long."""
    if len(text) <= width:
        return text
    left = (width - 3) // 2
    return f"{text[:left]}...{text[len(text) - (width - 3 - left) :]}"


def wrapped(line: str, width: int, indent: str) -> list[str]:
    """The line, continued under `indent` where it is too wide; an empty one stays."""
    return textwrap.wrap(line, width, subsequent_indent=indent, break_on_hyphens=False) or [""]


def room() -> int:
    """Columns of the terminal that reads us, WIDTH where none does."""
    return max(NARROWEST, shutil.get_terminal_size((WIDTH, 0)).columns) if sys.stdout.isatty() else WIDTH


def printable(text: str) -> str:
    """`text` with everything but printable ASCII replaced: a server's words move no cursor."""
    return "".join(character if " " <= character <= "~" else "?" for character in text)
