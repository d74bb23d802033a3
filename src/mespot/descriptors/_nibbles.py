"""Counting patterns without counters: 64 sums of four bits each in one vector."""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from mespot.descriptors._compiling import part

_U64 = np.uint64
PACK = 2
_I64 = ir.IntType(64)
_BYTES = ir.VectorType(ir.IntType(8), 32)


def _add_votes(typingctx, votes, places, area, counters, first):  # type: ignore[no-untyped-def]
    """docs"""

    def build(context, builder, signature, args):  # type: ignore[no-untyped-def]
        arrays = [context.make_array(signature.args[k])(context, builder, args[k]) for k in (0, 1, 3)]
        table, where, into = (a.data for a in arrays)
        room = builder.extract_value(arrays[1].shape, 1)
        start, columns, rows, width = (builder.extract_value(args[2], k) for k in range(4))
        lines = [builder.gep(where, [builder.add(start, builder.mul(room, _I64(p)))]) for p in range(3)]
        zero = ir.Constant(_BYTES, None)
        halves = [cgutils.alloca_once_value(builder, zero) for _ in range(6)]
        low, four = ir.Constant(_BYTES, [15] * 32), ir.Constant(_BYTES, [4] * 32)
        after = builder.append_basic_block("after")
        switch = builder.switch(columns, after)

        def lookup(offset):
            entry = builder.gep(table, [offset])
            return builder.load(builder.bitcast(entry, _BYTES.as_pointer()), align=1)

        def offsets(at, n):
            k = 0
            while k < n:
                many = next(m for m in (PACK, 2, 1) if m <= PACK and k + m <= n)
                word = ir.IntType(16 * many)
                here = builder.bitcast(builder.gep(at, [_I64(k)]), word.as_pointer())
                value = builder.zext(builder.load(here, align=2), _I64)
                for m in range(many):
                    one = builder.lshr(value, _I64(16 * m)) if m else value
                    yield builder.and_(one, _I64(0xFFFF)) if m < many - 1 else one
                k += many

        def group(first_row, high, n):
            sums = [None] * 3
            for y in range(high):
                down = builder.mul(builder.add(first_row, _I64(y)), width)
                at = [builder.gep(line, [down]) for line in lines]
                for trio in zip(*(offsets(line, n) for line in at)):
                    for p in range(3):
                        one = lookup(trio[p])
                        sums[p] = one if sums[p] is None else builder.add(sums[p], one)
            for p in range(3):
                for half, value in enumerate((builder.and_(sums[p], low), builder.lshr(sums[p], four))):
                    to = halves[2 * p + half]
                    builder.store(builder.add(builder.load(to), value), to)

        for n in range(1, 16):
            block = builder.append_basic_block(f"columns{n}")
            switch.add_case(_I64(n), block)
            with builder.goto_block(block):
                high = 15 // n
                done = _I64(0)
                if high > 1:
                    whole = builder.udiv(rows, _I64(high))
                    with cgutils.for_range(builder, whole) as loop:
                        group(builder.mul(loop.index, _I64(high)), high, n)
                    done = builder.mul(whole, _I64(high))
                with cgutils.for_range(builder, builder.sub(rows, done)) as loop:
                    group(builder.add(done, loop.index), 1, n)
                builder.branch(after)
        builder.position_at_end(after)
        number = ir.VectorType(into.type.pointee, 32)
        begin = builder.bitcast(builder.gep(into, [args[4]]), number.as_pointer())
        for k in range(6):
            to = builder.gep(begin, [_I64(k)])
            value = builder.zext(builder.load(halves[k]), number)
            builder.store(builder.add(builder.load(to, align=1), value), to, align=1)
        return context.get_dummy_value()

    four = types.UniTuple(types.int64, 4)
    return types.void(votes, places, four, counters, types.int64), build


_SAME = {(1, 0): (0, 0), (1, 4): (0, 4), (2, 0): (0, 6), (2, 4): (0, 2), (2, 2): (1, 2), (2, 6): (1, 6)}


def _set_places(typingctx, flat, start, neighbours, n, places):  # type: ignore[no-untyped-def]
    def build(context, builder, signature, args):  # type: ignore[no-untyped-def]
        arrays = [context.make_array(signature.args[k])(context, builder, args[k]) for k in (0, 2, 4)]
        pixels, table, out = (a.data for a in arrays)
        room = builder.extract_value(arrays[2].shape, 1)
        steps = {
            (p, k): builder.load(builder.gep(table, [_I64(8 * p + k)]))
            for p in range(3) for k in range(8) if (p, k) not in _SAME
        }
        first = builder.gep(pixels, [args[1]])
        wide = ir.VectorType(ir.IntType(16), 32)

        def load(at):
            return builder.load(builder.bitcast(at, _BYTES.as_pointer()), align=1)

        with cgutils.for_range(builder, builder.udiv(args[3], _I64(32))) as loop:
            i = builder.mul(loop.index, _I64(32))
            here = builder.gep(first, [i])
            centre = load(here)
            found = {}
            for p in range(3):
                code = None
                for k in range(8):
                    key = _SAME.get((p, k), (p, k))
                    if key not in found:
                        there = load(builder.gep(here, [steps[key]]))
                        found[key] = builder.sext(builder.icmp_unsigned(">=", there, centre), _BYTES)
                    bit = builder.and_(found[key], ir.Constant(_BYTES, [1 << k] * 32))
                    code = bit if code is None else builder.or_(code, bit)
                value = builder.shl(builder.zext(code, wide), ir.Constant(wide, [5] * 32))
                to = builder.gep(out, [builder.add(i, builder.mul(room, _I64(p)))])
                builder.store(value, builder.bitcast(to, wide.as_pointer()), align=2)
        return context.get_dummy_value()

    return types.void(flat, types.int64, neighbours, types.int64, places), build


set_places: Any = intrinsic(_set_places)
add_votes: Any = intrinsic(_add_votes)


@part
def vote_cells(votes, places, rows, width, cuts, counters):  # type: ignore[no-untyped-def]
    for c in range(cuts.x.size - 1):
        left, right = cuts.x[c] - cuts.x[0], cuts.x[c + 1] - cuts.x[0]
        for x in range(left, right, 15):
            add_votes(votes, places, (x, min(15, right - x), rows, width), counters, (c + 1) * 192)


@part
def shifted(codes, first, n, places, plane):  # type: ignore[no-untyped-def]
    p = _U64(plane)
    for i in range(first, n):
        places[p, i] = np.uint16(np.uint16(codes[i]) << np.uint16(5))
