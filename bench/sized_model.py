"""A model of a useful model's size and speed, for benchmarks: its answers are noise.

It has the starter model's tokenizer and template, and 30 layers of 576 as the smallest chat models
that people use have (about 106 million parameters, Q8_0, 114 MB); the weights are random.
"""

import pathlib
import random
import struct

ROOT = pathlib.Path(__file__).resolve().parent.parent
STARTER = ROOT / "models/tidegate-starter.gguf"
WIDTH, FEED_FORWARD, LAYERS, HEADS, KV_HEADS = 576, 1536, 30, 9, 3
HEAD = WIDTH // HEADS
SIZES = {"llama.embedding_length": WIDTH, "llama.feed_forward_length": FEED_FORWARD,
         "llama.block_count": LAYERS, "llama.attention.head_count": HEADS,
         "llama.attention.head_count_kv": KV_HEADS, "llama.rope.dimension_count": HEAD,
         "llama.context_length": 8192, "general.file_type": 7}
F32, Q8_0 = 0, 8
BLOCK = 32  # weights of Q8_0 that share a scale
STRING, ARRAY = 8, 9
SCALAR_BYTES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
ALIGNMENT = 32


def head_of_starter():
    """Its facts, byte for byte, with the sizes of ours."""
    raw = bytearray(STARTER.read_bytes())
    at, count = 24, struct.unpack_from("<Q", raw, 16)[0]

    def text():
        nonlocal at
        size = struct.unpack_from("<Q", raw, at)[0]
        at += 8 + size
        return raw[at - size:at].decode()

    def skip(kind):
        nonlocal at
        if kind == STRING:
            text()
        elif kind == ARRAY:
            inner, items = struct.unpack_from("<IQ", raw, at)
            at += 12
            for _ in range(items):
                skip(inner)
        else:
            at += SCALAR_BYTES[kind]

    vocabulary = 0
    for _ in range(count):
        key, kind = text(), struct.unpack_from("<I", raw, at)[0]
        at += 4
        if key in SIZES:
            struct.pack_into("<I", raw, at, SIZES[key])
        if key == "llama.vocab_size":
            vocabulary = struct.unpack_from("<I", raw, at)[0]
        skip(kind)
    return count, bytes(raw[24:at]), vocabulary


def tensors(vocabulary):
    """(name, shape with the innermost first)"""
    yield "token_embd.weight", (WIDTH, vocabulary)
    yield "output_norm.weight", (WIDTH,)
    for layer in range(LAYERS):
        for name, shape in {
                "attn_norm": (WIDTH,), "ffn_norm": (WIDTH,), "attn_q": (WIDTH, WIDTH),
                "attn_k": (WIDTH, HEAD * KV_HEADS), "attn_v": (WIDTH, HEAD * KV_HEADS),
                "attn_output": (WIDTH, WIDTH), "ffn_gate": (WIDTH, FEED_FORWARD),
                "ffn_up": (WIDTH, FEED_FORWARD), "ffn_down": (FEED_FORWARD, WIDTH)}.items():
            yield f"blk.{layer}.{name}.weight", shape


def data(shape, chance):
    if len(shape) == 1:
        return struct.pack(f"<{shape[0]}f", *([1.0] * shape[0]))
    blocks = [struct.pack("<e", 0.0005) + chance.randbytes(BLOCK) for _ in range(499)]
    wanted = shape[0] * shape[1] // BLOCK
    return b"".join(blocks * (wanted // len(blocks) + 1))[:wanted * len(blocks[0])]


def write(path):
    count, facts, vocabulary = head_of_starter()
    chance = random.Random(20261126)
    table, payload = b"", bytearray()
    listed = list(tensors(vocabulary))
    for name, shape in listed:
        table += struct.pack("<Q", len(name)) + name.encode() + struct.pack("<I", len(shape))
        table += struct.pack(f"<{len(shape)}Q", *shape)
        table += struct.pack("<IQ", F32 if len(shape) == 1 else Q8_0, len(payload))
        payload += data(shape, chance)
        payload += bytes(-len(payload) % ALIGNMENT)
    head = struct.pack("<4sIQQ", b"GGUF", 3, len(listed), count) + facts + table
    pathlib.Path(path).write_bytes(head + bytes(-len(head) % ALIGNMENT) + payload)
