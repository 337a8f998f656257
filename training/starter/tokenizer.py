"""Byte-level BPE exactly as llama-server does it for tokenizer.ggml.model = "gpt2", pre = "gpt-2".

Text is first cut at the special tokens, then into words by the GPT-2 pattern, then every word's
UTF-8 bytes are merged in the learned order. All 256 bytes are tokens, so any input has an encoding.
Tokens are stored with the GPT-2 byte alphabet: each byte as one printable character.
"""

import json
import re

# The GPT-2 pattern. Python's `re` has no \p{L}: letters are word characters that are no digits.
WORD = re.compile(
    r"'s|'t|'re|'ve|'m|'ll|'d| ?[^\W\d_]+| ?\d+| ?(?:[^\s\w]|_)+|\s+(?!\S)|\s+")


def ByteAlphabet():
    """The 256 printable characters that stand for the bytes, indexed by byte."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    chars, spare = [], 0x100
    for byte in range(256):
        if byte in printable:
            chars.append(chr(byte))
        else:
            chars.append(chr(spare))
            spare += 1
    return chars


ALPHABET = ByteAlphabet()
BYTE_OF = {c: b for b, c in enumerate(ALPHABET)}


def Words(text):
    """The words of `text` in the byte alphabet; their bytes, joined, are the bytes of `text`."""
    for word in WORD.findall(text):
        yield "".join(ALPHABET[b] for b in word.encode())


class Tokenizer:
    """Encodes and decodes; immutable but for a cache of words."""

    def __init__(self, control, text_tokens, merges):
        self.control = control
        self.text_tokens = text_tokens
        self.merges = [tuple(m) for m in merges]
        self.tokens = control + text_tokens + ALPHABET + ["".join(m) for m in self.merges]
        self.ids = {t: i for i, t in enumerate(self.tokens)}
        self.rank = {m: i for i, m in enumerate(self.merges)}
        self.specials = control + text_tokens
        self._split = re.compile("(" + "|".join(re.escape(s) for s in self.specials) + ")")
        self._cache = {}

    @staticmethod
    def Load(path):
        with open(path, encoding="utf-8") as f:
            d = json.load(f)
        return Tokenizer(d["control"], d["text_tokens"], d["merges"])

    def Save(self, path):
        with open(path, "w", encoding="utf-8") as f:
            json.dump({"control": self.control, "text_tokens": self.text_tokens,
                       "merges": self.merges}, f, ensure_ascii=False)

    def _EncodeWord(self, word):
        parts = list(word)
        while len(parts) > 1:
            best = min(zip(parts, parts[1:]), key=lambda p: self.rank.get(p, 1 << 30))
            if best not in self.rank:
                break
            i, merged = 0, []
            while i < len(parts):
                if i + 1 < len(parts) and (parts[i], parts[i + 1]) == best:
                    merged.append(parts[i] + parts[i + 1])
                    i += 2
                else:
                    merged.append(parts[i])
                    i += 1
            parts = merged
        return [self.ids[p] for p in parts]

    def Encode(self, text):
        out = []
        for piece in self._split.split(text):
            if piece in self.specials:
                out.append(self.ids[piece])
                continue
            for word in Words(piece):
                ids = self._cache.get(word)
                if ids is None:
                    ids = self._cache[word] = self._EncodeWord(word)
                out += ids
        return out

    def Decode(self, ids):
        raw = b""
        for i in ids:
            token = self.tokens[i]
            raw += token.encode() if token in self.specials else bytes(BYTE_OF[c] for c in token)
        return raw.decode(errors="replace")
