#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures how many images a second PyTorch trains, and prints a JSON object.

The data are float tensors in memory, one batch after the other without a shuffle or a loader: what
is timed is forward, loss, backward and the optimizer. After a warm-up, blocks of steps are timed
one by one; the figure is the median of the blocks.
"""
import argparse
import json
import statistics
import sys
import time

import lanewise_program
import mnist_idx
import pytorch_networks


def add_work_options(parser):
    """The options that say what is trained; compare.py has them, too."""
    parser.add_argument("--network", default="fixed", help="network file or shipped name (fixed)")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--optimizer", choices=["adam", "sgd"], default="adam",
                        help="adam 0.001, or sgd 0.01 with momentum 0.9")
    parser.add_argument("--images", type=int, default=8192,
                        help="images in PyTorch's memory: the first of MNIST where "
                             "LANEWISE_DATA_DIR has it, else random ones (8192)")
    parser.add_argument("--block-seconds", type=float, default=1.0,
                        help="length of a timed block of PyTorch (1)")


def check_work_options(parser, arguments):
    if not 1 <= arguments.batch <= arguments.images or arguments.block_seconds <= 0:
        parser.error("expected 1 <= --batch <= --images and --block-seconds above 0")


def load_data(torch, network, count):
    """Returns (images, labels, source): MNIST where it fits the network, else random data."""
    channels, height, width = network.input
    folder = mnist_idx.find_folder()
    if folder and channels == 1 and height in (0, 28) and width in (0, 28):
        pixels, labels, height, width = mnist_idx.read_training_images(folder, count)
        images = torch.frombuffer(bytearray(pixels), dtype=torch.uint8)
        images = images.view(-1, 1, height, width).float() / 255
        return images, torch.frombuffer(bytearray(labels), dtype=torch.uint8).long(), "mnist"
    generator = torch.Generator().manual_seed(1)
    classes = int(next(layer for layer in reversed(network.layers)
                       if layer.kind == "linear").values[0])
    images = torch.rand(count, channels, height or 28, width or 28, generator=generator)
    return images, torch.randint(classes, (count,), generator=generator), "random"


class Trainer:
    """A network in training that can be timed block by block."""

    def __init__(self, network, optimizer, batch, layout, threads, data):
        self.torch = torch = pytorch_networks.need_torch()
        self.images, self.labels, self.source = data
        self.threads, self.batch, self.next = threads, batch, 0
        torch.set_num_threads(threads)
        torch.manual_seed(1)
        self.module = pytorch_networks.build_module(network, tuple(self.images.shape[1:]))
        if layout == "channels_last":
            self.module = self.module.to(memory_format=torch.channels_last)
            self.images = self.images.contiguous(memory_format=torch.channels_last)
        # `fused` is PyTorch's fastest form of both optimizers on a CPU.
        if optimizer == "adam":
            self.optimizer = torch.optim.Adam(self.module.parameters(), lr=1e-3, fused=True)
        else:
            self.optimizer = torch.optim.SGD(self.module.parameters(), lr=1e-2, momentum=0.9,
                                             fused=True)

    def step(self):
        if self.next + self.batch > len(self.labels):
            self.next = 0
        batch = slice(self.next, self.next + self.batch)
        self.next += self.batch
        self.optimizer.zero_grad(set_to_none=True)
        loss = self.torch.nn.functional.cross_entropy(self.module(self.images[batch]),
                                                      self.labels[batch])
        loss.backward()
        self.optimizer.step()

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


def describe(network, arguments, trainer):
    return {"program": "pytorch", "torch_version": trainer.torch.__version__,
            "network": network.name, "batch": arguments.batch, "optimizer": arguments.optimizer,
            "data": trainer.source}


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    add_work_options(parser)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--layout", choices=["nchw", "channels_last"], default="channels_last")
    parser.add_argument("--blocks", type=int, default=5)
    parser.add_argument("--warmup-seconds", type=float, default=1.0)
    arguments = parser.parse_args()
    check_work_options(parser, arguments)
    if arguments.blocks < 1 or arguments.threads < 1:
        parser.error("--blocks and --threads must be at least 1")
    torch = pytorch_networks.need_torch()
    network = pytorch_networks.parse_network(lanewise_program.network_path(arguments.network))
    trainer = Trainer(network, arguments.optimizer, arguments.batch, arguments.layout,
                      arguments.threads, load_data(torch, network, arguments.images))
    trainer.run_block(arguments.warmup_seconds)
    blocks = [trainer.run_block(arguments.block_seconds) for _ in range(arguments.blocks)]
    json.dump({**describe(network, arguments, trainer), "layout": arguments.layout,
               "threads": arguments.threads, "images_per_second": statistics.median(blocks),
               "blocks": blocks}, sys.stdout, indent=2)
    print()


if __name__ == "__main__":
    main()
