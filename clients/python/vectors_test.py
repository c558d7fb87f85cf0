"""Checks docs/sealing-vectors.json: python clients/python/vectors_test.py"""

import json
import unittest
from pathlib import Path

from llmbridge_sealing import Sealed, Sealer, SealError
from llmbridge_sealing.padding import pad_binary, pad_json

VECTORS = json.loads((Path(__file__).parents[2] / "docs" / "sealing-vectors.json").read_text())


def sealed_of(fields: dict) -> Sealed:
    data = {name: bytes.fromhex(fields[name]) for name in ("nonce", "ciphertext", "salt") if name in fields}
    return Sealed(**{**fields, **data})


def sealer_of(vector: dict, key_id: str) -> Sealer:
    return Sealer(key_id, bytes.fromhex(vector["secret"]), vector["user"])


def read(vector: dict, messages: list[dict]) -> list[str]:
    opener = sealer_of(vector, vector["key_id"]).opener(vector["method"], bytes.fromhex(vector["request_nonce"]))
    plaintexts = [opener.open(sealed_of(message)).hex() for message in messages]
    opener.end()
    return plaintexts


class Vectors(unittest.TestCase):
    def test_requests(self) -> None:
        for vector in VECTORS["requests"]:
            with self.subTest(vector["name"]):
                sealed = sealed_of(vector["sealed"])
                plaintext = bytes.fromhex(vector["plaintext"])
                sealer = sealer_of(vector, sealed.key_id)
                made, _ = sealer.seal(vector["method"], plaintext, issued_at=sealed.issued_at, nonce=sealed.nonce)
                self.assertEqual(made, sealed)

    def test_replies(self) -> None:
        for vector in VECTORS["replies"]:
            with self.subTest(vector["name"]):
                got = read(vector, [message["sealed"] for message in vector["messages"]])
                self.assertEqual(got, [message["plaintext"] for message in vector["messages"]])

    def test_invalid_replies(self) -> None:
        self.assertTrue(VECTORS["invalid_replies"])
        for vector in VECTORS["invalid_replies"]:
            with self.subTest(vector["name"]), self.assertRaises(SealError):
                read(vector, vector["messages"])

    def test_padding(self) -> None:
        for vector in VECTORS["padding"]:
            if vector["padding"] == "pow2":
                pad = pad_json if vector["form"] == "json" else pad_binary
                self.assertEqual(pad(bytes.fromhex(vector["plaintext"])).hex(), vector["padded"])
        for length in range(700):
            self.assertEqual(len(pad_binary(bytes(length))).bit_count(), 1)
        sealed, _ = Sealer("k1", bytes(32), padded=True).seal("/v1/chat/completions", b"{}")
        self.assertEqual(len(sealed.ciphertext), 64 + 16)

    def test_nonces_are_drawn_and_a_secret_has_32_bytes(self) -> None:
        sealer = Sealer("k1", bytes(32))
        self.assertNotEqual(sealer.seal("m", b"")[0].nonce, sealer.seal("m", b"")[0].nonce)
        with self.assertRaises(ValueError):
            Sealer("k1", bytes(31))


if __name__ == "__main__":
    unittest.main()
