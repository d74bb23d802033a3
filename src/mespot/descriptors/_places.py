"""Local binary patterns of 8 nearest voxels in all three planes, many voxels per instruction.

Planes share an axis, so 6 of the 24 comparisons are another plane's, too. The compiler would see
neither that nor that the loop has to be one of vectors, so it is written out here.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from mespot.descriptors._compiling import part
from mespot.descriptors._votes import VECTOR, array_of

_U16 = np.uint16
_I64 = ir.IntType(64)
_BYTES = ir.VectorType(ir.IntType(8), VECTOR)
_WIDE = ir.VectorType(ir.IntType(16), VECTOR)
# (plane, bit) whose neighbour is the one of another (plane, bit): along x, y and t.
_SAME = {
    (1, 0): (0, 0), (1, 4): (0, 4), (2, 0): (0, 6), (2, 4): (0, 2), (2, 2): (1, 2), (2, 6): (1, 6)
}  # fmt: skip


def _set_places(typingctx, flat, start, neighbours, n, places):  # type: ignore[no-untyped-def]
    """places[plane, i] = VECTOR * pattern of the voxel ``start`` + i, for i < n // VECTOR * VECTOR.

    Parameters
    ----------
    flat : (T * H * W,) uint8
    neighbours : (3, 8) int64
        Distances of the neighbours for the planes XY, XT, YT: bit k is set where the k-th is not
        darker than the voxel. Those of `mespot.descriptors.lbp_top.LbpTop`, in their order.
    places : (3, >= n) uint16
    """

    def build(context, builder, signature, args):  # type: ignore[no-untyped-def]
        pixels, table, out = (array_of(context, builder, signature, args, k) for k in (0, 2, 4))
        room = builder.extract_value(out.shape, 1)
        steps = {
            (p, k): builder.load(builder.gep(table.data, [_I64(8 * p + k)]))
            for p in range(3)
            for k in range(8)
        }
        first = builder.gep(pixels.data, [args[1]])
        with cgutils.for_range(builder, builder.udiv(args[3], _I64(VECTOR))) as loop:
            i = builder.mul(loop.index, _I64(VECTOR))
            for p, pattern in enumerate(_patterns(builder, builder.gep(first, [i]), steps)):
                place = builder.mul(
                    builder.zext(pattern, _WIDE), ir.Constant(_WIDE, [VECTOR] * VECTOR)
                )
                to = builder.gep(out.data, [builder.add(i, builder.mul(room, _I64(p)))])
                builder.store(place, builder.bitcast(to, _WIDE.as_pointer()), align=2)
        return context.get_dummy_value()

    return types.void(flat, types.int64, neighbours, types.int64, places), build


def _patterns(builder: Any, here: Any, steps: dict[tuple[int, int], Any]) -> list[Any]:
    """A vector of patterns for each plane, of the voxels at an address."""

    def load(at: Any) -> Any:
        return builder.load(builder.bitcast(at, _BYTES.as_pointer()), align=1)

    voxels, not_darker = load(here), {}
    patterns = []
    for p in range(3):
        bits = []
        for k in range(8):
            at = _SAME.get((p, k), (p, k))
            if at not in not_darker:
                there = load(builder.gep(here, [steps[at]]))
                not_darker[at] = builder.sext(builder.icmp_unsigned(">=", there, voxels), _BYTES)
            bits.append(builder.and_(not_darker[at], ir.Constant(_BYTES, [1 << k] * VECTOR)))
        pattern = bits[0]
        for bit in bits[1:]:
            pattern = builder.or_(pattern, bit)
        patterns.append(pattern)
    return patterns


set_places: Any = intrinsic(_set_places)


@part
def set_last_places(flat, start, neighbours, n, places):  # type: ignore[no-untyped-def]
    """The same for the voxels that `set_places` leaves, one by one."""
    for p in range(3):
        for i in range(n - n % VECTOR, n):
            pattern = 0
            for k in range(8):
                not_darker = flat[start + i + neighbours[p, k]] >= flat[start + i]
                pattern |= not_darker << k
            places[p, i] = _U16(pattern * VECTOR)
