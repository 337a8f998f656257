"""Reads and writes the part of GGUF version 3 that the starter model needs.

A GGUF file is a header, typed key/value pairs, a table of tensors, and their data, little-endian
and aligned to ALIGNMENT bytes. Tensors here are F32 or F16; dimensions are stored innermost first.
"""

import struct

import numpy as np

MAGIC = b"GGUF"
VERSION = 3
ALIGNMENT = 32
UINT32, INT32, FLOAT32, BOOL, STRING, ARRAY, UINT64 = 4, 5, 6, 7, 8, 9, 10
SCALARS = {UINT32: "<I", INT32: "<i", FLOAT32: "<f", BOOL: "<?", UINT64: "<Q"}
TENSOR_TYPES = {0: np.dtype("<f4"), 1: np.dtype("<f2")}


def _String(text):
    raw = text.encode()
    return struct.pack("<Q", len(raw)) + raw


def _Value(kind, value):
    if kind == STRING:
        return _String(value)
    if kind == ARRAY:
        inner, items = value
        return struct.pack("<IQ", inner, len(items)) + b"".join(_Value(inner, i) for i in items)
    return struct.pack(SCALARS[kind], value)


def Write(path, metadata, tensors):
    """Writes metadata, [(key, type, value)], and tensors, {name: array}.

    The value of an ARRAY is a pair (type of the items, items).
    """
    out = bytearray(MAGIC + struct.pack("<IQQ", VERSION, len(tensors), len(metadata)))
    for key, kind, value in metadata:
        out += _String(key) + struct.pack("<I", kind) + _Value(kind, value)
    offset, types = 0, {t: n for n, t in TENSOR_TYPES.items()}
    for name, array in tensors.items():
        out += _String(name) + struct.pack("<I", array.ndim)
        out += struct.pack(f"<{array.ndim}Q", *reversed(array.shape))
        out += struct.pack("<IQ", types[array.dtype], offset)
        offset += -(-array.nbytes // ALIGNMENT) * ALIGNMENT
    with open(path, "wb") as f:
        f.write(out + bytes(-len(out) % ALIGNMENT))
        for array in tensors.values():
            f.write(array.tobytes() + bytes(-array.nbytes % ALIGNMENT))


class _Reader:
    def __init__(self, raw):
        self.raw, self.at = raw, 0

    def Take(self, form):
        values = struct.unpack_from(form, self.raw, self.at)
        self.at += struct.calcsize(form)
        return values if len(values) > 1 else values[0]

    def String(self):
        size = self.Take("<Q")
        self.at += size
        return self.raw[self.at - size:self.at].decode()

    def Value(self, kind):
        if kind == STRING:
            return self.String()
        if kind == ARRAY:
            inner, count = self.Take("<IQ")
            return [self.Value(inner) for _ in range(count)]
        return self.Take(SCALARS[kind])


def Read(path):
    """(metadata as a dict, tensors as a dict of arrays) of a file that Write made."""
    with open(path, "rb") as f:
        r = _Reader(f.read())
    if r.raw[:4] != MAGIC:
        raise ValueError(f"{path} is not a GGUF file")
    r.at = 4
    version, tensor_count, key_count = r.Take("<IQQ")
    if version != VERSION:
        raise ValueError(f"{path} has GGUF version {version}, expected {VERSION}")
    metadata = {}
    for _ in range(key_count):
        key = r.String()
        metadata[key] = r.Value(r.Take("<I"))
    table = []
    for _ in range(tensor_count):
        name, dimensions = r.String(), r.Take("<I")
        shape = [r.Take("<Q") for _ in range(dimensions)][::-1]
        kind, offset = r.Take("<IQ")
        table.append((name, shape, TENSOR_TYPES[kind], offset))
    base = -(-r.at // ALIGNMENT) * ALIGNMENT
    tensors = {}
    for name, shape, dtype, offset in table:
        count = int(np.prod(shape))
        tensors[name] = np.frombuffer(r.raw, dtype, count, base + offset).reshape(shape)
    return metadata, tensors
