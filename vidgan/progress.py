"""How far a long piece of work has come: a bar for people, silence for programs."""

import sys
from pathlib import Path
from typing import Never, Protocol

from tqdm import tqdm

from cluster.actor import Event, ItemRetried, WorkerLost, WorkerStarted


class Progress(Protocol):
    """Who hears how a conversion goes; called in the driver's thread alone."""

    def start(self, frames: int) -> None:
        """Work begins; about `frames` frames are to be done."""

    def reused(self, frames: int) -> None:
        """These frames were done by an earlier try."""

    def done(self, frames: int) -> None:
        """These frames are finished and safe."""

    def joining(self, output: Path) -> None:
        """An output is being written."""

    def hear(self, event: Event) -> None:
        """A worker came or went."""

    def stop(self) -> None:
        """The work is over, however it ended."""


class Silent:
    """Says nothing."""

    def start(self, frames: int) -> None:
        """Nothing."""

    def reused(self, frames: int) -> None:
        """Nothing."""

    def done(self, frames: int) -> None:
        """Nothing."""

    def joining(self, output: Path) -> None:
        """Nothing."""

    def hear(self, event: Event) -> None:
        """Nothing."""

    def stop(self) -> None:
        """Nothing."""


class Bar:
    """A tqdm bar on standard error: frames done, frames a second, time left."""

    def __init__(self) -> None:
        self._bar: tqdm[Never] | None = None

    def start(self, frames: int) -> None:
        """Show the bar; the workers need some seconds to start."""
        self._bar = tqdm(total=frames, unit="frame", file=sys.stderr, desc="starting workers")

    def reused(self, frames: int) -> None:
        """Move on without counting it as speed."""
        if self._bar is not None and frames:
            self._bar.initial += frames
            self._bar.update(frames)

    def done(self, frames: int) -> None:
        """Move on."""
        if self._bar is not None:
            self._bar.update(frames)

    def joining(self, output: Path) -> None:
        """Say what is being written."""
        if self._bar is not None:
            self._bar.set_description(f"writing {output.name}")

    def hear(self, event: Event) -> None:
        """Say when workers are there, and when one is lost."""
        if self._bar is None:
            return
        match event:
            case WorkerStarted():
                self._bar.set_description("translating")
            case WorkerLost(reason=reason):
                self._bar.write(f"a worker was lost ({reason}); its work is given to another")
            case ItemRetried():
                pass

    def stop(self) -> None:
        """Leave the bar as it stands."""
        if self._bar is not None:
            self._bar.close()
