"""Files that leave the program: one module per format, each with its reader.

The contract is :class:`mespot.contracts.Exporter`. A :class:`~mespot.sheet.Sheet` holds everything
a format can need: the expressions by recording, what is known of the recordings (subject, media
path, fps, number of frames, foreign columns) and, where the rate varies, the time of every frame.
``Sheet.time_s(recording, frame)`` turns a frame into seconds.

A reader gets the recordings that the caller knows. A format of times alone needs their fps. Where
they are given, an event of another recording, or past a recording's end, is refused. A writer
neutralises text that another program could take for a formula or for markup. docs/formats.md
describes the files.
"""

HELPERS = ("cells", "table")
"""Modules of this package that are no plug-ins."""
