"""The recipes of docs/consuming.md with the real programs: nginx, HAProxy, the shell, a notebook's pandas.

`test_prometheus.py` has Prometheus, `test_cross_origin.py` the page.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import httpx
import pytest

from tests import loopback
from tests.e2e import documented
from tests.e2e.child import Child, clean_environment
from tests.e2e.clients import ClientEnvironment
from tests.e2e.gateway import Gateway, running_gateway, unused_port
from tests.e2e.polling import wait_until

pytestmark = pytest.mark.slow

PAGE = "consuming.md"
SCRIPT = documented.DOCS / "consuming" / "upstream.sh"
SETTINGS = {"REGISTRY_GATEWAY_CHAP_TTL_SECONDS": "600"}
NOTEBOOK = ClientEnvironment("pandas-3.1.1", ("pandas==3.1.1", "httpx==0.28.1"))

NGINX = """\
pid {here}/nginx.pid;
error_log {here}/nginx.log;
daemon off;
events {{}}
http {{
    access_log off;
    client_body_temp_path {here}/body;
    proxy_temp_path {here}/proxy;
    fastcgi_temp_path {here}/fastcgi;
    uwsgi_temp_path {here}/uwsgi;
    scgi_temp_path {here}/scgi;
    include {here}/conf.d/*.conf;
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://portal;
        }}
    }}
}}
"""
HAPROXY = """\
defaults
  mode http
  timeout connect 2s
  timeout client 10s
  timeout server 10s
frontend all
  bind 127.0.0.1:{port}
  default_backend portal
"""


class Service(BaseHTTPRequestHandler):
    """A service that answers with its port."""

    def do_GET(self) -> None:
        """Answer."""
        body = str(self.connection.getsockname()[1]).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""


def needed(*programs: str) -> list[str]:
    """The paths of programs. Without one of them the test is skipped."""
    found = [shutil.which(program) for program in programs]
    missing = [program for program, path in zip(programs, found, strict=True) if path is None]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}; .ci/run names the packages")
    return [path for path in found if path is not None]


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Gateway]:
    """A gateway whose leases outlast the test."""
    directory = tmp_path / "gateway"
    directory.mkdir()
    with running_gateway(directory, SETTINGS) as gateway:
        yield gateway


@pytest.fixture
def portals() -> Iterator[list[str]]:
    """Two running services: their ports."""
    with ExitStack() as stack:
        yield [str(stack.enter_context(loopback.serve(Service))) for _ in range(2)]


class Balancer:
    """nginx or HAProxy, with the documented script and commands for a program of its own."""

    def __init__(self, program: str, gateway: Gateway, directory: Path) -> None:
        self._directory = directory
        self._port = unused_port()
        self._binary, *_ = needed(program, "curl", "jq")
        [line] = [line for line in documented.blocks(PAGE, "sh") if line.startswith(f"upstream.sh {program} ")]
        self.file = directory / ("conf.d/portal.conf" if program == "nginx" else "portal.cfg")
        self.file.parent.mkdir(exist_ok=True)
        place = "/etc/nginx/conf.d/portal.conf" if program == "nginx" else "/etc/haproxy/portal.cfg"
        line = line.replace("upstream.sh", str(SCRIPT), 1).replace("http://localhost:8765", gateway.url)
        self._line = line.replace(place, str(self.file))
        self._prepare(program)

    def _prepare(self, program: str) -> None:
        here = str(self._directory)
        main = self._directory / f"{program}.conf"
        main.write_text((NGINX if program == "nginx" else HAPROXY).format(here=here, port=self._port))
        if program == "nginx":
            self._start = [self._binary, "-c", str(main), "-p", here]
            self._commands = {
                "CHECK": f"nginx -q -t -c {main} -p {here}",
                "RELOAD": f"nginx -s reload -c {main} -p {here}",
            }
        else:
            files = f"-f {main} -f {self.file}"
            self._start = [self._binary, "-W", *files.split()]
            self._commands = {"CHECK": f"haproxy -q -c {files}", "RELOAD": "true"}

    @contextmanager
    def running(self) -> Iterator[Child]:
        """Run it while the block runs."""
        child = Child(self._start, log=self._directory / "balancer.log", directory=self._directory)
        try:
            if "haproxy" in self._binary:
                self._commands["RELOAD"] = f"kill -USR2 {child.pid}"
            yield child
        finally:
            child.terminate()
            child.close()

    def update(self, **commands: str) -> subprocess.CompletedProcess[str]:
        """Run the documented line."""
        environment = {**clean_environment(), **self._commands, **commands}
        return subprocess.run(
            ["sh", "-c", self._line], env=environment, capture_output=True, text=True, timeout=60, check=False
        )

    def answers(self) -> set[str]:
        """What eight requests are answered: the port of the service, or the status."""
        found = set()
        for _ in range(8):
            try:
                answer = httpx.get(f"http://127.0.0.1:{self._port}/", trust_env=False)
            except httpx.TransportError:
                found.add("none")
            else:
                found.add(answer.text if answer.status_code == 200 else str(answer.status_code))
        return found


def register(gateway: Gateway, key: str, url: str) -> None:
    """Register a service called Portal."""
    info = {"id": key, "display_name": "Portal"}
    gateway.http.post("/v2/services/$register", json={"url": url, "info": info}).raise_for_status()


def eventually(balancer: Balancer, expected: set[str], child: Child) -> None:
    """Wait until requests are answered as expected."""
    wait_until(lambda: balancer.answers() == expected, f"answers are {expected}", evidence=child.log)


@pytest.mark.parametrize(("program", "unavailable"), [("nginx", "502"), ("haproxy", "503")])
def test_requests_are_balanced_over_the_live_services(
    gateway: Gateway, portals: list[str], tmp_path: Path, program: str, unavailable: str
) -> None:
    balancer = Balancer(program, gateway, tmp_path)
    done = balancer.update(RELOAD="true")
    assert (done.returncode, done.stderr) == (0, "")
    with balancer.running() as child:
        eventually(balancer, {unavailable}, child)
        for port in portals:
            register(gateway, f"portal-{port}", f"http://127.0.0.1:{port}")
        assert balancer.update().returncode == 0
        eventually(balancer, set(portals), child)
        gateway.http.delete(f"/v2/services/portal-{portals[0]}").raise_for_status()
        assert balancer.update().returncode == 0
        eventually(balancer, {portals[1]}, child)

        before = balancer.file.read_text()
        assert balancer.update(CHECK="false", RELOAD="false").returncode == 0  # nothing has changed
        register(gateway, "portal-bad", "http://127.0.0.1:1")
        refused = balancer.update(CHECK="false")
        assert (refused.returncode, balancer.file.read_text()) == (1, before)
        assert "refused" in refused.stderr
        gateway.kill()
        away = balancer.update()
        assert away.returncode != 0
        assert "curl" in away.stderr
        assert balancer.file.read_text() == before
        assert sorted(file.name for file in balancer.file.parent.glob("portal.*")) == [balancer.file.name]
        assert balancer.answers() == {portals[1]}
        gateway.start()


def test_nginx_refuses_a_name_that_does_not_resolve(gateway: Gateway, portals: list[str], tmp_path: Path) -> None:
    balancer = Balancer("nginx", gateway, tmp_path)
    register(gateway, "portal", f"http://127.0.0.1:{portals[0]}")
    assert balancer.update(RELOAD="true").returncode == 0
    before = balancer.file.read_text()
    register(gateway, "portal-2", "http://no-such-host.invalid:80")
    refused = balancer.update(RELOAD="true")
    assert refused.returncode == 1
    assert "no-such-host.invalid" in refused.stderr
    assert balancer.file.read_text() == before


def test_haproxy_does_without_a_name_that_does_not_resolve(
    gateway: Gateway, portals: list[str], tmp_path: Path
) -> None:
    balancer = Balancer("haproxy", gateway, tmp_path)
    register(gateway, "portal", f"http://127.0.0.1:{portals[0]}")
    register(gateway, "portal-2", "http://no-such-host.invalid:80")
    register(gateway, "portal-6", "http://[::1]:9")
    done = balancer.update(RELOAD="true")
    assert done.returncode == 0, done.stderr
    with balancer.running() as child:
        eventually(balancer, {portals[0]}, child)


def test_prometheus_takes_the_configuration(tmp_path: Path) -> None:
    [promtool] = needed("promtool")
    file = tmp_path / "prometheus.yml"
    file.write_text(documented.block(PAGE, "yaml", "Prometheus"))
    done = subprocess.run([promtool, "check", "config", file], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def shell(gateway: Gateway, text: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run documented lines, with the gateway's commands on the path."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    line = text.replace("http://localhost:8765", gateway.url)
    environment = {**clean_environment(), "PATH": path, **variables}
    return subprocess.run(["sh", "-c", line], env=environment, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("number", [0, 1], ids=["the command line", "curl"])
def test_a_ci_job_waits_for_a_service(gateway: Gateway, number: int) -> None:
    needed("curl", "jq")
    text = documented.blocks(PAGE, "sh", "A CI job")[number]
    soon = text.replace("5m", "2s").replace("timeout 300", "timeout 2")
    assert soon != text
    assert shell(gateway, soon).returncode != 0
    register(gateway, "my-model", "http://my-model:8000")
    done = shell(gateway, text)
    assert done.returncode == 0, done.stderr


def test_a_notebook_reads_services_and_lapses(gateway: Gateway, tmp_path: Path) -> None:
    register(gateway, "my-model", "http://my-model:8000")
    register(gateway, "other", "http://other:8000")
    (tmp_path / "notebook.py").write_text(
        documented.block(PAGE, "python").replace("http://localhost:8765", gateway.url)
    )
    python = NOTEBOOK.executable("python")
    done = subprocess.run(
        [python, "notebook.py"], cwd=tmp_path, env=clean_environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "chap     up        2" in done.stdout
