"""Philox4x32-10 and the numbers made of it (model.md section 6)."""

import math
import zlib

MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
WEYL = (0x9E3779B9, 0xBB67AE85)
MASK = 0xFFFFFFFF


def words(seed: int, block: int, a: int, b: int, stream: int) -> list[int]:
    """The four words of counter (block, a, b, stream) under a 64-bit seed."""
    x = [block & MASK, a & MASK, b & MASK, stream & MASK]
    key = [seed & MASK, seed >> 32]
    for _ in range(10):
        p0, p1 = MULTIPLIERS[0] * x[0], MULTIPLIERS[1] * x[2]
        x = [(p1 >> 32) ^ x[1] ^ key[0], p1 & MASK, (p0 >> 32) ^ x[3] ^ key[1], p0 & MASK]
        key = [(key[0] + WEYL[0]) & MASK, (key[1] + WEYL[1]) & MASK]
    return x


def uniforms(seed: int, count: int, a: int, b: int, stream: int) -> list[float]:
    """Elements 0..count-1 of a stream, uniform in (0, 1)."""
    out: list[float] = []
    for block in range((count + 3) // 4):
        out += [(w >> 8) * 2.0**-24 + 2.0**-25 for w in words(seed, block, a, b, stream)]
    return out[:count]


def normals(seed: int, count: int, a: int, b: int, stream: int) -> list[float]:
    """Elements 0..count-1 of a stream, standard normal by Box-Muller."""
    u = uniforms(seed, (count + 3) // 4 * 4, a, b, stream)
    out: list[float] = []
    for i in range(0, len(u), 2):
        r = math.sqrt(-2 * math.log(u[i]))
        out += [r * math.cos(2 * math.pi * u[i + 1]), r * math.sin(2 * math.pi * u[i + 1])]
    return out[:count]


def name_counter(name: str) -> int:
    """The counter word of a tensor's name."""
    return zlib.crc32(name.encode())
