"""Diagnosis of common faults: pure rules, and the checks that collect the facts for them."""
