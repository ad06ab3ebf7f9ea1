"""The model and its rules: registrations, leases, commands, events, errors. Pure: time is an argument, and nothing of
the gateway is imported here."""
