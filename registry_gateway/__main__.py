"""`registry-gateway`, also as `python -m registry_gateway`."""

import signal
import sys


def main() -> None:
    """Run the command line.

    Its imports take a second. `serve` ignores SIGHUP before them; from when it can read files again it handles it.
    """
    if sys.argv[1:2] == ["serve"] and hasattr(signal, "SIGHUP"):
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    from registry_gateway.cli import main as command_line

    command_line()


if __name__ == "__main__":
    main()
