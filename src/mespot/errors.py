"""The errors a user can meet, each with its exit code.

Every message is one line that says what is wrong, where, and what to do about it. The command line
prints the message and leaves with ``exit_code``; a traceback appears only with MESPOT_DEBUG=1.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence

EXIT_DONE = 0
EXIT_FAILURE = 1
EXIT_USAGE = 2
EXIT_SOME_FAILED = 3
EXIT_UNREADABLE = 4
EXIT_NO_FACE = 5
EXIT_INTERRUPTED = 130


class MespotError(Exception):
    """Any failure that is not a programming error."""

    exit_code = EXIT_FAILURE


class UsageError(MespotError):
    """The request itself is wrong: an unknown name, key, value or combination."""

    exit_code = EXIT_USAGE


class UnreadableInput(MespotError):
    """A file is missing, damaged, or not what it should be."""

    exit_code = EXIT_UNREADABLE


class NoUsableFace(MespotError):
    """The video was read to its end and holds no face that can be followed."""

    exit_code = EXIT_NO_FACE


def nearest(word: str, known: Sequence[str]) -> str:
    """A hint for an unknown word: the nearest known one, or all of them."""
    close = difflib.get_close_matches(word, known, n=1)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; known: {', '.join(known)}"
