# SPDX-License-Identifier: Apache-2.0
"""Finds the built program and runs it."""
import json
import os
import subprocess
import sys
import tempfile

REPOSITORY = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def add_option(parser):
    parser.add_argument("--lanewise", metavar="PROGRAM",
                        default=os.path.join(REPOSITORY, "build", "release", "lanewise"),
                        help="the program to compare (default: build/release/lanewise)")


def network_path(argument):
    """The network file for a path or for the name of a shipped network."""
    shipped = os.path.join(REPOSITORY, "networks", argument + ".net")
    if not os.path.exists(argument) and os.path.exists(shipped):
        return shipped
    if not os.path.isfile(argument):
        sys.exit(f"{argument}: no such network file, and no shipped network of that name")
    return argument


def network_name(argument):
    """The name of a network file: its own without the folder and ".net"."""
    name = os.path.basename(argument)
    return name[:-4] if name.endswith(".net") else name


def run(program, arguments, environment=None):
    """Runs the program and returns its standard output; ends this one when it fails. What
    `environment` has is added to the variables of this process."""
    command = [program, *arguments]
    try:
        result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                check=False, env={**os.environ, **(environment or {})})
    except OSError as error:
        sys.exit(f"{program}: cannot be run: {error.strerror}; build it with ./run build, or name "
                 "another one with --lanewise")
    if result.returncode != 0:
        sys.exit(f"failed with exit status {result.returncode}: {' '.join(command)}\n"
                 f"{result.stderr.strip()}")
    return result.stdout


def run_json(program, arguments, environment=None):
    """The same for a command that prints one JSON object."""
    output = run(program, arguments, environment)
    try:
        return json.loads(output)
    except ValueError:
        sys.exit(f"{program} {' '.join(arguments)}: expected a JSON object, got: {output[:200]}")


class Runner:
    """Training in one setting, as compare runs it: every block is a run of the program."""

    def __init__(self, program, network, data, n_images, work, isa, threads, seconds):
        self.program, self.n_images, self.batch, self.isa = program, n_images, work.batch, isa
        self.command = ["train", network, "--data", data, "--validation", "0",
                        "--batch", str(work.batch), "--optimizer", work.optimizer,
                        "--threads", str(threads), "--json", "--quiet"]
        self.seconds, self.rate, self.peak_memory_bytes = seconds, None, 0

    def train(self, steps):
        """Returns images per second, of the training alone."""
        with tempfile.TemporaryDirectory(prefix="lanewise-compare-") as folder:
            outcome = run_json(self.program, [
                *self.command, "--epochs", str(steps * self.batch // self.n_images + 1),
                "--steps", str(steps), "--out", os.path.join(folder, "run")],
                {"LANEWISE_MAX_ISA": self.isa})
        if outcome["isa"] != self.isa:
            sys.exit(f"{self.program}: expected kernels for {self.isa}, got {outcome['isa']}")
        self.rate = outcome["images_per_second"]
        self.peak_memory_bytes = max(self.peak_memory_bytes, outcome["peak_memory_bytes"])
        return self.rate

    def warm_up(self):
        """Finds out how fast it is, which says how many steps fill a block."""
        self.train(max(1, 512 // self.batch))

    def run_block(self):
        return self.train(max(1, round(self.rate * self.seconds / self.batch)))
