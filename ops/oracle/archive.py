"""Reads an npz of images as ADM's evaluator does, a part at a time, and checks what
`bench-inception archive` has written: python archive.py FILE.npz"""

import sys
import zipfile

import numpy

with zipfile.ZipFile(sys.argv[1]) as archive, archive.open("arr_0.npy") as file:
    # guided-diffusion evaluations/evaluator.py, _open_npy_file and StreamingNpzArrayReader.
    version = numpy.lib.format.read_magic(file)
    assert version == (1, 0), version
    shape, fortran, dtype = numpy.lib.format.read_array_header_1_0(file)
    assert not fortran and dtype == numpy.uint8 and len(shape) == 4, (shape, fortran, dtype)
    size = int(numpy.prod(shape[1:]))
    places = (numpy.arange(size, dtype=numpy.uint64) * 31).astype(numpy.uint8)
    for first in range(0, shape[0], 512):
        count = min(512, shape[0] - first)
        part = numpy.frombuffer(file.read(count * size), numpy.uint8).reshape(count, size)
        wanted = places[None] + (numpy.arange(first, first + count) * 7).astype(numpy.uint8)[:, None]
        assert (part == wanted).all(), f"images {first} to {first + count - 1} differ"
    assert file.read(1) == b""  # the end, where zipfile has checked the whole array's CRC-32
print(f"{shape} {dtype}: every byte as written, checksum right")
