"""``python -m mespot``: the command line."""

from mespot.cli import main

main()
