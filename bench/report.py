"""The report: medians, p99, ratios and floors, as a table and as JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

from bench.floors import FLOORS
from bench.run import BARE, PEER
from bench.sample import Effort, Sample


@dataclass(frozen=True)
class Row:
    """One line: an id and the medians of its samples.

    `ratio` is to the bare callable measured the same way just before and after, `peers` to the peer's ratio in the
    same case; None where there is no such thing.
    """

    id: str
    rate: float
    p50_ms: float
    p99_ms: float
    ratio: float | None
    peers: float | None
    floor: str
    missed: list[str]
    quotable: bool
    problem: str

    @property
    def mark(self) -> str:
        """Whether the floor was met, in a word."""
        if self.problem:
            return "FAILED"
        if not self.quotable:
            return "unusable"
        if not self.floor:
            return ""
        return "BELOW" if self.missed else "ok"


def rows(samples: Mapping[str, Sequence[Sample]]) -> list[Row]:
    """Return a row for each id, in the order they were measured."""
    return [_row(name, taken, samples) for name, taken in samples.items()]


def _row(name: str, taken: Sequence[Sample], samples: Mapping[str, Sequence[Sample]]) -> Row:
    rate, p99, ratio = median(s.rate for s in taken), median(s.p99_ms for s in taken), _ratio(taken)
    of_peer = None if name.endswith((PEER, BARE)) else _ratio(samples.get(_of_peer(name), ()))
    peers = ratio / of_peer if ratio and of_peer else None
    floor = FLOORS.get(name)
    return Row(
        id=name,
        rate=rate,
        p50_ms=median(s.p50_ms for s in taken),
        p99_ms=p99,
        ratio=ratio,
        peers=peers,
        floor="" if floor is None else str(floor),
        missed=[] if floor is None else floor.missed_by(ratio or 0.0, rate, p99, peers),
        quotable=all(s.quotable for s in taken),
        problem=next((s.problem for s in taken if s.problem), ""),
    )


def _ratio(taken: Sequence[Sample]) -> float | None:
    ratios = [sample.ratio for sample in taken if sample.ceiling]
    return median(ratios) if ratios else None


def _of_peer(name: str) -> str:
    case, found, _ = name.partition("-runspec-")
    return f"{case}-runspec-{PEER}" if found else ""


def table(lines: Sequence[Row]) -> str:
    """Return the table as text."""
    head = f"{'':<48} {'1/s':>9} {'p50 ms':>8} {'p99 ms':>8} {'ratio':>6} {'x peer':>7}  {'':<8} floor (stretch)"
    return "\n".join([head, *map(_line, lines)])


def _line(row: Row) -> str:
    ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
    peers = "" if row.peers is None else f"{row.peers:.1f}"
    numbers = f"{row.rate:>9,.0f} {row.p50_ms:>8.2f} {row.p99_ms:>8.2f} {ratio:>6} {peers:>7}"
    return f"{row.id:<48} {numbers}  {row.mark:<8} {row.floor}".rstrip()


def as_json(
    lines: Sequence[Row],
    samples: Mapping[str, Sequence[Sample]],
    effort: Effort,
    machine: Mapping[str, Any],
    notes: Sequence[str],
) -> dict[str, Any]:
    """Return all of it, with every sample, as JSON is made of."""
    return {
        "quotable": all(row.quotable for row in lines),
        "machine": dict(machine),
        "effort": asdict(effort),
        "notes": list(notes),
        "results": [{**asdict(row), "samples": [asdict(s) for s in samples[row.id]]} for row in lines],
    }
