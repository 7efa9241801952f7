# SPDX-License-Identifier: MIT
"""The echo server of bench/async, with asyncio's streams. Prints its port; ends when its input does."""
import asyncio
import sys


async def echo(reader, writer):
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass
    writer.close()


async def main():
    done = asyncio.Event()
    asyncio.get_running_loop().add_reader(sys.stdin.fileno(), done.set)
    server = await asyncio.start_server(echo, "127.0.0.1", 0, backlog=512)
    print(server.sockets[0].getsockname()[1], flush=True)
    await done.wait()
    server.close()


asyncio.run(main())
