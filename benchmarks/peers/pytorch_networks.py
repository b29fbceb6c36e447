#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Builds a PyTorch module from a Lanewise network file; as a program, prints its layers.

Reads what networks/*.net use: input, conv, relu, maxpool, avgpool, global_maxpool, global_meanpool,
flatten, linear, dropout, softmax_cross_entropy. Lanewise itself checks such a file with better
messages; this reader only refuses what it does not know. Parameters have Lanewise's names
("conv1.weight"), so weights can be exchanged as safetensors.
"""
import argparse
import collections
import os
import sys

import lanewise_program

Layer = collections.namedtuple("Layer", "kind name values options line")
Network = collections.namedtuple("Network", "name input layers")

# Words behind the layer's own, and the named options it takes.
GRAMMAR = {
    "conv": (2, {"stride", "pad", "dilation", "no_bias", "name"}),
    "relu": (0, {"name"}),
    "maxpool": (1, {"stride", "pad", "name"}),
    "avgpool": (1, {"stride", "pad", "name"}),
    "global_maxpool": (0, {"name"}),
    "global_meanpool": (0, {"name"}),
    "flatten": (0, {"name"}),
    "linear": (1, {"no_bias", "name"}),
    "dropout": (1, {"name"}),
    "softmax_cross_entropy": (0, {"name"}),
}


def need_torch():
    """Imports torch, or ends the program with a sentence."""
    try:
        import torch
    except ImportError as error:
        sys.exit(f"{os.path.basename(sys.argv[0])}: this script compares with PyTorch, but the "
                 f"Python package torch cannot be imported ({error}); install it into the Python "
                 f"that runs this script, {sys.executable}")
    return torch


def pair(text):
    """"3x5" or "3" -> (3, 5) or (3, 3): height before width."""
    numbers = [int(part) for part in text.split("x")]
    if len(numbers) not in (1, 2):
        raise ValueError(f"expected one number or HxW, got '{text}'")
    return numbers[0], numbers[-1]


def parse_layer(words, counts, line):
    kind = words[0]
    if kind not in GRAMMAR:
        raise ValueError(f"unknown layer '{kind}'")
    n_values, known_options = GRAMMAR[kind]
    values, rest, options = words[1:1 + n_values], words[1 + n_values:], {}
    if len(values) < n_values:
        raise ValueError(f"{kind} needs {n_values} values")
    while rest:
        option = rest.pop(0)
        if option not in known_options:
            raise ValueError(f"{kind} has no option '{option}'")
        options[option] = True if option == "no_bias" else rest.pop(0) if rest else None
        if options[option] is None:
            raise ValueError(f"'{option}' needs a value")
    counts[kind] += 1
    return Layer(kind, options.get("name", f"{kind}{counts[kind]}"), values, options, line)


def parse_network(path):
    """Reads a network file; a height or width of 0 means any size."""
    network_input, layers, counts = None, [], collections.Counter()
    with open(path, encoding="utf-8-sig", errors="replace") as file:
        for line, text in enumerate(file, 1):
            words = text.split("#")[0].split()
            if not words:
                continue
            try:
                if words[0] == "input":
                    sides = words[1].split("x")
                    network_input = tuple(0 if side == "?" else int(side) for side in sides)
                    if len(network_input) != 3:
                        raise ValueError(f"expected CxHxW, got '{words[1]}'")
                else:
                    layers.append(parse_layer(words, counts, line))
            except (ValueError, IndexError) as error:
                sys.exit(f"{path}:{line}: {error}")
    if not network_input or not layers or layers[-1].kind != "softmax_cross_entropy":
        sys.exit(f"{path}: expected an input, layers and softmax_cross_entropy at the end")
    return Network(lanewise_program.network_name(path), network_input, layers)


def output_side(size, kernel, stride, pad, dilation):
    return (size + 2 * pad - dilation * (kernel - 1) - 1) // stride + 1


def build_layer(torch, layer, shape):
    """Returns (module, output shape); shape is (channels, height, width)."""
    nn, (channels, height, width) = torch.nn, shape
    if layer.kind in ("conv", "maxpool", "avgpool"):
        kernel = pair(layer.values[0])
        stride = pair(layer.options.get("stride", "1" if layer.kind == "conv" else layer.values[0]))
        pad = pair(layer.options.get("pad", "0"))
        dilation = pair(layer.options.get("dilation", "1"))
        sides = [output_side(size, *geometry)
                 for size, geometry in zip((height, width), zip(kernel, stride, pad, dilation))]
        if layer.kind == "conv":
            out = int(layer.values[1])
            module = nn.Conv2d(channels, out, kernel, stride, pad, dilation,
                               bias="no_bias" not in layer.options)
            return module, (out, *sides)
        pool = nn.MaxPool2d if layer.kind == "maxpool" else nn.AvgPool2d
        return pool(kernel, stride, pad), (channels, *sides)
    if layer.kind == "linear":
        out = int(layer.values[0])
        module = nn.Linear(channels * height * width, out, bias="no_bias" not in layer.options)
        return module, (out, 1, 1)
    if layer.kind == "global_maxpool":
        return nn.AdaptiveMaxPool2d(1), (channels, 1, 1)
    if layer.kind == "global_meanpool":
        return nn.AdaptiveAvgPool2d(1), (channels, 1, 1)
    if layer.kind == "dropout":
        return nn.Dropout(float(layer.values[0])), shape
    if layer.kind == "flatten":
        return nn.Flatten(), (channels * height * width, 1, 1)
    return nn.ReLU(), shape


def build_module(network, shape=None):
    """The network without its loss, initialised as PyTorch does. `shape` (c, h, w) stands in for an
    input of any size."""
    torch = need_torch()
    channels, height, width = network.input
    if shape is None:
        shape = (channels, height or 28, width or 28)
    modules, flat = collections.OrderedDict(), False
    for layer in network.layers[:-1]:
        if layer.kind == "linear" and not flat:
            modules[f"before_{layer.name}"] = torch.nn.Flatten()
        flat = flat or layer.kind in ("linear", "flatten")
        modules[layer.name], shape = build_layer(torch, layer, shape)
    if not flat:
        modules["scores"] = torch.nn.Flatten()  # of a network that ends in a global pool
    return torch.nn.Sequential(modules)


def main():
    parser = argparse.ArgumentParser(description="Prints a network file as a PyTorch module.")
    parser.add_argument("network", nargs="+", help="a network file, networks/fixed.net")
    for path in parser.parse_args().network:
        network = parse_network(path)
        module = build_module(network)
        count = sum(parameter.numel() for parameter in module.parameters())
        print(f"{network.name}: {count} parameters\n{module}")
        for name, tensor in module.state_dict().items():
            print(f"  {name} {tuple(tensor.shape)}")


if __name__ == "__main__":
    main()
