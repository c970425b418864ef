"""The import rules of docs/architecture.md: `cyclegan <- cluster <- vidgan`, and nothing early.

What sources say is read from them, lazy imports included; what is loaded in the end is seen in
fresh processes.
"""

import ast
import importlib.util
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.vidgan.films.film import write_film
from tests.vidgan.films.spec import FilmSpec


def package_folder(package: str) -> Path:
    spec = importlib.util.find_spec(package)
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent


def sources(package: str) -> dict[str, Path]:
    """Module name -> file, for all modules of a package."""
    folder = package_folder(package)
    return {
        ".".join([package, *path.relative_to(folder).with_suffix("").parts]): path
        for path in sorted(folder.rglob("*.py"))
    }


def imported_by(path: Path) -> set[str]:
    """The top-level names of all absolute imports in a file, wherever they stand."""
    return {name.partition(".")[0] for name in _imports(ast.parse(path.read_text()))}


def _imports(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports would escape this test"
            assert node.module is not None
            yield node.module


def loaded_after(statement: str) -> set[str]:
    """The top-level modules a fresh process holds after a statement."""
    script = f"{statement}\nimport sys; print(*{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return set(done.stdout.splitlines()[-1].split())


@pytest.mark.parametrize(
    ("package", "forbidden"),
    [
        ("cyclegan", {"ray", "av", "click", "cluster", "vidgan"}),
        ("cluster", {"av", "click", "vidgan"}),
    ],
)
def test_packages_import_to_the_left_alone(package: str, forbidden: set[str]) -> None:
    modules = sources(package)
    assert len(modules) >= 8
    wrong = {name: found for name in modules if (found := imported_by(modules[name]) & forbidden)}
    assert not wrong


@pytest.mark.parametrize(
    ("library", "home"),
    [("av", "vidgan.media."), ("click", "vidgan.cli."), ("ray", "nothing in vidgan")],
)
def test_one_place_in_vidgan_deals_with_each_library(library: str, home: str) -> None:
    users = [name for name, path in sources("vidgan").items() if library in imported_by(path)]
    assert [name for name in users if not name.startswith(home)] == []
    assert users or library == "ray"


def all_imports(package: str, prefix: str) -> str:
    """A program that imports every module of a package whose name begins so."""
    names = [name.removesuffix(".__init__") for name in sources(package) if name.startswith(prefix)]
    return "\n".join(f"import {name}" for name in names)


def test_cyclegan_as_a_whole_loads_nothing_to_its_right() -> None:
    loaded = loaded_after(all_imports("cyclegan", "cyclegan."))
    assert "torch" in loaded
    assert not loaded & {"ray", "av", "click", "cluster", "vidgan"}


def test_reading_a_generator_does_not_load_torchvision() -> None:
    loaded = loaded_after("import cyclegan.weights")
    assert "torch" in loaded
    assert "torchvision" not in loaded


def test_the_map_over_actors_loads_neither_media_nor_networks() -> None:
    loaded = loaded_after("import cluster.session, cluster.pool")
    assert "ray" in loaded
    assert not loaded & {"av", "vidgan", "torch", "click"}


@pytest.mark.parametrize("package", ["vidgan", "cluster", "cyclegan"])
def test_naming_a_package_loads_nothing_heavy(package: str) -> None:
    assert not loaded_after(f"import {package}") & {"torch", "ray", "av", "numpy", "click"}


def test_the_command_line_parses_without_anything_heavy() -> None:
    loaded = loaded_after(
        "from vidgan.cli.commands import cli\n"
        "for arguments in (['--help'], ['convert', '--help'], ['--version']):\n"
        "    cli(arguments, standalone_mode=False)"
    )
    assert "click" in loaded
    assert not loaded & {"torch", "ray", "av", "numpy", "tqdm", "PIL"}


@pytest.mark.parametrize(("film", "status"), [("missing.mp4", 1), ("there.mp4", 0)])
def test_a_conversion_by_a_kept_model_loads_torch_in_its_workers_alone(
    film: str, status: int, tmp_path: Path
) -> None:
    """What is refused need not wait for torch, and the driver of a long film not carry it."""
    write_film(tmp_path / "there.mp4", FilmSpec(frames=2))
    loaded = loaded_after(
        "from vidgan.cli.commands import cli\n"
        f"try: cli(['convert', '{tmp_path / film}', '--pair', 'day2night', '--quiet'])\n"
        f"except SystemExit as end: assert end.code == {status}, end.code"
    )
    assert "av" in loaded
    assert "torch" not in loaded
    assert (tmp_path / "there.day2night.mp4").exists() == (status == 0)


def test_media_loads_neither_torch_nor_ray() -> None:
    loaded = loaded_after(all_imports("vidgan", "vidgan.media."))
    assert "av" in loaded
    assert not loaded & {"torch", "ray"}
