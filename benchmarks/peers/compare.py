#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares the training speed of Lanewise, PyTorch and JAX on the same work, side by side.

They take turns, block by block, so that a machine that becomes slower for a while slows all of them.
PyTorch and JAX run in both memory layouts and with each number of threads; the figure of each is the
best of these. Where JAX is not installed it is left out. The figures are medians over the rounds.
"""
import argparse
import importlib.util
import json
import os
import shlex
import statistics
import sys
import tempfile

import bars
import lanewise_program
import pytorch_networks
import throughput


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    lanewise_program.add_option(parser)
    throughput.add_work_options(parser)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2], metavar="N",
                        help="numbers of threads for both programs (1 2)")
    parser.add_argument("--data", default="mnist", help="data set of Lanewise (mnist)")
    parser.add_argument("--train-limit", type=int, default=0,
                        help="training images of a Lanewise block (0: all)")
    parser.add_argument("--epochs", type=int, default=1, help="epochs of a Lanewise block (1)")
    parser.add_argument("--peak-command", metavar="COMMAND",
                        help="a command that measures the multiply-add peak of this machine and "
                             "prints a JSON object with the key gflops; run once a round")
    parser.add_argument("--svg", metavar="FILE", help="draw the table as bars")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    arguments = parser.parse_args()
    throughput.check_work_options(parser, arguments)
    if arguments.rounds < 1 or min(arguments.threads) < 1 or arguments.epochs < 1:
        parser.error("--rounds, --threads and --epochs must be at least 1")
    return arguments


def run_lanewise(arguments, network, threads):
    """Trains once; returns the JSON object that the program prints."""
    with tempfile.TemporaryDirectory(prefix="lanewise-compare-") as folder:
        command = ["train", network, "--data", arguments.data, "--epochs", str(arguments.epochs),
                   "--batch", str(arguments.batch), "--optimizer", arguments.optimizer,
                   "--threads", str(threads), "--validation", "0", "--json", "--quiet",
                   "--out", os.path.join(folder, "run")]
        if arguments.train_limit:
            command += ["--train-limit", str(arguments.train_limit)]
        return lanewise_program.run_json(arguments.lanewise, command)


def run_jax(arguments, network, layout, threads):
    """A block in a process of its own: XLA's threads are fixed when it starts."""
    script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "jax_throughput.py")
    return lanewise_program.run_json(sys.executable, [
        script, "--network", network, "--batch", str(arguments.batch), "--optimizer",
        arguments.optimizer, "--block-seconds", str(arguments.block_seconds), "--threads",
        str(threads), "--layout", layout, "--blocks", "1", "--warmup-seconds", "0.5"])


def has_jax():
    if all(importlib.util.find_spec(name) for name in ("jax", "optax")):
        return True
    print("JAX is left out: the packages jax and optax are not installed", file=sys.stderr)
    return False


def measure(arguments):
    torch = pytorch_networks.need_torch()
    path = lanewise_program.network_path(arguments.network)
    network = pytorch_networks.parse_network(path)
    data = throughput.load_data(torch, network, arguments.images)
    trainers = {(layout, threads): throughput.Trainer(network, arguments.optimizer, arguments.batch,
                                                      layout, threads, data)
                for layout in ("nchw", "channels_last") for threads in arguments.threads}
    for trainer in trainers.values():
        trainer.run_block(arguments.block_seconds)
    torch_blocks = {setting: [] for setting in trainers}
    lanewise_blocks = {threads: [] for threads in arguments.threads}
    jax_layouts = ("NCHW", "NHWC") if has_jax() else ()
    jax_blocks = {(layout, threads): [] for layout in jax_layouts for threads in arguments.threads}
    peaks, memory = [], 0
    for completed in range(arguments.rounds):
        print(f"round {completed + 1} of {arguments.rounds}", file=sys.stderr)
        # Each program's blocks stand between the other's.
        for threads in arguments.threads:
            outcome = run_lanewise(arguments, path, threads)
            lanewise_blocks[threads].append(outcome["images_per_second"])
            memory = max(memory, outcome["peak_memory_bytes"])
            for layout in ("nchw", "channels_last"):
                trainer = trainers[layout, threads]
                torch_blocks[layout, threads].append(trainer.run_block(arguments.block_seconds))
            for layout in jax_layouts:
                outcome = run_jax(arguments, path, layout, threads)
                jax_blocks[layout, threads].append(outcome["images_per_second"])
        if arguments.peak_command:
            peak = shlex.split(arguments.peak_command)
            peaks.append(lanewise_program.run_json(peak[0], peak[1:])["gflops"])
    description = throughput.describe(network, arguments, next(iter(trainers.values())))
    return description, torch_blocks, jax_blocks, lanewise_blocks, peaks, memory


def summarize(description, torch_blocks, jax_blocks, lanewise_blocks, peaks, memory):
    settings = [{"program": "pytorch", "layout": layout, "threads": threads,
                 "images_per_second": statistics.median(blocks), "blocks": blocks}
                for (layout, threads), blocks in torch_blocks.items()]
    settings += [{"program": "jax", "layout": layout, "threads": threads,
                  "images_per_second": statistics.median(blocks), "blocks": blocks}
                 for (layout, threads), blocks in jax_blocks.items()]
    settings += [{"program": "lanewise", "threads": threads,
                  "images_per_second": statistics.median(blocks), "blocks": blocks}
                 for threads, blocks in lanewise_blocks.items()]
    best = {program: max((setting for setting in settings if setting["program"] == program),
                         key=lambda setting: setting["images_per_second"])
            for program in sorted({setting["program"] for setting in settings})}
    ratios = {program: best["lanewise"]["images_per_second"] / setting["images_per_second"]
              for program, setting in best.items() if program != "lanewise"}
    return {**description, "program": "compare", "settings": settings, "best": best,
            "ratio": ratios["pytorch"], "ratios": ratios, "lanewise_peak_memory_bytes": memory,
            "peak_gflops": statistics.median(peaks) if peaks else None}


def name_setting(setting):
    name = setting["program"] + (" " + setting["layout"] if "layout" in setting else "")
    return name + f", {setting['threads']} thread" + ("s" if setting["threads"] > 1 else "")


def print_table(result):
    rounds = len(result["settings"][0]["blocks"])
    print(f"{result['network']}, batch {result['batch']}, {result['optimizer']}: training, "
          f"images/s (median; lowest to highest of {rounds} rounds)")
    for setting in result["settings"]:
        print(f"  {name_setting(setting):34} {setting['images_per_second']:10.0f}   "
              f"({min(setting['blocks']):.0f} to {max(setting['blocks']):.0f})")
    for program, ratio in result["ratios"].items():
        version = f" ({result['torch_version']})" if program == "pytorch" else ""
        print(f"lanewise over the best of {program}{version}: {ratio:.2f}x")
    print(f"peak memory of lanewise: {result['lanewise_peak_memory_bytes'] / 2**20:.1f} MiB")
    if result["peak_gflops"]:
        print(f"multiply-add peak in the same run: {result['peak_gflops']:.1f} GFLOP/s")


def main():
    arguments = parse_arguments()
    result = summarize(*measure(arguments))
    if arguments.svg:
        bars.write(arguments.svg, f"Training {result['network']}, batch {result['batch']}",
                   "images/s", [(name_setting(setting), setting["images_per_second"])
                                for setting in result["settings"]])
    if arguments.json:
        json.dump(result, sys.stdout, indent=2)
        print()
    else:
        print_table(result)


if __name__ == "__main__":
    main()
