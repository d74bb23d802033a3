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
    rows that cannot be read, counts that differ from the published ones); an empty list is a whole
    data set. What is known to be odd and is repaired is not in it. Never raises for what it finds.
``inspect(root) -> Inspection``
    The same with all that was found: counts, versions, hashes, known oddities, dropped rows.

and the module has the constants ``CITATION``, ``LICENCE`` and ``HOW_TO_GET``, plain text. Frame
numbers of the sheets become 0-based; onset and offset are inclusive. What was repaired in an
expression stands in its ``attributes["status"]``.

Data sets with an annotation sheet build on ``_labelled.LabelledSet``, which adds
``load_annotations(sheet)``, and need only say how a sheet is read and whose a folder of images is.
``_named.named`` finds a data set by the name that people write (``casme-sq``).
"""

HELPERS = ("named", "shapes", "twin_marker", "workbooks")
"""Modules of this package that are no plug-ins."""
