"""A folder of another tool's rows: four subjects, two recordings each, movements plain to see."""

from __future__ import annotations

from pathlib import Path

import numpy as np

SUBJECTS = ("anna", "ben", "carl", "dora")
N = 240
ONSETS = (40, 110, 190)
NAMES = ("brow_l", "brow_r", "smile")


def values_of(number: int) -> np.ndarray:
    """(N, 3): noise; both brows rise at every movement of ten frames."""
    values = np.random.default_rng(number).normal(0, 0.2, (N, 3))
    for onset in ONSETS:
        values[onset + number : onset + number + 10, :2] += 1
    return values


def rows_folder(folder: Path, fps: int = 25, npz: tuple[str, ...] = ()) -> Path:
    """The folder; recordings named in ``npz`` are .npz, the others .csv."""
    folder.mkdir(parents=True)
    recordings, events = ["recording,subject,fps"], ["recording,onset,apex,offset,kind"]
    for number in range(8):
        name, subject = f"{SUBJECTS[number // 2]}{number % 2}", SUBJECTS[number // 2]
        values = values_of(number)
        if name in npz:
            np.savez(folder / f"{name}.npz", rows=values, fps=fps, first=0, names=np.array(NAMES))
        else:
            lines = [f"{i},{','.join(f'{v:.4f}' for v in row)}" for i, row in enumerate(values)]
            head = ",".join(["frame", *NAMES])
            (folder / f"{name}.csv").write_text("\n".join([head, *lines]) + "\n")
        recordings.append(f"{name},{subject},{fps}")
        for onset in ONSETS:
            o = onset + number
            events.append(f"{name},{o},{o + 5},{o + 9},micro")
    (folder / "recordings.csv").write_text("\n".join(recordings) + "\n")
    (folder / "events.csv").write_text("\n".join(events) + "\n")
    return folder


def columns_csv(folder: Path) -> None:
    """How the columns mirror."""
    (folder / "columns.csv").write_text(
        "column,mirror,sign\nbrow_l,brow_r,1\nbrow_r,brow_l,1\nsmile,,\n"
    )


def replace_in(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
