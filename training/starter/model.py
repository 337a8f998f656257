"""The llama architecture in PyTorch, arranged so that llama.cpp computes the same numbers.

Pre-norm blocks of RMSNorm, grouped-query attention with rotary positions, and SwiGLU; the output
layer shares the embedding. llama.cpp rotates *neighbouring* pairs (2i, 2i+1) of a head for this
architecture, so the query and key weights can be stored as they are.
"""

import dataclasses

import torch
import torch.nn as nn
import torch.nn.functional as F


@dataclasses.dataclass
class Config:
    vocab: int
    dim: int = 160
    layers: int = 4
    heads: int = 5
    kv_heads: int = 1
    ffn: int = 448
    context: int = 2048
    rope_theta: float = 10000.0
    norm_eps: float = 1e-5

    @property
    def head_dim(self):
        return self.dim // self.heads


class RmsNorm(nn.Module):
    def __init__(self, dim, eps):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(dim))
        self.eps = eps

    def forward(self, x):
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.eps) * self.weight


def RopeTable(config, length):
    """cos and sin of position times frequency, each [length, head_dim / 2]."""
    exponent = torch.arange(0, config.head_dim, 2).float() / config.head_dim
    angle = torch.outer(torch.arange(length).float(), config.rope_theta ** -exponent)
    return angle.cos(), angle.sin()


def Rotate(x, cos, sin):
    """x: [batch, heads, time, head_dim]."""
    even, odd = x[..., 0::2], x[..., 1::2]
    return torch.stack((even * cos - odd * sin, even * sin + odd * cos), -1).flatten(-2)


class Block(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.c = c
        kv = c.kv_heads * c.head_dim
        self.attn_norm = RmsNorm(c.dim, c.norm_eps)
        self.attn_q = nn.Linear(c.dim, c.dim, bias=False)
        self.attn_k = nn.Linear(c.dim, kv, bias=False)
        self.attn_v = nn.Linear(c.dim, kv, bias=False)
        self.attn_output = nn.Linear(c.dim, c.dim, bias=False)
        self.ffn_norm = RmsNorm(c.dim, c.norm_eps)
        self.ffn_gate = nn.Linear(c.dim, c.ffn, bias=False)
        self.ffn_up = nn.Linear(c.dim, c.ffn, bias=False)
        self.ffn_down = nn.Linear(c.ffn, c.dim, bias=False)

    def forward(self, x, cos, sin, bias):
        c, (b, t, _) = self.c, x.shape
        h = self.attn_norm(x)
        q = self.attn_q(h).view(b, t, c.heads, c.head_dim).transpose(1, 2)
        k = self.attn_k(h).view(b, t, c.kv_heads, c.head_dim).transpose(1, 2)
        v = self.attn_v(h).view(b, t, c.kv_heads, c.head_dim).transpose(1, 2)
        q, k = Rotate(q, cos, sin), Rotate(k, cos, sin)
        # Query head i reads key/value head i / (heads / kv_heads), as in llama.cpp.
        group = c.heads // c.kv_heads
        q = (q * c.head_dim ** -0.5).reshape(b, c.kv_heads, group * t, c.head_dim)
        score = (q @ k.transpose(-2, -1)).view(b, c.kv_heads, group, t, t) + bias
        a = score.softmax(-1).view(b, c.kv_heads, group * t, t) @ v
        a = a.view(b, c.heads, t, c.head_dim).transpose(1, 2).reshape(b, t, c.dim)
        x = x + self.attn_output(a)
        h = self.ffn_norm(x)
        return x + self.ffn_down(F.silu(self.ffn_gate(h)) * self.ffn_up(h))


class Model(nn.Module):
    """Parameter names are the GGUF tensor names: blk.0.attn_q.weight and so on."""

    def __init__(self, config):
        super().__init__()
        self.config = config
        self.token_embd = nn.Embedding(config.vocab, config.dim)
        self.blk = nn.ModuleList(Block(config) for _ in range(config.layers))
        self.output_norm = RmsNorm(config.dim, config.norm_eps)
        for name, p in self.named_parameters():
            if p.dim() == 2:
                last = name.endswith(("attn_output.weight", "ffn_down.weight"))
                nn.init.normal_(p, std=0.04 / (2 * config.layers) ** 0.5 if last else 0.04)

    def Hidden(self, tokens, documents=None):
        """The normed last layer for tokens [batch, time].

        documents, of the same shape, numbers the conversation each token belongs to: tokens see
        only their own, so that packing several into one row trains what the server computes.
        """
        t = tokens.shape[1]
        seen = torch.ones(t, t, dtype=torch.bool).tril()[None]
        if documents is not None:
            seen = seen & (documents[:, :, None] == documents[:, None, :])
        bias = torch.zeros(seen.shape).masked_fill_(~seen, float("-inf"))[:, None, None]
        cos, sin = RopeTable(self.config, t)
        x = self.token_embd(tokens)
        for block in self.blk:
            x = block(x, cos, sin, bias)
        return self.output_norm(x)

    def forward(self, tokens, documents=None):
        """Logits [batch, time, vocab]."""
        return F.linear(self.Hidden(tokens, documents), self.token_embd.weight)
