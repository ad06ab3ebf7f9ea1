"""Pure rules that return findings for given facts.

They do no I/O, so that an HTTP answer can contain findings without waiting.
"""
