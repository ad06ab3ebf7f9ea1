"""The SQL statements, by what they are about: functions of a connection, inside a transaction."""
