"""What goes wrong beside a training must not end it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

Warn = Callable[[str], None]


class Forgiving:
    """Lets what cannot be written, on a full disk for one, cost a warning and nothing more."""

    def __init__(self, warn: Warn) -> None:
        self._warn = warn
        self._warned: set[Path] = set()

    @contextmanager
    def __call__(self, path: Path) -> Iterator[None]:
        """The block writes `path`, which is warned of once."""
        try:
            yield
        except OSError as error:
            if path not in self._warned:
                self._warn(
                    f"{path} could not be written ({error.strerror}); the training goes on, and "
                    "what was there before stays: make room"
                )
            self._warned.add(path)
