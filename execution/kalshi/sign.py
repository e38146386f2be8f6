"""Signatures of the exchange's API, made ahead of need for the few paths that must never wait.

Rule (docs/exchange.md 2.2): the signed text is `timestamp + METHOD + path`, the path from the root and without the
query; the body is not signed. RSA keys sign with PSS, SHA-256, salt of 32 bytes; Ed25519 keys sign the text as it is.
Which of the two a key is, is found by parsing it: the PEM header does not tell.

A signature stays good for some 5 s and does not cover the body, so one made 2 s ago serves any request on the same
method and path. RSA-2048 costs 241 us a signature and Ed25519 22 us: the cancel paths are therefore `prepare`d once and
then re-signed every 2 s by whoever calls `refresh`, and a cancel finds its signature ready.

A clock that is far off gets every request refused, cancels too; `correct` has the stamps made by the exchange's clock.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from domain.errors import ConfigurationError

REFRESH_AFTER_MS: Final = 2_000
VALID_FOR_MS: Final = 4_000
PREPARED_MAX: Final = 64
NEVER_MS: Final = -(1 << 60)

_PSS: Final = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=padding.PSS.DIGEST_LENGTH)
_SHA256: Final = hashes.SHA256()

Sign = Callable[[bytes], bytes]


def load_key(pem: bytes) -> Sign:
    """Parse a PEM private key, once, into a function that signs. Raises ConfigurationError for what is no such key."""
    try:
        key = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        # The parser's own text is left out: it may quote what it could not read, and that is the secret.
        raise ConfigurationError(
            "exchange private key: not an unencrypted PEM private key; give the file the exchange issued"
        ) from None
    if isinstance(key, RSAPrivateKey):
        rsa = key
        return lambda text: rsa.sign(text, _PSS, _SHA256)
    if isinstance(key, Ed25519PrivateKey):
        return key.sign
    raise ConfigurationError("exchange private key: neither RSA nor Ed25519; the exchange accepts only these two")


class Signer:
    """Makes the three access headers. Not thread-safe; one per event loop. The key never leaves it."""

    __slots__ = ("_key_id", "_prepared", "_sign", "skew_ms")

    def __init__(self, key_id: str, key_pem: bytes) -> None:
        """Load the key. Raises ConfigurationError when the key or its id cannot be used."""
        if not key_id or not key_id.isascii() or not key_id.isprintable() or " " in key_id:
            raise ConfigurationError("exchange key id: empty or not plain text; give the id shown beside the key")
        self._key_id = key_id
        self._sign = load_key(key_pem)
        self._prepared: dict[tuple[str, str], tuple[int, dict[str, str]]] = {}
        self.skew_ms = 0

    def __repr__(self) -> str:
        return f"Signer({self._key_id[:8]}...)"

    def correct(self, skew_ms: int) -> None:
        """From now on stamp with so much added to what callers say; signatures made ahead are void."""
        self.skew_ms = skew_ms
        self._prepared = {pair: (NEVER_MS, headers) for pair, (_, headers) in self._prepared.items()}

    def headers(self, method: str, path: str, utc_ms: int, valid_for_ms: int = VALID_FOR_MS) -> dict[str, str]:
        """Return the access headers for one request at `utc_ms` (Unix ms); shared, so not to be changed.

        `path` is the whole path from the root, without query. A prepared pair answers from its cache while that is at
        most `valid_for_ms` old; a wall clock that went backwards makes the cache void.
        """
        pair = (method, path)
        found = self._prepared.get(pair)
        if found is None:
            return self._make(method, path, utc_ms)
        if 0 <= utc_ms - found[0] <= valid_for_ms:
            return found[1]
        made = self._make(method, path, utc_ms)
        self._prepared[pair] = (utc_ms, made)
        return made

    def prepare(self, method: str, path: str, utc_ms: int) -> None:
        """Sign this pair now and keep it signed. The oldest pair goes when there would be too many."""
        if (method, path) in self._prepared:
            return
        if len(self._prepared) >= PREPARED_MAX:
            del self._prepared[next(iter(self._prepared))]
        self._prepared[method, path] = (utc_ms, self._make(method, path, utc_ms))

    def forget(self, method: str, path: str) -> None:
        """Stop keeping this pair signed."""
        self._prepared.pop((method, path), None)

    def refresh(self, utc_ms: int) -> bool:
        """Re-sign the stalest prepared pair if it is due, at most one a call so that the loop is never held long."""
        if not self._prepared:
            return False
        pair = min(self._prepared, key=lambda each: self._prepared[each][0])
        signed_ms = self._prepared[pair][0]
        if 0 <= utc_ms - signed_ms < REFRESH_AFTER_MS:
            return False
        self._prepared[pair] = (utc_ms, self._make(*pair, utc_ms))
        return True

    def _make(self, method: str, path: str, utc_ms: int) -> dict[str, str]:
        stamp_ms = utc_ms + self.skew_ms
        signature = self._sign(f"{stamp_ms}{method}{path}".encode())
        return {
            "KALSHI-ACCESS-KEY": self._key_id,
            "KALSHI-ACCESS-TIMESTAMP": str(stamp_ms),
            "KALSHI-ACCESS-SIGNATURE": base64.b64encode(signature).decode("ascii"),
        }
