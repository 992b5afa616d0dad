"""Which export a file is, so that one that was taken for another is told by its name.

Pure; what could be two kinds is believed to be the one that was said.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from proxy.importing import cpi, service_key
from proxy.importing.destination_keys import PROTOCOLS
from proxy.importing.reading import WrongFileError, read

_SURE = {"authentication", "proxytype", "destinationconfiguration"}  # keys that only a destination has, in lower case


def _destinations(found: Any) -> bool:
    items = found if isinstance(found, list) else [found]
    return any(isinstance(item, dict) and _destination(item) for item in items)


def _destination(item: Mapping[str, Any]) -> bool:
    return bool(_SURE & set(map(str.casefold, item))) or ("Name" in item and ("URL" in item or item.get("Type") in PROTOCOLS))


KINDS: Mapping[str, tuple[str, Callable[[Any], bool]]] = {  # by the word of the command: what it is called, how it is known
    "cpi": ("this is security material of SAP Cloud Integration", lambda found: cpi.holds(found) and not _destinations(found)),
    "destination": ("these are destinations", _destinations),
    "service-key": ("this is a service key", service_key.holds),
}


def mistaken(kind: str, data: bytes) -> tuple[str, str] | None:
    """What the file is and the word of the command for it, where it is another export than `kind`; None where it may be one."""
    try:
        found = read(data, xml=True, properties=True)
    except WrongFileError:
        return None
    others = [(called, word) for word, (called, holds) in KINDS.items() if holds(found)]
    return None if not others or any(word == kind for _, word in others) else others[0]
