"""The Ray layer knows nothing of video, and naming it costs no import of Ray."""

import subprocess
import sys


def loaded_after(statement: str) -> set[str]:
    script = f"{statement}; import sys; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    return set(done.stdout.split())


def test_the_package_alone_does_not_import_ray() -> None:
    assert "ray" not in loaded_after("import cluster")


def test_nothing_of_video_or_the_command_line_is_imported() -> None:
    loaded = loaded_after("import cluster.session, cluster.pool")
    assert "ray" in loaded
    assert not loaded & {"av", "vidgan", "torch", "click"}
