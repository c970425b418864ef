"""Every error a user can cause, as one tree.

VidganError                 one clear line: what is wrong, and what to do
├── InputError              an input that is missing, damaged, or of a kind that is not supported
├── OutputError             an output that exists, or cannot be written
├── ModelError              weights or a run that cannot be used, made or kept
├── RemoteError             a URL that cannot be reached, read or written
├── SettingsError           options that contradict each other, out of range, or an unknown pair
└── WorkerError             a worker that failed on one part of the work again and again

Each message names the file or option and the remedy. Anything else that escapes is a bug.
"""


class VidganError(Exception):
    """The base of every error that a user can cause; its text is one line fit for the screen."""


class InputError(VidganError):
    """An input is missing, damaged, or of a kind that is not supported."""


class OutputError(VidganError):
    """An output exists already, or cannot be written."""


class ModelError(VidganError):
    """Weights are not those of a generator, or a model or run cannot be used, made or kept."""


class RemoteError(VidganError):
    """What a URL names cannot be reached, read or written, or its library is not installed."""


class SettingsError(VidganError):
    """Options contradict each other or are out of range, or a pair is unknown."""


class WorkerError(VidganError):
    """A worker failed on the same part of the work again and again."""


def said_by_system(error: OSError, place: object = None) -> str:
    """What the system refused, in one line; of `place` where it does not say of what itself."""
    where = error.filename or place
    said = f"{error.strerror or error}; check names, permissions and the room on the disk"
    return f"{where}: {said}" if where else said
