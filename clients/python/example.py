"""Sealed calls in Python:

    SEALING_KEY_ID=k1 SEALING_SECRET=... API_KEY=... SEALING_USER=alice \\
      python clients/python/example.py grpc|grpc-stream|http|http-stream http://127.0.0.1:8080 MODEL "Hello"

SEALING_SECRET is base64; SEALING_USER is whom the gateway takes the caller with this API_KEY for. For gRPC, the stubs
that grpc_tools made of proto/ are on PYTHONPATH; for HTTP, the openai SDK is installed.
"""

import base64
import os
import sys
from collections.abc import Iterator
from urllib.parse import urlsplit

from llmbridge_sealing import Sealer, SealError

KEY = os.environ.get("API_KEY", "")


def over_grpc(sealer: Sealer, url: str, model: str, content: str, stream: bool) -> Iterator[str]:
    import grpc
    from llmbridge.v1 import chat_service_pb2, chat_service_pb2_grpc, content_pb2
    from llmbridge_sealing.grpc_interceptor import SealingInterceptor

    request = chat_service_pb2.ChatCompletionRequest(
        model=model, messages=[content_pb2.Message(role=content_pb2.ROLE_USER, content=content)]
    )
    metadata = [("x-api-key", KEY)] if KEY else []
    with grpc.insecure_channel(urlsplit(url).netloc) as channel:
        stub = chat_service_pb2_grpc.ChatServiceStub(grpc.intercept_channel(channel, SealingInterceptor(sealer)))
        try:
            if stream:
                for chunk in stub.StreamChatCompletion(request, metadata=metadata, timeout=60):
                    yield from (choice.delta.content for choice in chunk.choices)
            else:
                answer = stub.ChatCompletion(request, metadata=metadata, timeout=60)
                yield answer.choices[0].message.content
        except grpc.RpcError as error:
            sys.exit(error.details())


def over_http(sealer: Sealer, url: str, model: str, content: str, stream: bool) -> Iterator[str]:
    import httpx2
    import openai
    from llmbridge_sealing.http_transport import SealingTransport

    client = openai.OpenAI(
        base_url=f"{url}/v1",
        api_key=KEY or "none",
        max_retries=0,
        http_client=httpx2.Client(transport=SealingTransport(sealer)),
    )
    messages = [{"role": "user", "content": content}]
    try:
        if stream:
            for chunk in client.chat.completions.create(model=model, messages=messages, stream=True):
                yield from (choice.delta.content or "" for choice in chunk.choices)
        else:
            answer = client.chat.completions.create(model=model, messages=messages)
            yield answer.choices[0].message.content
    except openai.APIError as error:
        sys.exit(str(error.__cause__ or error))


def main(surface: str, url: str, model: str, content: str) -> None:
    secret = base64.b64decode(os.environ["SEALING_SECRET"])
    sealer = Sealer(os.environ["SEALING_KEY_ID"], secret, os.environ.get("SEALING_USER", ""))
    ask = over_grpc if surface.startswith("grpc") else over_http
    try:
        for piece in ask(sealer, url, model, content, surface.endswith("-stream")):
            print(piece, end="", flush=True)
        print()
    except SealError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main(*sys.argv[1:])
