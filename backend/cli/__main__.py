"""`python -m backend.cli`: the command without an installed script."""

from backend.cli import main

if __name__ == "__main__":
    main()
