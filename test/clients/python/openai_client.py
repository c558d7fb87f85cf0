"""The official OpenAI SDK, unmodified, against a gateway; prints one line of JSON a step.

    openai_client.py BASE_URL MODEL
"""

import json
import sys

import openai
import pydantic

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather in a city",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


def whole(client: openai.OpenAI, model: str) -> dict:
    reply = client.chat.completions.create(model=model, max_tokens=16, messages=[{"role": "user", "content": "你好！"}])
    return {
        "text": reply.choices[0].message.content,
        "finish": reply.choices[0].finish_reason,
        "promptTokens": reply.usage.prompt_tokens,
        "completionTokens": reply.usage.completion_tokens,
        "object": reply.object,
    }


def streamed(client: openai.OpenAI, model: str) -> dict:
    answer = {"text": "", "finish": "", "pieces": 0}
    chunks = client.chat.completions.create(
        model=model,
        max_tokens=16,
        messages=[{"role": "user", "content": "你好！"}],
        stream=True,
        stream_options={"include_usage": True},
    )
    for chunk in chunks:
        for choice in chunk.choices:
            if choice.delta.content:
                answer["text"] += choice.delta.content
                answer["pieces"] += 1
            answer["finish"] = choice.finish_reason or answer["finish"]
        if chunk.usage:
            answer["promptTokens"] = chunk.usage.prompt_tokens
            answer["completionTokens"] = chunk.usage.completion_tokens
    return answer


def tools(client: openai.OpenAI, model: str) -> dict:
    reply = client.chat.completions.create(
        model=model,
        messages=[{"role": "user", "content": "What is the weather in Paris?"}],
        tools=[WEATHER],
        tool_choice="required",
    )
    call = reply.choices[0].message.tool_calls[0]
    return {
        "finish": reply.choices[0].finish_reason,
        "name": call.function.name,
        "arguments": sorted(json.loads(call.function.arguments)),
    }


class Place(pydantic.BaseModel):
    city: str


PIXEL = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPj/HwADBgH/"
    "/6lXWQAAAABJRU5ErkJggg=="
)


def vision(client: openai.OpenAI, model: str) -> dict:
    picture = {"type": "image_url", "image_url": {"url": PIXEL, "detail": "low"}}
    content = [{"type": "text", "text": "Where is this?"}, picture]
    reply = client.chat.completions.parse(
        model=model, messages=[{"role": "user", "content": content}], response_format=Place
    )
    return reply.choices[0].message.parsed.model_dump()


def streamed_tools(client: openai.OpenAI, model: str) -> dict:
    asked = [{"role": "user", "content": "What is the weather in Paris?"}]
    with client.chat.completions.stream(model=model, messages=asked, tools=[WEATHER], tool_choice="required") as stream:
        first = stream.get_final_completion().choices[0]
    call = first.message.tool_calls[0]
    told = {"role": "tool", "tool_call_id": call.id, "content": "sunny"}
    second = client.chat.completions.create(model=model, tools=[WEATHER], messages=[*asked, first.message, told])
    return {"finish": first.finish_reason, "name": call.function.name, "answer": second.choices[0].message.content}


def models(client: openai.OpenAI, model: str) -> dict:
    ids = [entry.id for entry in client.models.list()]
    return {"ids": ids, "first": client.models.retrieve(ids[0]).id}


def errors(client: openai.OpenAI, model: str) -> dict:
    raised = {}
    for name, arguments in {
        "unknown model": {"model": "no-such-model"},
        "bad field": {"model": model, "temperature": "warm"},
        "provider limit": {"model": "sim/sim:fault=429"},
        "provider failure": {"model": "sim/sim:fault=500"},
    }.items():
        try:
            client.chat.completions.create(messages=[{"role": "user", "content": "hi"}], **arguments)
            raised[name] = None
        except openai.APIStatusError as error:
            raised[name] = [type(error).__name__, error.status_code, error.type, error.code]
    return raised


def main(base_url: str, model: str) -> None:
    client = openai.OpenAI(base_url=base_url, api_key="sk-unused", max_retries=0, timeout=30)
    for step in (whole, streamed, tools, streamed_tools, vision, models, errors):
        print(json.dumps({"step": step.__name__, "result": step(client, model)}), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
