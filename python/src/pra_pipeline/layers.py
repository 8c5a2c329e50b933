"""Layers of the model (section 3 of the model page), with the names of its checkpoints."""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Cache:
    """Keys and values of the positions before, for each block of a transformer."""

    def __init__(self) -> None:
        self._kept: dict[int, tuple[Tensor, Tensor]] = {}

    def extended(self, block: int, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """All keys and values of a block, given those of the newest positions [B, heads, T, D]."""
        if block in self._kept:
            before = self._kept[block]
            key, value = torch.cat([before[0], key], 2), torch.cat([before[1], value], 2)
        self._kept[block] = key, value
        return key, value


class Rotation(nn.Module):
    """2-D rotary positions of class tokens, which stand at (0, 0), and a grid of patches."""

    cosine: Tensor
    sine: Tensor

    def __init__(self, grid: int, class_tokens: int, size: int) -> None:
        super().__init__()
        places = [(0, 0)] * class_tokens
        places += [(i // grid + 1, i % grid + 1) for i in range(grid * grid)]
        frequency = [10000 ** (-j / (size // 4)) for j in range(size // 4)]
        angle = torch.tensor(
            [[r * f for f in frequency] + [s * f for f in frequency] for r, s in places],
            dtype=torch.float64)
        self.register_buffer("cosine", angle.cos(), persistent=False)
        self.register_buffer("sine", angle.sin(), persistent=False)

    def forward(self, x: Tensor, first: int) -> Tensor:
        """x [B, heads, T, D] at positions first..., in pairs of neighbours."""
        places = slice(first, first + x.shape[2])
        cosine, sine = self.cosine[places].to(x.dtype), self.sine[places].to(x.dtype)
        a, b = x[..., 0::2], x[..., 1::2]
        return torch.stack([a * cosine - b * sine, a * sine + b * cosine], -1).flatten(-2)


class Block(nn.Module):
    """A transformer block: RMSNorm, attention, RMSNorm, gated MLP; no bias anywhere."""

    def __init__(self, width: int, heads: int, multiple: int) -> None:
        super().__init__()
        hidden = multiple * math.ceil(8 * width / (3 * multiple))
        self.heads = heads
        self.attn_norm = nn.RMSNorm(width, eps=1e-6)
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.out = nn.Linear(width, width, bias=False)
        self.mlp_norm = nn.RMSNorm(width, eps=1e-6)
        self.up = nn.Linear(width, 2 * hidden, bias=False)
        self.down = nn.Linear(hidden, width, bias=False)

    def forward(
        self, x: Tensor, rotation: Rotation, first: int, *, causal: bool,
        cache: Cache | None = None, number: int = 0,
    ) -> Tensor:
        batch, count, width = x.shape
        query, key, value = (
            part.reshape(batch, count, self.heads, -1).transpose(1, 2)
            for part in self.qkv(self.attn_norm(x)).chunk(3, -1))
        query, key = rotation(query, first), rotation(key, first)
        if cache is not None:
            key, value = cache.extended(number, key, value)
        # One position more sees all before it; several at once are the first ones.
        mixed = F.scaled_dot_product_attention(
            query, key, value, is_causal=causal and count == key.shape[2] and count > 1)
        x = x + self.out(mixed.transpose(1, 2).reshape(batch, count, width))
        a, b = self.up(self.mlp_norm(x)).chunk(2, -1)
        return x + self.down(F.silu(a) * b)


class Trunk(nn.Module):
    """The transformer over class tokens and patches (3.1)."""

    def __init__(self, classes: int, patch_width: int, grid: int, sizes: dict[str, Any]) -> None:
        super().__init__()
        width, self.class_tokens = sizes["width"], sizes["class_tokens"]
        self.class_embed = nn.Embedding(classes + 1, self.class_tokens * width)
        self.patch_embed = nn.Linear(patch_width, width)
        self.embed_norm = nn.RMSNorm(width, eps=1e-6)
        self.blocks = nn.ModuleList(
            Block(width, sizes["heads"], sizes["mlp_multiple"]) for _ in range(sizes["layers"]))
        self.norm = nn.RMSNorm(width, eps=1e-6)
        self.rotation = Rotation(grid, self.class_tokens, width // sizes["heads"])

    def tokens(self, labels: Tensor) -> Tensor:
        """Class tokens [B, K, d]; the label `classes` is the null class."""
        return self.class_embed(labels).reshape(len(labels), self.class_tokens, -1)

    def forward(
        self, x: Tensor, first: int = 0, *, causal: bool = True, cache: Cache | None = None
    ) -> Tensor:
        """Embedded tokens [B, T, d] at places first... of the sequence, through all blocks."""
        x = self.embed_norm(x)
        for number, block in enumerate(self.blocks):
            x = block(x, self.rotation, first, causal=causal, cache=cache, number=number)
        return self.norm(x)


class GatedBlock(nn.Module):
    """A block of a residual MLP: LayerNorm, modulation, gated MLP."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.up = nn.Linear(width, 3 * width)
        self.down = nn.Linear(3 * width // 2, width)

    def forward(self, x: Tensor, modulation: tuple[Tensor, ...] | None) -> Tensor:
        u = self.norm(x)
        if modulation is not None:
            u = u * (1 + modulation[0]) + modulation[1]
        a, b = self.up(u).chunk(2, -1)
        change = self.down(F.silu(a) * b)
        return x + (change if modulation is None else modulation[2] * change)


class ResidualMLP(nn.Module):
    """A residual MLP, modulated by a condition if it has one (3.2 to 3.4)."""

    def __init__(
        self, inputs: int, width: int, outputs: int, blocks: int, groups: int, modulated: bool
    ) -> None:
        super().__init__()
        self.groups = groups
        self.input = nn.Linear(inputs, width)
        self.blocks = nn.ModuleList(GatedBlock(width) for _ in range(blocks))
        if modulated:
            self.modulation = nn.ModuleList(nn.Linear(width, 3 * width) for _ in range(groups))
            self.final_modulation = nn.Linear(width, 2 * width)
        self.output = nn.Linear(width, outputs)

    def modulate(self, x: Tensor, condition: Tensor | None) -> Tensor:
        """x [..., inputs] under a condition [..., width], to [..., outputs]."""
        x = self.input(x)
        each = len(self.blocks) // self.groups
        for number, block in enumerate(self.blocks):
            parts = None
            if condition is not None:
                parts = self.modulation[number // each](condition).chunk(3, -1)
            x = block(x, parts)
        x = F.layer_norm(x, x.shape[-1:], eps=1e-6)
        if condition is not None:
            scale, shift = self.final_modulation(condition).chunk(2, -1)
            x = x * (1 + scale) + shift
        return self.output(x)


class TimeEmbedding(nn.ModuleList):
    """Times [...] in float64 to [..., width], by 256 cosines and sines and two layers (3.2)."""

    def __init__(self, width: int) -> None:
        super().__init__([nn.Linear(256, width), nn.SiLU(), nn.Linear(width, width)])

    def forward(self, time: Tensor) -> Tensor:
        scale = torch.arange(128, dtype=torch.float64, device=time.device) / 128
        angle = 1000 * time.double()[..., None] * torch.exp(-math.log(10000) * scale)
        x = torch.cat([angle.cos(), angle.sin()], -1).to(next(self.parameters()).dtype)
        for layer in self:
            x = layer(x)
        return x


class DiffusionEnds(nn.Module):
    """The layers of `diffusion` before its trunk, and behind it."""

    def __init__(self, width: int, patch_width: int) -> None:
        super().__init__()
        self.time = TimeEmbedding(width)
        self.output = nn.Linear(width, patch_width)


class FlowHead(ResidualMLP):
    """The network that generates a state from noise, given h_i and a time (3.2)."""

    def __init__(self, state: int, positions: int, trunk_width: int, sizes: dict[str, Any]) -> None:
        width = sizes["width"]
        super().__init__(state, width, state, sizes["blocks"], sizes["groups"], modulated=True)
        self.position = nn.Parameter(torch.zeros(positions, trunk_width))
        self.cond = nn.Linear(trunk_width, width)
        self.time = TimeEmbedding(width)

    def forward(self, x: Tensor, time: Tensor, hidden: Tensor, first: int = 0) -> Tensor:
        """x [..., n, k] at times [..., n], at positions first... with h [..., n, d]."""
        placed = hidden + self.position[first:first + hidden.shape[-2]]
        return self.modulate(x, F.silu(self.time(time) + self.cond(placed)))


class PointwiseCoder(ResidualMLP):
    """An encoder or decoder of each position alone, with h_i (`hidden`) or without (`none`)."""

    def __init__(
        self, inputs: int, outputs: int, trunk_width: int, sizes: dict[str, Any]
    ) -> None:
        reads_hidden = sizes["context"] == "hidden"
        super().__init__(inputs, sizes["width"], outputs, sizes["blocks"], 1, reads_hidden)
        if reads_hidden:
            self.cond = nn.Linear(trunk_width, sizes["width"])

    def forward(
        self, x: Tensor, hidden: Tensor | None, first: int = 0, cache: Cache | None = None
    ) -> Tensor:
        if not hasattr(self, "cond"):
            return self.modulate(x, None)
        if hidden is None:
            raise ValueError("context 'hidden': the trunk's outputs are needed")
        return self.modulate(x, F.silu(self.cond(hidden.detach())))


class SequenceCoder(nn.Module):
    """An encoder over the whole image (`image`), or a decoder over what came before (`causal`)."""

    def __init__(self, inputs: int, outputs: int, grid: int, multiple: int, sizes: dict[str, Any]) -> None:
        super().__init__()
        width, size = sizes["width"], sizes["head_dim"]
        self.causal = sizes["context"] == "causal"
        self.input = nn.Linear(inputs, width)
        self.blocks = nn.ModuleList(
            Block(width, width // size, multiple) for _ in range(sizes["blocks"]))
        self.norm = nn.RMSNorm(width, eps=1e-6)
        self.output = nn.Linear(width, outputs)
        self.rotation = Rotation(grid, 0, size)

    def forward(
        self, x: Tensor, hidden: Tensor | None, first: int = 0, cache: Cache | None = None
    ) -> Tensor:
        x = self.input(x)
        for number, block in enumerate(self.blocks):
            x = block(
                x, self.rotation, first, causal=self.causal, cache=cache, number=number)
        return self.output(self.norm(x))
