"""Seals requests and opens replies; of packages it needs `cryptography` alone."""

import os
import struct
import time
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from .padding import pad_binary, pad_json

VERSION = 1
REQUEST = 1
REPLY = 2
SECRET_BYTES = 32
NONCE_BYTES = 12
SALT_BYTES = 16


class SealError(Exception):
    """A reply is not what the gateway sealed for this request: changed, cut, reordered, or not sealed at all."""


@dataclass(frozen=True)
class Sealed:
    """A sealed message, with the fields of `llmbridge.v1.SealedPayload`."""

    version: int
    key_id: str
    issued_at: int
    nonce: bytes
    ciphertext: bytes
    salt: bytes = b""
    sequence: int = 0
    last: bool = False


def _text(value: str) -> bytes:
    encoded = value.encode()
    return struct.pack(">H", len(encoded)) + encoded


def _header(direction: int, method: str, key_id: str, issued_at: int, user: str) -> bytes:
    return bytes([VERSION, direction]) + _text(method) + _text(key_id) + struct.pack(">I", issued_at) + _text(user)


def _derive(secret: bytes, salt: bytes, info: bytes) -> AESGCM:
    return AESGCM(HKDF(algorithm=SHA256(), length=32, salt=salt, info=info).derive(secret))


class Sealer:
    """Seals requests under one secret of 32 bytes. It may be used by many threads at once.

    `user` is whom the gateway takes this caller for by its credential; empty for an anonymous one. `padded` hides the
    lengths of requests, by filling them up to the next power of two.
    """

    def __init__(self, key_id: str, secret: bytes, user: str = "", padded: bool = False) -> None:
        if len(secret) != SECRET_BYTES:
            raise ValueError(f"a sealing secret has {SECRET_BYTES} bytes, not {len(secret)}")
        self._key_id = key_id
        self._secret = secret
        self._user = user
        self._padded = padded
        self._requests = _derive(secret, b"", b"request")

    def seal(
        self, method: str, plaintext: bytes, *, issued_at: int | None = None, nonce: bytes | None = None
    ) -> tuple[Sealed, "ReplyOpener"]:
        """A sealed request, and what opens its reply. Each has a nonce of its own: seal anew to try again.

        `issued_at` and `nonce` are for test vectors: a nonce used twice gives both messages away.
        """
        issued_at = int(time.time()) if issued_at is None else issued_at
        nonce = os.urandom(NONCE_BYTES) if nonce is None else nonce
        header = _header(REQUEST, method, self._key_id, issued_at, self._user)
        if self._padded:
            plaintext = pad_binary(plaintext) if method.startswith("/llmbridge.v1.") else pad_json(plaintext)
        ciphertext = self._requests.encrypt(nonce, plaintext, header)
        return Sealed(VERSION, self._key_id, issued_at, nonce, ciphertext), self.opener(method, nonce)

    def opener(self, method: str, request_nonce: bytes) -> "ReplyOpener":
        """What opens the reply to the request with this nonce."""
        return ReplyOpener(self._secret, self._key_id, self._user, method, request_nonce)


class ReplyOpener:
    """Opens the messages of one reply, in their order; whatever does not belong there is a SealError."""

    def __init__(self, secret: bytes, key_id: str, user: str, method: str, request_nonce: bytes) -> None:
        self._secret = secret
        self._key_id = key_id
        self._user = user
        self._method = method
        self._request_nonce = request_nonce
        self._key: AESGCM | None = None
        self._next = 0
        self._whole = False
        self._broken = False

    def open(self, message: Sealed | None) -> bytes:
        """The next message's plaintext; None stands for a message in the clear, and is refused."""
        try:
            return self._open(message)
        except SealError:
            self._broken = True
            raise

    def _open(self, message: Sealed | None) -> bytes:
        if message is None:
            raise SealError("a reply in the clear")
        if self._broken:
            raise SealError("a message after one that did not verify")
        if self._whole:
            raise SealError("a message after the last one")
        if message.version != VERSION or message.key_id != self._key_id:
            raise SealError("a message of another version or key")
        if message.sequence != self._next:
            raise SealError(f"message {message.sequence} in the place of message {self._next}")
        if message.nonce != self._next.to_bytes(NONCE_BYTES, "big"):
            raise SealError("a message with another nonce")
        if len(message.salt) != (0 if self._next else SALT_BYTES):
            raise SealError("a salt of the wrong length")
        if self._key is None:
            self._key = _derive(self._secret, self._request_nonce + message.salt, b"reply")
        header = _header(REPLY, self._method, self._key_id, message.issued_at, self._user)
        place = struct.pack(">IB", message.sequence, message.last)
        try:
            plaintext = self._key.decrypt(message.nonce, message.ciphertext, header + place)
        except InvalidTag:
            raise SealError("a message that does not verify") from None
        self._next += 1
        self._whole = message.last
        return plaintext

    def open_whole(self, message: Sealed | None) -> bytes:
        """Opens a reply that is one message."""
        plaintext = self.open(message)
        self.end()
        return plaintext

    def end(self) -> None:
        """To be called where no more messages come: a SealError unless the last one came."""
        if not self._whole:
            self._broken = True
            raise SealError("the reply was cut")
