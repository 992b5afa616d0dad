"""What the names in a credential's templates stand for, while its token is requested and after.

A name without a value is an error that says which; nothing is rendered as an empty text in its place.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Self

from proxy.errors import SecretUnavailableError, TokenResponseInvalidError
from proxy.oauth.answer import Path, decoded
from proxy.oauth.vocabulary import moment
from proxy.oauth.walk import SECRET_NAMES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from proxy.oauth.exchange import Facts, TokenResponse
    from proxy.oauth.options import CredentialOptions, EndpointOptions
    from proxy.secrets import Secret


@dataclass(frozen=True, slots=True)
class OwnNames:
    """The names of a credential of any type; `known` holds what is text already: `token`, `assertion`, `step1.session`."""

    grant: CredentialOptions
    facts: Facts
    known: Mapping[str, str] = field(default_factory=dict, repr=False)

    def knowing(self, **known: str) -> Self:
        """These names and more."""
        return replace(self, known={**self.known, **known})

    def __call__(self, name: str) -> str:
        """What `name` stands for.

        Raises:
            LookupError: it stands for nothing here.
        """
        return self.known[name] if name in self.known else self._plain(name)

    def _plain(self, name: str) -> str:
        grant, facts = self.grant, self.facts
        match name.partition(".")[::2]:
            case ("values", value) if value in grant.values:
                return facts.read(grant.values[value])
            case (secret, "") if secret in SECRET_NAMES and getattr(grant, secret, None) is not None:
                return facts.read(getattr(grant, secret))
            case ("client_id" | "username" as plain, "") if getattr(grant, plain, ""):
                return str(getattr(grant, plain))
            case ("subject", ""):
                return facts.key.subject
            case ("random", ""):
                return facts.unique()
            case _ if name.startswith("now"):
                return moment(name, facts.epoch)
            case _ if name.removeprefix("env:") in facts.variables and name.startswith("env:"):
                return facts.variables[name.removeprefix("env:")]
            case _:
                raise LookupError(name)


@dataclass(frozen=True, slots=True)
class Names(OwnNames):
    """The names of one exchange with an endpoint, its answers among them."""

    grant: EndpointOptions
    answers: Mapping[str, TokenResponse] = field(default_factory=dict, repr=False)  # by `step1`, `response`

    def secret(self, option: str) -> str:
        """The value of the secret that `option` says.

        Raises:
            SecretUnavailableError: it says none; nothing is sent in its place.
        """
        place: Secret | None = getattr(self.grant, option, None)
        if place is None:
            raise SecretUnavailableError(f"the credential has no {option}", alias=self.facts.alias, field=option)
        return self.facts.read(place)

    def hearing(self, name: str, response: TokenResponse, values: Mapping[str, Path], *, within: str = "") -> Names:
        """These names, those of an answer, and the values that the step at `within` reads from it.

        Raises:
            TokenResponseInvalidError: a value is not in it.
        """
        heard = replace(self, answers={**self.answers, name: response})
        known = {f"{name}.{value}": heard.member(name, str(path), field=f"{within}.values.{value}") for value, path in values.items()}
        return replace(heard, known={**self.known, **known})

    def landed(self, token: str, names: Iterable[str]) -> Names:
        """What stays with a token: of all that was heard the texts that `names` stand for, and that there is nothing else.

        So nothing is read of an answer when a call is sent, and none is kept, however long it was.
        """
        known = {}
        for name in names:
            head, _, rest = name.partition(".")
            if name in self.known:
                known[name] = self.known[name]
            elif head in self.answers and rest:
                with suppress(TokenResponseInvalidError):  # told to the call that needs it
                    known[name] = self.member(head, rest)
        empty = {name: replace(answer, headers={}, body=b"", cookies=()) for name, answer in self.answers.items()}
        return replace(self, known={**known, "token": token}, answers=empty)

    def member(self, name: str, path: str, *, field: str | None = None) -> str:
        """A part of the answer called `name`, as text; `field` is the option that names it.

        Raises:
            TokenResponseInvalidError: it is not in it.
        """
        response = self.answers[name]
        found = Path.parse(path).find(response, decoded(response))
        if found is None or isinstance(found, dict | list):
            said = "the token endpoint's answer" if name == "response" else f"the answer of {name}"
            raise TokenResponseInvalidError(f"{said} has no {path}", alias=self.facts.alias, field=field)
        return str(found).lower() if isinstance(found, bool) else str(found)

    def __call__(self, name: str) -> str:
        """What `name` stands for.

        Raises:
            LookupError: it stands for nothing here.
            TokenResponseInvalidError: a part of an answer is not in it.
        """
        if name in self.known:
            return self.known[name]
        head, _, rest = name.partition(".")
        if head in self.answers and rest:
            return self.member(head, rest, field=None if head == "response" else "token_request")
        return self._plain(name)
