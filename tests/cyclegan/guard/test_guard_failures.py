"""Each detector on a training that really fails that way, and none on one that does not."""

from dataclasses import replace
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from cyclegan.config import DiscriminatorConfig, FastConfig, ResnetConfig
from cyclegan.guard.detectors import told_by_settings
from cyclegan.guard.evidence import correlation, surface
from cyclegan.guard.logged import logged
from cyclegan.guard.watch import STUCK
from cyclegan.train_config import LossWeights, TrainConfig

Domains = tuple[Tensor, Tensor]
Watch = Any

RESNET = ResnetConfig(blocks=1, filters=8)
BOTH = ("a2b", "b2a")


def both(name: str) -> set[str]:
    return {f"{name} ({place})" for place in BOTH}


@pytest.mark.parametrize(
    "generator",
    [
        FastConfig(blocks=1, filters=8, input_share=0.0),
        pytest.param(RESNET, marks=pytest.mark.slow),
    ],
)
def test_a_healthy_training_raises_nothing(
    small: TrainConfig, seasons: Domains, watch: Watch, generator: Any
) -> None:
    seen = watch(replace(small, generator=generator), seasons, steps=220)
    assert seen.events == []
    assert seen.warnings == []
    assert seen.guard.is_healthy
    assert not seen.guard.wants_save
    assert surface(seen.images.fake_b).contrast > 0.2


def test_a_discriminator_that_wins_though_outputs_are_no_worse(
    small: TrainConfig, seasons: Domains, watch: Watch
) -> None:
    config = replace(small, generator=RESNET, lr_g=2e-5, lr_d=2e-3)
    seen = watch(config, seasons, steps=100)
    assert both("discriminator has won") & seen.found()
    assert "learning rates" in seen.found()
    won = next(event for event in seen.events if event.name == "discriminator has won")
    assert won.numbers["real_right"] > 0.95
    assert won.numbers["fake_right"] > 0.95
    assert won.numbers["adversarial"] > 0.8


def test_a_discriminator_a_hundred_times_as_fast_never_settles(
    small: TrainConfig, seasons: Domains, watch: Watch
) -> None:
    seen = watch(replace(small, lr_d=0.2), seasons, steps=40)
    assert both("discriminator never settles") <= seen.found()
    assert "learning rates" in seen.found()
    rates = seen.events[0]
    assert (rates.name, rates.step) == ("learning rates", 5)
    assert "lr-d 0.2 is 100 times lr-g 0.002" in rates.evidence
    assert "keep the two within a factor of four" in rates.remedy


def test_generators_that_run_away_into_one_colour(
    small: TrainConfig, seasons: Domains, watch: Watch
) -> None:
    config = replace(small, generator=RESNET, batch=1, lr_g=0.1, seed=2)
    seen = watch(config, seasons, steps=50)
    blank = [event for event in seen.events if event.name == "blank outputs"]
    assert blank
    assert all(event.numbers["contrast"] < 0.06 for event in blank)
    assert "outputs are " in blank[0].evidence
    assert "if both rates are high, lower them to 2e-4" in blank[0].remedy


def test_outputs_at_the_ends_of_the_range(
    small: TrainConfig, seasons: Domains, watch: Watch
) -> None:
    """Scores without bounds, and a cycle that is not heard beside them."""
    loss = LossWeights(gan_mode="hinge", cycle=1.0)
    config = replace(small, generator=RESNET, batch=1, lr_g=0.06, lr_d=0.2, loss=loss, seed=3)
    seen = watch(config, seasons, steps=50)
    saturated = [event for event in seen.events if event.name == "saturated outputs"]
    assert saturated
    assert all(event.numbers["clipped"] > 0.5 for event in saturated)


def test_a_discriminator_that_has_learnt_nothing_yet_is_no_erratic_one(
    small: TrainConfig, seasons: Domains, watch: Watch
) -> None:
    """Fresh, it says 0 of all pictures: twice the loss of one that says it cannot tell."""
    seen = watch(replace(small, lr_g=2e-5, lr_d=2e-5), seasons, steps=40)
    assert seen.found() & both("discriminator never settles") == set()


def test_no_cycle(small: TrainConfig, seasons: Domains, watch: Watch) -> None:
    seen = watch(replace(small, loss=LossWeights(cycle=0)), seasons, steps=60)
    assert both("adversarial loss drowns the cycle") | {"no cycle loss"} <= seen.found()
    told = [event.step for event in seen.events if event.name == "no cycle loss"]
    assert told == [5], "once, though it is there at each of twelve looks"
    assert seen.warnings == [event.line() for event in seen.events]


def test_the_perceptual_loss_ties_outputs_to_inputs_too(small: TrainConfig) -> None:
    sides = replace(small.preprocess, load=64, crop=64)
    loss = LossWeights(cycle=0, perceptual=1.0)
    assert told_by_settings(replace(small, preprocess=sides, loss=loss)) == []


def test_lines_of_a_damaged_log_that_lack_a_loss_are_passed_over(small: TrainConfig) -> None:
    config = replace(
        small,
        preprocess=replace(small.preprocess, load=64, crop=64),
        loss=LossWeights(perceptual=1),
    )
    drowned = {f"adversarial_{way}": 50.0 for way in ("ab", "ba")} | dict.fromkeys(
        ("discriminator_a", "discriminator_b", "cycle_a", "cycle_b"), 0.5
    )
    lines = [drowned | {"step": step, "skipped": 0} for step in range(8)]
    whole = [line | {"perceptual_ab": 0.1, "perceptual_ba": 0.1} for line in lines]
    assert list(logged(lines, config)) == []
    assert {symptom.place for symptom in logged([*lines, *whole], config)} == {"a2b", "b2a"}


def test_one_domain_scaled_to_0_1(small: TrainConfig, seasons: Domains, watch: Watch) -> None:
    a, b = seasons
    seen = watch(small, (a, (b + 1) / 2), steps=40)
    (event,) = seen.events
    assert (event.title, event.status) == ("value ranges (b)", "found"), "told once in eight looks"
    assert "the other one down to -1.00: it looks scaled to [0, 1]" in event.evidence


def test_blank_pictures_make_all_outputs_the_same(
    small: TrainConfig, seasons: Domains, watch: Watch
) -> None:
    a, b = seasons
    seen = watch(small, (a, torch.full_like(b, -1.0)), steps=80)
    assert {"value ranges (b)", "the same output for every input (a2b)"} <= seen.found()
    assert any("domain B is blank" in event.evidence for event in seen.events)


def test_one_domain_enlarged(small: TrainConfig, seasons: Domains, watch: Watch) -> None:
    a, b = seasons
    few = F.interpolate(b, 8, mode="bilinear", antialias=True)
    enlarged = F.interpolate(few, 32, mode="bicubic").clamp(-1, 1)
    seen = watch(small, (a, enlarged), steps=40)
    assert seen.found() == {"domains prepared apart (b)"}


@pytest.mark.slow
def test_a_checkerboard(small: TrainConfig, seasons: Domains, watch: Watch) -> None:
    loss = LossWeights(cycle=0.5, identity=0.0)
    seen = watch(replace(small, generator=RESNET, loss=loss), seasons, steps=220)
    assert both("checkerboard") <= seen.found()
    event = next(event for event in seen.events if event.name == "checkerboard")
    assert event.numbers["pattern"] > 5 * event.numbers["pictures"]


@pytest.mark.parametrize(("identity", "inverts"), [(0.0, True), (0.5, False)])
def test_inverted_colours(
    small: TrainConfig, watch: Watch, ambiguous: Domains, identity: float, inverts: bool
) -> None:
    """Of pictures that look alike as negatives, chance decides; the identity loss knows."""
    config = replace(small, generator=RESNET, loss=LossWeights(identity=identity), seed=2)
    seen = watch(config, ambiguous, steps=85)
    drawn = correlation(seen.images.a, seen.images.fake_b)
    assert (drawn < -0.8) if inverts else (drawn > 0.8)
    assert (seen.found() == both("inverted colours")) is inverts


@pytest.mark.slow
def test_a_message_hidden_in_the_output(
    small: TrainConfig, watch: Watch, secretive: Domains
) -> None:
    """Domain B cannot show what A holds, yet the cycle closes; through what nobody sees."""
    config = replace(
        small,
        generator=RESNET,
        discriminator=DiscriminatorConfig(filters=16),
        loss=LossWeights(identity=0.0),
    )
    seen = watch(config, secretive, steps=300)
    assert "message hidden in the output (a2b)" in seen.found()
    event = next(event for event in seen.events if event.name == "message hidden in the output")
    assert event.numbers["soft_error"] > 1.5 * event.numbers["clean_error"]


def test_pictures_that_are_not_numbers(small: TrainConfig, seasons: Domains, watch: Watch) -> None:
    a, b = seasons
    good = [(a[2 * n : 2 * n + 2], b[2 * n : 2 * n + 2]) for n in range(30)]
    bad = [(a[:2] * torch.nan, b[:2])] * STUCK
    seen = watch(small, seasons, steps=10 + STUCK, batches=iter([*good[:10], *bad]))
    assert seen.found() == {"not finite"}
    assert seen.events[-1].step == 10 + STUCK
    one_in_five = [bad[0] if n % 5 == 1 else pair for n, pair in enumerate(good)]
    seen = watch(small, seasons, steps=30, batches=iter(one_in_five))
    assert seen.found() == {"not finite"}
    assert "of the last" in seen.events[-1].evidence
    seen = watch(small, seasons, steps=30, batches=iter([*bad[:1], *good[1:]]))
    assert seen.found() == set(), "one step in thirty is nothing"
