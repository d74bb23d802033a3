"""The numbers of the real data sets, as published and as counted in their sheets."""

from __future__ import annotations

from fractions import Fraction

from mespot.inspection import RECORDING, Lengths, Shape

SMIC_VIS_E = Shape(
    recordings=76, subjects=8, fps=Fraction(25), size=(640, 480),
    events={"micro": 76}, spread={"micro": (71, 8)},
    lengths={"micro": Lengths(4, 10, 13), RECORDING: Lengths(30, 165, 300)},
)  # fmt: skip

SMIC_HS_E = Shape(
    recordings=157, subjects=16, fps=Fraction(100), size=(640, 480), spread={"micro": (157, 16)},
    lengths={"micro": Lengths(11, 33, 58), RECORDING: Lengths(120, 600, 1200)},
)  # fmt: skip

CASME_SQ = Shape(
    recordings=98, subjects=22, fps=Fraction(30), size=(640, 480),
    events={"micro": 57, "macro": 300}, spread={"micro": (33, 14)},
    others={"recordings with any": 95},
    lengths={
        "micro": Lengths(9, 14, 17), "macro": Lengths(4, 35, 118),
        RECORDING: Lengths(659, 2304, 4374),
    },
)  # fmt: skip

SAMM_LV = Shape(
    recordings=147, subjects=30, fps=Fraction(200), size=(2040, 1088), grey=True,
    events={"micro": 159, "macro": 343}, spread={"micro": (79, 29)},
    lengths={
        "micro": Lengths(30, 78, 101), "macro": Lengths(102, 223, 5176),
        RECORDING: Lengths(500, 3000, 11770),
    },
)  # fmt: skip

# Its frame size is not in the sheets; 1280 x 720 is that of the colour camera. Some of the rows of
# version 2 are impossible and dropped, so that fewer expressions than rows are left.
CASME_CUBED = Shape(
    recordings=1300, subjects=98, fps=Fraction(30), size=(1280, 720),
    events={"micro": 858, "macro": 3346, "blink": 841},
    lengths={"blink": Lengths(6, 15, 108)},
    rows={"micro": 860, "macro": 3346, "blink": 841}, others={"subjects with blink": 13},
    about=frozenset(("recordings", "micro", "macro", "blink", "size")),
)  # fmt: skip

CASME_CUBED_SHORT_MICRO = 277
"""Micro-expressions of CAS(ME)^3 in the smaller of the two label sets of the literature."""

CASME_II = Shape(
    recordings=255, subjects=26, fps=Fraction(200), size=(640, 480),
    events={"micro": 255}, spread={"micro": (255, 26)}, lengths={"micro": Lengths(24, 61, 141)},
)  # fmt: skip
