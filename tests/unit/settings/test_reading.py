"""Whole files: what is told about broken ones, and what good ones come to."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from proxy.settings import Problem, SettingsError, load
from proxy.units import Seconds

Lines = Callable[..., list[str]]
Write = Callable[[str, str | bytes], Path]

CRM = "  - {prefix: /crm, upstream: 'https://api.example', credential: crm}\n"
TOP = "security_material: [security-material.yaml]\n"
ANONYMOUS = "callers off this machine are not authenticated; listen on loopback, or say allow_anonymous: true"
ADMIN = "the admin listener stays on loopback; `metrics: {address: ...}` serves /metrics, /healthz and /readyz elsewhere"

QUOTES = "; inside { } and [ ], put a text with ${...} in quotes"
BROKEN_TOP = {
    "unknown key": ("drain_timout: 5s\n", ["proxy.yaml:1:1: drain_timout: unknown key; did you mean `drain_timeout`?"]),
    "another tool's key": ("listen: 80\n", ["proxy.yaml:1:1: listen: unknown key; here it is `listeners: [{address: 127.0.0.1:6750}]`"]),
    "a route's key": ("retry: {}\n", ["proxy.yaml:1:1: retry: unknown key; it belongs to a route, or under `defaults`"]),
    "duplicate key": ("workers: 1\nworkers: 1\n", ["proxy.yaml:2:1: workers: the key is said twice; first in line 1"]),
    "text for a number": (
        "token_store: {max_tokens: '9'}\n",
        ["proxy.yaml:1:27: token_store.max_tokens: expected an integer, got text; leave out the quotes"],
    ),
    "number out of bounds": (
        "token_store: {max_tokens: 0}\n",
        ["proxy.yaml:1:27: token_store.max_tokens: expected an integer of at least 1"],
    ),
    "text for a boolean": (
        "log: {access: 'true'}\n",
        ["proxy.yaml:1:15: log.access: expected true or false, got text; leave out the quotes"],
    ),
    "no such choice": (
        "log: {level: warn}\n",
        ["proxy.yaml:1:14: log.level: expected debug, info, warning or error; did you mean warning?"],
    ),
    "boolean for a choice": (
        "log: {level: off}\n",
        [
            "proxy.yaml:1:14: log.level: expected debug, info, warning or error; YAML reads off as the boolean false: put it in quotes",
        ],
    ),
    "a key that YAML made a boolean": (
        "log: {on: 1}\n",
        ["proxy.yaml:1:7: log: YAML reads the key 'on' as the boolean true; put it in quotes"],
    ),
    "a key that is a number": ("log: {7: 1}\n", ["proxy.yaml:1:7: log: a key must be text, got an integer; put it in quotes"]),
    "bad duration": ("drain_timeout: 5 x\n", ["proxy.yaml:1:16: drain_timeout: expected a duration such as 250ms, 10s, 5m or 1h"]),
    "negative duration": ("drain_timeout: -5\n", ["proxy.yaml:1:16: drain_timeout: expected a duration such as 250ms, 10s, 5m or 1h"]),
    "another version": ("version: 2\n", ["proxy.yaml:1:10: version: expected 1"]),
    "version in quotes": ("version: '1'\n", ["proxy.yaml:1:10: version: expected 1; leave out the quotes"]),
    "workers in quotes": ("workers: '1'\n", ["proxy.yaml:1:10: workers: expected 1; leave out the quotes"]),
    "workers": ("workers: 2\n", ["proxy.yaml:1:10: workers: this release runs one process: leave the key out, or say 1"]),
    "token store": (
        "token_store: {type: redis}\n",
        ["proxy.yaml:1:21: token_store.type: this release keeps tokens in memory only: memory"],
    ),
    "a list where a mapping belongs": (
        "admin: []\n",
        ["proxy.yaml:1:8: admin: expected a mapping of keys such as {address: 127.0.0.1:6751}, got a list"],
    ),
    "a mapping where a list belongs": (
        "listeners: {address: x}\n",
        ["proxy.yaml:1:12: listeners: expected a list such as [{address: 127.0.0.1:6750}], got a mapping"],
    ),
    "missing key": ("metrics: {per_route: true}\n", ["proxy.yaml:1:10: metrics.address: this key is missing"]),
    "a head of nothing": (
        "listeners: [{head_limit: 0}]\n",
        ["proxy.yaml:1:26: listeners[0].head_limit: 0 lets nothing pass; give a larger size"],
    ),
    "no time for a head": (
        "listeners: [{head_timeout: 0}]\n",
        ["proxy.yaml:1:28: listeners[0].head_timeout: 0 lets nothing pass; give a longer time"],
    ),
    "no listener": (
        "listeners: []\n",
        ["proxy.yaml:1:12: listeners: an empty list hears nobody; leave the key out for 127.0.0.1:6750"],
    ),
    "not an address": (
        "listeners: [{address: '6750'}]\n",
        ["proxy.yaml:1:23: listeners[0].address: expected host:port, [::1]:port or unix:/path"],
    ),
    "anonymous off loopback": (
        "listeners: [{address: '0.0.0.0:6750'}]\n",
        [
            f"proxy.yaml:1:23: listeners[0].address: {ANONYMOUS}",
        ],
    ),
    "admin off loopback": (
        "admin: {address: '[::]:1'}\n",
        [
            f"proxy.yaml:1:18: admin.address: {ADMIN}",
        ],
    ),
    "two listeners on one address": (
        "metrics: {address: '0.0.0.0:6751'}\n",
        ["proxy.yaml:1:20: metrics.address: the same address as the default"],
    ),
    "unset variable": (
        "admin: {address: {env: UNSET}}\n",
        ["proxy.yaml:1:18: admin.address: environment variable UNSET is not set"],
    ),
    "egress proxy with a user": (
        "egress: {proxy: 'http://u:hunter2@proxy:3128'}\n",
        ["proxy.yaml:1:17: egress.proxy: it has a user part; take it out"],
    ),
    "egress proxy over TLS": (
        "egress: {proxy: 'https://proxy:3128'}\n",
        ["proxy.yaml:1:17: egress.proxy: an egress proxy is http://host:port"],
    ),
    "CA missing": ("egress: {ca: ca.pem}\n", ["proxy.yaml:1:14: egress.ca: ca.pem: No such file or directory"]),
    "CA that is none": ("egress: {ca: proxy.yaml}\n", ["proxy.yaml:1:14: egress.ca: proxy.yaml: no PEM certificate in it"]),
}


@pytest.mark.parametrize(("yaml", "expected"), BROKEN_TOP.values(), ids=BROKEN_TOP)
def test_a_broken_top_level_key_is_told_at_its_place(lines: Lines, yaml: str, expected: list[str]) -> None:
    """One line per problem, with file, line, column, key and what to do."""
    assert lines(yaml + TOP + "routes:\n" + CRM) == expected


BROKEN_FILES = {
    "not UTF-8": (b"a: 1\nb: \xe9\xe9\n", ["proxy.yaml:2:4: the file is not UTF-8 text"]),
    "UTF-16": ("routes: []".encode("utf-16"), ["proxy.yaml:1:1: the file is not UTF-8 text"]),
    "control character": (b"a: 1\nbc: \x07\n", ["proxy.yaml:2:5: the character U+0007 may not stand in YAML"]),
    "empty": (b"", ["proxy.yaml:1:1: routes: no route: a route has `prefix`, `upstream` and `credential`"]),
    "no route": (b"routes: []", ["proxy.yaml:1:1: routes: no route: a route has `prefix`, `upstream` and `credential`"]),
    "a list": (b"- 1", ["proxy.yaml:1:1: expected a mapping of keys, as in `routes: [...]`"]),
    "text": (b"hello", ["proxy.yaml:1:1: expected a mapping of keys, as in `routes: [...]`"]),
    "two documents": (b"a: 1\n---\nb: 1\n", ["proxy.yaml:2:1: a second document begins; one file holds one"]),
    "unknown alias": (
        b"a: *hunter2",
        ["proxy.yaml:1:4: YAML reads a value that begins with * as an alias, and no anchor above has its name; put a text in quotes"],
    ),
    "tag for a variable": (b"a: !ENV hunter2", ["proxy.yaml:1:4: YAML knows no such tag; write {env: NAME}"]),
    "tag for a file": (b"a: !file hunter2", ["proxy.yaml:1:4: YAML knows no such tag; write {file: PATH}"]),
    "a template without quotes": (
        b"a: {b: ${env:hunter2}}",
        [
            f"proxy.yaml:1:9: not valid YAML: while parsing a flow mapping, did not find expected ',}}'{QUOTES}",
        ],
    ),
    "material alone": (
        b"credentials: {}",
        ["proxy.yaml:1:1: routes: no route: this file has credentials alone; name it under `security_material` of a proxy.yaml"],
    ),
    "tag": (b"a: !hunter2 x", ["proxy.yaml:1:4: YAML reads a value that begins with ! as a tag; put it in quotes"]),
    "deep": (b"[" * 100_000, ["proxy.yaml:1:34: nested more than 32 levels deep"]),
}


@pytest.mark.parametrize(("content", "expected"), BROKEN_FILES.values(), ids=BROKEN_FILES)
def test_a_broken_file_is_told_at_its_place(lines: Lines, content: bytes, expected: list[str]) -> None:
    """Where the text itself is wrong, its line is named and nothing of a secret is quoted."""
    assert lines(content) == expected


@pytest.mark.parametrize(
    "yaml",
    ["a: [1, 2\nb: 3\n", "a: 'x\n", "a:\n\t- b\n", "a: b: c\n", "a: @x\n", "%hunter2\n---\na: !hunter2!x y\n", "a: !hunter2!x y\n"],
)
def test_a_syntax_error_is_one_line_without_values(lines: Lines, yaml: str) -> None:
    """YAML that cannot be read is one problem, on one line, that quotes nothing which could be a secret."""
    (line,) = lines(yaml)

    assert line.startswith("proxy.yaml:")
    assert "YAML" in line
    assert "\n" not in line
    assert "hunter2" not in line


UNREADABLE = {
    "tab before a list": ("a:\n\t- b\n", "2:1: not valid YAML: a tab; indent with spaces"),
    "tab before a key": ("a:\r\n  b: c\r\n\td: e\r\n", "3:1: not valid YAML: a tab; indent with spaces"),
    "percent": ("a: %hunter2\n", "1:4: not valid YAML: a value cannot begin with %; put it in quotes"),
    "at": ("# \u2028\na: b\nc: @hunter2\n", "4:4: not valid YAML: a value cannot begin with @; put it in quotes"),
    "backtick": ("a: `hunter2`\n", "1:4: not valid YAML: a value cannot begin with `; put it in quotes"),
}


@pytest.mark.parametrize(("yaml", "line"), UNREADABLE.values(), ids=UNREADABLE)
def test_a_character_that_begins_nothing_is_told_with_its_cure(lines: Lines, yaml: str, line: str) -> None:
    """A tab wants spaces, a sign wants quotes."""
    assert lines(yaml) == [f"proxy.yaml:{line}"]


ONE_MISTAKE = {
    "routes misspelt": ("routs:\n" + CRM, ["1:1: routs: unknown key; did you mean `routes`?"]),
    "routes with an umlaut": ("r\u00f6utes:\n" + CRM, ["1:1: 'r\u00f6utes': unknown key; did you mean `routes`?"]),
    "another word for routes": ("services:\n" + CRM, ["1:1: services: unknown key; here it is `routes`"]),
    "security material as text": (
        "security_material: security-material.yaml\nroutes:\n" + CRM,
        ["1:20: security_material: expected a list: write [security-material.yaml]"],
    ),
    "security material misspelt": (
        "security_materials: [security-material.yaml]\nroutes:\n" + CRM,
        ["1:1: security_materials: unknown key; did you mean `security_material`?"],
    ),
    "security material as numbers": (
        "security_material: [1]\nroutes:\n" + CRM,
        ["1:21: security_material[0]: expected text, got an integer; put it in quotes"],
    ),
    "another word for credentials": ("secrets: {crm: {}}\nroutes:\n" + CRM, ["1:1: secrets: unknown key; here it is `credentials`"]),
    "credentials as a list": ("credentials: [crm]\nroutes:\n" + CRM, ["1:14: credentials: expected a mapping of aliases"]),
}


@pytest.mark.parametrize(("yaml", "expected"), ONE_MISTAKE.values(), ids=ONE_MISTAKE)
def test_one_mistake_is_one_line(lines: Lines, yaml: str, expected: list[str]) -> None:
    """What a wrong line explains is not missed besides."""
    assert lines(yaml) == [f"proxy.yaml:{line}" for line in expected]


def test_aliases_outside_credentials_are_one_line(lines: Lines) -> None:
    """Security material without its `credentials:` is told once, not once more for every route."""
    assert lines(TOP + "routes:\n" + CRM, "crm: {}\n") == [
        "security-material.yaml:1:1: crm: a file of security material holds `credentials` alone"
    ]


def test_missing_security_material_does_not_hide_missing_routes(write: Write) -> None:
    """No route stands in security material, so that both are told at once."""
    with pytest.raises(SettingsError) as caught:
        load([write("proxy.yaml", "security_material: [a.yaml]\n")])

    assert [problem.key for problem in caught.value.problems] == ["routes", "security_material[0]"]


def test_many_problems_come_at_once_in_order_of_place(lines: Lines) -> None:
    """Everything that is wrong in all files is told in one go, by file, line and column."""
    proxy = inspect.cleandoc("""
        security_material: [security-material.yaml]
        workers: two
        routes:
          - prefix: crm
            upstream: ftp://api.example
            credential: crn
            backend: x
          - upstream: https://api.example
            credential: none
    """)
    material = inspect.cleandoc("""
        credentials:
          crm:
            type: oauth2_password
            token_url: https://login.example/token
            scopes: [a]
    """)

    needs = "this key is missing; client_auth client_secret_basic needs it"
    places = "write {env: NAME} or {file: PATH}; or change client_auth to none, for a client that has no secret"

    assert lines(proxy, material) == [
        "proxy.yaml:2:10: workers: this release runs one process: leave the key out, or say 1",
        "proxy.yaml:4:13: routes[0].prefix: a prefix begins with /: write /crm",
        "proxy.yaml:5:15: routes[0].upstream: expected a URL that starts with https:// or http:// and names a host",
        "proxy.yaml:6:17: routes[0].credential: no credential 'crn'; did you mean 'crm' (security-material.yaml:2)?",
        "proxy.yaml:7:5: routes[0].backend: unknown key; here it is `upstream`",
        "proxy.yaml:8:5: routes[1].prefix: this key is missing",
        "security-material.yaml:3:5: credentials.crm.username: this key is missing",
        "security-material.yaml:3:5: credentials.crm.password: this key is missing",
        f"security-material.yaml:3:5: credentials.crm.client_secret: {needs}: {places}",
        f"security-material.yaml:3:5: credentials.crm.client_id: {needs}",
        "security-material.yaml:5:5: credentials.crm.scopes: unknown key; here it is `scope`",
    ]


def test_a_missing_file_is_named_as_it_was_given() -> None:
    """A file of --config that is not there is one problem, with the system's reason."""
    with pytest.raises(SettingsError) as caught:
        load([Path("conf/none.yaml")])

    assert str(caught.value) == "conf/none.yaml: cannot be read: No such file or directory"


def test_missing_security_material_is_told_where_it_is_named(write: Write) -> None:
    """A file that a file names is looked for beside that one, and missed at the line that names it."""
    path = write("conf/proxy.yaml", "security_material: [a.yaml]\nroutes:\n" + CRM)

    with pytest.raises(SettingsError) as caught:
        load([path])

    assert str(caught.value) == "conf/proxy.yaml:1:21: security_material[0]: conf/a.yaml: cannot be read: No such file or directory"


def test_an_unreadable_file_is_a_problem(folder: Path) -> None:
    """What is no file to read is told, not raised."""
    (folder / "proxy.yaml").mkdir()

    with pytest.raises(SettingsError, match=r"^proxy\.yaml: cannot be read: Is a directory"):
        load([Path("proxy.yaml")])


def test_security_material_holds_credentials_alone(lines: Lines) -> None:
    """A key of proxy.yaml in the security material is refused rather than ignored."""
    assert lines(TOP + "routes:\n" + CRM, "workers: 1\n")[-1] == (
        "security-material.yaml:1:1: workers: a file of security material holds `credentials` alone"
    )


def test_files_add_up(write: Write) -> None:
    """Routes and credentials of several files make one configuration, and every file is listed for reload."""
    first = write("a/proxy.yaml", "security_material: [m.yaml]\nroutes:\n" + CRM)
    write(
        "a/m.yaml",
        "credentials: {crm: {type: oauth2_client_credentials, token_url: 'https://t/', client_id: a, client_secret: {env: CRM_SECRET}}}",
    )
    second = write("b.yaml", "drain_timeout: 3\nroutes: [{prefix: /b, upstream: 'https://b.example', credential: none}]\n")

    loaded = load([first, second])

    assert [route.name for route in loaded.routes] == ["/crm", "/b"]
    assert list(loaded.credentials) == ["crm"]
    assert loaded.drain_timeout == Seconds(3)
    assert loaded.files == ("a/proxy.yaml", "a/m.yaml", "b.yaml")
    assert loaded.warnings == ()


def test_a_key_in_two_files_is_refused(write: Write) -> None:
    """Which of two files would win is never a question."""
    route = "routes: [{prefix: /%s, upstream: 'https://b.example', credential: none}]\n"

    with pytest.raises(SettingsError, match=r"^b\.yaml:1:1: workers: the key is said twice; first in a\.yaml:1$"):
        load([write("a.yaml", "workers: 1\n" + route % "a"), write("b.yaml", "workers: 1\n" + route % "b")])


def test_a_file_named_twice_is_refused(write: Write) -> None:
    """The same file under two names would only duplicate its routes."""
    path = write("a.yaml", "routes: [{prefix: /a, upstream: 'https://b.example', credential: none}]\n")

    with pytest.raises(SettingsError, match=r"^a\.yaml: the file is named twice$"):
        load([path, path])


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "http_proxy", "ALL_PROXY"])
def test_a_proxy_variable_brings_a_warning(write: Write, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """The environment's proxy is ignored, and that is said."""
    monkeypatch.setenv(name, "http://user:hunter2@proxy:3128")

    warnings = load([write("a.yaml", "routes: [{prefix: /a, upstream: 'https://b.example', credential: none}]\n")]).warnings

    assert warnings == (f"{name.upper()} is set and ignored; a proxy for outgoing calls is `egress: {{proxy: ...}}`",)


SCRAPS = """routes: credentials: defaults: listeners:
 prefix: upstream: credential: a: client_secret: type: security_material: - { } [ ] , : ? &x *x <<:
!!str !!binary null yes 2024-01-01 2024-99-99 0b_ 1e999 .nan {env:UNSET} {file:x} "\\ud800" "\\0" ' 99999999999999999999"""
YAML_WORDS = st.lists(st.sampled_from([*SCRAPS.split(), "\n", "\n  ", "\n    "])).map(" ".join)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.one_of(st.binary(), st.text().map(str.encode), YAML_WORDS.map(str.encode)))
@example(content=b"a: &a [*a]")
@example(
    content=b"a: &a [1,1,1,1,1,1,1,1]\n" + b"".join(b"b%d: &b%d [%s]\n" % (i, i, b",".join([b"*b%d" % (i - 1)] * 8)) for i in range(1, 9))
)
@example(content=b"security_material: ['\\0', \"\\0\"]\n")
@example(content=b"drain_timeout: " + b"9" * 5000)
@example(content=b"drain_timeout: '" + b"9" * 5000 + b"s'")
@example(content=b"token_store: {max_tokens: " + b"9" * 500 + b"}")
@example(content=b'routes: [{prefix: /a, upstream: "https://[::1", credential: {env: "\\0="}, tls: {ca: "\\0", cert: a, key: ""}}]')
@example(content=b"credentials: {a: {type: 1, client_secret: {file: \"\\0\"}}, b: null, c: [], '': {}}")
def test_arbitrary_bytes_raise_only_settings_errors(write: Write, content: bytes) -> None:
    """Whatever a file holds, loading it ends in Settings or in a SettingsError whose problems are one line each."""
    path = write("proxy.yaml", content)
    problems: tuple[Problem, ...] = ()
    try:
        load([path])
    except SettingsError as exc:
        problems = exc.problems

    assert len("\n".join(map(str, problems)).encode().splitlines()) == len(problems)
