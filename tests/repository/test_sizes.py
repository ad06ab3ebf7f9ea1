"""The limits that keep the source readable: lines of a module, and entries of a folder."""

from collections.abc import Iterator
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]
LINES = 300
ENTRIES = 25


def entries(folder: Path) -> list[Path]:
    """The files and folders in a folder, without caches and hidden ones."""
    return [path for path in folder.iterdir() if not path.name.startswith((".", "__pycache__"))]


def folders(root: Path) -> Iterator[Path]:
    """A folder and all folders below it."""
    yield root
    for path in entries(root):
        if path.is_dir():
            yield from folders(path)


@pytest.mark.parametrize("root", ["registry_gateway", "adapters"])
def test_modules_are_short(root: str) -> None:
    modules = list((CHECKOUT / root).rglob("*.py"))
    assert modules
    lengths = {str(path.relative_to(CHECKOUT)): len(path.read_text().splitlines()) for path in modules}
    assert {path: length for path, length in lengths.items() if length > LINES} == {}


@pytest.mark.parametrize("root", ["registry_gateway", "adapters", "bench", "docs"])
def test_folders_have_few_entries(root: str) -> None:
    sizes = {str(path.relative_to(CHECKOUT)): len(entries(path)) for path in folders(CHECKOUT / root)}
    assert {path: size for path, size in sizes.items() if size > ENTRIES} == {}
