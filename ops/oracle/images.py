"""Writes Tests/ImagesTests/Golden: JPEG files with Pillow's decoding and ADM's centre crop of them.

Pillow is the reference of every published evaluation; the files must be equal to the bit.
    oracle-venv/bin/python ops/oracle/images.py
"""

import base64
import io
import json
import pathlib

import numpy as np
from PIL import Image

GOLDEN = pathlib.Path(__file__).parents[2] / "Tests/ImagesTests/Golden"


def picture(width, height, channels, seed):
    """Smooth colours with edges and grain, like a photograph."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width].astype(float)
    planes = [
        128 + 90 * np.sin(x / (5 + 3 * c) + c) * np.cos(y / (9 - c)) + 60 * ((x + y + 7 * c) % 23 < 4)
        for c in range(channels)
    ]
    noisy = np.stack(planes, -1) + random.normal(0, 6, (height, width, channels))
    return np.clip(noisy, 0, 255).astype(np.uint8)


def center_crop(image, size):
    """openai/guided-diffusion, guided_diffusion/image_datasets.py, center_crop_arr."""
    while min(*image.size) >= 2 * size:
        image = image.resize(tuple(x // 2 for x in image.size), resample=Image.BOX)
    scale = size / min(*image.size)
    image = image.resize(tuple(round(x * scale) for x in image.size), resample=Image.BICUBIC)
    array = np.array(image)
    top, left = (array.shape[0] - size) // 2, (array.shape[1] - size) // 2
    return array[top : top + size, left : left + size]


def encoded(width, height, mode, seed, **options):
    array = picture(width, height, len(mode), seed)
    image = Image.fromarray(array[..., 0] if mode == "L" else array, mode)
    file = io.BytesIO()
    image.save(file, "JPEG", **options)
    return file.getvalue()


def base(data):
    return base64.b64encode(data).decode()


def case(name, data, size):
    image = Image.open(io.BytesIO(data))
    rgb = image.convert("RGB")
    made = {
        "name": name, "file": base(data), "width": rgb.width, "height": rgb.height,
        "size": size, "crop": base(center_crop(rgb, size).tobytes()),
    }  # fmt: skip
    # For a large image the crop is enough.
    if rgb.width < 100:
        made["rgb"] = base(np.array(rgb).tobytes())
        made["gray"] = base(np.array(image.convert("L")).tobytes())
    return made


def orientation(data):
    """The same file with an EXIF block that asks for a quarter turn."""
    exif = Image.Exif()
    exif[0x0112] = 6
    block = b"Exif\0\0" + exif.tobytes()[6:]
    return data[:2] + b"\xff\xe1" + (len(block) + 2).to_bytes(2, "big") + block + data[2:]


def main():
    rgb = lambda w, h, seed, **more: encoded(w, h, "RGB", seed, **more)
    plain = rgb(51, 37, 1, quality=90, subsampling=2)
    cases = [
        case("4:2:0", plain, 16),
        case("4:2:0, odd sides", rgb(67, 45, 2, quality=75, subsampling=2), 20),
        case("4:2:2", rgb(49, 34, 3, quality=85, subsampling=1), 16),
        case("4:4:4", rgb(40, 33, 4, quality=95, subsampling=0), 24),
        case("progressive", rgb(57, 41, 5, quality=80, progressive=True), 16),
        case("restart markers", rgb(48, 40, 6, quality=80, restart_marker_blocks=2), 16),
        case("gray", encoded(45, 38, "L", 7, quality=85), 16),
        case("CMYK", encoded(43, 36, "CMYK", 8, quality=90), 16),
        case("colours as they are", rgb(41, 35, 9, quality=90, keep_rgb=True), 16),
        case("an orientation tag", orientation(plain), 16),
        case("twice halved", rgb(140, 97, 10, quality=80, subsampling=2), 20),
        case("enlarged", rgb(13, 9, 11, quality=95), 32),
        case("one row", rgb(29, 1, 12, quality=95), 8),
    ]
    # The tests expect every truncation of a file to be refused, as by Pillow.
    raw = base64.b64decode(cases[4]["file"])
    for length in range(3, len(raw)):
        try:
            Image.open(io.BytesIO(raw[:length])).convert("RGB")
        except (OSError, SyntaxError):
            continue
        raise SystemExit(f"Pillow reads a file cut after {length} of {len(raw)} bytes")
    (GOLDEN / "jpegs.json").write_text(json.dumps(cases, indent=0) + "\n")


main()
