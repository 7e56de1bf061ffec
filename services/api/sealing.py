"""What was answered, sealed so that a database alone can't tell it: its key is made of the API key that asked, which is stored nowhere."""

import os

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

NONCE_BYTES = 12
PURPOSE = b"playhead: the answer to a request that may be repeated"


class Seal:
    """`secret` has 256 random bits, as an API key does. `place` is where the sealed text belongs; it opens nowhere else."""

    def __init__(self, secret: str, *, place: str) -> None:
        self._cipher = AESGCM(HKDF(SHA256(), length=32, salt=None, info=PURPOSE).derive(secret.encode()))
        self._place = place.encode()

    def close(self, text: str) -> bytes:
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, text.encode(), self._place)

    def open(self, sealed: bytes) -> str:
        """Raises `cryptography.exceptions.InvalidTag` for what was sealed with another secret, or for another place."""
        return self._cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], self._place).decode()
