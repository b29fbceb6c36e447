# SPDX-License-Identifier: Apache-2.0
"""usage: test_peers.py [PROGRAM]

Tests of benchmarks/peers/compare and of what it is made of. With the program lanewise, whole
comparisons as well."""
import contextlib
import io
import json
import os
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree
from unittest import mock

HERE = os.path.dirname(os.path.abspath(__file__))
PEERS = os.path.normpath(os.path.join(HERE, "..", "..", "benchmarks", "peers"))
FAKE_PEER = os.path.join(HERE, "fake_peer.py")
sys.path.insert(0, PEERS)
os.environ.pop("LANEWISE_DATA_DIR", None)
os.environ.pop("LANEWISE_MAX_ISA", None)

# pylint: disable=wrong-import-position
import bars  # noqa: E402
import compare  # noqa: E402
import comparison_table  # noqa: E402
import image_sets  # noqa: E402
import peer_process  # noqa: E402
import progress  # noqa: E402
import works  # noqa: E402

PROGRAM = sys.argv[1] if len(sys.argv) > 1 else None


def make_result(threads=(1, 2), scale=1.0):
    """A result with figures of all lengths; JAX is not installed."""
    settings = []
    for variant, base in (("NCHW", 900.0), ("channels_last", 1200.0)):
        for count in threads:
            settings.append(comparison_table.make_setting("pytorch", variant, count))
            settings[-1]["blocks"] = [scale * base * count * (1 + index / 10) for index in range(3)]
    for count in threads:
        settings.append(comparison_table.make_setting("jax", "NHWC", count))
        settings[-1]["missing"] = "not installed"
    for variant, base in (("avx512", 12000.0), ("avx2", 9000.0)):
        for count in threads:
            settings.append(comparison_table.make_setting("lanewise", variant, count))
            settings[-1]["blocks"] = [scale * base * count] * 3
    work = comparison_table.finish_work({
        "title": "lab_small, batch 128, Adam, 64 px", "settings": settings,
        "peak_memory_bytes": 150 * 2**20})
    return {"machine": {"cpu": "CPU & Co", "cpus": 2, "system": "Linux 6.1"},
            "versions": {"pytorch": "2.13.0", "lanewise": "0.1.0"}, "isas": ("avx512", "avx2"),
            "rounds": 3, "seconds": 0.5, "threads": list(threads),
            "peak": [{"isa": "avx512", "threads": 2, "gflops": 230.4}], "works": [work]}


class Works(unittest.TestCase):
    def test_groups_and_overrides(self):
        self.assertEqual([work.name for work in works.choose(["grey"])],
                         ["fixed", "fixed128", "lab", "lab_small", "varres32", "varres48",
                          "varres64"])
        self.assertEqual(works.choose(["lab", "lab"]), [works.WORKS["lab"]])
        self.assertEqual(len(works.choose(["all"])), len(works.WORKS))
        work, = works.choose(["varres32"], batch=64, optimizer="sgd", side=40)
        self.assertEqual((work.batch, work.optimizer, work.side), (64, "sgd", 40))

    def test_files_and_sizes(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "mine.net")
            with open(path, "w", encoding="utf-8") as file:
                file.write("input 3x?x20\nflatten\nlinear 10\nsoftmax_cross_entropy\n")
            work, = works.choose([path])
            self.assertEqual(work.name, "mine")
            loaded, shape = works.load(work)
            self.assertEqual((loaded, shape), (path, (3, 32, 20)))
            self.assertEqual(works.title(work, shape), "mine, batch 32, Adam, 32x20 px")
        self.assertEqual(works.load(works.WORKS["fixed"])[1], (1, 28, 28))
        with self.assertRaises(SystemExit):
            works.choose(["no-such-network"])


class ImageSets(unittest.TestCase):
    def test_resize_repeats_pixels(self):
        first, second = b"\x01\x02\x03\x04", b"\x05\x06\x07\x08"
        self.assertEqual(image_sets.resize(first + second, (2, 2), (2, 4)),
                         b"\x01\x01\x02\x02\x03\x03\x04\x04\x05\x05\x06\x06\x07\x07\x08\x08")
        self.assertEqual(image_sets.resize(first, (2, 2), (3, 1)), b"\x01\x01\x03")
        self.assertEqual(image_sets.resize(first, (2, 2), (2, 2)), first)

    def test_folder_round_trip(self):
        for shape in ((1, 6, 5), (3, 4, 7)):
            images = image_sets.make_up(shape, 40)
            self.assertEqual(len(images.pixels), 40 * shape[0] * shape[1] * shape[2])
            self.assertEqual(images, image_sets.make_up(shape, 40))
            self.assertEqual(set(images.labels), set(range(10)))
            with tempfile.TemporaryDirectory() as folder:
                image_sets.write_folder(images, folder)
                self.assertEqual(len(os.listdir(folder)), 4)
                again = image_sets.read_folder(folder)
            self.assertEqual(images[:3], again[:3])

    def test_made_up_images_show_their_class(self):
        images = image_sets.make_up((3, 8, 8), 400)
        size = 3 * 8 * 8
        means = [[sum(images.pixels[index * size + byte] for index in range(label, 400, 10)) / 40
                  for byte in range(size)] for label in (0, 1)]
        self.assertGreater(max(abs(a - b) for a, b in zip(*means)), 30)

    def test_count_is_whole_batches_in_memory(self):
        self.assertEqual(image_sets.count_for((1, 28, 28), 8192, 16), 8192)
        self.assertEqual(image_sets.count_for((1, 28, 28), 1000, 128), 896)
        count = image_sets.count_for((3, 224, 224), 8192, 128)
        self.assertEqual(count % 128, 0)
        self.assertLessEqual(count * 3 * 224 * 224 * 4, 2**27)
        # A batch there has to be.
        self.assertEqual(image_sets.count_for((3, 2000, 2000), 8192, 128), 128)


class Table(unittest.TestCase):
    def test_best_and_ratios(self):
        work, = make_result()["works"]
        self.assertEqual(work["best"]["pytorch"]["variant"], "channels_last")
        self.assertAlmostEqual(work["best"]["pytorch"]["images_per_second"], 2640)
        self.assertNotIn("jax", work["ratios"])
        self.assertAlmostEqual(work["ratios"]["pytorch"], 24000 / 2640)

    def test_fits_and_says_everything(self):
        for threads in ((1,), (1, 2), (1, 16, 32), (1, 2, 4, 8, 16, 32)):
            for scale in (0.001, 1.0, 10.0):
                text = comparison_table.lines(make_result(threads, scale))
                for line in text:
                    self.assertLessEqual(len(line), 100, line)
                whole = "\n".join(text)
                self.assertIn("JAX: not installed", whole)
                self.assertIn("230 GFLOP/s (AVX-512, 2 threads)", whole)
        row, = [line for line in comparison_table.lines(make_result())
                if line.startswith("  PyTorch channels_last")]
        self.assertEqual(row.split(), ["PyTorch", "channels_last", "1,320", "(1,200-1,440)",
                                       "2,640", "(2,400-2,880)", "9.1x"])
        summary, = [line for line in comparison_table.lines(make_result())
                    if line.startswith("lab_small") and "x" in line.split("px")[1]]
        self.assertEqual(summary.split("px")[1].split(),
                         ["2,640", "-", "24,000", "9.1x", "-", "2.00x", "75", "%", "150"])

    def test_a_failure_is_told(self):
        result = make_result()
        for setting in result["works"][0]["settings"]:
            if setting["variant"] == "NCHW":
                setting.update(missing="failed: no memory", blocks=[])
        comparison_table.finish_work(result["works"][0])
        self.assertIn("PyTorch NCHW: failed: no memory", comparison_table.lines(result))

    def test_nothing_measured(self):
        result = make_result()
        for setting in result["works"][0]["settings"]:
            setting.update(missing="not installed", blocks=[])
        comparison_table.finish_work(result["works"][0])
        self.assertEqual(result["works"][0]["ratios"], {})
        comparison_table.lines(result)


class Bars(unittest.TestCase):
    def test_pictures_are_xml(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "a.svg")
            compare.draw(path, make_result())
            root = xml.etree.ElementTree.parse(path).getroot()
            texts = [element.text for element in root.iter() if element.tag.endswith("text")]
            for text in ("2,640", "24,000", "not installed", "9.1x PyTorch", "2 threads"):
                self.assertIn(text, texts)
            # Background, legend, and 8 bars.
            self.assertEqual(sum(element.tag.endswith("rect") for element in root.iter()), 11)
            bars.write(path, "A & B", "GFLOP/s", [("jax <1>", 3.0), ("lanewise", 0.0)])
            xml.etree.ElementTree.parse(path)
            self.assertEqual(os.listdir(folder), ["a.svg"])


class Progress(unittest.TestCase):
    def test_what_is_left(self):
        stream, clock = io.StringIO(), iter((0.0, 4.0, 6.0, 8.0))
        steps = progress.Progress({"start": (1, 2.0), "run": (4, 2.0)}, stream,
                                  now=lambda: next(clock))
        self.assertEqual(steps.seconds_left(), 10.0)
        steps.step("start", "a")
        self.assertEqual(steps.seconds_left(), 8.0)
        steps.skip("run", 2)
        steps.step("run", "b")
        steps.step("run", "c")
        self.assertEqual([line.split() for line in stream.getvalue().splitlines()],
                         [["[1/5]", "a", "8", "s", "left"], ["[2/3]", "b", "2", "s", "left"],
                          ["[3/3]", "c", "done"]])

    def test_durations(self):
        self.assertEqual([progress.format_duration(seconds) for seconds in (0, 59.4, 200, 3900)],
                         ["0 s", "59 s", "3 min 20 s", "1 h 5 min"])


class PeerProcess(unittest.TestCase):
    def load(self, peer, folder, network):
        image_sets.write_folder(image_sets.make_up((1, 28, 28), 32), folder)
        path, _ = works.load(works.WORKS[network])
        peer.ask(do="load", network=path, data=folder, batch=16, optimizer="adam")

    def test_answers(self):
        with peer_process.Peer(sys.executable, FAKE_PEER, 1) as peer, \
                tempfile.TemporaryDirectory() as folder:
            peer.greet()
            self.assertEqual((peer.version, peer.missing), ("9.9", None))
            self.load(peer, folder, "fixed")
            peer.ask(do="warm_up", variant="NCHW", seconds=0.001)
            answer = peer.ask(do="run", variant="NCHW", seconds=0.01)
            self.assertGreater(answer["images_per_second"], 0)
            with self.assertRaisesRegex(peer_process.PeerError,
                                        "^ValueError: no such layout$"):
                peer.ask(do="warm_up", variant="channels_last", seconds=0.001)
            # And it still answers.
            peer.ask(do="run", variant="NCHW", seconds=0.001)

    def test_death_and_restart(self):
        with peer_process.Peer(sys.executable, FAKE_PEER, 1) as peer, \
                tempfile.TemporaryDirectory() as folder:
            peer.greet()
            self.load(peer, folder, "lab")
            with self.assertRaisesRegex(peer_process.PeerError, "^ended with status 7: last words"):
                peer.ask(do="warm_up", variant="NCHW", seconds=0.001)
            self.assertFalse(peer.is_alive())
            with self.assertRaises(peer_process.PeerError):
                peer.ask(do="run", variant="NCHW", seconds=0.001)
            peer.restart()
            self.load(peer, folder, "fixed")

    def test_no_python(self):
        with self.assertRaisesRegex(SystemExit, "--python"):
            peer_process.Peer("/no/such/python", FAKE_PEER, 1)


class Arguments(unittest.TestCase):
    def refuse(self, *words):
        with contextlib.redirect_stderr(io.StringIO()) as errors, \
                self.assertRaises(SystemExit) as end:
            compare.parse_arguments(words)
        self.assertEqual(end.exception.code, 2)
        return errors.getvalue()

    def test_bad_ones(self):
        self.assertIn("--rounds: expected at least 1, got 0", self.refuse("--rounds", "0"))
        self.assertIn("--seconds", self.refuse("--seconds", "0"))
        self.assertIn("--threads", self.refuse("--threads", "0"))
        self.assertIn("--threads", self.refuse("--threads", *map(str, range(1, 8))))
        self.assertIn("--batch", self.refuse("--batch", "-3"))
        self.assertIn("--images: expected at least a batch of lab, 32",
                      self.refuse("--networks", "lab", "--images", "20"))
        self.assertIn("there is no folder", self.refuse("--svg", "/no/such/folder/a.svg"))
        self.assertIn("--programs", self.refuse("--programs", "tensorflow"))

    def test_quick(self):
        quick = compare.parse_arguments(["--quick", "--rounds", "3"])
        self.assertEqual((quick.rounds, quick.seconds, len(quick.works)), (3, 0.3, 7))
        self.assertEqual(compare.parse_arguments(["--threads", "4", "1", "4"]).threads, [1, 4])

    def test_help(self):
        answer = subprocess.run([os.path.join(PEERS, "compare"), "--help"], text=True, check=False,
                                stdout=subprocess.PIPE, env={**os.environ,
                                                             "PYTHON": sys.executable})
        self.assertEqual(answer.returncode, 0)
        self.assertIn("examples:", answer.stdout)
        self.assertLessEqual(max(map(len, answer.stdout.splitlines())), 100)


@unittest.skipUnless(PROGRAM, "needs the program lanewise")
class WholeComparison(unittest.TestCase):
    SHORT = ("--seconds", "0.01", "--images", "256", "--threads", "1")

    def compare(self, *words, scripts=None):
        """Returns (standard output, standard error)."""
        out, errors = io.StringIO(), io.StringIO()
        with mock.patch.dict(compare.SCRIPTS, scripts or {}), contextlib.redirect_stdout(out), \
                contextlib.redirect_stderr(errors):
            compare.main(["--lanewise", PROGRAM, *self.SHORT, *words])
        return out.getvalue(), errors.getvalue()

    def test_a_peer_that_fails_sometimes(self):
        with tempfile.TemporaryDirectory() as folder:
            files = [os.path.join(folder, name) for name in ("a.json", "a.svg")]
            out, errors = self.compare(
                "--rounds", "2", "--programs", "pytorch", "lanewise", "--networks", "lab",
                "lab_small", "--json", files[0], "--svg", files[1], scripts={"pytorch": FAKE_PEER})
            with open(files[0], encoding="utf-8") as file:
                result = json.load(file)
            xml.etree.ElementTree.parse(files[1])
        lab, small = result["works"]
        reasons = [setting.get("missing") for setting in lab["settings"]
                   if setting["program"] == "pytorch"]
        self.assertEqual(reasons, ["failed: ended with status 7: last words"] * 2)
        self.assertEqual(list(lab["best"]), ["lanewise"])
        # It was started anew for the next network, where one variant works.
        self.assertEqual(small["best"]["pytorch"]["variant"], "NCHW")
        for setting in small["settings"]:
            self.assertEqual(len(setting["blocks"]),
                             0 if setting["variant"] == "channels_last" else 2)
        self.assertEqual(result["versions"]["pytorch"], "9.9")
        self.assertGreater(result["peak"][0]["gflops"], 0)
        self.assertIn("PyTorch channels_last: failed: ValueError: no such layout", out)
        last = [line for line in errors.splitlines() if line.startswith("[")][-1]
        done, total = last[1:].split("]")[0].split("/")
        self.assertEqual(done.strip(), total)
        self.assertTrue(last.endswith("done"))

    def test_colours_and_nothing_installed(self):
        with tempfile.TemporaryDirectory() as folder:
            # A Python without the folders where packages are installed.
            python = os.path.join(folder, "python")
            with open(python, "w", encoding="utf-8") as file:
                file.write(f'#!/bin/sh\nexec "{sys.executable}" -S "$@"\n')
            os.chmod(python, 0o755)
            out, _ = self.compare("--networks", "allconv32", "--side", "8", "--batch", "16",
                                  "--rounds", "1", "--python", python, "--json")
        result = json.loads(out)
        self.assertEqual(result["works"][0]["input"], [3, 8, 8])
        self.assertEqual(list(result["versions"]), ["lanewise"])
        for setting in result["works"][0]["settings"]:
            self.assertEqual(setting.get("missing"),
                             None if setting["program"] == "lanewise" else "not installed")

    def test_no_lanewise(self):
        with self.assertRaisesRegex(SystemExit, "--lanewise"):
            self.compare("--lanewise", "/no/such/lanewise")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
