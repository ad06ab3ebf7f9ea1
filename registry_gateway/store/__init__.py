"""The registry's SQL: the engine, the tables and every statement."""
