#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares training on images of mixed sizes: Lanewise in one step, PyTorch in one tensor per size.

Lanewise draws the set (`lanewise data varres`), PyTorch reads the same pictures. PyTorch cannot put
images of several sizes into one tensor, so it loops over the sizes, in two ways, of which the faster
one counts:

  together   every step takes the images that Lanewise's step takes, sorted into one tensor per size;
             the gradients of the tensors add up before the optimizer moves the weights
  in turn    every tensor is a full batch of one size and a step of its own, the sizes in turn

Both programs take turns over several rounds; figures are medians. Lanewise also trains on each size
alone, which says what mixing costs: its figure on the mixed set over the harmonic mean of those.
"""
import argparse
import glob
import json
import os
import statistics
import sys
import tempfile
import time

import lanewise_program
import pytorch_networks


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    lanewise_program.add_option(parser)
    parser.add_argument("--network", default="varres", help="network file or shipped name (varres)")
    parser.add_argument("--from", dest="source", default="mnist", metavar="NAME",
                        help="data set whose images are drawn (mnist)")
    parser.add_argument("--sizes", default="32,48,64", help="sides in pixels (32,48,64)")
    parser.add_argument("--images", type=int, default=6000, help="images of the set (6000)")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2], metavar="N",
                        help="numbers of threads for both programs (1 2)")
    parser.add_argument("--block-seconds", type=float, default=1.0,
                        help="length of a timed block of PyTorch (1)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    arguments = parser.parse_args()
    try:
        arguments.sides = [int(side) for side in arguments.sizes.split(",")]
    except ValueError:
        parser.error("--sizes: expected sides as in 32,48,64")
    if min(arguments.rounds, arguments.batch, *arguments.threads) < 1 or arguments.block_seconds <= 0:
        parser.error("--rounds, --batch, --threads and --block-seconds must be above 0")
    if arguments.images < arguments.batch * len(arguments.sides) * 2:
        parser.error("--images: expected two batches of each size at least")
    return arguments


def read_pictures(torch, folder):
    """Returns [(image, label)] in the order of Lanewise's training set, images (1, side, side)."""
    try:
        from PIL import Image
    except ImportError as error:
        sys.exit(f"mixed_sizes.py reads the pictures with the Python package Pillow ({error})")
    paths = glob.glob(os.path.join(folder, "train", "*", "*.png"))
    pictures = []
    for path in sorted(paths, key=os.path.basename):
        with Image.open(path) as picture:
            picture = picture.convert("L")
            pixels = torch.frombuffer(bytearray(picture.tobytes()), dtype=torch.uint8)
            label = int(os.path.basename(os.path.dirname(path)))
            pictures.append((pixels.view(1, picture.height, picture.width).float() / 255, label))
    return pictures


def stack(torch, pictures, layout):
    """One tensor of images and one of labels."""
    images = torch.stack([image for image, _ in pictures])
    if layout == "channels_last":
        images = images.contiguous(memory_format=torch.channels_last)
    return images, torch.tensor([label for _, label in pictures])


def by_side(pictures):
    groups = {}
    for picture in pictures:
        groups.setdefault(picture[0].shape[-1], []).append(picture)
    return [groups[side] for side in sorted(groups)]


def steps_together(torch, pictures, batch, layout):
    """A step is a list of tensors, one for each size among the next `batch` pictures."""
    return [[stack(torch, group, layout) for group in by_side(pictures[i:i + batch])]
            for i in range(0, len(pictures) - batch + 1, batch)]


def steps_in_turn(torch, pictures, batch, layout):
    """A step is a list of one tensor, a full batch of one size."""
    groups, steps = by_side(pictures), []
    for i in range(0, max(len(group) for group in groups), batch):
        steps += [[stack(torch, group[i:i + batch], layout)] for group in groups
                  if len(group) >= i + batch]
    return steps


class Trainer:
    """A network in training that can be timed block by block; its tensors lie in memory."""

    def __init__(self, network, steps, layout, threads, batch):
        self.torch = torch = pytorch_networks.need_torch()
        self.steps, self.threads, self.batch, self.next = steps, threads, batch, 0
        torch.set_num_threads(threads)
        torch.manual_seed(1)
        self.module = pytorch_networks.build_module(network, (1, 32, 32))
        if layout == "channels_last":
            self.module = self.module.to(memory_format=torch.channels_last)
        self.optimizer = torch.optim.Adam(self.module.parameters(), lr=1e-3, fused=True)

    def step(self):
        self.optimizer.zero_grad(set_to_none=True)
        for images, labels in self.steps[self.next]:
            loss = self.torch.nn.functional.cross_entropy(self.module(images), labels,
                                                          reduction="sum") / self.batch
            loss.backward()
        self.optimizer.step()
        self.next = (self.next + 1) % len(self.steps)

    def run_block(self, seconds):
        """Trains for about that long; returns images per second."""
        self.torch.set_num_threads(self.threads)
        steps, start = 0, time.perf_counter()
        while True:
            self.step()
            steps += 1
            elapsed = time.perf_counter() - start
            if elapsed >= seconds:
                return steps * self.batch / elapsed


def run_lanewise(arguments, path, sizes, threads):
    with tempfile.TemporaryDirectory(prefix="lanewise-mixed-") as folder:
        outcome = lanewise_program.run_json(arguments.lanewise, [
            "train", path, "--data", f"varres:{arguments.source}:{sizes}", "--epochs", "1", "--batch",
            str(arguments.batch), "--threads", str(threads), "--validation", "0", "--train-limit",
            str(arguments.images), "--json", "--quiet", "--out", os.path.join(folder, "run")])
        return outcome["images_per_second"]


def make_trainers(arguments, network):
    torch = pytorch_networks.need_torch()
    with tempfile.TemporaryDirectory(prefix="lanewise-mixed-") as folder:
        pictures = os.path.join(folder, "set")
        lanewise_program.run(arguments.lanewise, [
            "data", "varres", "--from", arguments.source, "--sizes", arguments.sizes, "--count",
            str(arguments.images), "--out", pictures, "--quiet"])
        pictures = read_pictures(torch, pictures)
    trainers = {}
    for way, make_steps in (("together", steps_together), ("in turn", steps_in_turn)):
        for layout in ("nchw", "channels_last"):
            steps = make_steps(torch, pictures, arguments.batch, layout)
            for threads in arguments.threads:
                trainers[way, layout, threads] = Trainer(network, steps, layout, threads,
                                                         arguments.batch)
    return trainers


def measure(arguments):
    path = lanewise_program.network_path(arguments.network)
    network = pytorch_networks.parse_network(path)
    trainers = make_trainers(arguments, network)
    for trainer in trainers.values():
        trainer.run_block(min(arguments.block_seconds, 0.5))
    torch_blocks = {setting: [] for setting in trainers}
    mixes = [arguments.sizes] + [str(side) for side in arguments.sides]
    lanewise_blocks = {(sizes, threads): [] for threads in arguments.threads for sizes in mixes}
    for completed in range(arguments.rounds):
        print(f"round {completed + 1} of {arguments.rounds}", file=sys.stderr)
        for threads in arguments.threads:
            for sizes in mixes:
                lanewise_blocks[sizes, threads].append(run_lanewise(arguments, path, sizes, threads))
            for setting, trainer in trainers.items():
                if setting[2] == threads:
                    torch_blocks[setting].append(trainer.run_block(arguments.block_seconds))
    return network, torch_blocks, lanewise_blocks


def summarize(arguments, network, torch_blocks, lanewise_blocks):
    settings = [{"program": "pytorch", "way": way, "layout": layout, "threads": threads,
                 "images_per_second": statistics.median(blocks), "blocks": blocks}
                for (way, layout, threads), blocks in torch_blocks.items()]
    settings += [{"program": "lanewise", "sizes": sizes, "threads": threads,
                  "images_per_second": statistics.median(blocks), "blocks": blocks}
                 for (sizes, threads), blocks in lanewise_blocks.items()]
    mixed = [setting for setting in settings if setting.get("sizes") == arguments.sizes]
    best = {"lanewise": max(mixed, key=lambda setting: setting["images_per_second"]),
            "pytorch": max((setting for setting in settings if setting["program"] == "pytorch"),
                           key=lambda setting: setting["images_per_second"])}
    predicted = {}
    for threads in arguments.threads:
        alone = [statistics.median(lanewise_blocks[str(side), threads]) for side in arguments.sides]
        mean = statistics.harmonic_mean(alone)
        predicted[threads] = {
            "images_per_second": mean,
            "share": statistics.median(lanewise_blocks[arguments.sizes, threads]) / mean}
    return {"program": "mixed_sizes", "network": network.name, "batch": arguments.batch,
            "sizes": arguments.sizes, "torch_version": pytorch_networks.need_torch().__version__,
            "settings": settings, "best": best, "predicted": predicted,
            "ratio": best["lanewise"]["images_per_second"] / best["pytorch"]["images_per_second"]}


def name_setting(setting):
    name = setting["program"] + " "
    name += setting["sizes"] if "sizes" in setting else f"{setting['way']}, {setting['layout']}"
    return name + f", {setting['threads']} thread" + ("s" if setting["threads"] > 1 else "")


def print_table(result):
    rounds = len(result["settings"][0]["blocks"])
    print(f"{result['network']}, batch {result['batch']}, adam, sizes {result['sizes']}: training, "
          f"images/s (median; lowest to highest of {rounds} rounds)")
    for setting in result["settings"]:
        print(f"  {name_setting(setting):44} {setting['images_per_second']:10.0f}   "
              f"({min(setting['blocks']):.0f} to {max(setting['blocks']):.0f})")
    for threads, predicted in result["predicted"].items():
        print(f"lanewise mixed over the harmonic mean of the sizes alone, {threads} thread"
              f"{'s' if threads > 1 else ''}: {100 * predicted['share']:.1f} % of "
              f"{predicted['images_per_second']:.0f}")
    print(f"lanewise over the best of pytorch ({result['torch_version']}): {result['ratio']:.2f}x")


def main():
    arguments = parse_arguments()
    result = summarize(arguments, *measure(arguments))
    if arguments.json:
        json.dump(result, sys.stdout, indent=2)
        print()
    else:
        print_table(result)


if __name__ == "__main__":
    main()
