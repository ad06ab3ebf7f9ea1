"""What the gateway itself answers: catalogue, page, administration, Prometheus, and the pages about its API."""
