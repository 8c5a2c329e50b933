"""PyTorch doing the work of `bench-compute`: one measurement series per call, one JSON row.

    peer.py {step,sample} [--preset P] [--batch B] [--threads N] [--rounds R] [--compile] [--bf16]
            [--device cuda] [--lpips] [--micro-batch B] [--steps N] [--sde]

`step` is a complete training step (both passes, backward, clipping, AdamW, average). `sample` draws
images with 25 Euler steps a position, linear guidance, both halves in one batch, key-value caches
allocated once. `--positions A-B` draws these positions alone, on caches filled with random numbers up
to A, and reports the time of all N at that rate. Inputs and noise are ready before the clock starts,
which favours PyTorch: ours draws its numbers inside the step. `--bf16` is autocast for `step` and a
model of bf16 weights for `sample`. Call it in turns with ours, pinned, and read ratios only.

On a GPU (`--device cuda`) a compiled sample is replayed as CUDA graphs, `--lpips` adds the distance in VGG-16's features
with random weights, `--micro-batch` divides a step's batch, and `--sde` draws noise at every step of the flow. The
modulations of the head are one group here, also for `pra-b` and `pra-l`.
"""

import argparse
import contextlib
import json
import math
import resource
import statistics
import sys
import time
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

STATE, REPEATS, SCALE = 16, 4, 2.0
VGG = [[64, 64], [128, 128], [256] * 3, [512] * 3, [512] * 3]


@dataclass
class Sizes:
    """A preset of model.md section 7."""

    size: int
    patch: int
    width: int
    layers: int
    heads: int
    class_tokens: int
    multiple: int
    classes: int
    head: tuple[int, int]
    encoder: tuple[int, int]
    decoder: tuple[int, int]

    @property
    def grid(self) -> int:
        return self.size // self.patch

    @property
    def count(self) -> int:
        return self.grid**2

    @property
    def pixels(self) -> int:
        return self.patch**2 * 3


PRESETS = {
    "nano": Sizes(32, 8, 128, 4, 2, 2, 64, 9, (3, 128), (2, 128), (2, 128)),
    "micro": Sizes(64, 8, 384, 8, 6, 8, 64, 9, (4, 384), (2, 384), (4, 384)),
    "pra-s": Sizes(256, 16, 768, 12, 12, 16, 256, 1000, (3, 768), (3, 512), (7, 512)),
    "pra-b": Sizes(256, 16, 768, 24, 12, 16, 256, 1000, (6, 768), (3, 512), (13, 512)),
    "pra-l": Sizes(256, 16, 1024, 32, 16, 16, 256, 1000, (8, 1024), (3, 512), (10, 512)),
}


def table(class_tokens: int, grid: int, size: int) -> tuple[Tensor, Tensor]:
    """Cosines and sines [class_tokens + N, size/2] of the 2-D rotary positions."""
    places = [(0, 0)] * class_tokens
    places += [(i // grid + 1, i % grid + 1) for i in range(grid * grid)]
    f = [10000 ** (-j / (size // 4)) for j in range(size // 4)]
    angle = torch.tensor([[r * x for x in f] + [s * x for x in f] for r, s in places])
    return angle.cos(), angle.sin()


def turn(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    a, b = x[..., 0::2], x[..., 1::2]
    return torch.stack([a * cos - b * sin, a * sin + b * cos], -1).flatten(-2)


class Block(nn.Module):
    def __init__(self, width: int, heads: int, multiple: int) -> None:
        super().__init__()
        self.heads, hidden = heads, multiple * math.ceil(8 * width / (3 * multiple))
        self.attn_norm, self.mlp_norm = nn.RMSNorm(width, 1e-6), nn.RMSNorm(width, 1e-6)
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.out = nn.Linear(width, width, bias=False)
        self.up = nn.Linear(width, 2 * hidden, bias=False)
        self.down = nn.Linear(hidden, width, bias=False)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor, cache=None, first: int = 0) -> Tensor:
        B, T, W = x.shape
        qkv = self.qkv(self.attn_norm(x)).view(B, T, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        q, k, v = turn(qkv[0], cos, sin), turn(qkv[1], cos, sin), qkv[2]
        q, k = q.to(v.dtype), k.to(v.dtype)
        if cache is not None:
            cache[0][:, :, first:first + T], cache[1][:, :, first:first + T] = k, v
            k, v = cache[0][:, :, :first + T], cache[1][:, :, :first + T]
        y = F.scaled_dot_product_attention(q, k, v, is_causal=first == 0)
        x = x + self.out(y.transpose(1, 2).reshape(B, T, W))
        a, b = self.up(self.mlp_norm(x)).chunk(2, -1)
        return x + self.down(F.silu(a) * b)


class Residual(nn.Module):
    """The modulated residual MLP of model.md 3.2 and 3.3."""

    def __init__(self, inputs: int, outputs: int, blocks: int, w: int, condition: int) -> None:
        super().__init__()
        self.width = w
        self.input, self.cond = nn.Linear(inputs, w), nn.Linear(condition, w)
        self.norms = nn.ModuleList(nn.LayerNorm(w, 1e-6) for _ in range(blocks))
        self.up = nn.ModuleList(nn.Linear(w, 3 * w) for _ in range(blocks))
        self.down = nn.ModuleList(nn.Linear(3 * w // 2, w) for _ in range(blocks))
        self.modulation, self.final = nn.Linear(w, 3 * w), nn.Linear(w, 2 * w)
        self.output = nn.Linear(w, outputs)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        m = F.silu(condition)
        scale, shift, gate = self.modulation(m).chunk(3, -1)
        x = self.input(x)
        for norm, up, down in zip(self.norms, self.up, self.down):
            a, b = up(norm(x) * (1 + scale) + shift).chunk(2, -1)
            x = x + gate * down(F.silu(a) * b)
        scale, shift = self.final(m).chunk(2, -1)
        return self.output(F.layer_norm(x, (self.width,), eps=1e-6) * (1 + scale) + shift)


class Model(nn.Module):
    """Encoder context hidden, decoder context causal, sphere norm."""

    def __init__(self, s: Sizes) -> None:
        super().__init__()
        self.s, d = s, s.width
        self.classes = nn.Embedding(s.classes + 1, s.class_tokens * d)
        self.embed, self.embed_norm = nn.Linear(s.pixels, d), nn.RMSNorm(d, 1e-6)
        self.blocks = nn.ModuleList(Block(d, s.heads, s.multiple) for _ in range(s.layers))
        self.norm = nn.RMSNorm(d, 1e-6)
        self.position = nn.Parameter(torch.randn(s.count, d) * 0.02)
        w = s.head[1]
        self.time0, self.time2 = nn.Linear(256, w), nn.Linear(w, w)
        self.head = Residual(STATE, STATE, s.head[0], w, d)
        self.encoder = Residual(s.pixels, STATE, s.encoder[0], s.encoder[1], d)
        w = s.decoder[1]
        self.z_in, self.y_out = nn.Linear(STATE, w), nn.Linear(w, s.pixels)
        self.decoder = nn.ModuleList(Block(w, w // 64, s.multiple) for _ in range(s.decoder[0]))
        self.decoder_norm = nn.RMSNorm(w, 1e-6)
        self.norm_pix = nn.Linear(d, s.pixels)
        size = d // s.heads
        for name, x in (("t", table(s.class_tokens, s.grid, size)), ("d", table(0, s.grid, 64))):
            self.register_buffer(f"{name}_cos", x[0])
            self.register_buffer(f"{name}_sin", x[1])
        f = torch.exp(-math.log(10000) * torch.arange(128) / 128)
        self.register_buffer("frequencies", 1000 * f)

    def tokens(self, labels: Tensor) -> Tensor:
        return self.classes(labels).view(len(labels), self.s.class_tokens, self.s.width)

    def trunk(self, x: Tensor, first: int = 0, caches: list | None = None) -> Tensor:
        x, last = self.embed_norm(x), first + x.shape[1]
        cos, sin = self.t_cos[first:last], self.t_sin[first:last]
        for i, block in enumerate(self.blocks):
            x = block(x, cos, sin, caches and caches[i], first)
        return self.norm(x)

    def hidden(self, labels: Tensor, y: Tensor) -> Tensor:
        x = torch.cat([self.tokens(labels), self.embed(y[:, :-1])], 1)
        return self.trunk(x)[:, self.s.class_tokens - 1:]

    def decode(self, z: Tensor, first: int = 0, caches: list | None = None) -> Tensor:
        x, last = self.z_in(z), first + z.shape[1]
        cos, sin = self.d_cos[first:last], self.d_sin[first:last]
        for i, block in enumerate(self.decoder):
            x = block(x, cos, sin, caches and caches[i], first)
        return self.y_out(self.decoder_norm(x))

    def time(self, t: Tensor) -> Tensor:
        angle = t[..., None] * self.frequencies
        features = torch.cat([angle.cos(), angle.sin()], -1).to(self.position.dtype)
        return self.time2(F.silu(self.time0(features)))

    def condition(self, h: Tensor, first: int = 0) -> Tensor:
        return self.head.cond(h + self.position[first:first + h.shape[1]])

    def loss(self, labels: Tensor, y: Tensor, t: Tensor, e: Tensor, r: Tensor, n: Tensor,
             perceptual: nn.Module | None = None) -> Tensor:
        with torch.no_grad():
            h = self.hidden(labels, y)
        z = sphere(self.encoder(y, self.encoder.cond(h)))
        decoded = self.decode(t * z + (1 - t) * e)
        hidden = self.hidden(labels, decoded.detach())
        target = z.detach()[:, None]
        x = (1 - r[..., None]) * n + r[..., None] * target
        v = self.head(x, self.time(r) + self.condition(hidden)[:, None])
        normal = (y - y.mean(-1, keepdim=True)) / (y.var(-1, keepdim=True) + 1e-6).sqrt()
        seen = 0.0
        if perceptual is not None:
            seen = perceptual(pictures(self.s, decoded), pictures(self.s, y))
        return (((v - (target - n)) ** 2).mean() + (decoded - y).abs().mean() + seen
                + 0.1 * ((self.norm_pix(hidden) - normal) ** 2).mean())


class Perceptual(nn.Module):
    """LPIPS with random weights: frozen VGG-16, taps after each of its five stages."""

    def __init__(self) -> None:
        super().__init__()
        inputs, self.stages = 3, nn.ModuleList()
        for stage in VGG:
            layers: list[nn.Module] = []
            for outputs in stage:
                layers += [nn.Conv2d(inputs, outputs, 3, padding=1), nn.ReLU()]
                inputs = outputs
            self.stages.append(nn.Sequential(*layers))
        self.to(memory_format=torch.channels_last).requires_grad_(False)

    def features(self, x: Tensor) -> list[Tensor]:
        taps = []
        for number, stage in enumerate(self.stages):
            x = stage(F.max_pool2d(x, 2) if number > 0 else x)
            taps.append(x)
        return taps

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        with torch.no_grad():
            wanted = self.features(y)
        return sum(((F.normalize(a, dim=1) - F.normalize(b, dim=1)) ** 2).sum(1).mean()
                   for a, b in zip(self.features(x), wanted))


def pictures(s: Sizes, y: Tensor) -> Tensor:
    """Patches [B, N, P] as images [B, 3, size, size] in the order convolutions read."""
    x = y.view(len(y), s.grid, s.grid, s.patch, s.patch, 3).permute(0, 5, 1, 3, 2, 4)
    return x.reshape(len(y), 3, s.size, s.size).contiguous(memory_format=torch.channels_last)


def sphere(z: Tensor) -> Tensor:
    return z * math.sqrt(STATE) * torch.rsqrt((z * z).sum(-1, keepdim=True) + 1e-12)


def training(s: Sizes, batch: int, compiled: bool, bf16: bool, device: str = "cpu",
             lpips: bool = False, part: int | None = None):
    model, perceptual = Model(s), Perceptual() if lpips else None
    part = min(part or batch, batch)
    # Fused: one pass over each tensor, PyTorch's fastest on a processor.
    matrices = [p for n, p in model.named_parameters()
                if p.dim() == 2 and n not in ("classes.weight", "position")]
    chosen = {id(p) for p in matrices}
    rest = [p for p in model.parameters() if id(p) not in chosen]
    optimizer = torch.optim.AdamW(
        [{"params": matrices}, {"params": rest, "weight_decay": 0.0}], lr=3e-4,
        betas=(0.9, 0.95), weight_decay=0.05, fused=True)
    parameters = list(model.parameters())
    average = [p.detach().clone() for p in parameters]
    loss = torch.compile(model.loss) if compiled else model.loss
    precision = (torch.autocast(device, dtype=torch.bfloat16) if bf16
                 else contextlib.nullcontext())
    N = s.count
    inputs = (torch.arange(batch) % s.classes, torch.rand(batch, N, s.pixels) * 2 - 1,
              0.65 + 0.35 * torch.rand(batch, N, 1), torch.randn(batch, N, STATE),
              torch.randn(batch, REPEATS, N).sigmoid(), torch.randn(batch, REPEATS, N, STATE))

    def step() -> None:
        optimizer.zero_grad(set_to_none=True)
        for first in range(0, batch, part):
            with precision:
                value = loss(*(x[first:first + part] for x in inputs), perceptual)
            (value * (part / batch)).backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        with torch.no_grad():
            torch._foreach_lerp_(average, parameters, 0.001)
        value.item()  # ours reports the loss of every step too

    return step


def drawing(s: Sizes, batch: int, compiled: bool, bf16: bool, first: int, last: int,
            device: str = "cpu", steps: int = 25, sde: bool = False):
    dtype = torch.bfloat16 if bf16 else torch.float32
    model = Model(s).eval()
    with torch.no_grad():
        embedded = [model.time(torch.tensor([[j / steps]])).to(dtype) for j in range(steps)]
    model = model.to(dtype)
    graphs = compiled and device == "cuda"
    velocity = torch.compile(model.head) if compiled and not graphs else model.head

    def step(z: Tensor, time: Tensor, condition: Tensor, g: Tensor | float) -> Tensor:
        cond, null = velocity(torch.cat([z, z]), time + condition).chunk(2)
        z = z + (null + g * (cond - null)) / steps
        return z + 0.01 * torch.randn_like(z) if sde else z

    whole = torch.compile(step, mode="reduce-overhead") if graphs else step
    labels = torch.cat([torch.arange(batch) % s.classes, torch.full((batch,), s.classes)])
    starts = torch.randn(s.count, batch, 1, STATE).to(dtype)

    def caches(rows: int, heads: int, width: int, layers: int, count: int) -> list:
        return [[torch.randn(rows, heads, count, width // heads).to(dtype) for _ in "kv"]
                for _ in range(layers)]

    trunk = caches(2 * batch, s.heads, s.width, s.layers, s.class_tokens + s.count)
    decoder = caches(batch, s.decoder[1] // 64, s.decoder[1], s.decoder[0], s.count)

    @torch.inference_mode()
    def draw() -> None:
        if first == 0:
            h = model.trunk(model.tokens(labels), 0, trunk)[:, -1:]
        else:
            h = torch.randn(2 * batch, 1, s.width).to(dtype)
        for i in range(first, last):
            condition, z, g = model.condition(h, i), starts[i], 1 + (SCALE - 1) * i / s.count
            if graphs:
                g = torch.full((), g, dtype=dtype)
            for j in range(steps):
                z = whole(z, embedded[j], condition, g)
                if graphs:  # whose results share one memory
                    z = z.clone()
            y = model.decode(sphere(z), i, decoder)
            if i + 1 < s.count:
                h = model.trunk(model.embed(torch.cat([y, y])), s.class_tokens + i, trunk)

    return draw


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", choices=["step", "sample"])
    parser.add_argument("--preset", choices=PRESETS, default="nano")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--positions", help="A-B, of a sample")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--bf16", action="store_true")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--lpips", action="store_true")
    parser.add_argument("--micro-batch", type=int)
    parser.add_argument("--steps", type=int, default=25, help="of the flow, for a sample")
    parser.add_argument("--sde", action="store_true")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    # All tensors are made there.
    torch.set_default_device(args.device)
    sizes, rate = PRESETS[args.preset], 1.0
    if args.work == "step":
        run = training(sizes, args.batch, args.compile, args.bf16, args.device, args.lpips,
                       args.micro_batch)
    else:
        first, last = map(int, (args.positions or f"0-{sizes.count}").split("-"))
        rate = sizes.count / (last - first)
        run = drawing(sizes, args.batch, args.compile, args.bf16, first, last, args.device,
                      args.steps, args.sde)
    wait = torch.cuda.synchronize if args.device == "cuda" else lambda: None
    for _ in range(2):
        run()
    rounds = []
    for _ in range(args.rounds):
        wait()
        start = time.perf_counter()
        run()
        wait()
        rounds.append((time.perf_counter() - start) * rate)
    json.dump({"check": "peer", "work": args.work, "preset": args.preset, "batch": args.batch,
               "threads": args.threads, "precision": "bf16" if args.bf16 else "fp32",
               "peer": f"torch {torch.__version__}" + (" compiled" if args.compile else ""),
               "seconds": statistics.median(rounds), "device": args.device,
               "images_per_second": args.batch / statistics.median(rounds),
               "memory_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10,
               "rounds": rounds}, sys.stdout)
    print()
