"""Writes Tests/Golden/weights: files saved by torch and numpy, and LPIPS by the package `lpips`.

    python weights.py    # needs lpips 0.1.4 and torchvision besides requirements.txt

VGG-16 and the linear layers get random weights of the specification's generator, so that the file
of expected values is small and the trained weights are not needed.
"""

import argparse
import json
import pathlib
import zlib

import lpips
import numpy
import torch

GOLDEN = pathlib.Path(__file__).parents[2] / "Tests" / "Golden" / "weights"
SEED, STREAM, SIDE, IMAGES = 12, 22, 17, 2


def words(count: int, seed: int, a: int, b: int, stream: int) -> numpy.ndarray:
    """Philox4x32-10 (model.md section 6), many counters at once: [blocks, 4]."""
    blocks, mask = (count + 3) // 4, numpy.uint64(0xFFFFFFFF)
    x = [numpy.arange(blocks, dtype=numpy.uint64)]
    x += [numpy.full(blocks, v, numpy.uint64) for v in (a, b, stream)]
    key, weyl = [seed & 0xFFFFFFFF, seed >> 32], (0x9E3779B9, 0xBB67AE85)
    for _ in range(10):
        p0, p1 = numpy.uint64(0xD2511F53) * x[0], numpy.uint64(0xCD9E8D57) * x[2]
        high = numpy.uint64(32)
        x = [(p1 >> high) ^ x[1] ^ numpy.uint64(key[0]), p1 & mask,
             (p0 >> high) ^ x[3] ^ numpy.uint64(key[1]), p0 & mask]
        key = [(k + w) & 0xFFFFFFFF for k, w in zip(key, weyl)]
    return numpy.stack(x, 1)


def uniforms(count: int, name: str) -> numpy.ndarray:
    w = words(count, SEED, zlib.crc32(name.encode()), 0, STREAM)
    return ((w >> numpy.uint64(8)).astype(float) * 2.0**-24 + 2.0**-25).reshape(-1)[:count]


def normals(count: int, name: str) -> numpy.ndarray:
    u = uniforms((count + 3) // 4 * 4, name).reshape(-1, 2)
    r, angle = numpy.sqrt(-2 * numpy.log(u[:, 0])), 2 * numpy.pi * u[:, 1]
    return numpy.stack([r * numpy.cos(angle), r * numpy.sin(angle)], 1).reshape(-1)[:count]


def tensor(values: numpy.ndarray, shape) -> torch.Tensor:
    return torch.tensor(values).float().double().reshape(tuple(shape))


def reference() -> dict:
    """Distances by tap and image, their sum's mean, and its gradient."""
    model = lpips.LPIPS(net="vgg", pretrained=False, pnet_rand=True, verbose=False).double().eval()
    modules = {n: m for s in model.net.children() for n, m in s.named_children()}
    for number, module in modules.items():
        if isinstance(module, torch.nn.Conv2d):
            name = f"features.{number}"
            fan = module.weight[0].numel()
            scale = (2 / fan) ** 0.5
            module.weight.data = tensor(
                scale * normals(module.weight.numel(), f"{name}.weight"), module.weight.shape)
            module.bias.data = tensor(
                0.05 * normals(module.bias.numel(), f"{name}.bias"), module.bias.shape)
    for m, layer in enumerate(model.lins):
        weight = layer.model[1].weight
        weight.data = tensor(uniforms(weight.numel(), f"lin{m}.model.1.weight"), weight.shape)
    count = IMAGES * 3 * SIDE * SIDE

    def images(name: str) -> torch.Tensor:
        x = tensor(2.2 * uniforms(count, name) - 1.1, (IMAGES, SIDE, SIDE, 3))
        return x.permute(0, 3, 1, 2).contiguous()

    x, y = images("x").requires_grad_(), images("y")
    total, taps = model(x, y, retPerLayer=True)
    loss = total.mean()
    (gradient,) = torch.autograd.grad(loss, x)
    flat = gradient.permute(0, 2, 3, 1).reshape(-1)
    return {"seed": SEED, "stream": STREAM, "side": SIDE, "images": IMAGES,
            "taps": [t.flatten().tolist() for t in taps], "loss": float(loss),
            "gradient_norm": float(flat.norm()),
            "gradient": {str(i): float(flat[i]) for i in range(0, flat.numel(), 13)}}


def files() -> None:
    """A state dictionary with every kind of tensor, to be saved by torch and numpy."""
    base = torch.arange(24, dtype=torch.float32)
    state = {
        "plain": base.reshape(2, 3, 4), "turned": base[:6].reshape(2, 3).t(),
        "part": base[5:9], "half": torch.tensor([0.5, -2.0], dtype=torch.float16),
        "brain": torch.tensor([1.0, -3.0], dtype=torch.bfloat16),
        "double": torch.tensor([1e-3, 7.0], dtype=torch.float64),
        "count": torch.tensor(12), "small": torch.tensor([-3, 4], dtype=torch.int8),
        "flags": torch.tensor([True, False]), "none": torch.zeros(0, 3),
        "parameter": torch.nn.Parameter(torch.tensor([9.0])),
    }
    whole = {"model": {f"_orig_mod.module.{n}": v for n, v in state.items()}, "epoch": 3,
             "args": argparse.Namespace(lr=1e-3, path=pathlib.PurePosixPath("x")),
             "best": numpy.float64(0.5), "seen": {1, 2}, "optimizer": {"state": {0: {"step": 1}}}}
    torch.save(state, GOLDEN / "zip.pt")
    torch.save(whole, GOLDEN / "nested.pt")
    torch.save(state, GOLDEN / "legacy.pth", _use_new_zipfile_serialization=False)
    torch.save(whole, GOLDEN / "legacy-nested.pth", _use_new_zipfile_serialization=False)
    arrays = {"plain": base.reshape(2, 3, 4).numpy(), "double": numpy.array([1e-3, 7.0]),
              "bytes": numpy.array([[1, 255]], dtype=numpy.uint8), "scalar": numpy.float32(2.5),
              "many": numpy.zeros((100, 10), dtype=numpy.float16)}
    numpy.savez(GOLDEN / "stored.npz", **arrays)
    numpy.savez_compressed(GOLDEN / "deflated.npz", **arrays)
    numpy.savez(GOLDEN / "fortran.npz", a=numpy.asfortranarray(numpy.ones((2, 3))))


if __name__ == "__main__":
    GOLDEN.mkdir(parents=True, exist_ok=True)
    files()
    (GOLDEN / "lpips.json").write_text(json.dumps(reference(), indent=1) + "\n")
