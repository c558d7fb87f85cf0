"""Sealing for grpcio: `grpc.intercept_channel(channel, SealingInterceptor(sealer))`, with any generated stubs.

It belongs last among a channel's interceptors, so that the others see messages in the clear.
"""

from collections.abc import Iterator

import grpc

from .sealing import ReplyOpener, Sealed, Sealer, SealError

UNARY = "/llmbridge.v1.ChatService/ChatCompletion"
STREAM = "/llmbridge.v1.ChatService/StreamChatCompletion"


def _sealed_of(reply) -> Sealed | None:
    if not reply.HasField("sealed"):
        return None
    fields = reply.sealed
    return Sealed(
        fields.version,
        fields.key_id,
        fields.issued_at,
        fields.nonce,
        fields.ciphertext,
        fields.salt,
        fields.sequence,
        fields.last,
    )


class _OpenedCall:
    """A unary call, or its future, whose result is opened; everything else is the call's own."""

    def __init__(self, call, opener: ReplyOpener) -> None:
        self._call = call
        self._opener = opener
        self._opened = None

    def __getattr__(self, name):
        return getattr(self._call, name)

    def result(self, timeout=None):
        if self._opened is None:
            reply = self._call.result(timeout)
            self._opened = type(reply).FromString(self._opener.open_whole(_sealed_of(reply)))
        return self._opened

    def add_done_callback(self, callback) -> None:
        self._call.add_done_callback(lambda _: callback(self))


class _OpenedStream:
    """A stream of answers, opened; everything else is the call's own."""

    def __init__(self, call, opener: ReplyOpener) -> None:
        self._call = call
        self._opener = opener

    def __getattr__(self, name):
        return getattr(self._call, name)

    def __iter__(self) -> Iterator:
        return self

    def __next__(self):
        try:
            while True:
                reply = next(self._call)
                plaintext = self._opener.open(_sealed_of(reply))
                # The end mark is a message of its own, with nothing in it.
                if plaintext:
                    return type(reply).FromString(plaintext)
        except StopIteration:
            self._opener.end()
            raise
        except SealError:
            self._call.cancel()
            raise


class SealingInterceptor(grpc.UnaryUnaryClientInterceptor, grpc.UnaryStreamClientInterceptor):
    """Seals chat calls and opens their answers; other calls pass as they are.

    Raises SealError for an answer that is not what the gateway sealed.
    """

    def __init__(self, sealer: Sealer) -> None:
        self._sealer = sealer

    def _seal(self, method: str, request):
        sealed, opener = self._sealer.seal(method, request.SerializeToString())
        fields = {
            "version": sealed.version,
            "key_id": sealed.key_id,
            "issued_at": sealed.issued_at,
            "nonce": sealed.nonce,
            "ciphertext": sealed.ciphertext,
        }
        return type(request)(sealed=fields), opener

    def intercept_unary_unary(self, continuation, client_call_details, request):
        method = _path(client_call_details.method)
        if method != UNARY:
            return continuation(client_call_details, request)
        sealed, opener = self._seal(method, request)
        return _OpenedCall(continuation(client_call_details, sealed), opener)

    def intercept_unary_stream(self, continuation, client_call_details, request):
        method = _path(client_call_details.method)
        if method != STREAM:
            return continuation(client_call_details, request)
        sealed, opener = self._seal(method, request)
        return _OpenedStream(continuation(client_call_details, sealed), opener)


def _path(method: str | bytes) -> str:
    return method.decode() if isinstance(method, bytes) else method
