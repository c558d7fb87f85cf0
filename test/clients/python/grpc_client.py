"""Asks a gateway once, by stubs generated from its protos, and prints what came of it as one line of JSON.

    grpc_client.py ADDRESS chat|stream|cancel QUESTION.json

The stubs are on PYTHONPATH; `test/clients/caller.ts` says what a question and an answer look like.
"""

import json
import sys

import grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from llmbridge.v1 import chat_service_pb2, chat_service_pb2_grpc, content_pb2


def finish(reason: int) -> str:
    return chat_service_pb2.FinishReason.Name(reason).removeprefix("FINISH_REASON_").lower()


def chat(stub, request, answer) -> None:
    reply = stub.ChatCompletion(request, timeout=30)
    choice = reply.choices[0]
    answer["text"] = choice.message.content
    answer["finish"] = finish(choice.finish_reason)
    count(reply.usage, answer)
    answer["pieces"] = 1


def stream(stub, request, answer, stop_early: bool) -> None:
    chunks = stub.StreamChatCompletion(request, timeout=30)
    for chunk in chunks:
        for choice in chunk.choices:
            if choice.delta.content:
                answer["text"] += choice.delta.content
                answer["pieces"] += 1
            if choice.finish_reason:
                answer["finish"] = finish(choice.finish_reason)
        if chunk.HasField("usage"):
            count(chunk.usage, answer)
        if stop_early and answer["pieces"] == 3:
            chunks.cancel()


def count(usage, answer) -> None:
    answer["promptTokens"] = usage.prompt_tokens
    answer["completionTokens"] = usage.completion_tokens


def describe(error: grpc.RpcError) -> dict:
    failure = {"code": error.code().name, "reason": "", "message": error.details()}
    status = rpc_status.from_call(error)
    for detail in status.details if status else []:
        info = error_details_pb2.ErrorInfo()
        if detail.Unpack(info):
            failure["reason"] = info.reason
    return failure


def main(address: str, mode: str, text: str) -> None:
    question = json.loads(text)
    request = chat_service_pb2.ChatCompletionRequest(
        model=question["model"],
        max_tokens=question["maxTokens"],
        messages=[content_pb2.Message(role=content_pb2.ROLE_USER, content=question["content"])],
    )
    answer = {"text": "", "finish": "", "promptTokens": 0, "completionTokens": 0, "pieces": 0}
    with grpc.insecure_channel(address) as channel:
        stub = chat_service_pb2_grpc.ChatServiceStub(channel)
        try:
            if mode == "chat":
                chat(stub, request, answer)
            else:
                stream(stub, request, answer, stop_early=mode == "cancel")
        except grpc.RpcError as error:
            answer["failure"] = describe(error)
    print(json.dumps(answer))


if __name__ == "__main__":
    main(*sys.argv[1:])
