"""proxy/http/cutter.py: a caller's stream cut into messages."""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from aiohttp.base_protocol import BaseProtocol
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.http.cutter import PIPELINE_LIMIT, Limits, RefusedError, RequestCutter

if TYPE_CHECKING:
    from aiohttp.streams import StreamReader

    from proxy.errors import ProxyError

LIMITS = Limits(head_timeout=10, idle_timeout=75, head_limit=1000, max_headers=10)
GET = b"GET /a?b HTTP/1.1\r\nHost: a.test\r\nX: 1\r\n\r\n"
POST = b"POST /p HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\n\r\nhello"
CHUNKS = b"POST /c HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x\r\nde\r\n0\r\nX-Trailer: t\r\n\r\n"
EMPTY = b"PUT /e HTTP/1.1\r\nHost: a.test\r\nContent-Length: 0\r\n\r\n"
SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: a.test\r\n\r\n"

Message = tuple[bytes, bytes, tuple[bytes, ...]]  # target, body, names of the headers


@dataclass
class Connection:
    """Feeds a cutter as aiohttp would, and answers each message once its body has come."""

    limits: Limits = LIMITS
    answers: bool = True
    messages: list[Message] = field(default_factory=list)
    refused: ProxyError | None = None
    broken: BaseException | None = None
    held: bool = False
    timed_out: bool = False
    payload: StreamReader | None = None

    def __post_init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.cutter = RequestCutter(self, BaseProtocol(loop), loop, self.limits)

    def hold_reading(self, *, hold: bool) -> None:
        self.held = hold

    def head_timed_out(self) -> None:
        self.timed_out = True

    def feed(self, *feeds: bytes) -> Connection:
        for data in feeds:
            self._feed(data)
        return self

    def _feed(self, data: bytes) -> None:
        try:
            messages, upgraded, tail = self.cutter.feed_data(data)
        except RefusedError as exc:
            self.refused = exc.error
            return
        assert (upgraded, tail) == (False, b"")
        for _, payload in messages:
            self.payload = payload
        if self.payload is not None and self.payload.is_eof():
            self._received(self.payload)

    def _received(self, payload: StreamReader) -> None:
        self.payload, self.broken = None, payload.exception()
        head = self.cutter.head
        assert head is not None
        body = b"" if self.broken is not None else payload.read_nowait(-1)
        if self.broken is None:
            self.messages.append((head.target, body, tuple(name for name, _ in head.headers)))
        if self.answers and self.cutter.answered():
            self._feed(b"")


def cut(*feeds: bytes) -> tuple[list[Message], str | None, bool]:
    """(messages, code of the refusal, whether a body broke)."""

    async def run() -> Connection:
        return Connection().feed(*feeds)

    seen = asyncio.run(run())
    seen.cutter.stop()
    return seen.messages, seen.refused.code if seen.refused else None, seen.broken is not None


A = (b"/a?b", b"", (b"Host", b"X"))
P = (b"/p", b"hello", (b"Host", b"Content-Length"))
C = (b"/c", b"abcde", (b"Host", b"Transfer-Encoding"))
E = (b"/e", b"", (b"Host", b"Content-Length"))


@pytest.mark.parametrize(
    ("raw", "messages"),
    [
        (GET, [A]),
        (POST, [P]),
        (CHUNKS, [C]),
        (EMPTY, [E]),
        (GET + GET, [A, A]),
        (POST + GET, [P, A]),
        (CHUNKS + GET + CHUNKS, [C, A, C]),
        (EMPTY + POST, [E, P]),
        (b"\r\n" + GET + b"\r\n\r\n" + GET, [A, A]),
        (GET[:-1], []),
        (POST[:-1], []),
        (CHUNKS[:-1], []),
        (b"\r\n", []),
    ],
)
@pytest.mark.parametrize("step", [1 << 20, 1], ids=["at once", "byte by byte"])
def test_messages_are_cut(raw: bytes, messages: list[Message], step: int) -> None:
    """Each message has its own head and body; a trailer is never a header of the next (MUSTS 6)."""
    assert cut(*(raw[at : at + step] for at in range(0, len(raw), step))) == (messages, None, False)


HEADS = {
    "both framings": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "both framings, other order": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
    "equal lengths": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
    "signed length": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +5\r\n\r\nhello",
    "hex length": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x5\r\n\r\nhello",
    "endless length": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: " + b"9" * 30 + b"\r\n\r\nhello",
    "coding identity": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\n\r\n",
    "coding twice": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "coding with vertical tab": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
    "space before the colon": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length : 5\r\n\r\nhello",
    "folded": b"POST / HTTP/1.1\r\nHost: a\r\nA: 1\r\n Transfer-Encoding: chunked\r\n\r\n",
    "bare LF": b"GET / HTTP/1.1\nHost: a\n\n",
    "bare LF within": b"GET / HTTP/1.1\r\nHost: a\nA: 1\r\n\r\n",
    "bare LF at the end": b"GET / HTTP/1.1\r\nHost: a\r\n\n",
    "bare LF before": b"\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "bare CR": b"GET / HTTP/1.1\r\nHost: a\r\nA: 1\rB: 2\r\n\r\n",
    "NUL": b"GET / HTTP/1.1\r\nHost: a\r\nA: \x00\r\n\r\n",
    "no Host": b"GET / HTTP/1.1\r\n\r\n",
    "two Hosts": b"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
    "invalid Host": b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n",
    "HTTP/0.9": b"GET /\r\n\r\n",
    "HTTP/1.2": b"GET / HTTP/1.2\r\nHost: a\r\n\r\n",
    "HTTP/2.0": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "lower-case version": b"GET / http/1.1\r\nHost: a\r\n\r\n",
    "two spaces": b"GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
    "unknown method": b"FROBNICATE / HTTP/1.1\r\nHost: a\r\n\r\n",
    "chunked in 1.0": b"POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "TLS": bytes.fromhex("16030100a5010000a10303") + b"\r\n\r\n",
}


@pytest.mark.parametrize("raw", HEADS.values(), ids=HEADS)
@pytest.mark.parametrize("step", [1 << 20, 1], ids=["at once", "byte by byte"])
def test_a_doubtful_head_ends_the_stream(raw: bytes, step: int) -> None:
    """It is refused, what came before it is served, and nothing behind it is read."""
    stream = GET + raw + SMUGGLED
    assert cut(*(stream[at : at + step] for at in range(0, len(stream), step))) == ([A], "request_malformed", False)


@pytest.mark.parametrize(
    "chunk", [b"zz\r\n", b"2\nab\r\n", b"2\r\nabX", b"-1\r\n", b"+2\r\n", b"2 \r\n", b"f" * 20 + b"\r\n", b"0\r\nA : 1\r\n\r\n"]
)
@pytest.mark.parametrize("step", [1 << 20, 1], ids=["at once", "byte by byte"])
def test_a_doubtful_chunk_breaks_the_body(chunk: bytes, step: int) -> None:
    """The body's reader is told, and what follows is never a request."""
    stream = GET + CHUNKS[: CHUNKS.index(b"3\r\n")] + b"1\r\nx\r\n" + chunk + SMUGGLED
    assert cut(*(stream[at : at + step] for at in range(0, len(stream), step))) == ([A], None, True)


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"GET / HTTP/1.1\r\nHost: a\r\nA: " + b"a" * 2000, "request_head_too_large"),
        (b"GET / HTTP/1.1\r\nHost: a\r\nA: " + b"a" * 2000 + b"\r\n\r\n", "request_head_too_large"),
        (b"GET /" + b"a" * 2000, "request_head_too_large"),
        (b"GET / HTTP/1.1\r\nHost: a\r\n" + b"A: 1\r\n" * 10 + b"\r\n", "request_head_too_large"),
        (b"CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n", "method_not_allowed"),
    ],
)
def test_what_is_too_large_or_never_taken(raw: bytes, code: str) -> None:
    """Bounds are told as 431, CONNECT as 405."""
    assert cut(raw) == ([], code, False)


def test_nine_headers_are_taken() -> None:
    """`max_headers` counts Host, and the last of them passes."""
    assert len(cut(b"GET / HTTP/1.1\r\nHost: a\r\n" + b"A: 1\r\n" * 9 + b"\r\n")[0]) == 1


@pytest.mark.parametrize("upgrade", [b"h2c", b"websocket"])
def test_an_upgrade_is_a_request_like_any_other(upgrade: bytes) -> None:
    """Java's HttpClient asks for h2c with every body; the body is read and the next request too."""
    head = b"POST /u HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: %b\r\nContent-Length: 3\r\n\r\nabc" % upgrade
    messages, refused, _ = cut(head + GET)
    assert ([(target, body) for target, body, _ in messages], refused) == ([(b"/u", b"abc"), (b"/a?b", b"")], None)


async def test_a_message_waits_for_the_answer_before_it() -> None:
    """Pipelined requests are handed out one at a time."""
    connection = Connection(answers=False).feed(GET + POST)
    before = len(connection.messages)
    waits = connection.cutter.answered()
    connection.feed(b"")
    assert (before, waits, len(connection.messages)) == (1, True, 2)


@pytest.mark.parametrize(("size", "held"), [(0, False), (PIPELINE_LIMIT, False), (PIPELINE_LIMIT + 1, True)])
async def test_reading_is_held_before_its_turn(size: int, held: bool) -> None:  # noqa: FBT001  # a column of the table
    """What comes before its turn is bounded; the answer lets reading go on."""
    connection = Connection(answers=False).feed(GET, b"x" * size)
    before = connection.held
    connection.cutter.answered()
    assert (before, connection.held) == (held, False)


@pytest.mark.parametrize(
    ("raw", "answers", "owed"),
    [
        (b"", True, False),
        (GET, False, True),
        (GET, True, False),
        (GET[:-1], True, False),
        (POST[:-1], False, False),
        (POST, False, True),
        (CHUNKS[:-1], False, False),
        (HEADS["no Host"], False, True),
    ],
)
async def test_who_half_closes_is_owed_an_answer(raw: bytes, answers: bool, owed: bool) -> None:  # noqa: FBT001  # columns of the table
    """A client that closed its sending side gets what a whole request, or a refused one, is answered."""
    connection = Connection(answers=answers).feed(raw)
    assert connection.cutter.end() is owed
    connection.cutter.stop()


async def test_a_body_cut_by_the_client_breaks() -> None:
    """Its reader is told that the client left."""
    connection = Connection(answers=False).feed(POST[:-1])
    payload = connection.payload
    assert payload is not None
    connection.cutter.end()
    assert isinstance(payload.exception(), ConnectionResetError)


@pytest.mark.parametrize(
    ("feeds", "running"),
    [
        ([], False),
        ([b"G"], True),
        ([GET[:-1]], True),
        ([GET], False),
        ([GET + b"G"], True),
        ([b"\r\n"], False),
        ([b"G", GET[1:]], False),
        ([b"\n"], False),
    ],
)
async def test_a_head_is_timed_from_its_first_byte(feeds: list[bytes], running: bool) -> None:  # noqa: FBT001  # a column of the table
    """The time for a head runs only while one is arriving."""
    connection = Connection(limits=Limits(0, 75, 1000, 10)).feed(*feeds)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert connection.timed_out is running


def test_a_flood_of_empty_lines_costs_little() -> None:
    """A mebibyte of CRLF is read in linear time (it took minutes when each pair was cut off alone)."""
    assert cut(b"\r\n" * (1 << 19) + GET) == ([A], None, False)


@settings(deadline=None)
@given(
    parts=st.lists(st.sampled_from([GET, POST, CHUNKS, EMPTY, b"\r\n"]), max_size=5),
    cuts=st.lists(st.integers(1, 400), max_size=10),
)
def test_a_stream_is_cut_the_same_however_it_arrives(parts: list[bytes], cuts: list[int]) -> None:
    """Any split at any offset gives the same messages."""
    raw = b"".join(parts)
    edges = sorted({0, len(raw), *(min(cut, len(raw)) for cut in cuts)})
    names = {GET: A, POST: P, CHUNKS: C, EMPTY: E}
    feeds = [raw[start:end] for start, end in itertools.pairwise(edges)]
    assert cut(*feeds) == ([names[part] for part in parts if part in names], None, False)


@settings(deadline=None)
@given(st.one_of(st.binary(max_size=120), st.binary(max_size=60).map(lambda tail: GET[:30] + tail)), st.booleans())
def test_any_bytes_are_cut_or_refused(raw: bytes, single: bool) -> None:  # noqa: FBT001  # drawn by Hypothesis
    """No stream raises anything but RefusedError, and nothing is read behind a refusal."""
    step = 1 if single else 1 << 20
    messages, refused, _ = cut(*(raw[at : at + step] for at in range(0, len(raw), step)))
    assert refused is None or len(messages) <= raw.count(b"\r\n\r\n")
