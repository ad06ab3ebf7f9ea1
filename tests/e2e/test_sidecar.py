"""`registry-gateway sidecar` as a process, at real gateways and with real services."""

import contextlib
import json
import logging
import os
import pty
import re
import shlex
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.child import Child, clean_environment
from tests.e2e.clients import RUNSPEC_REGISTRY, RUNSPEC_WITHOUT_REGISTRY
from tests.e2e.gateway import CHAP_TTL, RUNSPEC_HEARTBEAT_INTERVAL, Gateway, running_gateway, unused_port
from tests.e2e.polling import wait_until, watch
from tests.integration.command_line import complaint

KEY = "key-of-chap"
TOOL = {"name": "uptime", "description": "How long the host is up", "inputSchema": {"type": "object"}}
SERVER = [sys.executable, "-m", "http.server", "--bind", "127.0.0.1"]
IMMORTAL = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); time.sleep(99)"
)
MCP_SERVER = [sys.executable, str(Path(__file__).parent / "programs" / "mcp_server.py")]
PROGRAM = [sys.executable, "-m", "registry_gateway", "sidecar"]
NO_DATABASE = "sqlite:////nowhere/registry.db"

Start = Callable[..., Child]


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway with short leases, and a key for models."""
    settings = {"SERVICEKIT_REGISTRATION_KEY": KEY}
    with running_gateway(tmp_path_factory.mktemp("gateway"), settings) as gateway:
        yield gateway


@pytest.fixture
def start(gateway: Gateway, tmp_path: Path) -> Iterator[Start]:
    """Starts sidecars of models, which must end without a traceback and without the key in their log."""
    started: list[Child] = []

    def start(*options: str, to: str = gateway.url, dialect: str = "chap", wrapped: tuple[str, ...] = ()) -> Child:
        command = [*wrapped, *PROGRAM, "--to", to, "--dialect", dialect, *options]
        log = tmp_path / f"sidecar-{len(started)}.log"
        environment = {"SERVICEKIT_REGISTRATION_KEY": KEY, "NO_PROXY": "127.0.0.1"}
        started.append(Child(command, log=log, directory=tmp_path, environment=environment))
        return started[-1]

    yield start
    for child in started:
        child.close()
        assert "Traceback" not in child.log()
        assert KEY not in child.log()


def model(name: str) -> list[str]:
    """The options of a model of this name."""
    return ["--id", name, "--name", name.title(), "--url", "http://192.0.2.7:8000"]


WEB = model("web")


def listed(gateway: Gateway, key: str) -> dict[str, Any] | None:
    """The CHAP service of that id in the list."""
    services = gateway.listed("/v2/services")["services"]
    return next((service for service in services if service["id"] == key), None)


def until_listed(gateway: Gateway, key: str, child: Child) -> None:
    """Wait until a model is in the list."""
    wait_until(lambda: listed(gateway, key), f"{key} is listed", evidence=child.log)


def kinds(gateway: Gateway, key: str) -> list[str]:
    """The kinds of a service's events, oldest first."""
    events = gateway.listed("/catalog/v1/log", key=key)["events"]
    return [event["kind"] for event in reversed(events)]


def tools(gateway: Gateway) -> list[str]:
    """The names of all tools."""
    return sorted(tool["name"] for tool in gateway.listed("/tools"))


def test_a_service_stays_registered_and_leaves_at_sigterm(gateway: Gateway, start: Start) -> None:
    sidecar = start(*model("alone"))
    until_listed(gateway, "alone", sidecar)
    watch(lambda: until_listed(gateway, "alone", sidecar), seconds=1.5 * CHAP_TTL)
    assert sidecar.terminate() == 0
    assert kinds(gateway, "alone") == ["registered", "deregistered"]


def test_a_web_server_is_registered_once_it_answers(gateway: Gateway, start: Start) -> None:
    port = str(unused_port())
    health = f"http://127.0.0.1:{port}/"
    sidecar = start(*model("web"), "--health", health, "--", *SERVER, port)
    until_listed(gateway, "web", sidecar)
    assert "GET / HTTP" in sidecar.log()
    assert sidecar.terminate() == 128 + signal.SIGTERM, "what a shell says of a program that a signal ended"
    assert kinds(gateway, "web") == ["registered", "deregistered"]


def test_the_exit_code_is_the_services(gateway: Gateway, start: Start) -> None:
    sidecar = start(*model("short"), "--", "sh", "-c", "sleep 1.5; exit 7")
    until_listed(gateway, "short", sidecar)
    assert sidecar.wait() == 7
    assert listed(gateway, "short") is None


def test_a_program_that_is_not_there_is_127(start: Start) -> None:
    sidecar = start(*model("nowhere"), "--", "nonesuch")
    assert sidecar.wait() == 127
    assert "can't start nonesuch: No such file" in sidecar.log()


def test_a_service_that_ignores_sigterm_is_killed(gateway: Gateway, start: Start) -> None:
    sidecar = start(*model("immortal"), "--stop-timeout", "1", "--", sys.executable, "-c", IMMORTAL)
    until_listed(gateway, "immortal", sidecar)
    wait_until(lambda: "ready" in sidecar.log(), "it ignores SIGTERM")
    assert sidecar.terminate() == 128 + signal.SIGKILL
    assert listed(gateway, "immortal") is None


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGUSR1, signal.SIGUSR2, signal.SIGHUP, signal.SIGQUIT])
def test_signals_are_passed_on(gateway: Gateway, start: Start, number: signal.Signals) -> None:
    name = number.name.lower()
    script = f"trap 'echo caught; exit 9' {number.name.removeprefix('SIG')}; echo ready; while :; do sleep 0.1; done"
    sidecar = start(*model(name), "--", "sh", "-c", script)
    wait_until(lambda: "ready" in sidecar.log(), "it is ready")
    until_listed(gateway, name, sidecar)
    os.kill(sidecar.pid, number)
    assert sidecar.wait() == 9
    assert "caught" in sidecar.log()
    assert listed(gateway, name) is None


COUNTING = "import signal, time\ncount = 0\ndef counted(*_):\n global count; count += 1\n"
COUNTING += "signal.signal(signal.SIGINT, counted)\nprint('ready', flush=True)\n"
COUNTING += "while not count: time.sleep(0.1)\ntime.sleep(1)\nprint('interrupts:', count, flush=True)"
"""A service that says how often it was interrupted within a second."""


IN_TERMINAL = (
    "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv(sys.argv[1], sys.argv[1:])"
)
"""Becomes a program in the foreground of the terminal that is its standard input."""


def test_a_hangup_that_nohup_ignores_ends_nothing(gateway: Gateway, start: Start) -> None:
    child = start(*model("nohup"), "--", "sleep", "99", wrapped=("nohup",))
    until_listed(gateway, "nohup", child)
    os.kill(child.pid, signal.SIGHUP)
    os.kill(child.pid, signal.SIGTERM)
    assert child.wait() == 128 + signal.SIGTERM


@contextlib.contextmanager
def in_terminal(to: str, *options: str) -> Iterator[tuple["subprocess.Popen[bytes]", int]]:
    """A sidecar in the foreground of a terminal of its own, and the other end of the terminal."""
    environment = clean_environment({"SERVICEKIT_REGISTRATION_KEY": KEY, "NO_PROXY": "127.0.0.1"})
    terminal, end = pty.openpty()
    command = [sys.executable, "-c", IN_TERMINAL, *PROGRAM, "--to", to, "--dialect", "chap", *options]
    sidecar = subprocess.Popen(command, env=environment, stdin=end, stdout=end, stderr=end, start_new_session=True)
    os.close(end)
    try:
        yield sidecar, terminal
    finally:
        os.close(terminal)


def shown(terminal: int, when_ready: Callable[[], object]) -> str:
    """What is written to a terminal until its processes have ended. `when_ready` is called when it shows `ready`."""
    written = ""
    with contextlib.suppress(OSError):  # EIO: all its processes have closed it
        while piece := os.read(terminal, 4096).decode():
            if "ready" in piece:
                when_ready()
            written += piece
    return written


def test_ctrl_c_in_a_terminal_interrupts_the_service_once(gateway: Gateway) -> None:
    options = [*model("terminal"), "--", sys.executable, "-c", COUNTING]
    with in_terminal(gateway.url, *options) as (sidecar, terminal):
        assert "interrupts: 1" in shown(terminal, lambda: os.write(terminal, b"\x03"))
        assert sidecar.wait(10) == 0
    assert listed(gateway, "terminal") is None


def test_ctrl_c_reaches_a_service_that_left_the_foreground() -> None:
    script = "trap 'exit 9' INT; echo ready; while :; do sleep 0.05; done"
    with in_terminal("http://127.0.0.1:9", *model("outside"), "--", "setsid", "sh", "-c", script) as (
        sidecar,
        terminal,
    ):
        shown(terminal, lambda: os.write(terminal, b"\x03"))
        assert sidecar.wait(10) == 9


def test_sigint_to_a_sidecar_alone_in_a_terminal_ends_the_service_too() -> None:
    script = "trap 'exit 9' TERM; echo ready; sleep 9 & wait"
    options = [*model("alone"), "--stop-timeout", "0.6", "--", "sh", "-c", script]
    with in_terminal("http://127.0.0.1:9", *options) as (sidecar, terminal):
        shown(terminal, lambda: os.kill(sidecar.pid, signal.SIGINT))
        assert sidecar.wait(10) == 9


def test_the_service_runs_while_the_gateway_is_away(start: Start) -> None:
    sidecar = start(*model("early"), "--", "sh", "-c", "echo working; sleep 2; exit 3", to="http://127.0.0.1:9")
    assert sidecar.wait() == 3
    log = sidecar.log()
    assert "working" in log
    assert log.count("can't reach http://127.0.0.1:9") == 1


@pytest.mark.slow
def test_a_service_that_is_not_well_is_not_listed(gateway: Gateway, start: Start, tmp_path: Path) -> None:
    well = tmp_path / "well"
    sidecar = start(*model("moody"), "--health-command", f"ls {well}")
    wait_until(lambda: "ls ends with 2: ls: cannot access" in sidecar.log(), "the log has the reason")
    assert listed(gateway, "moody") is None
    well.touch()
    until_listed(gateway, "moody", sidecar)
    well.unlink()
    wait_until(lambda: listed(gateway, "moody") is None, "its lease has expired")
    well.touch()
    until_listed(gateway, "moody", sidecar)
    assert sidecar.terminate() == 0
    assert kinds(gateway, "moody") == ["registered", "expired", "recovered", "deregistered"]


@pytest.mark.slow
def test_a_sidecar_that_is_killed_leaves_its_lease_and_comes_back(gateway: Gateway, start: Start) -> None:
    sidecar = start(*model("killed"))
    until_listed(gateway, "killed", sidecar)
    sidecar.kill()
    wait_until(lambda: listed(gateway, "killed") is None, "its lease has expired")
    until_listed(gateway, "killed", start(*model("killed")))


def test_tools_are_posted_again_after_sighup(gateway: Gateway, start: Start, tmp_path: Path) -> None:
    file = tmp_path / "tools.json"
    file.write_text(json.dumps([TOOL]))
    interval = str(RUNSPEC_HEARTBEAT_INTERVAL)
    options = ["--name", "ops", "--host", "web-1", "--version", "1", "--interval", interval, "--tools", str(file)]
    sidecar = start(*options, dialect="runspec")
    wait_until(lambda: tools(gateway) == ["uptime"], "its tool is listed", evidence=sidecar.log)
    [instance] = gateway.listed("/instances")
    assert instance["instance_id"] == "ops.web-1"
    file.write_text(json.dumps({"tools": [TOOL, {**TOOL, "name": "reboot"}]}))
    os.kill(sidecar.pid, signal.SIGHUP)
    wait_until(lambda: tools(gateway) == ["reboot", "uptime"], "both are listed", evidence=sidecar.log)
    assert sidecar.terminate() == 0
    assert tools(gateway) == []


def test_tools_of_a_program(gateway: Gateway, start: Start) -> None:
    printing = f"{sys.executable} -c 'print({json.dumps(json.dumps([TOOL]))})'"
    options = ["--name", "printing", "--version", "1", "--interval", "1", "--tools-command", printing]
    sidecar = start(*options, dialect="runspec")
    wait_until(lambda: tools(gateway) == ["uptime"], "its tool is listed", evidence=sidecar.log)
    assert sidecar.terminate() == 0


def test_a_document_has_what_no_option_has(gateway: Gateway, start: Start, tmp_path: Path) -> None:
    file = tmp_path / "service.yaml"
    file.write_text("url: http://old\ninfo:\n  id: documented\n  display_name: Documented\n  target: 7\n")
    sidecar = start("--document", str(file), "--url", "http://new")
    until_listed(gateway, "documented", sidecar)
    found = listed(gateway, "documented")
    assert found is not None
    assert (found["url"], found["info"]["target"]) == ("http://new", 7)


@pytest.mark.slow
def test_tools_of_mcp_servers(gateway: Gateway, start: Start) -> None:
    port = unused_port()
    options = ["--version", "1", "--interval", "1"]
    talking = start("--name", "talking", *options, "--mcp", shlex.join(MCP_SERVER), dialect="runspec")
    wait_until(lambda: tools(gateway) == ["forecast", "stations"], "tools on stdio", evidence=talking.log)
    assert talking.terminate() == 0
    assert tools(gateway) == []
    url = f"http://127.0.0.1:{port}/mcp"
    serving = start("--name", "serving", *options, "--mcp", url, "--", *MCP_SERVER, str(port), dialect="runspec")
    wait_until(lambda: tools(gateway) == ["forecast", "stations"], "tools over HTTP", evidence=serving.log)
    serving.terminate()
    assert tools(gateway) == []


OPERATIONS = {
    "pyproject.toml": """
        [build-system]
        requires = ["hatchling"]
        build-backend = "hatchling.build"
        [project]
        name = "operations"
        version = "1.0.0"
        dependencies = ["runspec"]
        [project.scripts]
        rotate = "operations:rotate"
        [tool.hatch.build.targets.wheel]
        packages = ["operations"]
        """,
    "operations/__init__.py": """
        def rotate() -> None:
            print("rotated")
        """,
    "operations/runspec.toml": """
        [config]
        version = "7"
        [rotate]
        description = "Rotate the logs"
        [rotate.args]
        keep = {type = "int", default = 7, description = "How many to keep"}
        """,
}
"""A package that declares runspec."""


@pytest.mark.slow
def test_a_host_of_todays_runspec_is_listed_with_its_tools(gateway: Gateway, start: Start, tmp_path: Path) -> None:
    python = RUNSPEC_WITHOUT_REGISTRY.executable("python")
    for name, text in OPERATIONS.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(textwrap.dedent(text))
    options = ["--quiet", "--no-build-isolation", "--no-deps", "--force-reinstall"]
    subprocess.run([python, "-m", "pip", "install", *options, str(tmp_path)], check=True, capture_output=True)
    listing = f"{RUNSPEC_WITHOUT_REGISTRY.executable('runspec')} local --format mcp"
    options = ["--name", "operations", "--version", "1.0.0", "--interval", "1", "--tools-command", listing]
    sidecar = start(*options, dialect="runspec")
    wait_until(lambda: tools(gateway) == ["rotate"], "its tool is listed", evidence=sidecar.log)
    [tool] = gateway.listed("/tools")
    assert tool["description"] == "Rotate the logs"
    assert tool["inputSchema"]["properties"]["keep"]["default"] == 7
    subprocess.run([python, "-m", "pip", "uninstall", "--quiet", "--yes", "operations"], check=True)
    os.kill(sidecar.pid, signal.SIGHUP)
    wait_until(lambda: "cannot read the tools" in sidecar.log(), "it lists no runnables")
    assert tools(gateway) == ["rotate"], "those posted before stay"
    assert sidecar.terminate() == 0


@pytest.mark.slow
def test_the_published_registry_of_runspec_accepts_it(start: Start, tmp_path: Path) -> None:
    port = unused_port()
    url = f"http://127.0.0.1:{port}"
    file = tmp_path / "tools.json"
    file.write_text(json.dumps([TOOL]))
    options = ["--id", "peer", "--name", "peer", "--version", "1", "--interval", "1", "--tools", str(file)]
    sidecar = start(*options, to=url, dialect="runspec")
    program = str(RUNSPEC_REGISTRY.executable("runspec-registry"))
    command = [program, "--host", "127.0.0.1", "--port", str(port)]
    registry = Child(command, log=tmp_path / "registry.log", directory=tmp_path)
    try:
        wait_until(lambda: "tools posted" in sidecar.log(), "it is registered", evidence=registry.log)
        with httpx.Client(base_url=url, trust_env=False) as client:
            registered = client.get("/instances/peer").json()
            assert registered["tools"] == [TOOL]
            wait_until(
                lambda: client.get("/instances/peer").json()["last_seen"] > registered["last_seen"] + 1, "renewed"
            )
            assert sidecar.terminate() == 0
            assert not client.get("/instances/peer").json()["active"]
    finally:
        registry.close()


@pytest.mark.slow
def test_a_hundred_at_once(gateway: Gateway, start: Start) -> None:
    names = [f"one-of-many-{n}" for n in range(100)]
    sidecars = [start(*model(name)) for name in names]
    wait_until(lambda: many(gateway) == 100, "all are listed", evidence=gateway.log)
    watch(lambda: None, seconds=2 * CHAP_TTL)
    before = [processor(sidecar.pid) for sidecar in sidecars]
    watch(lambda: None, seconds=10)
    used = [processor(sidecar.pid) - start for sidecar, start in zip(sidecars, before, strict=True)]
    assert many(gateway) == 100
    assert sum(used) / 100 < 0.1, "seconds of processor time, for ten heartbeats"
    assert max(resident(sidecar.pid) for sidecar in sidecars) < 40
    for sidecar in sidecars:
        sidecar.terminate_soon()
    assert {sidecar.wait() for sidecar in sidecars} == {0}
    assert many(gateway) == 0


def many(gateway: Gateway) -> int:
    """How many of the hundred models are listed."""
    return sum(service["id"].startswith("one-of-many") for service in gateway.listed("/v2/services")["services"])


def processor(pid: int) -> float:
    """The processor time that a process has used, in seconds."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


SUBREAPER = "import ctypes, os, sys; ctypes.CDLL(None).prctl(36, 1, 0, 0, 0); os.execv(sys.argv[1], sys.argv[1:])"
"""Becomes a program that inherits orphans, as process 1 does (PR_SET_CHILD_SUBREAPER)."""


def test_orphans_are_reaped_as_process_1_must(gateway: Gateway, start: Start) -> None:
    orphans = "for n in 1 2 3 4 5; do (sleep 0.2 &) ; done; sleep 1; echo done; exec sleep 60"
    wrapped = (sys.executable, "-c", SUBREAPER)
    sidecar = start(*model("process-1"), "--", "sh", "-c", orphans, wrapped=wrapped)
    wait_until(lambda: "done" in sidecar.log(), "the orphans have ended")
    until_listed(gateway, "process-1", sidecar)
    wait_until(
        lambda: len(children(sidecar.pid)) == 1, "only the service is left", evidence=lambda: str(children(sidecar.pid))
    )
    assert sidecar.terminate() == 128 + signal.SIGTERM


def children(pid: int) -> list[str]:
    """The states of a process's children."""
    found = subprocess.run(["ps", "-o", "stat=", "--ppid", str(pid)], capture_output=True, text=True, check=False)
    return found.stdout.split()


@pytest.fixture
def logging_as_before() -> Iterator[None]:
    """Logging is as before once a test has ended that runs a sidecar, which configures it, in this process."""
    loggers = [logging.getLogger(name) for name in (None, "registry_gateway", "uvicorn")]
    before = [(logger.level, logger.handlers[:]) for logger in loggers]
    yield
    for logger, (level, handlers) in zip(loggers, before, strict=True):
        logger.setLevel(level)
        logger.handlers[:] = handlers


@pytest.mark.usefixtures("logging_as_before")
@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--to", "gateway:8765", "--dialect", "chap"], "must be a URL that starts with http:// or https://"),
        (["--to", "http://g", "--dialect", "corba"], "no dialect corba (installed: chap, runspec, scaicontrol)"),
        (["--to", "http://g", "--dialect", "chap"], "chap needs id and name and url"),
        (["--to", "http://g", "--dialect", "chap", "--host", "web-1"], "chap has no host"),
        (["--to", "http://g", "--dialect", "chap", "--tools-command", "ls"], "chap has no tools"),
        (["--to", "http://g", "--dialect", "chap", "--health", "localhost"], "must be a URL"),
        (["--to", "http://g", "--dialect", "chap", "--health-command", "'"], "No closing quotation"),
        (
            ["--to", "http://g", "--dialect", "chap", "--health", "http://h", "--health-command", "ls"],
            "give only one of --health and --health-command",
        ),
        (["--dialect", "chap"], "Missing option '--to'"),
        (["--to", "http://g", "--dialect", "chap", *WEB, "--ca-file", __file__], "can't read certificates from"),
    ],
)
def test_mistakes_are_one_line(options: list[str], words: str) -> None:
    assert words in complaint(NO_DATABASE, "sidecar", *options)


@pytest.mark.usefixtures("logging_as_before")
@pytest.mark.parametrize("key", ["", "two\nlines", "schlüssel"])
def test_a_key_that_can_not_be_sent_is_a_mistake_that_names_its_variable(key: str) -> None:
    options = ["--to", "http://g", "--dialect", "chap", *WEB]
    message = complaint(NO_DATABASE, "sidecar", *options, SERVICEKIT_REGISTRATION_KEY=key)
    assert "SERVICEKIT_REGISTRATION_KEY must be one line of ASCII" in message
    assert not key or key not in message


@pytest.mark.slow
def test_a_sidecar_is_small(gateway: Gateway, start: Start) -> None:
    sidecar = start(*model("small"))
    until_listed(gateway, "small", sidecar)
    assert resident(sidecar.pid) < 40
    assert sidecar.terminate() == 0


def resident(pid: int) -> float:
    """The resident memory of a process in MiB."""
    [size] = re.findall(r"^VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(), re.M)
    return int(size) / 1024
