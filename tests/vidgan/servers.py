"""Web servers of this machine, good and bad, that note what is asked of them."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(kw_only=True)
class Web:
    """What a server has to give, how it behaves, and what it was asked."""

    files: dict[str, bytes]
    gives_ranges: bool = True
    hangs_after: int | None = None
    """Bytes of a file after which it says nothing more, and keeps the line open."""
    cuts_after: int | None = None
    """Bytes of a file after which it hangs up."""
    answers_from: int = 0
    """Whoever asks waits until there have been so many askers."""
    asked: list[str] = field(default_factory=list)
    """Paths, with what stands after "?"."""
    sent: int = 0
    """Bytes of files."""
    url: str = ""
    ended: threading.Event = field(default_factory=threading.Event)


@contextmanager
def serving(web: Web) -> Iterator[Web]:
    """Serve on a port of 127.0.0.1 until the block ends."""

    class Handler(_Handler):
        site = web

    with _served(Handler) as web.url:
        try:
            yield web
        finally:
            web.ended.set()


@dataclass(kw_only=True)
class Deaf:
    """A store that says that it takes everything, and does not read what is sent."""

    url: str = ""
    asked: list[str] = field(default_factory=list)
    """Methods."""
    heard: threading.Event = field(default_factory=threading.Event)
    """Something was sent."""
    ended: threading.Event = field(default_factory=threading.Event)


@contextmanager
def deaf() -> Iterator[Deaf]:
    """Such a store on a port of 127.0.0.1 until the block ends."""
    store = Deaf()

    class Handler(_DeafHandler):
        site = store

    with _served(Handler) as store.url:
        try:
            yield store
        finally:
            store.ended.set()


@contextmanager
def _served(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    server = _Server(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A client may hang up; nothing on the screen."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    site: Web

    def do_HEAD(self) -> None:  # http.server's name
        self._answer()

    def do_GET(self) -> None:
        data, start = self._answer()
        limits = [self.site.hangs_after, self.site.cuts_after]
        end = min([len(data), *(max(0, limit - start) for limit in limits if limit is not None)])
        self.wfile.write(data[:end])
        self.site.sent += end
        if end < len(data):
            if self.site.hangs_after is not None:
                self.site.ended.wait()
            self.close_connection = True

    def _answer(self) -> tuple[bytes, int]:
        self.site.asked.append(self.path)
        while len(self.site.asked) < self.site.answers_from and not self.site.ended.is_set():
            time.sleep(0.01)
        data = self.site.files.get(self.path.partition("?")[0])
        if data is None:
            self.send_error(404)
            return b"", 0
        start, end = 0, len(data)
        asked = self.headers.get("Range")
        if asked is not None and self.site.gives_ranges:
            first, _, last = asked.removeprefix("bytes=").partition("-")
            start, end = int(first), min(end, int(last) + 1)
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{end - 1}/{len(data)}")
        else:
            self.send_response(200)
        self.send_header("Content-Length", str(end - start))
        self.end_headers()
        return data[start:end], start

    def log_message(self, format: str, *args: object) -> None:
        """Nothing on the screen."""


class _DeafHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    site: Deaf

    def do_POST(self) -> None:  # http.server's name
        self._say(
            b'<?xml version="1.0"?><InitiateMultipartUploadResult><Bucket>films</Bucket>'
            b"<Key>key</Key><UploadId>1</UploadId></InitiateMultipartUploadResult>"
        )

    def do_PUT(self) -> None:
        self.site.asked.append("PUT")
        self.site.heard.set()
        self.site.ended.wait()
        self.close_connection = True

    def do_DELETE(self) -> None:
        self._say(b"")

    def _say(self, body: bytes) -> None:
        self.site.asked.append(self.command)
        self.send_response(200)
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing on the screen."""
