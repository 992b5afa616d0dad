"""What a credential holds and does not show: its secrets and variables, as they are now.

Read when a token is fetched, so that a rotated one is taken up without a reload; nothing read is kept here.
"""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

from proxy.errors import SecretUnavailableError
from proxy.oauth.allowance import aside
from proxy.oauth.walk import names_of, secrets_of
from proxy.secrets import SecretUnreadableError

if TYPE_CHECKING:
    from proxy.oauth.credential import Credential
    from proxy.secrets import Secret


class Holdings:
    """One credential's secrets and the variables of its `${env:NAME}`.

    Args:
        credential: the alias and its options.
    """

    def __init__(self, credential: Credential) -> None:
        self._alias = credential.alias
        self._secrets = secrets_of(credential.grant)
        self._variables = [name.removeprefix("env:") for name in names_of(credential.grant) if name.startswith("env:")]
        self.rotated = frozenset(path for secret, path in self._secrets.items() if secret.after is not None)

    def version(self) -> str | None:
        """Something that changes when a secret does, and tells nothing of it; None: one is unreadable."""
        try:
            values = [secret.read() for secret in self._secrets if secret.at_hand]
        except SecretUnreadableError:
            return None
        values += [_next_of(secret) for secret in self._secrets]
        values += [os.environ.get(name, "") for name in self._variables]
        return hashlib.sha256("\0".join(values).encode(errors="surrogatepass")).hexdigest()

    def doubt(self) -> None:
        """A server refused one: what was kept of them is asked for anew."""
        for secret in self._secrets:
            secret.doubt()

    async def secrets(self, *, later: bool) -> dict[Secret, str]:
        """The value of every secret; `later`: of a rotation, the next one's.

        Raises:
            SecretUnavailableError: one cannot be read, or is no text.
        """
        return {secret: await self._read(path, secret, later=later) for secret, path in self._secrets.items()}

    def variables(self) -> dict[str, str]:
        """The value of every variable.

        Raises:
            SecretUnavailableError: one is not set, or is no text.
        """
        return {name: self._variable(name) for name in self._variables}

    async def _read(self, path: str, secret: Secret, *, later: bool) -> str:
        """A secret's value now, in a time of its own."""
        read = secret.after if later and secret.after is not None else secret
        try:
            with aside():
                value = await read.obtain()
            value.encode()
        except SecretUnreadableError as exc:
            raise SecretUnavailableError(alias=self._alias, field=path, log_detail=str(exc)) from exc
        except UnicodeEncodeError:  # an environment variable may hold any bytes; the exception would show one
            raise SecretUnavailableError("the secret is not UTF-8 text", alias=self._alias, field=path) from None
        return value

    def _variable(self, name: str) -> str:
        value = os.environ.get(name, "")
        if not value:
            raise SecretUnavailableError(f"environment variable {name} is not set", alias=self._alias, field="")
        if not value.isascii() and any("\ud800" <= character <= "\udfff" for character in value):
            raise SecretUnavailableError(f"environment variable {name} is not UTF-8 text", alias=self._alias, field="")
        return value


def _next_of(secret: Secret) -> str:
    """The value that a rotation's next secret has now; "" where there is none yet."""
    try:
        return secret.after.read() if secret.after is not None and secret.after.at_hand else ""
    except SecretUnreadableError:
        return ""
