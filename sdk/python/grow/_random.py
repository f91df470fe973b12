"""The functions of module random draw from the message's stream. Those of secrets, of
uuid and os.urandom do so without help."""

from __future__ import annotations

import os
import random
from typing import Any


def install(base: Any) -> None:
    """Has module random use a generator that begins anew with each message that uses it.
    base is _grow.Random, which sees to that."""

    class Generator(base, random.Random):  # type: ignore[misc]
        """The generator behind the functions of module random."""

        def begin(self) -> None:
            super().seed(int.from_bytes(os.urandom(32), "little"))

        def seed(self, a: Any = None, version: int = 2) -> None:
            self.seeded()
            super().seed(a, version)

        def getstate(self) -> Any:
            self.fresh()
            return super().getstate()

        def setstate(self, state: Any) -> None:
            self.seeded()
            super().setstate(state)

        def gauss(self, mu: float = 0.0, sigma: float = 1.0) -> float:
            self.fresh()  # it keeps every other number
            return super().gauss(mu, sigma)

    kept = random._inst
    generator = Generator()
    random._inst = generator
    for name, value in list(vars(random).items()):
        if getattr(value, "__self__", None) is kept:
            setattr(random, name, getattr(generator, name))
