"""How far a training is: a bar on a terminal, and lines that can be read in a log."""

import os
import pty
import sys
import termios
import time

import pytest

from vidgan.training import bar as bars
from vidgan.training.bar import SHOWN, TrainingBar
from vidgan.training.job import Job, Told


def told(images: int, *, total: int = 20, skipped: int = 0) -> Told:
    losses = dict.fromkeys((*SHOWN, "identity_a"), images / 100)
    return Told(
        step=images // 2,
        steps=total // 2,
        images=images,
        waiting=0.03,
        skipped=skipped,
        losses=losses,
    )


def test_a_log_has_a_line_at_the_start_and_at_the_end(
    job: Job, capsys: pytest.CaptureFixture[str]
) -> None:
    with TrainingBar(job, quiet=False) as bar:
        for images in range(2, 22, 2):
            bar.show(told(images, skipped=images // 20))
    said = capsys.readouterr().err
    assert "\r" not in said
    first, last = said.splitlines()
    assert first.startswith("training:  10% 2/20 [")
    assert "adversarial_ab=0.02, " in first
    assert "data=3%" in first
    assert last.startswith("training: 100% 20/20 [")
    assert last.endswith("skipped=1]")


def test_a_log_has_a_line_now_and_then_and_none_twice(
    job: Job, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bars, "LINE_SECONDS", 0)
    with TrainingBar(job, quiet=False) as bar:
        for images in (2, 4, 6):
            bar.show(told(images))
        bar.say("no room")
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(" [")[0].split()[-1] for line in lines[:3]] == ["2/20", "4/20", "6/20"]
    assert lines[3:] == ["warning: no room"]


def test_what_an_earlier_try_has_done_is_not_counted_as_speed(
    job: Job, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter([0.0, 4.0, 4.0, 4.0])
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    with TrainingBar(job, quiet=False) as bar:
        bar.show(told(18))
    assert "18/20 [00:04<00:04,  2.00s/image" in capsys.readouterr().err


def test_quiet_says_nothing_but_warnings(job: Job, capsys: pytest.CaptureFixture[str]) -> None:
    with TrainingBar(job, quiet=True) as bar:
        bar.show(told(2))
        bar.say("no room")
    assert capsys.readouterr().err == "warning: no room\n"


def test_an_error_before_the_first_step_stands_alone(
    job: Job, capsys: pytest.CaptureFixture[str]
) -> None:
    with TrainingBar(job, quiet=False):
        pass
    assert capsys.readouterr().err == ""


def test_a_terminal_has_a_bar(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 200))
    with os.fdopen(theirs, "w") as terminal, monkeypatch.context() as patch:
        patch.setattr(sys, "stderr", terminal)
        with TrainingBar(job, quiet=False) as bar:
            for images in range(2, 22, 2):
                bar.show(told(images))
        terminal.flush()
        said = ""
        while "\n" not in said:  # the bar's own last character; a terminal gives bit by bit
            said += os.read(ours, 1 << 16).decode()
    os.close(ours)
    assert "\r" in said
    assert "20/20" in said
    assert "cycle_a=0.20" in said
