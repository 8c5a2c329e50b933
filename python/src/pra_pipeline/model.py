"""The model in PyTorch: all methods of the model page, with the names of its checkpoints."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .images import Images
from .layers import Cache, DiffusionEnds, FlowHead, PointwiseCoder, SequenceCoder, Trunk

#: Methods whose head generates patches, and those whose network predicts the patch itself.
PATCH_METHODS = ("teacher-forced", "x-prediction", "noise-injection")
PREDICTING_METHODS = ("x-prediction", "diffusion")


@dataclass(frozen=True)
class Forward:
    """The results of one pass over images; None where the method has no such thing."""

    patches: Tensor
    """The images as patches [B, N, P]."""
    hidden: Tensor | None
    """h_i, outputs of the trunk over the clean patches before position i: [B, N, d]."""
    states: Tensor | None
    """Normalised states z_i: [B, N, k]."""
    decoded: Tensor | None
    """Patches decoded from the clean states: [B, N, P]."""
    predicted: Tensor | None
    """`diffusion`: the predicted clean patches [B, N, P]."""


class PRAModel(nn.Module):
    """A model of the configuration of a run, with first values of PyTorch's own.

    Its `state_dict` has the names and shapes of a checkpoint's tensors.
    """

    def __init__(
        self, config: dict[str, Any], classes: int, *, class_names: Sequence[str] = (),
        drawn_classes: Sequence[int] = (),
    ) -> None:
        """config: as `Run.configuration["config"]` or the metadata of an exported checkpoint.

        class_names: by number; drawn_classes: those that `balanced` and `random` labels take, by
        default all.
        """
        super().__init__()
        self.config, self.classes, self.class_names = config, classes, tuple(class_names)
        self.drawn_classes = tuple(drawn_classes) or tuple(range(classes))
        image, trunk = config["image"], config["trunk"]
        self.method: str = config["method"]
        self.grid: int = image["size"] // image["patch"]
        self.positions = self.grid**2
        self.patch_width: int = image["patch"] ** 2 * image["channels"]
        self.state_width: int = (
            config["state"]["dim"] if self.method not in PATCH_METHODS else self.patch_width)
        self.predicts_patches = self.method in PREDICTING_METHODS
        width: int = trunk["width"]
        self.trunk = Trunk(classes, self.patch_width, self.grid, trunk)
        if self.method == "diffusion":
            self.dit = DiffusionEnds(width, self.patch_width)
            return
        self.head = FlowHead(self.state_width, self.positions, width, config["head"])
        self.norm_pix = nn.Linear(width, self.patch_width)
        if self.has_states:
            self.encoder = self._coder("encoder", self.patch_width, self.state_width)
            self.decoder = self._coder("decoder", self.state_width, self.patch_width)

    def _coder(self, part: str, inputs: int, outputs: int) -> PointwiseCoder | SequenceCoder:
        sizes, trunk = self.config[part], self.config["trunk"]
        if sizes["context"] in ("image", "causal"):
            return SequenceCoder(inputs, outputs, self.grid, trunk["mlp_multiple"], sizes)
        return PointwiseCoder(inputs, outputs, trunk["width"], sizes)

    @property
    def has_states(self) -> bool:
        """Whether the method generates states, which a decoder turns into pixels."""
        return self.method not in PATCH_METHODS and self.method != "diffusion"

    @property
    def dtype(self) -> torch.dtype:
        return self.trunk.patch_embed.weight.dtype

    @property
    def device(self) -> torch.device:
        return self.trunk.patch_embed.weight.device

    # ---- pictures ------------------------------------------------------------------------------
    def cut(self, images: Tensor | npt.NDArray[Any]) -> Tensor:
        """Images [B, H, W, C], bytes or numbers in [-1, 1], as patches [B, N, P]."""
        x = torch.as_tensor(images, device=self.device)
        x = x.to(self.dtype) / 127.5 - 1 if x.dtype == torch.uint8 else x.to(self.dtype)
        image = self.config["image"]
        expected = (image["size"], image["size"], image["channels"])
        if x.dim() != 4 or tuple(x.shape[1:]) != expected:
            raise ValueError(f"images {tuple(x.shape)}: expected [B, {', '.join(map(str, expected))}]")
        patch, g = image["patch"], self.grid
        x = x.reshape(-1, g, patch, g, patch, image["channels"]).transpose(2, 3)
        return x.reshape(-1, self.positions, self.patch_width)

    def assembled(self, patches: Tensor) -> Tensor:
        """Patches [B, N, P] as images [B, H, W, C], not clamped."""
        image, g = self.config["image"], self.grid
        patch, channels = image["patch"], image["channels"]
        x = patches.reshape(-1, g, g, patch, patch, channels).transpose(2, 3)
        return x.reshape(-1, g * patch, g * patch, channels)

    def to_bytes(self, patches: Tensor, rounding: str | None = None) -> npt.NDArray[np.uint8]:
        """Patches [B, N, P] as images of bytes [B, H, W, C], as the program writes them.

        rounding: `half-up` or `adm`; by default the configuration's.
        """
        rounding = rounding or self.config["sampling"].get("rounding", "half-up")
        x = self.assembled(patches.detach().double()).clamp(-1, 1)
        levels = (127.5 * x + 128 if rounding == "half-up" else 127.5 * (x + 1)).floor()
        out: npt.NDArray[np.uint8] = levels.clamp(0, 255).to(torch.uint8).cpu().numpy()
        return out

    # ---- parts ---------------------------------------------------------------------------------
    def hidden(self, labels: Tensor, patches: Tensor) -> Tensor:
        """h_0.. [B, given + 1, d] for labels [B] and the patches before [B, given, P]."""
        x = torch.cat([self.trunk.tokens(labels), self.trunk.patch_embed(patches)], 1)
        return self.trunk(x)[:, self.trunk.class_tokens - 1:]

    def normalize(self, z: Tensor) -> Tensor:
        """The norm of states (key `state.norm`)."""
        norm = self.config["state"]["norm"]
        if norm == "sphere":
            return z * math.sqrt(z.shape[-1]) * torch.rsqrt((z * z).sum(-1, keepdim=True) + 1e-12)
        return F.layer_norm(z, z.shape[-1:], eps=1e-6) if norm == "layer" else z

    def encode(self, patches: Tensor, hidden: Tensor | None) -> Tensor:
        """Normalised states [B, N, k] of patches [B, N, P]."""
        return self.normalize(self.encoder(patches, hidden))

    def decode(
        self, states: Tensor, hidden: Tensor | None, first: int = 0, cache: Cache | None = None
    ) -> Tensor:
        """Patches of states; with a cache those at positions first... alone."""
        return self.decoder(states, hidden, first, cache)

    def velocity(self, x: Tensor, time: Tensor, hidden: Tensor, first: int = 0) -> Tensor:
        """The head's output (velocity, or the patch in `x-prediction`) for x [..., n, k]."""
        return self.head(x, time, hidden, first)

    def denoise(self, patches: Tensor, labels: Tensor, time: Tensor) -> Tensor:
        """`diffusion`: clean patches [B, N, P] predicted from noisy ones at times [B]."""
        x = torch.cat([self.trunk.tokens(labels), self.trunk.patch_embed(patches)], 1)
        x = self.trunk(x + self.dit.time(time)[:, None], causal=False)
        return self.dit.output(x[:, self.trunk.class_tokens:])

    def forward(
        self, images: Tensor | npt.NDArray[Any], labels: Sequence[int | str] | str | int | Tensor,
        time: Tensor | None = None,
    ) -> Forward:
        """Hidden outputs, states and reconstruction of images [B, H, W, C] with their classes.

        labels: numbers or names, or one for all; `classes` is the null class. time [B]: for `diffusion` alone, the
        share of the image in the mixture that `images` then are.
        """
        y = self.cut(images)
        numbers = self.label_numbers([labels] * len(y) if isinstance(labels, str | int) else labels)
        if self.method == "diffusion":
            if time is None:
                raise ValueError("time: method 'diffusion' needs the times of its noisy images")
            return Forward(y, None, None, None, self.denoise(y, numbers, time))
        hidden = self.hidden(numbers, y[:, :-1])
        if not self.has_states:
            return Forward(y, hidden, None, None, None)
        states = self.encode(y, hidden)
        return Forward(y, hidden, states, self.decode(states, hidden), None)

    # ---- drawing -------------------------------------------------------------------------------
    def label_numbers(self, labels: Sequence[int | str] | Tensor) -> Tensor:
        """Numbers of classes given by number or name."""
        if isinstance(labels, Tensor):
            return labels.to(self.device, torch.long)
        found = [self._label(label) for label in labels]
        return torch.tensor(found, dtype=torch.long, device=self.device)

    def _label(self, label: int | str) -> int:
        if isinstance(label, str):
            if label not in self.class_names:
                known = ", ".join(self.class_names[:20]) or "none; give its number"
                raise ValueError(f"class {label!r}: known are {known}")
            return self.class_names.index(label)
        if not 0 <= int(label) <= self.classes:
            raise ValueError(f"class {label}: expected 0 to {self.classes - 1}, or {self.classes} for none")
        return int(label)

    def sample(
        self, count: int | None = None, *, numbers: Sequence[int] | None = None,
        labels: Sequence[int | str] | str | int | None = None, batch: int = 64, **sampling: Any,
    ) -> Images:
        """Draws images, by default as the run's own sampling does: image n is the program's image n.

        count: images 0 to count - 1; numbers: those of these numbers. labels: a class for each
        image, or one for all, by number or name; by default the configuration's. Further keys
        (method, steps, scale, guidance, seed, rounding) replace those of `sampling`.
        """
        from .sampling import draw

        return draw(self, count, numbers, labels, batch, sampling)
