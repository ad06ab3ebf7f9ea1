"""Unit tests mirror the modules that they test: whoever looks for one finds it by the module's path."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
UNIT = ROOT / "tests" / "unit"


def module_of(file: Path) -> Path:
    """The path of the module that a file of unit tests is named for, without `.py`."""
    room = file.parent.relative_to(UNIT)
    packages = ROOT if room.parts[:1] == ("adapters",) else ROOT / "registry_gateway"
    return packages / room / file.stem.removeprefix("test_")


def exists(module: Path) -> bool:
    """Tell whether it is a module, a package, or a module between underscores such as `__main__`."""
    names = (f"{module.name}.py", f"{module.name}/__init__.py", f"__{module.name}__.py")
    return any((module.parent / name).is_file() for name in names)


def test_each_file_of_unit_tests_has_the_name_of_a_module() -> None:
    files = sorted(UNIT.rglob("test_*.py"))
    assert len(files) > 20
    assert [str(file.relative_to(ROOT)) for file in files if not exists(module_of(file))] == []


def test_a_name_that_is_no_modules_is_found() -> None:
    assert exists(module_of(UNIT / "core" / "test_lease.py"))
    assert exists(module_of(UNIT / "test_main.py"))
    assert exists(module_of(UNIT / "adapters" / "test_gateway_chap.py"))
    assert not exists(module_of(UNIT / "core" / "test_decide.py"))
