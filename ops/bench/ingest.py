"""The peer of ops/bench/ingest: makes photographs, and reads them with Pillow.

    ingest.py make TAR COUNT
    ingest.py read TAR SIZE PROCESSES     decode, ADM's centre crop, RGB bytes to a file
"""

import hashlib
import io
import multiprocessing
import os
import sys
import tarfile
import tempfile
import time

import numpy as np
from PIL import Image

# Width, height and frequency in ten: ImageNet's usual sizes, and one in ten from a larger camera.
SHAPES = [(500, 375, 5), (375, 500, 2), (500, 333, 1), (400, 300, 1), (1200, 900, 1)]


def photograph(random, width, height):
    """Noise whose power falls with its frequency, like that of photographs."""
    image = np.zeros((height, width, 3))
    cells = 2
    while cells < max(width, height):
        grain = random.normal(0, 1, (max(2, cells * height // width), cells, 3))
        planes = [
            np.array(Image.fromarray(grain[..., c].astype(np.float32)).resize(
                (width, height), Image.BICUBIC))
            for c in range(3)
        ]  # fmt: skip
        common = planes[0]
        image += np.stack([common + 0.3 * plane for plane in planes], -1) * 70 / cells**0.35
        cells *= 2
    return np.clip(128 + image, 0, 255).astype(np.uint8)


def make(path, count):
    random = np.random.default_rng(0)
    shapes = [shape[:2] for shape in SHAPES for _ in range(shape[2])]
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as tar:
        for i in range(count):
            array = photograph(random, *shapes[i % len(shapes)])
            file = io.BytesIO()
            Image.fromarray(array).save(file, "JPEG", quality=91, subsampling=2)
            info = tarfile.TarInfo(f"class-{i % 10}/{i:06}.JPEG")
            info.size = len(file.getvalue())
            tar.addfile(info, io.BytesIO(file.getvalue()))


def center_crop(image, size):
    """openai/guided-diffusion, guided_diffusion/image_datasets.py, center_crop_arr."""
    while min(*image.size) >= 2 * size:
        image = image.resize(tuple(x // 2 for x in image.size), resample=Image.BOX)
    scale = size / min(*image.size)
    image = image.resize(tuple(round(x * scale) for x in image.size), resample=Image.BICUBIC)
    array = np.array(image)
    top, left = (array.shape[0] - size) // 2, (array.shape[1] - size) // 2
    return array[top : top + size, left : left + size]


def read(job):
    path, entries, size, out = job
    with open(path, "rb") as tar, open(out, "wb") as packed:
        for offset, length in entries:
            tar.seek(offset)
            image = Image.open(io.BytesIO(tar.read(length))).convert("RGB")
            packed.write(center_crop(image, size).tobytes())
    return out


def main():
    if sys.argv[1] == "make":
        return make(sys.argv[2], int(sys.argv[3]))
    path, size, processes = sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    start = time.perf_counter()
    with tarfile.open(path) as tar:
        entries = sorted((e.name, e.offset_data, e.size) for e in tar if e.isfile())
    parts = [
        entries[i * len(entries) // processes : (i + 1) * len(entries) // processes]
        for i in range(processes)
    ]
    with tempfile.TemporaryDirectory() as folder:
        jobs = [
            (path, [e[1:] for e in part], size, os.path.join(folder, str(i)))
            for i, part in enumerate(parts)
        ]
        if processes == 1:
            files = [read(jobs[0])]
        else:
            with multiprocessing.Pool(processes) as pool:
                files = pool.map(read, jobs, chunksize=1)
        seconds = time.perf_counter() - start
        digest = hashlib.sha256()
        for name in files:
            digest.update(open(name, "rb").read())
        print(f"{seconds:.3f} {len(entries)}")
        print(digest.hexdigest())


main()
