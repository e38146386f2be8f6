from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import ProtocolError
from execution.http.http_answer import BODY_MAX, HEAD_MAX, AnswerParser, HttpAnswer

OK = b"HTTP/1.1 200 OK\r\n"
WHOLE = [
    (OK + b"Content-Length: 2\r\n\r\n{}", HttpAnswer(200, b"{}", 0, True)),
    (OK + b"content-length:0\r\n\r\n", HttpAnswer(200, b"", 0, True)),
    (b"HTTP/1.1 204 No Content\r\n\r\n", HttpAnswer(204, b"", 0, True)),
    (b"HTTP/1.1 204\r\nContent-Length: 0\r\n\r\n", HttpAnswer(204, b"", 0, True)),
    (OK + b"Connection: keep-alive, Close\r\nContent-Length: 1\r\n\r\nx", HttpAnswer(200, b"x", 0, False)),
    (b"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx", HttpAnswer(200, b"x", 0, False)),
    (
        OK + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\nTrailer: 1\r\n\r\n",
        HttpAnswer(200, b"abc0123456789", 0, True),
    ),
    (OK + b"Transfer-Encoding: Chunked\r\n\r\n0\r\n\r\n", HttpAnswer(200, b"", 0, True)),
    (
        b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + OK + b"Content-Length: 1\r\n\r\nx",
        HttpAnswer(200, b"x", 0, True),
    ),
    (
        b"HTTP/1.1 503 Gone\r\nDate: Sat, 21 Nov 2026 12:00:00 GMT\r\nContent-Length: 1\r\n\r\nx",
        HttpAnswer(503, b"x", 1_795_262_400, True),
    ),
    (OK + b"Date: yesterday\r\nContent-Length: 1\r\n\r\nx", HttpAnswer(200, b"x", 0, True)),
]


@pytest.mark.parametrize(("text", "answer"), WHOLE)
def test_a_whole_answer_at_once_and_byte_by_byte_and_twice(text: bytes, answer: HttpAnswer) -> None:
    parser = AnswerParser()
    assert parser.feed(text) == answer
    for byte in text[:-1]:
        assert parser.feed(bytes([byte])) is None
    assert parser.feed(text[-1:]) == answer
    assert parser.end() is None


@given(st.sampled_from(WHOLE), st.data())
def test_the_pieces_do_not_matter(case: tuple[bytes, HttpAnswer], data: st.DataObject) -> None:
    text, answer = case
    cuts = sorted(data.draw(st.lists(st.integers(1, len(text) - 1), max_size=6)))
    parser = AnswerParser()
    got = [parser.feed(text[a:b]) for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True) if a < b]
    assert got[-1] == answer
    assert got[:-1] == [None] * (len(got) - 1)


def test_without_a_length_the_body_ends_with_the_connection() -> None:
    parser = AnswerParser()
    assert parser.feed(OK + b"\r\nabc") is None
    assert parser.feed(b"def") is None
    assert parser.end() == HttpAnswer(200, b"abcdef", 0, keep=False)


@pytest.mark.parametrize(
    "text", [b"", OK, OK + b"Content-Length: 3\r\n\r\nab", OK + b"Transfer-Encoding: chunked\r\n\r\n3\r\nab"]
)
def test_an_answer_cut_short_is_no_answer(text: bytes) -> None:
    parser = AnswerParser()
    assert parser.feed(text) is None
    assert parser.end() is None


@pytest.mark.parametrize(
    "text",
    [
        b"HTTP/2 200 OK\r\n\r\n",
        b"HTTP/1.1 099 X\r\n\r\n",
        b"HTTP/1.1 2000 X\r\n\r\n",
        b"SSH-2.0-x\r\n\r\n",
        b"HTTP/1.1 101 Switching\r\n\r\n",
        OK + b"Content-Length: 1\r\nContent-Length: 1\r\n\r\nx",
        OK + b"Content-Length: 1, 1\r\n\r\nx",
        OK + b"Content-Length: -1\r\n\r\n",
        OK + b"Content-Length: +1\r\n\r\n",
        OK + b"Content-Length: 0x1\r\n\r\n",
        OK + b"Content-Length: 99999999999\r\n\r\n",
        OK + f"Content-Length: {BODY_MAX + 1}\r\n\r\n".encode(),
        OK + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\nx",
        OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n",
        OK + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
        OK + b"Content-Encoding: gzip\r\nContent-Length: 1\r\n\r\nx",
        OK + b"Content-Length : 1\r\n\r\nx",
        OK + b" folded\r\n\r\n",
        OK + b"A: b\nContent-Length: 1\r\n\r\nx",
        OK + b"A: b\x00c\r\n\r\n",
        OK + b"A: b\x0bc\r\nContent-Length: 1\r\n\r\nx",
        OK + b"A: b\x7fc\r\nContent-Length: 1\r\n\r\nx",
        b"HTTP/1.1 200 O\x0bK\r\nContent-Length: 1\r\n\r\nx",
        OK + b"Transfer-Encoding: chunked\r\n\r\n1;\x0b\r\nx\r\n0\r\n\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\n1\r\nxyz",
        OK + b"Transfer-Encoding: chunked\r\n\r\nFFFFFFFF\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\n" + b"0" * 300,
        OK + b"Content-Length: 1\r\n\r\nxHTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 204 X\r\nContent-Length: 1\r\n\r\nx",
        b"HTTP/1.1 204 X\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        OK + b"A: " + b"x" * HEAD_MAX,
        OK + b"A: " + b"x" * HEAD_MAX + b"\r\n\r\n",
    ],
)
def test_what_could_be_read_in_two_ways_is_refused(text: bytes) -> None:
    with pytest.raises(ProtocolError):
        AnswerParser().feed(text)


BREAKS = [b"\r\n", b"\n", b"\x00", b"\x0b", b":", b" ", b"0\r\n\r\n", b"Content-Length: 3\r\n", b"HTTP/1.1 200 OK\r\n"]


@given(st.sampled_from(WHOLE), st.data())
def test_a_broken_answer_gives_the_same_in_one_piece_and_byte_by_byte(
    case: tuple[bytes, HttpAnswer], data: st.DataObject
) -> None:
    text, _ = case
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(text)))
        text = text[:at] + data.draw(st.sampled_from(BREAKS)) + text[at + data.draw(st.integers(0, 4)) :]

    def read(pieces: list[bytes]) -> list[HttpAnswer] | None:
        parser = AnswerParser()
        try:
            return [found for piece in pieces if (found := parser.feed(piece)) is not None]
        except ProtocolError:
            return None

    whole, slowly = read([text]), read([text[n : n + 1] for n in range(len(text))])
    # Byte by byte an answer is given before what follows it is seen: then, too, nothing else is ever given as first.
    assert whole is None or slowly == whole


@given(st.binary(max_size=300))
def test_noise_is_refused_or_waited_out_never_crashes(noise: bytes) -> None:
    parser = AnswerParser()
    try:
        parser.feed(noise)
        parser.end()
    except ProtocolError:
        pass


@pytest.mark.parametrize(
    ("date", "date_s"),
    [
        (b"Fri, 31 Dec 9999 23:59:59 GMT", 0),
        (b"Thu, 01 Jan 1970 00:00:00 GMT", 0),
        (b"Mon, 23 Nov 2026 17:00:00 GMT", 1_795_453_200),
        (b"Mon, 99 Nov 2026 17:00:00 GMT", 0),
        (b"\xe9", 0),
        (b"1" * 5_000, 0),
    ],
)
def test_a_date_of_another_age_is_none(date: bytes, date_s: int) -> None:
    answer = AnswerParser().feed(b"HTTP/1.1 204 No Content\r\nDate: " + date + b"\r\n\r\n")
    assert answer is not None
    assert answer.date_s == date_s
