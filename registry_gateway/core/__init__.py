"""The model and its rules: registrations, leases, commands, events and errors.

All of it is pure: time is an argument, and the core imports nothing else of the gateway.
"""
