"""Every error a user can cause, as one tree.

VidganError                 one clear line: what is wrong, and what to do
├── InputError              an input that is missing, damaged, or of a kind that is not supported
├── OutputError             an output that exists, or cannot be written
├── ModelError              an unknown pair, or weights that are not a generator
├── SettingsError           options that contradict each other or are out of range
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
    """A pair is unknown, or the weights are not those of a generator."""


class SettingsError(VidganError):
    """Options contradict each other or are out of range."""


class WorkerError(VidganError):
    """A worker failed on the same part of the work again and again."""
