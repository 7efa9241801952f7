# SPDX-License-Identifier: MIT
"""So many tasks asleep at once: async_sleep.py TASKS MS. Prints what bench-async's own sleepers print (async.c):
ms until all sleep, bytes a task, ms from the end of the sleep until all have woken, and how many did."""
import asyncio
import sys


def resident_bytes():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmRSS:"))


class Sleepers:
    asleep = 0
    woken = 0

    def __init__(self, due):
        self.due = due

    async def sleep(self):
        self.asleep += 1
        await asyncio.sleep(self.due - asyncio.get_running_loop().time())
        self.woken += 1


async def main(tasks, ms):
    now = asyncio.get_running_loop().time
    before, start = resident_bytes(), now()
    sleepers = Sleepers(start + ms / 1000)
    async with asyncio.TaskGroup() as group:
        for _ in range(tasks):
            group.create_task(sleepers.sleep())
        while sleepers.asleep < tasks:
            await asyncio.sleep(0)
        started, resident = now(), resident_bytes()
    print((started - start) * 1e3, (resident - before) / tasks, (now() - sleepers.due) * 1e3, sleepers.woken)


asyncio.run(main(int(sys.argv[1]), int(sys.argv[2])))
