"""Where the time went, as a table for people."""

from collections.abc import Iterator
from dataclasses import asdict

from vidgan.timing import StageSeconds

_DRIVER = {
    "start": "Ray and its workers get ready",
    "demux": "inputs looked through and cut",
    "ledger": "finished parts written down",
    "waiting": "nothing to do but wait for workers",
    "join": "outputs written and read back, beside the rest",
}
_WORKERS = {
    "decode": "packets to pictures",
    "translate": "the generator",
    "encode": "pictures to packets",
}


def time_table(stages: StageSeconds, *, seconds: float, workers: int) -> list[str]:
    """Two groups, each against its own whole: the driver's, and what workers were busy with.

    `seconds` is how long the run took. Stages of a worker run side by side, so that their sum says
    little; their shares say which one to make faster.
    """
    spent = asdict(stages)
    busy = sum(spent[stage] for stage in _WORKERS)
    of_workers = f"{workers} worker{'s' if workers != 1 else ''}"
    lines = [f"where the time went: the driver's {seconds:.1f} s"]
    lines += _rows(_DRIVER, spent, seconds)
    if busy:
        lines.append(f"and {busy:.1f} s in the threads of {of_workers}")
        lines += _rows(_WORKERS, spent, busy)
    return lines


def _rows(stages: dict[str, str], spent: dict[str, float], whole: float) -> Iterator[str]:
    for stage, meaning in stages.items():
        share = 100 * spent[stage] / whole if whole else 0.0
        yield f"  {stage:<10}{spent[stage]:9.1f} s {share:4.0f} %  {meaning}"
