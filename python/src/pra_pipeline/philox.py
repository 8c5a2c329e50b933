"""Philox4x32-10 and the numbers made of it, many images at a time (section 6 of the model page)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

_MULTIPLIERS = (np.uint64(0xD2511F53), np.uint64(0xCD9E8D57))
_WEYL = (0x9E3779B9, 0xBB67AE85)
_MASK = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)

Counters = int | npt.NDArray[np.int64]


def words(
    seed: int, block: Counters, a: Counters, b: Counters, stream: int
) -> npt.NDArray[np.uint64]:
    """The four words of each counter (block, a, b, stream) under a 64-bit seed: [..., 4]."""
    x0, x1, x2, x3 = np.broadcast_arrays(
        *(np.asarray(part, np.int64).astype(np.uint64) & _MASK for part in (block, a, b, stream)))
    k0, k1 = seed & 0xFFFFFFFF, seed >> 32
    for _ in range(10):
        p0, p1 = _MULTIPLIERS[0] * x0, _MULTIPLIERS[1] * x2
        x0, x1, x2, x3 = (
            (p1 >> _HALF) ^ x1 ^ np.uint64(k0), p1 & _MASK,
            (p0 >> _HALF) ^ x3 ^ np.uint64(k1), p0 & _MASK)
        k0, k1 = (k0 + _WEYL[0]) & 0xFFFFFFFF, (k1 + _WEYL[1]) & 0xFFFFFFFF
    return np.stack([x0, x1, x2, x3], -1)


def uniforms(
    seed: int, count: int, a: Counters, b: Counters, stream: int
) -> npt.NDArray[np.float64]:
    """Elements 0..count-1 of a stream for each (a, b), uniform in (0, 1): [..., count]."""
    a, b = (np.asarray(part, np.int64)[..., None] for part in (a, b))
    drawn = words(seed, np.arange((count + 3) // 4), a, b, stream)
    flat = drawn.reshape(*drawn.shape[:-2], -1)[..., :count]
    return (flat >> np.uint64(8)).astype(np.float64) * 2.0**-24 + 2.0**-25


def normals(
    seed: int, count: int, a: Counters, b: Counters, stream: int
) -> npt.NDArray[np.float64]:
    """Elements 0..count-1 of a stream for each (a, b), standard normal by Box-Muller."""
    u = uniforms(seed, (count + 3) // 4 * 4, a, b, stream)
    radius, angle = np.sqrt(-2 * np.log(u[..., 0::2])), 2 * np.pi * u[..., 1::2]
    pairs = np.stack([radius * np.cos(angle), radius * np.sin(angle)], -1)
    return pairs.reshape(*u.shape)[..., :count]
