"""Sampling (section 5 of the model page), with the program's random numbers."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from . import philox
from .images import Images
from .layers import Cache
from .model import PRAModel

Predict = Callable[[Tensor, float], Tensor]
KEYS = ("method", "steps", "guidance", "scale", "labels", "rounding", "seed")


def draw(
    model: PRAModel, count: int | None, numbers: Sequence[int] | None,
    labels: Sequence[int | str] | str | int | None, batch: int, changes: dict[str, Any],
) -> Images:
    """`PRAModel.sample`."""
    unknown = [key for key in changes if key not in KEYS]
    if unknown:
        raise TypeError(f"{unknown[0]}: unknown key of sampling; known are {', '.join(KEYS)}")
    if (count is None) == (numbers is None):
        raise TypeError("count or numbers, one of the two")
    settings = {**model.config["sampling"], **changes}
    wanted = list(range(count)) if count is not None else [int(n) for n in numbers or ()]
    found = _labels(model, settings, wanted, labels)
    pixels = []
    was_training = model.training
    model.eval()
    try:
        for first in range(0, len(wanted), batch):
            part = slice(first, first + batch)
            drawn = patches(model, settings, wanted[part], found[part])
            pixels.append(model.to_bytes(drawn, settings.get("rounding")))
    finally:
        model.train(was_training)
    image = model.config["image"]
    empty = np.zeros((0, image["size"], image["size"], image["channels"]), np.uint8)
    return Images(
        np.concatenate([empty, *pixels]), np.array(found, np.int64), np.array(wanted, np.int64),
        tuple(model.class_names[n] if n < len(model.class_names) else "" for n in found))


def _labels(
    model: PRAModel, settings: dict[str, Any], numbers: list[int],
    given: Sequence[int | str] | str | int | None,
) -> list[int]:
    if given is not None:
        each = [given] * len(numbers) if isinstance(given, (str, int)) else list(given)
        if len(each) != len(numbers):
            raise ValueError(f"labels: {len(each)} for {len(numbers)} images")
        return [int(n) for n in model.label_numbers(each)]
    classes = model.drawn_classes
    if settings["labels"] == "balanced":
        return [classes[n % len(classes)] for n in numbers]
    u = philox.uniforms(settings["seed"], 1, 0, np.array(numbers, np.int64), 9)[:, 0]
    return [classes[int(x * len(classes))] for x in u]


@torch.no_grad()
def patches(
    model: PRAModel, settings: dict[str, Any], numbers: list[int], labels: list[int]
) -> Tensor:
    """Patches [count, N, P] of images of these numbers, before clamping."""
    both, batch = torch.tensor(labels, device=model.device), len(numbers)
    is_guided = settings["scale"] != 1
    if is_guided:
        both = torch.cat([both, torch.full_like(both, model.classes)])
    places = np.array(numbers, np.int64)

    def noise(width: int, i: int, q: int) -> Tensor:
        drawn = philox.normals(settings["seed"], width, i * 4096 + q, places, 1)
        return torch.as_tensor(drawn, dtype=model.dtype, device=model.device)[:, None]

    def guided(output: Tensor, scale: float) -> Tensor:
        if not is_guided:
            return output
        conditional, null = output.chunk(2)
        return null + scale * (conditional - null)

    def doubled(x: Tensor) -> Tensor:
        return torch.cat([x, x]) if is_guided else x

    if model.method == "diffusion":
        def everywhere(q: int) -> Tensor:
            return torch.cat(
                [noise(model.patch_width, i, q) for i in range(model.positions)], 1)

        def predict(z: Tensor, t: float) -> Tensor:
            times = torch.full((len(both),), t, dtype=torch.float64, device=model.device)
            return guided(model.denoise(doubled(z), both, times), settings["scale"])

        return integrated(predict, everywhere(0), everywhere, settings, True)

    trunk, decoder = Cache(), Cache()
    hidden = model.trunk(model.trunk.tokens(both), cache=trunk)[:, -1:]
    out: list[Tensor] = []
    for i in range(model.positions):
        if i > 0:
            embedded = model.trunk.patch_embed(doubled(out[-1]))
            hidden = model.trunk(embedded, model.trunk.class_tokens + i - 1, cache=trunk)
        scale = settings["scale"]
        if settings["guidance"] == "linear":
            scale = 1 + (scale - 1) * i / model.positions

        def velocity(z: Tensor, t: float, h: Tensor = hidden, s: float = scale) -> Tensor:
            times = torch.full((len(both), 1), t, dtype=torch.float64, device=model.device)
            return guided(model.velocity(doubled(z), times, h, i), s)

        z = integrated(
            velocity, noise(model.state_width, i, 0),
            lambda q: noise(model.state_width, i, q), settings, model.predicts_patches)
        if model.has_states:
            z = model.decode(model.normalize(z), hidden[:batch], i, decoder)
        out.append(z)
    return torch.cat(out, 1)


def integrated(
    predict: Predict, z: Tensor, noise: Callable[[int], Tensor], settings: dict[str, Any],
    predicts_patches: bool,
) -> Tensor:
    """From z at time 0 to time 1; predict(z, t) is the guided output of the network."""
    def velocity(z: Tensor, t: float) -> Tensor:
        out = predict(z, t)
        return (out - z) / max(1 - t, 0.05) if predicts_patches else out

    def last(z: Tensor, t: float, dt: float) -> Tensor:
        return predict(z, t) if predicts_patches else z + velocity(z, t) * dt

    steps = settings["steps"]
    dt = 1 / steps
    if settings["method"] == "sde":
        dt = (1 - 0.04) / steps
        for j in range(steps):
            t = j * dt
            z = z + ((1 + t) * velocity(z, t) - z) * dt + math.sqrt(2 * (1 - t) * dt) * noise(j + 1)
        return last(z, steps * dt, 0.04)
    for j in range(steps - 1):
        slope = velocity(z, j / steps)
        if settings["method"] == "heun":
            slope = (slope + velocity(z + slope * dt, (j + 1) / steps)) / 2
        z = z + slope * dt
    return last(z, (steps - 1) / steps, dt)
