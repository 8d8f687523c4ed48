"""`python -m omniq.cli`: the same command where the console script is not on the path."""

from __future__ import annotations

from omniq.cli.main import main

__all__ = ()

if __name__ == "__main__":
    main()
