"""Figures of generated images by torch-fidelity and pytorch-fid, beside ours.

    python metrics.py golden                # writes Tests/Golden/inception
    python metrics.py weights FILE.pth      # random weights of the right names
    python metrics.py check BENCH [IMAGES]  # BENCH: the built bench-inception; exit 1 on a miss

Of fewer than 1,000 images (the default) a side there is no KID end to end.

Needs torch-fidelity 0.4.0, pytorch-fid 0.3.0, torchvision, scipy (requirements-metrics.txt).
"""

import contextlib
import io
import json
import pathlib
import subprocess
import sys
import tempfile

import numpy
import torch

import inception
from pytorch_fid.fid_score import calculate_frechet_distance
from torch_fidelity import metric_fid, metric_isc, metric_kid, metric_prc
from torch_fidelity.defaults import DEFAULTS

GOLDEN = pathlib.Path(__file__).parents[2] / "Tests" / "Golden" / "inception"
NARROWING = 16


def adm_score(logits: numpy.ndarray, size: int) -> float:
    """guided-diffusion evaluations/evaluator.py, compute_inception_score, in float64."""
    x = logits.astype(float)
    p = numpy.exp(x - x.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    scores = []
    for i in range(0, len(p), size):
        part = p[i:i + size]
        kl = part * (numpy.log(part) - numpy.log(part.mean(0, keepdims=True)))
        scores.append(numpy.exp(kl.sum(1).mean()))
    return float(numpy.mean(scores))


def figures(a: dict, b: dict, subsets: int = 100, size: int = 1000, split: int = 5000) -> dict:
    """Figures of drawn features a and reference b, each {pool, spatial, logits} as float32."""
    options = {**DEFAULTS, "kid_subsets": subsets, "kid_subset_size": size, "verbose": False}
    pools = [torch.from_numpy(x["pool"]) for x in (a, b)]
    statistics = [metric_fid.fid_features_to_statistics(x) for x in pools]
    result = {"fid": metric_fid.fid_statistics_to_metric(*statistics, False)[
        metric_fid.KEY_METRIC_FID]}
    with contextlib.redirect_stdout(io.StringIO()):
        result["fid.pytorch-fid"] = float(calculate_frechet_distance(
            statistics[0]["mu"], statistics[0]["sigma"], statistics[1]["mu"],
            statistics[1]["sigma"]))
    spatial = [metric_fid.fid_features_to_statistics(torch.from_numpy(x["spatial"]))
               for x in (a, b)]
    result["sfid"] = metric_fid.fid_statistics_to_metric(*spatial, False)[metric_fid.KEY_METRIC_FID]
    score = metric_isc.isc_features_to_metric(torch.from_numpy(a["logits"]))
    result["is"] = score[metric_isc.KEY_METRIC_ISC_MEAN]
    result["is.deviation"] = score[metric_isc.KEY_METRIC_ISC_STD]
    result["is.adm"] = adm_score(a["logits"], split)
    kid = metric_kid.kid_features_to_metric(*pools, **options)
    result["kid"] = kid[metric_kid.KEY_METRIC_KID_MEAN]
    result["kid.deviation"] = kid[metric_kid.KEY_METRIC_KID_STD]
    prc = metric_prc.prc_features_to_metric(*pools, **options)
    result["precision"] = prc[metric_prc.KEY_METRIC_PRECISION]
    result["recall"] = prc[metric_prc.KEY_METRIC_RECALL]
    return result


def synthetic(count: int, pool: int, spatial: int, classes: int, shift: float, seed: int) -> dict:
    """Features like those of networks: in clusters, not negative, correlated."""
    random = numpy.random.default_rng(seed)
    world = numpy.random.default_rng(1)

    def side(width: int, rank: int) -> numpy.ndarray:
        centres = world.normal(0, 1, (12, rank))
        mixing = world.normal(0, 1 / rank ** 0.5, (rank, width))
        z = centres[random.integers(0, 12, count)] + random.normal(shift, 0.6, (count, rank))
        x = z @ mixing + 0.15 * random.normal(0, 1, (count, width))
        return numpy.maximum(x, 0.01 * x).astype(numpy.float32)
    return {"pool": side(pool, min(40, pool)), "spatial": side(spatial, min(40, spatial)),
            "logits": 3 * side(classes, min(30, classes))}


def golden() -> None:
    GOLDEN.mkdir(parents=True, exist_ok=True)
    inception.narrowed(NARROWING)
    state = {name: tensor.half() for name, tensor in inception.random_state().items()}
    torch.save(state, GOLDEN / "narrow.pth")
    module = inception.network({name: tensor.float() for name, tensor in state.items()})
    batches = {"small": inception.pictures(2, 24, 40, 3), "large": inception.pictures(1, 320, 12, 4)}
    arrays = {}
    for name, images in batches.items():
        arrays[name] = images
        arrays[f"{name}_features"] = inception.features(module, images)
    numpy.savez(GOLDEN / "features.npz", **arrays)
    a = synthetic(60, 12, 7, 9, 0, 2)
    b = synthetic(50, 12, 7, 9, 0.2, 3)
    random = numpy.random.RandomState(2020)
    document = {
        "drawn": {k: v.tolist() for k, v in a.items()},
        "reference": {k: v.tolist() for k, v in b.items()},
        "subsets": 5, "subset_size": 20, "split": 25,
        "figures": figures(a, b, subsets=5, size=20, split=25),
        "permutation": random.permutation(1000).tolist(),
        "choice": random.choice(777, 20, replace=False).tolist(),
        "word": int(random.randint(0, 2 ** 32, dtype=numpy.uint32)),
    }
    (GOLDEN / "figures.json").write_text(json.dumps(document) + "\n")


def ours(bench: str, *words: str) -> dict:
    text = subprocess.run([bench, *words], check=True, capture_output=True, text=True).stdout
    return {line.split()[0]: float(line.split()[1]) for line in text.splitlines()
            if len(line.split()) == 2}


def split(rows: numpy.ndarray) -> dict:
    return {"pool": rows[:, :2048], "spatial": rows[:, 2048:4071], "logits": rows[:, 4071:]}


class Report:
    """The differences, with their limits."""

    def __init__(self) -> None:
        self.missed = 0

    def line(self, what: str, found: float, limit: float) -> None:
        good = found <= limit
        self.missed += not good
        print(f"{what:58} {found:10.2e}  limit {limit:.0e}  {'ok' if good else 'MISSED'}")

    def both(self, title: str, mine: dict, theirs: dict, relative: float, absolute: float) -> None:
        """Frechet distances: relative differences; others: absolute unless given as relative."""
        for name, key in (("fid", "fid.adm"), ("fid", "fid.torch-fidelity"),
                          ("fid.pytorch-fid", "fid.torch-fidelity"), ("sfid", "sfid.adm")):
            wanted = theirs[name]
            self.line(f"{title}: {key} {mine[key]:.7g}, {name} {wanted:.7g}",
                      abs(mine[key] - wanted) / abs(wanted), relative)
        for name, key in (("is", "is.torch-fidelity"), ("is.adm", "is.adm"),
                          ("kid", "kid.torch-fidelity"), ("precision", "precision.torch-fidelity"),
                          ("recall", "recall.torch-fidelity")):
            if key in mine:
                self.line(f"{title}: {key} {mine[key]:.7g}, {name} {theirs[name]:.7g}",
                          abs(mine[key] - theirs[name]), absolute)


def check(bench: str, images: int = 1000) -> int:
    report = Report()
    with tempfile.TemporaryDirectory() as folder:
        def path(name: str) -> str:
            return f"{folder}/{name}"
        state = inception.random_state()
        torch.save(state, path("weights.pth"))
        torch.save(state, path("legacy.pth"), _use_new_zipfile_serialization=False)
        module = inception.network(state)

        # The same features.
        sides = [synthetic(2600, 2048, 2023, 1008, shift, seed)
                 for shift, seed in ((0, 2), (0.05, 3))]
        for name, side in zip(("a", "b"), sides):
            numpy.savez(path(f"{name}.npz"), features=numpy.concatenate(list(side.values()), 1))
        mine = ours(bench, "figures", path("a.npz"), path("b.npz"))
        report.both("same features", mine, figures(*sides), 1e-6, 1e-6)

        # The same images, larger and smaller than the network's.
        rows = []
        for number, (count, height, width) in enumerate(
                ((images, 64, 64), (images, 64, 64), (6, 256, 256), (3, 320, 180))):
            pixels = inception.pictures(count, height, width, number, 6 * number)
            numpy.savez(path(f"images{number}.npz"), arr_0=pixels)
            theirs = inception.features(module, pixels)
            weights = path("legacy.pth" if number == 3 else "weights.pth")
            ours(bench, "features", weights, path(f"images{number}.npz"), path(f"f{number}.npz"))
            mine = numpy.load(path(f"f{number}.npz"))["features"]
            for name in ("pool", "spatial", "logits"):
                a, b = split(mine)[name].astype(float), split(theirs)[name].astype(float)
                errors = numpy.linalg.norm(a - b, axis=1) / numpy.linalg.norm(b, axis=1)
                report.line(f"features of {count} x {height} x {width}: {name}, worst image",
                            errors.max(), 1e-4)
            rows.append(theirs)
        mine = ours(bench, "figures", path("f0.npz"), path("f1.npz"))
        report.both("end to end", mine, figures(
            split(rows[0]), split(rows[1]), size=min(images, 1000)), 1e-3, 1e-3)
    print("missed" if report.missed else "all within their limits")
    return min(report.missed, 1)


if __name__ == "__main__":
    if sys.argv[1:] == ["golden"]:
        golden()
    elif sys.argv[1:2] == ["weights"] and len(sys.argv) == 3:
        torch.save(inception.random_state(), sys.argv[2])
    elif sys.argv[1:2] == ["check"] and len(sys.argv) in (3, 4):
        sys.exit(check(sys.argv[2], *map(int, sys.argv[3:])))
    else:
        sys.exit(__doc__)
