"""Writes Tests/Golden/oracle/random.json: numbers, data order and crops of model.md section 6."""

import json
import pathlib

import order
import philox

GOLDEN = pathlib.Path(__file__).parents[2] / "Tests" / "Golden" / "oracle" / "random.json"
SIDE, CHANNELS = 9, 3


def picture(number: int) -> list[list[list[int]]]:
    """Bytes from the generator, so that the file need not contain them."""
    count = SIDE * SIDE * CHANNELS
    flat = [int(256 * u) for u in philox.uniforms(1, count, number, 0, 21)]
    return [[flat[(r * SIDE + s) * CHANNELS:][:CHANNELS] for s in range(SIDE)]
            for r in range(SIDE)]


def draws() -> list[dict]:
    """Words of one block, and the first 8 uniforms and normals, of a few counters."""
    places = [(0, 0, 0, 10), (3, 7, 11, 5), (2**32 - 1, 4096 * 15 + 4095, 1869, 1)]
    return [
        {"seed": str(seed), "block": block, "a": a, "b": b, "stream": stream,
         "words": philox.words(seed, block, a, b, stream),
         "uniforms": philox.uniforms(seed, 8, a, b, stream),
         "normals": philox.normals(seed, 8, a, b, stream)}
        for seed in (0, 2**63 + 12345) for block, a, b, stream in places]


def orders() -> list[dict]:
    """Images of consecutive steps over a little more than two epochs."""
    return [
        {"images": images, "seed": str(seed), "batch": size,
         "steps": [order.batch(images, seed, s, size) for s in range(steps)]}
        for images, seed, size, steps in [(7, 0, 3, 6), (10, 2**40 + 7, 4, 6), (2, 5, 5, 3)]]


def crops() -> list[dict]:
    """Pixels in [-1, 1] of pictures by number, [SIDE, SIDE, CHANNELS]."""
    out = []
    for number, (seed, step, place, crop, flip) in enumerate([
            (0, 0, 0, [0.8, 1.0], True), (4, 3, 7, [0.3, 0.9], True), (4, 4, 7, [0.05, 0.1], False),
            (9, 100, 2, [1.0, 1.0], True), (9, 101, 47, None, True), (9, 102, 47, None, True)]):
        done = order.augmented(picture(number), {"crop": crop, "flip": flip}, seed, step, place)
        out.append({"number": number, "seed": str(seed), "step": step, "place": place,
                    "crop": crop, "flip": flip,
                    "pixels": [round(x, 9) for row in done for pixel in row for x in pixel]})
    return out


if __name__ == "__main__":
    record = {"draws": draws(), "orders": orders(), "crops": crops()}
    GOLDEN.write_text(json.dumps(record, separators=(",", ":")) + "\n")
