"""The words of other tools, each with what is written here in its place.

Data alone: keys as other tools call them in snake case, by the section in which they are met.
"""

from __future__ import annotations

import re
from collections.abc import Mapping


def _here(right: str, *theirs: str) -> dict[str, str]:
    """The answer to each of other tools' words for what is written `right` here."""
    return dict.fromkeys(theirs, f"here it is `{right}`")


CREDENTIAL: Mapping[str, str] = {
    **_here(
        "token_url", "token_endpoint", "token_uri", "access_token_uri", "access_token_url", "token_service_url", "tokenurl", "auth_url"
    ),
    **_here("token_url", "token_request_url", "redeem_url", "login_url", "authentication_url"),
    **_here("issuer", "issuer_url", "issuer_uri", "oidc_issuer_url", "discovery_url", "oidc_discovery", "well_known", "authority"),
    **_here("scope", "scopes"),
    **_here("audience", "audiences"),
    **_here("resource", "resources"),
    **_here("grant_type", "grant_type_value"),
    "grant": "here it is `type`, such as oauth2_client_credentials",
    "flow": "here it is `type`, such as oauth2_client_credentials",
    "auth_mode": "here it is `type`, such as oauth2_client_credentials",
    "authentication": "here it is `type`, such as oauth2_client_credentials",
    "authorization_grant_type": "here it is `type`, such as oauth2_client_credentials",
    **_here("client_id", "clientid", "client", "client_key", "consumer_key", "app_id", "token_service_user"),
    **_here("client_secret", "consumer_secret", "clientsecret", "secret", "app_secret", "token_service_password"),
    **_here("client_secret: {file: PATH}", "client_secret_file", "secret_file", "client_secret_path"),
    **_here("client_secret: {env: NAME}", "client_secret_env", "secret_env"),
    **_here("client_auth", "client_authentication", "client_authentication_method", "auth_style", "auth_method", "auth_type", "send_as"),
    **_here("client_auth", "token_endpoint_auth_method", "token_request_auth_method", "auth_scheme"),
    **_here("client_auth: client_secret_post", "add_client_credentials_in_body", "encode_client_credentials_in_body"),
    **_here("private_key", "client_jwk", "signing_key", "key", "keystore", "token_service_keystore_location", "key_store_location"),
    **_here("private_key: {file: PATH}", "private_key_file", "private_key_path", "key_file", "key_path"),
    **_here("certificate", "cert", "client_certificate", "x509_certificate"),
    **_here("certificate: {file: PATH}", "certificate_file", "certificate_path", "cert_file"),
    **_here("client_assertion", "federated_token"),
    **_here("client_assertion: {file: PATH}", "federated_token_file", "client_assertion_file"),
    **_here("assertion: {kid: ...}", "key_id", "kid", "private_key_id"),
    **_here("assertion: {alg: RS256}", "alg", "algorithm", "signing_alg", "signing_algorithm", "token_endpoint_auth_signing_alg"),
    **_here("assertion: {claims: {...}}", "claims", "jwt_claims", "extra_claims"),
    **_here("assertion: {subject: ...}", "subject", "sub", "system_user", "assertion_subject"),
    **_here("assertion: {audience: ...}", "assertion_audience", "saml2_audience", "jwt_audience"),
    **_here("assertion: {name_id_format: ...}", "name_id_format"),
    **_here("subject_token: {type: ...}", "subject_token_type"),
    **_here("actor_token: {type: ...}", "actor_token_type"),
    **_here("username", "user", "user_name", "resource_owner_id", "resource_owner", "login"),
    **_here("password", "user_password", "resource_owner_password"),
    **_here("token_request: {timeout: 10s}", "timeout", "request_timeout"),
    **_here("token_request: {content_type: form}", "content_type", "body_format", "token_request_body_format"),
    **_here("token_request: {method: POST}", "method", "http_method", "token_method"),
    **_here("token_request: {body: {...}}", "body", "request_body"),
    **_here(
        "token_request: {params: [{key: ..., value: ...}]}", "params", "extra_params", "token_params", "custom_parameters", "parameters"
    ),
    **_here("token_request: {params: [{key: ..., value: ...}]}", "endpoint_params", "token_post_args_names", "additional_parameters"),
    **_here("token_request: {params: [{key: ..., value: ..., in: header}]}", "headers", "token_headers", "token_post_args_headers"),
    **_here("token_request: {tls: {cert: PATH, key: PATH}}", "tls", "tls_cert", "tls_client_certificate", "mtls"),
    **_here("token_request: {proxy: http://HOST:PORT}", "proxy", "http_proxy", "proxy_url"),
    **_here(
        "token_response: {access_token: PATH}", "access_token", "token_path", "token_field", "access_token_path", "response_access_token"
    ),
    **_here("token_response: {access_token: PATH}", "alternate_access_token_response_path", "token_key"),
    **_here("token_response: {expires_in: PATH}", "response_expires_in", "expires_in_path", "expiration_path"),
    **_here("token_response: {refresh_token: PATH}", "response_refresh_token", "refresh_token_path"),
    **_here("token_response: {upstream: PATH}", "instance_url", "api_url_path"),
    **_here("token_placement: {header: X-API-Key}", "header", "header_name", "auth_header", "in_header", "location"),
    **_here('token_placement: {prefix: "Bearer "}', "prefix", "header_prefix", "token_prefix", "auth_prefix"),
    **_here("token_placement: {query: NAME}", "query", "query_param", "query_parameter"),
    **_here("allowed_hosts", "hosts", "allowed_domains"),
    **_here("refresh", "refresh_url", "refresh_params", "refresh_token_url"),
    **_here("values", "connection_config", "variables", "vars"),
    **_here("provider", "preset", "vendor", "template"),
    **_here("lifetime: {when_missing: 5m}", "expires_in", "session_duration"),
    **_here("lifetime: {fixed: 5m}", "token_expires_in_ms", "token_lifetime", "ttl"),
    **_here("lifetime: {refresh_before: 60s}", "refresh_margin", "early_refresh", "leeway", "token_expiration_buffer", "clock_skew"),
    "refresh_before": "it stands under `lifetime`",
    "refresh_token_when": "it is a route's: `expired_when`",
    "api_key": "here it is `value`, in a credential of type secure_parameter",
    "api_token": "here it is `value`, in a credential of type secure_parameter",
    "token": "here it is `value`, in a credential of type secure_parameter",
    "secure_parameter": "here it is `value`, in a credential of type secure_parameter",
    "tenant": "write it into `token_url`, or under `values` for a provider",
    "tenant_id": "write it into `token_url`, or under `values` for a provider",
    "region": "write it into `token_url`, or under `values` for a provider",
}
_TLS = "TLS is always verified; trust your own CA with `tls: {ca: PATH}`"
_ROUTE: Mapping[str, str] = {
    **dict.fromkeys(
        ("backend", "target", "url", "destination", "upstream_url", "service", "origin", "proxy_pass", "base_url"), "here it is `upstream`"
    ),
    **dict.fromkeys(("path", "path_prefix", "location", "match", "from", "uri"), "here it is `prefix`"),
    **dict.fromkeys(
        ("alias", "auth", "credential_alias", "credential_name", "credentials", "security", "oauth2"),
        "here it is `credential`, the alias of one in the security material",
    ),
    **dict.fromkeys(("insecure", "insecure_skip_verify", "verify", "verify_ssl", "ssl_verify", "tls_verify"), _TLS),
    "to": "here it is `upstream`",
    "id": "here it is `name`",
    "headers": "here it is `inject: {headers: {...}}`",
    "add_headers": "here it is `inject: {headers: {...}}`",
    "query": "here it is `inject: {query: {...}}`",
    "api_key": "here it is `credential`, an alias of type secure_parameter",
    "rewrite_path": "here it is `strip_prefix: true` and the path of `upstream`",
    "strip_path": "here it is `strip_prefix`",
    "retries": "here it is `retry: {attempts: 3}`",
    "timeouts": "here it is `timeout`",
    "connect_timeout": "here it is `timeout: {connect: 5s}`",
    "read_timeout": "here it is `timeout: {response: 60s}`",
    "hosts": "here it is `host`, one name",
    "method": "here it is `methods`, a list",
    "max_connections": "here it is `pool: {connections: 100}`",
    "retry_on": "here it is `retry: {statuses: [...]}`",
    "refresh_on": "here it is `expired_when`",
    "detect_on": "here it is `expired_when`",
    "subject_from": "not in this release",
    "token_url": "it belongs to a credential of the security material",
    "scope": "it belongs to a credential of the security material",
    "client_id": "it belongs to a credential of the security material",
    "client_secret": "it belongs to a credential of the security material",
}
_TOP: Mapping[str, str] = {
    **dict.fromkeys(
        ("prefix", "upstream", "credential", "timeout", "retry", "retries", "inject", "expired_when", "replay", "pool", "tls"),
        "it belongs to a route, or under `defaults`",
    ),
    **dict.fromkeys(("token_url", "client_id", "client_secret", "scope"), "it belongs to an alias under `credentials`"),
    "listen": "here it is `listeners: [{address: 127.0.0.1:6750}]`",
    "listener": "here it is `listeners`, a list",
    "bind": "here it is `listeners: [{address: 127.0.0.1:6750}]`",
    "port": "here it is `listeners: [{address: 127.0.0.1:6750}]`",
    "server": "here it is `listeners`",
    "logging": "here it is `log`",
    "log_level": "here it is `log: {level: info}`",
    "proxy": "here it is `egress: {proxy: ...}`",
    "http_proxy": "here it is `egress: {proxy: ...}`",
    "https_proxy": "here it is `egress: {proxy: ...}`",
    "route": "here it is `routes`, a list",
    "services": "here it is `routes`",
    "upstreams": "here it is `routes`, each with its `upstream`",
    "secrets": "here it is `credentials`",
    "include": "here it is `security_material`, a list of files",
    "store": "here it is `token_store`",
    "cache": "here it is `token_store`",
    "shutdown_timeout": "here it is `drain_timeout`",
    "grace_period": "here it is `drain_timeout`",
    "threads": "one process serves all calls; this release has `workers: 1`",
}
_TOKEN_RESPONSE: Mapping[str, str] = {
    **_here("access_token", "token", "path", "token_path", "access_token_path", "id_token", "jwt", "session"),
    **_here("expires_in", "expires", "expiry", "lifetime", "ttl", "expires_in_path"),
    **_here("expires_at", "expiration", "expires_on", "valid_until"),
    **_here("upstream", "instance_url", "api_url", "base_url"),
    **_here("refresh_token", "refresh", "refresh_token_path"),
}
_TOKEN_PLACEMENT: Mapping[str, str] = {
    **_here("header", "name", "header_name", "key", "field", "in_header"),
    **_here("prefix", "scheme", "type", "token_type", "auth_scheme"),
    **_here("query", "param", "parameter", "query_param", "query_parameter"),
    **_here("value", "template", "format"),
    **dict.fromkeys(("in", "location", "place"), "it is `header: NAME` or `query: NAME` that says where the token goes"),
}
_ASSERTION: Mapping[str, str] = {
    **_here("audience", "aud", "audiences"),
    **_here("lifetime", "exp", "expires_in", "ttl", "expiry", "validity"),
    **_here("issuer", "iss"),
    **_here("subject", "sub", "user", "username"),
    **_here("alg", "algorithm", "signing_alg"),
    **_here("kid", "key_id"),
    **_here("claims", "extra_claims", "custom_claims", "payload"),
    **_here("x5t#S256", "x5t_s256"),
    "jti": "bearerd makes a new one for each assertion",
    "iat": "bearerd writes the time of each assertion",
    "nbf": "bearerd writes the time of each assertion",
}
VALUE = frozenset({"secret", "token", "key", "api_key", "apikey", "api_token", "password"})  # a static token where it is the key `value`
CHOICES: Mapping[str, Mapping[str, str]] = {  # key -> another tool's choice -> ours
    "client_auth": {
        **dict.fromkeys(("mtls", "tls", "tls_client", "certificate", "x509"), "tls_client_auth"),
        **dict.fromkeys(("self_signed", "self_signed_tls"), "self_signed_tls_client_auth"),
        **dict.fromkeys(("post", "body", "form", "params", "request_body"), "client_secret_post"),
        **dict.fromkeys(("basic", "header", "basic_auth", "basic_auth_header"), "client_secret_basic"),
        **dict.fromkeys(("jwt", "private_key", "assertion", "client_assertion", "signed_jwt"), "private_key_jwt"),
        **dict.fromkeys(("secret_jwt", "hmac"), "client_secret_jwt"),
        **dict.fromkeys(("public", "off", "no"), "none"),
    },
}
FOREIGN: tuple[tuple[re.Pattern[str], Mapping[str, str]], ...] = (  # the first whose key fits and that knows the word
    (re.compile(r"credentials\..+\.token_response"), _TOKEN_RESPONSE),
    (re.compile(r"credentials\..+\.token_placement"), _TOKEN_PLACEMENT),
    (re.compile(r"credentials\..+\.assertion"), _ASSERTION),
    (re.compile(r"credentials\..+"), CREDENTIAL),
    (re.compile(r"routes\[\d+\]|defaults"), _ROUTE),
    (re.compile(r""), _TOP),
)
