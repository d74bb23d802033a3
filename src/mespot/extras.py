"""Modules that an extra installs, loaded when they are needed.

``pip install mespot`` brings what spotting needs. Everything else is an extra of pyproject.toml; a
missing one gives one line with the command that installs it.
"""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

from mespot.errors import MespotError

EXTRAS = {
    "paper": ("numba",),
    "datasets": ("openpyxl", "xlrd", "defusedxml"),
    "train": ("torch", "onnx", "sklearn"),
    "pandas": ("pandas",),
}
"""Extra -> the modules that it installs."""


_DISTRIBUTIONS = {"sklearn": "scikit-learn"}


class MissingExtra(MespotError):
    """A module that only an extra brings is not installed."""


def command(extra: str) -> str:
    """The command that installs an extra."""
    return f"pip install 'mespot[{extra}]'"


def need(module: str, extra: str, who: str) -> ModuleType:
    """Import ``module``, such as ``openpyxl`` or ``sklearn.svm``.

    Raises MissingExtra, which says that ``who`` needs it and how to install ``extra``. An error
    inside an installed module is raised as it is.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        name = module.partition(".")[0]
        if (error.name or "").partition(".")[0] != name:
            raise
        what = _DISTRIBUTIONS.get(name, name)
        raise MissingExtra(f"{who} needs {what}: {command(extra)}") from error
