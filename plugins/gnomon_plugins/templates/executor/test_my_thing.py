"""The executor my-thing: asks are answered one at a time, backends are closed, the contract is kept."""

from __future__ import annotations

import asyncio

import gnomon
import gnomon.testing

from my_thing import MyThing


class Slow:
    """Counts how many asks are under way."""

    name = "slow"
    model = "slow"
    offers = gnomon.Capability(kinds=("chat",))
    under_way = 0
    most = 0
    closed = 0

    async def ask(self, ask: gnomon.Ask) -> gnomon.Reply:
        """After a moment."""
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        await asyncio.sleep(0.001)
        self.under_way -= 1
        return gnomon.Reply(text=ask.name)

    async def close(self) -> None:
        """Count."""
        self.closed += 1


def test_one_at_a_time() -> None:
    """Ten asks given at once are answered in turn; the backend is closed once."""
    backend = Slow()

    async def run() -> list[gnomon.Reply]:
        async with MyThing().open({"subject": backend, "judge": backend}) as asker:
            asks = [
                gnomon.Chat(name=f"a{number}", messages=(gnomon.Message("user", "?"),))
                for number in range(10)
            ]
            return await asyncio.gather(*(asker.ask(ask) for ask in asks))

    assert [reply.text for reply in asyncio.run(run())] == [f"a{number}" for number in range(10)]
    assert (backend.most, backend.closed) == (1, 1)


def test_it_keeps_the_contract() -> None:
    """Documented, light to import, each role answered by its own backend, failures passed on."""
    gnomon.testing.assert_conforms(MyThing)
