"""What a machine cannot do, told apart from mistakes in the code: memory, and a compiler."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from cyclegan.memory import is_of_memory
from cyclegan.state import TrainingError
from cyclegan.train_config import Plan, TrainConfig

_WANTED = re.compile(r"tried to allocate (\d+(?:\.\d+)? \w+)", re.IGNORECASE)
_COMPILERS = ("torch._dynamo.", "torch._inductor.")


@contextmanager
def named_failures(config: Plan) -> Iterator[None]:
    """Tell a machine's failures in a line that says what to change.

    Raises:
        TrainingError: it has no memory left, or cannot compile the networks.
    """
    try:
        yield
    except (RuntimeError, MemoryError) as exc:
        if is_of_memory(exc):
            raise TrainingError(_out_of_memory(exc, config)) from exc
        if _is_of_a_compiler(exc):
            raise TrainingError(_not_compiled(exc)) from exc
        raise


def _is_of_a_compiler(error: Exception) -> bool:
    """By name: importing the classes takes seconds, of which most trainings have no use."""
    return any(cls.__module__.startswith(_COMPILERS) for cls in type(error).__mro__)


def _out_of_memory(error: Exception, config: Plan) -> str:
    wanted = _WANTED.search(str(error))
    less = ["a smaller --batch"] if config.batch > 1 else []
    less += ["a smaller --crop"]
    if isinstance(config, TrainConfig) and not config.checkpointing:
        less += ["--checkpointing"]
    return (
        f"out of memory{f' ({wanted[1]} more were wanted)' if wanted else ''}: free some and "
        f"--resume, or train anew in another --out with {' or '.join(less)}"
    )


def _not_compiled(error: Exception) -> str:
    reason = str(error).strip().partition("\n")[0]
    return (
        f"--compile: the networks could not be compiled ({reason}); install a C++ compiler and "
        "--resume, or leave it out and train in another --out"
    )
