# SPDX-License-Identifier: Apache-2.0
"""A framework that is always installed and trains nothing. Its version is "9.9"; the variant
channels_last is one that fails, the network lab one that kills the process."""
import os
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "benchmarks", "peers"))

import peer_process  # noqa: E402  pylint: disable=wrong-import-position


class Trainer:
    def __init__(self, network, images, batch, optimizer, variant):
        assert len(images.labels) % batch == 0 and optimizer in ("adam", "sgd")
        if variant == "channels_last":
            raise ValueError("no such layout\nand a second line")
        self.batch, self.fatal = batch, network.name == "lab"

    def train_steps(self):
        if self.fatal:
            print("first words\nlast words", file=sys.stderr, flush=True)
            os._exit(7)
        print("noise on standard output", flush=True)
        time.sleep(0.001)
        return 1


if __name__ == "__main__":
    peer_process.main("pytorch", __doc__, ("NCHW", "NHWC", "channels_last"),
                      lambda threads: ("9.9", Trainer))
