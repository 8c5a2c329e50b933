"""A made source: pictures of noise, all different, in a tar for each class within one tar."""
import io
import random
import struct
import tarfile
import zlib

# Pictures of as many different pixels; each file has a text chunk besides that no other has.
PICTURES = 40


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def picture(generator, kilobytes):
    """The chunks of a PNG of about so many kilobytes before and after its text. Noise of 5 bits hardly shrinks."""
    side = max(8, int((kilobytes * 1024 / 3 / 0.66) ** 0.5))
    rows = b"".join(
        b"\0" + bytes(value & 0xF8 for value in generator.randbytes(side * 3)) for _ in range(side))
    head = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0))
    return head, chunk(b"IDAT", zlib.compress(rows, 1)) + chunk(b"IEND", b"")


def whole_picture(parts, number):
    """The bytes of a picture with a text that no other number has."""
    head, tail = parts
    return head + chunk(b"tEXt", b"Comment\0%d" % number) + tail


def add(archive, name, data):
    entry = tarfile.TarInfo(name)
    entry.size = len(data)
    archive.addfile(entry, io.BytesIO(data))


def make(path, images, classes, kilobytes):
    """Writes the tar; returns its size in bytes."""
    generator = random.Random(0)
    pictures = [picture(generator, kilobytes) for _ in range(min(PICTURES, images))]
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as whole:
        for number in range(classes):
            inner = io.BytesIO()
            with tarfile.open(fileobj=inner, mode="w", format=tarfile.USTAR_FORMAT) as archive:
                for image in range(number, images, classes):
                    parts = pictures[image % len(pictures)]
                    add(archive, f"n{number:05}_{image}.png", whole_picture(parts, image))
            add(whole, f"n{number:05}.tar", inner.getvalue())
    return path.stat().st_size
