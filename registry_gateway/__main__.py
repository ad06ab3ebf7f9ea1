"""`registry-gateway`, also as `python -m registry_gateway`."""

import signal
import sys


def main() -> None:
    """Run the command line.

    Its imports take up to a second. `serve` and `sidecar` ignore SIGHUP before them; afterwards they handle it.
    """
    if sys.argv[1:2] in (["serve"], ["sidecar"]) and hasattr(signal, "SIGHUP"):
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    from registry_gateway.cli import main as command_line

    command_line()


if __name__ == "__main__":
    main()
