"""The model of model.md section 3 in float64, written for comparison, not for speed."""

import math

import torch
import torch.nn.functional as F

import philox

Tensors = dict[str, torch.Tensor]

# The methods (section 9) whose head generates patches; those whose network predicts x.
PATCHES = ("teacher-forced", "x-prediction", "noise-injection")
PREDICTING = ("x-prediction", "diffusion")


class Model:
    """Shapes, initial values, and the parts as functions of a dictionary of tensors."""

    def __init__(self, config: dict, classes: int) -> None:
        self.config, self.classes = config, classes
        image = config["image"]
        self.grid = image["size"] // image["patch"]
        self.positions = self.grid**2
        self.patch_width = image["patch"] ** 2 * image["channels"]
        self.method = config["method"]
        self.k = self.patch_width if self.method in PATCHES else config["state"]["dim"]
        self.kinds: dict[str, tuple[tuple[int, ...], str]] = {}
        self._declare()

    # ---- shapes and initialisation (3.6) -----------------------------------------------------
    def _linear(self, name: str, out: int, inp: int, kind: str = "xavier", bias: str = "zero"):
        self.kinds[f"{name}.weight"] = ((out, inp), kind)
        if bias:
            self.kinds[f"{name}.bias"] = ((out,), bias)

    def hidden(self, d: int) -> int:
        m = self.config["trunk"]["mlp_multiple"]
        return m * math.ceil(8 * d / (3 * m))

    def _blocks(self, name: str, d: int, layers: int) -> None:
        for i in range(layers):
            p = f"{name}.blocks.{i}"
            self.kinds[f"{p}.attn_norm.weight"] = ((d,), "one")
            self.kinds[f"{p}.mlp_norm.weight"] = ((d,), "one")
            self._linear(f"{p}.qkv", 3 * d, d, "small", "")
            self._linear(f"{p}.out", d, d, "small", "")
            self._linear(f"{p}.up", 2 * self.hidden(d), d, "small", "")
            self._linear(f"{p}.down", d, self.hidden(d), "small", "")

    def _mlp(self, name: str, inp: int, w: int, out: int, blocks: int, groups: int, cond: bool,
             gate: str = "zero", output: str = "xavier") -> None:
        self._linear(f"{name}.input", w, inp)
        for b in range(blocks):
            self.kinds[f"{name}.blocks.{b}.norm.weight"] = ((w,), "one")
            self.kinds[f"{name}.blocks.{b}.norm.bias"] = ((w,), "zero")
            self._linear(f"{name}.blocks.{b}.up", 3 * w, w)
            self._linear(f"{name}.blocks.{b}.down", w, 3 * w // 2)
        if cond:
            for g in range(groups):
                self._linear(f"{name}.modulation.{g}", 3 * w, w, "zero", gate)
            self._linear(f"{name}.final_modulation", 2 * w, w, "zero")
        self._linear(f"{name}.output", out, w, output)

    def _declare(self) -> None:
        c, d, P, k = self.config, self.config["trunk"]["width"], self.patch_width, self.k
        t, h, e, r = c["trunk"], c["head"], c["encoder"], c["decoder"]
        self.kinds["trunk.class_embed.weight"] = (
            (self.classes + 1, t["class_tokens"] * d), "small")
        self._linear("trunk.patch_embed", d, P, "small")
        self.kinds["trunk.embed_norm.weight"] = ((d,), "one")
        self._blocks("trunk", d, t["layers"])
        self.kinds["trunk.norm.weight"] = ((d,), "one")
        if self.method == "diffusion":
            self._linear("dit.time.0", d, 256)
            self._linear("dit.time.2", d, d)
            self._linear("dit.output", P, d, "zero")
            return
        self.kinds["head.position"] = ((self.positions, d), "small")
        self._linear("head.cond", h["width"], d)
        self._linear("head.time.0", h["width"], 256)
        self._linear("head.time.2", h["width"], h["width"])
        self._mlp("head", k, h["width"], k, h["blocks"], h["groups"], True, output="zero")
        self._linear("norm_pix", P, d)
        if self.method in PATCHES:
            return
        for name, part, inp, out in (("encoder", e, P, k), ("decoder", r, k, P)):
            w, context = part["width"], part["context"]
            if context in ("image", "causal"):
                self._linear(f"{name}.input", w, inp)
                self._blocks(name, w, part["blocks"])
                self.kinds[f"{name}.norm.weight"] = ((w,), "one")
                self._linear(f"{name}.output", out, w)
            else:
                if context == "hidden":
                    self._linear(f"{name}.cond", w, d)
                self._mlp(name, inp, w, out, part["blocks"], 1, context == "hidden", "gate")

    def initial(self, seed: int) -> Tensors:
        """Initial values, rounded to float32 as in the model."""
        tensors = {}
        for name, (shape, kind) in self.kinds.items():
            n, a = math.prod(shape), philox.name_counter(name)
            if kind == "small":
                flat = [0.02 * x for x in philox.normals(seed, n, a, 0, 10)]
            elif kind == "xavier":
                bound = math.sqrt(6 / sum(shape))
                flat = [bound * (2 * u - 1) for u in philox.uniforms(seed, n, a, 0, 10)]
            elif kind == "gate":
                flat = [0.0] * (n - n // 3) + [1.0] * (n // 3)
            else:
                flat = [float(kind == "one")] * n
            tensors[name] = torch.tensor(flat).float().double().reshape(shape)
        return tensors

    # ---- parts ---------------------------------------------------------------------------------
    @staticmethod
    def linear(p: Tensors, name: str, x: torch.Tensor) -> torch.Tensor:
        return F.linear(x, p[f"{name}.weight"], p.get(f"{name}.bias"))

    @staticmethod
    def rms(x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        return x * torch.rsqrt((x * x).mean(-1, keepdim=True) + 1e-6) * weight

    @staticmethod
    def bare_norm(x: torch.Tensor) -> torch.Tensor:
        return F.layer_norm(x, x.shape[-1:], eps=1e-6)

    def transformer(self, p: Tensors, name: str, x: torch.Tensor, layers: int, heads: int,
                    class_tokens: int, causal: bool) -> torch.Tensor:
        batch, count, d = x.shape
        size = d // heads
        places = [(0, 0)] * class_tokens
        places += [(i // self.grid + 1, i % self.grid + 1) for i in range(self.positions)]
        frequency = [10000 ** (-j / (size // 4)) for j in range(size // 4)]
        angle = torch.tensor(
            [[r * f for f in frequency] + [s * f for f in frequency] for r, s in places[:count]],
            dtype=torch.float64)

        def turn(q: torch.Tensor) -> torch.Tensor:
            a, b = q[..., 0::2], q[..., 1::2]
            cos, sin = angle.cos(), angle.sin()
            return torch.stack([a * cos - b * sin, a * sin + b * cos], -1).flatten(-2)

        mask = torch.full((count, count), -math.inf, dtype=torch.float64).triu(1)
        for i in range(layers):
            q = f"{name}.blocks.{i}"
            parts = self.linear(p, f"{q}.qkv", self.rms(x, p[f"{q}.attn_norm.weight"]))
            query, key, value = (
                part.reshape(batch, count, heads, size).transpose(1, 2)
                for part in parts.split(d, -1))
            scores = turn(query) @ turn(key).transpose(-1, -2) / math.sqrt(size)
            mixed = (scores + mask if causal else scores).softmax(-1) @ value
            x = x + self.linear(p, f"{q}.out", mixed.transpose(1, 2).reshape(batch, count, d))
            a, b = self.linear(p, f"{q}.up", self.rms(x, p[f"{q}.mlp_norm.weight"])).chunk(2, -1)
            x = x + self.linear(p, f"{q}.down", F.silu(a) * b)
        return x

    def trunk(self, p: Tensors, labels: list[int], patches: torch.Tensor) -> torch.Tensor:
        """h_0.. for the given patches and one more: [batch, given + 1, d]."""
        t = self.config["trunk"]
        tokens = p["trunk.class_embed.weight"][labels].reshape(len(labels), t["class_tokens"], -1)
        x = torch.cat([tokens, self.linear(p, "trunk.patch_embed", patches)], 1)
        x = self.rms(x, p["trunk.embed_norm.weight"])
        x = self.transformer(
            p, "trunk", x, t["layers"], t["heads"], t["class_tokens"], causal=True)
        return self.rms(x, p["trunk.norm.weight"])[:, t["class_tokens"] - 1:]

    def embedded_time(self, p: Tensors, name: str, time: torch.Tensor) -> torch.Tensor:
        """The time features of 3.2 and their two layers: [...] -> [..., width]."""
        angle = 1000 * time[..., None] * torch.tensor(
            [math.exp(-math.log(10000) * j / 128) for j in range(128)])
        features = torch.cat([angle.cos(), angle.sin()], -1)
        return self.linear(p, f"{name}.2", F.silu(self.linear(p, f"{name}.0", features)))

    def denoised(self, p: Tensors, labels: list[int], patches: torch.Tensor,
                 time: torch.Tensor) -> torch.Tensor:
        """x of `diffusion`: all patches [batch, N, P], with one time per image."""
        t = self.config["trunk"]
        tokens = p["trunk.class_embed.weight"][labels].reshape(len(labels), t["class_tokens"], -1)
        x = torch.cat([tokens, self.linear(p, "trunk.patch_embed", patches)], 1)
        x = x + self.embedded_time(p, "dit.time", time)[:, None]
        x = self.rms(x, p["trunk.embed_norm.weight"])
        x = self.transformer(
            p, "trunk", x, t["layers"], t["heads"], t["class_tokens"], causal=False)
        x = self.rms(x, p["trunk.norm.weight"])[:, t["class_tokens"]:]
        return self.linear(p, "dit.output", x)

    def mlp(self, p: Tensors, name: str, x: torch.Tensor, m: torch.Tensor | None, blocks: int,
            groups: int = 1) -> torch.Tensor:
        x = self.linear(p, f"{name}.input", x)
        for b in range(blocks):
            q = f"{name}.blocks.{b}"
            u = F.layer_norm(
                x, x.shape[-1:], p[f"{q}.norm.weight"], p[f"{q}.norm.bias"], eps=1e-6)
            gate = torch.ones(())
            if m is not None:
                group = b // (blocks // groups)
                scale, shift, gate = self.linear(p, f"{name}.modulation.{group}", m).chunk(3, -1)
                u = u * (1 + scale) + shift
            a, v = self.linear(p, f"{q}.up", u).chunk(2, -1)
            x = x + gate * self.linear(p, f"{q}.down", F.silu(a) * v)
        x = self.bare_norm(x)
        if m is not None:
            scale, shift = self.linear(p, f"{name}.final_modulation", m).chunk(2, -1)
            x = x * (1 + scale) + shift
        return self.linear(p, f"{name}.output", x)

    def velocity(self, p: Tensors, x: torch.Tensor, time: torch.Tensor, h: torch.Tensor,
                 first: int = 0) -> torch.Tensor:
        """The head's output (v, or x in `x-prediction`) for x [..., n, k] at times [..., n], at
        positions first.. with h [..., n, d]."""
        embedded = self.embedded_time(p, "head.time", time)
        placed = h + p["head.position"][first:first + h.shape[-2]]
        m = F.silu(embedded + self.linear(p, "head.cond", placed))
        head = self.config["head"]
        return self.mlp(p, "head", x, m, head["blocks"], head["groups"])

    def encode(self, p: Tensors, y: torch.Tensor, h: torch.Tensor | None) -> torch.Tensor:
        e = self.config["encoder"]
        if e["context"] == "image":
            x = self.transformer(p, "encoder", self.linear(p, "encoder.input", y), e["blocks"],
                                 e["width"] // e["head_dim"], 0, causal=False)
            return self.linear(p, "encoder.output", self.rms(x, p["encoder.norm.weight"]))
        m = None
        if e["context"] == "hidden":
            m = F.silu(self.linear(p, "encoder.cond", h.detach()))
        return self.mlp(p, "encoder", y, m, e["blocks"])

    def decode(self, p: Tensors, z: torch.Tensor, h: torch.Tensor | None) -> torch.Tensor:
        r = self.config["decoder"]
        if r["context"] == "causal":
            x = self.transformer(p, "decoder", self.linear(p, "decoder.input", z), r["blocks"],
                                 r["width"] // r["head_dim"], 0, causal=True)
            return self.linear(p, "decoder.output", self.rms(x, p["decoder.norm.weight"]))
        m = None
        if r["context"] == "hidden":
            m = F.silu(self.linear(p, "decoder.cond", h.detach()))
        return self.mlp(p, "decoder", z, m, r["blocks"])

    def normalize(self, z: torch.Tensor) -> torch.Tensor:
        norm = self.config["state"]["norm"]
        if norm == "sphere":
            return z * math.sqrt(self.k) * torch.rsqrt((z * z).sum(-1, keepdim=True) + 1e-12)
        return self.bare_norm(z) if norm == "layer" else z

    def reads_hidden(self) -> bool:
        if self.method in PATCHES:
            return False
        return "hidden" in (self.config["encoder"]["context"], self.config["decoder"]["context"])
