#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures how many images a second JAX trains, and prints a JSON object.

The counterpart of throughput.py: float arrays in memory, one batch after the other. A whole step
(forward, loss, backward, Optax's optimizer) is one jitted function whose arguments are donated. XLA
takes as many threads as the process has CPUs, so the process is held to --threads of them.
"""
import os

import peer_process
import pytorch_networks

VARIANTS = ("NCHW", "NHWC")


def import_jax(threads):
    """(jax, optax) on so many CPUs; raises ImportError."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    import jax
    import optax
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
    """Random weights that keep the size of the signal (He et al.)."""
    import numpy
    generator, parameters, (channels, height, width) = numpy.random.default_rng(1), {}, shape

    def draw(*sizes):
        """(weights, bias): the last of the sizes is that of the outputs."""
        scale = (2 / numpy.prod(sizes[:-1])) ** 0.5
        return ((scale * generator.standard_normal(sizes)).astype("float32"),
                numpy.zeros(sizes[-1], "float32"))

    for layer in network.layers[:-1]:
        if layer.kind in ("conv", "maxpool", "avgpool"):
            kernel = pytorch_networks.pair(layer.values[0])
            default = "1" if layer.kind == "conv" else layer.values[0]
            settings = [pytorch_networks.pair(layer.options.get(*option)) for option in
                        (("stride", default), ("pad", "0"), ("dilation", "1"))]
            if layer.kind == "conv":
                out = int(layer.values[1])
                parameters[layer.name] = draw(*kernel, channels, out)
                channels = out
            height, width = (pytorch_networks.output_side(size, *geometry) for size, geometry in
                             zip((height, width), zip(kernel, *settings)))
        elif layer.kind in ("global_maxpool", "global_meanpool"):
            height = width = 1
        elif layer.kind == "linear":
            out = int(layer.values[0])
            parameters[layer.name] = draw(channels * height * width, out)
            channels, height, width = out, 1, 1
    return parameters


class Trainer:
    """A network in training that can be timed block by block."""

    def __init__(self, modules, network, images, batch, optimizer, layout):
        import numpy
        self.jax, optax = modules
        jax, self.batch, self.next = self.jax, batch, 0
        channels, height, width = images.shape
        pixels = numpy.frombuffer(images.pixels, numpy.uint8).reshape(-1, height, width, channels)
        pixels = pixels.astype("float32") / 255
        if layout == "NCHW":
            pixels = numpy.ascontiguousarray(pixels.transpose(0, 3, 1, 2))
        labels = numpy.frombuffer(images.labels, numpy.uint8).astype("int32")
        self.batches = [(jax.device_put(pixels[start:start + batch]),
                         jax.device_put(labels[start:start + batch]))
                        for start in range(0, len(labels) - batch + 1, batch)]
        method = optax.adam(1e-3) if optimizer == "adam" else optax.sgd(1e-2, momentum=0.9)
        self.parameters = jax.device_put(make_parameters(network, images.shape))
        self.state = method.init(self.parameters)

        def loss(parameters, images, labels):
            scores = forward(jax, network, layout, parameters, images)
            return optax.softmax_cross_entropy_with_integer_labels(scores, labels).mean()

        def step(parameters, state, images, labels):
            gradients = jax.grad(loss)(parameters, images, labels)
            updates, state = method.update(gradients, state, parameters)
            return optax.apply_updates(parameters, updates), state

        self.step = jax.jit(step, donate_argnums=(0, 1))

    def train_steps(self):
        """Trains a few steps, which are dispatched together; returns how many."""
        for _ in range(4):
            self.parameters, self.state = self.step(self.parameters, self.state,
                                                    *self.batches[self.next])
            self.next = (self.next + 1) % len(self.batches)
        self.jax.block_until_ready(self.parameters)
        return 4


def load(threads):
    modules = import_jax(threads)

    def make_trainer(network, images, batch, optimizer, layout):
        return Trainer(modules, network, images, batch, optimizer, layout)

    return modules[0].__version__, make_trainer


if __name__ == "__main__":
    peer_process.main("jax", __doc__, VARIANTS, load)
