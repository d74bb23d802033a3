"""Counting patterns of 8 bits without counters in memory: 64 sums in one vector.

A vote loads its pattern's vector, which is 1 in the bin's place, and adds it to the sums in a
register. A store per vote would cost a clock cycle, which is more than all of this. Sums have four
bits, then eight, and only what a whole cell holds goes to memory. Bin b is the low half of byte b,
or the high half of byte b - 32.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from mespot.descriptors._compiling import part

# A pattern's vector begins at its place: pattern * VECTOR bytes.
VECTOR = 32
# So many votes fit into four bits, and so many rows of them into eight.
COLUMNS, ROWS = 15, 17
# Counters of a cell: 64 in each plane.
SIZE = 3 * 2 * VECTOR

_I64 = ir.IntType(64)
_BYTES = ir.VectorType(ir.IntType(8), VECTOR)


def array_of(context: Any, builder: Any, signature: Any, args: Any, k: int) -> Any:
    """Argument k, an array, with its ``data`` and ``shape``."""
    return context.make_array(signature.args[k])(context, builder, args[k])


def _add_votes(typingctx, vectors, places, area, counters, first):  # type: ignore[no-untyped-def]
    """One vote for every voxel of an area within a cell, in each plane.

    Parameters
    ----------
    vectors : (256 * VECTOR,) uint8
        Where each pattern votes: `vote_vectors`.
    places : (3, n) uint16
        VECTOR times each voxel's pattern.
    area : (int, int, int, int)
        First voxel, columns (1 to COLUMNS), rows (up to ROWS), and from one row to the next.
    counters : unsigned
        SIZE of them, from ``first`` on, are added to.
    """

    def build(context, builder, signature, args):  # type: ignore[no-untyped-def]
        where = array_of(context, builder, signature, args, 1)
        start, columns, rows, width = (builder.extract_value(args[2], k) for k in range(4))
        room = builder.extract_value(where.shape, 1)
        lines = [
            builder.gep(where.data, [builder.add(start, builder.mul(room, _I64(p)))])
            for p in range(3)
        ]
        sums = [cgutils.alloca_once_value(builder, ir.Constant(_BYTES, None)) for _ in range(6)]
        table = array_of(context, builder, signature, args, 0).data

        def vote(row: Any, high: int, across: int) -> None:
            starts = [builder.mul(builder.add(row, _I64(y)), width) for y in range(high)]
            at = [[builder.gep(line, [down]) for down in starts] for line in lines]
            _vote(builder, table, at, across, sums)

        _for_each_width(builder, columns, rows, vote)
        _add_to_counters(builder, sums, array_of(context, builder, signature, args, 3), args[4])
        return context.get_dummy_value()

    four = types.UniTuple(types.int64, 4)
    return types.void(vectors, places, four, counters, types.int64), build


def _for_each_width(builder: Any, columns: Any, rows: Any, vote: Callable[..., None]) -> None:
    """Code of its own for each number of columns, without a branch among a row's votes.

    As many rows at a time as four bits have room for, then the rest one by one.
    """
    after = builder.append_basic_block("after")
    switch = builder.switch(columns, after)
    for across in range(1, COLUMNS + 1):
        block = builder.append_basic_block(f"columns{across}")
        switch.add_case(_I64(across), block)
        with builder.goto_block(block):
            high, done = COLUMNS // across, _I64(0)
            if high > 1:
                groups = builder.udiv(rows, _I64(high))
                with cgutils.for_range(builder, groups) as loop:
                    vote(builder.mul(loop.index, _I64(high)), high, across)
                done = builder.mul(groups, _I64(high))
            with cgutils.for_range(builder, builder.sub(rows, done)) as loop:
                vote(builder.add(done, loop.index), 1, across)
            builder.branch(after)
    builder.position_at_end(after)


def _vote(builder: Any, table: Any, lines: Any, across: int, sums: Any) -> None:
    """Add up the vectors at the places from lines[plane][row] on, and them to ``sums``."""
    low, four = (ir.Constant(_BYTES, [value] * VECTOR) for value in (15, 4))
    totals: list[Any] = [None] * 3
    for row in zip(*lines, strict=True):
        # Planes take turns, so that additions need not wait for each other.
        for places in zip(*(_places(builder, at, across) for at in row), strict=True):
            for p, place in enumerate(places):
                at = builder.bitcast(builder.gep(table, [place]), _BYTES.as_pointer())
                one = builder.load(at, align=1)
                totals[p] = one if totals[p] is None else builder.add(totals[p], one)
    for p, total in enumerate(totals):
        for half, value in enumerate((builder.and_(total, low), builder.lshr(total, four))):
            to = sums[2 * p + half]
            builder.store(builder.add(builder.load(to), value), to)


def _places(builder: Any, at: Any, n: int) -> Iterator[Any]:
    """The n places from an address on, loaded two at a time: loads are what votes wait for.

    Which of the two comes first does not matter, as both votes go to one cell.
    """
    for k in range(0, n, 2):
        word = ir.IntType(16 * min(2, n - k))
        here = builder.bitcast(builder.gep(at, [_I64(k)]), word.as_pointer())
        both = builder.zext(builder.load(here, align=2), _I64)
        yield builder.and_(both, _I64(0xFFFF))
        if k + 1 < n:
            yield builder.lshr(both, _I64(16))


def _add_to_counters(builder: Any, sums: Any, counters: Any, first: Any) -> None:
    many = ir.VectorType(counters.data.type.pointee, VECTOR)
    begin = builder.bitcast(builder.gep(counters.data, [first]), many.as_pointer())
    for k, each in enumerate(sums):
        to = builder.gep(begin, [_I64(k)])
        value = builder.zext(builder.load(each), many)
        builder.store(builder.add(builder.load(to, align=1), value), to, align=1)


add_votes: Any = intrinsic(_add_votes)


@part
def vote_cells(vectors, places, rows, width, cuts, counters):  # type: ignore[no-untyped-def]
    """One vote for each countable voxel of up to ROWS rows, in each plane; as `add_votes`.

    ``counters`` ((1 + cells across) * SIZE,): the first SIZE stay as they are.
    """
    for c in range(cuts.x.size - 1):
        left, right = cuts.x[c] - cuts.x[0], cuts.x[c + 1] - cuts.x[0]
        for x in range(left, right, COLUMNS):
            area = (x, min(COLUMNS, right - x), rows, width)
            add_votes(vectors, places, area, counters, (c + 1) * SIZE)
