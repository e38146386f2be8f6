from __future__ import annotations

import json

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ops.logs.masking import HIDDEN, Masker

SECRET = st.text(min_size=6, max_size=40).filter(lambda text: text == text.strip() and text.isprintable())
NAMES = st.sampled_from(["a", "event", "payload", "url"])


def nests(secret: str) -> st.SearchStrategy[object]:
    """JSON-like values of all shapes with the secret in some of their leaves and keys."""
    leaves = st.one_of(
        st.just(secret),
        st.just(f"before {secret} after"),
        st.just(secret.encode(errors="surrogatepass")),
        st.just(ValueError(secret)),
        st.integers(),
        st.none(),
        st.text(max_size=5),
    )
    keys = st.one_of(NAMES, st.just(secret), st.just(f"x{secret}"))
    return st.recursive(
        leaves,
        lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(keys, inner, max_size=3)),
        max_leaves=8,
    )


@given(SECRET, st.data())
def test_a_known_secret_never_comes_out_whatever_it_is_wrapped_in(secret: str, data: st.DataObject) -> None:
    assume(HIDDEN not in secret)
    assume(secret not in "***ValueError('')before  after...eventpayloadurl{}[]:, ")
    masked = Masker([secret]).value(data.draw(nests(secret)))
    text = json.dumps(masked, ensure_ascii=False)
    assert json.dumps(secret, ensure_ascii=False)[1:-1] not in text
    assert secret not in str(masked)


@given(st.integers(min_value=100_000, max_value=10**12))
def test_a_secret_that_is_a_number_is_hidden_as_a_number(secret: int) -> None:
    assert Masker([str(secret)]).value({"port": secret}) == {"port": HIDDEN}


KEY = """-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v8VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g
k29uZSBtb3JlIGxpbmUgb2YgYSBrZXk=
-----END PRIVATE KEY-----"""


@pytest.mark.parametrize(
    "text",
    [
        KEY,
        repr(KEY),
        json.dumps(KEY),
        "line MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v8VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g alone",
        f"cut short {KEY[:70]}",
    ],
)
@pytest.mark.parametrize("known", [[KEY], []])
def test_private_keys_are_hidden_known_or_not(text: str, known: list[str]) -> None:
    if not known and "BEGIN" not in text:
        return  # a lone line of a key that nobody told us of looks like any other
    assert "MC4CAQ" not in Masker(known).text(text)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("Authorization: Bearer abc.def-123", "Authorization: Bearer ***"),
        ("GET /x?apiKey=s3cr3t&b=1", "GET /x?apiKey=***&b=1"),
        ("https://bob:hunter2@host/x", "https://***@host/x"),
        ("nothing to hide: 10:00, a@b, token ring", "nothing to hide: 10:00, a@b, token ring"),
    ],
)
def test_shapes_that_are_secret_by_nature(text: str, kept: str) -> None:
    assert Masker().text(text) == kept


@pytest.mark.parametrize(
    "name", ["password", "api_key", "apiKey", "control_token", "KALSHI-ACCESS-SIGNATURE", "private_key", "cookie"]
)
def test_telling_names_hide_their_value(name: str) -> None:
    assert Masker().fields({name: "anything", "n": {name: ["x"]}}) == {name: HIDDEN, "n": {name: HIDDEN}}


def test_other_names_and_values_stay() -> None:
    fields = {"tokens": 5, "write_tokens": 82.5, "by": "ada", "ok": True, "none": None, "rows": [1, "two"]}
    assert Masker(["hunter22"]).fields(fields) == fields


def test_encoded_forms_are_hidden() -> None:
    masker = Masker(["p/ss word+1"])
    for form in ("p/ss word+1", "p%2Fss%20word%2B1", "cC9zcyB3b3JkKzE="):
        assert "word" not in masker.text(form)
        assert "b3Jk" not in masker.text(form)


def test_a_secret_with_control_characters_is_hidden_in_a_repr_too() -> None:
    masked = Masker(["ab\x07cd\x1fef"]).value({"error": ValueError("ab\x07cd\x1fef")})
    assert masked == {"error": "ValueError('***')"}


def test_depth_is_bounded() -> None:
    deep: object = "hunter22"
    for _ in range(100):
        deep = [deep]
    assert "hunter22" not in json.dumps(Masker(["hunter22"]).value(deep))
