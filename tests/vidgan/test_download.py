"""Fetching a generator: checked like any other file, kept whole or not at all."""

import shutil
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import pytest

from cyclegan import load_generator
from vidgan import download
from vidgan.errors import ModelError
from vidgan.models import find_model

Command = Callable[..., Any]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's own models, none at first; downloads pass through a folder of their own."""
    monkeypatch.setenv("VIDGAN_HOME", str(tmp_path / "home"))
    (tmp_path / "passing").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "passing"))
    return tmp_path / "home"


@pytest.fixture
def nothing_kept(home: Path, tmp_path: Path) -> Iterator[None]:
    yield
    assert [path for path in home.rglob("*") if path.is_file()] == []
    assert list((tmp_path / "passing").iterdir()) == []


def refusal(said: Any, status: int) -> str:
    """The last line; a bar may stand above it."""
    assert (said.status, said.out) == (status, "")
    assert len(said.lines) <= 2
    assert said.lines[-1].startswith("vidgan: ")
    assert "Traceback" not in said.err
    return str(said.lines[-1])


def test_a_generator_from_a_file_url_is_kept(
    generator_file: Path, tmp_path: Path, vidgan_command: Command
) -> None:
    said = vidgan_command("models", "pull", "mine", "--from", generator_file.as_uri())
    assert said.status == 0
    assert said.out.startswith("mine: kept as ")
    model = find_model("mine")
    assert generator_file.as_uri() in model.card.summary
    theirs, ours = load_generator(model.path), load_generator(generator_file)
    assert repr(theirs.state_dict()) == repr(ours.state_dict())
    assert list((tmp_path / "passing").iterdir()) == []


@pytest.mark.usefixtures("nothing_kept")
@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:9/g.pth", "ftp://127.0.0.1/g.pth", "data:,x", "g.pth", "", "HTTP://[bad"],
)
def test_other_addresses_are_refused_unasked(vidgan_command: Command, url: str) -> None:
    line = refusal(vidgan_command("models", "pull", "mine", "--from", url), 2)
    assert line.startswith(f"vidgan: --from {url}: ")
    assert "https:// or file://" in line


class Quiet(SimpleHTTPRequestHandler):
    """Logs nothing; /to/ADDRESS leads to that address."""

    def do_GET(self) -> None:
        if not self.path.startswith("/to/"):
            return super().do_GET()
        self.send_response(302)
        self.send_header("Location", unquote(self.path.removeprefix("/to/")))
        self.end_headers()
        return None

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def server(generator_file: Path) -> Iterator[str]:
    """A plain web server with a generator; its address without the scheme."""
    handler = partial(Quiet, directory=str(generator_file.parent))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"127.0.0.1:{server.server_port}/{generator_file.name}"
        server.shutdown()
        thread.join()


@pytest.mark.usefixtures("nothing_kept")
def test_a_server_without_encryption_is_not_trusted(server: str, vidgan_command: Command) -> None:
    line = refusal(vidgan_command("models", "pull", "mine", "--from", f"http://{server}"), 2)
    assert "https://" in line
    line = refusal(vidgan_command("models", "pull", "mine", "--from", f"https://{server}"), 1)
    assert "cannot be fetched" in line
    assert "check the address" in line


def test_no_redirection_leaves_https(server: str) -> None:
    """Not even one in the middle, on the way to an https address."""
    opener = urllib.request.build_opener(download.HttpsAllTheWay)
    host = server.partition("/")[0]
    for plain in (f"http://{server}", f"ftp://{server}", f"http://{host}/to/https%3A//{host}/"):
        with pytest.raises(ModelError, match=r"leads to .*, which is not trusted; give the https"):
            opener.open(f"http://{host}/to/{quote(plain)}", timeout=10)
    with pytest.raises(urllib.error.URLError, match="SSL"):  # followed, to a server without TLS
        opener.open(f"http://{host}/to/{quote('https://' + server)}", timeout=10)


@pytest.mark.usefixtures("nothing_kept")
def test_what_cannot_be_fetched(tmp_path: Path, vidgan_command: Command) -> None:
    gone, folder = (tmp_path / "gone.pth").as_uri(), tmp_path.as_uri()
    closed = "https://127.0.0.1:9/g.pth"
    for url in (gone, folder, closed, "https://127.0.0.1:9/my file.pth", "https://127.0.0.1:x/g"):
        line = refusal(vidgan_command("models", "pull", "mine", "--from", url), 1)
        assert line.startswith(f"vidgan: {url}: cannot be fetched")
        assert "check the address" in line


@pytest.mark.usefixtures("nothing_kept")
def test_what_is_no_generator_is_not_kept(tmp_path: Path, vidgan_command: Command) -> None:
    page = tmp_path / "latest_net_G_A.pth"
    page.write_text("<!DOCTYPE html><title>Sign in</title>")
    line = refusal(vidgan_command("models", "pull", "mine", "--from", page.as_uri()), 1)
    assert "is a web page, not weights" in line
    assert page.as_uri() in line  # not the temporary file, which is gone
    assert "passing" not in line


@pytest.mark.usefixtures("nothing_kept")
def test_what_is_too_large_is_not_fetched_to_its_end(
    generator_file: Path, vidgan_command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "LARGEST", 1000)
    said = vidgan_command("models", "pull", "mine", "--from", generator_file.as_uri())
    assert "is larger than" in refusal(said, 1)


@pytest.mark.usefixtures("nothing_kept")
def test_a_hostile_name_is_refused_before_fetching(tmp_path: Path, vidgan_command: Command) -> None:
    url = (tmp_path / "gone.pth").as_uri()
    line = refusal(vidgan_command("models", "pull", "../mine", "--from", url), 2)
    assert "letters, digits" in line


def test_a_name_that_is_taken_is_refused_before_fetching(
    generator_file: Path, tmp_path: Path, vidgan_command: Command
) -> None:
    copy = shutil.copy(generator_file, tmp_path / "other.safetensors")
    assert vidgan_command("models", "import", copy, "--name", "mine").status == 0
    url = (tmp_path / "gone.pth").as_uri()
    line = refusal(vidgan_command("models", "pull", "mine", "--from", url), 1)
    assert "mine: there is a model of this name already" in line
