# SPDX-License-Identifier: Apache-2.0
"""Labelled images of any size for a comparison: made, written as IDX files, and read again.

Every program reads the same files. Grey images are MNIST, enlarged by repeating pixels, where it is
at hand; colour images, and grey ones without MNIST, are made up: a coarse pattern for each class,
under noise. Works with the standard library alone.
"""
import collections
import operator
import os
import random
import struct

import mnist_idx

CLASSES = 10
# Pixels are bytes, (image, row, column, channel); shape is (channels, height, width).
Images = collections.namedtuple("Images", "pixels labels shape source")


def count_for(shape, most, batch):
    """How many images: whole batches, and at most 128 MiB of them as floats."""
    channels, height, width = shape
    fit = max(1, 2**27 // (4 * channels * height * width))
    return max(1, min(most, fit) // batch) * batch


def resize(pixels, old, new):
    """Grey images of the size `old` (height, width) as images of the size `new`."""
    if old == new:
        return bytes(pixels)
    pick = operator.itemgetter(*(
        (row * old[0] // new[0]) * old[1] + column * old[1] // new[1]
        for row in range(new[0]) for column in range(new[1])))
    size = old[0] * old[1]
    return b"".join(bytes(pick(pixels[start:start + size]))
                    for start in range(0, len(pixels), size))


def _pattern(generator, shape):
    """A random grid of 4x4 colours over the whole image."""
    channels, height, width = shape
    colours = [generator.randbytes(channels) for _ in range(16)]
    return b"".join(colours[row * 4 // height * 4 + column * 4 // width]
                    for row in range(height) for column in range(width))


def make_up(shape, count):
    """The same images at every call."""
    generator = random.Random(1)
    size = shape[0] * shape[1] * shape[2]
    # All bytes of an image are halved and added at once, as one long integer.
    halves = int.from_bytes(b"\x7f" * size, "big")

    def halve(content):
        return int.from_bytes(content, "big") >> 1 & halves

    patterns = [halve(_pattern(generator, shape)) for _ in range(CLASSES)]
    labels = bytes(index % CLASSES for index in range(count))
    pixels = b"".join((patterns[label] + halve(generator.randbytes(size))).to_bytes(size, "big")
                      for label in labels)
    return Images(pixels, labels, shape, "made up")


def make(shape, count):
    folder = mnist_idx.find_folder()
    if not folder or shape[0] != 1 or count > mnist_idx.TRAINING_IMAGES:
        return make_up(shape, count)
    pixels, labels, height, width = mnist_idx.read_training_images(folder, count)
    enlarged = "" if (height, width) == shape[1:] else ", resized"
    return Images(resize(pixels, (height, width), shape[1:]), bytes(labels), shape,
                  "MNIST" + enlarged)


def _write(path, sizes, values):
    with open(path, "wb") as file:
        file.write(bytes((0, 0, 8, len(sizes))) + struct.pack(f">{len(sizes)}I", *sizes))
        file.write(values)


def write_folder(images, folder):
    """Writes the four files of a data set; the first few images are its test images, too."""
    channels, height, width = images.shape
    rank = 3 if channels == 1 else 4
    for prefix, count in (("train", len(images.labels)), ("t10k", min(16, len(images.labels)))):
        sizes = (count, height, width) + ((channels,) if rank == 4 else ())
        _write(os.path.join(folder, f"{prefix}-images-idx{rank}-ubyte"), sizes,
               images.pixels[:count * channels * height * width])
        _write(os.path.join(folder, f"{prefix}-labels-idx1-ubyte"), (count,),
               images.labels[:count])


def read_folder(folder):
    """The training images of such a folder."""
    for rank in (3, 4):
        path = os.path.join(folder, f"train-images-idx{rank}-ubyte")
        if os.path.isfile(path):
            break
    sizes, pixels = mnist_idx.read_idx(path)
    _, labels = mnist_idx.read_idx(os.path.join(folder, "train-labels-idx1-ubyte"))
    channels = sizes[3] if rank == 4 else 1
    return Images(pixels, labels, (channels, sizes[1], sizes[2]), folder)
