"""Data sets: one module per layout on disk, each with its loader and its checks.

The contract of the family
--------------------------
A plug-in is a frozen dataclass (its fields say which version, camera or file names to read) with

``load(root) -> list[Recording]``
    Every recording under ``root``, with its true expressions and the path of its video, no pixels.
    Recordings without an expression belong to it: leaving them out hides false alarms. Raises
    ``UnreadableInput`` for what cannot be read.
``verify(root) -> list[str]``
    Everything wrong under ``root`` at once, one line each (missing files, gaps in frame numbers,
    events past the end, rows that cannot be read, counts that differ from the published ones); an
    empty list is a whole data set. Never raises for what it finds.

and the module has the constants ``CITATION``, ``LICENCE`` and ``HOW_TO_GET``, plain text. Frame
numbers of the sheets become 0-based; onset and offset are inclusive.
"""
