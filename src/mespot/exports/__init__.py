"""Files that leave the program: one module per format, each with its reader.

The contract of the family
--------------------------
A plug-in is a frozen dataclass (its fields are the format's options) with

``write(path, sheet) -> None``
    Write all of a :class:`~mespot.sheet.Sheet`, atomically (``mespot.files``).
``read(path, recordings=None) -> Sheet``
    Read it back. ``recordings`` (``RecordingRow`` or ``Recording``) are what the caller knows: a
    format that holds times and no frames needs their fps, and where they are given (not None), an
    event of a recording that is not among them, or past its end, is refused. Raises
    ``UnreadableInput``: one line with file, place, column and value, and how many more problems
    there are.

and the class constants ``SUFFIX`` (``".csv"``) and ``ONE_RECORDING`` (True where a file holds one
recording only: the caller then writes one file each).

A ``Sheet`` is one value with everything a format can need: the expressions by recording, what is
known of the recordings (subject, media path, fps, number of frames, foreign columns) and, where the
rate varies, the time of every frame; ``Sheet.time_s(recording, frame)`` is the one way from a frame
to seconds. Text that another program could take for a formula or for markup is neutralised by the
format that writes it. docs/formats.md describes the files.

This family needs nothing but ``types``, ``errors`` and ``files``; so data sets and synthetic
recordings may use it to read and write their tables.
"""

HELPERS = ("cells",)
"""Modules of this package that are no plug-ins."""
