"""What befalls the world while its clients work."""
import asyncio
import collections
import os
import random
import signal
import sys
import time

INJECTORS = 6


class Faults:
    """Injects faults until there were enough, or the run is over."""

    def __init__(self, world, count, seed):
        self.world, self.count = world, count
        self.dice = random.Random(seed)
        self.done = collections.Counter()
        self.over = False
        # No restart, restore or failover is still to come.
        self.server_stays = asyncio.Event()

    @property
    def total(self):
        return sum(self.done.values())

    def enough(self):
        return self.over or self.total >= self.count

    def tasks(self):
        """All that happens at once."""
        server = self.fail_over() if self.world.standby else self.restart_server()
        both = [server, self.disturb_submitter(), self.stop_enqueuing()]
        return [asyncio.create_task(task)
                for task in [*(self.disturb_clients() for _ in range(INJECTORS)), *both]]

    async def disturb_clients(self):
        while not self.enough():
            await asyncio.sleep(self.dice.uniform(0.02, 0.12))
            client = self.dice.choice(self.world.clients)
            if client.busy:
                continue
            client.busy = True
            kind = self.dice.choice(["kill", "kill", "stop", "cut", "silence"])
            self.done[kind] += 1
            await self.disturb(client, kind)
            client.busy = False

    async def disturb(self, client, kind):
        if kind == "kill":
            client.kill()
            client.start()
        elif kind == "stop":
            # For up to twice the lease.
            client.process.send_signal(signal.SIGSTOP)
            await asyncio.sleep(self.dice.uniform(0.1, 2.2))
            client.process.send_signal(signal.SIGCONT)
        else:
            await client.link.cut(self.dice.uniform(0.05, 1.8), kind == "silence")

    async def disturb_submitter(self):
        while not self.enough():
            await asyncio.sleep(self.dice.uniform(0.5, 2))
            self.done["cut submitter"] += 1
            await self.world.submitter_link.cut(0.1, False)

    async def restart_server(self):
        """Cleanly, as by a crash, or with the data of a backup."""
        while not self.enough():
            await asyncio.sleep(self.dice.uniform(3, 8))
            kind = self.dice.choice(["restart fast", "restart immediate", "restore"])
            if kind == "restore":
                backup = await asyncio.to_thread(self.world.backup)
                await asyncio.sleep(self.dice.uniform(0.5, 3))
                await asyncio.to_thread(self.world.restore, backup)
            else:
                await asyncio.to_thread(self.world.server.stop, kind.split()[1])
                await asyncio.to_thread(self.world.server.start)
            self.done[kind] += 1
        self.server_stays.set()

    async def fail_over(self):
        """Kills the primary in the middle, with all that lead to it."""
        while self.total < self.count / 2 and not self.over:
            await asyncio.sleep(0.05)
        self.done["failover"] += 1
        begin = time.monotonic()
        self.world.server.kill()
        for link in [client.link for client in self.world.clients] + [self.world.submitter_link]:
            link.close()
        await asyncio.to_thread(self.world.fail_over)
        self.server_stays.set()
        print(f"failover: the standby took over in {time.monotonic() - begin:.1f} s", file=sys.stderr)

    async def stop_enqueuing(self):
        while not self.enough():
            await asyncio.sleep(0.2)
        # What a restore lost has to be seen to its end as well.
        await self.server_stays.wait()
        os.unlink(self.world.more)
