"""LPIPS 0.1 with VGG-16 (model.md section 4), in float64, from files of its weights."""

import pathlib

import torch
import torch.nn.functional as F

import files

STAGES = ((0, 2), (5, 7), (10, 12, 14), (17, 19, 21), (24, 26, 28))
SHIFT, SCALE = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)


class LPIPS:
    """The distance of images [batch, H, W, 3] in [-1, 1], a mean over the batch."""

    def __init__(self, paths: list[pathlib.Path]) -> None:
        self.weights: dict[str, torch.Tensor] = {}
        for path in paths:
            if path.suffix == ".safetensors":
                self.weights |= files.read_tensors(path)
            else:
                state = torch.load(path, map_location="cpu", weights_only=True)
                self.weights |= {n: t.double() for n, t in state.items()}

    def features(self, images: torch.Tensor) -> list[torch.Tensor]:
        """The five taps, each normalised over its channels."""
        x = (images - torch.tensor(SHIFT)) / torch.tensor(SCALE)
        x, taps = x.permute(0, 3, 1, 2), []
        for number, stage in enumerate(STAGES):
            if number:
                x = F.max_pool2d(x, 2)
            for n in stage:
                w, b = self.weights[f"features.{n}.weight"], self.weights[f"features.{n}.bias"]
                x = F.relu(F.conv2d(x, w, b, padding=1))
            taps.append(x / ((x ** 2).sum(1, keepdim=True) + 1e-20).sqrt().add(1e-10))
        return taps

    def __call__(self, found: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
        total = torch.zeros(())
        pairs = zip(self.features(found), self.features(wanted))
        for m, (a, b) in enumerate(pairs):
            linear = self.weights[f"lin{m}.model.1.weight"].reshape(-1, 1, 1)
            total = total + ((a - b) ** 2 * linear).sum(1).mean((1, 2)).mean()
        return total
