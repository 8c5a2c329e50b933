"""A socket between a client and the server, which can be cut."""
import asyncio
import os


class Link:
    """Forwards one folder's socket to another's. A cut closes its connections, or lets them fall silent
    first, and refuses new ones for a while."""

    def __init__(self, folder, server):
        self.folder, self.server = folder, server
        self.tasks, self.speaks = set(), asyncio.Event()
        self.speaks.set()
        self.refuses = False

    async def open(self):
        os.makedirs(self.folder)
        self.listener = await asyncio.start_unix_server(self.accept, f"{self.folder}/.s.PGSQL.5432")

    def close(self):
        """Its host is gone: nobody listens there any more."""
        self.listener.close()
        os.unlink(f"{self.folder}/.s.PGSQL.5432")

    async def accept(self, reader, writer):
        if self.refuses:
            writer.close()
            return
        try:
            upstream = await asyncio.open_unix_connection(f"{self.server}/.s.PGSQL.5432")
        except OSError:
            writer.close()
            return
        both = [asyncio.create_task(self.pump(reader, upstream[1])),
                asyncio.create_task(self.pump(upstream[0], writer))]
        self.tasks.update(both)
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            pass  # the run is over
        for task in both:
            task.cancel()
            self.tasks.discard(task)
        for end in (writer, upstream[1]):
            end.close()

    async def pump(self, reader, writer):
        try:
            while data := await reader.read(65536):
                await self.speaks.wait()
                writer.write(data)
                await writer.drain()
        except (OSError, asyncio.CancelledError):
            pass

    async def cut(self, seconds, silently):
        self.refuses = True
        if silently:
            self.speaks.clear()
            await asyncio.sleep(seconds)
        for task in list(self.tasks):
            task.cancel()
        self.speaks.set()
        if not silently:
            await asyncio.sleep(seconds)
        self.refuses = False
