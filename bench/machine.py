"""The machine: its cores, who is busy on them, and what to say about it beside a number. Linux only."""

import os
import platform
import resource
import sqlite3
from collections import defaultdict
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")
PROC = Path("/proc")


@dataclass(frozen=True)
class Cores:
    """Which core the servers run on, and which the load comes from. The same one where there is only one."""

    server: int
    load: int

    @property
    def apart(self) -> bool:
        """Whether they are two."""
        return self.server != self.load


def cores() -> Cores:
    """Choose them among those this process may use."""
    usable = sorted(os.sched_getaffinity(0))
    return Cores(server=usable[-1], load=usable[0])


@contextmanager
def on_core(core: int) -> Iterator[None]:
    """Start children on one core: what is started inside stays there, with all its own children."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


class Others:
    """The CPU time of everybody else on the machine since this was made.

    Ours are this process, its children (those it has waited for, too) and the trees below `roots`: databases that
    have left our own tree. The kernel's own threads and interrupts count as nobody's: most of what they do here is our
    traffic on loopback and our writing to disk. What a hypervisor takes away counts as others'.
    """

    def __init__(self, roots: Collection[int]) -> None:
        """Take the process ids of further trees of ours."""
        self._roots = (os.getpid(), *roots)
        self._begin = self._look()

    def seconds(self) -> float:
        """Return the CPU seconds of others.

        It is looked at from two sides, and the worse one counts. What the machine did beyond our own shows processes
        we can't see. The sum over the processes that can be seen holds where the kernel has put the time of
        interrupts into our own.
        """
        total, steal, ours, theirs = (now - then for now, then in zip(self._look(), self._begin, strict=True))
        return max(0.0, total - ours, theirs) + steal

    def _look(self) -> tuple[float, float, float, float]:
        user, nice, system, _idle, _waiting, _irq, _softirq, steal = map(
            int, (PROC / "stat").read_text().split("\n", 1)[0].split()[1:9]
        )
        ours, theirs = _cpu_of_processes(self._roots)
        return (user + nice + system) / TICK, steal / TICK, ours / TICK, theirs / TICK


KERNEL_THREAD = 0x00200000
"""Flag of a process that is a thread of the kernel."""


def _cpu_of_processes(roots: Collection[int]) -> tuple[int, int]:
    """Return the ticks of the trees below `roots` and of the kernel, and those of all other processes.

    The time of children that were waited for is their parent's, so that none is lost with a process that ends.
    """
    children: dict[int, list[int]] = defaultdict(list)
    ticks: dict[int, int] = {}
    todo = list(roots)
    for directory in PROC.iterdir():
        if not directory.name.isdigit():
            continue
        try:
            # The name, in brackets, may itself hold spaces and brackets.
            fields = (directory / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it has ended meanwhile
        number = int(directory.name)
        children[int(fields[1])].append(number)
        ticks[number] = sum(map(int, fields[11:15]))
        if int(fields[6]) & KERNEL_THREAD:
            todo.append(number)
    ours = set[int]()
    while todo:
        number = todo.pop()
        if number not in ours:
            ours.add(number)
            todo += children[number]
    return sum(t for n, t in ticks.items() if n in ours), sum(t for n, t in ticks.items() if n not in ours)


def resident_bytes(pid: int) -> int:
    """Return the memory a process has resident."""
    return int((PROC / str(pid) / "statm").read_text().split()[1]) * PAGE


def allow_open_files(count: int) -> None:
    """Raise the limit on open files, for us and the children, as far as it may be."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < count:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(count, hard), hard))


def described(directory: Path) -> dict[str, str | int]:
    """Return what a reader must know of the machine; `directory` is where the databases are."""
    processor = next(
        (v.strip() for k, _, v in _lines(PROC / "cpuinfo", ":") if k.strip() == "model name"), platform.machine()
    )
    return {
        "processor": processor,
        "cores": os.cpu_count() or 1,
        "kernel": platform.release(),
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "filesystem": _filesystem(directory),
    }


def _filesystem(directory: Path) -> str:
    path = str(directory.resolve())
    mounts = [line.split()[1:3] for line in (PROC / "mounts").read_text().splitlines()]
    over = [(point, kind) for point, kind in mounts if path == point or path.startswith(point.rstrip("/") + "/")]
    return max(over, key=lambda mount: len(mount[0]), default=("/", "unknown"))[1]


def _lines(path: Path, separator: str) -> Iterator[tuple[str, str, str]]:
    for line in path.read_text().splitlines():
        yield line.partition(separator)
