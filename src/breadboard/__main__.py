"""``python -m breadboard``."""

from breadboard.cli import main

if __name__ == "__main__":
    main()
