"""What a user sees of a training beside its bar: sample pictures, a page, TensorBoard."""

from collections.abc import Callable

from cyclegan.data import DataError
from cyclegan.run_folder import RunFolder
from cyclegan.samples import SampleInputs, draw_samples, read_inputs, save_png
from cyclegan.state import TrainState
from cyclegan.training import Progress
from vidgan.training.board import NAME as BOARD
from vidgan.training.board import Board
from vidgan.training.job import Job
from vidgan.training.pace import Course, Pace
from vidgan.training.page import NAME as PAGE
from vidgan.training.page import Page, sample_paths
from vidgan.training.warning import Forgiving, Warn

CREDIT = 10.0
"""Seconds, so that short trainings have all the samples that they ask for."""


class View:
    """Looks on at a training, and draws it: now and then, after the first step and the last.

    `unjudged` says why there are no scores, if there are none.
    """

    def __init__(
        self, job: Job, warn: Warn, *, unjudged: Callable[[], str], credit: float = CREDIT
    ) -> None:
        self._job, self._warn, self._unjudged = job, warn, unjudged
        self._forgiving = Forgiving(warn)
        self._folder = RunFolder(job.out)
        self._samples, self._events = job.out / "samples", job.out / BOARD
        self._pace = Pace(
            every=job.sample_images,
            images_per_step=job.config.images_per_step,
            credit=credit,
        )
        self._course = Course()
        self._inputs: SampleInputs | None = None
        self._page: Page | None = None
        self._board: Board | None = None

    def hear(self, progress: Progress, state: TrainState) -> None:
        """After each step: pass on what was logged, draw if it is time."""
        if self._course.restarts(progress):
            self._begin(progress)
        if self._board is not None:
            with self._forgiving(self._events):
                self._board.follow()
        is_first = progress.step == 1 and self._job.sample_images > 0
        if self._pace.is_due(progress) or is_first:
            with self._pace.spending():
                self._draw(progress, state)
                self._write_page()

    def close(self) -> None:
        """Leave a page that is up to date, however the training ended."""
        if self._page is not None:
            self._write_page()
        if self._board is not None:
            self._board.close()

    def _begin(self, progress: Progress) -> None:
        """Void what was said of steps that are taken again."""
        with self._forgiving(self._samples):
            for path in sample_paths(self._folder):
                if int(path.stem) >= progress.images:
                    path.unlink()
        with self._forgiving(self._events):
            if self._board is not None:
                self._board.go_back(progress)
            elif self._page is None:
                self._board = Board(self._folder, self._job.config, progress)
        # What was drawn of steps that are taken again is not remembered either.
        self._page = Page(self._folder, unjudged=self._unjudged)

    def _draw(self, progress: Progress, state: TrainState) -> None:
        inputs = self._inputs = self._inputs or self._read_inputs()
        if inputs is None:
            return
        averages = state.averages()
        pixels = draw_samples(averages["a2b"], averages["b2a"], inputs)
        with self._forgiving(self._samples):
            save_png(pixels, self._samples / f"{progress.images:08d}.png")
        if self._board is not None:
            with self._forgiving(self._events):
                self._board.show(pixels, progress)

    def _read_inputs(self) -> SampleInputs | None:
        job = self._job
        try:
            return read_inputs(
                job.held_out_a or job.train_a, job.held_out_b or job.train_b, job.config.preprocess
            )
        except DataError as error:
            self._warn(f"no samples are drawn: {error}")
            return None

    def _write_page(self) -> None:
        assert self._page is not None
        with self._forgiving(self._folder.path / PAGE):
            self._page.write()
