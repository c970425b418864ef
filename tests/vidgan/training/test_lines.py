"""What a run writes a line at a time is read whole, whatever a crash has left of it."""

from pathlib import Path

from vidgan.training.lines import Follower, append_line, cut_lines, latest_course, read_lines


def steps(lines: list[dict[str, object]]) -> list[object]:
    return [line["step"] for line in lines]


def test_only_whole_lines_with_a_step_are_read(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    assert read_lines(path) == []
    append_line(path, {"step": 1, "loss": float("nan")})
    with path.open("ab") as file:
        file.write(b'[1]\n{"images": 3}\n{"step": "2"}\n\xff\xfe\n{"step": 2}\n{"step": 3, "im')
    assert steps(read_lines(path)) == [1, 2]


def test_steps_that_were_taken_again_count_once() -> None:
    lines = [{"step": step, "try": number} for number, step in enumerate([1, 2, 3, 4, 2, 3, 5, 5])]
    course = latest_course(lines)
    assert [(line["step"], line["try"]) for line in course] == [(1, 0), (2, 4), (3, 5), (5, 7)]


def test_later_lines_are_forgotten(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    cut_lines(path, step=1)
    assert not path.exists()
    for step in (10, 20, 30):
        append_line(path, {"step": step})
    cut_lines(path, step=20)
    assert steps(read_lines(path)) == [10]


def test_a_follower_gives_each_line_once_and_none_by_halves(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    follower = Follower(path)
    assert follower.new_lines() == []
    append_line(path, {"step": 1})
    with path.open("a") as file:
        file.write('{"step": 2')
    assert steps(follower.new_lines()) == [1]
    assert follower.new_lines() == []
    with path.open("a") as file:
        file.write("}\n")
    assert steps(follower.new_lines()) == [2]
    path.write_text('{"step": 1}\n')
    assert steps(follower.new_lines()) == [1], "the file was cut"
