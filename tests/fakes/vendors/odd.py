"""Vendors with a token step of their own: other headers, other bodies, other answers, other grants.

A refusal here is what the vendor's documentation shows, whether or not it looks like RFC 6749.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tests.fakes.vendors.identity import ENV, GRANT, SECRET, WRONG_SECRET, bearer, token
from tests.fakes.vendors.vendor import Answer, Endpoint, Fault, Rule, Vendor, basic, header, kind, posted, query, refused, says

if TYPE_CHECKING:
    from tests.fakes.vendors.vendor import Asked

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[\w-]{16,}", re.IGNORECASE)  # any random id will do


# Shopify ----------------------------------------------------------------------------------------------------------------------------

SHOPIFY = Vendor(
    endpoints=(
        Endpoint(
            "/admin/oauth/access_token",
            (
                says("grant_type", GRANT, refused(400, "unsupported_grant_type", "The grant type is not supported")),
                says("client_id", "7e1f3a9c2b4d5e6f708192a3b4c5d6e7", refused(400, "application_cannot_be_found")),
                says("client_secret", SECRET, refused(400, "invalid_client", "Client authentication failed")),
            ),
            Answer(200, {"access_token": "shopify-token", "scope": "write_products,read_orders", "expires_in": 86399}),
        ),
    ),
    wants={"X-Shopify-Access-Token": "shopify-token"},
    secrets=ENV,
    faults=(WRONG_SECRET, Fault("unknown application", {"client_id": "nobody"}, "token_invalid_client", "client_id")),
)


# Amazon -----------------------------------------------------------------------------------------------------------------------------

AMAZON = Vendor(
    endpoints=(
        Endpoint(
            "/auth/o2/token",
            (
                kind("form", refused(400, "invalid_request", "The Content-Type is not supported by the authorization server")),
                says(
                    "grant_type", "refresh_token", refused(400, "unsupported_grant_type", "The authorization grant type is not supported")
                ),
                posted(
                    "amzn1.application-oa2-client.e0123456789abcdef", SECRET, refused(401, "invalid_client", "Client authentication failed")
                ),
                says(
                    "refresh_token",
                    "Atzr|IwEBIexample",
                    refused(
                        400,
                        "invalid_grant",
                        "The request has an invalid grant parameter : refresh_token. User may have revoked or didn't grant the permission.",
                    ),
                ),
            ),
            token("amazon", token_type="bearer", refresh_token="Atzr|IwEBIexample"),
        ),
    ),
    wants={"x-amz-access-token": "amazon-token"},
    secrets={**ENV, "REFRESH_TOKEN": "Atzr|IwEBIexample"},
    faults=(WRONG_SECRET, Fault("a revoked authorization", {"refresh_token": "gone"}, "token_invalid_grant", "refresh_token")),
)


# Bullhorn ---------------------------------------------------------------------------------------------------------------------------

BULLHORN = Vendor(
    endpoints=(
        Endpoint(
            "/oauth/token",
            (
                says("grant_type", "refresh_token", refused(400, "unsupported_grant_type", "Unsupported grant type")),
                posted("8f14e45f-ceea-467f-a1d3-1b3b3c6f7a10", SECRET, refused(401, "invalid_client", "Bad client credentials")),
                says("refresh_token", "28_2af5d4ad", refused(400, "invalid_grant", "Invalid, expired, or revoked refresh token.")),
            ),
            token("bullhorn-oauth", expires_in=600, refresh_token="28_next"),
        ),
        Endpoint(
            "/rest-services/login",
            (
                query("version", "*", Answer(400, {"errorMessage": "Missing required parameter: version", "errorCode": 400})),
                query(
                    "access_token",
                    "bullhorn-oauth-token",
                    Answer(401, {"errorMessage": "Invalid or expired OAuth access token.", "errorCode": 401}),
                ),
            ),
            Answer(200, {"BhRestToken": "bullhorn-session", "restUrl": "{api}/e999/"}),
        ),
    ),
    wants={"BhRestToken": "bullhorn-session"},
    path="/upstream/e999/thing",
    secrets={**ENV, "REFRESH_TOKEN": "28_2af5d4ad"},
    faults=(Fault("another version", {"token_request": {"params": []}}, "token_request_refused", "token_request"),),
)


# Walmart ----------------------------------------------------------------------------------------------------------------------------


def _walmart(status: int, code: str, text: str) -> Answer:
    told = {"code": code, "field": code.partition(".")[0], "description": text, "info": text, "severity": "ERROR", "category": "DATA"}
    return Answer(status, {"error": [told]})


WALMART = Vendor(
    endpoints=(
        Endpoint(
            "/v3/token",
            (
                basic("8ee83c1e-6d1b-4e0c-9f6b-52b1d1c3c8aa", SECRET, _walmart(401, "UNAUTHORIZED.GMP_GATEWAY_API", "Unauthorized")),
                Rule(
                    lambda asked: bool(UUID.fullmatch(asked.headers.get("wm_qos.correlation_id", ""))),
                    _walmart(400, "INVALID_REQUEST_HEADER.GMP_GATEWAY_API", "WM_QOS.CORRELATION_ID set blank or null"),
                ),
                header(
                    "wm_svc.name",
                    "Walmart Marketplace",
                    _walmart(400, "INVALID_REQUEST_HEADER.GMP_GATEWAY_API", "WM_SVC.NAME set blank or null"),
                ),
                says("grant_type", GRANT, _walmart(400, "INVALID_REQUEST_PARAM.GMP_GATEWAY_API", "grant_type")),
                header(
                    "accept",
                    "application/json",
                    Answer(200, "<OAuthTokenDTO><accessToken>walmart-token</accessToken></OAuthTokenDTO>", "application/xml"),
                ),
            ),
            token("walmart", expires_in=900),
        ),
    ),
    wants={"WM_SEC.ACCESS_TOKEN": "walmart-token", "WM_SVC.NAME": "Walmart Marketplace"},
    present=("wm_qos.correlation_id",),
    secrets=ENV,
    faults=(
        Fault("wrong secret", {"client_secret": "wrong"}, "token_request_refused", "client_secret"),
        Fault("another service", {"values": {"service": "Other"}}, "token_request_refused", "values.service"),
        Fault("no headers", {"token_request": {"params": []}}, "token_request_refused", "token_request"),
    ),
)


# Marketo ----------------------------------------------------------------------------------------------------------------------------


def _marketo(asked: Asked) -> bool:
    return asked.query.get("client_secret") == SECRET and not asked.body


MARKETO = Vendor(
    endpoints=(
        Endpoint(
            "/identity/oauth/token",
            (
                query("grant_type", GRANT, refused(400, "unsupported_grant_type", "Unsupported grant type")),
                query(
                    "client_id", "5f9c1a2b-77aa-4b0e-8c55-0f2f1f6f9e21", refused(401, "invalid_client", "No client with requested id: x")
                ),
                Rule(_marketo, refused(401, "invalid_client", "Bad client credentials")),
            ),
            token("marketo", token_type="bearer", expires_in=3599, scope="apis@acme.example"),
            method="GET",
        ),
    ),
    wants=bearer("marketo"),
    secrets=ENV,
    faults=(WRONG_SECRET, Fault("unknown client", {"client_id": "nobody"}, "token_invalid_client", "client_id")),
)


# Zoom -------------------------------------------------------------------------------------------------------------------------------


def _zoom(status: int, error: str, reason: str) -> Answer:
    return Answer(status, {"reason": reason, "error": error})


ZOOM = Vendor(
    endpoints=(
        Endpoint(
            "/oauth/token",
            (
                basic("0O9fS1H9QmKlYk0cYvUvNA", SECRET, _zoom(400, "invalid_client", "Invalid client_id or client_secret")),
                says("grant_type", "account_credentials", _zoom(400, "unsupported_grant_type", "unsupported grant type")),
                says("account_id", "gYz8S9w5Q5yrDoIvmdClYw", _zoom(400, "invalid_request", "Bad Request")),
            ),
            token("zoom", token_type="bearer", scope="meeting:read:admin user:read:admin", api_url="https://api.zoom.us"),
        ),
    ),
    wants=bearer("zoom"),
    secrets=ENV,
    faults=(
        WRONG_SECRET,
        Fault("another grant", {"grant_type": "client_credentials"}, "token_unsupported_grant_type", "grant_type"),
        Fault("unknown account", {"values": {"account": "nope"}}, "token_request_refused", "token_request"),
    ),
)


# SAP Business One -------------------------------------------------------------------------------------------------------------------

B1_BODY = {"CompanyDB": "SBODEMOUS", "UserName": "manager", "Password": SECRET}


def _b1(code: int, text: str) -> Answer:
    return Answer(401, {"error": {"code": code, "message": {"lang": "en-us", "value": text}}})


BUSINESS_ONE = Vendor(
    endpoints=(
        Endpoint(
            "/b1s/v1/Login",
            (
                kind("json", Answer(400, {"error": {"code": -1000, "message": {"lang": "en-us", "value": "Invalid JSON"}}})),
                says("CompanyDB", "SBODEMOUS", _b1(-304, "Fail to get DB Credentials from SLD")),
                Rule(lambda asked: asked.params == B1_BODY, _b1(100000027, "Login failed")),
            ),
            Answer(
                200,
                {
                    "odata.metadata": "https://b1.acme.example:50000/b1s/v1/$metadata#B1Sessions/@Element",
                    "SessionId": "b1-session",
                    "Version": "1000190",
                    "SessionTimeout": 30,
                },
                headers=(("Set-Cookie", "B1SESSION=b1-session;HttpOnly;SameSite=None"), ("Set-Cookie", "ROUTEID=.node1; path=/b1s")),
            ),
        ),
    ),
    wants={"Cookie": "B1SESSION=b1-session; ROUTEID=.node1"},
    secrets={"B1_PASSWORD": SECRET},
    faults=(
        Fault("wrong password", {"password": "wrong"}, "token_request_refused", "password"),
        Fault("unknown company", {"values": {"company": "NOPE"}}, "token_request_refused", "password"),
    ),
)


# Tableau ----------------------------------------------------------------------------------------------------------------------------


def _signs_in(asked: Asked) -> bool:
    credentials = asked.xml.find("credentials")
    site = credentials.find("site") if credentials is not None else None
    said = {**(credentials.attrib if credentials is not None else {}), **(site.attrib if site is not None else {})}
    return asked.xml.tag == "tsRequest" and said == {
        "personalAccessTokenName": "sync",
        "personalAccessTokenSecret": SECRET,
        "contentUrl": "acme",
    }


NAMESPACE = 'xmlns="http://tableau.com/api"'
SIGN_IN_ERROR = "<error code='401001'><summary>Signin Error</summary><detail>Error signing in to Tableau Server</detail></error>"
TABLEAU = Vendor(
    endpoints=(
        Endpoint(
            "/api/3.19/auth/signin",
            (
                kind("xml", Answer(406, f"<tsResponse {NAMESPACE}><error code='406000'/></tsResponse>", "application/xml")),
                Rule(_signs_in, Answer(401, f"<tsResponse {NAMESPACE}>{SIGN_IN_ERROR}</tsResponse>", "application/xml")),
            ),
            Answer(
                200,
                f"<?xml version='1.0' encoding='UTF-8'?><tsResponse {NAMESPACE}><credentials token='tableau-token'>"
                "<site id='9a8b7c6d' contentUrl='acme'/><user id='9f9e9d9c'/></credentials></tsResponse>",
                "application/xml",
            ),
        ),
    ),
    wants={"X-Tableau-Auth": "tableau-token"},
    secrets={"TABLEAU_SECRET": SECRET},
    faults=(Fault("wrong secret", {"password": "wrong"}, "token_request_refused", "password"),),
)

VENDORS = {
    "amazon_sp_api": AMAZON,
    "bullhorn": BULLHORN,
    "marketo": MARKETO,
    "sap_business_one": BUSINESS_ONE,
    "shopify": SHOPIFY,
    "tableau": TABLEAU,
    "walmart": WALMART,
    "zoom": ZOOM,
}
