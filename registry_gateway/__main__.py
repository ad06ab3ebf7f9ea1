"""`python -m registry_gateway` is `registry-gateway`."""

from registry_gateway.cli import main

if __name__ == "__main__":
    main()
