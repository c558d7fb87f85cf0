"""A caller's side of docs/sealing.md: seals chat requests to a gateway, and opens their replies.

`grpc_interceptor` has interceptors for grpcio; `http_transport` a transport for httpx2, and so for the openai SDK.
"""

from .sealing import ReplyOpener, Sealed, Sealer, SealError

__all__ = ["ReplyOpener", "SealError", "Sealed", "Sealer"]
