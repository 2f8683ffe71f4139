"""Budgets: memory or slots that requests share. Each reserves its part first; others wait."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

# Requests that may wait for one budget, in all and of one key. Further ones fail at once.
MAX_WAITING, MAX_WAITING_PER_KEY = 1_024, 256


class BudgetExhausted(Exception):
    """No part of the budget became free in time."""


@dataclass(eq=False)
class Reservation:
    """A part of a budget.

    Attributes:
        key: For whom it is reserved, such as an address.
        amount: How much, in the budget's unit.
        granted: Done as soon as the part may be used.
    """

    key: str
    amount: int
    granted: asyncio.Future[None] = field(repr=False)


class Budget:
    """An amount for all, of which one key gets no more than its share.

    Args:
        total: The amount, in any unit. A reservation of more gets all of it.
        share: The most for one key; the total if left out.
        fifo: Whether reservations are granted in the order in which they came. Otherwise a small
            one may come before a large one, so that nobody waits behind one of nearly everything.
    """

    def __init__(self, total: int, share: int | None = None, *, fifo: bool = True) -> None:
        self.total, self.share, self._fifo = total, share or total, fifo
        self.used = 0
        self._used_by_key: Counter[str] = Counter()
        self._queue: list[Reservation] = []

    def is_contended(self, key: str) -> bool:
        """Return whether somebody waits for what a key has reserved."""
        return any(waiting.key == key or self._fits_share(waiting) for waiting in self._queue)

    async def reserve(self, amount: int, timeout_s: float, key: str = "") -> Reservation:
        """Reserve a part; `release` gives it back.

        Args:
            amount: In the budget's unit; more than a share counts as a share.
            timeout_s: Most seconds to wait.
            key: For whom it is reserved.

        Raises:
            BudgetExhausted: Nothing became free in time, or too many wait already.
        """
        if len(self._queue) >= MAX_WAITING or self._count_waiting(key) >= MAX_WAITING_PER_KEY:
            raise BudgetExhausted
        granted = asyncio.get_running_loop().create_future()
        reservation = Reservation(key, min(amount, self.share, self.total), granted)
        self._queue.append(reservation)
        self._grant()
        if granted.done():
            return reservation
        try:
            async with asyncio.timeout(max(timeout_s, 0)):
                await asyncio.shield(granted)
        except TimeoutError:
            self._cancel(reservation)
            raise BudgetExhausted from None
        except BaseException:
            self._cancel(reservation)
            raise
        return reservation

    def shrink(self, reservation: Reservation, amount: int) -> None:
        """Give back what a reservation has too much."""
        unused = max(reservation.amount - amount, 0)
        reservation.amount -= unused
        self._free(reservation.key, unused)

    def release(self, reservation: Reservation) -> None:
        """Give a reservation back. Doing so again has no effect."""
        self.shrink(reservation, 0)

    @asynccontextmanager
    async def hold(self, amount: int, timeout_s: float, key: str = "") -> AsyncIterator[None]:
        """Reserve a part for as long as the block runs.

        Raises:
            BudgetExhausted: Nothing became free in time.
        """
        reservation = await self.reserve(amount, timeout_s, key)
        try:
            yield
        finally:
            self.release(reservation)

    def _fits_share(self, reservation: Reservation) -> bool:
        return self._used_by_key[reservation.key] + reservation.amount <= self.share

    def _count_waiting(self, key: str) -> int:
        if len(self._queue) < MAX_WAITING_PER_KEY:
            return 0  # too few to matter
        return sum(waiting.key == key for waiting in self._queue)

    def _cancel(self, reservation: Reservation) -> None:
        if reservation in self._queue:
            self._queue.remove(reservation)
            self._grant()  # others may have waited behind it
        else:
            self.release(reservation)

    def _free(self, key: str, amount: int) -> None:
        self.used -= amount
        self._used_by_key[key] -= amount
        if not self._used_by_key[key]:
            del self._used_by_key[key]
        if amount:
            self._grant()

    def _grant(self) -> None:
        for waiting in list(self._queue):
            if not self._fits_share(waiting):
                continue  # waits for its own key's share, and holds up nobody else
            if self.used + waiting.amount <= self.total:
                self._queue.remove(waiting)
                self.used += waiting.amount
                self._used_by_key[waiting.key] += waiting.amount
                waiting.granted.set_result(None)
            elif self._fifo:
                return


def seconds_until(deadline_s: float) -> float:
    """Return the seconds until a time of `time.monotonic`, at least 0."""
    return max(deadline_s - time.monotonic(), 0.0)
