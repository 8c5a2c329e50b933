"""Compares a trained model's files with the specification, computed in float64.

    compare.py step   step-<n> step-<n+1> --data FILE [--metrics CSV] [--lpips FILE...] [--rows N]
    compare.py sample step-<n> IMAGES

`step` repeats training step n from the first folder and compares with the second one; FILE is the
packed data set or the archive it was made of, CSV an export with columns run, name, step, value. The
N tensors that differ most are shown as a table. A run with LPIPS needs the files of its weights.
`sample` draws the images that lie in the folder IMAGES as 000007.png and so on, with the sampling
section of the checkpoint's configuration. Exits 1 where a tolerance of model.md's preface is
missed.
"""

import argparse
import csv
import json
import pathlib
import sys

import torch

import order
from files import Checkpoint, DataSet, pixels
from model import Model, Tensors
from passes import (averaged, cut, gradients, learning_rate, losses, moments, moved, norm, sample,
                    to_bytes)
from perceptual import LPIPS

LOSS, FIRST, SECOND = 1e-5, 1e-4, 2e-4  # model.md, preface
ROUNDING = 2e-6  # what follows from the program's own numbers, but for float32
KINK = 1e-5  # residuals whose sign float32 cannot know


def supported(config: dict) -> None:
    """Refuses configurations that this implementation does not cover."""
    precision = config["training"]["precision"]
    if precision != "fp32":
        raise SystemExit(f"training.precision: {precision!r} is not covered; expected 'fp32'")


class Report:
    """The comparisons, worst first, and whether all tolerances held."""

    def __init__(self) -> None:
        self.held = True
        self.errors: dict[str, dict[str, float]] = {}

    def check(self, what: str, error: float, limit: float) -> None:
        held = error <= limit  # false for NaN
        self.held &= held
        print(f"{'ok  ' if held else 'MISS'} {what}: {error:.2e} (limit {limit:.0e})")

    def tensors(self, what: str, found: Tensors, expected: Tensors, limit: float) -> None:
        """The largest error over tensors, each relative to its own norm."""
        if set(found) != set(expected):
            raise SystemExit(f"{what}: names differ: {sorted(set(found) ^ set(expected))}")
        errors = {n: distance(found[n], expected[n]) for n in found}
        worst = max(errors, key=lambda n: errors[n] if errors[n] == errors[n] else float("inf"))
        self.check(f"{what} of {len(errors)} tensors, worst {worst}", errors[worst], limit)
        self.errors[what] = errors

    def table(self, rows: int) -> None:
        """The tensors that differ most in any column, worst first."""
        columns = list(self.errors)
        names = sorted(
            self.errors[columns[0]], key=lambda n: -max(self.errors[c][n] for c in columns))
        print(f"\n| largest differences by tensor | {' | '.join(columns)} |")
        print("|---" * (len(columns) + 1) + "|")
        for name in names[:rows]:
            print(f"| `{name}` | {' | '.join(f'{self.errors[c][name]:.1e}' for c in columns)} |")


def distance(found: torch.Tensor, expected: torch.Tensor) -> float:
    if found.shape != expected.shape:
        return float("inf")
    return float((found - expected).norm() / expected.norm().clamp_min(1e-12))


def settled(p: Tensors, g: Tensors, wanted: Tensors, decoded: torch.Tensor, y: torch.Tensor,
            weight: float) -> Tensors:
    """Gradients in which the smallest residuals have the program's signs.

    A sign that float32 cannot know is a number among -1, 0 and 1: the ones that fit `wanted` best
    by least squares, rounded. One that is wrong still shows, since it then fits no better.
    """
    residual = (decoded - y).detach()
    places = ((residual.abs() < KINK).nonzero() if weight > 0 else torch.empty(0, 3)).tolist()
    names = [n for n in p if n.startswith(("encoder.", "decoder."))]
    if not places:
        return g
    print(f"     {len(places)} residuals below {KINK:.0e}: their signs are free")
    rows = []
    for place in places:
        rows.append(gradients({n: p[n] for n in names}, decoded[tuple(place)]))
    unit = weight / residual.numel()
    flat = torch.stack([torch.cat([r[n].flatten() for n in names]) for r in rows], 1) * unit
    missing = torch.cat([(wanted[n] - g[n]).flatten() for n in names])
    change = torch.linalg.lstsq(flat, missing[:, None]).solution[:, 0]
    signs = torch.stack([residual[tuple(q)] for q in places]).sign()
    change = (signs + change).round().clamp(-1, 1) - signs
    moved_by = (flat @ change).split([p[n].numel() for n in names])
    return g | {n: g[n] + d.reshape(p[n].shape) for n, d in zip(names, moved_by)}


def compare_step(args: argparse.Namespace) -> bool:
    before, after = Checkpoint(args.before), Checkpoint(args.after)
    config, t, s = before.config, before.config["training"], before.step
    supported(config)
    if after.config != config or after.step != s + 1:
        raise SystemExit(f"{args.after}: not step {s + 1} of the same run")
    model = Model(config, config["classes"])
    image, seed = config["image"], config["seed"]
    data = DataSet(args.data, image["size"], image["channels"])
    numbers = order.batch(len(data.labels), seed, s, t["batch"])
    drawn = [order.augmented(data.images[n], t, seed, s, b) for b, n in enumerate(numbers)]
    y = cut(model, torch.tensor(drawn).float().double())
    p = {n: w.requires_grad_() for n, w in before.weights.items()}
    if {n: w.shape for n, w in p.items()} != {n: k[0] for n, k in model.kinds.items()}:
        raise SystemExit(f"{args.before}/model.safetensors: names or shapes differ from the page's")
    if config["loss"]["lpips"] and not args.lpips:
        raise SystemExit("the run has loss.lpips; name the files of its weights with --lpips")
    perceptual = LPIPS(args.lpips) if args.lpips else None
    out = losses(model, p, y, [data.labels[n] for n in numbers], s, perceptual)
    g = gradients(p, out["losses"]["loss"])
    values = {n: float(x.detach()) for n, x in out["losses"].items()}
    values |= {"grad_norm": norm(g), "lr": learning_rate(t, s)}
    print(json.dumps({"step": s, **values}))

    report = Report()
    b1, clip = t["betas"][0], min(1.0, t["clip"] / (norm(g) + 1e-6))
    own = {n: (after.m[n] - b1 * before.m[n]) / (1 - b1) / clip for n in p}
    if "decoded" in out["activations"]:
        g = settled(p, g, own, out["activations"]["decoded"], y, config["loss"]["l1"])
    m, v = moments(t, g, before.m, before.v)
    report.tensors("gradient", own, g, FIRST)
    report.tensors("m", after.m, m, FIRST)
    report.tensors("v", after.v, v, SECOND)
    expected = moved(t, s, before.weights, after.m, after.v)
    report.tensors("weights from its m and v", after.weights, expected, ROUNDING)
    for decay, average in before.averages.items():
        kept = averaged(decay, s, average, after.weights)
        report.tensors(f"ema-{decay!r} from its weights", after.averages[decay], kept, ROUNDING)
    if args.metrics:
        with args.metrics.open() as file:
            rows = {r["name"]: float(r["value"]) for r in csv.DictReader(file)
                    if int(r["step"]) == s}
        for name in values:
            if name not in rows:
                raise SystemExit(f"{args.metrics}: no value of {name} at step {s}")
            error = abs(rows[name] - values[name]) / max(abs(values[name]), 1e-12)
            report.check(f"{name} of step {s}", error, FIRST if name == "grad_norm" else LOSS)
    report.table(args.rows)
    return report.held


def compare_sample(args: argparse.Namespace) -> bool:
    point = Checkpoint(args.before)
    supported(point.config)
    image, sampling = point.config["image"], point.config["sampling"]
    model = Model(point.config, point.config["classes"])
    chosen = {"model": point.weights} | {f"ema-{d!r}": a for d, a in point.averages.items()}
    files = sorted(args.images.glob("[0-9]*.png"))
    if not files:
        raise SystemExit(f"{args.images}: holds no 000000.png or the like")
    numbers = [int(path.stem) for path in files]
    patches = sample(model, chosen[sampling["weights"]], sampling, numbers)
    expected = to_bytes(model, patches, sampling["rounding"])
    found = torch.stack([pixels(path, image["size"], image["channels"]) for path in files])
    levels = (found.int() - expected.int()).abs()
    report = Report()
    report.check(f"largest difference of {len(files)} images, levels", float(levels.max()), 1)
    report.check("share of values that differ", float((levels > 0).double().mean()), 1e-3)
    return report.held


if __name__ == "__main__":
    torch.set_default_dtype(torch.float64)
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = parser.add_subparsers(required=True)
    step = verbs.add_parser("step")
    step.add_argument("before", type=pathlib.Path)
    step.add_argument("after", type=pathlib.Path)
    step.add_argument("--data", type=pathlib.Path, required=True)
    step.add_argument("--metrics", type=pathlib.Path)
    step.add_argument("--lpips", type=pathlib.Path, nargs="+")
    step.add_argument("--rows", type=int, default=5)
    step.set_defaults(run=compare_step)
    draw = verbs.add_parser("sample")
    draw.add_argument("before", type=pathlib.Path)
    draw.add_argument("images", type=pathlib.Path)
    draw.set_defaults(run=compare_sample)
    arguments = parser.parse_args()
    sys.exit(0 if arguments.run(arguments) else 1)
