"""Sealing for the OpenAI-shaped surface, as a transport of httpx2:

    openai.OpenAI(base_url=..., http_client=httpx2.Client(transport=SealingTransport(sealer)))
"""

import base64
import binascii
import json
from collections.abc import Iterator

import httpx2

from .sealing import ReplyOpener, Sealed, Sealer, SealError

METHOD = "/v1/chat/completions"


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)


def request_json(sealed: Sealed) -> bytes:
    """`{"sealed": ...}` around a sealed request."""
    fields = {
        "version": sealed.version,
        "key_id": sealed.key_id,
        "issued_at": sealed.issued_at,
        "nonce": _base64url(sealed.nonce),
        "ciphertext": _base64url(sealed.ciphertext),
    }
    return json.dumps({"sealed": fields}).encode()


def parse_sealed(text: str | bytes) -> Sealed | None:
    """What stands under `sealed` in a JSON text; None where nothing does. SealError for what has not the form."""
    try:
        body = json.loads(text)
    except ValueError:
        return None
    fields = body.get("sealed") if isinstance(body, dict) else None
    if not isinstance(fields, dict):
        return None
    try:
        return Sealed(
            version=_count(fields.get("version", 0)),
            key_id=str(fields.get("key_id", "")),
            issued_at=_count(fields.get("issued_at", 0)),
            nonce=_bytes(fields.get("nonce", "")),
            ciphertext=_bytes(fields.get("ciphertext", "")),
            salt=_bytes(fields.get("salt", "")),
            sequence=_count(fields.get("sequence", 0)),
            last=fields.get("last", False) is True,
        )
    except (TypeError, ValueError, binascii.Error):
        raise SealError("a sealed message of another form") from None


def _count(value: object) -> int:
    if type(value) is not int or not 0 <= value < 2**32:
        raise ValueError
    return value


class SealingTransport(httpx2.BaseTransport):
    """Seals chat requests and opens their answers, whole or streamed; other requests pass as they are.

    Raises SealError, also from the body of a stream, for what is not what the gateway sealed.
    """

    def __init__(self, sealer: Sealer, through: httpx2.BaseTransport | None = None) -> None:
        self._sealer = sealer
        self._through = httpx2.HTTPTransport() if through is None else through

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        # Whatever stands before it: what goes to a wrong address must not go there in the clear.
        if request.method != "POST" or not request.url.path.rstrip("/").endswith("/chat/completions"):
            return self._through.handle_request(request)
        sealed, opener = self._sealer.seal(METHOD, request.read())
        headers = _without(request.headers, "content-length", "transfer-encoding", "content-type", "accept-encoding")
        headers["content-type"] = "application/json"
        outer = httpx2.Request(
            "POST", request.url, headers=headers, content=request_json(sealed), extensions=request.extensions
        )
        response = self._through.handle_request(outer)
        if response.headers.get("content-type", "").startswith("text/event-stream"):
            return httpx2.Response(
                response.status_code,
                headers=_without(response.headers, "content-length"),
                stream=_Events(response, opener),
                extensions=response.extensions,
            )
        try:
            body = response.read()
        finally:
            response.close()
        return httpx2.Response(
            response.status_code,
            headers=_without(response.headers, "content-length", "content-encoding", "transfer-encoding"),
            content=_open_whole(response.status_code, body, opener),
            extensions=response.extensions,
        )

    def close(self) -> None:
        self._through.close()


def _without(headers: httpx2.Headers, *names: str) -> httpx2.Headers:
    return httpx2.Headers([(name, value) for name, value in headers.multi_items() if name.lower() not in names])


def _open_whole(status: int, body: bytes, opener: ReplyOpener) -> bytes:
    message = parse_sealed(body)
    # What failed before the request was opened is told in the clear, by nobody that could be known.
    if message is None and status >= 400:
        return body
    opened = opener.open_whole(message)
    # The status is in the clear; what is sealed says whether it's true.
    if ("error" in json.loads(opened)) != (status >= 400):
        raise SealError("the status is not that of the sealed answer")
    return opened


class _Events(httpx2.SyncByteStream):
    """The events of an answer, opened."""

    def __init__(self, response: httpx2.Response, opener: ReplyOpener) -> None:
        self._response = response
        self._opener = opener

    def __iter__(self) -> Iterator[bytes]:
        for line in _lines(self._response.iter_bytes()):
            if line.startswith(b":"):
                yield line + b"\n\n"
            elif line.startswith(b"data:"):
                data = line.removeprefix(b"data:").strip()
                # It is in the clear: that the answer is whole, the last mark has said before.
                if data == b"[DONE]":
                    self._opener.end()
                    yield b"data: [DONE]\n\n"
                elif opened := self._opener.open(parse_sealed(data)):
                    yield b"data: " + opened + b"\n\n"
        self._opener.end()

    def close(self) -> None:
        self._response.close()


def _lines(pieces: Iterator[bytes]) -> Iterator[bytes]:
    rest = b""
    for piece in pieces:
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            yield line.rstrip(b"\r")
    if rest:
        yield rest
