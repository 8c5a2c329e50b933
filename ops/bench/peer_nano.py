"""PyTorch float32 at the work of `bench-compute`: one measurement series a call, one JSON row.

    peer_nano.py {step,sample} [--batch B] [--threads N] [--rounds R] [--compile]

`step` is a complete training step of preset nano (both passes, backward, clipping, AdamW, average),
`sample` draws 64 images: 25 Euler steps a position, linear guidance, key-value caches. Inputs and
noise are ready before the clock starts, which favours PyTorch: ours draws its numbers inside the
step. The row has the median and every round; call it in turns with ours, and read ratios only.
"""

import argparse
import json
import math
import statistics
import sys
import time

import torch
import torch.nn.functional as F
from torch import Tensor, nn

GRID, N, P, K, D, CLASSES, TOKENS, REPEATS = 4, 16, 192, 16, 128, 9, 2, 4  # preset nano


def table(class_tokens: int, size: int) -> tuple[Tensor, Tensor]:
    """Cosines and sines [class_tokens + N, size/2] of the 2-D rotary positions."""
    places = [(0, 0)] * class_tokens + [(i // GRID + 1, i % GRID + 1) for i in range(N)]
    f = [10000 ** (-j / (size // 4)) for j in range(size // 4)]
    angle = torch.tensor([[r * x for x in f] + [s * x for x in f] for r, s in places])
    return angle.cos(), angle.sin()


def turn(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    a, b = x[..., 0::2], x[..., 1::2]
    return torch.stack([a * cos - b * sin, a * sin + b * cos], -1).flatten(-2)


class Block(nn.Module):
    def __init__(self, heads: int) -> None:
        super().__init__()
        self.heads, hidden = heads, 64 * math.ceil(8 * D / 192)
        self.attn_norm, self.mlp_norm = nn.RMSNorm(D, 1e-6), nn.RMSNorm(D, 1e-6)
        self.qkv, self.out = nn.Linear(D, 3 * D, bias=False), nn.Linear(D, D, bias=False)
        self.up, self.down = nn.Linear(D, 2 * hidden, bias=False), nn.Linear(hidden, D, bias=False)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor, cache: list | None = None) -> Tensor:
        B, T, _ = x.shape
        qkv = self.qkv(self.attn_norm(x)).view(B, T, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        q, k, v = turn(qkv[0], cos, sin), turn(qkv[1], cos, sin), qkv[2]
        first = 0
        if cache is not None:
            if cache:
                first = cache[0].shape[2]
                k, v = torch.cat([cache[0], k], 2), torch.cat([cache[1], v], 2)
            cache[:] = [k, v]
        y = F.scaled_dot_product_attention(q, k, v, is_causal=first == 0)
        x = x + self.out(y.transpose(1, 2).reshape(B, T, D))
        a, b = self.up(self.mlp_norm(x)).chunk(2, -1)
        return x + self.down(F.silu(a) * b)


class Residual(nn.Module):
    """The modulated residual MLP of model.md 3.2 and 3.3."""

    def __init__(self, inputs: int, outputs: int, blocks: int) -> None:
        super().__init__()
        self.input, self.cond = nn.Linear(inputs, D), nn.Linear(D, D)
        self.norms = nn.ModuleList(nn.LayerNorm(D, 1e-6) for _ in range(blocks))
        self.up = nn.ModuleList(nn.Linear(D, 3 * D) for _ in range(blocks))
        self.down = nn.ModuleList(nn.Linear(3 * D // 2, D) for _ in range(blocks))
        self.modulation, self.final = nn.Linear(D, 3 * D), nn.Linear(D, 2 * D)
        self.output = nn.Linear(D, outputs)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        m = F.silu(condition)
        scale, shift, gate = self.modulation(m).chunk(3, -1)
        x = self.input(x)
        for norm, up, down in zip(self.norms, self.up, self.down):
            a, b = up(norm(x) * (1 + scale) + shift).chunk(2, -1)
            x = x + gate * down(F.silu(a) * b)
        scale, shift = self.final(m).chunk(2, -1)
        return self.output(F.layer_norm(x, (D,), eps=1e-6) * (1 + scale) + shift)


class Nano(nn.Module):
    """Preset nano: encoder context hidden, decoder context causal, sphere norm."""

    def __init__(self) -> None:
        super().__init__()
        self.classes = nn.Embedding(CLASSES + 1, TOKENS * D)
        self.embed, self.embed_norm = nn.Linear(P, D), nn.RMSNorm(D, 1e-6)
        self.blocks = nn.ModuleList(Block(2) for _ in range(4))
        self.norm, self.position = nn.RMSNorm(D, 1e-6), nn.Parameter(torch.randn(N, D) * 0.02)
        self.time0, self.time2 = nn.Linear(256, D), nn.Linear(D, D)
        self.head, self.encoder = Residual(K, K, 3), Residual(P, K, 2)
        self.z_in, self.y_out = nn.Linear(K, D), nn.Linear(D, P)
        self.decoder, self.decoder_norm = nn.ModuleList(Block(2) for _ in range(2)), nn.RMSNorm(D)
        self.norm_pix = nn.Linear(D, P)
        for name, x in (("t", table(TOKENS, 64)), ("d", table(0, 64))):
            self.register_buffer(f"{name}_cos", x[0])
            self.register_buffer(f"{name}_sin", x[1])
        f = torch.exp(-math.log(10000) * torch.arange(128) / 128)
        self.register_buffer("frequencies", 1000 * f)

    def tokens(self, labels: Tensor) -> Tensor:
        return self.classes(labels).view(len(labels), TOKENS, D)

    def trunk(self, x: Tensor, first: int = 0, caches: list | None = None) -> Tensor:
        x, last = self.embed_norm(x), first + x.shape[1]
        for i, block in enumerate(self.blocks):
            x = block(x, self.t_cos[first:last], self.t_sin[first:last], caches and caches[i])
        return self.norm(x)

    def hidden(self, labels: Tensor, y: Tensor) -> Tensor:
        x = torch.cat([self.tokens(labels), self.embed(y[:, :-1])], 1)
        return self.trunk(x)[:, TOKENS - 1:]

    def decode(self, z: Tensor, first: int = 0, caches: list | None = None) -> Tensor:
        x, last = self.z_in(z), first + z.shape[1]
        for i, block in enumerate(self.decoder):
            x = block(x, self.d_cos[first:last], self.d_sin[first:last], caches and caches[i])
        return self.y_out(self.decoder_norm(x))

    def velocity(self, x: Tensor, t: Tensor, condition: Tensor) -> Tensor:
        angle = t[..., None] * self.frequencies
        time = self.time2(F.silu(self.time0(torch.cat([angle.cos(), angle.sin()], -1))))
        return self.head(x, time + condition)

    def condition(self, h: Tensor, first: int = 0) -> Tensor:
        return self.head.cond(h + self.position[first:first + h.shape[1]])

    def loss(self, labels: Tensor, y: Tensor, t: Tensor, e: Tensor, r: Tensor, n: Tensor) -> Tensor:
        with torch.no_grad():
            h = self.hidden(labels, y)
        z = sphere(self.encoder(y, self.encoder.cond(h)))
        decoded = self.decode(t * z + (1 - t) * e)
        hidden = self.hidden(labels, decoded.detach())
        target = z.detach()[:, None]
        x = (1 - r[..., None]) * n + r[..., None] * target
        v = self.velocity(x, r, self.condition(hidden)[:, None])
        normal = (y - y.mean(-1, keepdim=True)) / (y.var(-1, keepdim=True) + 1e-6).sqrt()
        return (((v - (target - n)) ** 2).mean() + (decoded - y).abs().mean()
                + 0.1 * ((self.norm_pix(hidden) - normal) ** 2).mean())


def sphere(z: Tensor) -> Tensor:
    return z * math.sqrt(K) * torch.rsqrt((z * z).sum(-1, keepdim=True) + 1e-12)


def training(batch: int, compiled: bool):
    model = Nano()
    # Fused: one pass over each tensor, PyTorch's fastest on a processor.
    matrices = [p for n, p in model.named_parameters()
                if p.dim() == 2 and n not in ("classes.weight", "position")]
    chosen = {id(p) for p in matrices}
    rest = [p for p in model.parameters() if id(p) not in chosen]
    optimizer = torch.optim.AdamW(
        [{"params": matrices}, {"params": rest, "weight_decay": 0.0}], lr=1.5e-3,
        betas=(0.9, 0.95), weight_decay=0.05, fused=True)
    parameters = list(model.parameters())
    average = [p.detach().clone() for p in parameters]
    loss = torch.compile(model.loss) if compiled else model.loss
    inputs = (torch.arange(batch) % CLASSES, torch.rand(batch, N, P) * 2 - 1,
              0.65 + 0.35 * torch.rand(batch, N, 1), torch.randn(batch, N, K),
              torch.randn(batch, REPEATS, N).sigmoid(), torch.randn(batch, REPEATS, N, K))

    def step() -> None:
        optimizer.zero_grad(set_to_none=True)
        value = loss(*inputs)
        value.backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        with torch.no_grad():
            torch._foreach_lerp_(average, parameters, 0.001)
        value.item()  # ours reports the loss of every step too

    return step


def drawing(batch: int, compiled: bool, steps: int = 25, scale: float = 2.0):
    model = Nano().eval()
    velocity = torch.compile(model.velocity) if compiled else model.velocity
    labels = torch.cat([torch.arange(batch) % CLASSES, torch.full((batch,), CLASSES)])
    starts = torch.randn(N, batch, 1, K)

    @torch.no_grad()
    def draw() -> None:
        trunk, decoder = [[] for _ in model.blocks], [[] for _ in model.decoder]
        h = model.trunk(model.tokens(labels), 0, trunk)[:, -1:]
        for i in range(N):
            condition, z, s = model.condition(h, i), starts[i], 1 + (scale - 1) * i / N
            for j in range(steps):
                t = torch.full((2 * batch, 1), j / steps)
                cond, null = velocity(torch.cat([z, z]), t, condition).chunk(2)
                z = z + (null + s * (cond - null)) / steps
            y = model.decode(sphere(z), i, decoder)
            if i + 1 < N:
                h = model.trunk(model.embed(torch.cat([y, y])), TOKENS + i, trunk)

    return draw


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", choices=["step", "sample"])
    parser.add_argument("--batch", type=int, help="48 for step, 64 for sample")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--compile", action="store_true")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    batch = args.batch or (48 if args.work == "step" else 64)
    run = (training if args.work == "step" else drawing)(batch, args.compile)
    for _ in range(3 if args.work == "step" else 1):
        run()
    rounds = []
    for _ in range(args.rounds):
        start = time.perf_counter()
        run()
        rounds.append(time.perf_counter() - start)
    json.dump({"work": args.work, "batch": batch, "threads": args.threads,
               "peer": f"torch {torch.__version__}" + (" compiled" if args.compile else ""),
               "seconds": statistics.median(rounds), "rounds": rounds}, sys.stdout)
    print()
