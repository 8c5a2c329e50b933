"""Writes Tests/RasterTests/Golden/laid.json: pictures with a transparent colour, laid on a ground by Pillow 13.

Pillow's `convert("RGBA")`, pasted on a ground by its alpha, is the reference; the pixels must be equal to the bit.
    oracle-venv/bin/python ops/oracle/transparency.py
"""

import base64
import io
import json
import pathlib
import struct
import zlib

import PIL
from PIL import Image

GOLDEN = pathlib.Path(__file__).parents[2] / "Tests/RasterTests/Golden/laid.json"
GROUND = (200, 40, 9)


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width, bits, kind, row, transparent, palette=None):
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, 1, bits, kind, 0, 0, 0))
    ahead = (chunk(b"PLTE", palette) if palette else b"") + chunk(b"tRNS", transparent)
    return b"\x89PNG\r\n\x1a\n" + header + ahead + chunk(b"IDAT", zlib.compress(b"\0" + row)) + chunk(b"IEND", b"")


def base(data):
    return base64.b64encode(data).decode()


def case(name, data):
    image = Image.open(io.BytesIO(data)).convert("RGBA")
    laid = Image.new("RGB", image.size, GROUND)
    laid.paste(image, mask=image.getchannel("A"))
    return {"name": name, "png": base(data), "rgb": base(laid.tobytes()), "gray": base(laid.convert("L").tobytes())}


def main():
    if int(PIL.__version__.split(".")[0]) < 13:
        raise SystemExit(f"Pillow {PIL.__version__}; expected 13 or newer")
    words = lambda *numbers: struct.pack(f">{len(numbers)}H", *numbers)
    colours = bytes([1, 2, 3, 4, 5, 6, 1, 2, 4])
    cases = [
        case("RGB", png(3, 8, 2, colours, words(1, 2, 3))),
        case("RGB, a key above 255", png(3, 8, 2, colours, words(257, 258, 259))),
        case("RGB of 16 bits", png(2, 16, 2, words(0x101, 0x202, 0x303, 0x140, 0x250, 0x360), words(0x101, 0x202, 0x303))),
        case("RGB of 16 bits, low bytes", png(2, 16, 2, words(0x4001, 0x5002, 0x6003, 0x140, 0x250, 0x360), words(0x140, 0x250, 0x360))),
        case("gray", png(3, 8, 0, bytes([1, 2, 3]), words(2))),
        case("gray, a key above 255", png(3, 8, 0, bytes([1, 2, 3]), words(258))),
        case("gray of 16 bits", png(5, 16, 0, words(44, 300, 255, 256, 1), words(300))),
        case("gray of 16 bits, white", png(5, 16, 0, words(44, 300, 255, 256, 1), words(65535))),
        case("gray of 1 bit, white", png(8, 1, 0, bytes([0b10100000]), words(1))),
        case("gray of 1 bit, black", png(8, 1, 0, bytes([0b10100000]), words(0))),
        case("gray of 2 bits", png(4, 2, 0, bytes([0b00011011]), words(1))),
        case("gray of 2 bits, black", png(4, 2, 0, bytes([0b00011011]), words(0))),
        case("gray of 4 bits", png(4, 4, 0, bytes([0x12, 0x3F]), words(3))),
        case("palette", png(3, 8, 3, bytes([0, 1, 2]), bytes([0, 128]), bytes([9, 9, 9, 8, 80, 8, 7, 7, 70]))),
    ]  # fmt: skip
    alpha = io.BytesIO()
    Image.frombytes("LA", (3, 1), bytes([100, 51, 7, 0, 30, 255])).save(alpha, "PNG")
    cases.append(case("gray and alpha", alpha.getvalue()))
    GOLDEN.write_text(json.dumps(cases, indent=0) + "\n")


main()
