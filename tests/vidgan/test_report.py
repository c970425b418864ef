"""What is said at the end: a line for each file, the sum, and where the time of a long run went."""

from dataclasses import replace
from pathlib import Path

from vidgan.errors import InputError
from vidgan.inputs import Failure
from vidgan.report import FileReport, Report
from vidgan.timing import StageSeconds

STAGES = StageSeconds(
    start=4, demux=1, ledger=0.5, waiting=30, join=2, decode=5, translate=40, encode=5
)
DONE = FileReport(source=Path("a.mp4"), output=Path("out/a.mp4"), frames=100, chunks=2)
SKIPPED = FileReport(source=Path("b.mp4"), output=Path("out/b.mp4"), skipped=True)
BROKEN = Failure(source=Path("c.mp4"), error=InputError("c.mp4 is not a video"))


def report(seconds: float) -> Report:
    return Report(
        files=(DONE, SKIPPED),
        failed=(BROKEN,),
        seconds=seconds,
        workers=2,
        device="cpu",
        stages=STAGES,
        retries=3,
        workers_lost=1,
    )


def test_a_short_run_has_a_line_for_each_file_and_the_sum() -> None:
    assert report(8.0).lines() == [
        "out/a.mp4: 100 frames, no sound",
        "out/b.mp4: is there already, skipped",
        "100 frames in 8.0 s (12.5 frames/s) on 2 cpu workers",
    ]


def test_a_longer_one_says_where_its_time_went() -> None:
    assert report(40.0).lines()[3:] == [
        "where the time went: the driver's 40.0 s",
        "  start           4.0 s   10 %  Ray and its workers get ready",
        "  demux           1.0 s    2 %  inputs looked through and cut",
        "  ledger          0.5 s    1 %  finished parts written down",
        "  waiting        30.0 s   75 %  nothing to do but wait for workers",
        "  join            2.0 s    5 %  outputs written and read back, beside the rest",
        "and 50.0 s in the threads of 2 workers",
        "  decode          5.0 s   10 %  packets to pictures",
        "  translate      40.0 s   80 %  the generator",
        "  encode          5.0 s   10 %  pictures to packets",
    ]


def test_among_several_inputs_each_warning_names_its_film() -> None:
    warnings = ("audio 1 becomes aac: .mp4 holds no vorbis", "a.mp4: damaged", "out/a.mp4: odd")
    file = replace(DONE, warnings=warnings)
    several = replace(report(8.0), files=(file, SKIPPED))
    assert several.warnings == (f"a.mp4: {warnings[0]}", *warnings[1:])
    assert replace(several, files=(file,), failed=()).warnings == warnings


def test_programs_get_the_same_totals() -> None:
    said = report(40.0).to_json()
    assert said["stages"] == {
        "start": 4,
        "demux": 1,
        "decode": 5,
        "translate": 40,
        "encode": 5,
        "ledger": 0.5,
        "join": 2,
        "waiting": 30,
    }
    assert (said["retries"], said["workers_lost"]) == (3, 1)
    assert said["failures"] == ["c.mp4 is not a video"]
