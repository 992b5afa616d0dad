"""What tells an egress proxy who calls.

The password is read when a connection is made, and no fault of it shows any of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from proxy.egress import basic
from proxy.secrets import SecretUnreadableError

if TYPE_CHECKING:
    from proxy.egress import WayOut

HEADER = "Proxy-Authorization"


async def introduction(out: WayOut | None) -> dict[str, str]:
    """The header for the proxy (RFC 9110 §11.7.2); empty where there is none, or it asks for nobody.

    Raises:
        IntroductionError: the password cannot be had; `out.password_key` repairs it.
    """
    if out is None or out.username is None:
        return {}
    try:
        password = "" if out.password is None else await out.password.obtain()
        return {HEADER: basic(out.username, password)}
    except SecretUnreadableError as exc:
        raise IntroductionError("the password for the egress proxy cannot be read", str(exc), out.password_key) from exc
    except UnicodeEncodeError:  # the exception would show a character of it
        raise IntroductionError("the password for the egress proxy is not UTF-8 text", "", out.password_key) from None


class IntroductionError(Exception):
    """The proxy cannot be told who calls.

    Args:
        facts: for the caller; log_detail: for operators, with the place; key: the YAML path that repairs it.
    """

    def __init__(self, facts: str, log_detail: str, key: str) -> None:
        super().__init__(facts)
        self.facts = facts
        self.log_detail = log_detail
        self.key = key
