#!/usr/bin/python3
"""Writes the trained model, its tokenizer and its chat template into one GGUF file."""

import argparse
import os

import numpy as np
import torch

import chatml
import gguf_file as gguf
import model as model_lib
import tokenizer

DESCRIPTION = (
    "A tiny model that comes with Tidegate so that first runs and tests work offline with real "
    "tokens. It is a test model and not a useful assistant. Install a real model for real work.")

NORMAL_TOKEN, CONTROL_TOKEN, USER_DEFINED_TOKEN = 1, 3, 4
FILE_TYPES = {"f32": (0, np.float32), "f16": (1, np.float16)}


def Metadata(config, tok, figures, file_type):
    kinds = ([CONTROL_TOKEN] * len(tok.control) + [USER_DEFINED_TOKEN] * len(tok.text_tokens))
    kinds += [NORMAL_TOKEN] * (len(tok.tokens) - len(kinds))
    u32, f32, text = gguf.UINT32, gguf.FLOAT32, gguf.STRING
    end, pad = tok.ids[chatml.IM_END], tok.ids[chatml.END_OF_TEXT]
    return [
        ("general.architecture", text, "llama"),
        ("general.type", text, "model"),
        ("general.name", text, "Tidegate starter"),
        ("general.description", text, DESCRIPTION),
        ("general.license", text, "apache-2.0"),
        ("general.size_label", text, f"{figures['params'] / 1e6:.1f}M"),
        ("general.languages", gguf.ARRAY, (text, ["en"])),
        ("general.tags", gguf.ARRAY, (text, ["test"])),
        ("general.file_type", u32, FILE_TYPES[file_type][0]),
        ("llama.vocab_size", u32, config.vocab),
        ("llama.context_length", u32, config.context),
        ("llama.embedding_length", u32, config.dim),
        ("llama.block_count", u32, config.layers),
        ("llama.feed_forward_length", u32, config.ffn),
        ("llama.attention.head_count", u32, config.heads),
        ("llama.attention.head_count_kv", u32, config.kv_heads),
        ("llama.attention.layer_norm_rms_epsilon", f32, config.norm_eps),
        ("llama.rope.dimension_count", u32, config.head_dim),
        ("llama.rope.freq_base", f32, config.rope_theta),
        ("tokenizer.ggml.model", text, "gpt2"),
        ("tokenizer.ggml.pre", text, "gpt-2"),
        ("tokenizer.ggml.tokens", gguf.ARRAY, (text, tok.tokens)),
        ("tokenizer.ggml.token_type", gguf.ARRAY, (gguf.INT32, kinds)),
        ("tokenizer.ggml.merges", gguf.ARRAY, (text, [" ".join(m) for m in tok.merges])),
        ("tokenizer.ggml.bos_token_id", u32, pad),
        ("tokenizer.ggml.eos_token_id", u32, end),
        ("tokenizer.ggml.eot_token_id", u32, end),
        ("tokenizer.ggml.padding_token_id", u32, pad),
        ("tokenizer.ggml.add_bos_token", gguf.BOOL, False),
        ("tokenizer.ggml.add_eos_token", gguf.BOOL, False),
        ("tokenizer.chat_template", text, chatml.CHAT_TEMPLATE),
    ]


def main():
    ap = argparse.ArgumentParser(description=__doc__)
    ap.add_argument("--checkpoint", required=True)
    ap.add_argument("--tokenizer", required=True)
    ap.add_argument("--type", choices=sorted(FILE_TYPES), default="f32")
    ap.add_argument("--out", required=True)
    args = ap.parse_args()
    saved = torch.load(args.checkpoint, map_location="cpu")
    config = model_lib.Config(**saved["config"])
    tok = tokenizer.Tokenizer.Load(args.tokenizer)
    figures = {"params": sum(p.numel() for p in saved["model"].values()), **saved["figures"]}
    matrix_type = FILE_TYPES[args.type][1]
    tensors = {name: p.numpy().astype(matrix_type if p.dim() == 2 else np.float32)
               for name, p in saved["model"].items()}
    temporary = args.out + ".part"
    gguf.Write(temporary, Metadata(config, tok, figures, args.type), tensors)
    os.replace(temporary, args.out)
    print(f"{args.out}: {os.path.getsize(args.out)} bytes, {figures}")


if __name__ == "__main__":
    main()
