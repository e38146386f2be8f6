"""Signatures of the exchange, checked for real.

Message: timestamp (Unix ms) + METHOD + path from the root without query. RSA keys sign with PSS, SHA-256, MGF1-SHA256
and a salt of 32 bytes; Ed25519 keys sign the text as it is. The kind is told by parsing the key. The body is not
signed, and no replay rule was ever seen.
"""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from sim.exchange.wire import rejects

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sim.exchange.wire.rejects import Reject

PublicKey = rsa.RSAPublicKey | ed25519.Ed25519PublicKey
PSS = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=32)
CODE = "authentication_error"


def load_public_key(pem: bytes) -> PublicKey:
    """Parse a PEM public key.

    Raises:
        ValueError: it is no PEM public key, or neither RSA nor Ed25519.
    """
    key = load_pem_public_key(pem)
    if not isinstance(key, rsa.RSAPublicKey | ed25519.Ed25519PublicKey):
        raise ValueError("neither an RSA nor an Ed25519 key")  # noqa: TRY004 - a wrong value in a file
    return key


def _refused(details: str) -> Reject:
    """401; only `NOT_FOUND` was recorded, the other details are unconfirmed."""
    return rejects.nested(401, CODE, details, message=CODE)


class Door(Protocol):
    """Who may come in."""

    def check(self, headers: Mapping[str, str], method: str, path: str, now_ms: int) -> str:
        """The key id of a well-signed request. Raises Reject for any other."""
        ...


class OpenDoor:
    """Lets everybody in, for a front whose requests carry no signatures: those are tested where they are made."""

    def check(self, headers: Mapping[str, str], method: str, path: str, now_ms: int) -> str:
        """Nothing is checked."""
        del headers, method, path, now_ms
        return ""


class Doorkeeper:
    """Knows the public key of each api key id."""

    def __init__(self, keys: dict[str, PublicKey], tolerance_ms: int) -> None:
        self.keys = keys
        self.tolerance_ms = tolerance_ms

    def check(self, headers: Mapping[str, str], method: str, path: str, now_ms: int) -> str:
        """The key id of a well-signed request.

        Raises:
            Reject: 401, with the code that tells why.
        """
        key_id = headers.get("KALSHI-ACCESS-KEY")
        stamp = headers.get("KALSHI-ACCESS-TIMESTAMP", "")
        signature = headers.get("KALSHI-ACCESS-SIGNATURE", "")
        if not key_id:
            raise _refused("MISSING_HEADERS")
        key = self.keys.get(key_id)
        if key is None:
            raise _refused("NOT_FOUND")
        if not stamp.isdigit() or abs(int(stamp) - now_ms) > self.tolerance_ms:
            raise rejects.nested(401, "header_timestamp_expired")
        try:
            raw = base64.b64decode(signature, validate=True)
            text = f"{stamp}{method}{path}".encode()
            if isinstance(key, rsa.RSAPublicKey):
                key.verify(raw, text, PSS, hashes.SHA256())
            else:
                key.verify(raw, text)
        except (binascii.Error, InvalidSignature):
            raise _refused("INCORRECT_API_KEY_SIGNATURE") from None
        return key_id
