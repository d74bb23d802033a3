"""Options of LBP-TOP, HOG-TOP and HIGO-TOP: worked by hand, their symmetries, and scikit-image."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.feature import local_binary_pattern

from mespot.descriptors._patterns_any import ONE, bin_table, taps_of
from mespot.descriptors.higo_top import HigoTop
from mespot.descriptors.hog_top import HogTop
from mespot.descriptors.lbp_top import LbpTop
from test_descriptors_planes import CUBE, describe, noise

QUICK = settings(max_examples=15, deadline=None)
seeds = st.integers(0, 2**32)
ONE_VOXEL = {"grid": (1, 1), "span": 3}


def set_bins(descriptor, volume):
    """Which bins of each plane are not empty in the only histogram."""
    row = describe(descriptor, volume)[0, 0, 0, 0]
    return [list(np.flatnonzero(plane)) for plane in row]


def test_four_neighbours_by_hand():
    # Right, up (before), left, down (after). XY: right, up. XT: right, before. YT, where y grows
    # first: before, up.
    assert set_bins(LbpTop(points=4, patterns="full", **ONE_VOXEL), CUBE) == [[3], [3], [6]]
    # Runs of two, from bit 0 -> 1 + 4 + 0, and from bit 1 -> 5 + 3.
    assert set_bins(LbpTop(points=4, **ONE_VOXEL), CUBE) == [[5], [5], [8]]


def test_full_bins_are_the_patterns_by_hand():
    # The bits are those of test_patterns_of_one_voxel_by_hand.
    wanted = [[0b101], [0b111], [0b11100]]
    assert set_bins(LbpTop(patterns="full", **ONE_VOXEL), CUBE) == wanted


def test_sixteen_neighbours_by_hand():
    """At radius 1, nearest: the odd neighbours fall on the voxels of their side's even ones."""
    volume = np.zeros((3, 3, 3), np.uint8)
    volume[1, 1, 1] = 9
    volume[1, 0, 2] = 9  # right and up: neighbours 2, and (0.92, 0.38) -> right only
    row = LbpTop(points=16, **ONE_VOXEL)
    # Neighbours 1 and 3 round to (1, 0) and (0, 1): only bit 2 is set, a run of one.
    assert set_bins(row, volume)[0] == [1 + 14]
    volume[1, 1, 2] = 9  # right: neighbours 0, 1 and 15
    # Bits 15, 0, 1, 2: a run of four from bit 15.
    assert set_bins(row, volume)[0] == [1 + 16 * 3 + 1]


def test_interpolation_by_hand():
    volume = np.zeros((3, 3, 3), np.uint8)
    volume[1, 1, 1] = 50
    volume[1, 1, 2] = volume[1, 0, 1] = 100  # right, up
    volume[1, 0, 2] = 40  # between them: darker, but at (0.71, 0.71) from the voxel it is
    # 0.086 * 50 + 0.207 * (100 + 100) + 0.5 * 40 = 65.7, brighter. The other corners reach 25.
    assert set_bins(LbpTop(**ONE_VOXEL), volume)[0] == [58]
    assert set_bins(LbpTop(interpolation="bilinear", **ONE_VOXEL), volume)[0] == [1 + 16]
    volume[1, 0, 2] = 8  # 0.086 * 50 + 41.4 + 4 = 49.7
    assert set_bins(LbpTop(interpolation="bilinear", **ONE_VOXEL), volume)[0] == [58]
    volume[1, 0, 2] = 9  # 50.2
    assert set_bins(LbpTop(interpolation="bilinear", **ONE_VOXEL), volume)[0] == [1 + 16]


@pytest.mark.parametrize("points", [4, 8, 16])
@pytest.mark.parametrize("radius", [(1, 1, 1), (2, 3, 1), (4, 4, 4), (3, 2, 4)])
def test_flat_areas_are_all_ones(points, radius):
    """Weights that add up to a little less than 1 would make them all zeros."""
    for level in (1, 3, 97, 255):
        descriptor = LbpTop(grid=(1, 1), radius=radius, points=points, interpolation="bilinear")
        volume = np.full((9, 10, 10), level, np.uint8)
        values = describe(descriptor, volume)
        assert (values[..., points * (points - 1) + 1] == 1).all()


def test_no_grey_levels_make_fixed_point_differ_from_real_numbers():
    """Radius 1: all sums of two sides and all corners, relative to the voxel, against roots."""
    descriptor = LbpTop(interpolation="bilinear")
    _, weights = taps_of(descriptor.positions()[0], (0, 1), True)
    corner, side, other_side, centre = (int(w) for w in weights[1])
    assert corner == ONE // 2
    assert side == other_side
    assert centre == ONE - corner - 2 * side
    s, d = np.mgrid[-510:511, -255:256]
    found = side * s + corner * d >= 0
    # (sqrt 2 - 1) s + d >= 0, that is sqrt 2 s >= s - d, in whole numbers.
    rest = s - d
    wanted = np.where(
        s >= 0, (rest <= 0) | (2 * s * s >= rest * rest), (rest < 0) & (rest**2 >= 2 * s * s)
    )
    np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize(("points", "r"), [(4, 1), (4, 3), (8, 1), (8, 2), (8, 3), (16, 2)])
def test_bilinear_planes_equal_scikit_image(points, r):
    """On noise, where no neighbour is by chance as bright as the voxel to 1e-5.

    There scikit-image's result is a matter of rounding.
    """
    t, y, x = 2 * r + 1, 24, 27
    volume = noise(11, (t, y, x))
    fields = {"grid": (1, 1), "span": t, "radius": (r, r, r)}
    descriptor = LbpTop(points=points, interpolation="bilinear", **fields)
    row = describe(descriptor, volume)[0, 0, 0, 0]

    def bins(image):
        return local_binary_pattern(image, points, r, "nri_uniform").astype(int)

    core_y, core_x = slice(r, y - r), slice(r, x - r)
    wanted = [
        bins(volume[r])[core_y, core_x],
        np.stack([bins(volume[:, i])[r, core_x] for i in range(y)[core_y]]),
        np.stack([bins(volume[:, :, i])[r, core_y] for i in range(x)[core_x]]),
    ]
    for plane in range(3):
        counts = np.bincount(wanted[plane].ravel(), minlength=descriptor.bins_per_plane)
        np.testing.assert_allclose(row[plane], counts / counts.sum(), atol=1e-7)


@QUICK
@given(seed=seeds, points=st.sampled_from([4, 8, 16]), r=st.integers(1, 2))
def test_bilinear_videos_mirror_to_the_bit(seed, points, r):
    volume = noise(seed, (2 * r + 1, 12, 15), 6)
    descriptor = LbpTop(
        grid=(1, 1), span=2 * r + 1, radius=(r, r, r), points=points, interpolation="bilinear"
    )
    mirrored = describe(descriptor, volume[:, :, ::-1])
    plain = describe(descriptor, volume)
    table = bin_table(points, True)
    codes = np.arange(2**points)
    bits = codes[:, None] >> np.arange(points) & 1
    turned = (bits << (points // 2 - np.arange(points)) % points).sum(1)
    for plane in (0, 1):
        swapped = np.zeros_like(plain[..., plane, :])
        swapped[..., table[turned]] = plain[..., plane, table[codes]]
        np.testing.assert_array_equal(mirrored[..., plane, :], swapped)
    np.testing.assert_array_equal(mirrored[..., 2, :], plain[..., 2, :])


@QUICK
@given(seed=seeds, factor=st.integers(1, 4), more=st.integers(0, 50))
def test_bilinear_ignores_brightness_and_contrast(seed, factor, more):
    """Not every rising grey map, as without interpolation: a mean of levels is not a level."""
    volume = noise(seed, (5, 11, 12), 50)
    descriptor = LbpTop(grid=(2, 2), span=5, interpolation="bilinear")
    np.testing.assert_array_equal(
        describe(descriptor, volume), describe(descriptor, factor * volume + more)
    )


def test_unsigned_orientations_by_hand():
    # Gradients as in test_orientations_of_one_voxel_by_hand: -45, -18.4 and 198.4 degrees, which
    # are 135, 161.6 and 18.4 of a half circle; bins of 45 degrees.
    for kind in (HogTop, HigoTop):
        descriptor = kind(bins=4, orientation="unsigned", **ONE_VOXEL)
        assert set_bins(descriptor, CUBE) == [[3], [0], [0]]


def test_soft_votes_by_hand():
    # Bins of 90 degrees: -45 is half-way from 3 to 0, -18.435 is 0.795 of the way; 198.435 is 0.205
    # of the way from 2 to 3.
    part = np.degrees(np.arctan2(1, 3)) / 90
    wanted = [[0.5, 0, 0, 0.5], [1 - part, 0, 0, part], [0, 0, 1 - part, part]]
    for kind in (HogTop, HigoTop):
        row = describe(kind(bins=4, voting="soft", **ONE_VOXEL), CUBE)[0, 0, 0, 0]
        np.testing.assert_allclose(row, wanted, rtol=0, atol=1e-5)


@QUICK
@given(seed=seeds, bins=st.sampled_from([2, 3, 8, 9]), voting=st.sampled_from(["hard", "soft"]))
def test_a_negative_changes_nothing_for_unsigned_orientations(seed, bins, voting):
    volume = noise(seed, (5, 10, 14), 30)
    for kind in (HogTop, HigoTop):
        descriptor = kind(grid=(2, 2), span=5, bins=bins, orientation="unsigned", voting=voting)
        np.testing.assert_array_equal(
            describe(descriptor, volume), describe(descriptor, 255 - volume)
        )


@QUICK
@given(seed=seeds)
def test_soft_votes_on_exact_angles_are_hard(seed):
    """Gradients along axes and diagonals only: the nearest bin takes all."""
    levels = np.random.default_rng(seed).integers(0, 2, (5, 10, 14)) * 50
    volume = levels.astype(np.uint8)
    for kind in (HogTop, HigoTop):
        hard = describe(kind(grid=(2, 2), span=5), volume)
        soft = describe(kind(grid=(2, 2), span=5, voting="soft"), volume)
        np.testing.assert_array_equal(hard, soft)
