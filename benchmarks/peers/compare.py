#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares the training speed of PyTorch, JAX and Lanewise, side by side on the same images.

Each program trains in processes of its own, warmed up, and they take turns: every round measures
every setting once, so a machine that becomes slower for a while slows all of them alike. PyTorch
and JAX run in both memory layouts, Lanewise with the best kernels of the machine and with AVX2
only, all of them with each number of threads. A program that is not installed is left out.
"""
import argparse
import contextlib
import datetime
import json
import os
import platform
import sys
import tempfile

import bars
import comparison_table
import image_sets
import lanewise_program
import peer_process
import progress
import works

EXAMPLES = """
networks:
  {names}
  or a group of them: {groups};
  or a network file

examples:
  benchmarks/peers/compare                                    the five networks, all settings
  benchmarks/peers/compare --quick --networks fixed lab
  benchmarks/peers/compare --networks all --json all.json --svg all.svg
  benchmarks/peers/compare --python ~/torch/bin/python --networks my.net --batch 64 --side 40
"""
SCRIPTS = {"pytorch": "throughput.py", "jax": "jax_throughput.py"}
VARIANTS = {"pytorch": ("NCHW", "channels_last"), "jax": ("NCHW", "NHWC")}
# The smallest problem there is: `bench` measures the peak before and after it.
PEAK_COMMAND = ("bench", "mb1ic16ih4oc16oh4kh3ph1", "--passes", "fwd", "--algorithms", "direct",
                "--budget", "0.01", "--naive", "never", "--json", "--quiet")


def count_cpus():
    """Those that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def parse_arguments(words=None):
    parser = argparse.ArgumentParser(
        prog="compare", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=EXAMPLES.format(names=" ".join(works.WORKS), groups=" ".join(works.GROUPS)))
    lanewise_program.add_option(parser)
    parser.add_argument("--python", metavar="PROGRAM", default=sys.executable,
                        help="the Python that has torch, jax and optax (the one that runs this)")
    parser.add_argument("--networks", nargs="+", metavar="NAME", default=["grey"],
                        help="what to train, see below (grey: the five networks)")
    parser.add_argument("--programs", nargs="+", choices=comparison_table.PROGRAMS,
                        default=list(comparison_table.PROGRAMS), help="all three")
    parser.add_argument("--threads", type=int, nargs="+", metavar="N",
                        help="numbers of threads (1 and all)")
    parser.add_argument("--rounds", type=int, help="how often each setting is measured (5)")
    parser.add_argument("--seconds", type=float, help="length of a measurement (1)")
    parser.add_argument("--quick", action="store_true", help="--rounds 2 --seconds 0.3")
    parser.add_argument("--compile", action="store_true",
                        help="PyTorch through torch.compile as well; takes minutes")
    parser.add_argument("--batch", type=int, help="for all networks instead of their own")
    parser.add_argument("--optimizer", choices=["adam", "sgd"],
                        help="likewise: adam 0.001, or sgd 0.01 with momentum 0.9")
    parser.add_argument("--side", type=int, metavar="PIXELS",
                        help="likewise, for networks that take any size")
    parser.add_argument("--images", type=int, default=8192,
                        help="training images, at most 128 MiB of them as floats (8192)")
    parser.add_argument("--json", metavar="FILE", nargs="?", const="-",
                        help="write everything as JSON; without FILE to standard output")
    parser.add_argument("--svg", metavar="FILE", help="draw it")
    arguments = parser.parse_args(words)
    if arguments.rounds is None:
        arguments.rounds = 2 if arguments.quick else 5
    if arguments.seconds is None:
        arguments.seconds = 0.3 if arguments.quick else 1.0
    arguments.threads = sorted(set(arguments.threads or (1, count_cpus())))
    check_arguments(parser, arguments)
    arguments.works = works.choose(arguments.networks, arguments.batch, arguments.optimizer,
                                   arguments.side)
    for work in arguments.works:
        if arguments.images < work.batch:
            parser.error(f"--images: expected at least a batch of {work.name}, {work.batch}")
    return arguments


def check_arguments(parser, arguments):
    for name in ("rounds", "batch", "side", "images"):
        number = getattr(arguments, name)
        if number is not None and number < 1:
            parser.error(f"--{name}: expected at least 1, got {number}")
    if arguments.seconds <= 0:
        parser.error(f"--seconds: expected more than 0, got {arguments.seconds:g}")
    if arguments.threads[0] < 1 or len(arguments.threads) > 6:
        parser.error("--threads: expected one to six numbers of at least 1")
    for path in (arguments.json, arguments.svg):
        folder = os.path.dirname(os.path.abspath(path)) if path else "."
        if not os.path.isdir(folder):
            parser.error(f"{path}: there is no folder {folder}")


def measure_peak(arguments, isas):
    outcome = lanewise_program.run_json(arguments.lanewise, [
        *PEAK_COMMAND, "--threads", str(arguments.threads[-1]), "--isa", ",".join(isas)])
    return {peak["isa"]: peak["gflops"] for peak in outcome["peak"]}


def start_peers(arguments, stack):
    """{(program, threads): peer}, all of them importing at once."""
    peers = {(program, threads): stack.enter_context(
        peer_process.Peer(arguments.python, SCRIPTS[program], threads))
        for program in arguments.programs if program in SCRIPTS
        for threads in arguments.threads}
    for peer in peers.values():
        peer.greet()
    return peers


class Comparison:
    """Everything that lives through all works."""

    def __init__(self, arguments, stack):
        self.arguments = arguments
        self.version = lanewise_program.run_json(arguments.lanewise, ["version", "--json"])
        best = self.version["isa"]
        self.isas = (best, "avx2") if best == "avx512" else (best,)
        print("starting", file=sys.stderr, flush=True)
        self.peers = start_peers(arguments, stack)
        self.peaks = {isa: [] for isa in self.isas}
        settings = [setting for setting in self.make_settings() if not setting.get("missing")]
        count = len(arguments.works) * len(settings)
        self.progress = progress.Progress(
            {"warm up": (count, 2 + arguments.seconds),
             "run": (count * arguments.rounds, 0.3 + arguments.seconds),
             "peak": (len(arguments.works) * arguments.rounds, 0.8)}, sys.stderr)

    def make_settings(self):
        """Fresh settings, in the order of the table."""
        variants = {**VARIANTS, "lanewise": self.isas}
        if self.arguments.compile:
            variants["pytorch"] += ("compiled",)
        settings = []
        for program in comparison_table.PROGRAMS:
            if program not in self.arguments.programs:
                continue
            for variant in variants[program]:
                for threads in self.arguments.threads:
                    setting = comparison_table.make_setting(program, variant, threads)
                    peer = self.peers.get((program, threads))
                    if peer and peer.missing:
                        setting["missing"] = peer.missing
                    settings.append(setting)
        return settings

    def attempt(self, setting, kind, work_name, call):
        """Runs one step of a setting and says so; a peer that fails is out of this work."""
        name = (f"{work_name}: {comparison_table.name_setting(setting)}, "
                f"{comparison_table.format_threads(setting['threads'])}")
        try:
            outcome = call()
        except peer_process.PeerError as error:
            setting["missing"] = f"failed: {error}"
            left = self.arguments.rounds - len(setting["blocks"]) - (kind == "run")
            setting["blocks"].clear()
            self.progress.skip("run", left)
            self.progress.step(kind, f"{name} failed")
            print(f"  {error}", file=sys.stderr)
            return None
        self.progress.step(kind, f"{name}: {outcome:,.0f} images/s" if kind == "run"
                           else f"{name}: ready")
        return outcome

    def make_runner(self, setting, work, path, data, n_images):
        """What trains in this setting: has warm_up(), and run_block() that returns a rate."""
        seconds = self.arguments.seconds
        if setting["program"] == "lanewise":
            return lanewise_program.Runner(self.arguments.lanewise, path, data, n_images, work,
                                           setting["variant"], setting["threads"], seconds)
        peer = self.peers[setting["program"], setting["threads"]]
        return peer_process.Runner(peer, setting["variant"], seconds)

    def load(self, work, path, data, settings):
        """Gives the peers their network and images. One that died on the last work starts anew;
        one that still cannot is out of this work."""
        for (program, threads), peer in self.peers.items():
            if peer.missing:
                continue
            request = {"do": "load", "network": os.path.abspath(path), "data": data,
                       "batch": work.batch, "optimizer": work.optimizer}
            try:
                if not peer.is_alive():
                    peer.restart()
                peer.ask(**request)
            except peer_process.PeerError as error:
                for setting in settings:
                    if (setting["program"], setting["threads"]) == (program, threads):
                        setting["missing"] = f"failed: {error}"
                        self.progress.skip("warm up", 1)
                        self.progress.skip("run", self.arguments.rounds)

    def measure(self, work):
        """All rounds of one work; returns its part of the result."""
        path, shape = works.load(work)
        settings = self.make_settings()
        with tempfile.TemporaryDirectory(prefix="lanewise-compare-") as data:
            images = image_sets.make(shape, image_sets.count_for(shape, self.arguments.images,
                                                                 work.batch))
            image_sets.write_folder(images, data)
            self.load(work, path, data, settings)
            runners = [self.make_runner(setting, work, path, data, len(images.labels))
                       for setting in settings]
            for setting, runner in zip(settings, runners):
                if not setting.get("missing"):
                    self.attempt(setting, "warm up", work.name, runner.warm_up)
            for _ in range(self.arguments.rounds):
                self.run_round(work, settings, runners)
                self.measure_peak()
        memory = [runner.peak_memory_bytes for runner in runners
                  if isinstance(runner, lanewise_program.Runner)]
        return comparison_table.finish_work({
            "title": works.title(work, shape), "name": work.name, "network": work.network,
            "input": shape, "batch": work.batch, "optimizer": work.optimizer,
            "images": len(images.labels), "data": images.source, "settings": settings,
            "peak_memory_bytes": max(memory, default=None)})

    def run_round(self, work, settings, runners):
        for setting, runner in zip(settings, runners):
            if not setting.get("missing"):
                rate = self.attempt(setting, "run", work.name, runner.run_block)
                if rate is not None:
                    setting["blocks"].append(rate)

    def measure_peak(self):
        for isa, gflops in measure_peak(self.arguments, self.isas).items():
            self.peaks[isa].append(gflops)
        best = max(gflops[-1] for gflops in self.peaks.values())
        self.progress.step("peak", f"multiply-add peak: {best:.0f} GFLOP/s")

    def result(self, measured):
        versions = {peer_key[0]: peer.version for peer_key, peer in self.peers.items()
                    if peer.version}
        versions["lanewise"] = f"{self.version['version']} ({self.version['build'].split(';')[0]})"
        threads = self.arguments.threads[-1]
        return {
            "program": "compare",
            "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
            "machine": {"cpu": self.version["cpu"], "cpus": self.version["threads"],
                        "system": f"{platform.system()} {platform.release()}"},
            "versions": versions, "isas": self.isas, "rounds": self.arguments.rounds,
            "seconds": self.arguments.seconds, "threads": self.arguments.threads,
            # The best counts: whatever disturbs a loop that touches no memory makes it slower.
            "peak": [{"isa": isa, "threads": threads, "gflops": max(gflops)}
                     for isa, gflops in self.peaks.items()],
            "works": measured}


def draw(path, result):
    machine = result["machine"]
    bars.write_panels(
        path, "Training, images per second",
        f"{machine['cpu']}, {machine['cpus']} CPUs; "
        + "; ".join(f"{comparison_table.PROGRAMS[program]} {version}"
                    for program, version in result["versions"].items())
        + "; medians and ranges of " + comparison_table.describe_rounds(result),
        [comparison_table.format_threads(threads) for threads in result["threads"]],
        comparison_table.panels(result))


def write_json(path, result):
    content = json.dumps(result, indent=2) + "\n"
    if path == "-":
        sys.stdout.write(content)
        return
    with open(path + ".partial", "w", encoding="utf-8") as file:
        file.write(content)
    os.replace(path + ".partial", path)


def main(words=None):
    arguments = parse_arguments(words)
    with contextlib.ExitStack() as stack:
        comparison = Comparison(arguments, stack)
        result = comparison.result([comparison.measure(work) for work in arguments.works])
    if arguments.json != "-":
        print("\n".join(comparison_table.lines(result)))
    if arguments.json:
        write_json(arguments.json, result)
    if arguments.svg:
        draw(arguments.svg, result)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
