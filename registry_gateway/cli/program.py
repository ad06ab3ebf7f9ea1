"""The top-level command: errors of all commands become one line and an exit code."""

import io
import logging
import sys
import traceback
from collections import UserDict
from importlib import import_module
from types import TracebackType
from typing import Any, NoReturn

import click

from registry_gateway.cli.output import say
from registry_gateway.observability.log import TextFormatter
from registry_gateway.observability.masking import masked

NAME = "registry-gateway"


class LazyCommands(UserDict[str, Any]):
    """Commands by name, from their modules and variables as in entry points.

    A command's module is imported when the command is looked up: the sidecar must stay small, and the database's
    libraries take most of the start time.
    """

    def __getitem__(self, name: str) -> click.Command:
        """Import the command."""
        module, _, variable = self.data[name].partition(":")
        command: click.Command = getattr(import_module(module), variable)
        return command


class Program(click.Group):
    """The top-level group. Any error is one line on standard error and exit code 2."""

    def main(self, *args: Any, **extra: Any) -> NoReturn:
        """Run the command and end the process."""
        sys.excepthook = show_defect
        if isinstance(sys.stdout, io.TextIOWrapper):  # a character that its encoding lacks is escaped, as on stderr
            sys.stdout.reconfigure(errors="backslashreplace")
        if logging.lastResort is not None:  # prints warnings, because only `serve` configures logging
            logging.lastResort.setFormatter(TextFormatter())
        extra |= {"prog_name": NAME, "standalone_mode": False}
        try:
            code = super().main(*args, **extra)
        except click.exceptions.NoArgsIsHelpError as error:
            error.show()  # a group without a command: print its help
            sys.exit(2)
        except click.UsageError as error:
            command = error.ctx.command_path if error.ctx else NAME
            _fail(f"{error.format_message().rstrip('.')} (see {command} --help)")
        except click.ClickException as error:
            _fail(error.format_message())
        except click.Abort:
            sys.exit(130)  # Ctrl-C: the exit code of shells
        except OSError as error:
            _fail(str(error) or type(error).__name__)
        except UnicodeError as error:
            _fail(f"text that is not valid Unicode: {error}")  # bytes in an argument that are not UTF-8
        except ModuleNotFoundError as error:
            if error.name != "asyncpg":
                raise
            _fail("PostgreSQL needs its driver: pip install 'registry-gateway[postgresql]'")
        except Exception as error:
            if not isinstance(error, _for_the_operator()):
                raise
            _fail(str(error) or type(error).__name__)
        sys.exit(code if isinstance(code, int) else 0)


def _for_the_operator() -> tuple[type[Exception], ...]:
    """Return the exceptions with a message for the operator. Any other is a defect and gets a traceback.

    They are imported here, because a command that raises none need not import their modules.
    """
    from registry_gateway.core.errors import RegistryError
    from registry_gateway.http.remote_server import Unreachable
    from registry_gateway.settings import SettingsError

    return SettingsError, RegistryError, Unreachable


def show_defect(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Print the traceback of a defect. What it repeats may come from services, as all that is printed."""
    for line in "".join(traceback.format_exception(kind, error, trace)).rstrip("\n").split("\n"):
        say(masked(line), err=True)


def _fail(message: str) -> NoReturn:
    say(masked(f"{NAME}: error: {' '.join(message.split())}"), err=True)
    sys.exit(2)
