# SPDX-License-Identifier: Apache-2.0
"""A line for each thing done, with how much is left to do."""
import time


def format_duration(seconds):
    """"45 s", "3 min 20 s", "1 h 5 min"."""
    seconds = int(seconds + 0.5)
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60} s"
    return f"{seconds // 3600} h {seconds % 3600 // 60} min"


class Progress:
    """Counts steps of several kinds that take different times: {kind: (how many, seconds that one
    takes as a first guess)}."""

    def __init__(self, kinds, stream, now=time.monotonic):
        self.left = {kind: count for kind, (count, _) in kinds.items()}
        # The guess counts as one step that was seen.
        self.seen = {kind: [1, guess] for kind, (_, guess) in kinds.items()}
        self.total, self.done = sum(self.left.values()), 0
        self.stream, self.now, self.last = stream, now, now()

    def seconds_left(self):
        return sum(count * self.seen[kind][1] / self.seen[kind][0]
                   for kind, count in self.left.items())

    def skip(self, kind, count):
        """So many steps will not happen."""
        self.left[kind] -= count
        self.total -= count

    def step(self, kind, text):
        """A step is done; its time is that since the last one."""
        now = self.now()
        self.seen[kind][0] += 1
        self.seen[kind][1] += now - self.last
        self.last = now
        self.left[kind] -= 1
        self.done += 1
        digits = len(str(self.total))
        rest = self.seconds_left()
        print(f"[{self.done:{digits}}/{self.total}] {text:64} "
              + (f"{format_duration(rest)} left" if self.done < self.total else "done"),
              file=self.stream, flush=True)
