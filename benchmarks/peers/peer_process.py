# SPDX-License-Identifier: Apache-2.0
"""A framework in a process of its own: what it answers, and how it is asked.

A peer (throughput.py, jax_throughput.py) started with --serve reads requests and writes answers, one
JSON object a line, until its input ends. It waits for the next request without using the CPU, so
several peers can take turns, each with its network compiled, its data loaded and its caches warm.

    first answer   {"version": "2.13.0"}, or {"missing": "not installed"} and the end
    {"do": "load", "network", "data", "batch", "optimizer"}    {}: images are read, trainers forgotten
    {"do": "warm_up", "variant", "seconds"}                    {}: a trainer exists and has trained
    {"do": "run", "variant", "seconds"}                        {"images_per_second": ...}

or {"error": sentence} to any of these.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

import image_sets
import lanewise_program
import pytorch_networks


class PeerError(Exception):
    """What a peer could not do, as a sentence."""


def run_block(trainer, seconds):
    """Trains for about that long; returns images per second."""
    steps, start = 0, time.perf_counter()
    while True:
        steps += trainer.train_steps()
        elapsed = time.perf_counter() - start
        if elapsed >= seconds:
            return steps * trainer.batch / elapsed


def warm_up(trainer, seconds):
    trainer.train_steps()  # compiles, however long that takes
    run_block(trainer, seconds)


def _answer(request, state, make_trainer):
    if request["do"] == "load":
        state["trainers"] = {}  # first: two networks may not fit into memory together
        state["work"] = (pytorch_networks.parse_network(request["network"]),
                         image_sets.read_folder(request["data"]), request["batch"],
                         request["optimizer"])
        return {}
    variant = request["variant"]
    if request["do"] == "warm_up":
        state["trainers"][variant] = make_trainer(*state["work"], variant)
        warm_up(state["trainers"][variant], request["seconds"])
        return {}
    return {"images_per_second": run_block(state["trainers"][variant], request["seconds"])}


def _serve(version, make_trainer):
    # What a package prints must not come between the answers.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    state = {}

    def write(answer):
        answers.write(json.dumps(answer) + "\n")
        answers.flush()

    if version is None:
        write({"missing": "not installed"})
        return
    write({"version": version})
    for line in sys.stdin:
        try:
            write(_answer(json.loads(line), state, make_trainer))
        except (Exception, SystemExit) as error:  # pylint: disable=broad-except
            words = f"{type(error).__name__}: {error}".split("\n")
            write({"error": words[0]})


def _parse_arguments(description, variants):
    parser = argparse.ArgumentParser(description=description,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", default="fixed", help="network file or shipped name (fixed)")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--optimizer", choices=["adam", "sgd"], default="adam",
                        help="adam 0.001, or sgd 0.01 with momentum 0.9")
    parser.add_argument("--side", type=int, default=28,
                        help="height and width of the images where the network leaves them open")
    parser.add_argument("--images", type=int, default=8192,
                        help="images in memory, at most 128 MiB of them (8192)")
    parser.add_argument("--variant", choices=variants, default=variants[1])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--blocks", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.0, help="length of a block (1)")
    parser.add_argument("--serve", action="store_true",
                        help="read requests, as peer_process.py describes them")
    arguments = parser.parse_args()
    if min(arguments.blocks, arguments.threads, arguments.batch, arguments.side) < 1:
        parser.error("--blocks, --threads, --batch and --side must be at least 1")
    if arguments.images < arguments.batch or arguments.seconds <= 0:
        parser.error("expected --images of at least a batch, and --seconds above 0")
    return arguments


def main(program, description, variants, load):
    """A peer as a program. `load(threads)` imports the package and returns (version, function that
    makes a trainer of (network, images, batch, optimizer, variant)), or raises ImportError."""
    arguments = _parse_arguments(description, variants)
    try:
        version, make_trainer = load(arguments.threads)
    except ImportError as error:
        if not arguments.serve:
            sys.exit(f"{os.path.basename(sys.argv[0])}: {error}; needed by {sys.executable}")
        version, make_trainer = None, None
    if arguments.serve:
        _serve(version, make_trainer)
        return
    network = pytorch_networks.parse_network(lanewise_program.network_path(arguments.network))
    shape = (network.input[0], *(side or arguments.side for side in network.input[1:]))
    images = image_sets.make(shape, image_sets.count_for(shape, arguments.images, arguments.batch))
    trainer = make_trainer(network, images, arguments.batch, arguments.optimizer,
                           arguments.variant)
    warm_up(trainer, arguments.seconds)
    blocks = [run_block(trainer, arguments.seconds) for _ in range(arguments.blocks)]
    json.dump({"program": program, "version": version, "network": network.name,
               "input": shape, "batch": arguments.batch, "optimizer": arguments.optimizer,
               "data": images.source, "variant": arguments.variant, "threads": arguments.threads,
               "images_per_second": statistics.median(blocks), "blocks": blocks}, sys.stdout,
              indent=2)
    print()


class Peer:
    """The other end: starts a peer and asks it. A context manager; leaving it ends the process."""

    def __init__(self, python, script, threads):
        path = os.path.join(os.path.dirname(os.path.abspath(__file__)), script)
        self.command = [python, path, "--serve", "--threads", str(threads)]
        self.version = self.missing = None
        self._start()

    def _start(self):
        self.notes = tempfile.TemporaryFile(mode="w+", errors="replace")
        try:
            # A session of its own: Ctrl-C reaches only us, and we end the peers.
            self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE,
                                            stdout=subprocess.PIPE, stderr=self.notes, text=True,
                                            start_new_session=True)
        except OSError as error:
            self.notes.close()
            sys.exit(f"{self.command[0]}: cannot be run: {error.strerror}; name another Python "
                     "with --python")

    def is_alive(self):
        return self.process.poll() is None

    def restart(self):
        """A new process in place of one that died; raises PeerError."""
        self.close()
        self._start()
        self._read()

    def greet(self):
        """Waits until the package is imported; sets `version`, or `missing` to the reason."""
        try:
            answer = self._read()
            self.version, self.missing = answer.get("version"), answer.get("missing")
        except PeerError as error:
            self.missing = str(error)

    def ask(self, **request):
        """The answer to a request; raises PeerError."""
        try:
            self.process.stdin.write(json.dumps(request) + "\n")
            self.process.stdin.flush()
        except OSError:
            pass  # it is gone, and reading says why
        answer = self._read()
        if "error" in answer:
            raise PeerError(answer["error"])
        return answer

    def _read(self):
        line = self.process.stdout.readline()
        if line:
            return json.loads(line)
        status = self.process.wait()
        self.notes.seek(0)
        said = [words.strip() for words in self.notes.read().split("\n") if words.strip()]
        how = f"by signal {-status}" if status < 0 else f"with status {status}"
        raise PeerError(f"ended {how}" + "".join(f": {words}" for words in said[-1:]))

    def close(self):
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdout, self.notes):
            stream.close()
        try:
            self.process.stdin.close()
        except OSError:
            pass  # a request that a dead process never read

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Runner:
    """A variant of what a peer has loaded, as compare runs it."""

    def __init__(self, peer, variant, seconds):
        self.peer, self.variant, self.seconds = peer, variant, seconds

    def warm_up(self):
        self.peer.ask(do="warm_up", variant=self.variant, seconds=min(1.0, self.seconds))

    def run_block(self):
        answer = self.peer.ask(do="run", variant=self.variant, seconds=self.seconds)
        return answer["images_per_second"]
