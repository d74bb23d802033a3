"""Files to score, each mistake in them once, and what runs ``mespot score`` on them."""

from __future__ import annotations

from mespot.cli import run

# a: a hit, a double and a miss beside it; b: a macro that nothing found; c: no truth and a false
# alarm; d: nothing at all. Four minutes in all.
TRUTH = """recording,onset,apex,offset,kind
a,10,14,19,micro
a,20,25,30,micro
b,50,,90,macro
"""
SPOTS = """recording,onset,apex,offset,kind,score
a,10,15,19,micro,0.9
a,11,16,18,micro,0.7
c,5,6,7,micro,0.4
"""
LISTED = "recording,subject,fps,n_frames\na,s1,30,1800\nb,s1,30,1800\nc,s2,25,1500\nd,s3,60,3600\n"
FILES = ("truth.csv", "spots.csv", "--recordings", "rec.csv")


def write_files(folder):
    """The three files of ``FILES``."""
    for name, text in (("truth", TRUTH), ("spots", SPOTS), ("rec", LISTED)):
        (folder / f"{name}.csv").write_text(text)


def score(capsys, *args, code=0):
    assert run(["score", *args]) == code
    out, err = capsys.readouterr()
    assert "Traceback" not in err
    return out, err
