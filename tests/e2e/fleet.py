"""A fleet: clients of several kinds on one gateway, started together so that their waits run together.

Nothing here fails because of one member: what a fleet saw is kept, for the test of that member to judge.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.gateway import Gateway
from tests.e2e.polling import last_answer, watch
from tests.e2e.registrant import Kind, Registrant


@dataclass(frozen=True)
class Watched:
    """What became of one member in some seconds of watching."""

    always_listed: bool = True
    heard: bool = True
    """Whether the gateway heard of it meanwhile."""
    complaints: tuple[str, ...] = ()
    """The failures it reported meanwhile."""


ALL_WELL = Watched()


class Fleet:
    """One client of each kind; a member is found by its kind."""

    def __init__(self) -> None:
        self._members: dict[str, Registrant] = {}

    def __getitem__(self, kind: Kind) -> Registrant:
        return self._members[kind.name]

    def __iter__(self) -> Iterator[Registrant]:
        return iter(self._members.values())

    def add(self, kind: Kind, member: Registrant) -> None:
        """Take a started client in."""
        self._members[kind.name] = member

    def wait_until_listed(self) -> None:
        """Wait until every member was listed, be it that the first is gone before the last has come."""
        seen: set[str] = set()

        def all_seen() -> bool:
            seen.update(member.name for member in self if member.document() is not None)
            return all(member.name in seen for member in self)

        last_answer(all_seen)

    def wait_for_complaints(self) -> None:
        """Wait until every member has reported a failure that it had not reported before."""
        said = {member.name: len(member.complaints()) for member in self}
        last_answer(lambda: all(len(member.complaints()) > said[member.name] for member in self))

    def wait_for_heartbeats(self) -> None:
        """Wait until the gateway has heard of every member again."""
        heard = {member.name: member.last_heartbeat() for member in self}
        last_answer(lambda: all(member.last_heartbeat() != heard[member.name] for member in self))

    def watch(self, seconds: float) -> dict[str, Watched]:
        """Keep looking at the list for so long, and see what each member says meanwhile; by their names."""
        said = {member.name: len(member.complaints()) for member in self}
        heard = {member.name: member.last_heartbeat() for member in self}
        absent: set[str] = set()
        watch(lambda: absent.update(one.name for one in self if one.document() is None), seconds=seconds)
        return {
            member.name: Watched(
                always_listed=member.name not in absent,
                heard=member.last_heartbeat() != heard[member.name],
                complaints=tuple(member.complaints()[said[member.name] :]),
            )
            for member in self
        }


def no_key(_: Kind) -> str | None:
    """The key of a client that has none."""
    return None


@contextmanager
def running_fleet(
    gateway: Gateway,
    kinds: Sequence[Kind],
    directory: Path,
    role: str,
    *,
    key: Callable[[Kind], str | None] = no_key,
) -> Iterator[Fleet]:
    """A started fleet, which need not have registered yet; members are named by their kind and its role."""
    fleet = Fleet()
    try:
        for kind in kinds:
            name = f"{kind.name}-{role}"
            fleet.add(kind, kind.start(gateway, directory / name, name, key(kind)))
        yield fleet
    finally:
        for member in fleet:
            member.child.close()
