"""The SQL statements, by subject: functions of a connection, inside a transaction."""
