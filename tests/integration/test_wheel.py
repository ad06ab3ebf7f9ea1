"""The wheel: what is installed from it can migrate its database, far from any checkout."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]


def run(directory: Path, *arguments: str, path: Path | None = None) -> str:
    """Run Python in `directory`, with the modules below `path` before all others; its standard output."""
    environment = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", str(directory))}
    if path is not None:
        environment["PYTHONPATH"] = str(path)
    done = subprocess.run(
        [sys.executable, *arguments], cwd=directory, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_an_installed_wheel_carries_its_migrations_and_its_page(tmp_path: Path) -> None:
    run(ROOT, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path))
    (wheel,) = tmp_path.glob("registry_gateway-*.whl")
    installed = tmp_path / "installed"
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        archive.extractall(installed)
    tops = {name.partition("/")[0] for name in names if ".dist-info/" not in name}
    assert tops == {"registry_gateway", "gateway_chap", "gateway_runspec", "gateway_scaicontrol"}
    page = ROOT / "registry_gateway" / "endpoints" / "page"
    carried = [file for folder in ("scripts", "styles", "templates") for file in page.joinpath(folder).iterdir()]
    assert {file.relative_to(ROOT).as_posix() for file in carried} <= set(names)

    empty = tmp_path / "empty"
    empty.mkdir()
    found = run(empty, "-c", "from registry_gateway.store import level; print(level.SCRIPTS)", path=installed)
    assert Path(found.strip()) == installed / "registry_gateway" / "migrations"
    assert "is at migration 0" in run(empty, "-m", "registry_gateway", "db", "upgrade", path=installed)
    assert [file.name for file in empty.iterdir()] == ["registry.db"]
    settings = run(empty, "-m", "registry_gateway", "config", path=installed)
    assert "SERVICEKIT_REGISTRATION_KEY" in settings
