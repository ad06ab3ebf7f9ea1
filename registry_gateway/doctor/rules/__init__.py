"""Rules, all of them pure: facts go in, findings come out.

They do no I/O, so that an answer over HTTP can have findings without waiting for any.
"""
