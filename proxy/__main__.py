"""`python -m proxy` is `bearerd`."""

from proxy.cli import main

if __name__ == "__main__":
    main()
