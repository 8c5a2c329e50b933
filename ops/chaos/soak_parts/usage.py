"""What processes hold, and lines fitted to it."""
import os

# What a line may gain over the whole run: pools that fill late. Of memory, kilobytes: besides, a few bytes for
# each job or step, an allowance for a heap that is fragmented.
MOST = {"memory": 4096, "mappings": 24, "descriptors": 4, "threads": 3, "prepared statements": 0.5}
MOST_BYTES_EACH = 64
# A process of the server opens the files of tables and indexes when it needs them, and keeps them: some are first
# needed late, as by what takes back overdue jobs. The schema has fewer than this.
MOST_FILES_OF_THE_SERVER = 250


def usage(process):
    """Kilobytes of memory of its own, mappings, descriptors and threads; None where the process has ended."""
    folder = f"/proc/{process}"
    try:
        with open(f"{folder}/status") as file:
            status = dict(line.split(":", 1) for line in file)
        with open(f"{folder}/maps") as file:
            mappings = sum(1 for _ in file)
        descriptors = len(os.listdir(f"{folder}/fd"))
        return {"memory": int(status["RssAnon"].split()[0]), "mappings": mappings,
                "descriptors": descriptors, "threads": int(status["Threads"])}
    except (OSError, KeyError):
        return None


class Series:
    """What one process held after so many jobs, steps or rounds."""

    def __init__(self, name, unit):
        self.name, self.unit, self.points = name, unit, []

    def add(self, progress, held):
        if held and (not self.points or progress > self.points[-1][0]):
            self.points.append((progress, held))

    def gains(self):
        """Of each quantity what its line gains from the first quarter to the end, by least squares."""
        last = self.points[-1][0]
        later = [point for point in self.points if point[0] >= last / 4]
        span = last - later[0][0]
        return {what: slope([(at, held[what]) for at, held in later]) * span for what in later[0][1]}

    def faults(self):
        """What was gained beyond what is allowed, a sentence each."""
        if len(self.points) < 8:
            yield f"{self.name}: only {len(self.points)} readings"
            return
        last = self.points[-1][0]
        for what, gain in self.gains().items():
            most = MOST[what] + (last * MOST_BYTES_EACH / 1024 if what == "memory" else 0)
            if what == "descriptors" and self.name.startswith("session"):
                most = MOST_FILES_OF_THE_SERVER
            if gain > most:
                first, end = (self.points[place][1][what] for place in (0, -1))
                yield (f"{self.name}: {what} from {first} to {end} in {last:,} {self.unit},"
                       f" {gain / last * 1000:.1f} for each thousand")


def slope(points):
    """The slope of the line through points by least squares; 0 for one place."""
    middle = sum(x for x, _ in points) / len(points)
    spread = sum((x - middle) ** 2 for x, _ in points)
    return sum((x - middle) * y for x, y in points) / spread if spread else 0.0
