"""What must be reached, and what ought to be: the project's own floors for one worker on one core.

They hold for 1,000 entries and 32 connections. Ratios are to the bare callable, measured the same way just
before and after; rates are absolute, for a core on which the bare callable answers about 32,000 requests a second.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Floor:
    """The least a measurement may be; what is None does not matter. `stretch` is the hope, in the same unit."""

    ratio: float | None = None
    rate: float | None = None
    p99_ms: float | None = None
    peers: float | None = None
    """How many times what the peer reaches in the same case."""
    stretch: float | None = None

    def missed_by(self, ratio: float, rate: float, p99_ms: float, peers: float | None) -> list[str]:
        """Return what of it was missed, in words; nothing if nothing was."""
        missed = []
        if self.ratio is not None and ratio < self.ratio:
            missed.append(f"ratio {ratio:.2f} < {self.ratio:.2f}")
        if self.rate is not None and rate < self.rate:
            missed.append(f"{rate:,.0f}/s < {self.rate:,.0f}/s")
        if self.p99_ms is not None and p99_ms > self.p99_ms:
            missed.append(f"p99 {p99_ms:.1f} ms > {self.p99_ms:g} ms")
        if self.peers is not None and peers is not None and peers < self.peers:
            missed.append(f"{peers:.1f} x the peer < {self.peers:g} x")
        return missed

    def __str__(self) -> str:
        """Word it for the table."""
        parts = []
        if self.ratio is not None:
            parts.append(f">= {self.ratio:.2f}")
        if self.rate is not None:
            parts.append(f">= {self.rate:,.0f}/s")
        if self.p99_ms is not None:
            parts.append(f"p99 <= {self.p99_ms:g} ms")
        if self.peers is not None:
            parts.append(f">= {self.peers:g} x peer")
        if self.stretch is not None:
            unit = f"{self.stretch:.2f}" if self.rate is None else f"{self.stretch:,.0f}/s"
            parts.append(f"({unit})")
        return " ".join(parts)


DIALECTS = ("chap", "scaicontrol", "runspec")

FLOORS: dict[str, Floor] = {
    **{f"heartbeat-{d}-sqlite": Floor(ratio=0.40, p99_ms=8, stretch=0.55) for d in DIALECTS},
    **{f"heartbeat-{d}-sqlite-full": Floor(ratio=0.33, stretch=0.45) for d in DIALECTS},
    **{f"heartbeat-{d}-postgresql": Floor(ratio=0.22, stretch=0.38) for d in DIALECTS},
    "heartbeat-runspec-sqlite": Floor(ratio=0.40, p99_ms=8, peers=4, stretch=0.55),
    **{f"heartbeat-new-connection-{d}-sqlite": Floor(ratio=0.55, stretch=0.70) for d in DIALECTS},
    **{f"register-{d}-sqlite": Floor(ratio=0.25, stretch=0.36) for d in ("chap", "runspec")},
    **{f"register-{d}-sqlite-full": Floor(ratio=0.20) for d in ("chap", "runspec")},
    **{f"register-{d}-postgresql": Floor(ratio=0.12) for d in ("chap", "runspec")},
    "tools-runspec-sqlite": Floor(ratio=0.20, stretch=0.31),
    **{f"look-up-{d}-sqlite": Floor(ratio=0.25, stretch=0.32) for d in ("chap", "runspec")},
    **{f"look-up-{d}-postgresql": Floor(ratio=0.12) for d in ("chap", "runspec")},
    "list-chap-sqlite": Floor(rate=300, stretch=500),
    "list-chap-postgresql": Floor(rate=150),
    "instances-runspec-sqlite": Floor(rate=250, stretch=390),
    "all-tools-unchanged-runspec-sqlite": Floor(rate=2500, stretch=4900),
    "all-tools-changed-runspec-sqlite": Floor(rate=140),
}
"""By the id of the measurement."""
