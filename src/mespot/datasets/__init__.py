"""Data sets: one module per layout on disk, each with its loader and its checks.

The contract is :class:`mespot.contracts.Dataset`. The fields of a plug-in say which version, camera
or file names to read.

- Recordings without an expression belong to a data set: leaving them out hides false alarms.
- Frame numbers of the sheets become 0-based; onset and offset are inclusive.
- A repaired expression names the irregularity in its ``attributes["status"]``. Known irregularities
  are no problems: ``verify`` reports only what no known one explains.

Sets with an annotation sheet and folders of images share ``_labelled.LabelledSet``: each adds how
its sheet is read, and which folder belongs to which recording. :func:`mespot.datasets.named.named`
finds a data set by the name that people write (``casme-sq``).
"""

HELPERS = ("named", "shapes", "twin_marker", "workbooks")
"""Modules of this package that are no plug-ins."""
