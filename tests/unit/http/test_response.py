"""proxy/http/response.py: a response taken apart, however it arrives."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.http.response import MAX_HEAD, MAX_HEADERS, MAX_INTERIM, ResponseReader
from proxy.http.wire import MalformedError

OK = b"HTTP/1.1 200 OK\r\n"
FIVE = OK + b"Content-Length: 5\r\n\r\nhello"
CHUNKS = OK + b"Transfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2;x\r\nlo\r\n0\r\nSum: 1\r\n\r\n"
EARLY = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
UNTIL_CLOSE = OK + b"\r\nhello"

Seen = tuple[list[int], bytes, bool, bool, bool]


def read(*feeds: bytes, method: bytes = b"GET", eof: bool = False) -> Seen:
    """(statuses, body, done, spilled, keep_alive)."""
    reader = ResponseReader(method)
    size = sum(reader.feed(data) for data in feeds)
    if eof:
        reader.feed_eof()
    body = b"".join(reader.pieces)
    assert size == len(body)
    return [head.status for head in reader.heads], body, reader.done, reader.spilled, reader.keep_alive


@pytest.mark.parametrize(
    ("raw", "seen"),
    [
        (FIVE, ([200], b"hello", True, False, True)),
        (FIVE[:-1], ([200], b"hell", False, False, True)),
        (FIVE + b"x", ([200], b"hello", True, True, True)),
        (FIVE + FIVE, ([200], b"hello", True, True, True)),
        (CHUNKS, ([200], b"hello", True, False, True)),
        (CHUNKS[:-2], ([200], b"hello", False, False, True)),
        (CHUNKS + b"x", ([200], b"hello", True, True, True)),
        (EARLY + EARLY + FIVE, ([103, 103, 200], b"hello", True, False, True)),
        (EARLY, ([103], b"", False, False, False)),
        (OK + b"Content-Length: 0\r\n\r\n", ([200], b"", True, False, True)),
        (OK + b"Content-Length: 0\r\n\r\n0", ([200], b"", True, True, True)),
        (b"HTTP/1.1 204 No Content\r\n\r\n", ([204], b"", True, False, True)),
        (b"HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", ([204], b"", True, True, True)),
        (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", ([304], b"", True, False, True)),
        (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\nhello", ([304], b"", True, True, True)),
        (UNTIL_CLOSE, ([200], b"hello", False, False, False)),
    ],
)
@pytest.mark.parametrize("step", [1 << 20, 1], ids=["at once", "byte by byte"])
def test_a_response_is_taken_apart(raw: bytes, seen: Seen, step: int) -> None:
    """Heads in order, the body without framing, and whether it ended or went on behind its end."""
    assert read(*(raw[at : at + step] for at in range(0, len(raw), step))) == seen


@pytest.mark.parametrize(
    ("raw", "seen"),
    [
        (FIVE[:-5], ([200], b"", True, False, True)),
        (FIVE, ([200], b"", True, True, True)),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n", ([200], b"", True, False, True)),
        (OK + b"\r\n", ([200], b"", True, False, True)),
    ],
)
def test_a_response_to_head_has_no_body(raw: bytes, seen: Seen) -> None:
    """Whatever it says about a length (RFC 9110 §9.3.2); bytes that follow are spill."""
    assert read(raw, method=b"HEAD") == seen


@pytest.mark.parametrize(
    ("raw", "done"), [(UNTIL_CLOSE, True), (OK + b"\r\n", True), (FIVE[:-1], False), (CHUNKS[:-1], False), (OK, False)]
)
def test_an_end_of_file_ends_only_what_has_no_framing(raw: bytes, done: bool) -> None:  # noqa: FBT001  # a column of the table
    """Every other body that stops early is cut (RFC 9112 §8)."""
    assert read(raw, eof=True)[2] is done


@pytest.mark.parametrize(
    ("minor", "connection", "keep_alive"),
    [
        (1, (), True),
        (1, (b"keep-alive",), True),
        (1, (b"close",), False),
        (1, (b"Close",), False),
        (1, (b"foo ,\tCLOSE , bar",), False),
        (1, (b"keep-alive", b"close"), False),
        (1, (b"closed",), True),
        (1, (b"",), True),
        (0, (), False),
        (0, (b"keep-alive",), True),
        (0, (b"Keep-Alive, x",), True),
        (0, (b"keep-alive, close",), False),
        (0, (b"keep-alives",), False),
    ],
)
def test_which_connections_stay(minor: int, connection: tuple[bytes, ...], keep_alive: bool) -> None:  # noqa: FBT001  # a column of the table
    """RFC 9112 §9.3: HTTP/1.1 unless it says close, HTTP/1.0 only if it says keep-alive."""
    fields = b"".join(b"Connection: %b\r\n" % value for value in connection)
    assert read(b"HTTP/1.%d 200 OK\r\nContent-Length: 0\r\n%b\r\n" % (minor, fields))[4] is keep_alive


@pytest.mark.parametrize(
    "raw",
    [
        OK + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\n",
        OK + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n",
        OK + b"Transfer-Encoding: identity\r\n\r\n",
        b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n",
        EARLY * (MAX_INTERIM + 1),
        EARLY + b"\r\n" + FIVE,
        b"\r\n" + FIVE,
        b"HTTP/1.1 200 OK\n\n",
        OK + b"A: 1\n\n",
        OK + b"A : 1\r\n\r\n",
        OK + b" folded\r\n\r\n",
        OK + b"A: 1\r\n" * (MAX_HEADERS + 1) + b"\r\n",
        OK + b"A: " + b"a" * MAX_HEAD,
        OK + b"A: " + b"a" * MAX_HEAD + b"\r\n\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n",
        b"SSH-2.0-OpenSSH_9.9\r\n\r\n",
    ],
)
def test_what_is_no_plain_response_is_refused(raw: bytes) -> None:
    """Doubtful framing, an unasked 101, floods and foreign protocols are errors."""
    with pytest.raises(MalformedError):
        read(raw)


@pytest.mark.parametrize(
    ("raw", "in_body"), [(b"", False), (OK, False), (EARLY, False), (FIVE[:-5], True), (FIVE[:-1], True), (FIVE, False)]
)
def test_in_body_says_whether_a_cut_would_show(raw: bytes, in_body: bool) -> None:  # noqa: FBT001  # a column of the table
    """It holds from the final head to the body's end."""
    reader = ResponseReader(b"GET")
    reader.feed(raw)
    assert reader.in_body is in_body


@given(
    st.sampled_from([FIVE, CHUNKS, EARLY + FIVE, EARLY + CHUNKS, UNTIL_CLOSE, FIVE + b"spill"]),
    st.lists(st.integers(1, 120), max_size=6),
)
def test_a_response_reads_the_same_however_it_is_cut(raw: bytes, cuts: list[int]) -> None:
    """Nothing depends on how the bytes arrived."""
    edges = sorted({0, len(raw), *(min(cut, len(raw)) for cut in cuts)})
    assert read(*(raw[start:end] for start, end in itertools.pairwise(edges))) == read(raw)


@given(st.one_of(st.binary(max_size=300), st.binary(max_size=80).map(lambda tail: CHUNKS[:60] + tail)))
def test_any_bytes_are_a_response_or_malformed(raw: bytes) -> None:
    """No answer of an upstream raises anything but MalformedError."""
    outcomes: list[Seen | None] = []
    try:
        outcomes.append(read(raw, eof=True))
    except MalformedError:
        outcomes.append(None)
    assert len(outcomes) == 1
