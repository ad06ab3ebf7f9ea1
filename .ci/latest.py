"""The newest version of every dependency, for `make test-latest`.

python .ci/latest.py names    the names of all dependencies, for `pip install --upgrade`
python .ci/latest.py beyond   which installed ones the bounds in pyproject.toml do not allow
"""

import sys
import tomllib
from importlib.metadata import version
from pathlib import Path

from packaging.requirements import Requirement

PROJECT = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]
EXTRAS = ("postgresql", "test")


def requirements() -> list[Requirement]:
    """Return what the gateway and its tests need, but for the gateway itself."""
    texts = [*PROJECT["dependencies"], *(text for extra in EXTRAS for text in PROJECT["optional-dependencies"][extra])]
    return [one for text in texts if (one := Requirement(text)).name != PROJECT["name"]]


def named(one: Requirement) -> str:
    """Return a requirement without its bounds."""
    return f"{one.name}[{','.join(sorted(one.extras))}]" if one.extras else one.name


def beyond() -> list[str]:
    """Return a line for each installed version that a bound does not allow."""
    installed = [(one, version(one.name)) for one in requirements()]
    return [f"{one.name} {found} is not in {one.specifier}" for one, found in installed if found not in one.specifier]


if __name__ == "__main__":
    print(*((map(named, requirements())) if sys.argv[1:] == ["names"] else beyond()), sep="\n")
