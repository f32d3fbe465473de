"""Random draws by name, all from the one seed of a run.

One invariant: a draw depends only on the seed and on the names it is asked under, never on how many
other draws were made before it. Adding a factor, an item or a repeat therefore changes no other draw.

The bits come from BLAKE2b in counter mode, not from ``random``: the standard library promises the
same numbers across versions only for some of its methods, and a stored order must be derivable for ever.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    import numpy as np

T = TypeVar("T")
_WORD = 1 << 64


class Seed:
    """A place in the tree of names under one run seed.

    >>> Seed(7).child("item", "a").below(10) == Seed(7).child("item", "a").below(10)
    True
    """

    __slots__ = ("_block", "_counter", "_key", "_offset")

    def __init__(self, seed: int, *names: str | int) -> None:
        # Length-prefixed names keep ("ab", "c") and ("a", "bc") apart.
        text = "".join(f"{len(str(name))}:{name};" for name in (seed, *names))
        self._key = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=32).digest()
        self._counter = 0
        self._block = b""
        self._offset = 64

    def child(self, *names: str | int) -> Seed:
        """A seed of its own for a named purpose; drawing from it does not move this one."""
        made = Seed.__new__(Seed)
        text = "".join([f"{len(str(name))}:{name};" for name in names])
        made._key = blake2b(
            text.encode("utf-8", "surrogatepass"), digest_size=32, key=self._key
        ).digest()
        made._counter = 0
        made._block = b""
        made._offset = 64
        return made

    def _word(self) -> int:
        if self._offset >= 64:
            self._block = blake2b(self._counter.to_bytes(8, "little"), key=self._key).digest()
            self._counter += 1
            self._offset = 0
        word = int.from_bytes(self._block[self._offset : self._offset + 8], "little")
        self._offset += 8
        return word

    def below(self, n: int) -> int:
        """A whole number in [0, n), exactly uniform (rejection sampling)."""
        if n < 1:
            raise ValueError("below() needs n of at least 1")
        limit = _WORD - _WORD % n
        while (word := self._word()) >= limit:
            pass
        return word % n

    def uniform(self) -> float:
        """A float in [0, 1) with 53 random bits."""
        return (self._word() >> 11) / (1 << 53)

    def shuffled(self, values: Sequence[T]) -> tuple[T, ...]:
        """The values in random order (Fisher–Yates)."""
        order = list(values)
        for last in range(len(order) - 1, 0, -1):
            other = self.below(last + 1)
            order[last], order[other] = order[other], order[last]
        return tuple(order)

    def pick(self, values: Sequence[T]) -> T:
        """One of the values, each equally likely."""
        if not values:
            raise ValueError("cannot pick from an empty list")
        return values[self.below(len(values))]

    def sample(self, values: Sequence[T], count: int) -> tuple[T, ...]:
        """``count`` different positions of the values, in random order."""
        if count > len(values):
            raise ValueError(f"cannot draw {count} of {len(values)} without replacement")
        return self.shuffled(values)[:count]

    def integer(self) -> int:
        """A seed in [0, 2**31) for a backend or a library."""
        return self._word() >> 33

    def numpy(self) -> np.random.Generator:
        """A numpy generator seeded from here."""
        import numpy as np

        return np.random.Generator(np.random.PCG64(int.from_bytes(self._key, "little")))
