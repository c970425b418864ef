"""A job service as Ray's speaks, whose connections break."""

import asyncio
import contextlib
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from aiohttp import WSMsgType, web

Behaviour = Literal["hangs up", "breaks off", "falls silent", "is gone"]
"""What happens to a connection once the log so far has been told, or to whoever asks for one."""


@dataclass(kw_only=True)
class Shaky:
    """One job, which writes a line for each connection, and ends with the last of them."""

    behaviours: Sequence[Behaviour]
    asked: int = 0
    """How often its log was asked for."""
    stopped: bool = False
    deaf_looks: int = 0
    """So many questions how it stands fail from now on."""
    deaf_looks_after_stop: int = 2
    cut_looks: int = 0
    """So many questions from now on have their connection cut."""
    url: str = ""

    @property
    def lines(self) -> list[str]:
        """All that the job has written by now."""
        return [f"line {number}\n" for number in range(self.asked)]

    async def version(self, request: web.Request) -> web.Response:
        return web.json_response({"version": "4", "ray_version": "2.60.0", "ray_commit": ""})

    async def look(self, request: web.Request) -> web.Response:
        if self.cut_looks:
            self.cut_looks -= 1
            assert request.transport is not None
            request.transport.abort()
        if self.deaf_looks:
            self.deaf_looks -= 1
            raise web.HTTPServiceUnavailable
        status = "RUNNING" if self.asked < len(self.behaviours) else "SUCCEEDED"
        status = "STOPPED" if self.stopped else status
        job = {"type": "SUBMISSION", "submission_id": "job", "entrypoint": "x", "status": status}
        return web.json_response(job)

    async def submit(self, request: web.Request) -> web.Response:
        return web.json_response({"job_id": "job", "submission_id": "job"})

    async def stop(self, request: web.Request) -> web.Response:
        self.stopped = True
        self.deaf_looks = self.deaf_looks_after_stop
        return web.json_response({"stopped": True})

    async def tail(self, request: web.Request) -> web.StreamResponse:
        behaviour = self.behaviours[self.asked] if self.asked < len(self.behaviours) else None
        self.asked += behaviour is not None
        if behaviour == "is gone":
            raise web.HTTPServiceUnavailable
        socket = web.WebSocketResponse(autoping=False)
        await socket.prepare(request)
        await socket.send_str("".join(self.lines))
        if behaviour == "falls silent":
            while (await socket.receive()).type == WSMsgType.PING:
                pass
        elif behaviour == "breaks off":
            assert request.transport is not None
            request.transport.abort()
        await socket.close()
        return socket


@contextlib.contextmanager
def shaky(*behaviours: Behaviour) -> Iterator[Shaky]:
    """Serve on a port of 127.0.0.1 until the block ends."""
    service = Shaky(behaviours=behaviours)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    runner = asyncio.run_coroutine_threadsafe(_begin(service), loop).result(10)
    try:
        yield service
    finally:
        asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _begin(service: Shaky) -> web.AppRunner:
    app = web.Application()
    app.router.add_get("/api/version", service.version)
    app.router.add_get("/api/jobs/job", service.look)
    app.router.add_post("/api/jobs/", service.submit)
    app.router.add_post("/api/jobs/job/stop", service.stop)
    app.router.add_get("/api/jobs/job/logs/tail", service.tail)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    service.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    return runner
