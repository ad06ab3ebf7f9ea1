"""Programs the tests start as processes of their own, some of them in a client's environment."""
