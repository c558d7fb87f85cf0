"""Writes a tiny model with random weights in GGUF, for a llama.cpp server to load.

    make_model.py MODEL.gguf

What the model says is gibberish; the tokens, usage, streams, grammars and errors are the real server's.
"""

import itertools
import string
import sys

import gguf
import numpy

LAYERS = 2
WIDTH = 128
FEED_FORWARD = 384
HEADS = 4
KV_HEADS = 2
HEAD_WIDTH = WIDTH // HEADS
CONTEXT = 8192
VOCABULARY = 4096

SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
END_OF_TEXT, TURN_START, TURN_END = range(len(SPECIAL))

CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\n' + (message['content'] or '') + '<|im_end|>\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


def byte_alphabet() -> dict[int, str]:
    """GPT-2's printable stand-in for each byte."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    alphabet = {byte: chr(byte) for byte in printable}
    alphabet.update({byte: chr(256 + position) for position, byte in enumerate(others)})
    return alphabet


def vocabulary() -> tuple[list[str], list[str]]:
    """Tokens and BPE merges: every byte, then pairs and triples of letters, alone and after a space."""
    alphabet = byte_alphabet()
    space = alphabet[ord(" ")]
    tokens = SPECIAL + [alphabet[byte] for byte in range(256)]
    merges: list[str] = []
    pairs = ["".join(pair) for pair in itertools.product(string.ascii_lowercase, repeat=2)]
    candidates = itertools.chain(
        ((first, second) for first, second in pairs),
        ((space, letter) for letter in string.ascii_lowercase),
        ((space + pair[0], pair[1]) for pair in pairs),
        ((pair, letter) for pair in pairs for letter in string.ascii_lowercase),
    )
    for left, right in itertools.islice(candidates, VOCABULARY - len(tokens)):
        tokens.append(left + right)
        merges.append(f"{left} {right}")
    assert len(tokens) == len(set(tokens)) == VOCABULARY
    return tokens, merges


def write(path: str) -> None:
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name("tiny-random")
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0)
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(FEED_FORWARD)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KV_HEADS)
    writer.add_rope_dimension_count(HEAD_WIDTH)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(VOCABULARY)

    tokens, merges = vocabulary()
    control = [gguf.TokenType.CONTROL] * len(SPECIAL)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list(tokens)
    writer.add_token_types(control + [gguf.TokenType.NORMAL] * (VOCABULARY - len(control)))
    writer.add_token_merges(merges)
    writer.add_bos_token_id(TURN_START)
    writer.add_eos_token_id(TURN_END)
    writer.add_pad_token_id(TURN_END)
    writer.add_unk_token_id(END_OF_TEXT)
    writer.add_add_bos_token(False)
    writer.add_chat_template(CHAT_TEMPLATE)

    random = numpy.random.default_rng(20)

    def matrix(name: str, rows: int, columns: int, silent: list[int] | None = None) -> None:
        weights = (random.standard_normal((rows, columns)) * 0.05).astype(numpy.float32)
        weights[silent or []] = 0
        kind = gguf.GGMLQuantizationType.Q8_0
        writer.add_tensor(f"{name}.weight", gguf.quants.quantize(weights, kind), raw_dtype=kind)

    def norm(name: str) -> None:
        writer.add_tensor(f"{name}.weight", numpy.ones(WIDTH, numpy.float32))

    # The output shares these weights. A row of zeros makes a token middling, so the usual sampling of the likeliest
    # few never ends a turn by chance; a grammar that leaves nothing else still does.
    matrix("token_embd", VOCABULARY, WIDTH, silent=[END_OF_TEXT, TURN_START, TURN_END])
    norm("output_norm")
    for layer in range(LAYERS):
        block = f"blk.{layer}"
        norm(f"{block}.attn_norm")
        matrix(f"{block}.attn_q", WIDTH, WIDTH)
        matrix(f"{block}.attn_k", KV_HEADS * HEAD_WIDTH, WIDTH)
        matrix(f"{block}.attn_v", KV_HEADS * HEAD_WIDTH, WIDTH)
        matrix(f"{block}.attn_output", WIDTH, WIDTH)
        norm(f"{block}.ffn_norm")
        matrix(f"{block}.ffn_gate", FEED_FORWARD, WIDTH)
        matrix(f"{block}.ffn_up", FEED_FORWARD, WIDTH)
        matrix(f"{block}.ffn_down", WIDTH, FEED_FORWARD)

    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == "__main__":
    write(sys.argv[1])
