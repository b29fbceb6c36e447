#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures how many images a second JAX trains, and prints a JSON object.

The counterpart of throughput.py: float arrays in memory, one batch after the other. A whole step
(forward, loss, backward, Optax's optimizer) is one jitted function whose arguments are donated. XLA
takes as many threads as the process has CPUs, so the process is held to --threads of them.
"""
import argparse
import json
import os
import statistics
import sys
import time

import lanewise_program
import pytorch_networks
import throughput


def import_jax(threads):
    """jax and optax on so many CPUs; None when they are not installed."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    try:
        import jax
        import optax
    except ImportError:
        return None
    return jax, optax


def pool(jax, x, layer, axes, maximum):
    lax, window, steps, edges = jax.lax, [1] * 4, [1] * 4, [(0, 0)] * 4
    kernel = pytorch_networks.pair(layer.values[0])
    stride = pytorch_networks.pair(layer.options.get("stride", layer.values[0]))
    pad = pytorch_networks.pair(layer.options.get("pad", "0"))
    for axis, k, s, p in zip(axes, kernel, stride, pad):
        window[axis], steps[axis], edges[axis] = k, s, (p, p)
    if maximum:
        return lax.reduce_window(x, -float("inf"), lax.max, window, steps, edges)
    return lax.reduce_window(x, 0.0, lax.add, window, steps, edges) / (kernel[0] * kernel[1])


def forward(jax, network, layout, parameters, x):
    """The scores of a batch."""
    np, axes = jax.numpy, (2, 3) if layout == "NCHW" else (1, 2)
    for layer in network.layers[:-1]:
        if layer.kind == "conv":
            weights, bias = parameters[layer.name]
            pad = pytorch_networks.pair(layer.options.get("pad", "0"))
            x = jax.lax.conv_general_dilated(
                x, weights, pytorch_networks.pair(layer.options.get("stride", "1")),
                [(p, p) for p in pad],
                rhs_dilation=pytorch_networks.pair(layer.options.get("dilation", "1")),
                dimension_numbers=(layout, "HWIO", layout))
            x = x + (bias[:, None, None] if layout == "NCHW" else bias)
        elif layer.kind in ("maxpool", "avgpool"):
            x = pool(jax, x, layer, axes, layer.kind == "maxpool")
        elif layer.kind == "global_maxpool":
            x = x.max(axes)
        elif layer.kind == "global_meanpool":
            x = x.mean(axes)
        elif layer.kind == "relu":
            x = jax.nn.relu(x)
        elif layer.kind == "linear":
            weights, bias = parameters[layer.name]
            x = np.dot(x.reshape(x.shape[0], -1), weights) + bias
        elif layer.kind == "dropout":
            raise SystemExit("a network with dropout is not compared with JAX")
    return x.reshape(x.shape[0], -1)


def make_parameters(network, shape):
    """Small random weights; the speed does not depend on them."""
    import numpy
    generator, parameters, (channels, height, width) = numpy.random.default_rng(1), {}, shape
    def draw(*sizes):
        return (0.05 * generator.standard_normal(sizes)).astype("float32")
    for layer in network.layers[:-1]:
        if layer.kind in ("conv", "maxpool", "avgpool"):
            kernel = pytorch_networks.pair(layer.values[0])
            default = "1" if layer.kind == "conv" else layer.values[0]
            settings = [pytorch_networks.pair(layer.options.get(*option)) for option in
                        (("stride", default), ("pad", "0"), ("dilation", "1"))]
            if layer.kind == "conv":
                out = int(layer.values[1])
                parameters[layer.name] = (draw(*kernel, channels, out), draw(out))
                channels = out
            height, width = (pytorch_networks.output_side(size, *geometry) for size, geometry in
                             zip((height, width), zip(kernel, *settings)))
        elif layer.kind in ("global_maxpool", "global_meanpool"):
            height = width = 1
        elif layer.kind == "linear":
            out = int(layer.values[0])
            parameters[layer.name] = (draw(channels * height * width, out), draw(out))
            channels, height, width = out, 1, 1
    return parameters


class Trainer:
    """A network in training that can be timed block by block."""

    def __init__(self, modules, network, optimizer, batch, layout):
        import numpy
        self.jax, optax = modules
        jax, self.batch, self.next = self.jax, batch, 0
        channels, height, width = network.input
        shape = (channels, height or 28, width or 28)
        generator = numpy.random.default_rng(1)
        sizes = shape if layout == "NCHW" else (shape[1], shape[2], shape[0])
        self.images = [jax.device_put(generator.random((batch, *sizes), dtype="float32"))
                       for _ in range(16)]
        self.labels = jax.device_put(generator.integers(0, 10, batch))
        method = optax.adam(1e-3) if optimizer == "adam" else optax.sgd(1e-2, momentum=0.9)
        self.parameters = jax.device_put(make_parameters(network, shape))
        self.state = method.init(self.parameters)

        def loss(parameters, images, labels):
            scores = forward(jax, network, layout, parameters, images)
            return optax.softmax_cross_entropy_with_integer_labels(scores, labels).mean()

        def step(parameters, state, images, labels):
            gradients = jax.grad(loss)(parameters, images, labels)
            updates, state = method.update(gradients, state, parameters)
            return optax.apply_updates(parameters, updates), state

        self.step = jax.jit(step, donate_argnums=(0, 1))

    def run_block(self, seconds):
        """Trains for about that long; returns images per second."""
        steps, start = 0, time.perf_counter()
        while True:
            for _ in range(4):
                self.parameters, self.state = self.step(
                    self.parameters, self.state, self.images[self.next], self.labels)
                self.next = (self.next + 1) % len(self.images)
                steps += 1
            self.jax.block_until_ready(self.parameters)
            elapsed = time.perf_counter() - start
            if elapsed >= seconds:
                return steps * self.batch / elapsed


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    throughput.add_work_options(parser)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--layout", choices=["NCHW", "NHWC"], default="NHWC")
    parser.add_argument("--blocks", type=int, default=5)
    parser.add_argument("--warmup-seconds", type=float, default=1.0)
    arguments = parser.parse_args()
    throughput.check_work_options(parser, arguments)
    modules = import_jax(arguments.threads)
    if not modules:
        sys.exit("jax_throughput.py: the Python packages jax and optax are not installed into "
                 f"{sys.executable}")
    network = pytorch_networks.parse_network(lanewise_program.network_path(arguments.network))
    trainer = Trainer(modules, network, arguments.optimizer, arguments.batch, arguments.layout)
    trainer.run_block(arguments.warmup_seconds)
    blocks = [trainer.run_block(arguments.block_seconds) for _ in range(arguments.blocks)]
    json.dump({"program": "jax", "jax_version": modules[0].__version__, "network": network.name,
               "batch": arguments.batch, "optimizer": arguments.optimizer, "data": "random",
               "layout": arguments.layout, "threads": arguments.threads,
               "images_per_second": statistics.median(blocks), "blocks": blocks}, sys.stdout,
              indent=2)
    print()


if __name__ == "__main__":
    main()
