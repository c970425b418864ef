"""A student comes to do what its teacher does, and the teacher stays what it is."""

import copy
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

from cyclegan.checkpoint import WeightsError, load_checkpoint
from cyclegan.config import (
    DiscriminatorConfig,
    FastConfig,
    GeneratorConfig,
    ResnetConfig,
    UnetConfig,
)
from cyclegan.data import Crops, Preprocess, list_images
from cyclegan.distill import (
    StudentResult,
    StudentWeights,
    compared_layers,
    feature_loss,
    tapped_student,
)
from cyclegan.neighbours import unsteadiness
from cyclegan.networks import Generator, build_generator, init_weights
from cyclegan.run import Listeners, RunOptions, run_learning
from cyclegan.run_folder import RunFolder
from cyclegan.start import digest_of, start_to_bytes
from cyclegan.student import STUDENT, StudentConfig, StudentLearning, StudentState
from cyclegan.team import Alone
from cyclegan.train_config import TrainConfig, config_to_json, plan_from_json
from cyclegan.training import Progress
from cyclegan.weights import read_generator

Domains = tuple[Path, Path]
CPU = torch.device("cpu")
TEACHER = ResnetConfig(blocks=3, filters=8)
CONFIG = StudentConfig(
    images=80,
    batch=2,
    lr_g=2e-3,
    preprocess=Preprocess(load=36, crop=32),
    ema_decay=0.9,
    generator=FastConfig(blocks=2, filters=4),
    discriminator=DiscriminatorConfig(filters=4),
    precision="fp32",
    seed=7,
    teacher=TEACHER,
)


def teacher_of(config: GeneratorConfig = TEACHER) -> Generator:
    network = build_generator(config)
    init_weights(network, std=0.1, seed=3)
    return network.eval().requires_grad_(False)


def run(
    config: StudentConfig,
    folder: Path,
    out: Path,
    *,
    teacher: Generator | None = None,
    targets: Path | None = None,
    resume: bool = False,
    report: Callable[[Progress[StudentResult]], None] = lambda progress: None,
) -> None:
    images = config.steps * config.images_per_step
    domains = [list_images(each) for each in (folder, targets) if each is not None]
    data = Crops(*domains, preprocess=config.preprocess, seed=config.seed, images=images)
    learning = StudentLearning(
        config,
        teacher or teacher_of(config.teacher),
        {"teacher": "it"},
        RunFolder(out).start if config.start else None,
    )
    listeners: Listeners[StudentState, StudentResult] = Listeners(report=report)
    options = RunOptions(resume=resume, log_steps=5)
    run_learning(learning, data, out, options=options, listeners=listeners)


def distance(student: Generator, teacher: Generator, pictures: Tensor) -> float:
    with torch.no_grad():
        return float((student(pictures) - teacher(pictures)).abs().mean())


def soft_pictures(count: int, *, seed: int) -> Tensor:
    """Clouds of colour, float (count, 3, 48, 48) in [-1, 1]."""
    random = torch.Generator().manual_seed(seed)
    return F.interpolate(torch.rand((count, 3, 6, 6), generator=random), 48, mode="bicubic") * 2 - 1


def save_pictures(pictures: Tensor, folder: Path) -> Path:
    """Into a new folder, which is given back."""
    folder.mkdir()
    for number, picture in enumerate(pictures):
        pixels = ((picture.clamp(-1, 1) + 1) * 127.5).byte().permute(1, 2, 0).numpy()
        Image.fromarray(pixels).save(folder / f"{number}.png")
    return folder


@pytest.fixture
def clouds(tmp_path: Path) -> Path:
    """A folder of twenty."""
    return save_pictures(soft_pictures(20, seed=1), tmp_path / "clouds")


def colouring(config: GeneratorConfig) -> Generator:
    """A teacher that makes pictures redder and less blue, besides what its random layers do."""
    network = build_generator(config)
    init_weights(network, std=0.03, seed=3)
    convolutions = (m for m in network.modules() if isinstance(m, nn.Conv2d | nn.ConvTranspose2d))
    last = [each.bias for each in convolutions if each.out_channels == 3][-1]
    assert last is not None
    with torch.no_grad():
        last.copy_(torch.tensor([0.5, 0.0, -0.5]))
    return network.eval().requires_grad_(False)


@pytest.mark.parametrize(
    ("teacher", "share"),
    [
        (FastConfig(blocks=1, filters=8), 0.1),
        (UnetConfig(downs=5, filters=4), 0.4),
        (TEACHER, 0.6),
    ],
)
def test_a_student_comes_close_to_its_teacher_on_pictures_it_has_not_seen(
    tmp_path: Path, clouds: Path, teacher: GeneratorConfig, share: float
) -> None:
    """How close depends on the teacher: a residual one of random weights is mostly noise."""
    small = FastConfig(blocks=2, filters=8)
    config = replace(
        CONFIG, images=400, batch=4, lr_g=5e-3, lr_d=1e-3, teacher=teacher, generator=small
    )
    big = colouring(teacher)
    before = {name: weight.clone() for name, weight in big.state_dict().items()}
    run(config, clouds, tmp_path / "run", teacher=big)
    assert all(torch.equal(weight, before[name]) for name, weight in big.state_dict().items())
    assert not any(weight.requires_grad for weight in big.parameters())

    student = read_generator(tmp_path / "run/a2b.safetensors")
    start = build_generator(config.generator)
    init_weights(start, seed=config.seed * 4)
    other = build_generator(config.generator)
    init_weights(other, seed=99)
    pictures = soft_pictures(4, seed=2)[..., :32, :32]
    near = distance(student.network, big, pictures)
    assert near < share * distance(start.eval(), big, pictures)
    assert near < share * distance(other.eval(), big, pictures)
    assert student.config == config.generator
    assert student.metadata["teacher"] == "it"


def test_twenty_steps_and_twenty_more_are_forty(tmp_path: Path, domains: Domains) -> None:
    def stop(progress: Progress[StudentResult]) -> None:
        if progress.step == 20:
            raise KeyboardInterrupt

    run(CONFIG, domains[0], tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        run(CONFIG, domains[0], tmp_path / "parts", report=stop)
    assert load_checkpoint(tmp_path / "parts/checkpoint.pt")["step"] == 20
    torch.manual_seed(123)
    steps: list[int] = []
    run(CONFIG, domains[0], tmp_path / "parts", resume=True, report=lambda p: steps.append(p.step))
    assert steps == list(range(21, 41))
    whole, parts = (
        load_checkpoint(tmp_path / name / "checkpoint.pt") for name in ("whole", "parts")
    )
    assert_same(whole, parts)
    one, other = (tmp_path / name / "a2b.safetensors" for name in ("whole", "parts"))
    assert one.read_bytes() == other.read_bytes()


def assert_same(one: object, other: object) -> None:
    """Bit for bit."""
    assert type(one) is type(other)
    if isinstance(one, Tensor) and isinstance(other, Tensor):
        assert torch.equal(one, other)
    elif isinstance(one, dict) and isinstance(other, dict):
        assert one.keys() == other.keys()
        for key in one:
            assert_same(one[key], other[key])
    elif isinstance(one, list) and isinstance(other, list):
        assert len(one) == len(other)
        for first, second in zip(one, other, strict=True):
            assert_same(first, second)
    else:
        assert one == other


ALONE = {
    "output": StudentWeights(output=1, feature=0, adversarial=0),
    "feature": StudentWeights(output=0, feature=1, adversarial=0),
    "adversarial": StudentWeights(output=0, feature=0, adversarial=1),
}


@pytest.mark.parametrize("term", ALONE)
def test_each_term_alone_moves_the_student_and_falls(
    tmp_path: Path, domains: Domains, term: str
) -> None:
    config = replace(CONFIG, loss=ALONE[term])
    heard: list[float] = []

    def report(progress: Progress[StudentResult]) -> None:
        heard.append(float(getattr(progress.result.losses, term)))

    run(config, domains[0], tmp_path / "run", report=report)
    moved = read_generator(tmp_path / "run/a2b.safetensors").network.state_dict()
    start = build_generator(config.generator)
    init_weights(start, seed=config.seed * 4)
    assert any(not torch.equal(moved[name], weight) for name, weight in start.state_dict().items())
    if term != "adversarial":  # that one is a contest
        assert sum(heard[-5:]) < 0.9 * sum(heard[:5])


def test_shown_what_it_is_all_for_a_student_surpasses_its_teacher(
    tmp_path: Path, clouds: Path
) -> None:
    """The teacher makes pictures redder and less blue, but not by as much as they ought to be."""
    red = torch.tensor([0.8, 0.0, -0.8]).view(3, 1, 1)
    targets = save_pictures(soft_pictures(20, seed=5) * 0.2 + red, tmp_path / "red")
    big = colouring(FastConfig(blocks=1, filters=8))
    loss = StudentWeights(output=0.5, feature=0, adversarial=1)
    config = replace(
        CONFIG,
        images=600,
        batch=4,
        lr_g=5e-3,
        lr_d=2e-3,
        teacher=big.config,
        generator=FastConfig(blocks=2, filters=8),
        loss=loss,
    )
    pictures = soft_pictures(8, seed=2)[..., :32, :32]
    redness = {}
    for name, shown in (("alone", None), ("shown", targets)):
        run(config, clouds, tmp_path / name, teacher=big, targets=shown)
        student = read_generator(tmp_path / name / "a2b.safetensors").network
        with torch.no_grad():
            made = student(pictures)
        redness[name] = float((made[:, 0] - made[:, 2]).mean())
    with torch.no_grad():
        taught = big(pictures)
    redness["taught"] = float((taught[:, 0] - taught[:, 2]).mean())
    assert redness["taught"] < 1.2
    assert abs(redness["alone"] - redness["taught"]) < 0.2
    assert redness["shown"] > redness["taught"] + 0.2


def test_a_student_begins_with_one_that_there_is(tmp_path: Path, clouds: Path) -> None:
    """What it began with has been trained for, and would be far from any fresh one."""
    first = replace(CONFIG, images=400, batch=4, lr_g=5e-3, teacher=FastConfig(blocks=1, filters=8))
    big = colouring(first.teacher)
    run(first, clouds, tmp_path / "first", teacher=big)
    trained = read_generator(tmp_path / "first/a2b.safetensors").network
    content = start_to_bytes({STUDENT: trained.state_dict()})
    going_on = replace(first, images=4, lr_g=1e-6, start=digest_of(content))
    for name in ("second", "other"):
        RunFolder(tmp_path / name).begin(going_on)
    (tmp_path / "second/start.safetensors").write_bytes(content)
    run(going_on, clouds, tmp_path / "second", teacher=big, resume=True)
    pictures = soft_pictures(4, seed=2)[..., :32, :32]
    second = read_generator(tmp_path / "second/a2b.safetensors").network
    assert distance(second, trained, pictures) < 1e-3
    assert distance(second, big, pictures) < distance(
        build_generator(first.generator), big, pictures
    )

    content = start_to_bytes({STUDENT: big.state_dict()})
    (tmp_path / "other/start.safetensors").write_bytes(content)
    with pytest.raises(WeightsError, match="not what the run began with"):
        run(going_on, clouds, tmp_path / "other", teacher=big, resume=True)
    going_on = replace(going_on, start=digest_of(content))
    RunFolder(tmp_path / "misfit").begin(going_on)
    (tmp_path / "misfit/start.safetensors").write_bytes(content)
    with pytest.raises(WeightsError, match="not of a training with these settings"):
        run(going_on, clouds, tmp_path / "misfit", teacher=big, resume=True)


def test_asked_to_be_steady_a_student_answers_more_alike_to_neighbouring_frames(
    tmp_path: Path, clouds: Path
) -> None:
    """Of a residual teacher of random weights, whose answers are mostly noise."""
    flickers = []
    for weight in (0.0, 30.0):
        loss = StudentWeights(adversarial=0, feature=0, stability=weight)
        config = replace(CONFIG, images=400, batch=4, lr_g=5e-3, loss=loss)
        run(config, clouds, tmp_path / str(weight))
        student = read_generator(tmp_path / f"{weight}/a2b.safetensors").network
        pictures = soft_pictures(4, seed=2)[..., :32, :32]
        torch.manual_seed(0)
        with torch.no_grad():
            flickers.append(float(unsteadiness(student, pictures, student(pictures), levels=4)))
    assert flickers[1] < 0.8 * flickers[0]


def test_without_an_adversarial_term_no_discriminator_learns(
    tmp_path: Path, domains: Domains
) -> None:
    config = replace(CONFIG, images=4, loss=StudentWeights(adversarial=0))
    learning = StudentLearning(config, teacher_of())
    fresh = learning.new_state(CPU, rank=0).discriminator.state_dict()
    run(config, domains[0], tmp_path / "run")
    kept = load_checkpoint(tmp_path / "run/checkpoint.pt")["discriminator"]
    assert isinstance(kept, dict)
    assert all(torch.equal(kept[name], weight) for name, weight in fresh.items())


def test_a_step_without_finite_gradients_changes_nothing() -> None:
    """Nor what spectral norm keeps in a discriminator of features."""
    config = replace(
        CONFIG,
        preprocess=Preprocess(load=64, crop=64),
        discriminator=DiscriminatorConfig(kind="both", filters=4),
    )
    learning = StudentLearning(config, teacher_of())
    state = learning.new_state(CPU, rank=0)
    take = learning.stepper(state, CPU, Alone())
    networks = state.student, state.discriminator, state.ema.network
    before = [copy.deepcopy(network.state_dict()) for network in networks]
    picture = torch.full((2, 3, 64, 64), math.nan)
    assert take([picture, torch.zeros(2, 3, 64, 64)]).skipped
    for network, was in zip(networks, before, strict=True):
        assert_same(dict(network.state_dict()), dict(was))
    assert not take([torch.zeros(2, 3, 64, 64), torch.zeros(2, 3, 64, 64)]).skipped


def test_features_are_compared_at_the_same_share_of_the_depth() -> None:
    student = build_generator(FastConfig(blocks=6, filters=4))
    teacher = build_generator(ResnetConfig(blocks=9, filters=8))
    pairs = compared_layers(student, teacher)
    names = {module: name for each in (student, teacher) for name, module in each.named_modules()}
    assert [(names[mine], names[theirs]) for mine, theirs in pairs] == [
        ("down", "model.9"),
        ("blocks.1", "model.12"),
        ("blocks.3", "model.15"),
        ("blocks.5", "model.18"),
    ]
    _, features = tapped_student(student, teacher)(torch.zeros(1, 3, 32, 24))
    assert [tuple(each.shape) for each in features] == [(1, 32, 8, 6)] * 4
    assert compared_layers(student, build_generator(UnetConfig(downs=5, filters=4))) == []


def test_a_student_that_says_nothing_has_a_feature_loss_of_one() -> None:
    shown = [torch.randn(2, 3, 4, 4) * scale for scale in (0.01, 100)]
    assert feature_loss([torch.zeros_like(each) for each in shown], shown) == pytest.approx(1.0)
    assert feature_loss(shown, shown) == 0


def test_a_run_says_what_it_is(tmp_path: Path, domains: Domains, tiny: TrainConfig) -> None:
    config = replace(CONFIG, images=2, direction="b2a")
    run(config, domains[0], tmp_path / "run")
    assert {path.name for path in (tmp_path / "run").iterdir()} == {
        *("b2a.safetensors", "checkpoint.pt", "healthy.pt", "config.json")
    } | {"log.jsonl"}
    assert plan_from_json(config_to_json(config), StudentConfig) == config
    assert RunFolder(tmp_path / "run").read_plan(StudentConfig) == config
    with pytest.raises(WeightsError, match="not the configuration of a training"):
        RunFolder(tmp_path / "run").state_to_resume(tiny)
    with pytest.raises(WeightsError, match="other settings"):
        run(replace(config, seed=8), domains[0], tmp_path / "run", resume=True)


def test_a_crop_that_the_teacher_cannot_see_is_refused() -> None:
    with pytest.raises(ValueError, match=r"crop \(32\) must be a multiple of the teacher's 64"):
        replace(CONFIG, teacher=UnetConfig(downs=6))
