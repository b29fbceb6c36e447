#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The other side of test_safetensors_python: Python's own safetensors package reads and writes.

    safetensors_peer.py read FILE    prints metadata and tensors, one line each, values as hex bytes
    safetensors_peer.py write FILE   writes two tensors and metadata
"""
import sys

import numpy
import safetensors.numpy


def read(path):
    with safetensors.safe_open(path, framework="numpy") as file:
        for key, value in sorted((file.metadata() or {}).items()):
            print("metadata", key, value)
    for name, tensor in sorted(safetensors.numpy.load_file(path).items()):
        shape = "x".join(str(side) for side in tensor.shape)
        print("tensor", name, tensor.dtype, shape, tensor.astype("<f4").tobytes().hex())


def write(path):
    tensors = {
        "conv1.weight": numpy.array([[1, 2, 3], [4, 5, 6.5]], dtype=numpy.float32),
        "scalar": numpy.array(-0.25, dtype=numpy.float32),
    }
    safetensors.numpy.save_file(tensors, path, {"greeting": "gr\u00fc\u00df dich\n\"du\""})


if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[1] not in ("read", "write"):
        sys.exit(__doc__)
    (read if sys.argv[1] == "read" else write)(sys.argv[2])
