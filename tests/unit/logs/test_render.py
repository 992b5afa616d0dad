"""Lines: one line each, of printable ASCII, whatever is in them."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import asdict, replace

from proxy.logs.redaction import redact, well_formed
from proxy.logs.render import LONGEST, Access, Stamp, access_console, access_json, event_console, event_json, quoted

STAMP = "2026-01-02T03:04:05.678Z"
TEXT = st.text(st.characters(exclude_categories=()))  # lone surrogates and control characters too
ACCESS = st.builds(
    Access,
    request_id=TEXT,
    client=TEXT,
    method=TEXT,
    path=TEXT,
    route=TEXT,
    status=st.integers(100, 599),
    seconds=st.floats(0, 1e6),
    bytes_in=st.integers(0),
    bytes_out=st.integers(0),
    attempts=st.integers(0, 9),
    upstream_status=st.none() | st.integers(100, 599),
    alias=st.none() | TEXT,
    code=st.none() | TEXT,
    token=st.none() | TEXT,
)


def entry(path: str = "/crm/data") -> Access:
    return Access(
        request_id="r-1",
        client="127.0.0.1",
        method="GET",
        path=path,
        route="crm",
        status=200,
        seconds=0.0123456,
        attempts=1,
        upstream_status=200,
        alias="salesforce",
        token="cached",
    )


def is_one_printable_line(line: bytes) -> bool:
    return line.endswith(b"\n") and line[:-1].isascii() and line[:-1].decode("ascii").isprintable()


def test_access_json() -> None:
    """An access line has these fields, in this order."""
    assert list(json.loads(access_json(STAMP, entry())).items()) == [
        ("ts", STAMP),
        ("level", "info"),
        ("event", "access"),
        ("request_id", "r-1"),
        ("client", "127.0.0.1"),
        ("method", "GET"),
        ("path", "/crm/data"),
        ("route", "crm"),
        ("status", 200),
        ("seconds", 0.012346),
        ("bytes_in", 0),
        ("bytes_out", 0),
        ("attempts", 1),
        ("upstream_status", 200),
        ("alias", "salesforce"),
        ("code", None),
        ("token", "cached"),
    ]


def test_lines_that_differ_in_one_field() -> None:
    """What was written for one line stands in the next one only where they are alike."""
    other = replace(entry(), status=503, code="upstream_timeout", client="::1")
    first, second, third = (json.loads(access_json(STAMP, each)) for each in (entry(), other, entry()))
    assert {name: value for name, value in second.items() if first[name] != value} == {
        "client": "::1",
        "status": 503,
        "code": "upstream_timeout",
    }
    assert third == first


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ('/a"b\\c', '/a"b\\c'),
        ("/a\r\nX: y", "/a\r\nX: y"),
        ("/\x00\x1b[31m\x7f\x9b\u2028", "/\x00\x1b[31m\x7f\x9b\u2028"),
        ("/caf\u00e9", "/caf\u00e9"),
        ("/\udc80", "/\ufffd"),
        ("/crm?access_token=abc", "/crm"),
        ("/" + "a" * 5000, "/" + "a" * (LONGEST - 1)),
    ],
)
def test_access_json_escapes(path: str, shown: str) -> None:
    """Quotes and control characters come through as escapes, the query not at all, and a long path is cut."""
    line = access_json(STAMP, entry(path))
    assert is_one_printable_line(line)
    assert json.loads(line)["path"] == shown


@given(ACCESS)
def test_access_json_is_one_line_of_json(access: Access) -> None:
    """An access line is one line of valid JSON with the same facts, whatever callers send."""
    line = access_json(STAMP, access)
    assert is_one_printable_line(line)
    told = json.loads(line.decode("ascii"))
    facts = {name: well_formed(value[:LONGEST]) if isinstance(value, str) else value for name, value in asdict(access).items()}
    path = well_formed(access.path.partition("?")[0][:LONGEST])
    seconds = pytest.approx(access.seconds, abs=1e-6)
    assert told == facts | {"path": path, "seconds": seconds, "ts": STAMP, "level": "info", "event": "access"}
    json.dumps(told, ensure_ascii=False).encode()


@given(ACCESS)
def test_access_console_is_one_line(access: Access) -> None:
    """The line for people is one line too."""
    assert is_one_printable_line(access_console(STAMP, access))


def test_access_console() -> None:
    """The line for people has what there is, and leaves out what there is not."""
    assert access_console(STAMP, entry("/crm/a b?q")).decode() == (
        f'{STAMP} access  GET "/crm/a b" 200 12.346 ms route=crm alias=salesforce token=cached upstream_status=200'
        " attempts=1 bytes_in=0 bytes_out=0 client=127.0.0.1 request_id=r-1\n"
    )


@given(st.dictionaries(TEXT, st.recursive(st.none() | TEXT | st.floats() | st.binary(), st.lists, max_leaves=5)))
def test_event_json_is_one_line_of_json(facts: dict[str, object]) -> None:
    """An event line is one line of valid JSON, and one line for people, whatever its facts."""
    shown = redact(facts | {"ts": STAMP, "level": "info", "event": "x"})
    line = event_json(shown)
    assert is_one_printable_line(line)
    assert is_one_printable_line(event_console(shown))
    json.dumps(json.loads(line), ensure_ascii=False, allow_nan=False).encode()


def test_event_json() -> None:
    """An event line is one object, its facts in order."""
    line = event_json({"ts": STAMP, "level": "info", "event": "x", "alias": None, "note": 'a"\n\x7f'})
    assert line == b'{"ts":"%s","level":"info","event":"x","alias":null,"note":"a\\"\\n\\u007f"}\n' % STAMP.encode()


def test_event_console() -> None:
    """An event for people leaves out what does not apply and quotes what has spaces."""
    line = event_console({"ts": STAMP, "level": "info", "event": "x", "alias": None, "note": "a\nb c", "n": 1, "inner": {"a": [1]}})
    assert line == f'{STAMP} info    x note="a\\nb c" n=1 inner={{"a": [1]}}\n'.encode()


@pytest.mark.parametrize(("value", "text"), [(None, "null"), ("", '""'), ("a", '"a"'), ("\x7f", '"\\u007f"'), ("\ud800", '"\\ufffd"')])
def test_quoted(value: str | None, text: str) -> None:
    """A JSON string of printable ASCII, or null."""
    assert quoted(value) == text


@pytest.mark.parametrize(
    ("times", "text"),
    [
        ([0.0], "1970-01-01T00:00:00.000Z"),
        ([1_767_323_045.6781], "2026-01-02T03:04:05.678Z"),
        ([1_767_323_045.2, 1_767_323_045.999_9], "2026-01-02T03:04:06.000Z"),
        ([1_767_323_045.2, 1_767_323_046.0], "2026-01-02T03:04:06.000Z"),
        ([1_767_323_046.0, 1_767_323_045.5], "2026-01-02T03:04:05.500Z"),
        ([1_767_323_045.5, 1_767_323_045.500_4], "2026-01-02T03:04:05.500Z"),
        ([1_767_323_045.5, 1_767_323_045.500_6], "2026-01-02T03:04:05.501Z"),
        ([1_767_323_045.5, 1_767_323_046.5], "2026-01-02T03:04:06.500Z"),
    ],
)
def test_stamp(times: list[float], text: str) -> None:
    """A stamp is UTC, rounded to milliseconds, also when the clock goes back."""
    ticks = iter(times)
    stamp = Stamp(lambda: next(ticks))
    assert [stamp() for _ in times][-1] == text
