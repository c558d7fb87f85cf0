"""Hides the length of a plaintext: filled up to the next power of two, 64 at least (docs/sealing.md, "Padding")."""

LEAST = 64
TAG = b"\xc2\x3e"


def pad_json(plaintext: bytes) -> bytes:
    """Spaces behind JSON, which its readers pass over."""
    return plaintext.ljust(max(LEAST, 1 << (len(plaintext) - 1).bit_length()))


def pad_binary(plaintext: bytes) -> bytes:
    """A field of zero bytes behind a message of Protocol Buffers, which its readers pass over."""
    length = LEAST
    # The shortest field has three bytes.
    while length < len(plaintext) or length - len(plaintext) in (1, 2):
        length *= 2
    return plaintext + _field(length - len(plaintext))


def _field(size: int) -> bytes:
    """A field of so many bytes in all; two, where no one field has that length."""
    if size == 0:
        return b""
    for digits in range(1, 6):
        varint = _varint(size - len(TAG) - digits)
        if len(varint) == digits:
            return TAG + varint + bytes(size - len(TAG) - digits)
    return TAG + b"\x00" + _field(size - 3)


def _varint(value: int) -> bytes:
    digits = bytearray()
    while value >= 0x80:
        digits.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*digits, value]) if value >= 0 else b""
