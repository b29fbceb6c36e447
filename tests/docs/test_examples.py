#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""usage: test_examples.py PROGRAM SOURCE-FOLDER WORK-FOLDER [TEXT]

Runs every example of every `--help` and of the pages as it is written, in a folder with small stand-ins
for what a user would have there: data sets, a folder of photos, runs, benchmark programs. Examples that
need a network, a build or minutes are named below with the reason. New examples are found by themselves;
one that fails and has no reason here fails the test, as does a reason that no example needs any more.
With TEXT only the examples that contain it.
"""
import os
import pathlib
import random
import re
import shutil
import struct
import subprocess
import sys
import time

import examples

PAGES = ["README.md", "CONTRIBUTING.md", "SECURITY.md", "benchmarks/peers/README.md"]

# Examples that are not run: a regular expression for all of the text, and the reason.
NOT_RUN = [
    (r"(\./run|cmake|ctest|apt-get) .*", "sets up, builds or tests; tests/structure and CI run these"),
    (r"pkg-config .*", "tests/install runs it on an installed library"),
    (r"lanewise COMMAND .*", "the form of all commands"),
    (r"(build/release/tests/kernel/)?kernel_check.*", "a test of its own"),
    (r"(python3 )?benchmarks/peers/.*", "needs frameworks; tests/peers runs it with made-up ones"),
    (r"lanewise data fetch .*", "needs the network; tests/data has a server of its own"),
    (r"lanewise track (ab --ref|gate --against (main|v)).*", "builds a commit; tests/cli has a small one"),
    (r"lanewise data export varres:digits:20..96 --out sizes --json", "draws and writes 12,000 images"),
    (r"lanewise bench --file benchmarks/shapes/figures.txt .*", "36 passes of oneDNN and ours: a minute"),
    (r"lanewise study run pooling .*--data digits.*", "trains for a minute; tests/cli runs small studies"),
    (r"lanewise track self-test.*", "takes minutes; tests/cli has short ones"),
    (r"lanewise data export fashion-mnist .* --validation 10000", "the stand-in has fewer images"),
]

# Options that make an example short, where it would take long as it is written.
SHORTER = [
    (r"lanewise bench (?!.*--(summary|passes)).*", "--budget 0.01 --algorithms direct --naive never --passes fwd"),
    (r"lanewise bench (?!.*--summary).*", "--budget 0.01 --algorithms direct --naive never"),
    (r"lanewise check(| --all)", "--random 1 --algorithms direct --passes bwd_d --layout padded"),
    (r"lanewise sweep .*--data digits.*", "--trials 2 --train-limit 200"),
    (r"lanewise tune .*(?<!--list)(?<!budget 500ms)(?<!budget 2s)(?<!--json)", "--budget 5ms"),
    (r"lanewise track (ab|gate) .*", "--budget 2s --slice 1ms"),
]

# Exit codes beside 0 that an example may have.
OTHER_CODES = [
    (r"lanewise track (ab|gate) .*", {1, 3}),
]


# ---- stand-ins ----------------------------------------------------------------------------------

def write_idx(path, sizes, values):
    path.write_bytes(struct.pack(f">HBB{len(sizes)}I", 0, 8, len(sizes), *sizes) + bytes(values))


def write_data_set(folder, seed):
    """A data set of MNIST's form: bright squares whose place tells the class."""
    chance = random.Random(seed)
    folder.mkdir(parents=True)
    for part, count in ("train", 240), ("t10k", 40):
        labels = [i % 10 for i in range(count)]
        pixels = bytearray()
        for label in labels:
            image = bytearray(chance.randrange(40) for _ in range(28 * 28))
            for row in range(2 + label, 10 + label):
                for column in range(20 - label, 26 - label):
                    image[row * 28 + column] = 220
            pixels += image
        write_idx(folder / f"{part}-images-idx3-ubyte", [count, 28, 28], pixels)
        write_idx(folder / f"{part}-labels-idx1-ubyte", [count], labels)


BENCHMARK = """#!/bin/sh
for word; do case $word in --benchmark_out=*) out=${word#*=} ;; --benchmark_list_tests*) list=1 ;; esac; done
names='fixed/step conv2/threads:1/fwd'
if [ -n "${list:-}" ]; then printf '%s\\n' $names; exit 0; fi
print() {
    printf '{"context":{"date":"2026-01-01T00:00:00+00:00"},"benchmarks":['
    comma=
    for name in $names; do
        for i in 0 1 2; do
            printf '%s{"name":"%s","run_name":"%s","run_type":"iteration","repetitions":3,' "$comma" $name $name
            printf '"repetition_index":%s,"threads":1,"iterations":9,' $i
            printf '"real_time":100.%s,"cpu_time":100.%s,"time_unit":"us"}' $$ $$
            comma=,
        done
    done
    printf ']}'
}
if [ -n "${out:-}" ]; then print >"$out"; else print; fi
"""


STUDY = """title Two rates
about Which of two learning rates is the better one?
seeds 2
epochs 1
compare test_accuracy
against slow
arm slow the lower rate
    network lab_small
    lr 0.001
arm fast the higher rate
    network lab_small
    lr 0.01
"""


class Stage:
    """The folder in which the examples are run, made anew for every page and every help."""

    def __init__(self, program, source, work):
        self.source, self.work = source, work
        shutil.rmtree(work, ignore_errors=True)
        (work / "bin").mkdir(parents=True)
        (work / "bin/lanewise").symlink_to(program)
        write_data_set(work / "data/mnist", 1)
        write_data_set(work / "data/fashion-mnist", 2)
        self.environment = {
            "PATH": f"{work / 'bin'}:{os.environ['PATH']}", "HOME": str(work / "home"), "LC_ALL": "C",
            "LANEWISE_DATA_DIR": str(work / "data"), "LANEWISE_CACHE_DIR": str(work / "cache"),
            "LANEWISE_OFFLINE": "1", "NO_COLOR": "1",
        }
        (work / "home").mkdir()
        self.prepare(work / "props")

    def must(self, command, folder):
        code, output = self.run(command, folder)
        if code != 0:
            sys.exit(f"preparing the stand-ins: {command}: exit {code}\n{output}")

    def prepare(self, folder):
        folder.mkdir()
        for name in "networks", "benchmarks":
            (folder / name).symlink_to(self.source / name)
        shutil.copy(self.source / "networks/varres.net", folder / "my.net")
        shutil.copy(min((self.source / "networks/recipes").glob("*")), folder / "my.recipe")
        (folder / "my.study").write_text(STUDY)
        (folder / "shapes.txt").write_text("mb1ic4ih8oc4oh8kh3ph1\n")
        self.must("lanewise data export digits --out photos --quiet", folder)
        for part in "train", "test": # a few of each class are enough
            for image in sorted((folder / "photos").glob(f"{part}/*/*")):
                number = int(re.sub(r"\D", "", image.stem) or 0)
                if number % 50:
                    image.unlink()
        (folder / "my-folder").symlink_to("photos")
        shutil.make_archive(str(folder / "photos"), "zip", folder / "photos")
        images = sorted((folder / "photos").glob("test/*/*.png"))
        for name, image in zip(("a.png", "b.png", "scan.png"), images):
            shutil.copy(image, folder / name)
        for network in "fixed", "lab":
            for again in range(3):
                self.must(f"lanewise train {network} --data mnist --steps 2 --quiet", folder)
        self.must("lanewise train varres --data varres:mnist --steps 2 --quiet", folder)
        for name in ("old/bench", "new/bench", "old/bench_conv", "new/bench_conv", "build/bench",
                     "build-old/bench_conv", "build-new/bench_conv", "build/my_bench",
                     "build/release/benchmarks/bench_train"):
            program = folder / name
            program.parent.mkdir(parents=True, exist_ok=True)
            program.write_text(BENCHMARK)
            program.chmod(0o755)
        self.must("build/bench --benchmark_out=results.json", folder)
        for history in "lanewise-track.db", "perf.db":
            for commit in "c1", "c2", "c3", "c4", "c5", "c6": # as many as a level takes
                self.must(f"lanewise track record build/bench --commit {commit} --history {history}", folder)
        self.must("lanewise track record --run record runs/fixed-1 runs/fixed-2", folder)
        self.must("lanewise track export --out other-history.jsonl", folder)
        (folder / "public").mkdir()

    def set_up(self):
        folder = self.work / "stage"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(self.work / "props", folder, symlinks=True)
        return folder

    def leave_unfinished(self, run, folder):
        """Puts a training that was stopped in the place of a finished one."""
        shutil.rmtree(folder / run, ignore_errors=True)
        command = [str(self.work / "bin/lanewise"), "train", "lab", "--data", "mnist", "--train-limit", "16", "--validation", "0",
                   "--epochs", "300", "--quiet", "--out", run]
        with subprocess.Popen(command, cwd=folder, env=self.environment, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL) as training:
            while training.poll() is None and not list(folder.glob(run + "*")):
                time.sleep(0.01)
            time.sleep(0.1)
            training.terminate()

    def run(self, command, folder):
        result = subprocess.run(["sh", "-c", command], cwd=folder, env=self.environment, text=True,
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, timeout=300, check=False, errors="replace")
        return result.returncode, result.stdout


# ---- the test -----------------------------------------------------------------------------------

def matching(rules, text):
    return next((rule for rule in rules if re.fullmatch(rule[0], text)), None)


def scenes(program, source):
    """The examples that share a folder: those of a page, which follow each other, and each of a help alone."""
    for words in [[], *examples.commands(program)]:
        for example in examples.of_help(program, words):
            yield f"{' '.join(words)} --help", [example]
    pages = [source / page for page in PAGES] + sorted((source / "docs").glob("*.md"))
    for page in pages:
        name = str(page.relative_to(source))
        yield name, examples.of_page(page, name)


def try_example(stage, folder, example):
    """What is wrong with the example, or None."""
    text = example.text
    shorter = matching(SHORTER, text)
    if shorter:
        text = f"{text} {shorter[1]}"
    resumed = re.search(r"--resume (\S+)", text)
    if resumed:
        stage.leave_unfinished(resumed[1], folder)
    code, output = stage.run(text, folder)
    allowed = {0} | (matching(OTHER_CODES, example.text) or (None, set()))[1]
    if code in allowed and "Traceback" not in output:
        return None
    return f"exit {code}\n" + "\n".join("    " + line for line in output.splitlines()[-8:])


def self_check():
    """The finding itself: what it must see, and what it must leave alone."""
    page = pathlib.Path(sys.argv[3]) / "page.md"
    page.write_text("words\n\n    $ lanewise info fixed   # layers\n    input 1x28x28\n\n"
                    "    A=1 lanewise why \\\n        fixed\n\n```\nlanewise version\n```\n"
                    "lanewise is no example here\n")
    found = [example.text for example in examples.of_page(page, "page")]
    if found != ["lanewise info fixed", "A=1 lanewise why fixed", "lanewise version"]:
        sys.exit(f"the examples of a page are not found: {found}")


def main():
    program, source, work = (pathlib.Path(word).resolve() for word in sys.argv[1:4])
    only = sys.argv[4] if len(sys.argv) > 4 else ""
    stage = Stage(program, source, work)
    self_check()
    failures, ran, used, helps = [], 0, set(), set()
    for name, scene in scenes(str(program), source):
        folder = None
        if name.endswith("--help"):
            helps.add(name)
        for example in scene:
            reason = matching(NOT_RUN, example.text)
            if reason:
                used.add(reason)
                continue
            if only not in str(example):
                continue
            folder = folder or stage.set_up()
            begin = time.monotonic()
            wrong = try_example(stage, folder, example)
            ran += 1
            print(f"{time.monotonic() - begin:6.2f} s  {example}", flush=True)
            if wrong:
                failures.append(f"{example}\n    {wrong}")
    if not only:
        failures += [f"no example needs the rule '{rule[0]}' any more" for rule in NOT_RUN if rule not in used]
        if ran < 50 or len(helps) < 10:
            failures.append(f"only {ran} examples of {len(helps)} helps were found")
    if failures:
        print("\nExamples that do not work:", *failures, sep="\n\n")
        sys.exit(1)
    print(f"{ran} examples ran")
    shutil.rmtree(work)


if __name__ == "__main__":
    main()
