"""Limits on waiting for the database. The limits of requests derive from `ANSWER_WITHIN`."""

ANSWER_WITHIN = 8.0
"""Seconds within which every request is answered, with a 503 if the database does not respond. Time spent in a queue
counts. The documented limit is ten seconds; the other two are a margin for a busy machine.
"""

TRANSACTION_WITHIN = ANSWER_WITHIN / 2
"""Seconds that the statements of a writing transaction may take."""

LONG_TRANSACTION_WITHIN = 60.0
"""The same for extending very many leases and for checkpointing SQLite's WAL. Also the limit of any statement on
PostgreSQL: after it the connection is considered dead.
"""

COMMIT_WITHIN = ANSWER_WITHIN / 4
"""Seconds to wait for the answer to a COMMIT. The remaining time is for finding out whether it was committed."""

READY_WITHIN = 2.0
"""Seconds within which `/health/ready` answers."""

UNWRITTEN_SECONDS = 5.0
"""Seconds without a successful write after which a gateway is not ready. Each gateway writes once a second."""

FINISH_WITHIN = 6
"""Seconds for requests in flight to finish after SIGTERM. After that they are answered with 503."""

CLOSE_WITHIN = 2.0
"""Further seconds for closing the database. Together with `FINISH_WITHIN` less than ten."""
