"""Every wrong file gives one line that names the file, the line, the column and the value."""

from __future__ import annotations

import pytest

from mespot.errors import UnreadableInput
from mespot.exports import csv
from mespot.exports.json import Json
from mespot.sheet import RecordingRow

LISTED = [RecordingRow("clip_1", n_frames=100), RecordingRow("clip_2")]


def complaint(read, path, *args):
    with pytest.raises(UnreadableInput) as caught:
        read(path, *args)
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith(str(path))
    return message.removeprefix(str(path))


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("a,566.4,570,,", ", line 2, column onset: '566.4' is not a whole frame number"),
        ("a,1,x7,,", ", line 2, column offset: 'x7' is not a whole frame number"),
        ("a,1,2,,\na,3,١,,", ", line 3, column offset: '١' is not a whole frame number"),
        ("a,1,99999999999999999999,,", ", line 2, column offset: '99999999999999999999' is not a "
         "whole frame number"),
        ("a,1,2,,nan", ", line 2, column score: 'nan' is not a number"),
        ("a,1,2,,1_0", ", line 2, column score: '1_0' is not a number"),
        ("a,1,2,,1e999", ", line 2, column score: '1e999' is not a number"),
        ("a,1,2,mirco,", ", line 2, column kind: 'mirco' is none of micro, macro, blink, other"),
        ("a,1,,,", ", line 2, column offset: is missing: an event needs onset and offset, or an "
         "apex alone"),
        ("a,,5,,", ", line 2, column onset: is missing: an event needs onset and offset, or an "
         "apex alone"),
        (",1,5,,", ", line 2, column recording: is empty"),
        ("a,9,5,,", ", line 2: offset 5 is before onset 9"),
        ("a,-1,5,,", ", line 2: onset -1 is before the first frame (frame numbers start at 0)"),
        ("a,1,5,,,more", ", line 2: 6 cells under 5 columns"),
        ('"a\nb",1,5,,\n"c\n",x,5,,', ", line 4, column onset: 'x' is not a whole frame number"),
        ('a,1,5,,\na,"1,5,,', ", line 3: not a table (unexpected end of data)"),
        ("a,x,5,,\na,9,5,,\na,9,5,mirco,y", ", line 2, column onset: 'x' is not a whole frame "
         "number (and 3 more problems)"),
        ("a,x,5,,\na,9,5,,", ", line 2, column onset: 'x' is not a whole frame number (and 1 more "
         "problem)"),
        ("a," + "9" * 90 + ",5,,", f", line 2, column onset: '{'9' * 57}...' is not a whole frame "
         "number"),
    ],
)  # fmt: skip
def test_a_wrong_row(tmp_path, rows, message):
    path = tmp_path / "events.csv"
    path.write_text(f"recording,onset,offset,kind,score\n{rows}\n")
    assert complaint(csv.read_events, path) == message


def test_a_wrong_apex(tmp_path):
    path = tmp_path / "events.csv"
    path.write_text("recording,onset,apex,offset\na,3,-1,5\n")
    assert complaint(csv.read_events, path) == ", line 2: apex -1 is outside [3, 5]"


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("clip1,1,5", ", line 2, column recording: 'clip1' is not among the listed recordings; did "
         "you mean 'clip_1'?"),
        ("x,1,5", ", line 2, column recording: 'x' is not among the listed recordings"),
        ("clip_1,90,100", ", line 2: offset 100 is past the end of recording 'clip_1', whose 100 "
         "frames are 0 to 99"),
    ],
)  # fmt: skip
def test_an_event_that_does_not_fit_the_listed_recordings(tmp_path, row, message):
    path = tmp_path / "events.csv"
    path.write_text(f"recording,onset,offset\n{row}\n")
    assert complaint(csv.read_events, path, LISTED) == message


def test_the_last_frame_and_an_unknown_length_fit(tmp_path):
    path = tmp_path / "events.csv"
    path.write_text("recording,onset,offset\nclip_1,90,99\nclip_2,90,900\n")
    assert set(csv.read_events(path, LISTED)) == {"clip_1", "clip_2"}
    assert "line 2, column recording" in complaint(csv.read_events, path, [])


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", ": the file is empty; it needs at least a header line"),
        (b"\xef\xbb\xbf \n", ": the file is empty; it needs at least a header line"),
        (b"recording,onset\na,1\n", ": events need the columns recording, onset, offset, or "
         "recording, apex; found 'recording, onset'"),
        (b"a,1,2\n", ": events need the columns recording, onset, offset, or recording, apex; "
         "found 'a, 1, 2'"),
        (b"recording,fps,n_frames\n", ": events need the columns recording, onset, offset, or "
         "recording, apex; found 'recording, fps, n_frames' (this looks like a list of "
         "recordings)"),
        (b"recording,onset,offset,Onset\n", ", line 1: the column 'onset' stands there twice"),
        ("recording,onset,offset\nä,1,2\n".encode("latin-1"), ": not UTF-8 text; save it as CSV "
         "UTF-8"),
        ("recording,onset,offset\n".encode("utf-16"), ": not UTF-8 text; save it as CSV UTF-8"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_table_of_events(tmp_path, data, message):
    path = tmp_path / "events.csv"
    path.write_bytes(data)
    assert complaint(csv.read_events, path) == message


def test_no_file(tmp_path):
    assert complaint(csv.read_events, tmp_path / "no.csv") == ": no such file"
    assert complaint(csv.read_events, tmp_path) == ": is a folder, not a file"
    (tmp_path / "file").touch()
    assert complaint(csv.read_events, tmp_path / "file" / "x.csv").startswith(": cannot be read")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("recording,fps\na,25\na,25\n", ", line 3, column recording: 'a' is listed twice"),
        ("recording,fps\na,0\n", ", line 2, column fps: '0' is not a frame rate such as 25 or "
         "30000/1001"),
        ("recording,fps\na,1/0\n", ", line 2, column fps: '1/0' is not a frame rate such as 25 or "
         "30000/1001"),
        ("recording,fps\na,-5\n", ", line 2, column fps: '-5' is not a frame rate such as 25 or "
         "30000/1001"),
        ("recording,n_frames\na,2.5\n", ", line 2, column n_frames: '2.5' is not a whole frame "
         "number"),
        ("recording,n_frames\na,-3\n", ", line 2, column n_frames: '-3' is negative"),
        ("recording,n_frames\n,3\n", ", line 2, column recording: is empty"),
        ("subject,fps\na,25\n", ": a list of recordings needs the column recording; found "
         "'subject, fps'"),
        ("recording,onset,offset\na,1,2\n", ": holds events, not a list of recordings"),
        ("recording,n_frames\na,300\n", ": recording 'a' has no fps; write its frame rate, such as "
         "25 or 30000/1001"),
    ],
)  # fmt: skip
def test_a_wrong_list_of_recordings(tmp_path, text, message):
    path = tmp_path / "recordings.csv"
    path.write_text(text)
    assert complaint(csv.read_recordings, path) == message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", ": not a JSON file (Expecting property name enclosed in double quotes: line 1 column "
         "2 (char 1))"),
        ("[" * 10**5, ": not a JSON file (maximum recursion depth exceeded"),
        ("[]", ': not a mespot JSON file: it needs a list "events"'),
        ('{"format": "boris", "events": []}', ': not a mespot JSON file: it needs a list "events"'),
        ('{"version": 2, "events": []}', ": version 2 of the format; this mespot reads 1"),
        ('{"events": {}}', ": 'events' must be a list"),
        ('{"events": [3]}', ", event 1: must be an object of columns and values"),
        ('{"events": [{"recording": "a", "onset": [1], "offset": 2}]}', ", event 1, column onset: "
         "must be text, a number or null"),
        ('{"events": [{"recording": "a", "onset": 566.4, "offset": 567}]}', ", event 1, column "
         "onset: '566.4' is not a whole frame number"),
        ('{"events": [{"recording": "a", "onset": 1, "offset": 2, "score": NaN}]}', ", event 1, "
         "column score: 'nan' is not a number"),
        ('{"events": [{"onset": 1, "offset": 2}]}', ", event 1: events need the columns recording, "
         "onset, offset, or recording, apex; found 'onset, offset'"),
        ('{"recordings": [{"recording": "b"}], "events": [{"recording": "a", "apex": 2}]}',
         ", event 1, column recording: 'a' is not among the listed recordings"),
        ('{"recordings": [{"recording": "b", "fps": true}], "events": []}',
         ", recording 1, column fps: 'True' is not a frame rate such as 25 or 30000/1001"),
    ],
)  # fmt: skip
def test_a_wrong_json_file(tmp_path, text, message):
    path = tmp_path / "events.json"
    path.write_text(text)
    assert complaint(Json().read, path).startswith(message)
