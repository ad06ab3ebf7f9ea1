"""`accounts`, `config`, `db`, and how every command refuses what makes no sense."""

import json
import re
import sqlite3
from pathlib import Path

import anyio
import pytest

from registry_gateway.auth.accounts import Accounts
from registry_gateway.core.clock import SystemClock
from registry_gateway.core.model import Account
from registry_gateway.store.engine import Store
from tests.integration.command_line import command, complaint, output


def _owner(url: str, token: str) -> Account | None:
    async def ask() -> Account | None:
        store = Store(url)
        try:
            return await Accounts(store, SystemClock()).authenticate(token)
        finally:
            await store.close()

    return anyio.run(ask)


def test_a_token_is_alone_on_standard_output_and_works(database_url: str) -> None:
    result = command(database_url, "accounts", "create", "scaiflow", "--slug", "a", "--slug", "b")
    token = result.stdout.removesuffix("\n")
    assert re.fullmatch(r"rgw_\w+_[\w-]{43}", token)
    assert "registry:manage (the default)" in result.stderr
    owner = _owner(database_url, token)
    assert owner is not None
    assert (owner.name, owner.scopes, owner.slugs) == ("scaiflow", ("registry:manage",), ("a", "b"))
    assert "there is an account scaiflow already" in complaint(database_url, "accounts", "create", "scaiflow")

    assert re.search(r"^scaiflow +active .* registry:manage +a, b$", output(database_url, "accounts", "list"), re.M)
    assert "revoked" in output(database_url, "accounts", "revoke", "scaiflow")
    assert _owner(database_url, token) is None
    (listed,) = json.loads(output(database_url, "accounts", "list", "--json"))
    assert listed["revoked_at"] is not None
    assert token not in json.dumps(listed)


def test_accounts_that_are_invalid(sqlite_url: str) -> None:
    assert "There are no accounts" in output(sqlite_url, "accounts", "list")
    assert "the name of an account is letters" in complaint(sqlite_url, "accounts", "create", " ")
    assert "one line without white space" in complaint(sqlite_url, "accounts", "create", "x", "--scope", "")
    assert complaint(sqlite_url, "accounts", "revoke", "nobody") == "there is no account nobody"


def test_the_settings_in_effect_without_secrets() -> None:
    url = "postgresql://registry:hunter2@db/registry"
    environment = {"SERVICEKIT_REGISTRATION_KEY": "hunter3", "REGISTRY_GATEWAY_PORT": "9000"}
    text = output(url, "config", **environment)
    assert "hunter" not in text
    assert re.search(r"^REGISTRY_GATEWAY_PORT +environment +9000$", text, re.M)
    assert re.search(r"^REGISTRY_GATEWAY_HOST +default +0.0.0.0$", text, re.M)
    listed = json.loads(output(url, "config", "--json", **environment))
    assert listed["REGISTRY_GATEWAY_DATABASE_URL"]["value"] == "postgresql://registry:***@db/registry"
    assert listed["REGISTRY_GATEWAY_PORT"] == {"value": 9000, "source": "environment"}
    assert listed["SERVICEKIT_REGISTRATION_KEY"]["value"] == "********"
    given = json.loads(output(url, "config", "--json", "--database-url", "sqlite:///other.db"))
    assert given["REGISTRY_GATEWAY_DATABASE_URL"] == {"value": "sqlite:///other.db", "source": "option"}


@pytest.mark.parametrize("arguments", [["serve"], ["services", "list"], ["db", "upgrade"], ["config"]])
@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"REGISTRY_GATEWAY_PROT": "1"}, "REGISTRY_GATEWAY_PROT: there is no such setting"),
        ({"SERVICEKIT_REGISTRATION_KEY": ""}, "SERVICEKIT_REGISTRATION_KEY is empty"),
        ({"REGISTRY_GATEWAY_PORT": "http"}, "REGISTRY_GATEWAY_PORT: expected"),
        ({"REGISTRY_GATEWAY_DATABASE_URL": "mysql://db/registry"}, "REGISTRY_GATEWAY_DATABASE_URL: database 'mysql'"),
        ({"REGISTRY_GATEWAY_DIALECTS": "chap,morse"}, "REGISTRY_GATEWAY_DIALECTS: morse is not installed"),
    ],
)
def test_settings_that_are_invalid(arguments: list[str], environment: dict[str, str], message: str) -> None:
    url = environment.get("REGISTRY_GATEWAY_DATABASE_URL", "sqlite:///registry.db")
    others = {name: value for name, value in environment.items() if name != "REGISTRY_GATEWAY_DATABASE_URL"}
    assert complaint(url, *arguments, **others).startswith(message)


def test_a_public_url_holds_no_password() -> None:
    url = "https://registry:hunter2@registry.example.org"
    message = complaint("sqlite:///registry.db", "config", REGISTRY_GATEWAY_PUBLIC_URL=url)
    assert message == "REGISTRY_GATEWAY_PUBLIC_URL: must have no user or password, because it is sent to every service"


@pytest.mark.parametrize(
    "url", ["postgresql://registry:hunt@er2@db/registry", "postgresql://registry:x@db:hunter2/registry", "hunter2"]
)
def test_a_url_that_is_invalid_is_not_repeated(url: str) -> None:
    message = complaint(url, "config")
    assert message.startswith("REGISTRY_GATEWAY_DATABASE_URL: ")
    assert "er2" not in message


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["serve", "--prot", "1"], "No such option"),
        (["serve", "--port", "http"], "Invalid value for '--port'"),
        (["serve", "--port", "70000"], "--port: expected"),
        (["serve", "--api-key", ""], "--api-key is empty"),
        (["serve", "--ssl-keyfile", "key.pem"], "--ssl-keyfile needs --ssl-certfile"),
        (["serve", "--ssl-certfile", "/nowhere/cert.pem"], "--ssl-certfile, --ssl-keyfile: there is no file"),
        (["serve", "--reload", "--workers", "2"], "--reload works with one worker"),
        (["serve", "--host", "host.invalid"], "can't listen on host.invalid"),
        (["service"], "No such command 'service'"),
        (["services", "show"], "Missing argument 'KEY'"),
        (["services", "show", "\udcff"], "text that is not valid Unicode"),
        (["subscriptions", "cancel", "first"], "Invalid value for 'ID'"),
        (["db", "upgrade", "nonsense"], "Can't locate revision"),
    ],
)
def test_arguments_that_are_invalid(sqlite_url: str, arguments: list[str], message: str) -> None:
    assert complaint(sqlite_url, *arguments).startswith(message)


def test_a_group_by_itself_shows_its_help(sqlite_url: str) -> None:
    result = command(sqlite_url, "accounts")
    assert result.exit_code == 2
    assert "create" in result.stderr


def test_migrations_up_and_down(database_url: str) -> None:
    newest = output(database_url, "db", "current").split()[-1]
    assert output(database_url, "db", "check") == "The database is up to date.\n"
    assert "none" in output(database_url, "db", "downgrade", "base")
    for arguments in (["db", "check"], ["services", "list"], ["accounts", "create", "x"], ["events"]):
        message = complaint(database_url, *arguments)
        assert message == (
            f"the database is at migration none, this version needs {newest}; run: registry-gateway db upgrade"
        )
    assert newest in output(database_url, "db", "upgrade")
    assert "There are no accounts" in output(database_url, "accounts", "list")


def test_serve_starts_on_no_database_that_is_behind(own_postgresql_url: str) -> None:
    output(own_postgresql_url, "db", "downgrade", "base")
    message = complaint(own_postgresql_url, "serve", REGISTRY_GATEWAY_PORT="0")
    assert message.endswith("run: registry-gateway db upgrade, or serve with --migrate")


def test_a_sqlite_file_of_something_else_is_left_alone(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "other.db")
    connection.execute("CREATE TABLE other (id INTEGER)")
    connection.close()
    message = complaint(f"sqlite:///{tmp_path}/other.db", "serve", REGISTRY_GATEWAY_PORT="0")
    assert "run: registry-gateway db upgrade" in message


def test_a_database_of_a_newer_version(sqlite_url: str) -> None:
    connection = sqlite3.connect(sqlite_url.removeprefix("sqlite:///"))
    connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.commit()
    connection.close()
    for arguments in (["serve", "--migrate"], ["services", "list"], ["db", "upgrade"], ["db", "check"]):
        message = complaint(sqlite_url, *arguments, REGISTRY_GATEWAY_PORT="0")
        assert message.startswith("the database is at migration 9999, which this version")


@pytest.mark.parametrize("arguments", [["serve"], ["services", "list"], ["db", "upgrade"]])
def test_a_database_that_cannot_be_reached(arguments: list[str]) -> None:
    message = complaint("postgresql://nobody@127.0.0.1:1/nothing", *arguments, REGISTRY_GATEWAY_PORT="0")
    assert message.startswith("the database is unavailable: ")


def test_reading_makes_no_database(tmp_path: Path) -> None:
    for arguments in (["services", "list"], ["db", "current"], ["db", "downgrade", "base"], ["events"]):
        assert "there is no database" in complaint(f"sqlite:///{tmp_path}/none.db", *arguments)
    assert list(tmp_path.iterdir()) == []
