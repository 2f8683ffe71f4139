"""`python -m numeye` and the command `numeye`."""

from __future__ import annotations


def main() -> None:
    """Run the command line."""
    from numeye.cli import run

    run()


if __name__ == "__main__":
    main()
