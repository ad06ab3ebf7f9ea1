"""The benchmark that compares: this gateway, the bare server beneath it, and a peer, in one run on one machine.

`python -m bench` compares, `python -m bench.scale` shows how it grows. It is a benchmark and no test: the numbers
are for people, and only of a machine that did nothing else.
"""
