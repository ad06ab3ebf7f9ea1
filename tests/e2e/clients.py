"""The published clients, each installed with pip in an environment of its own.

The environments are cached in `.clients/` of the checkout, which git ignores and `make clean` removes: the
first run pays for pip, every later one starts at once. They are apart from the gateway's own because what a
client requires is not what the gateway requires, and because two versions of a client cannot share one.
"""

import fcntl
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

CACHE = Path(__file__).resolve().parents[2] / ".clients"


class MissingInterpreterError(LookupError):
    """The client needs a Python that this machine does not have; the message names it."""


@dataclass(frozen=True)
class ClientEnvironment:
    """One virtual environment: its name in the cache, what pip installs into it, and the Python it needs."""

    name: str
    requirements: tuple[str, ...]
    python: str | None = None
    """Version such as "3.13", for a client that does not run on the tests' own Python."""

    def executable(self, program: str) -> Path:
        """The path of one of its programs, after installing the environment if that was not done yet.

        Raises MissingInterpreterError when the Python it needs is not here, AssertionError when pip fails.
        """
        directory = CACHE / self.name
        interpreter = self.interpreter()
        # Written last, so an installation that was interrupted is never taken for a good one. It says what
        # was installed with which Python: another pin or another interpreter makes a new environment.
        stamp = directory / ".installed"
        wanted = json.dumps({"python": str(interpreter), "requirements": self.requirements})
        with _locked(CACHE / f"{self.name}.lock"):
            if not (stamp.is_file() and stamp.read_text(encoding="utf-8") == wanted):
                shutil.rmtree(directory, ignore_errors=True)
                self._install(directory, interpreter)
                stamp.write_text(wanted, encoding="utf-8")
        return directory / "bin" / program

    def interpreter(self) -> Path:
        """The Python the environment is made with; raises MissingInterpreterError."""
        return Path(sys.executable) if self.python is None else find_python(self.python)

    def _install(self, directory: Path, interpreter: Path) -> None:
        _run([interpreter, "-m", "venv", directory])
        pip: list[str | Path] = [
            directory / "bin" / "python",
            "-m",
            "pip",
            "install",
            "--quiet",
            "--no-input",
        ]
        _run([*pip, "--disable-pip-version-check", *self.requirements])


def fetch_wheel(name: str, version: str, python: str) -> Path:
    """The path of a published wheel in the cache, whatever Python it requires; AssertionError when pip fails."""
    directory = CACHE / f"{name}-{version}-wheel"
    with _locked(CACHE / f"{name}-{version}.lock"):
        if not (found := sorted(directory.glob("*.whl"))):
            options = ["--quiet", "--no-input", "--disable-pip-version-check", "--no-deps", "--only-binary=:all:"]
            pip: list[str | Path] = [sys.executable, "-m", "pip", "download", *options, "--python-version", python]
            _run([*pip, "--dest", directory, f"{name}=={version}"])
            found = sorted(directory.glob("*.whl"))
        return found[0]


RUNSPEC_LATEST = ClientEnvironment("runspec-0.8.8", ("runspec==0.8.8",))
RUNSPEC_WITHOUT_REGISTRY = ClientEnvironment("runspec-0.76.0", ("runspec==0.76.0", "hatchling"))
"""Today's runspec, which has no registry client. Hatchling builds a package that declares runspec."""
RUNSPEC_EARLY = ClientEnvironment("runspec-0.4.0", ("runspec==0.4.0",))
RUNSPEC_REGISTRY = ClientEnvironment("runspec-registry", ("runspec-registry==0.1.1",))
CHAPKIT = ClientEnvironment("chapkit-2.4.1", ("servicekit==3.0.1", "chapkit==2.4.1"), python="3.13")


@cache
def find_python(version: str) -> Path:
    """A Python of exactly this minor version: on PATH, or where pyenv and uv keep theirs.

    Raises MissingInterpreterError.
    """
    for candidate in _pythons(version):
        # Asked, not believed: pyenv puts a `python3.13` on PATH that only works where it was switched on.
        if candidate.is_file() and _version(candidate) == version:
            return candidate
    raise MissingInterpreterError(
        f"needs Python {version}, and none was found on PATH or where pyenv and uv install them"
    )


def _pythons(version: str) -> Iterator[Path]:
    yield Path(sys.executable)
    if on_path := shutil.which(f"python{version}"):
        yield Path(on_path)
    roots = [
        Path(sys.base_prefix).parent,  # our own Python's neighbours, whatever HOME says: CI may run with a fresh one
        Path(os.environ.get("PYENV_ROOT", "~/.pyenv")).expanduser() / "versions",
        Path("~/.local/share/uv/python").expanduser(),
    ]
    for root in roots:
        for pattern in (f"{version}.*", f"cpython-{version}.*"):
            yield from (home / "bin" / "python3" for home in sorted(root.glob(pattern), reverse=True))


def _version(python: Path) -> str | None:
    ask = "import sys; print('%d.%d' % sys.version_info[:2])"
    try:
        answer = subprocess.run([python, "-c", ask], capture_output=True, text=True, timeout=30, check=False)
    except OSError:
        return None
    return answer.stdout.strip() if answer.returncode == 0 else None


def _run(command: list[str | Path]) -> None:
    # With our whole environment, unlike the clients: pip may need a proxy, an index or a certificate.
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        raise AssertionError(f"{' '.join(map(str, command))} failed ({done.returncode}):\n{done.stdout}")


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Two test runs in one checkout take turns, so that neither uses what the other has half installed."""
    path.parent.mkdir(exist_ok=True)
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
