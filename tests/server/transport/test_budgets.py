"""Budgets: shares, and requests that are cancelled while they wait."""

from __future__ import annotations

import asyncio

import pytest
from starlette.requests import Request

from numeye.server.memory import MemoryTrimmer
from numeye.server.security.limits import Limits
from numeye.server.transport.body_receiver import BodyReceiver
from numeye.server.transport.budgets import Budget, BudgetExhausted


def test_a_budget_has_shares_and_no_key_waits_for_another_keys_share() -> None:
    async def check_sharing() -> None:
        budget = Budget(10, 6)
        first = await budget.reserve(6, 1, "a")
        with pytest.raises(BudgetExhausted):
            await budget.reserve(1, 0.01, "a")  # a has used up its share
        waiting = asyncio.ensure_future(budget.reserve(5, 1, "a"))
        second = await budget.reserve(4, 0.01, "b")  # b does not wait for a
        assert budget.used == 10
        budget.release(first)
        await waiting
        for reservation in (second, first, waiting.result()):
            budget.release(reservation)
        assert budget.used == 0
        large = await budget.reserve(99, 0.01, "c")  # more than the total counts as a share
        assert budget.used == 6
        budget.release(large)

    asyncio.run(check_sharing())


def test_a_request_that_is_cancelled_when_its_room_is_granted_gives_it_back() -> None:
    async def cancel_waiting() -> int:
        receiver = BodyReceiver(Limits(), MemoryTrimmer())
        request = Request(
            {"type": "http", "client": None, "headers": [], "method": "POST", "path": "/"}
        )
        reserving = asyncio.ensure_future(receiver._reserve(1_000, request))
        budget = receiver._budget
        await asyncio.sleep(0)
        while not budget.used:
            await asyncio.sleep(0)
        reserving.cancel()  # the room is granted, but `_reserve` has not returned
        with pytest.raises(asyncio.CancelledError):
            await reserving
        await asyncio.sleep(0.01)
        receiver.close()
        return budget.used

    assert asyncio.run(cancel_waiting()) == 0
