"""The table of loggers in docs/operations.md has every logger of the program."""

import re
from pathlib import Path

CHECKOUT = Path(__file__).parents[2]


def test_every_logger_is_documented() -> None:
    sources = [
        path.read_text() for root in ("registry_gateway", "adapters") for path in (CHECKOUT / root).rglob("*.py")
    ]
    used = {name for text in sources for name in re.findall(r'getLogger\("(registry_gateway\.\w+)"\)', text)}
    table = (CHECKOUT / "docs" / "operations.md").read_text().partition("| Logger | Content |")[2].partition("\n\n")[0]
    documented = {name for row in table.splitlines() for name in re.findall(r"`(registry_gateway\.\w+)`", row)}
    assert documented == used
