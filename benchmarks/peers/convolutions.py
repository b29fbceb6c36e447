#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares single convolutions: Lanewise's fastest algorithm, oneDNN, PyTorch and JAX, pass by pass.

PyTorch runs in both memory layouts, JAX (jitted) as well; the figure of each is the best of them.
Every figure is the median of repetitions, in GFLOP/s of the dense convolution. Lanewise and oneDNN
are measured by `lanewise bench`, before the others: each has the machine for itself.
"""
import argparse
import json
import os
import re
import statistics
import sys
import time

import bars
import lanewise_program

PASSES = ("fwd", "bwd_d", "bwd_w")
PROGRAMS = ("lanewise", "onednn", "pytorch", "jax")


def parse_problem(text):
    """A problem string as a dictionary of sizes; widths that are missing are the heights."""
    sizes = {word: int(number) for word, number in re.findall(r"([a-z]+)(\d+)", text)}
    for height, width, missing in (("ih", "iw", 1), ("kh", "kw", 1), ("sh", "sw", 1),
                                   ("ph", "pw", 0), ("dh", "dw", 0), ("oh", "ow", 1)):
        sizes.setdefault(height, missing)
        sizes.setdefault(width, sizes[height])
    return sizes


def median_seconds(call, seconds):
    """The median of repetitions that fill about that long, after one that is not counted."""
    call()
    times, start = [], time.perf_counter()
    while len(times) < 3 or time.perf_counter() - start < seconds:
        begin = time.perf_counter()
        call()
        times.append(time.perf_counter() - begin)
    return statistics.median(times)


def torch_calls(torch, s, layout):
    """A function for each pass."""
    memory = {"memory_format": getattr(torch, layout)}
    x = torch.rand(s["mb"], s["ic"], s["ih"], s["iw"]).contiguous(**memory)
    weights = torch.rand(s["oc"], s["ic"], s["kh"], s["kw"]).contiguous(**memory)
    bias = torch.rand(s["oc"])
    stride, pad = [s["sh"], s["sw"]], [s["ph"], s["pw"]]
    dilation = [s["dh"] + 1, s["dw"] + 1]
    dy = torch.rand(s["mb"], s["oc"], s["oh"], s["ow"]).contiguous(**memory)

    def backward(mask):
        return torch.ops.aten.convolution_backward(dy, x, weights, [s["oc"]], stride, pad,
                                                   dilation, False, [0, 0], 1, mask)
    return {"fwd": lambda: torch.nn.functional.conv2d(x, weights, bias, stride, pad, dilation),
            "bwd_d": lambda: backward([True, False, False]),
            "bwd_w": lambda: backward([False, True, True])}


def jax_calls(jax, s, layout):
    import numpy
    generator = numpy.random.default_rng(1)

    def draw(channels, height, width):
        sizes = (channels, height, width) if layout == "NCHW" else (height, width, channels)
        return jax.device_put(generator.random((s["mb"], *sizes), dtype="float32"))

    x, dy = draw(s["ic"], s["ih"], s["iw"]), draw(s["oc"], s["oh"], s["ow"])
    weights = jax.device_put(generator.random((s["kh"], s["kw"], s["ic"], s["oc"]),
                                              dtype="float32"))

    def convolve(x, weights):
        return jax.lax.conv_general_dilated(
            x, weights, (s["sh"], s["sw"]), [(s["ph"], s["ph"]), (s["pw"], s["pw"])],
            rhs_dilation=(s["dh"] + 1, s["dw"] + 1), dimension_numbers=(layout, "HWIO", layout))

    passes = {"fwd": jax.jit(convolve),
              "bwd_d": jax.jit(lambda x, weights: jax.vjp(
                  lambda x: convolve(x, weights), x)[1](dy)),
              "bwd_w": jax.jit(lambda x, weights: jax.vjp(
                  lambda weights: convolve(x, weights), weights)[1](dy))}
    return {name: lambda run=run: jax.block_until_ready(run(x, weights))
            for name, run in passes.items()}


def add_lanewise(arguments, rates):
    command = ["bench", "--file", arguments.shapes, "--threads", str(arguments.threads), "--budget",
               str(arguments.seconds * 9), "--naive", "never", "--json", "--quiet"]
    for item in lanewise_program.run_json(arguments.lanewise, command)["measurements"]:
        program = "onednn" if item["algorithm"] == "onednn" else "lanewise"
        key = (item["name"] or item["problem"], item["problem"], item["pass"])
        row = rates.setdefault(key, {})
        row[program] = max(row.get(program, 0), item["gflops"])


def add_peer(program, rates, layouts, make_calls, seconds):
    problems = dict.fromkeys(key[:2] for key in rates)
    for name, problem in problems:
        sizes = parse_problem(problem)
        flops = 2e-9 * sizes["mb"] * sizes["oc"] * sizes["oh"] * sizes["ow"] * sizes["ic"] * (
            sizes["kh"] * sizes["kw"])
        for layout in layouts:
            for pass_name, call in make_calls(sizes, layout).items():
                row = rates[name, problem, pass_name]
                rate = flops / median_seconds(call, seconds)
                row[program] = max(row.get(program, 0), rate)


def print_table(rates):
    print(f"{'GFLOP/s':28} {'pass':6}" + "".join(f"{program:>11}" for program in PROGRAMS))
    for (name, _, pass_name), row in rates.items():
        print(f"{name[:28]:28} {pass_name:6}" + "".join(
            f"{row[program]:11.1f}" if program in row else f"{'-':>11}" for program in PROGRAMS))
    for peer in PROGRAMS[1:]:
        ratios = [row["lanewise"] / row[peer] for row in rates.values()
                  if peer in row and "lanewise" in row]
        if ratios:
            print(f"lanewise over {peer}: {statistics.geometric_mean(ratios):.2f}x "
                  f"(geometric mean of {len(ratios)}; the least: {min(ratios):.2f})")


def parse_arguments():
    shapes = os.path.join(lanewise_program.REPOSITORY, "benchmarks", "shapes", "five-networks.txt")
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    lanewise_program.add_option(parser)
    parser.add_argument("--shapes", metavar="LIST", default=shapes,
                        help="a file of problems (benchmarks/shapes/five-networks.txt)")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=0.2,
                        help="of one measurement, roughly (0.2)")
    parser.add_argument("--svg", metavar="FILE", help="draw the table as bars")
    parser.add_argument("--json", action="store_true", help="print one JSON array")
    arguments = parser.parse_args()
    if arguments.threads < 1 or arguments.seconds <= 0:
        parser.error("expected --threads of at least 1 and --seconds above 0")
    return arguments


def main():
    arguments, rates = parse_arguments(), {}
    add_lanewise(arguments, rates)
    import jax_throughput
    try:
        modules = jax_throughput.import_jax(arguments.threads)
    except ImportError:
        modules = None
    try:
        import torch
        torch.set_num_threads(arguments.threads)
        add_peer("pytorch", rates, ("contiguous_format", "channels_last"),
                 lambda sizes, layout: torch_calls(torch, sizes, layout), arguments.seconds)
    except ImportError:
        print("PyTorch is left out: the package torch is not installed", file=sys.stderr)
    if modules:
        add_peer("jax", rates, ("NCHW", "NHWC"),
                 lambda sizes, layout: jax_calls(modules[0], sizes, layout), arguments.seconds)
    else:
        print("JAX is left out: the packages jax and optax are not installed", file=sys.stderr)
    if arguments.svg:
        bars.write(arguments.svg, "Convolutions", "GFLOP/s",
                   [(f"{program} {name} {pass_name}", row[program])
                    for (name, _, pass_name), row in rates.items()
                    for program in PROGRAMS if program in row])
    if arguments.json:
        json.dump([{"name": name, "problem": problem, "pass": pass_name, **row}
                   for (name, problem, pass_name), row in rates.items()], sys.stdout, indent=2)
        print()
    else:
        print_table(rates)


if __name__ == "__main__":
    main()
