# SPDX-License-Identifier: Apache-2.0
"""The MNIST training files (IDX, plain or gzipped), read with the standard library alone."""
import gzip
import math
import os
import struct
import sys

IMAGES_NAME = "train-images-idx3-ubyte"
LABELS_NAME = "train-labels-idx1-ubyte"
TRAINING_IMAGES = 60000


def find_folder():
    """The folder with the training files: LANEWISE_DATA_DIR/mnist or LANEWISE_DATA_DIR; None."""
    root = os.environ.get("LANEWISE_DATA_DIR")
    if not root:
        return None
    for folder in (os.path.join(root, "mnist"), root):
        if _find_file(folder, IMAGES_NAME) and _find_file(folder, LABELS_NAME):
            return folder
    return None


def need_folder():
    """The same; ends the program with a sentence when there is none."""
    folder = find_folder()
    if folder:
        return folder
    sys.exit(f"{os.path.basename(sys.argv[0])}: expected {IMAGES_NAME}[.gz] and {LABELS_NAME}[.gz] "
             "in LANEWISE_DATA_DIR or its folder mnist; LANEWISE_DATA_DIR is "
             f"{os.environ.get('LANEWISE_DATA_DIR') or 'not set'}")


def _find_file(folder, name):
    for path in (os.path.join(folder, name), os.path.join(folder, name + ".gz")):
        if os.path.isfile(path):
            return path
    return None


def read_idx(path):
    """Returns (shape, bytes) of an IDX file of unsigned bytes; ends the program for any other."""
    with (gzip.open if path.endswith(".gz") else open)(path, "rb") as file:
        content = file.read()
    if len(content) < 4 or content[:3] != b"\0\0\x08":
        sys.exit(f"{path}: expected an IDX file of unsigned bytes")
    rank = content[3]
    if len(content) < 4 + 4 * rank:
        sys.exit(f"{path}: the file ends within its header")
    shape = struct.unpack(f">{rank}I", content[4:4 + 4 * rank])
    values = content[4 + 4 * rank:]
    if len(values) != math.prod(shape):
        sys.exit(f"{path}: expected {math.prod(shape)} values, got {len(values)}")
    return shape, values


def read_training_images(folder, count):
    """Returns (pixels, labels, height, width) of the first `count` images, as bytes."""
    shape, pixels = read_idx(_find_file(folder, IMAGES_NAME))
    label_shape, labels = read_idx(_find_file(folder, LABELS_NAME))
    if len(shape) != 3 or len(label_shape) != 1 or shape[0] != label_shape[0]:
        sys.exit(f"{folder}: images of shape {shape} do not go with labels of shape "
                 f"{label_shape}")
    if count > shape[0]:
        sys.exit(f"{folder}: expected at least {count} images, got {shape[0]}")
    return pixels[:count * shape[1] * shape[2]], labels[:count], shape[1], shape[2]
