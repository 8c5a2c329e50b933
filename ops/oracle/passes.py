"""One training step (model.md section 4) and sampling (section 5)."""

import math

import torch

import philox
from model import PATCHES, PREDICTING, Model, Tensors

SERIES = ("loss.flow", "loss.l1", "loss.l2", "loss.lpips", "loss.norm_pix", "loss.rec", "loss")


def rows(draw, seed: int, batch: int, count: int, step: int, stream: int) -> torch.Tensor:
    """One row of `count` numbers per position of the batch."""
    return torch.tensor(
        [draw(seed, count, step, b, stream) for b in range(batch)], dtype=torch.float64)


def dropped(model: Model, labels: list[int], step: int) -> list[int]:
    """Labels after the drop."""
    drop, seed = model.config["training"]["label_drop"], model.config["seed"]
    return [
        model.classes if philox.uniforms(seed, 1, step, b, 2)[0] < drop else label
        for b, label in enumerate(labels)]


def losses(model: Model, p: Tensors, y: torch.Tensor, labels: list[int], step: int,
           perceptual=None) -> dict:
    """Losses and activations of one step for y [batch, N, P]; `perceptual` is LPIPS, if any."""
    labels = dropped(model, labels, step)
    if model.method == "diffusion":
        return diffusion_losses(model, p, y, labels, step)
    c, weights = model.config, model.config["loss"]
    out: dict = {}
    if model.method in PATCHES:
        fed = y
        if model.method == "noise-injection":
            e = rows(philox.normals, c["seed"], len(labels), y[0].numel(), step, 4)
            fed = y + c["noise_injection"]["sigma"] * e.reshape(y.shape)
        hidden, target = model.trunk(p, labels, fed[:, :-1]), y
        activations = {"hidden": hidden}
        out["loss.rec"] = torch.zeros(())
    else:
        out, activations = reconstruction_losses(
            model, p, y, labels, step, perceptual)
        hidden, target = activations["hidden"], activations["states"].detach()
    out["loss.flow"], activations["velocity"] = flow_loss(model, p, target, hidden, step)
    mean, var = y.mean(-1, keepdim=True), y.var(-1, keepdim=True)
    wanted = (y - mean) / (var + 1e-6).sqrt()
    out["loss.norm_pix"] = ((model.linear(p, "norm_pix", hidden) - wanted) ** 2).mean()
    out["loss"] = out["loss.flow"] + out["loss.rec"] + weights["norm_pix"] * out["loss.norm_pix"]
    return {"losses": {name: out[name] for name in SERIES if name in out},
            "activations": activations}


def reconstruction_losses(model: Model, p: Tensors, y: torch.Tensor, labels: list[int],
                          step: int, perceptual) -> tuple[dict, Tensors]:
    """Steps 1 to 5 of section 4: states, decoded patches, and h' of the AR pass."""
    c, seed, (batch, N), k = model.config, model.config["seed"], y.shape[:2], model.k
    clean = model.method == "clean-input"
    h = model.trunk(p, labels, y[:, :-1]) if clean or model.reads_hidden() else None
    z = model.normalize(model.encode(p, y, h))
    t_min = c["perturb"]["t_min"]
    t = t_min + (1 - t_min) * rows(philox.uniforms, seed, batch, N, step, 3)[..., None]
    e = rows(philox.normals, seed, batch, N * k, step, 4).reshape(batch, N, k)
    mixed = t * z + (1 - t) * e
    noisy = model.normalize(mixed) if c["perturb"]["renormalize"] else mixed
    decoded = model.decode(p, noisy, h)
    activations = {"states": z, "perturbed": noisy, "decoded": decoded}
    if clean:
        hidden = h
    elif model.method == "exact-rollout":
        fed = rollout(model, p, labels, mixed.detach(), t[..., 0], e)
        activations["rollout"] = fed
        hidden = model.trunk(p, labels, fed[:, :-1])
    else:
        hidden = model.trunk(p, labels, decoded.detach()[:, :-1])
    l1, l2 = (decoded - y).abs().mean(), ((decoded - y) ** 2).mean()
    weights = c["loss"]
    out = {"loss.l1": l1, "loss.l2": l2, "loss.rec": weights["l1"] * l1 + weights["l2"] * l2}
    if weights["lpips"]:
        out["loss.lpips"] = perceptual(assembled(model, decoded), assembled(model, y))
        out["loss.rec"] = out["loss.rec"] + weights["lpips"] * out["loss.lpips"]
    return out, activations | {"hidden": hidden}


def flow_loss(model: Model, p: Tensors, target: torch.Tensor, hidden: torch.Tensor,
              step: int) -> tuple[torch.Tensor, torch.Tensor]:
    """L_flow, and the head's output [batch * R, N, k]."""
    (batch, N, k), seed = target.shape, model.config["seed"]
    R = model.config["loss"]["flow_repeat"]
    r = torch.sigmoid(rows(philox.normals, seed, batch, R * N, step, 5)).reshape(batch, R, N)
    noise = rows(philox.normals, seed, batch, R * N * k, step, 6).reshape(batch, R, N, k)
    x = (1 - r[..., None]) * noise + r[..., None] * target[:, None]
    output = model.velocity(p, x, r, hidden[:, None])
    velocity, wanted = output, target[:, None] - noise
    if model.method in PREDICTING:
        left = (1 - r[..., None]).clamp(min=0.05)
        velocity, wanted = (output - x) / left, (target[:, None] - x) / left
    return ((velocity - wanted) ** 2).mean(), output.reshape(batch * R, N, k)


def diffusion_losses(model: Model, p: Tensors, y: torch.Tensor, labels: list[int],
                     step: int) -> dict:
    (batch, N, P), seed = y.shape, model.config["seed"]
    r = torch.sigmoid(rows(philox.normals, seed, batch, 1, step, 5))[:, 0]
    noise = rows(philox.normals, seed, batch, N * P, step, 6).reshape(batch, N, P)
    r3 = r[:, None, None]
    x = (1 - r3) * noise + r3 * y
    output = model.denoised(p, labels, x, r)
    left = (1 - r3).clamp(min=0.05)
    loss = (((output - x) / left - (y - x) / left) ** 2).mean()
    out = {"loss.flow": loss, "loss.rec": torch.zeros(()), "loss": loss}
    return {"losses": out, "activations": {"velocity": output}}


@torch.no_grad()
def rollout(model: Model, p: Tensors, labels: list[int], mixed: torch.Tensor, t: torch.Tensor,
            e: torch.Tensor) -> torch.Tensor:
    """The input of `exact-rollout`: patches [batch, N, P] drawn one after the other."""
    c, (batch, N, _) = model.config["rollout"], mixed.shape
    patches = torch.zeros(batch, 0, model.patch_width)
    states, seen = torch.zeros(batch, 0, model.k), []
    for i in range(N):
        seen.append(model.trunk(p, labels, patches)[:, -1:])
        start, z = t[:, i:i + 1], mixed[:, i:i + 1]
        if c["start"] == "noise":
            start, z = torch.zeros(batch, 1), e[:, i:i + 1]
        for j in range(c["steps"]):
            dt = (1 - start) / c["steps"]
            z = z + dt[..., None] * model.velocity(p, z, start + j * dt, seen[-1], i)
        states = torch.cat([states, model.normalize(z)], 1)
        decoded = model.decode(p, states, torch.cat(seen, 1))
        patches = torch.cat([patches, decoded[:, -1:]], 1)
    return patches


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
    """Runs steps 0..steps-1 on one batch and yields the results of each."""
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


def integrated(predict, z: torch.Tensor, draw, s: dict, predicts_x: bool) -> torch.Tensor:
    """From z at time 0 to time 1; predict(z, t) is the guided output of the network."""
    def v(z: torch.Tensor, t: float) -> torch.Tensor:
        out = predict(z, t)
        return (out - z) / max(1 - t, 0.05) if predicts_x else out

    def last(z: torch.Tensor, t: float, dt: float) -> torch.Tensor:
        return predict(z, t) if predicts_x else z + v(z, t) * dt

    steps = s["steps"]
    dt = 1 / steps
    if s["method"] == "sde":
        dt = (1 - 0.04) / steps
        for j in range(steps):
            t = j * dt
            z = z + ((1 + t) * v(z, t) - z) * dt + math.sqrt(2 * (1 - t) * dt) * draw(j + 1)
        return last(z, steps * dt, 0.04)
    for j in range(steps - 1):
        slope = v(z, j / steps)
        if s["method"] == "heun":
            slope = (slope + v(z + slope * dt, (j + 1) / steps)) / 2
        z = z + slope * dt
    return last(z, (steps - 1) / steps, dt)


@torch.no_grad()
def sample(model: Model, p: Tensors, s: dict, numbers: list[int]) -> torch.Tensor:
    """Patches [count, N, P] before clamping; `s` is the configuration's section `sampling`."""
    seed, classes, batch = s["seed"], model.classes, len(numbers)
    # The data sets that are compared have images of every class.
    if s["labels"] == "balanced":
        labels = [n % classes for n in numbers]
    else:
        labels = [int(philox.uniforms(seed, 1, 0, n, 9)[0] * classes) for n in numbers]
    both = labels + [classes] * batch
    predicts_x, width = model.method in PREDICTING, model.k
    if model.method == "diffusion":
        width = model.patch_width

    def drawn(i: int, q: int) -> torch.Tensor:
        return torch.tensor(
            [philox.normals(seed, width, i * 4096 + q, n, 1) for n in numbers])[:, None]

    def guided(output: torch.Tensor, scale: float) -> torch.Tensor:
        cond, null = output.chunk(2)
        return null + scale * (cond - null)

    if model.method == "diffusion":
        def everywhere(q: int) -> torch.Tensor:
            return torch.cat([drawn(i, q) for i in range(model.positions)], 1)

        def predict(z: torch.Tensor, t: float) -> torch.Tensor:
            x = model.denoised(p, both, torch.cat([z, z]), torch.full((2 * batch,), t))
            return guided(x, s["scale"])

        return integrated(predict, everywhere(0), everywhere, s, predicts_x)

    patches = torch.zeros(batch, 0, model.patch_width)
    states, seen = torch.zeros(batch, 0, model.k), []
    for i in range(model.positions):
        h = model.trunk(p, both, torch.cat([patches, patches]))[:, -1:]
        seen.append(h[:batch])
        scale = s["scale"]
        if s["guidance"] == "linear":
            scale = 1 + (scale - 1) * i / model.positions

        def predict(z: torch.Tensor, t: float) -> torch.Tensor:
            times = torch.full((2 * batch, 1), t)
            return guided(model.velocity(p, torch.cat([z, z]), times, h, i), scale)

        z = integrated(predict, drawn(i, 0), lambda q: drawn(i, q), s, predicts_x)
        if model.method in PATCHES:
            patch = z
        else:
            states = torch.cat([states, model.normalize(z)], 1)
            patch = model.decode(p, states, torch.cat(seen, 1))[:, -1:]
        patches = torch.cat([patches, patch], 1)
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
