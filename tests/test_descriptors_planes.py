"""LBP-TOP, HOG-TOP, HIGO-TOP: cases worked by hand, symmetries, and scikit-image plane by plane."""

from __future__ import annotations

import subprocess
import sys
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.feature import local_binary_pattern

from mespot.descriptors.higo_top import HigoTop
from mespot.descriptors.hog_top import HogTop, vote_table
from mespot.descriptors.lbp_top import LbpTop, uniform_bins
from test_descriptors_top import clip_of

QUICK = settings(max_examples=25, deadline=None)
seeds = st.integers(0, 2**32)


def describe(descriptor, volume):
    """(rows, bt, by, bx, 3, bins)"""
    values = descriptor.describe(clip_of(volume)).values
    return values.reshape(len(values), *descriptor.shape)


def noise(seed, shape, levels=256):
    return np.random.default_rng(seed).integers(0, levels, shape, dtype=np.uint8)


# One voxel with all its neighbours, V[t, y, x]; what is not set is 0.
CUBE = np.zeros((3, 3, 3), np.uint8)
CUBE[1, 1, 1] = 50
CUBE[1, 1, 2] = 60  # right
CUBE[1, 0, 1] = 60  # up
CUBE[0, 1, 1] = 50  # before: as bright, which counts as not darker
CUBE[0, 1, 2] = 70  # before, right
CUBE[0, 0, 1] = 90  # before, up
CUBE[2, 1, 1] = 30  # after


def test_patterns_of_one_voxel_by_hand():
    row = describe(LbpTop(grid=(1, 1), span=3), CUBE)[0, 0, 0, 0]
    # XY: right (bit 0) and up (2), not the corner between: two runs.
    # XT: right (0), right before (1), before (2): a run of 3 from bit 0 -> 1 + 16 + 0.
    # YT, where y grows first: before (2), up before (3), up (4): a run of 3 from bit 2 -> 17 + 6.
    assert [list(np.flatnonzero(plane)) for plane in row] == [[58], [17], [23]]
    assert row.sum() == 3


@pytest.mark.parametrize("kind", [HogTop, HigoTop])
def test_orientations_of_one_voxel_by_hand(kind):
    row = describe(kind(grid=(1, 1), span=3), CUBE)[0, 0, 0, 0]
    # (gx, gy, gt) = (60, -60, -20): XY -45 degrees -> 7, XT -18 -> 0, YT 198 -> 4.
    assert [list(np.flatnonzero(plane)) for plane in row] == [[7], [0], [4]]
    assert row.sum() == 3


def test_weights_of_two_voxels_by_hand():
    volume = np.zeros((3, 3, 4), np.uint8)
    volume[1, 1, 2] = 3  # a step of 3 to the right of voxel 1 ...
    volume[1, 0, 2] = 4  # ... and of 4 above voxel 2; voxel 2 has 3 - 0 to neither side
    hog = describe(HogTop(grid=(1, 1), span=3), volume)[0, 0, 0, 0]
    higo = describe(HigoTop(grid=(1, 1), span=3), volume)[0, 0, 0, 0]
    # XY: (3, 0) votes 3 for bin 0, (0, -4) votes 4 for bin 6. XT: (3, 0) alone. YT: (-4, 0) alone.
    wanted = np.zeros((3, 8))
    wanted[0, [0, 6]] = 3 / 7, 4 / 7
    wanted[1, 0] = wanted[2, 4] = 1
    np.testing.assert_allclose(hog, wanted, atol=1e-7)
    np.testing.assert_array_equal(higo, (wanted > 0) / [[2], [1], [1]])


def test_still_and_even_volumes():
    still = np.repeat(noise(0, (1, 12, 12)), 5, axis=0)
    higo = describe(HigoTop(grid=(2, 2), span=5), still)[0, 0]
    # No gradient in time: XT and YT point along their first axis only.
    assert (higo[:, :, 1:, [1, 2, 3, 5, 6, 7]] == 0).all()
    np.testing.assert_allclose(higo.sum(-1), 1, atol=1e-6)
    even = np.full((5, 12, 12), 90)
    for kind in (HogTop, HigoTop):
        assert not describe(kind(grid=(2, 2), span=5), even).any(), "no gradient, no vote"
    lbp = describe(LbpTop(grid=(2, 2), span=5), even)
    assert (lbp[..., 57] == 1).all(), "every neighbour is as bright"


def test_time_blocks_are_rows_of_their_own_frames():
    volume = noise(1, (11, 14, 14))
    whole = describe(HigoTop(grid=(2, 2), span=11, time_blocks=3), volume)[0]
    # 9 countable frames 1 .. 9 in thirds; a third with its two neighbours is a row of span 5.
    for j in range(3):
        part = describe(HigoTop(grid=(2, 2), span=5), volume[3 * j : 3 * j + 5])[0, 0]
        np.testing.assert_array_equal(whole[j], part)


@QUICK
@given(seed=seeds, lut=st.permutations(range(256)))
def test_lbp_ignores_strictly_rising_grey_maps(seed, lut):
    volume = noise(seed, (6, 13, 12), 20)
    rising = np.sort(np.array(lut[:20])).astype(np.uint8)
    descriptor = LbpTop(grid=(2, 3), span=5)
    np.testing.assert_array_equal(
        describe(descriptor, volume), describe(descriptor, rising[volume])
    )


@QUICK
@given(seed=seeds)
def test_gradients_ignore_brightness_and_contrast(seed):
    volume = noise(seed, (6, 13, 12), 60)
    for kind in (HogTop, HigoTop):
        descriptor = kind(grid=(2, 3), span=5)
        plain, changed = describe(descriptor, volume), describe(descriptor, 3 * volume + 41)
        np.testing.assert_allclose(plain, changed, rtol=0, atol=1e-6 * (kind is HogTop))


def permuted_uniform(move):
    """Where each uniform bin goes when bit k becomes bit ``move(k)``."""
    runs = {0: (), 57: tuple(range(8))}
    for ones, begin in product(range(1, 8), range(8)):
        runs[1 + 8 * (ones - 1) + (8 - begin) % 8] = tuple((begin + i) % 8 for i in range(ones))
    bin_of = {frozenset(bits): label for label, bits in runs.items()}
    return [bin_of[frozenset(move(k) for k in runs[label])] for label in range(58)] + [58]


MIRROR = permuted_uniform(lambda k: (4 - k) % 8)
REVERSE = permuted_uniform(lambda k: -k % 8)
SWAP = permuted_uniform(lambda k: (6 - k) % 8)


@QUICK
@given(seed=seeds)
def test_a_mirrored_video_has_mirrored_bins_in_mirrored_blocks(seed):
    volume = noise(seed, (5, 10, 14), 30)  # 12 countable columns: halves mirror exactly
    for kind in (LbpTop, HogTop, HigoTop):
        descriptor = kind(grid=(2, 1), overlap=0, span=5)
        plain = describe(descriptor, volume)
        mirrored = describe(descriptor, volume[:, :, ::-1])[:, :, :, ::-1]
        swap = MIRROR if kind is LbpTop else [(4 - k) % 8 for k in range(8)]
        for plane in (0, 1):
            np.testing.assert_array_equal(mirrored[..., plane, swap], plain[..., plane, :])
        np.testing.assert_array_equal(mirrored[..., 2, :], plain[..., 2, :])


@QUICK
@given(seed=seeds)
def test_a_reversed_video_has_reversed_bins_in_time(seed):
    volume = noise(seed, (5, 10, 14), 30)
    for kind in (LbpTop, HogTop, HigoTop):
        descriptor = kind(grid=(2, 2), span=5)
        plain, back = describe(descriptor, volume), describe(descriptor, volume[::-1])
        swap = REVERSE if kind is LbpTop else [-k % 8 for k in range(8)]
        np.testing.assert_array_equal(back[..., 0, :], plain[..., 0, :])
        for plane in (1, 2):
            np.testing.assert_array_equal(back[..., plane, swap], plain[..., plane, :])


@QUICK
@given(seed=seeds)
def test_swapping_x_and_y_swaps_xt_and_yt_with_their_radii(seed):
    """Fails if one of the two planes takes the radius or the neighbours of the other."""
    volume = noise(seed, (7, 15, 18), 30)
    plain = describe(LbpTop(grid=(2, 3), span=5, radius=(3, 1, 2)), volume)
    swapped = describe(
        LbpTop(grid=(3, 2), span=5, radius=(1, 3, 2)), volume.transpose(0, 2, 1)
    ).transpose(0, 1, 3, 2, 4, 5)
    np.testing.assert_array_equal(swapped[..., 2, :], plain[..., 1, :])
    np.testing.assert_array_equal(swapped[..., 1, :], plain[..., 2, :])
    np.testing.assert_array_equal(swapped[..., 0, SWAP], plain[..., 0, :])


@QUICK
@given(seed=seeds)
def test_a_negative_turns_gradients_round(seed):
    volume = noise(seed, (5, 10, 14), 30)
    for kind in (HogTop, HigoTop):
        plain = describe(kind(grid=(2, 2), span=5), volume)
        negative = describe(kind(grid=(2, 2), span=5), 255 - volume)
        np.testing.assert_array_equal(np.roll(negative, 4, axis=-1), plain)


def skimage_bins(image, radius):
    """(H, W) scikit-image's uniform bins of an image, its rows along the plane's second axis.

    It interpolates the corners of the circle, we round them; so corners are asked for as upright
    neighbours in an image turned by 45 degrees (radius 1 and 2 both round to one pixel each way).
    """
    upright = local_binary_pattern(image, 4, radius, "default").astype(int)
    corners = np.zeros_like(upright)
    n = sum(image.shape) + 2
    i, j = np.mgrid[-n:n, -n:n]
    for shift in (0, 1):
        row, column = i - j, i + j + shift
        inside = (row >= 0) & (column >= 0) & (row < image.shape[0]) & (column < image.shape[1])
        turned = np.zeros(i.shape, np.uint8)
        turned[inside] = image[row[inside], column[inside]]
        found = local_binary_pattern(turned, 4, 1, "default").astype(int)
        corners[row[inside], column[inside]] = found[inside]
    codes = np.zeros_like(upright)
    for k in range(4):
        codes |= (upright >> k & 1) << (2 * k) | (corners >> k & 1) << (2 * k + 1)
    return skimage_labels()[codes]


def skimage_labels():
    """(256,) scikit-image's bin of each pattern, read off an image that shows them all."""
    image = noise(0, (400, 400))
    codes = local_binary_pattern(image, 8, 1, "default").astype(int)
    labels = local_binary_pattern(image, 8, 1, "nri_uniform").astype(int)
    table = np.full(256, -1)
    table[codes] = labels
    assert (table >= 0).all()
    return table


def test_uniform_bins_are_those_of_scikit_image():
    np.testing.assert_array_equal(uniform_bins(), skimage_labels())


@pytest.mark.parametrize("r", [1, 2])
def test_each_plane_equals_scikit_image(r):
    t, y, x = 2 * r + 1, 17, 21
    volume = noise(5, (t, y, x), 12)
    row = describe(LbpTop(grid=(1, 1), span=t, radius=(r, r, r)), volume)[0, 0, 0, 0]
    core_y, core_x = slice(r, y - r), slice(r, x - r)
    bins = [
        skimage_bins(volume[r], r)[core_y, core_x],
        np.stack([skimage_bins(volume[:, i], r)[r, core_x] for i in range(y)[core_y]]),
        np.stack([skimage_bins(volume[:, :, i], r)[r, core_y] for i in range(x)[core_x]]),
    ]
    for plane in range(3):
        counts = np.bincount(bins[plane].ravel(), minlength=59)
        np.testing.assert_allclose(row[plane], counts / counts.sum(), atol=1e-7)


def one_gradient(a, b):
    """The smallest clip: its only countable voxel has the gradient (a, b) in the plane XY."""
    volume = np.zeros((3, 3, 3), np.uint8)
    volume[1, 1, 2], volume[1, 1, 0] = max(a, 0), max(-a, 0)
    volume[1, 2, 1], volume[1, 0, 1] = max(b, 0), max(-b, 0)
    return volume


def test_orientations_are_exact_for_every_gradient():
    """HOG-TOP's table against angles, and HIGO-TOP's comparisons of bytes against the table."""
    table, votes = vote_table(False)
    b, a = (axis.ravel() for axis in np.mgrid[-255:256, -255:256])
    zero = (a == 0) & (b == 0)
    away = np.degrees(np.arctan2(b, a)) - 45.0 * table[0]
    assert (np.abs((away[~zero] + 180) % 360 - 180) < 22.5).all()
    np.testing.assert_array_equal(votes[0] == 0, zero)
    rng = np.random.default_rng(0)
    for _ in range(4):
        volume = rng.integers(0, 256, (3, 152, 152), dtype=np.uint8)
        wide = volume.astype(int)
        gx, gy = wide[1, 1:-1, 2:] - wide[1, 1:-1, :-2], wide[1, 2:, 1:-1] - wide[1, :-2, 1:-1]
        found = table[0, 511 * (gy + 255) + gx + 255][(gx != 0) | (gy != 0)]
        wanted = np.bincount(found, minlength=8)
        row = describe(HigoTop(grid=(1, 1), span=3), volume)[0, 0, 0, 0, 0]
        np.testing.assert_array_equal(row, (wanted * (1.0 / wanted.sum())).astype(np.float32))


def test_limits_between_orientations_of_bytes():
    """The gradients next to the edge of a bin, for every size along the axis."""
    for w in range(1, 256):
        limit = int(np.floor(w * np.tan(np.pi / 8)))
        for other in (limit, limit + 1):
            wanted = 0 if other == limit else 1
            row = describe(HigoTop(grid=(1, 1), span=3), one_gradient(w, other))[0, 0, 0, 0, 0]
            assert row[wanted] == 1, (w, other)
            row = describe(HigoTop(grid=(1, 1), span=3), one_gradient(other, -w))[0, 0, 0, 0, 0]
            assert row[6 + wanted] == 1, (other, -w)


def test_soft_votes_turn_with_the_gradient():
    """The two bins' shares, as angles, average to the gradient's own angle."""
    b, a = (axis.ravel() for axis in np.mgrid[-255:256, -255:256])
    found, votes = vote_table(True)
    size = np.hypot(a, b)
    np.testing.assert_allclose(votes.sum(0) / 2**18, size, rtol=0, atol=3e-5)
    keep = size > 0
    upper = votes[1, keep] / votes.sum(0)[keep]
    away = np.degrees(np.arctan2(b, a))[keep] - 45 * (found[0, keep] + upper)
    assert np.abs((away + 180) % 360 - 180).max() < 0.01
    assert (found[1] == (found[0] + 1) % 8).all()
    assert votes.max() < 2**27


def test_soft_votes_by_hand():
    # Bins of 45 degrees: -45 is bin 7; -18.435 is 0.590 of the way from 7 to 0; 198.435 is 0.410 of
    # the way from 4 to 5.
    part = np.degrees(np.arctan2(1, 3)) / 45
    wanted = np.zeros((3, 8))
    wanted[0, 7] = 1
    wanted[1, [7, 0]] = part, 1 - part
    wanted[2, [4, 5]] = 1 - part, part
    row = describe(HogTop(voting="soft", grid=(1, 1), span=3), CUBE)[0, 0, 0, 0]
    np.testing.assert_allclose(row, wanted, rtol=0, atol=1e-5)


@QUICK
@given(seed=seeds)
def test_soft_votes_on_exact_angles_are_hard(seed):
    """Gradients along axes and diagonals only: the nearest bin takes all."""
    levels = np.random.default_rng(seed).integers(0, 2, (5, 10, 14)) * 50
    volume = levels.astype(np.uint8)
    hard = describe(HogTop(grid=(2, 2), span=5), volume)
    soft = describe(HogTop(grid=(2, 2), span=5, voting="soft"), volume)
    np.testing.assert_array_equal(hard, soft)


@pytest.mark.slow
def test_first_call_from_two_threads(tmp_path):
    """Both threads need the kernels compiled; nothing is cached yet."""
    code = (
        "import numpy as np, threading\n"
        "from fractions import Fraction\n"
        "from mespot.types import FaceClip\n"
        "from mespot.descriptors.higo_top import HigoTop\n"
        "v = np.random.default_rng(0).integers(0, 256, (9, 16, 16), dtype=np.uint8)\n"
        "c = FaceClip(v, np.ones(9, bool), np.zeros((9, 5, 2), np.float32), np.arange(9.),"
        " Fraction(25))\n"
        "rows = []\n"
        "work = lambda: rows.append(HigoTop(span=3).describe(c).values)\n"
        "both = [threading.Thread(target=work) for _ in range(2)]\n"
        "[t.start() for t in both]; [t.join() for t in both]\n"
        "print(len(rows) == 2 and np.array_equal(*rows))\n"
    )
    out = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True, text=True, check=True, env={"NUMBA_CACHE_DIR": str(tmp_path)},
    )  # fmt: skip
    assert out.stdout.strip() == "True"
