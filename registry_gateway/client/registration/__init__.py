"""Keeping a service registered. `dialect.py` says what is sent, `schedule.py` when, `keeper.py` does it."""
