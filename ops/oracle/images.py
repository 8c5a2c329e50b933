"""Writes Tests/ImagesTests/Golden: pictures with Pillow's decoding and ADM's centre crop of them.

Pillow 13 is the reference; the pixels must be equal to the bit.
    oracle-venv/bin/python ops/oracle/images.py
"""

import base64
import io
import json
import pathlib
import struct
import zlib

import numpy as np
import PIL
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


def png(width, height, mode, seed):
    array = picture(width, height, len(mode), seed)
    file = io.BytesIO()
    Image.fromarray(array[..., 0] if mode == "L" else array, mode).save(file, "PNG")
    return file.getvalue()


def interlaced(width, height):
    """A gray PNG in Adam7's seven passes, which Pillow reads but does not write."""
    array = picture(width, height, 1, 30)[..., 0]
    passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
    rows = b"".join(
        b"\0" + array[y, x::dx].tobytes()
        for x, y0, dx, dy in passes for y in range(y0, height, dy) if array[y, x::dx].size
    )  # fmt: skip
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 1)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def with_unknown_chunk(data):
    """The same PNG with a critical chunk that no decoder knows in front of the pixels."""
    at = data.index(b"IDAT") - 4
    return data[:at] + chunk(b"ABCd", b"x") + data[at:]


def damaged(data):
    """PNG files whose rows are all there, but not what follows them."""
    checksum = data.index(b"IDAT") - 4
    length = int.from_bytes(data[checksum : checksum + 4], "big")
    checksum += 8 + length
    return {
        "no end": data[:-12],
        "cut in the end": data[:-5],
        "no checksum of the pixels": data[:checksum],
        "half a checksum of the pixels": data[: checksum + 2],
        "a wrong checksum of the pixels": data[:checksum] + b"\0\0\0\1" + data[checksum + 4 :],
        "cut in zlib's own checksum": data[: checksum - 3],
        "a length far beyond the end": data.replace(
            struct.pack(">I", length) + b"IDAT", struct.pack(">I", 1 << 30) + b"IDAT")[:checksum],
        "other bytes behind the pixels": data[:-12] + b"\xff" * 40,
    }  # fmt: skip


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
    if int(PIL.__version__.split(".")[0]) < 13:
        raise SystemExit(f"Pillow {PIL.__version__}: another order of passes; expected 13 or newer")
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
        # Tall pictures, which are shrunk in height first.
        case("tall", rgb(40, 100, 13, quality=90), 16),
        case("tall, twice halved", rgb(90, 300, 14, quality=85, subsampling=2), 20),
        case("just below twice as tall", rgb(50, 99, 15, quality=90), 24),
        case("just above twice as tall", rgb(50, 103, 16, quality=90), 24),
        case("tall and gray", encoded(33, 120, "L", 17, quality=90), 16),
        case("tall PNG", png(31, 97, "RGB", 18), 12),
        case("tall and narrow", png(9, 300, "RGB", 19), 8),
        case("tall and enlarged", png(9, 200, "RGB", 20), 16),
        case("wide PNG", png(97, 31, "RGB", 21), 12),
        case("one column", png(1, 57, "L", 22), 4),
        case("no end mark, but padding", plain[:-2] + bytes(16), 16),
        case("no end mark, but other bytes", plain[:-2] + b"behind it, text", 16),
        case("gray, no end mark", encoded(45, 38, "L", 7, quality=85)[:-2] + bytes(64), 16),
        case("an unknown critical chunk", with_unknown_chunk(png(33, 22, "RGB", 23)), 16),
        case("interlaced", interlaced(21, 19), 8),
    ]
    for name, source in [("PNG", png(33, 22, "RGB", 24)), ("interlaced PNG", interlaced(21, 19))]:
        cases += [case(f"{name}, {what}", data, 8) for what, data in damaged(source).items()]
    # The tests expect every truncation of a file to be refused, as by Pillow.
    # A progressive file without its end mark is refused even with padding.
    raw = base64.b64decode(cases[4]["file"])
    for length in range(3, len(raw)):
        try:
            Image.open(io.BytesIO(raw[:length])).convert("RGB")
        except (OSError, SyntaxError):
            continue
        raise SystemExit(f"Pillow reads a file cut after {length} of {len(raw)} bytes")
    (GOLDEN / "jpegs.json").write_text(json.dumps(cases, indent=0) + "\n")


main()
