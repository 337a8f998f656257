#!/usr/bin/python3
"""Trains the starter model on the generated corpus: one process, seeded, a fixed number of steps.

Conversations are packed whole into rows: short ones into rows of 256 tokens, long ones into rows of
1024, so that the model meets the distances a real chat has without paying for them at every step.
The model's own turns count fully in the loss; what users and tools say counts a tenth, because most
of it (random names, numbers, pasted text) cannot be predicted and is not worth capacity.
"""

import argparse
import dataclasses
import json
import math
import os
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")  # the linear algebra library reads it when loaded

import numpy as np
import torch
import torch.nn.functional as F

import chatml
import model as model_lib
import tokenizer

SHORT_ROW_TOKENS = 256
LONG_ROW_TOKENS = 1024
STEP_TOKENS = 2048
PROMPT_WEIGHT = 0.1
WARMUP_STEPS = 60
PACK_POOL_DOCUMENTS = 256
GRADIENT_NORM_MAX = 1.0
BETAS = (0.9, 0.97)
WEIGHT_DECAY = 0.05
MUON_MOMENTUM = 0.95
MUON_ITERATIONS = 5


def Encode(doc, tok):
    """Tokens of one document and, for each, its weight as something to predict."""
    ids, weights = [], []
    if "text" in doc:
        ids = tok.Encode(doc["text"]) + [tok.ids["<|endoftext|>"]]
        return ids, [1.0] * len(ids)
    for text, is_answer in chatml.Segments(doc["messages"], doc.get("tools")):
        piece = tok.Encode(text)
        ids += piece
        weights += [1.0 if is_answer else PROMPT_WEIGHT] * len(piece)
    return ids, weights


def Pack(documents, row_tokens):
    """Packs whole documents into rows, best fit from a small pool; returns three int/float arrays.

    The row holds one token more than the model reads: inputs are [:-1], targets [1:].
    """
    size = row_tokens + 1
    rows, pool, rest = [], [], iter(documents)
    done = False
    while not done or pool:
        while not done and len(pool) < PACK_POOL_DOCUMENTS:
            doc = next(rest, None)
            done = doc is None
            if not done:
                pool.append((doc[0][:size], doc[1][:size]))
        if not pool:
            break
        row, free = [pool.pop(0)], size
        free -= len(row[0][0])
        while True:
            fits = [i for i, d in enumerate(pool) if len(d[0]) <= free]
            if not fits:
                break
            row.append(pool.pop(max(fits, key=lambda i: len(pool[i][0]))))
            free -= len(row[-1][0])
        rows.append(row)
    ids = np.zeros((len(rows), size), np.int64)
    weights = np.zeros((len(rows), size), np.float32)
    which = np.full((len(rows), size), -1, np.int64)
    for r, row in enumerate(rows):
        at = 0
        for d, (tokens, token_weights) in enumerate(row):
            end = at + len(tokens)
            ids[r, at:end], weights[r, at:end], which[r, at:end] = tokens, token_weights, d
            weights[r, at] = 0  # nothing predicts the first token of a document
            at = end
    return ids, weights, which


def LoadRows(path, tok):
    """(rows of short documents, rows of long ones, tokens in all)."""
    short, long, tokens = [], [], 0
    with open(path, encoding="utf-8") as f:
        for line in f:
            ids, weights = Encode(json.loads(line), tok)
            tokens += len(ids)
            (short if len(ids) <= SHORT_ROW_TOKENS else long).append((ids, weights))
    return Pack(short, SHORT_ROW_TOKENS), Pack(long, LONG_ROW_TOKENS), tokens


def LossSums(model, rows, index):
    """Sum of weighted losses and of weights over the rows at `index`, and the answer-only pair."""
    ids, weights, which = (torch.from_numpy(a[index]) for a in rows)
    hidden = model.Hidden(ids[:, :-1], which[:, :-1])
    target, weight = ids[:, 1:].reshape(-1), weights[:, 1:].reshape(-1)
    keep = weight > 0
    logits = F.linear(hidden.reshape(-1, hidden.shape[-1])[keep], model.token_embd.weight)
    loss = F.cross_entropy(logits, target[keep], reduction="none")
    weight = weight[keep]
    answers = weight == 1
    return (loss * weight).sum(), weight.sum(), loss[answers].sum(), answers.sum()


def Evaluate(model, buckets):
    """Mean loss, in nats a token, of the model's own turns."""
    total = count = 0.0
    with torch.no_grad():
        for rows in buckets:
            size = max(1, STEP_TOKENS // (rows[0].shape[1] - 1))
            for at in range(0, len(rows[0]), size):
                _, _, loss, n = LossSums(model, rows, np.arange(len(rows[0]))[at:at + size])
                total += loss.item()
                count += n.item()
    return total / count


class Muon(torch.optim.Optimizer):
    """Momentum whose step is the nearest orthogonal matrix, for the weights inside the blocks.

    Newton's iteration X <- a X + (b A + c A A) X with A = X X^T drives all singular values towards
    one. It learns about twice as much from a token as AdamW, which matters more here than its time.
    """

    def __init__(self, params, lr):
        super().__init__(params, {"lr": lr})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                state = self.state[p]
                if "momentum" not in state:
                    state["momentum"] = torch.zeros_like(p)
                momentum = state["momentum"].mul_(MUON_MOMENTUM).add_(p.grad)
                x = p.grad + MUON_MOMENTUM * momentum
                tall = x.shape[0] > x.shape[1]
                x = (x.T if tall else x) / (x.norm() + 1e-7)
                for _ in range(MUON_ITERATIONS):
                    a = x @ x.T
                    x = 3.4445 * x + (-4.7750 * a + 2.0315 * (a @ a)) @ x
                x = x.T if tall else x
                p.mul_(1 - group["lr"] * WEIGHT_DECAY)
                p.add_(x, alpha=-group["lr"] * max(1.0, p.shape[0] / p.shape[1]) ** 0.5)


class Batches:
    """Endless shuffled batches; long rows come as often as their share of the tokens says."""

    def __init__(self, buckets, seed):
        self.rng = np.random.RandomState(seed)
        self.buckets = buckets
        self.left = [np.empty(0, int) for _ in buckets]
        sizes = [rows[0].size for rows in buckets]
        self.share = np.array(sizes) / sum(sizes)

    def Next(self):
        which = self.rng.choice(len(self.buckets), p=self.share)
        rows = self.buckets[which]
        size = STEP_TOKENS // (rows[0].shape[1] - 1)
        if len(self.left[which]) < size:
            self.left[which] = self.rng.permutation(len(rows[0]))
        index, self.left[which] = self.left[which][:size], self.left[which][size:]
        return rows, index


def Train(args):
    torch.manual_seed(args.seed)
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    tok = tokenizer.Tokenizer.Load(args.tokenizer)
    start = time.time()
    *train_rows, train_tokens = LoadRows(args.corpus, tok)
    *valid_rows, valid_tokens = LoadRows(args.valid, tok)
    config = model_lib.Config(vocab=len(tok.tokens))
    model = model_lib.Model(config)
    earlier = {}
    if args.init:
        saved = torch.load(args.init, map_location="cpu")
        model.load_state_dict(saved["model"])
        earlier = saved["figures"]
    params = sum(p.numel() for p in model.parameters())
    fill = [round(float((r[2] >= 0).mean()), 3) for r in train_rows]
    print(f"params {params}, corpus {train_tokens} tokens, validation {valid_tokens} tokens, "
          f"rows {[len(r[0]) for r in train_rows]} filled {fill}, "
          f"prepared in {time.time() - start:.0f} s", flush=True)
    matrices = [p for p in model.blk.parameters() if p.dim() == 2]
    vectors = [p for p in model.parameters() if p.dim() == 1]
    optimizers = [
        torch.optim.AdamW([*vectors, model.token_embd.weight], lr=args.lr, betas=BETAS,
                          weight_decay=0.0),
        Muon(matrices, lr=args.muon_lr)]
    peaks = [args.lr, args.muon_lr]
    batches = Batches(train_rows, args.seed)
    start, seen = time.time(), 0
    for step in range(args.steps):
        warm = min(1.0, (step + 1) / WARMUP_STEPS)
        scale = warm * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * step / args.steps)))
        for optimizer, peak in zip(optimizers, peaks):
            optimizer.param_groups[0]["lr"] = peak * scale
        rows, index = batches.Next()
        loss, weight, answer_loss, answers = LossSums(model, rows, index)
        model.zero_grad(set_to_none=True)
        (loss / weight).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), GRADIENT_NORM_MAX)
        for optimizer in optimizers:
            optimizer.step()
        seen += STEP_TOKENS
        if step % args.report == 0 or step + 1 == args.steps:
            elapsed = time.time() - start
            print(f"step {step} answer loss {answer_loss.item() / answers.item():.3f} "
                  f"{seen / elapsed:.0f} tokens/s {elapsed:.0f} s", flush=True)
        if args.save_every and step and step % args.save_every == 0:
            Save(model, config, args.out)
    seconds = time.time() - start
    valid = Evaluate(model, valid_rows)
    Save(model, config, args.out, {
        "params": params, "steps": args.steps + earlier.get("steps", 0),
        "tokens": seen + earlier.get("tokens", 0),
        "seconds": round(seconds + earlier.get("seconds", 0)),
        "validation_nats_per_token": round(valid, 4)})
    print(f"trained on {seen} tokens in {seconds:.0f} s; validation {valid:.4f} nats a token "
          f"of the model's own turns")


def Save(model, config, path, figures=None):
    temporary = path + ".part"
    torch.save({"config": dataclasses.asdict(config), "model": model.state_dict(),
                "figures": figures or {}}, temporary)
    os.replace(temporary, path)


def main():
    ap = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    ap.add_argument("--corpus", required=True)
    ap.add_argument("--valid", required=True)
    ap.add_argument("--tokenizer", required=True)
    ap.add_argument("--out", required=True)
    ap.add_argument("--init", help="a checkpoint to go on from")
    ap.add_argument("--steps", type=int, default=2500)
    ap.add_argument("--lr", type=float, default=4e-3)
    ap.add_argument("--muon-lr", type=float, default=0.02)
    ap.add_argument("--seed", type=int, default=1)
    ap.add_argument("--report", type=int, default=50, help="steps between two lines of progress")
    ap.add_argument("--save-every", type=int, default=0, help="steps between two checkpoints")
    args = ap.parse_args()
    Train(args)


if __name__ == "__main__":
    main()
