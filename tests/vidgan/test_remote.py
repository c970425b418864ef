"""Films and photographs by URL: on a real S3 server, in memory, and on web servers good and bad."""

import io
import logging
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.vidgan.connections import fresh_connections, put
from tests.vidgan.servers import Web, serving
from vidgan import reader
from vidgan.connection import filesystem
from vidgan.conversion import convert, convert_all
from vidgan.errors import RemoteError, VidganError
from vidgan.image_job import ImageJob
from vidgan.inputs import plan
from vidgan.jobs import bytes_of, open_jobs
from vidgan.ledger import NOTE, Ledger
from vidgan.media.probe import probe
from vidgan.options import Options
from vidgan.places import Place, Remote, as_place
from vidgan.progress import Progress
from vidgan.transport import remove

MakeFilm = Callable[..., Path]
Command = Callable[..., Any]


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 16 KiB, so that a test's film has many."""
    monkeypatch.setattr(reader, "BLOCK", 2**14)


@pytest.fixture
def empty_bucket(bucket: Remote) -> None:
    for name in bucket.files():
        remove(bucket / name)


@pytest.fixture
def no_gcsfs(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not installed."""
    monkeypatch.setitem(sys.modules, "gcsfs", None)


def options(generator: Path, **more: Any) -> Options:
    return replace(Options(weights=generator, chunk_frames=16, crf=30), **more)


class StopsAfterOne(Progress):
    """Ctrl-C when a chunk is safe."""

    def done(self, place: tuple[int, int], frames: int) -> None:
        raise KeyboardInterrupt


@pytest.mark.usefixtures("ray_up", "small_blocks")
def test_a_film_on_s3_is_streamed_resumed_and_the_same_as_a_local_one(
    bucket: Remote,
    make_film: MakeFilm,
    generator_file: Path,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    local = make_film("clip.mp4", frames=48)
    convert(local, tmp_path / "out.mp4", weights=generator_file, chunk_frames=16, crf=30)
    source = put(bucket / "in/clip.mp4", local)
    output, chosen = bucket / "out/clip.mp4", options(generator_file)
    caplog.set_level(logging.INFO, logger="werkzeug")
    with pytest.raises(KeyboardInterrupt):
        convert_all([source], output, chosen, StopsAfterOne())
    (kept,) = (bucket / "out").files()
    assert kept.startswith("clip.mp4.vidgan/")
    assert kept.endswith(".chunk")

    report = convert_all([source], output, chosen)
    assert not report.failures
    assert (report.frames, report.to_json()["output"]) == (48, "s3://films/out/clip.mp4")
    assert report.files[0].chunks_reused == 1
    assert output.read_bytes() == (tmp_path / "out.mp4").read_bytes()
    assert list((bucket / "out").files()) == ["clip.mp4"], "nothing else is left"
    reads = [r.getMessage() for r in caplog.records if "GET /films/in/clip.mp4 " in r.getMessage()]
    assert reads
    assert all(" 206 " in read for read in reads), "never as a whole"

    again = convert_all([source], output, chosen)
    assert "s3://films/out/clip.mp4 exists already; say --overwrite" in str(again.failures[0])
    assert "is an input itself" in str(failure_of(lambda: convert_all([source], source, chosen)))


def failure_of(act: Callable[[], object]) -> VidganError:
    with pytest.raises(VidganError) as failed:
        act()
    assert "\n" not in str(failed.value)
    return failed.value


@pytest.mark.usefixtures("ray_up")
def test_a_driver_that_dies_once_the_output_is_there_has_done_its_work(
    bucket: Remote, make_film: MakeFilm, generator_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = put(bucket / "died/in.mp4", make_film("clip.mp4", frames=48))
    output, chosen = bucket / "died/out.mp4", options(generator_file)

    class Death(BaseException):
        pass

    def die(ledger: Ledger) -> None:
        raise Death

    with monkeypatch.context() as patch:
        patch.setattr(Ledger, "clear", die)
        with pytest.raises(Death):
            convert_all([source], output, chosen)
    assert f"out.mp4.vidgan/{NOTE}" in set((bucket / "died").files())
    written = output.read_bytes()

    put(output, written[:-1] + b"x")
    assert "exists already" in str(convert_all([source], output, chosen).failures[0])
    put(output, written)
    report = convert_all([source], output, chosen)
    assert not report.failures
    assert report.files[0].chunks_reused == report.files[0].chunks
    assert list((bucket / "died").files()) == ["in.mp4", "out.mp4"]


@pytest.mark.usefixtures("ray_up")
def test_a_folder_elsewhere_keeps_its_structure_and_results_in_it_are_no_inputs(
    make_film: MakeFilm, generator_file: Path
) -> None:
    folder = Remote("memory://films/")
    picture = io.BytesIO()
    Image.fromarray(np.full((16, 24, 3), 90, np.uint8)).save(picture, "PNG")
    put(folder / "a [1]*.mp4", make_film("short.mp4", frames=24))
    put(folder / "deep/er/b.PNG", picture.getvalue())
    put(folder / "notes.txt", b"")
    with serving(Web(files={"/a%20c.png": picture.getvalue()})) as web, fresh_connections():
        photograph = Remote(f"{web.url}/a%20c.png?sig=secret")
        report = convert_all([folder, photograph], folder / "out", options(generator_file))
    assert not report.failures
    names = ("a [1]*.mp4", "deep/er/b.PNG", "a c.png")
    assert report.frames == 26
    assert {str(file.output) for file in report.files} == {f"{folder}/out/{n}" for n in names}
    assert Image.open(io.BytesIO((folder / "out/deep/er/b.PNG").read_bytes())).size == (24, 16)
    made = {f"out/{name}" for name in names}
    there = {"a [1]*.mp4", "deep/er/b.PNG", "notes.txt", *made}
    assert set(folder.files()) - {"out/vidgan-report.json"} == there
    again = convert_all([folder], folder / "out", options(generator_file))
    assert [file.skipped for file in again.files] == [True, True]


def test_where_results_go(bucket: Remote) -> None:
    put(bucket / "plan/a.mp4", b"a")
    one = bucket / "plan/a.mp4"

    def outputs(inputs: list[Place], output: Place | None) -> list[str]:
        return [str(piece.output) for piece in plan(inputs, output, "x")[0]]

    assert outputs([one], None) == ["s3://films/plan/a.x.mp4"]
    assert outputs([one], Remote("s3://films/new")) == ["s3://films/new"]
    assert outputs([one], Remote("s3://films/new/")) == ["s3://films/new/a.mp4"]
    assert outputs([bucket / "plan"], None) == ["s3://films/plan.x/a.mp4"]
    assert outputs([bucket / "plan"], Path("here")) == ["here/a.mp4"]


def test_many_photographs_are_asked_for_at_once(bucket: Remote, tmp_path: Path) -> None:
    names = [f"{number:02}.png" for number in range(40)]
    files = {f"/{name}": b"x" for name in names if name != "07.png"}
    with serving(Web(files=files, answers_from=8)) as web, fresh_connections():
        pieces, _ = plan([Remote(f"{web.url}/{name}") for name in names], tmp_path, "x")
        assert bytes_of(pieces) == 39
        web.answers_from = len(web.asked) + 8
        jobs = list(open_jobs(pieces, Options(pair="none"), b"", lambda size: None))
    there = [job.piece.source.name for job in jobs if isinstance(job, ImageJob)]
    assert there == [name for name in names if name != "07.png"]
    assert str(jobs[7]) == f"{web.url}/07.png: no such file; check the name"

    for name in names[:3]:
        put(bucket / "many" / name, b"xyz")
    pieces, _ = plan([bucket / "many"], tmp_path, "x")
    assert [piece.size for piece in pieces] == [3, 3, 3]


def test_names_that_lead_out_of_a_folder_are_refused_each_by_itself(bucket: Remote) -> None:
    system = filesystem(bucket)
    for key in ("ok.mp4", "../../evil.mp4", "a//b.mp4", "./c.mp4"):
        system.call_s3("put_object", Bucket="films", Key=f"odd/{key}", Body=b"x")
    pieces, failures = plan([bucket / "odd"], Path("here"), "x")
    assert [piece.output for piece in pieces] == [Path("here/ok.mp4")]
    assert len(failures) == 3
    assert any("'../../evil.mp4' in it cannot be the name of a file" in str(f) for f in failures)


@pytest.mark.usefixtures("empty_bucket", "no_gcsfs")
@pytest.mark.parametrize(
    ("source", "line"),
    [
        ("s3://films/none.mp4", "s3://films/none.mp4: no such file; check the address"),
        ("s3://nowhere/a.mp4", "s3://nowhere/a.mp4: no such file; check the address"),
        ("s3://films/", "s3://films: no films or images in this folder"),
        ("gs://films/a.mp4", "gs://films/a.mp4: needs gcsfs: pip install 'vidgan[gcs]'"),
        ("carrier-pigeon://a.mp4", "carrier-pigeon://a.mp4: carrier-pigeon:// is not known"),
        ("https://127.0.0.1:1/dir/", "https://127.0.0.1:1/dir: a web server's folders cannot be"),
        ("http://me:secret@127.0.0.1:1/a.mp4?sig=secret", "http://127.0.0.1:1/a.mp4: Cannot conn"),
    ],
)
def test_what_cannot_be_read_is_one_line(
    vidgan_command: Command,
    generator_file: Path,
    tmp_path: Path,
    source: str,
    line: str,
) -> None:
    output = tmp_path / "out.mp4"
    said = vidgan_command("convert", source, "-o", output, "--weights", generator_file)
    assert (said.status, len(said.lines)) == (1, 1)
    assert said.lines[0].startswith(f"vidgan: {line}")
    assert "secret" not in said.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("output", "line"),
    [
        ("s3://nowhere/out.mp4", "s3://nowhere/out.mp4.vidgan/lock: there is no such file, fold"),
        ("http://127.0.0.1:1/out.mp4", "http://127.0.0.1:1/out.mp4: a web server cannot be writ"),
    ],
)
@pytest.mark.usefixtures("bucket")
def test_what_cannot_be_written_is_known_before_any_work(
    make_film: MakeFilm,
    vidgan_command: Command,
    generator_file: Path,
    output: str,
    line: str,
) -> None:
    film = make_film("clip.mp4", frames=48)
    said = vidgan_command("convert", film, "-o", output, "--weights", generator_file)
    assert (said.status, len(said.lines)) == (1, 1)
    assert said.lines[0].startswith(f"vidgan: {line}")


def test_refused_credentials_are_one_line(
    bucket: Remote, vidgan_command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    with fresh_connections():
        said = vidgan_command("probe", "s3://films/in/clip.mp4")
    assert said.status == 1
    (line,) = said.lines
    assert line.startswith("vidgan: s3://films/in/clip.mp4: access is refused (")


@pytest.mark.usefixtures("small_blocks")
def test_a_film_on_the_web_needs_only_what_is_read_of_it(
    make_film: MakeFilm, vidgan_command: Command, bikes: Path
) -> None:
    film = make_film("short.mp4", frames=24)
    files = {"/a%20film.mp4": film.read_bytes(), "/bikes.mp4": bikes.read_bytes()}
    with serving(Web(files=files)) as web, fresh_connections():
        said = vidgan_command("probe", f"{web.url}/a%20film.mp4?sig=secret", "--json")
        assert said.status == 0
        assert "secret" not in said.out
        assert set(web.asked) == {"/a%20film.mp4?sig=secret"}
        web.sent = 0
        probe(as_place(f"{web.url}/bikes.mp4"))
        assert 0 < web.sent < len(files["/bikes.mp4"]) / 2


@pytest.mark.usefixtures("small_blocks", "impatient")
@pytest.mark.parametrize(
    ("behaviour", "line"),
    [
        ({"gives_ranges": False}, "does not give out parts of files (HTTP range requests)"),
        ({"hangs_after": 150_000}, "the server does not answer; try again later"),
        ({"cuts_after": 150_000}, "the server broke off; try again"),
    ],
)
def test_a_bad_server_is_one_line_in_bounded_time_and_never_the_end_of_a_film(
    behaviour: dict[str, Any], line: str, bikes: Path, vidgan_command: Command
) -> None:
    with serving(Web(files={"/a.mp4": bikes.read_bytes()}, **behaviour)) as web:
        started = time.monotonic()
        said = vidgan_command("probe", f"{web.url}/a.mp4?sig=secret")
        assert time.monotonic() - started < 45
    assert said.status == 1
    assert len(said.lines) == 1, said.lines
    said_line = said.lines[0]
    assert said_line.startswith(f"vidgan: {web.url}/a.mp4: ")
    assert line in said_line
    assert "secret" not in said_line


def test_nothing_but_the_file_that_was_named_is_fetched() -> None:
    with serving(Web(files={})) as web, fresh_connections():
        lines = "#EXTM3U", "#EXT-X-TARGETDURATION:5", "#EXTINF:5,", f"{web.url}/next.mp4", ""
        web.files["/list.mp4"] = "\n".join(lines).encode()
        web.files["/next.mp4"] = b"never"
        failure = failure_of(lambda: probe(as_place(f"{web.url}/list.mp4")))
        assert str(failure).startswith(f"{web.url}/list.mp4")
        assert set(web.asked) == {"/list.mp4"}
        assert isinstance(failure_of(lambda: probe(as_place(f"{web.url}/none.mp4"))), VidganError)


def test_what_a_file_url_names_is_a_path(make_film: MakeFilm, vidgan_command: Command) -> None:
    film = make_film("with spaces.mp4", frames=24)
    for name in (f"file://{film}", film.as_uri()):
        assert vidgan_command("probe", name).status == 0


def test_a_photograph_cut_off_by_its_server_is_no_photograph() -> None:
    with serving(Web(files={"/a.png": b"x" * 1000}, cuts_after=500)) as web, fresh_connections():
        photograph = Remote(f"{web.url}/a.png")
        with pytest.raises(RemoteError, match="broke off"):
            photograph.read_bytes()
