"""A store that is not direct: a handle refuses every loop but the one that opened it."""

import asyncio

import msgspec

from omniq.direct import is_direct
from omniq.errors import StoreClosed, WrongLoop
from omniq.storage.base import Feature
from omniq.testing.faults import FaultyStore


class HomedStore(FaultyStore):
    name = "homed"
    home = None

    @property
    def capabilities(self):
        inner = self.inner.capabilities
        return msgspec.structs.replace(inner, features=inner.features & ~Feature.DIRECT)

    async def open(self):
        assert not is_direct()
        if self.home not in (None, asyncio.get_running_loop()):
            raise WrongLoop("this handle is open on another loop")
        self.home = asyncio.get_running_loop()
        await super().open()

    async def close(self):
        self._at_home()
        self.home = None
        await super().close()

    async def _pass(self, operation, args, kwargs):
        self._at_home()
        return await super()._pass(operation, args, kwargs)

    def _at_home(self):
        if self.home is None:
            raise StoreClosed("this handle is not open")
        if self.home is not asyncio.get_running_loop():
            raise WrongLoop("this handle is open on another loop")
