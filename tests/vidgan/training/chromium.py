"""A headless Chromium that tests drive by its own protocol.

It speaks that over two pipes (--remote-debugging-pipe): JSON, a zero byte after each message.
"""

import contextlib
import fcntl
import json
import os
import select
import subprocess
import time
from pathlib import Path
from typing import Any

PATIENCE = 300.0
"""Seconds; machines of continuous integration are slow, and busy."""

Message = dict[str, Any]


class Tab:
    """One page of a browser: what it does, says and fetches."""

    def __init__(self, browser: "Browser", session: str) -> None:
        self._browser, self._session = browser, session
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: object) -> Message:
        return self._browser.call(method, parameters, session=self._session)

    def open(self, url: str) -> None:
        self._browser.forget("Page.loadEventFired")
        self.call("Page.navigate", url=url)
        self._browser.wait_for("Page.loadEventFired")

    def value(self, expression: str, *, wait: bool = False) -> Any:
        """What a script's expression comes to in the page; `wait` for what it promises."""
        how = {"returnByValue": True, "awaitPromise": wait}
        said = self.call("Runtime.evaluate", expression=expression, **how)
        assert "exceptionDetails" not in said, said["exceptionDetails"]
        return said["result"].get("value")

    def resize(self, width: int, height: int, *, dark: bool = False) -> None:
        """The window's size in pixels of the page, and whether the user prefers it dark."""
        metrics = {"width": width, "height": height, "deviceScaleFactor": 2, "mobile": width < 600}
        self.call("Emulation.setDeviceMetricsOverride", **metrics)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])

    def press(self, key: str) -> None:
        """A key, as from the keyboard."""
        codes = {"ArrowLeft": 37, "Home": 36, "End": 35}
        for kind in ("keyDown", "keyUp"):
            self.call(
                "Input.dispatchKeyEvent", type=kind, key=key, windowsVirtualKeyCode=codes[key]
            )

    def point(self, x: float, y: float) -> None:
        """The mouse, to a place in the window."""
        self.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)

    def complaints(self) -> list[Message]:
        """All that has been said on the console, errors and broken policies included."""
        spoken = ("Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded")
        return [event for event in self._browser.events if event["method"] in spoken]

    def fetched(self) -> list[str]:
        """The addresses that the page has asked for."""
        return [
            event["params"]["request"]["url"]
            for event in self._browser.events
            if event["method"] == "Network.requestWillBeSent"
        ]


class Browser:
    """Chromium without a window; what it says of its own accord is kept in `events`."""

    def __init__(self, program: str, folder: Path) -> None:
        self.events: list[Message] = []
        self._replies: dict[int, Message] = {}
        self._number = 0
        self._said = b""
        (theirs_in, self._to), (self._from, theirs_out) = os.pipe(), os.pipe()
        flags = [
            "--headless",
            "--no-sandbox",  # root, as in a container, may not have one
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--remote-debugging-pipe",
            f"--user-data-dir={folder}",
        ]
        # It reads descriptor 3 and writes 4; ours are moved out of their way first.
        ends = [fcntl.fcntl(end, fcntl.F_DUPFD, 10) for end in (theirs_in, theirs_out)]
        command = f'exec "$@" 3<&{ends[0]} 4>&{ends[1]}'
        self._process = subprocess.Popen(
            ["bash", "-c", command, "browser", program, *flags],
            stderr=subprocess.DEVNULL,
            pass_fds=ends,
        )
        for end in (theirs_in, theirs_out, *ends):
            os.close(end)

    def tab(self) -> Tab:
        """A new, empty page."""
        target = self.call("Target.createTarget", {"url": "about:blank"})["targetId"]
        attached = self.call("Target.attachToTarget", {"targetId": target, "flatten": True})
        return Tab(self, attached["sessionId"])

    def call(self, method: str, parameters: Message, *, session: str | None = None) -> Message:
        """Ask for something and wait for what comes of it."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if session is not None:
            message["sessionId"] = session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + PATIENCE
        while self._number not in self._replies:
            self._listen(deadline)
        reply = self._replies.pop(self._number)
        assert "error" not in reply, f"{method}: {reply['error']}"
        result: Message = reply["result"]
        return result

    def forget(self, method: str) -> None:
        """What it has said so far."""
        self.events = [event for event in self.events if event["method"] != method]

    def wait_for(self, method: str) -> None:
        """Until it has said so."""
        deadline = time.monotonic() + PATIENCE
        while all(event["method"] != method for event in self.events):
            self._listen(deadline)

    def close(self) -> None:
        """End it."""
        with contextlib.suppress(OSError):
            os.write(self._to, b'{"id": 0, "method": "Browser.close"}\0')
        os.close(self._to)
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._from)

    def _listen(self, deadline: float) -> None:
        """Take in what comes next."""
        ready, _, _ = select.select([self._from], [], [], deadline - time.monotonic())
        assert ready, "the browser says nothing"
        block = os.read(self._from, 1 << 20)
        assert block, "the browser has ended"
        *messages, self._said = (self._said + block).split(b"\0")
        for message in map(json.loads, messages):
            if "id" in message:
                self._replies[message["id"]] = message
            else:
                self.events.append(message)
