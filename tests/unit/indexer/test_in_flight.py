"""Back-pressure: nobody takes more than there is room for, and nobody is forgotten."""

import asyncio

from workers.indexer.in_flight import InFlight


def test_all_that_wait_get_their_turn() -> None:
    """Several tasks may wait for room at the same time: each gets it when it is given back."""

    async def run() -> None:
        room = InFlight(2)
        waiting = [asyncio.create_task(room.acquire()) for _ in range(5)]
        for done in range(2, 6):
            await asyncio.sleep(0.01)
            assert sum(each.done() for each in waiting) == min(done, 5)
            room.release()

    asyncio.run(run())
