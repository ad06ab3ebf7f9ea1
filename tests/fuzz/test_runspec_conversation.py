"""A conversation in runspec: agents register, beat, post tools, fall silent, leave and come back."""

from dataclasses import dataclass
from urllib.parse import quote

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import rule

from tests.conftest import GatewayFactory, ManualClock
from tests.fuzz.bodies import ANYTHING, FILLED, TEXT, UNREADABLE, WRONG, encoded
from tests.fuzz.conversation import EXAMPLES, Conversation, converse
from tests.integration.runspec_agent import KEY, TTL, WITH_KEY

IDS = st.sampled_from(["a", "ü b", "c/d"])
KNOWN = {"X-API-Key": KEY}
UNKNOWN = st.sampled_from([{}, {"X-API-Key": "wrong"}, {"X-API-Key": ""}])
TOOL = st.fixed_dictionaries(
    {"name": FILLED},
    optional={"description": st.none() | TEXT, "inputSchema": st.dictionaries(TEXT, ANYTHING), "x-command": ANYTHING},
)


@dataclass
class Agent:
    """An agent as the registry should know it. `tools` is None until some were posted."""

    host: str
    deadline: float
    tools: list[str] | None = None


class Runspec(Conversation):
    """`agents` holds all that ever registered: inactive ones stay for days."""

    def __init__(self) -> None:
        super().__init__()
        self.agents: dict[str, Agent] = {}

    def active(self) -> list[str]:
        """The ids that are to be listed."""
        return sorted(key for key, agent in self.agents.items() if self.now < agent.deadline)

    @rule(key=IDS, host=FILLED, name=TEXT, more=st.dictionaries(st.just("new"), ANYTHING))
    def register(self, key: str, host: str, name: str, more: dict[str, object]) -> None:
        """201; the record is replaced, without tools."""
        body = encoded({"instance_id": key, "name": name, "version": "1", "host": host, **more})
        self.send("POST", "/instances", 201, content=body, headers=KNOWN)
        self.agents[key] = Agent(host, self.now + TTL)
        found = self.send("GET", f"/instances/{quote(key)}", 200).json()
        assert {member: found[member] for member in more} == more

    @rule(key=IDS, operation=st.sampled_from(["", "/heartbeat", "/tools"]), body=UNREADABLE)
    def post_what_cannot_be_read(self, key: str, operation: str, body: bytes) -> None:
        """422 or 413; a heartbeat without a body, and one with a body too deep to care, are another matter."""
        path = f"/instances/{quote(key)}{operation}" if operation else "/instances"
        if operation == "/heartbeat" and not body:
            return
        self.send("POST", path, 413 if len(body) > 65536 else 422, content=body, headers=KNOWN)

    @rule(key=IDS, member=st.sampled_from(["instance_id", "name", "version", "host"]), value=WRONG)
    def register_with_a_wrong_member(self, key: str, member: str, value: object) -> None:
        """422; all but the id may be empty."""
        if value == "" and member != "instance_id":
            return
        body = {"instance_id": key, "name": "n", "version": "1", "host": "h", member: value}
        self.send("POST", "/instances", 422, content=encoded(body), headers=KNOWN)

    @rule(key=IDS, body=st.sampled_from([None, b"{}", b'{"system":{"pid":1}}', b'{"system":null,"more":[]}']))
    def beat(self, key: str, body: bytes | None) -> None:
        """`ack` to whose tools are known, whenever it comes."""
        answer = self.send("POST", f"/instances/{quote(key)}/heartbeat", 200, content=body, headers=KNOWN)
        agent = self.agents.get(key)
        known = agent is not None and agent.tools is not None
        assert answer.json() == {"status": "ack" if known else "refresh"}
        if agent is not None:
            agent.deadline = self.now + TTL

    @rule(key=IDS, tools=st.lists(TOOL, max_size=3, unique_by=lambda tool: tool["name"]))
    def post_tools(self, key: str, tools: list[dict[str, object]]) -> None:
        """200 for an agent that is known, active or not; no sign of life."""
        agent = self.agents.get(key)
        status = 404 if agent is None else 200
        self.send("POST", f"/instances/{quote(key)}/tools", status, content=encoded({"tools": tools}), headers=KNOWN)
        if agent is not None:
            agent.tools = [str(tool["name"]) for tool in tools]

    @rule(key=IDS)
    def leave(self, key: str) -> None:
        """200 whoever it is."""
        self.send("DELETE", f"/instances/{quote(key)}", 200, headers=KNOWN)
        if key in self.agents:
            self.agents[key].deadline = self.now

    @rule(key=IDS, headers=UNKNOWN, operation=st.sampled_from(["register", "beat", "tools", "leave"]))
    def without_the_key(self, key: str, headers: dict[str, str], operation: str) -> None:
        """403 before anything is looked at."""
        path = f"/instances/{quote(key)}"
        match operation:
            case "register":
                body = encoded({"instance_id": key, "name": "n", "version": "1", "host": "evil"})
                self.send("POST", "/instances", 403, content=body, headers=headers)
            case "beat":
                self.send("POST", f"{path}/heartbeat", 403, headers=headers)
            case "tools":
                self.send("POST", f"{path}/tools", 403, content=b'{"tools":[]}', headers=headers)
            case "leave":
                self.send("DELETE", path, 403, headers=headers)

    @rule(active=st.booleans())
    def look(self, active: bool) -> None:
        """Instances, tools and hosts agree with each other and with what was sent."""
        query = "" if active else "?active=false"
        expected = self.active() if active else sorted(self.agents)
        listed = self.send("GET", f"/instances{query}", 200).json()
        assert [instance["instance_id"] for instance in listed] == expected
        for instance in listed:
            agent = self.agents[instance["instance_id"]]
            assert instance["host"] == agent.host
            assert instance["active"] == (self.now < agent.deadline)
            assert [tool["name"] for tool in instance["tools"]] == (agent.tools or [])
        names = {name for key in expected for name in self.agents[key].tools or []}
        tools = self.send("GET", f"/tools{query}", 200).json()
        assert [tool["name"] for tool in tools] == sorted(names, key=str.encode)
        hosts = {host["host"] for host in self.send("GET", f"/hosts{query}", 200).json()}
        assert hosts == {self.agents[key].host for key in expected}

    @rule(key=IDS)
    def find(self, key: str) -> None:
        """One that ever registered is found."""
        self.send("GET", f"/instances/{quote(key)}", 200 if key in self.agents else 404)

    @rule(user=TEXT)
    def export(self, user: str) -> None:
        """Whatever the names are, there is a file."""
        for path in ("/export/superputty", "/export/mobaxterm"):
            self.send("GET", path, 200, params={"user": user})


@pytest.mark.slow
@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_a_conversation(
    request: pytest.FixtureRequest, start_gateway: GatewayFactory, clock: ManualClock, database: str
) -> None:
    url = request.getfixturevalue(f"{database}_url")
    converse(Runspec, start_gateway, clock, url, WITH_KEY, EXAMPLES[database])
