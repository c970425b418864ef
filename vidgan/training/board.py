"""RUN/tensorboard: a training's scalars and sample pictures for TensorBoard, over images seen."""

from collections.abc import Iterator
from io import BytesIO

from cyclegan.run_folder import RunFolder
from cyclegan.samples import Pixels, split_panels
from cyclegan.train_config import TrainConfig
from cyclegan.training import Progress
from vidgan.training.events import EventFile
from vidgan.training.lines import Follower, Line
from vidgan.training.page import small_grid

NAME = "tensorboard"

_SPEEDS = ("seconds_per_step", "images_per_second", "waiting", "skipped")
_NOT_LOSSES = frozenset({"step", "images", *_SPEEDS})


class Board:
    """Passes on what the run writes down, as it comes; each start adds a file of events.

    TensorBoard's steps are images. What an earlier part of the run said of images that are seen
    again is marked as void.

    Raises:
        OSError: no room, no permission; also from each call but `close`.
    """

    def __init__(self, folder: RunFolder, config: TrainConfig, progress: Progress) -> None:
        self._config = config
        self._files = [Follower(folder.log), Follower(folder.path / "metrics.jsonl")]
        self._events = EventFile(folder.path / NAME, first_step=progress.images)
        self._first_step = progress.step

    def follow(self) -> None:
        """Pass on the lines that the run has logged since the last call."""
        for file in self._files:
            for line in file.new_lines():
                if line["step"] >= self._first_step:
                    self._events.scalars(dict(_scalars(line, self._config)), step=line["images"])

    def show(self, pixels: Pixels, progress: Progress) -> None:
        """Add a sample."""
        for tag, panel in zip(("a2b", "b2a"), split_panels(pixels), strict=True):
            image = small_grid(panel)
            encoded = BytesIO()
            image.save(encoded, format="JPEG", quality=85)
            self._events.image(
                f"samples/{tag}", encoded.getvalue(), size=image.size, step=progress.images
            )

    def go_back(self, progress: Progress) -> None:
        """The training takes this step, and those after it, again."""
        self.follow()
        self._events.restart(progress.images)

    def close(self) -> None:
        """Nothing more will come."""
        self._events.close()


def _scalars(line: Line, config: TrainConfig) -> Iterator[tuple[str, float]]:
    """What a line of the log, or of the metrics, says: tags and values."""
    for name, value in line.items():
        if name in _SPEEDS:
            yield f"speed/{name}", value
        elif isinstance(value, dict):
            yield from ((f"{key}/{name}", each) for key, each in value.items() if each is not None)
        elif name == "lr_scale":
            yield "rates/lr_g", value * config.lr_g
            yield "rates/lr_d", value * config.lr_d
        elif name not in _NOT_LOSSES and isinstance(value, int | float):
            yield f"losses/{name}", value
