#!/usr/bin/python3
"""Learns the merges of the byte-level BPE from the generated corpus.

The usual greedy loop: count all adjacent pairs in all words, merge the most frequent one, repeat.
Pairs are counted once and then only corrected where a merge changed a word. Digits are never
merged: with one token per digit the little arithmetic this model can do stays learnable.
"""

import argparse
import collections
import json

import chatml
import tokenizer

DIGITS = set("0123456789")


def CountWords(path, specials):
    split = tokenizer.re.compile("|".join(tokenizer.re.escape(s) for s in specials))
    counts = collections.Counter()
    with open(path, encoding="utf-8") as f:
        for line in f:
            doc = json.loads(line)
            text = doc.get("text") or chatml.Render(doc["messages"], doc.get("tools"))
            for piece in split.split(text):
                counts.update(tokenizer.Words(piece))
    return counts


def LearnMerges(counts, merge_count):
    words = [[list(w), n] for w, n in sorted(counts.items()) if len(w) > 1]
    pairs, where = collections.Counter(), collections.defaultdict(set)
    for index, (parts, n) in enumerate(words):
        for pair in zip(parts, parts[1:]):
            pairs[pair] += n
            where[pair].add(index)
    merges = []
    while len(merges) < merge_count:
        candidates = ((n, p) for p, n in pairs.items()
                      if n > 1 and not DIGITS & set(p[0] + p[1]))
        _, best = max(candidates, default=(0, None))  # ties by spelling: deterministic
        if best is None:
            break
        merges.append(best)
        for index in list(where[best]):
            parts, n = words[index]
            for pair in zip(parts, parts[1:]):
                pairs[pair] -= n
            merged, i = [], 0
            while i < len(parts):
                if tuple(parts[i:i + 2]) == best:
                    merged.append(parts[i] + parts[i + 1])
                    i += 2
                else:
                    merged.append(parts[i])
                    i += 1
            words[index][0] = merged
            for pair in zip(merged, merged[1:]):
                pairs[pair] += n
                where[pair].add(index)
        del pairs[best]
    return merges


def main():
    ap = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    ap.add_argument("--corpus", required=True)
    ap.add_argument("--out", required=True)
    ap.add_argument("--vocab", type=int, default=1280, help="number of tokens, specials included")
    args = ap.parse_args()
    specials = chatml.CONTROL_TOKENS + chatml.TEXT_TOKENS
    counts = CountWords(args.corpus, specials)
    merges = LearnMerges(counts, args.vocab - 256 - len(specials))
    t = tokenizer.Tokenizer(chatml.CONTROL_TOKENS, chatml.TEXT_TOKENS, merges)
    assert len(t.ids) == len(t.tokens), "two merges made the same token"
    t.Save(args.out)
    print(f"tokenizer: {len(t.tokens)} tokens, {len(merges)} merges, "
          f"{len(counts)} distinct words of {sum(counts.values())}")


if __name__ == "__main__":
    main()
