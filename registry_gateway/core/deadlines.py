"""How long anything waits for the database. The limits of requests follow from `ANSWER_WITHIN`."""

ANSWER_WITHIN = 8.0
"""Seconds within which a request is answered, whatever the database does: with a 503 if need be. The time spent in a
queue counts. Two seconds are left of the ten that are promised, for a machine that is busy.
"""

TRANSACTION_WITHIN = ANSWER_WITHIN / 2
"""Seconds in which the statements of a transaction that writes must be done."""

LONG_TRANSACTION_WITHIN = 60.0
"""The same where very many leases have to be extended, or SQLite's log is worked into its file. Also the most seconds
of any statement on PostgreSQL: after that its connection counts as dead.
"""

COMMIT_WITHIN = ANSWER_WITHIN / 4
"""Seconds the answer to a COMMIT is waited for. What is left is for finding out what became of it."""

READY_WITHIN = 2.0
"""Seconds within which `/health/ready` answers."""

UNWRITTEN_SECONDS = 5.0
"""Seconds without a single successful write after which a gateway is not ready. Each writes once a second."""

FINISH_WITHIN = 6
"""Seconds that requests in flight have to finish after SIGTERM. Then they are answered with 503."""

CLOSE_WITHIN = 2.0
"""Seconds after that in which the database is closed. With `FINISH_WITHIN` less than ten."""
