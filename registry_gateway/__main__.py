"""`registry-gateway`, also as `python -m registry_gateway`."""

import signal
import sys


def main() -> None:
    """Run the command line.

    Its imports take up to a second. Until `serve` and `sidecar` can handle SIGHUP, it does not end them. The sidecar
    must know later whether it was ignored from the start, as by `nohup`.
    """
    if hasattr(signal, "SIGHUP"):
        if sys.argv[1:2] == ["serve"]:
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
        elif sys.argv[1:2] == ["sidecar"] and signal.getsignal(signal.SIGHUP) is signal.SIG_DFL:
            signal.signal(signal.SIGHUP, lambda _number, _frame: None)
    from registry_gateway.cli import main as command_line

    command_line()


if __name__ == "__main__":
    main()
