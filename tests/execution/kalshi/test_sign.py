from __future__ import annotations

import base64

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat

from domain.errors import ConfigurationError
from execution.kalshi.sign import PREPARED_MAX, Signer
from tests.execution.kalshi.kalshi_fake import ed_key, pem_of, rsa_key

CURVE_KEY = ec.generate_private_key(ec.SECP256R1())
PATH = "/trade-api/v2/portfolio/events/orders"


@pytest.mark.parametrize("form", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL])
def test_rsa_signature_is_pss_with_salt_32_whatever_the_pem_header(form: PrivateFormat) -> None:
    headers = Signer("key-1", pem_of(rsa_key(), form)).headers("POST", PATH, 1_700_000_000_123)
    assert headers["KALSHI-ACCESS-KEY"] == "key-1"
    assert headers["KALSHI-ACCESS-TIMESTAMP"] == "1700000000123"
    signature = base64.b64decode(headers["KALSHI-ACCESS-SIGNATURE"], validate=True)
    pss = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=32)
    rsa_key().public_key().verify(signature, f"1700000000123POST{PATH}".encode(), pss, hashes.SHA256())


def test_ed25519_signature_is_over_the_plain_text() -> None:
    headers = Signer("key-1", pem_of(ed_key())).headers("DELETE", PATH, 5)
    signature = base64.b64decode(headers["KALSHI-ACCESS-SIGNATURE"], validate=True)
    ed_key().public_key().verify(signature, f"5DELETE{PATH}".encode())
    with pytest.raises(InvalidSignature):
        ed_key().public_key().verify(signature, f"5DELETE{PATH}?subaccount=1".encode())


@pytest.mark.parametrize(
    ("key_id", "pem"),
    [
        ("key", b"nonsense"),
        ("key", b""),
        ("key", CURVE_KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())),
        ("key", rsa_key().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"word"))),
        ("", pem_of(ed_key())),
        ("a\r\nb", pem_of(ed_key())),
    ],
    ids=["text", "empty", "curve", "encrypted", "no id", "line break in id"],
)
def test_what_is_no_key_is_one_readable_line_without_the_key(key_id: str, pem: bytes) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Signer(key_id, pem)
    text = str(caught.value)
    assert "\n" not in text
    assert "nonsense" not in text
    assert caught.value.__cause__ is None


def test_a_prepared_signature_is_reused_for_four_seconds_and_not_a_millisecond_longer() -> None:
    signer = Signer("k", pem_of(rsa_key()))
    signer.prepare("DELETE", PATH, 10_000)
    first = signer.headers("DELETE", PATH, 10_000)
    assert signer.headers("DELETE", PATH, 14_000) is first
    later = signer.headers("DELETE", PATH, 14_001)
    assert later["KALSHI-ACCESS-TIMESTAMP"] == "14001"


def test_other_pairs_are_signed_afresh() -> None:
    signer = Signer("k", pem_of(ed_key()))
    signer.prepare("DELETE", PATH, 10_000)
    assert signer.headers("POST", PATH, 10_001)["KALSHI-ACCESS-TIMESTAMP"] == "10001"
    signer.forget("DELETE", PATH)
    assert signer.headers("DELETE", PATH, 10_001)["KALSHI-ACCESS-TIMESTAMP"] == "10001"


def test_a_clock_that_went_back_makes_the_cache_void() -> None:
    signer = Signer("k", pem_of(ed_key()))
    signer.prepare("DELETE", PATH, 10_000)
    assert signer.headers("DELETE", PATH, 9_999)["KALSHI-ACCESS-TIMESTAMP"] == "9999"


def test_refresh_signs_the_stalest_due_pair_and_one_at_a_time() -> None:
    signer = Signer("k", pem_of(ed_key()))
    assert not signer.refresh(1_000)
    signer.prepare("PUT", "/a", 1_000)
    signer.prepare("PUT", "/b", 1_500)
    assert not signer.refresh(2_999)
    assert signer.refresh(3_000)
    assert not signer.refresh(3_000)
    assert signer.headers("PUT", "/a", 3_100)["KALSHI-ACCESS-TIMESTAMP"] == "3000"
    assert signer.headers("PUT", "/b", 3_100)["KALSHI-ACCESS-TIMESTAMP"] == "1500"
    assert signer.refresh(3_500)
    assert signer.headers("PUT", "/b", 3_600)["KALSHI-ACCESS-TIMESTAMP"] == "3500"


def test_prepared_pairs_are_bounded_and_the_oldest_goes() -> None:
    signer = Signer("k", pem_of(ed_key()))
    for number in range(PREPARED_MAX + 1):
        signer.prepare("PUT", f"/{number}", number)
    assert signer.headers("PUT", "/0", 900)["KALSHI-ACCESS-TIMESTAMP"] == "900"
    assert signer.headers("PUT", "/1", 900)["KALSHI-ACCESS-TIMESTAMP"] == "1"


def test_the_key_is_not_in_the_representation() -> None:
    assert repr(Signer("0123456789abcdef", pem_of(ed_key()))) == "Signer(01234567...)"


def test_a_correction_moves_every_stamp_and_voids_what_was_signed_ahead() -> None:
    signer = Signer("key-1", pem_of(ed_key()))
    signer.prepare("DELETE", "/x", 1_000)
    signer.correct(3_600_000)
    for path in ("/x", "/y"):
        assert signer.headers("DELETE", path, 1_000)["KALSHI-ACCESS-TIMESTAMP"] == "3601000"
    signer.correct(0)
    assert signer.refresh(1_000)
    assert signer.headers("DELETE", "/x", 1_000)["KALSHI-ACCESS-TIMESTAMP"] == "1000"
