"""One training step (model.md section 4) and sampling (section 5)."""

import math

import torch

import philox
from model import Model, Tensors


def rows(draw, seed: int, batch: int, count: int, step: int, stream: int) -> torch.Tensor:
    """One row of `count` numbers for each place of the batch."""
    return torch.tensor(
        [draw(seed, count, step, b, stream) for b in range(batch)], dtype=torch.float64)


def losses(model: Model, p: Tensors, y: torch.Tensor, labels: list[int], step: int) -> dict:
    """Losses and activations of both passes for y [batch, N, P]."""
    c, seed, batch = model.config, model.config["seed"], len(labels)
    N, k, R = model.positions, model.k, model.config["loss"]["flow_repeat"]
    drop = c["training"]["label_drop"]
    labels = [
        model.classes if philox.uniforms(seed, 1, step, b, 2)[0] < drop else label
        for b, label in enumerate(labels)]
    clean = c["method"] == "clean-input"
    h = model.trunk(p, labels, y[:, :-1]) if clean or model.reads_hidden() else None
    z = model.normalize(model.encode(p, y, h))
    t_min = c["perturb"]["t_min"]
    t = t_min + (1 - t_min) * rows(philox.uniforms, seed, batch, N, step, 3)[..., None]
    e = rows(philox.normals, seed, batch, N * k, step, 4).reshape(batch, N, k)
    noisy = t * z + (1 - t) * e
    if c["perturb"]["renormalize"]:
        noisy = model.normalize(noisy)
    decoded = model.decode(p, noisy, h)
    hidden = h if clean else model.trunk(p, labels, decoded.detach()[:, :-1])
    r = torch.sigmoid(rows(philox.normals, seed, batch, R * N, step, 5)).reshape(batch, R, N)
    noise = rows(philox.normals, seed, batch, R * N * k, step, 6).reshape(batch, R, N, k)
    target = z.detach()[:, None]
    x = (1 - r[..., None]) * noise + r[..., None] * target
    velocity = model.velocity(p, x, r, hidden[:, None])
    mean, var = y.mean(-1, keepdim=True), y.var(-1, keepdim=True)
    out = {
        "loss.flow": ((velocity - (target - noise)) ** 2).mean(),
        "loss.l1": (decoded - y).abs().mean(),
        "loss.l2": ((decoded - y) ** 2).mean(),
        "loss.norm_pix":
            ((model.linear(p, "norm_pix", hidden) - (y - mean) / (var + 1e-6).sqrt()) ** 2).mean(),
    }
    weights = c["loss"]
    out["loss.rec"] = weights["l1"] * out["loss.l1"] + weights["l2"] * out["loss.l2"]
    out["loss"] = out["loss.flow"] + out["loss.rec"] + weights["norm_pix"] * out["loss.norm_pix"]
    activations = {"states": z, "perturbed": noisy, "decoded": decoded, "hidden": hidden,
                   "velocity": velocity.reshape(batch * R, N, k)}
    return {"losses": out, "activations": activations}


def learning_rate(t: dict, s: int) -> float:
    if s < t["warmup"]:
        return t["lr"] * min(1, (s + 1) / t["warmup"])
    if s >= t["total"]:
        return t["lr_min"]
    turned = math.pi * (s - t["warmup"]) / (t["total"] - t["warmup"])
    return t["lr_min"] + (t["lr"] - t["lr_min"]) / 2 * (1 + math.cos(turned))


def gradients(p: Tensors, loss: torch.Tensor) -> Tensors:
    """Gradient of the loss for every tensor; zero where the loss does not reach."""
    found = torch.autograd.grad(loss, list(p.values()), allow_unused=True, retain_graph=True)
    return {n: torch.zeros_like(p[n]) if x is None else x for n, x in zip(p, found)}


def norm(g: Tensors) -> float:
    """The norm over all tensors, summed in bytewise order of names."""
    return math.sqrt(sum(float((g[n] ** 2).sum()) for n in sorted(g, key=str.encode)))


def moments(t: dict, g: Tensors, m: Tensors, v: Tensors) -> tuple[Tensors, Tensors]:
    """AdamW's moments after a step with gradients g, which are clipped here."""
    scale, (b1, b2) = min(1.0, t["clip"] / (norm(g) + 1e-6)), t["betas"]
    return ({n: b1 * m[n] + (1 - b1) * scale * g[n] for n in g},
            {n: b2 * v[n] + (1 - b2) * (scale * g[n]) ** 2 for n in g})


def moved(t: dict, s: int, p: Tensors, m: Tensors, v: Tensors) -> Tensors:
    """Weights after step s, from its moments."""
    lr, (b1, b2), out = learning_rate(t, s), t["betas"], {}
    for n, w in p.items():
        decays = w.dim() == 2 and n not in ("trunk.class_embed.weight", "head.position")
        w = w.detach() * (1 - lr * t["weight_decay"] if decays else 1)
        out[n] = w - lr * (m[n] / (1 - b1 ** (s + 1))) / (
            (v[n] / (1 - b2 ** (s + 1))).sqrt() + t["eps"])
    return out


def averaged(decay: float, s: int, average: Tensors, p: Tensors) -> Tensors:
    """A moving average after step s that left weights p."""
    keep = min(decay, (1 + s) / (10 + s))
    return {n: keep * average[n] + (1 - keep) * w for n, w in p.items()}


def train(model: Model, p: Tensors, y: torch.Tensor, labels: list[int], steps: int):
    """Runs steps 0..steps-1 on one batch and yields what each computed."""
    t = model.config["training"]
    m = {name: torch.zeros_like(value) for name, value in p.items()}
    v = dict(m)
    averages = {d: dict(p) for d in t["ema"]}
    for s in range(steps):
        p = {name: value.detach().requires_grad_() for name, value in p.items()}
        out = losses(model, p, y, labels, s)
        g = gradients(p, out["losses"]["loss"])
        m, v = moments(t, g, m, v)
        p = moved(t, s, p, m, v)
        averages = {d: averaged(d, s, a, p) for d, a in averages.items()}
        yield {**out, "gradients": g, "grad_norm": norm(g), "lr": learning_rate(t, s), "m": m,
               "v": v, "weights": p, "averages": averages}


@torch.no_grad()
def sample(model: Model, p: Tensors, s: dict, numbers: list[int]) -> torch.Tensor:
    """Patches [count, N, P] before clamping; `s` is the configuration's section `sampling`."""
    seed, classes, batch = s["seed"], model.classes, len(numbers)
    if s["labels"] == "balanced":
        labels = [n % classes for n in numbers]
    else:
        labels = [int(philox.uniforms(seed, 1, 0, n, 9)[0] * classes) for n in numbers]
    both = labels + [classes] * batch
    patches = torch.zeros(batch, 0, model.patch_width, dtype=torch.float64)
    states = torch.zeros(batch, 0, model.k, dtype=torch.float64)
    seen = []
    for i in range(model.positions):
        h = model.trunk(p, both, torch.cat([patches, patches]))[:, -1:]
        seen.append(h[:batch])
        scale = s["scale"]
        if s["guidance"] == "linear":
            scale = 1 + (scale - 1) * i / model.positions

        def draw(q: int) -> torch.Tensor:
            return torch.tensor(
                [philox.normals(seed, model.k, i * 4096 + q, n, 1) for n in numbers],
                dtype=torch.float64)[:, None]

        def v(x: torch.Tensor, t: float) -> torch.Tensor:
            times = torch.full((2 * batch, 1), t, dtype=torch.float64)
            cond, null = model.velocity(p, torch.cat([x, x]), times, h, i).chunk(2)
            return null + scale * (cond - null)

        z, steps = draw(0), s["steps"]
        dt = 1 / steps
        for j in range(steps):
            t = j / steps
            if s["method"] == "sde":
                dt = (1 - 0.04) / steps
                t = j * dt
                z = z + ((1 + t) * v(z, t) - z) * dt + math.sqrt(2 * (1 - t) * dt) * draw(j + 1)
            elif s["method"] == "heun" and j + 1 < steps:
                slope = v(z, t)
                z = z + dt / 2 * (slope + v(z + slope * dt, t + dt))
            else:
                z = z + v(z, t) * dt
        if s["method"] == "sde":
            z = z + v(z, steps * dt) * 0.04
        states = torch.cat([states, model.normalize(z)], 1)
        decoded = model.decode(p, states, torch.cat(seen, 1))
        patches = torch.cat([patches, decoded[:, -1:]], 1)
    return patches


def to_bytes(model: Model, patches: torch.Tensor, rounding: str) -> torch.Tensor:
    """Patches [count, N, P] as images [count, H, H, C] of bytes."""
    x = assembled(model, patches).clamp(-1, 1)
    levels = (127.5 * x + 128 if rounding == "half-up" else 127.5 * (x + 1)).floor()
    return levels.clamp(0, 255).to(torch.uint8)


def assembled(model: Model, patches: torch.Tensor) -> torch.Tensor:
    """Patches [count, N, P] put together to images [count, H, H, C]."""
    image, g = model.config["image"], model.grid
    size, channels = image["patch"], image["channels"]
    x = patches.reshape(-1, g, g, size, size, channels).transpose(2, 3)
    return x.reshape(-1, g * size, g * size, channels)


def cut(model: Model, images: torch.Tensor) -> torch.Tensor:
    """Images [count, H, H, C] as patches [count, N, P]: (row, column, channel) in each."""
    image, g = model.config["image"], model.grid
    size, channels = image["patch"], image["channels"]
    x = images.reshape(-1, g, size, g, size, channels).transpose(2, 3)
    return x.reshape(-1, g * g, size * size * channels)
