"""The growth as a picture: what must stay flat, and what may grow, over the number of registrations."""

from collections.abc import Callable, Mapping
from pathlib import Path

from bench.growth import Point

PANELS: tuple[tuple[str, tuple[tuple[str, Callable[[Point], float], str], ...]], ...] = (
    (
        "requests a second",
        (
            ("heartbeat", lambda p: p.heartbeat, "-"),
            ("look-up", lambda p: p.look_up, "--"),
            ("register", lambda p: p.register, ":"),
        ),
    ),
    (
        "milliseconds",
        (
            ("whole list", lambda p: p.list_ms, "-"),
            ("start", lambda p: p.start_ms, "--"),
            ("sweep, 100 lapsed", lambda p: p.sweep_ms, ":"),
        ),
    ),
    (
        "megabytes",
        (
            ("resident, loaded", lambda p: p.loaded_mb, "-"),
            ("database", lambda p: p.database_mb, "--"),
        ),
    ),
)

COLOURS = {"sqlite": "#1f5fa8", "postgresql": "#b8541a"}


def draw(points: Mapping[str, Mapping[int, Point]], title: str, file: Path) -> None:
    """Write the picture of what was measured of each kind of database as PNG.

    Raises:
        ModuleNotFoundError: matplotlib is not installed; it comes with the extra `bench`.
    """
    from matplotlib.figure import Figure  # the rest of the benchmark does without it
    from matplotlib.ticker import LogLocator

    figure = Figure(figsize=(13, 5), layout="constrained")
    figure.suptitle(title)
    for axes, (unit, lines) in zip(figure.subplots(1, len(PANELS)), PANELS, strict=True):
        for kind, by_size in points.items():
            for name, value, style in lines:
                sizes = sorted(by_size)
                values = [value(by_size[size]) for size in sizes]
                axes.plot(sizes, values, style, color=COLOURS[kind], marker="o", label=f"{name}, {kind}")
        ticks = sorted({size for by_size in points.values() for size in by_size})
        axes.set_xscale("log")
        axes.set_xticks(ticks, [f"{size:,}" for size in ticks])
        axes.minorticks_off()
        if unit == "requests a second":
            axes.set_ylim(bottom=0)
        else:
            axes.set_yscale("log")
            axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axes.minorticks_off()
        axes.yaxis.set_major_formatter("{x:,g}")
        axes.set_xlabel("registrations")
        axes.set_ylabel(unit)
        axes.grid(visible=True, alpha=0.3)
        axes.legend(fontsize="small", loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=len(points))
    figure.savefig(file, dpi=110)
