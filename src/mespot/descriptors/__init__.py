"""PLUG-IN family: descriptors, one file each; see :mod:`mespot.contracts`."""

from __future__ import annotations

HELPERS = ("block_grid", "kernels", "planes", "regions", "stream")
"""Modules of this package that are no plug-ins."""
