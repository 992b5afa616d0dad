"""SAP Cloud Integration's security material, as its OData API exports it, to entries.

Client authentication is always named: there its default is the body, here it is Basic.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from proxy.importing.entries import Entry, Held
from proxy.importing.reading import WrongFileError, read
from proxy.importing.rules import Draft, Rule, as_words, idle, texts

NAMED = "becomes the alias"
DEPLOYED = idle("when and by whom it was deployed there")
_NO_SECRETS = "the API exports no secret"


def _client_auth(value: str) -> str:
    match value.casefold():
        case said if "header" in said:
            return "client_secret_basic"
        case said if "body" in said:
            return "client_secret_post"
    raise ValueError("neither body nor header; client_secret_post, their default, is written")


def _content_type(value: str) -> str:
    match value.casefold():
        case said if "json" in said:
            return "json"
        case said if "form" in said or "urlencoded" in said:
            return "form"
    raise ValueError("neither urlencoded nor json")


def _grant_type_in(value: str) -> str:
    return "query" if "url" in value.casefold() else "body"


KEYS: Mapping[str, Mapping[str, Rule]] = {
    "OAuth2ClientCredentials": {
        "Name": Rule("alias", NAMED),
        "Description": Rule("description"),
        "TokenServiceUrl": Rule("token_url"),
        "ClientId": Rule("client_id"),
        "ClientSecret": Rule("client_secret", _NO_SECRETS, held="secret"),
        "ClientAuthentication": Rule(
            "client_auth", "`body` and none at all are client_secret_post, `header` is client_secret_basic", _client_auth
        ),
        "GrantType": Rule("token_request.grant_type_in", "in no published version of the API", _grant_type_in),
        "Scope": Rule("scope", convert=as_words),
        "ScopeContentType": Rule("token_request.content_type", convert=_content_type),
        "Resource": Rule("resource", "one that is no absolute URI is a parameter, in token_request.params"),
        "Audience": Rule("audience"),
        "CustomParameters": Rule("token_request.params", "SendAsPartOf is `in`; `url` is `query`"),
        "SecurityArtifactDescriptor": DEPLOYED,
    },
    "OAuth2AuthorizationCodes": {
        "Name": Rule("alias", NAMED),
        "Description": Rule("description"),
        "TokenUrl": Rule("token_url"),
        "ClientId": Rule("client_id"),
        "ClientSecret": Rule("client_secret", _NO_SECRETS, held="secret"),
        "ClientAuthentication": Rule("client_auth", "as above", _client_auth),
        "Scope": Rule("scope", convert=as_words),
        "RefreshToken": Rule("refresh_token", _NO_SECRETS, held="secret"),
        **dict.fromkeys(("AuthUrl", "Provider", "UserName", "Type"), Rule(why="of the consent, which is not asked for here")),
        **dict.fromkeys(
            ("RefreshTokenCreationTime", "RefreshTokenExisting", "RefreshTokenExpiryPeriod"), Rule(why="of the refresh token kept there")
        ),
        **dict.fromkeys(("LastModifiedBy", "LastModifiedTime"), DEPLOYED),
    },
    "UserCredentials": {
        "Name": Rule("alias", NAMED),
        "Description": Rule("description"),
        "Kind": Rule("type", "`default` and `successfactors` are user_credentials"),
        "User": Rule("username"),
        "Password": Rule("password", _NO_SECRETS, held="secret"),
        "CompanyId": Rule("username", "`successfactors`: USER@COMPANY"),
        "SecurityArtifactDescriptor": DEPLOYED,
    },
    "SecureParameters": {
        "Name": Rule("alias", NAMED),
        "Description": Rule("description"),
        "SecureParam": Rule("value", _NO_SECRETS, held="secret"),
        "DeployedBy": DEPLOYED,
        "DeployedOn": DEPLOYED,
        "Status": DEPLOYED,
    },
}
_SPECIAL = {"Name", "TokenServiceUrl", "TokenUrl", "Resource", "CustomParameters", "Kind", "CompanyId"}
_MARKS = {  # keys that only this entity has
    "OAuth2AuthorizationCodes": ("AuthUrl", "TokenUrl", "RefreshTokenExpiryPeriod"),
    "OAuth2ClientCredentials": ("TokenServiceUrl", "ClientId"),
    "UserCredentials": ("Kind", "User"),
    "SecureParameters": ("SecureParam", "DeployedBy"),
}
GRANT_TYPE_NOTE = (
    "Old artifacts of CPI send grant_type in the URL, and its API does not tell. Where the endpoint answers that it is missing:"
    " token_request: {grant_type_in: query}"
)


def translate(data: bytes, fallback: str) -> list[Entry]:
    """The entries of an export: OData JSON or Atom, one entity or many.

    Raises:
        WrongFileError: broken, or no such export.
    """
    return [_entry(entity, fallback) for entity in _entities(read(data, xml=True))]


def holds(found: Any) -> bool:
    """Whether this is such an export, with an entity that is known in it."""
    try:
        return bool(_entities(found))
    except WrongFileError:
        return False


def _entities(found: Any) -> list[Mapping[str, Any]]:
    if isinstance(found, dict) and "error" in found and "Name" not in found:
        raise WrongFileError("the API answered an error, and nothing was exported")
    for wrapper in ("d", "results", "value"):
        if isinstance(found, dict) and isinstance(found.get(wrapper), dict | list):
            found = found[wrapper]
    entities = [found] if isinstance(found, dict) else found
    if entities == []:  # an answer like any other: nothing is deployed
        return []
    if not isinstance(entities, list) or not all(isinstance(entity, dict) for entity in entities):
        raise WrongFileError("expected entities of CPI's OData API")
    if not any(_kind(entity) for entity in entities):
        raise WrongFileError(f"none of {', '.join(KEYS)} is in it")
    return entities


def _kind(entity: Mapping[str, Any]) -> str:
    """The entity set it is from, "" where nothing tells."""
    about = entity.get("__metadata")
    told = "".join(str(about.get(name, "")) for name in ("type", "uri", "id")) if isinstance(about, dict) else ""
    named = next((kind for kind in _MARKS if kind.removesuffix("s") in told), "")
    return named or next((kind for kind, marks in _MARKS.items() if any(mark in entity for mark in marks)), "")


def _entry(entity: Mapping[str, Any], fallback: str) -> Entry:
    kind = _kind(entity)
    name = entity.get("Name")
    draft = Draft(kind or "unknown entity", name if isinstance(name, str) and name else fallback)
    known = KEYS.get(kind)
    plain = {key: value for key, value in entity.items() if key not in {"__metadata", "CustomParameters", "SecurityArtifactDescriptor"}}
    said = texts(draft, plain)
    if known is None:
        return _unknown(draft, said)
    for key, value in said.items():
        if key not in known:
            draft.leave(key, value, "no key of this entity is documented by that name", documented=False)
        elif key not in _SPECIAL:
            draft.apply(key, value, known[key])
    if "SecurityArtifactDescriptor" in entity:
        draft.leave("SecurityArtifactDescriptor", "", DEPLOYED.why, matters=False)
    _MAKERS[kind](draft, said, entity.get("CustomParameters"))
    return draft.entry()


def _unknown(draft: Draft, said: Mapping[str, str]) -> Entry:
    draft.blocked = "this kind of security material is not known"
    for key, value in said.items():
        if key != "Name":
            draft.leave(key, value, "the credential as a whole was not translated", documented=False)
    return draft.entry()


def _authorization_code(draft: Draft, said: Mapping[str, str], _parameters: object) -> None:
    draft.blocked = "a user has to consent, and this release has no authorization code; a refresh token that is at hand would do"
    draft.material |= {"type": "oauth2_refresh_token", "client_auth": draft.material.get("client_auth", "client_secret_post")}
    for name in ("client_secret", "refresh_token"):
        draft.material.setdefault(name, Held(name))
    if "TokenUrl" in said:
        draft.token_url("TokenUrl", said["TokenUrl"])


def _client_credentials(draft: Draft, said: Mapping[str, str], parameters: object) -> None:
    draft.material |= {"type": "oauth2_client_credentials", "client_auth": draft.material.get("client_auth", "client_secret_post")}
    draft.material.setdefault("client_secret", Held("client_secret"))
    if "TokenServiceUrl" in said:
        draft.token_url("TokenServiceUrl", said["TokenServiceUrl"])
    missing = [key for key in ("TokenServiceUrl", "ClientId") if key not in said]
    if missing:
        draft.blocked = f"the export has no {' and no '.join(missing)}"
    if ":" in said.get("Resource", "") and "#" not in said["Resource"]:
        draft.put(("resource",), said["Resource"])
    elif "Resource" in said:
        draft.param("resource", said["Resource"], "body")
    for one in _parameters(draft, parameters):
        draft.param(*one)


def _parameters(draft: Draft, given: object) -> Iterator[tuple[str, str, str]]:
    if isinstance(given, dict) and "__deferred" in given:
        draft.leave("CustomParameters", "", "not in the export; ask for them by $expand=CustomParameters")
        return
    items = given.get("results") if isinstance(given, dict) else given
    for item in items if isinstance(items, list) else []:
        key, value, where = (item.get(name) for name in ("Key", "Value", "SendAsPartOf")) if isinstance(item, dict) else (None,) * 3
        place = {"body": "body", "header": "header", "url": "query"}.get(str(where).casefold())
        if isinstance(key, str) and key and isinstance(value, str) and place:
            yield key, value, place
        else:
            draft.leave("CustomParameters", "", "one of them has no Key, no Value, or is sent as part of nothing that is known")
    if given is not None and not isinstance(items, list):
        draft.leave("CustomParameters", given, "expected a list")


def _user_credentials(draft: Draft, said: Mapping[str, str], _parameters: object) -> None:
    draft.material |= {"type": "user_credentials"}
    draft.material.setdefault("password", Held("password"))
    kind, company = said.get("Kind", "default").casefold(), said.get("CompanyId")
    if "User" not in said:
        draft.blocked = "the export has no User"
    elif kind == "successfactors" and company:
        draft.put(("username",), f"{said['User']}@{company}")
    elif kind not in {"default", "successfactors"}:
        draft.blocked = (
            "only the kinds default and successfactors are a user and a password; an OAuth2 one is exported as OAuth2ClientCredentials"
        )
        draft.leave("Kind", said["Kind"], draft.blocked)
    if company and kind != "successfactors":
        draft.leave("CompanyId", company, "of use for the kind successfactors alone")


def _secure_parameter(draft: Draft, _said: Mapping[str, str], _parameters: object) -> None:
    draft.material |= {"type": "secure_parameter"}
    draft.material.setdefault("value", Held("value"))
    draft.leave("(where it is sent)", "", "a script of CPI decides that; here it is `Authorization: Bearer`, else say token_placement")


_MAKERS = {
    "OAuth2AuthorizationCodes": _authorization_code,
    "OAuth2ClientCredentials": _client_credentials,
    "UserCredentials": _user_credentials,
    "SecureParameters": _secure_parameter,
}
