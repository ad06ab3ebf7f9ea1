"""The documents on settings and commands against the code they describe."""

from collections.abc import Iterator
from pathlib import Path

import click

from registry_gateway import adapter, settings
from registry_gateway.cli import main
from registry_gateway.cli.output import setting
from registry_gateway.settings import Variable
from registry_gateway.store.postgresql import libpq

DOCS = Path(__file__).parents[2] / "docs"
BEGIN, END = "<!-- tables -->\n", "<!-- end of tables -->\n"


def tables() -> str:
    """The tables of docs/settings.md, as the code has the settings."""
    adapters = adapter.installed()
    groups = [(None, "The gateway"), *((a.name, f"The dialect {a.name}") for a in adapters)]
    variables = settings.variables(adapters)
    sections = [_section(title, [v for v in variables if v.group == group]) for group, title in groups]
    return "\n" + "\n\n".join(sections) + "\n\n"


def _section(title: str, variables: list[Variable]) -> str:
    header = ["| Environment | Option | Default | Meaning | Secret |", "|---|---|---|---|---|"]
    return "\n".join([f"## {title}", "", *header, *map(_row, variables)])


def _row(variable: Variable) -> str:
    default = f"`{setting(variable.default)}`" if setting(variable.default) else ""
    option = "" if variable.flag is None else f"`{variable.flag}`"
    return f"| `{variable.env}` | {option} | {default} | {variable.help} | {'yes' if variable.secret else ''} |"


def commands(command: click.Command, path: str) -> Iterator[str]:
    """The full name of each command."""
    if isinstance(command, click.Group):
        for name, child in command.commands.items():
            yield from commands(child, f"{path} {name}")
    else:
        yield path


def test_the_table_of_settings_is_the_code() -> None:
    text = (DOCS / "settings.md").read_text()
    assert text.partition(BEGIN)[2].partition(END)[0] == tables()


def test_every_command_is_in_the_document() -> None:
    text = (DOCS / "cli.md").read_text()
    missing = [name for name in commands(main, "registry-gateway") if f"| `{name}" not in text]
    assert not missing


def test_every_command_explains_itself() -> None:
    for path in commands(main, ""):
        command: click.Command = main
        for name in path.split():
            assert isinstance(command, click.Group)
            command = command.commands[name]
        assert command.help, f"{path} has no help"
        for parameter in command.params:
            assert not isinstance(parameter, click.Option) or parameter.help, f"{path} {parameter.name} has no help"


def test_the_parameters_of_database_urls_are_documented() -> None:
    table = (DOCS / "settings.md").read_text(encoding="utf-8").partition("<!-- libpq -->")[2]
    rows = [line.split("|")[1:3] for line in table.splitlines() if line.startswith("| `")]
    documented = {name.strip(" `"): variable.strip(" `") or None for name, variable in rows}
    assert documented == dict(libpq.VARIABLES)


if __name__ == "__main__":
    path = DOCS / "settings.md"
    head, _, rest = path.read_text().partition(BEGIN)
    path.write_text(head + BEGIN + tables() + END + rest.partition(END)[2])
