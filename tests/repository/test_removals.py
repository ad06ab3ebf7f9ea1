"""Registrations are removed in one place, which keeps their last states."""

import re
from pathlib import Path

GATEWAY = Path(__file__).parents[2] / "registry_gateway"

REMOVING = re.compile(r"\bdelete\((?:R|RegistrationRow)\)|\bremoving\((?:R|RegistrationRow)\)")


def test_one_statement_removes_registrations() -> None:
    found = [path.name for path in GATEWAY.rglob("*.py") for _ in REMOVING.findall(path.read_text())]
    assert found == ["registrations.py"]


def test_what_removes_them_keeps_their_last_states_or_puts_another_in_their_place() -> None:
    users = {path.name for path in GATEWAY.rglob("*.py") if re.search(r"\bremove\(\s*connection", path.read_text())}
    assert users - {"webhooks.py"} == {"registrations.py", "gone.py", "write_batch.py"}
