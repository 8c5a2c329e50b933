"""Writes Tests/Golden/oracle/<case>.{json,safetensors}: python generate.py [case ...]"""

import json
import pathlib
import struct
import sys

import torch

import philox
from model import Model, Tensors
from passes import sample, train

CLASSES, BATCH, STEPS = 3, 3, 3
GOLDEN = pathlib.Path(__file__).parents[2] / "Tests" / "Golden" / "oracle"

BASE = {
    "method": "pra", "seed": 11,
    "image": {"size": 8, "channels": 3, "patch": 4},
    "trunk": {"width": 16, "layers": 2, "heads": 2, "class_tokens": 2, "mlp_multiple": 8},
    "state": {"dim": 4, "norm": "sphere"},
    "head": {"width": 8, "blocks": 2, "groups": 1},
    "encoder": {"context": "hidden", "width": 8, "blocks": 2, "head_dim": 4},
    "decoder": {"context": "causal", "width": 8, "blocks": 2, "head_dim": 4},
    "perturb": {"t_min": 0.65, "renormalize": False},
    "loss": {"l1": 1.0, "l2": 0.0, "norm_pix": 0.1, "flow_repeat": 2},
    "training": {"batch": BATCH, "lr": 0.01, "lr_min": 0.001, "warmup": 2, "total": 5,
                 "betas": [0.9, 0.95], "eps": 1e-8, "weight_decay": 0.05, "clip": 1.0,
                 "label_drop": 0.1, "ema": [0.9, 0.999]},
    "sampling": {"method": "euler", "steps": 3, "guidance": "linear", "scale": 2.0,
                 "labels": "balanced", "seed": 5},
}
CASES: dict[str, dict] = {
    "default": {},
    "clean-input": {"method": "clean-input", "training": {"clip": 100.0, "label_drop": 0.5}},
    "alone": {"encoder": {"context": "none"}, "decoder": {"context": "none"},
              "sampling": {"method": "heun", "guidance": "constant"}},
    "image-hidden": {"encoder": {"context": "image"}, "decoder": {"context": "hidden"},
                     "state": {"norm": "layer"}, "perturb": {"renormalize": True},
                     "sampling": {"method": "sde", "labels": "random"}},
    "groups": {"seed": 2**40 + 7, "state": {"norm": "none"}, "head": {"groups": 2},
               "loss": {"l2": 0.5, "flow_repeat": 3}, "trunk": {"class_tokens": 1, "heads": 4},
               "training": {"warmup": 0}, "sampling": {"method": "heun", "scale": 1.0}},
    "gray": {"image": {"channels": 1, "patch": 2}, "trunk": {"class_tokens": 3},
             "perturb": {"renormalize": True, "t_min": 0.2},
             "sampling": {"method": "sde", "guidance": "constant", "scale": 1.5}},
    "teacher-forced": {"method": "teacher-forced", "sampling": {"method": "heun"}},
    "x-prediction": {"method": "x-prediction", "head": {"groups": 2},
                     "sampling": {"method": "sde"}},
    "x-heun": {"method": "x-prediction", "image": {"channels": 1},
               "sampling": {"method": "heun", "steps": 4, "scale": 1.0}},
    "noise-injection": {"method": "noise-injection", "noise_injection": {"sigma": 0.3},
                        "sampling": {"guidance": "constant"}},
    "exact-rollout": {"method": "exact-rollout", "rollout": {"steps": 3, "start": "perturbed"}},
    "exact-noise": {"method": "exact-rollout", "rollout": {"steps": 2, "start": "noise"},
                    "decoder": {"context": "hidden"}, "perturb": {"renormalize": True},
                    "encoder": {"context": "none"}, "state": {"norm": "layer"}},
    "diffusion": {"method": "diffusion", "sampling": {"method": "heun", "scale": 3.0}},
    "diffusion-sde": {"method": "diffusion", "trunk": {"class_tokens": 1},
                      "sampling": {"method": "sde", "labels": "random", "guidance": "constant"}},
}


def merged(base: dict, over: dict) -> dict:
    return {k: merged(v, over.get(k, {})) if isinstance(v, dict) else over.get(k, v)
            for k, v in base.items()}


def shaken(p: Tensors, seed: int) -> Tensors:
    """Moves every tensor by 0.1 * normal of stream 20, since initial zeros hide errors."""
    out = {}
    for name, value in p.items():
        noise = philox.normals(seed, value.numel(), philox.name_counter(name), 0, 20)
        out[name] = (value + 0.1 * torch.tensor(noise).reshape(value.shape)).float().double()
    return out


def write(path: pathlib.Path, tensors: Tensors) -> None:
    header, data = {}, b""
    for name, value in sorted(tensors.items()):
        raw = value.detach().float().contiguous().numpy().tobytes()
        header[name] = {"dtype": "F32", "shape": list(value.shape),
                        "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def generate(name: str) -> None:
    case = CASES[name]
    config = merged(BASE | {key: case[key] for key in case if key not in BASE}, case)
    model = Model(config, CLASSES)
    first = model.initial(config["seed"])
    p = shaken(first, config["seed"])
    count = model.positions * model.patch_width
    y = torch.tensor([philox.uniforms(99, count, 0, b, 21) for b in range(BATCH)])
    y = (2 * y - 1).float().double().reshape(BATCH, model.positions, model.patch_width)
    labels = [b % CLASSES for b in range(BATCH)]
    tensors: Tensors = {"y": y}
    tensors |= {f"initial.{n}": v for n, v in first.items()} if name == "default" else {}
    series = []
    for step, out in enumerate(train(model, p, y, labels, STEPS)):
        values = {n: float(v.detach()) for n, v in out["losses"].items()}
        series.append({**values, "grad_norm": out["grad_norm"], "lr": out["lr"]})
        if step == 0:
            tensors |= {f"activation.{n}": v for n, v in out["activations"].items()}
            tensors |= {f"gradient.{n}": v for n, v in out["gradients"].items()}
        if step == STEPS - 1:
            tensors |= {f"m.{n}": v for n, v in out["m"].items()}
            tensors |= {f"v.{n}": v for n, v in out["v"].items()}
            tensors |= {f"weight.{n}": v for n, v in out["weights"].items()}
            for decay, average in out["averages"].items():
                tensors |= {f"ema-{decay}.{n}": v for n, v in average.items()}
    tensors["sample"] = sample(model, p, config["sampling"], [0, 1, 7])
    GOLDEN.mkdir(parents=True, exist_ok=True)
    write(GOLDEN / f"{name}.safetensors", tensors)
    record = {"classes": CLASSES, "labels": labels, "config": config, "series": series}
    (GOLDEN / f"{name}.json").write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    torch.set_default_dtype(torch.float64)
    for case in sys.argv[1:] or CASES:
        generate(case)
