#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures how many images a second PyTorch trains, and prints a JSON object.

The data are float tensors in memory, one batch after the other without a shuffle or a loader: what
is timed is forward, loss, backward and the optimizer. After a warm-up, blocks of steps are timed
one by one; the figure is the median of the blocks. The variant "compiled" is channels_last through
torch.compile.
"""
import peer_process
import pytorch_networks

VARIANTS = ("NCHW", "channels_last", "compiled")


def make_tensors(torch, images):
    """(images, labels): floats from 0 to 1 in NCHW, as Lanewise sees them."""
    channels, height, width = images.shape
    pixels = torch.frombuffer(bytearray(images.pixels), dtype=torch.uint8)
    pixels = pixels.view(-1, height, width, channels).permute(0, 3, 1, 2).contiguous()
    labels = torch.frombuffer(bytearray(images.labels), dtype=torch.uint8)
    return pixels.float() / 255, labels.long()


class Trainer:
    """A network in training that can be timed block by block."""

    def __init__(self, torch, network, images, batch, optimizer, variant):
        self.torch, self.batch, self.next = torch, batch, 0
        torch.manual_seed(1)
        self.images, self.labels = make_tensors(torch, images)
        self.module = pytorch_networks.build_module(network, images.shape)
        if variant != "NCHW":
            self.module = self.module.to(memory_format=torch.channels_last)
            self.images = self.images.contiguous(memory_format=torch.channels_last)
        # `fused` is PyTorch's fastest form of both optimizers on a CPU.
        if optimizer == "adam":
            self.optimizer = torch.optim.Adam(self.module.parameters(), lr=1e-3, fused=True)
        else:
            self.optimizer = torch.optim.SGD(self.module.parameters(), lr=1e-2, momentum=0.9,
                                             fused=True)
        if variant == "compiled":
            self.module = torch.compile(self.module)

    def train_steps(self):
        """Trains a step; returns how many that were."""
        if self.next + self.batch > len(self.labels):
            self.next = 0
        batch = slice(self.next, self.next + self.batch)
        self.next += self.batch
        self.optimizer.zero_grad(set_to_none=True)
        loss = self.torch.nn.functional.cross_entropy(self.module(self.images[batch]),
                                                      self.labels[batch])
        loss.backward()
        self.optimizer.step()
        return 1


def load(threads):
    import torch
    torch.set_num_threads(threads)
    torch.set_flush_denormal(True)  # as Lanewise and XLA do

    def make_trainer(network, images, batch, optimizer, variant):
        return Trainer(torch, network, images, batch, optimizer, variant)

    return torch.__version__, make_trainer


if __name__ == "__main__":
    peer_process.main("pytorch", __doc__, VARIANTS, load)
