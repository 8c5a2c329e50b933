"""The order of images and their crops: model.md section 6, in plain loops."""

import math

import philox


def permutation(count: int, seed: int, epoch: int) -> list[int]:
    """Numbers of the images in the order of an epoch."""
    def key(index: int) -> tuple[int, int]:
        words = philox.words(seed, index, epoch, 0, 8)
        return words[0] << 32 | words[1], index
    return sorted(range(count), key=key)


def batch(count: int, seed: int, step: int, size: int) -> list[int]:
    """Numbers of the images of a step, by their position in the batch."""
    first = step * size
    epochs = {q // count for q in range(first, first + size)}
    orders = {epoch: permutation(count, seed, epoch) for epoch in epochs}
    return [orders[q // count][q % count] for q in range(first, first + size)]


def window(crop: tuple[float, float], size: int, u: list[float]) -> tuple[int, int, int]:
    """Side, column and row of the window that the four uniforms of stream 7 choose."""
    low, high = crop
    side = min(max(math.floor(size * (low + (high - low) * u[1]) + 0.5), 1), size)
    return side, math.floor(u[2] * (size - side + 1)), math.floor(u[3] * (size - side + 1))


def resized(line: list[float], size: int) -> list[float]:
    """A line of the window, bilinear, half-pixel centres, coordinates clamped to it."""
    out = []
    for i in range(size):
        at = min(max((i + 0.5) * len(line) / size - 0.5, 0), len(line) - 1)
        low = math.floor(at)
        high = min(low + 1, len(line) - 1)
        out.append(line[low] + (line[high] - line[low]) * (at - low))
    return out


def augmented(image: list[list[list[int]]], training: dict, seed: int, step: int,
              place: int) -> list[list[list[float]]]:
    """[row][column][channel] of bytes as numbers in [-1, 1], cropped and flipped as asked for."""
    size, channels = len(image), len(image[0][0])
    u = philox.uniforms(seed, 4, step, place, 7)
    planes = [[[float(pixel[c]) for pixel in row] for row in image] for c in range(channels)]
    if training["crop"] is not None:
        side, column, row = window(training["crop"], size, u)
        planes = [[line[column:column + side] for line in p[row:row + side]] for p in planes]
        planes = [[resized(line, size) for line in p] for p in planes]
        columns = [[resized(list(c), size) for c in zip(*p)] for p in planes]
        planes = [[list(line) for line in zip(*c)] for c in columns]
    if training["flip"] and u[0] < 0.5:
        planes = [[line[::-1] for line in p] for p in planes]
    return [[[planes[c][r][s] / 127.5 - 1 for c in range(channels)] for s in range(size)]
            for r in range(size)]
