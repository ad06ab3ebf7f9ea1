"""A conversation in CHAP: models register, ping, lapse and leave; a dictionary of deadlines says what is answered."""

from typing import ClassVar

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import rule

from tests.conftest import GatewayFactory, ManualClock
from tests.fuzz.bodies import ANYTHING, FILLED, TEXT, UNREADABLE, WRONG, encoded
from tests.fuzz.conversation import EXAMPLES, Conversation, converse
from tests.integration.chap_service import KEY, REFUSE_LATE, TTL, WITH_KEY

IDS = st.sampled_from(["a", "b-1", "c"])
KNOWN = {"X-Service-Key": KEY}
UNKNOWN = st.sampled_from([({}, 422), ({"X-Service-Key": "wrong"}, 401), ({"X-Service-Key": ""}, 401)])
REGISTERS = st.sampled_from(["/v2/services/$register", "/v2/services/%24register", "/v2/services/"])
LEAVES = st.sampled_from(["/v2/services/", "/v2/services//", "/v2/services/$register/"])


class Chap(Conversation):
    """`deadlines` holds the services that have not left, by id. A late ping `revives` them."""

    revives: ClassVar[bool] = True

    def __init__(self) -> None:
        super().__init__()
        self.deadlines: dict[str, float] = {}
        self.urls: dict[str, str] = {}
        self.takeovers: dict[str, float] = {}

    def alive(self) -> list[str]:
        """The ids that are to be listed."""
        return sorted(key for key, deadline in self.deadlines.items() if self.now < deadline)

    def there(self) -> list[str]:
        """The ids whose pings and goodbyes are heard: no conversation outlasts the retention of the lapsed."""
        return sorted(self.deadlines) if self.revives else self.alive()

    @rule(key=IDS, path=REGISTERS, url=FILLED, name=TEXT, more=st.dictionaries(st.sampled_from(["new", "x"]), ANYTHING))
    def register(self, key: str, path: str, url: str, name: str, more: dict[str, object]) -> None:
        """200; the latest registration wins."""
        again = key in self.alive()
        body = encoded({"url": url, "info": {"id": key, "display_name": name, **more}})
        answer = self.send("POST", path, 200, content=body, headers=KNOWN).json()
        assert answer["message"] == ("Service registration updated" if again else "Service registered successfully")
        self.deadlines[key] = self.now + TTL
        self.urls[key] = url
        self.takeovers.pop(key, None)
        if again:
            self.takeovers[key] = self.now
        found = self.send("GET", f"/v2/services/{key}", 200).json()
        assert {name: found["info"][name] for name in more} == more

    @rule(path=REGISTERS, body=UNREADABLE)
    def register_with_what_cannot_be_read(self, path: str, body: bytes) -> None:
        """422 or 413."""
        self.send("POST", path, 413 if len(body) > 65536 else 422, content=body, headers=KNOWN)

    @rule(key=IDS, member=st.sampled_from(["id", "display_name", "model_metadata", "period_type"]), value=WRONG)
    def register_with_a_wrong_member(self, key: str, member: str, value: object) -> None:
        """422, but for the values that are right where they stand."""
        if (member, value) in (("display_name", ""), ("model_metadata", None), ("model_metadata", {})):
            return
        if member == "model_metadata" and value == {"a": "b"}:
            return
        body = {"url": "http://a", "info": {"id": key, "display_name": "A", member: value}}
        self.send("POST", "/v2/services/$register", 422, content=encoded(body), headers=KNOWN)

    @rule(key=IDS)
    def ping(self, key: str) -> None:
        """200 in time; from the deadline on 404, or 200 where that revives."""
        if key in self.there():
            self.send("PUT", f"/v2/services/{key}/$ping", 200, headers=KNOWN)
            self.deadlines[key] = self.now + TTL
        else:
            self.send("PUT", f"/v2/services/{key}/$ping", 404, headers=KNOWN)

    @rule(key=IDS, path=LEAVES)
    def leave(self, key: str, path: str) -> None:
        """204 for those who are there. One goodbye within a lease of a takeover removes nothing."""
        self.send("DELETE", f"{path}{key}", 204 if key in self.there() else 404, headers=KNOWN)
        if key in self.alive() and self.now - self.takeovers.pop(key, -TTL - 1) <= TTL:
            return
        self.deadlines.pop(key, None)

    @rule(key=IDS, credential=UNKNOWN, operation=st.sampled_from(["register", "ping", "leave"]))
    def without_the_key(self, key: str, credential: tuple[dict[str, str], int], operation: str) -> None:
        """Refused before anything is looked at."""
        headers, status = credential
        match operation:
            case "register":
                body = encoded({"url": "http://evil", "info": {"id": key, "display_name": "A"}})
                self.send("POST", "/v2/services/$register", status, content=body, headers=headers)
            case "ping":
                self.send("PUT", f"/v2/services/{key}/$ping", status, headers=headers)
            case "leave":
                self.send("DELETE", f"/v2/services/{key}", status, headers=headers)

    @rule()
    def look(self) -> None:
        """The list is the live ones, with what they registered last; a look at one agrees."""
        listed = self.send("GET", "/v2/services", 200).json()
        alive = self.alive()
        assert listed["count"] == len(alive)
        assert [(s["id"], s["url"]) for s in listed["services"]] == [(key, self.urls[key]) for key in alive]
        for key in self.deadlines:
            self.send("GET", f"/v2/services/{key}", 200 if key in alive else 404)


class Refusing(Chap):
    """The same where a late ping is a 404."""

    revives = False


@pytest.mark.slow
@pytest.mark.parametrize(("machine", "environment"), [(Chap, {}), (Refusing, REFUSE_LATE)], ids=["revive", "refuse"])
@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_a_conversation(
    request: pytest.FixtureRequest,
    start_gateway: GatewayFactory,
    clock: ManualClock,
    database: str,
    machine: type[Chap],
    environment: dict[str, str],
) -> None:
    url = request.getfixturevalue(f"{database}_url")
    converse(machine, start_gateway, clock, url, WITH_KEY | environment, EXAMPLES[database])
