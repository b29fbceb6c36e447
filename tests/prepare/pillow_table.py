#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Prints pillow_table.inc: random images, and what Pillow makes of them in other sizes.
import numpy
from PIL import Image, __version__

# width, height, new width, new height, channels
CASES = [
    (7, 5, 3, 4, 1), (4, 4, 9, 7, 1), (13, 11, 4, 4, 3), (5, 8, 5, 3, 1), (6, 6, 6, 6, 1),
    (3, 2, 10, 5, 3), (17, 9, 2, 1, 1), (1, 1, 3, 3, 1), (20, 24, 12, 11, 1), (2, 9, 9, 2, 1),
]


def dump(name, pixels):
    values = numpy.asarray(pixels).reshape(-1)
    print(f"static const uint8_t {name}[] = {{")
    for start in range(0, len(values), 20):
        print("    " + " ".join(f"{value}," for value in values[start:start + 20]))
    print("};")


random = numpy.random.RandomState(5)
print("// SPDX-License-Identifier: Apache-2.0")
print("// What Pillow's Image.resize makes of random images, with BILINEAR and with BOX.")
print(f"// Written by pillow_table.py with Pillow {__version__}.")
print("// clang-format off")
for i, (width, height, new_width, new_height, channels) in enumerate(CASES):
    pixels = random.randint(0, 256, (height, width, channels)).astype(numpy.uint8)
    image = Image.fromarray(pixels[:, :, 0] if channels == 1 else pixels)
    dump(f"image_{i}", pixels)
    dump(f"bilinear_{i}", image.resize((new_width, new_height), Image.BILINEAR))
    dump(f"box_{i}", image.resize((new_width, new_height), Image.BOX))
print("static const pillow_case pillow_cases[] = {")
for i, (width, height, new_width, new_height, channels) in enumerate(CASES):
    print(f"    {{{height}, {width}, {new_height}, {new_width}, {channels}, "
          f"image_{i}, bilinear_{i}, box_{i}}},")
print("};")
print("// clang-format on")
