"""Maximum one-to-one matching by augmenting paths."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence


def maximum_matching(neighbours: Sequence[Sequence[int]]) -> list[tuple[int, int]]:
    """As many disjoint pairs (left, right) as can be had; left ``i`` may take ``neighbours[i]``.

    Left nodes are served in order and prefer their earlier neighbours. Which pairs are formed
    follows from that order; how many does not. Berge (1957): a matching is a maximum one exactly
    when no augmenting path is left. O(nodes x edges) at worst, and near the number of edges for
    intervals that overlap few others.

    Returns
    -------
    list of (int, int)
        Sorted by the left node.
    """
    right_of: dict[int, int] = {}
    left_of: dict[int, int] = {}
    for left in range(len(neighbours)):
        _augment(left, neighbours, right_of, left_of)
    return sorted(right_of.items())


def _augment(
    start: int,
    neighbours: Sequence[Sequence[int]],
    right_of: dict[int, int],
    left_of: dict[int, int],
) -> None:
    """Search breadth-first for a free right node and flip the path to it, if there is one."""
    reached_from: dict[int, int] = {}
    queue = deque([start])
    while queue:
        left = queue.popleft()
        for right in neighbours[left]:
            if right in reached_from:
                continue
            reached_from[right] = left
            if right not in left_of:
                _flip(start, right, reached_from, right_of, left_of)
                return
            queue.append(left_of[right])


def _flip(
    start: int,
    free: int,
    reached_from: dict[int, int],
    right_of: dict[int, int],
    left_of: dict[int, int],
) -> None:
    """Give every left node of the path its new partner, from the free end back to the start."""
    right, left = free, reached_from[free]
    while left != start:
        given_up = right_of[left]
        right_of[left], left_of[right] = right, left
        right, left = given_up, reached_from[given_up]
    right_of[left], left_of[right] = right, left
