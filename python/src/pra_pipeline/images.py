"""Pictures as arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Images:
    """Drawn images with their classes."""

    array: npt.NDArray[np.uint8]
    """uint8 [images, height, width, channels]."""
    labels: npt.NDArray[np.int64]
    """Numbers of the classes."""
    numbers: npt.NDArray[np.int64]
    """Numbers of the images within their sampling, from 0."""
    class_names: tuple[str, ...]
    """Name of each image's class."""

    def __post_init__(self) -> None:
        count = len(self.array)
        if not count == len(self.labels) == len(self.numbers) == len(self.class_names):
            raise ValueError(
                f"{count} images, {len(self.labels)} labels, {len(self.numbers)} numbers and "
                f"{len(self.class_names)} names; expected as many of each")

    def __repr__(self) -> str:
        """As in <16 images of 32 x 32, 3 channels, of 2 classes: dark, light>."""
        names = list(dict.fromkeys(self.class_names))
        more = "" if len(names) <= 8 else ", ..."
        size = ""
        if self.array.ndim == 4:
            _, height, width, channels = self.array.shape
            size = f" of {width} x {height}, {channels} channel{'s' * (channels != 1)}"
        count = f"{len(self)} image{'s' * (len(self) != 1)}"
        classes = f"{len(names)} class{'es' * (len(names) != 1)}"
        return f"<{count}{size}, of {classes}: {', '.join(names[:8])}{more}>"

    def __len__(self) -> int:
        return len(self.array)

    def grid(self, columns: int | None = None, gap: int = 1) -> npt.NDArray[np.uint8]:
        """All images in one picture, uint8 [height, width, channels], as for `plt.imshow`.

        columns: by default as many as make it about square; gap: white pixels between images.
        """
        count, height, width, channels = self.array.shape
        if columns is None:
            columns = max(1, int(np.ceil(np.sqrt(count))))
        rows = -(-count // columns)
        high, wide = height + gap, width + gap
        out = np.full((rows * high - gap, columns * wide - gap, channels), 255, np.uint8)
        for i, image in enumerate(self.array):
            top, left = i // columns * high, i % columns * wide
            out[top:top + height, left:left + width] = image
        return out
