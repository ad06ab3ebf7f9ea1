"""docs/operations.md says what happens in an outage, and names a test for each row: they are there."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_each_situation_names_a_test_that_is_there() -> None:
    text = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    table = text.partition("<!-- situations -->\n")[2].partition("<!-- end of situations -->")[0]
    _head, _line, *rows = table.strip().splitlines()
    sources = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    assert len(rows) > 10
    for row in rows:
        [*_, by, _end] = row.split("|")
        [name, *_] = re.findall(r"`(\w+)`", by) or [""]
        assert name, row
        assert re.search(rf"def {name}\b", sources), name
