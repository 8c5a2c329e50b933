"""Bytes, seconds and disk of a stage's processes."""
import os
import threading
import time


def drop(path):
    """Takes a file out of the page cache."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
        os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(handle)


def counters():
    """The system's counters of this process and of all that it has waited for, and those of theirs."""
    with open("/proc/self/io") as file:
        return {name: int(value) for name, value in (line.split(": ") for line in file)}


def processor_seconds():
    """The time on a processor of all children that were waited for, and of theirs."""
    times = os.times()
    return times.children_user + times.children_system


def held(folder):
    """Bytes of disk below a folder; of a file with several names once."""
    seen = {}
    for path, _, names in os.walk(folder):
        for name in names:
            try:
                status = os.lstat(f"{path}/{name}")
            except FileNotFoundError:
                continue
            seen[status.st_ino] = status.st_blocks * 512
    return sum(seen.values())


class Disk:
    """The most that lies below a folder, looked at while work goes on, for a hundredth of a processor's time."""

    def __init__(self, folder):
        self.folder, self.most, self.over = folder, 0, threading.Event()
        self.thread = threading.Thread(target=self.look, daemon=True)
        self.thread.start()

    def look(self):
        wait = 0.1
        while not self.over.wait(wait):
            start = time.thread_time()
            self.most = max(self.most, held(self.folder))
            wait = max(0.1, 100 * (time.thread_time() - start))

    def end(self):
        self.over.set()
        self.thread.join()
        return self.most


class Table:
    """A row for each stage."""

    COLUMNS = ("stage", "seconds", "processor", "read", "disk", "written", "least read", "least written", "most on disk")

    def __init__(self, folder):
        self.folder, self.rows = folder, []

    def measure(self, name, work, least_read, least_written, exact=False):
        """Runs a stage; its children are waited for when `work` returns.

        least_read, least_written: bytes that it must read and write; exact: whether more is a fault"""
        disk, before, used, start = Disk(self.folder), counters(), processor_seconds(), time.monotonic()
        try:
            result = work()
        finally:
            most = disk.end()
        seconds, after = time.monotonic() - start, counters()
        moved = {key: after[key] - before[key] for key in after}
        self.rows.append({
            "stage": name, "seconds": round(seconds, 2), "processor": round(processor_seconds() - used, 2),
            "read": moved["rchar"], "disk": moved["read_bytes"],
            "written": moved["wchar"], "least read": least_read, "least written": least_written,
            "most on disk": most, "exact": exact})
        return result

    def faults(self, slack):
        """Stages that read or write more than they must, beyond a tenth and `slack` bytes: programs, rows, logs."""
        return [
            f"{row['stage']}: {what} {row[what] / 1e6:.1f} MB, least {row[f'least {key}'] / 1e6:.1f} MB"
            for row in self.rows if row["exact"]
            for what, key in (("read", "read"), ("disk", "read"), ("written", "written"))
            if row[what] > 1.1 * row[f"least {key}"] + slack]

    def page(self):
        lines = ["| " + " | ".join(self.COLUMNS) + " |", "|" + "---|" * len(self.COLUMNS)]
        for row in self.rows:
            cells = [row["stage"], f"{row['seconds']:.1f}", f"{row['processor']:.1f}"]
            cells += [f"{row[name] / 1e6:,.1f} MB" for name in self.COLUMNS[3:]]
            lines.append("| " + " | ".join(cells) + " |")
        return "\n".join(lines)
