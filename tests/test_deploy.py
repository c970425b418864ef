"""What deploy/ holds, as far as a machine without Docker, Kubernetes and Slurm can tell.

Commands in these files are read by the real command lines, so that an option that is renamed is
missed here; shellcheck and hadolint look at them where installed (`pip install '.[lint]'`).
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import pytest
import yaml
from packaging.requirements import Requirement
from ray.scripts.scripts import cli as ray_cli

import vidgan
from patient import PATIENT
from tests.vidgan.films.film import write_film
from tests.vidgan.films.spec import FilmSpec
from vidgan.cli.commands import cli

ROOT = Path(__file__).parents[1]
DEPLOY = ROOT / "deploy"
IMAGE = f"vidgan:{vidgan.__version__}"
BIN = Path(sys.executable).parent


def load(name: str) -> Any:
    return yaml.safe_load((DEPLOY / name).read_text())


def commands(name: str, program: str) -> Iterator[list[str]]:
    """All command lines of a program in a file, those in comments and over several lines too."""
    text = re.sub(r"\\\n\s*|\n\s+(?=--)", " ", (DEPLOY / name).read_text())
    text = re.sub(r"\$\(\(.*?\)\)|\$\w+", "1", text.replace('"$@"', "films/"))  # mostly numbers
    for array, words in re.findall(r"^(\w+)=\((.*?)\)", text, re.MULTILINE | re.DOTALL):
        text = text.replace(f'"${{{array}[@]}}"', " ".join(words.split()))
    for found in re.finditer(
        rf"(?<![\w`-]){program} ((?:submit|convert|start|status)\b[^\n]*)", text
    ):
        line = shlex.split(re.split(r" [>&|]|$", found[1])[0], comments=True)
        yield [word.rstrip(";") for word in line]


def parse(program: click.Command, words: list[str]) -> None:
    assert isinstance(program, click.Group)
    with program.make_context("program", list(words)) as context:
        name, command, rest = program.resolve_command(context, list(words))
        assert command is not None
        command.make_context(name, list(rest), parent=context).close()
        if name == "submit":
            parse(program, rest[rest.index("--") + 1 :])


@pytest.mark.parametrize(
    ("name", "least"),
    [("rayjob.yaml", 1), ("raycluster.yaml", 1), ("docker-compose.yaml", 1), ("slurm.sh", 1)],
)
def test_commands_of_vidgan_are_those_it_has(name: str, least: int) -> None:
    found = list(commands(name, "vidgan"))
    assert len(found) >= least
    for words in found:
        parse(cli, words)


@pytest.mark.parametrize(("name", "least"), [("docker-compose.yaml", 2), ("slurm.sh", 3)])
def test_commands_of_ray_are_those_it_has(name: str, least: int) -> None:
    found = list(commands(name, "ray"))
    assert len(found) >= least
    for words in found:
        parse(ray_cli, words)


def test_a_renamed_option_would_be_found() -> None:
    with pytest.raises(click.NoSuchOption):
        parse(cli, ["submit", "--", "convert", "a.mp4", "--no-such-option"])


def ray_cluster(name: str) -> Any:
    """The RayCluster's part of a manifest."""
    manifest = load(name)
    assert manifest["apiVersion"] == "ray.io/v1"
    kind, spec = manifest["kind"], manifest["spec"]
    assert re.fullmatch(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?", manifest["metadata"]["name"])
    assert kind == {"rayjob.yaml": "RayJob", "raycluster.yaml": "RayCluster"}[name]
    return spec["rayClusterSpec"] if kind == "RayJob" else spec


@pytest.mark.parametrize("name", ["rayjob.yaml", "raycluster.yaml"])
def test_manifests_have_what_kuberay_asks_for(name: str) -> None:
    cluster = ray_cluster(name)
    assert cluster["authOptions"] == {"mode": "token"}
    head, (worker,) = cluster["headGroupSpec"], cluster["workerGroupSpecs"]
    assert head["rayStartParams"] == {"num-cpus": "0"}  # strings, as KubeRay wants them
    assert head.get("serviceType", "ClusterIP") == "ClusterIP"
    assert worker["minReplicas"] <= worker["replicas"] <= worker["maxReplicas"]
    assert worker["groupName"]
    for group in (head, worker):
        (container,) = group["template"]["spec"]["containers"]
        assert container["image"] == IMAGE
        assert container["resources"]["requests"] == container["resources"]["limits"]
    assert container["resources"]["limits"]["nvidia.com/gpu"] == 1


@pytest.mark.parametrize("name", ["rayjob.yaml", "raycluster.yaml"])
def test_manifests_name_a_ray_that_vidgan_runs_with(name: str) -> None:
    needed = re.search(r'"(ray\[[^"]*)"', (ROOT / "pyproject.toml").read_text())
    assert needed is not None
    assert ray_cluster(name)["rayVersion"] in Requirement(needed[1]).specifier


def test_the_job_has_time_to_stop() -> None:
    environment = yaml.safe_load(load("rayjob.yaml")["spec"]["runtimeEnvYAML"])
    assert int(environment["env_vars"]["RAY_JOB_STOP_WAIT_TIME_S"]) >= 10


def test_containers_publish_ports_on_loopback_alone_and_ask_for_a_token() -> None:
    compose = load("docker-compose.yaml")
    head, worker = compose["services"]["head"], compose["services"]["worker"]
    for service in (head, worker):
        assert service["image"] == IMAGE
        assert service["environment"]["RAY_AUTH_MODE"] == "token"
        assert service["secrets"] == list(compose["secrets"])
        assert service["environment"]["RAY_AUTH_TOKEN_PATH"] == (
            f"/run/secrets/{service['secrets'][0]}"
        )
    assert head["ports"]
    assert all(port.startswith("127.0.0.1:") for port in head["ports"])
    assert "ports" not in worker
    build = head["build"]
    assert (DEPLOY / build["context"] / build["dockerfile"]).resolve() == DEPLOY / "Dockerfile"
    assert worker["depends_on"]["head"]["condition"] == "service_healthy"
    assert "healthcheck" in head


def test_the_image_is_pinned_and_gets_all_it_installs_and_nothing_else() -> None:
    lines = (DEPLOY / "Dockerfile").read_text().splitlines()
    base = next(line for line in lines if line.startswith("FROM "))
    assert re.fullmatch(r"FROM python:3\.\d+\.\d+-slim-\w+", base)
    assert f"-t {IMAGE} " in "\n".join(lines)
    copied = [word for line in lines if line.startswith("COPY ") for word in line.split()[1:-1]]
    assert {"cyclegan/", "cluster/", "vidgan/", "pyproject.toml", "README.md"} <= {*copied}
    assert all((ROOT / source).exists() for source in copied)
    sent = (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines()
    assert {line[1:] for line in sent if line.startswith("!")} == {
        source.rstrip("/") for source in copied
    }
    user = [line for line in lines if line.startswith("USER ")][-1]
    assert int(user.split()[1]) > 0


def linter(name: str) -> str:
    """Beside this Python, or on the PATH."""
    found = shutil.which(name, path=f"{BIN}{os.pathsep}{os.environ.get('PATH', '')}")
    if found is None:
        pytest.skip(f"{name} is not installed: pip install '.[lint]'")
    return found


@pytest.mark.parametrize(
    "check",
    [
        lambda: ["bash", "-n", DEPLOY / "slurm.sh"],
        lambda: [linter("shellcheck"), DEPLOY / "slurm.sh"],
        lambda: [linter("hadolint"), DEPLOY / "Dockerfile"],
    ],
    ids=["bash", "shellcheck", "hadolint"],
)
def test_linters_have_nothing_to_say(check: Callable[[], list[str | Path]]) -> None:
    done = subprocess.run(check(), capture_output=True, text=True, check=False, timeout=300)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


SRUN = """#!/bin/bash
while [[ "$1" == --* ]]; do shift; done
exec "$@"
"""


@pytest.mark.slow
def test_the_slurm_script_converts_and_leaves_nothing(tmp_path: Path) -> None:
    """With stand-ins for Slurm's programs: an allocation of one machine, this one."""
    programs, folder = tmp_path / "bin", tmp_path / "work"
    programs.mkdir()
    folder.mkdir()
    (programs / "srun").write_text(SRUN)
    (programs / "scontrol").write_text("#!/bin/bash\necho this-machine\n")
    for program in programs.iterdir():
        program.chmod(0o755)
    write_film(folder / "film.mp4", FilmSpec(frames=24))
    number = str(os.getpid())
    environment = {name: v for name, v in os.environ.items() if not name.startswith("RAY_")}
    done = subprocess.run(
        ["bash", DEPLOY / "slurm.sh", "film.mp4", "-o", "out.mp4", "--pair", "summer2winter"],
        env={
            **environment,
            **PATIENT,
            "PATH": f"{programs}:{BIN}:{os.environ['PATH']}",
            "SLURM_JOB_ID": number,
            "SLURM_SUBMIT_DIR": str(folder),
            "SLURM_JOB_NODELIST": "this-machine",
            "SLURM_JOB_NUM_NODES": "1",
            "SLURM_CPUS_PER_TASK": "2",
        },
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in folder.iterdir()) == ["film.mp4", "out.mp4"]
    assert not Path(f"/tmp/ray-{number}").exists()
