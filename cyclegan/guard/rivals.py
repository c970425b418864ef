"""Generators and discriminators out of balance, and steps that go nowhere."""

import math
from collections.abc import Iterator, Sequence
from statistics import fmean, median

from cyclegan.config import GanMode
from cyclegan.guard.values import Kind, Place, Symptom
from cyclegan.guard.window import Way, Window, falls

SURE = 0.95
"""Share of patches that a discriminator which has won tells right, real ones and drawn ones."""
LOST: dict[GanMode, float] = {"lsgan": 0.8, "vanilla": 2.0, "hinge": 1.0}
"""Adversarial loss of a generator that is found out all the time: its scores lie where the
discriminator wants them. An even match has 0.25, 0.69 and 0."""
CHANCE: dict[GanMode, float] = {"lsgan": 0.25, "vanilla": math.log(2), "hinge": 1.0}
"""Loss of a discriminator that always says it does not know."""
SATISFIED = 0.2
"""Of `CHANCE`: such a discriminator has nothing left to learn."""
WORSE = 3.0
"""Times `CHANCE`: far worse than one that says nothing; a fresh one starts at twice (lsgan)."""
DROWNED = 0.9
"""Adversarial share of what a generator is asked for, above which little else is heard."""
OPEN = 1.0
"""Relative cycle error: a plain surface does as well."""
WIDE_OPEN = 1.25
UNEVEN = 10.0
"""Ratio of the two rates; two or four are in use (Heusel et al. 2017)."""
HIGH = 1e-2
"""Learning rate of Adam's at which weights of 0.02 change by half in a step."""
SKIPPED = 0.1


def won(window: Window) -> Iterator[Symptom]:
    """A discriminator that tells all pictures right, to a generator that cannot answer."""
    mode = window.config.loss.gan_mode
    for way in window.ways():
        rivals = way.rivals
        if not rivals:
            continue
        real, fake = fmean(r.real_right for r in rivals), fmean(r.fake_right for r in rivals)
        loss = median(r.discriminator for r in rivals)
        losing = [r.adversarial for r in rivals]
        is_sure = min(real, fake) >= SURE and loss <= SATISFIED * CHANCE[mode]
        if not is_sure or median(losing) < LOST[mode]:
            continue
        yield won_symptom(
            way.place,
            f"discriminator {way.judge} is right about {real:.0%} of real and {fake:.0%} of drawn "
            f"patches (loss {loss:.3f}), the generator's adversarial loss is {median(losing):.2f}",
            {
                "real_right": real,
                "fake_right": fake,
                "discriminator": loss,
                "adversarial": median(losing),
            },
            is_fading=falls(losing, to=0.9),
        )


def erratic(window: Window) -> Iterator[Symptom]:
    """A discriminator that does worse than one that says nothing: its steps are too long."""
    mode = window.config.loss.gan_mode
    for way in window.ways():
        losses = [each.discriminator for each in way.rivals]
        if not losses or (loss := median(losses)) < WORSE * CHANCE[mode]:
            continue
        yield erratic_symptom(way.place, way.judge, loss, mode)


def share(window: Window) -> Iterator[Symptom]:
    """The adversarial loss makes nearly all of what is asked, and pictures do not come back."""
    for way in window.ways():
        adversarial, error = _share(way), _cycle_error(way)
        if adversarial < DROWNED or error < OPEN:
            continue
        yield share_symptom(
            way.place,
            f"{adversarial:.0%} of the loss is adversarial, and pictures come back no better than "
            f"a plain surface (error {error:.2f})",
            {"share": adversarial, "cycle_error": error},
        )


def reconstruction(window: Window) -> Iterator[Symptom]:
    """Pictures come back worse than a plain surface, though the loss asks for them."""
    for way in window.ways():
        error = _cycle_error(way)
        errors = [each.cycle_error for each in way.seen]
        if error < WIDE_OPEN or _share(way) >= DROWNED:
            continue
        yield Symptom(
            kind=Kind.RECONSTRUCTION,
            place=way.place,
            evidence=f"pictures come back {error:.2f} times as wrong as a plain surface would be, "
            "and it gets no better",
            numbers={"cycle_error": error},
            cause="the generators do not learn: --lr-g is far too high, or far too low",
            remedy="set --lr-g to 2e-4; a --lambda-cycle of 10 is usual",
            is_fading=falls(errors, to=0.9),
        )


def rates(window: Window) -> Iterator[Symptom]:
    """Rates far apart, or far too high: seen before the first step."""
    ratio = window.lr_d / window.lr_g
    numbers = {"lr_g": window.lr_g, "lr_d": window.lr_d}
    if ratio > UNEVEN or ratio < 1 / UNEVEN:
        faster = "discriminators" if ratio > 1 else "generators"
        yield Symptom(
            kind=Kind.RATES,
            place="",
            evidence=f"lr-d {window.lr_d:g} is {ratio:.3g} times lr-g {window.lr_g:g}",
            numbers=numbers,
            cause=f"the {faster} learn much faster than those they play against, who then learn "
            "nothing from them",
            remedy="keep the two within a factor of four: 2e-4 for both is usual",
        )
    elif max(window.lr_g, window.lr_d) > HIGH:
        yield Symptom(
            kind=Kind.RATES,
            place="",
            evidence=f"lr-g {window.lr_g:g}, lr-d {window.lr_d:g}",
            numbers=numbers,
            cause="one step may change a fresh weight by half: that is too much to learn from",
            remedy="2e-4 for both is usual; batches of 16 and more bear 1e-3",
        )


def no_cycle(window: Window) -> Iterator[Symptom]:
    """A CycleGAN without its cycle, nor anything else that ties outputs to inputs."""
    loss = window.config.loss
    if window.adjustments.cycle_weight(loss.cycle) > 0 or loss.perceptual > 0:
        return
    yield Symptom(
        kind=Kind.NO_CYCLE,
        place="",
        evidence="--lambda-cycle is 0; the identity loss is a share of it, and so is 0 as well",
        numbers={"cycle": 0.0},
        cause="nothing ties an output to its input: any picture of the other domain will do, and "
        "one for all inputs is the easiest",
        remedy="set --lambda-cycle to 10, or to 1 at least",
    )


def not_finite(skipped: int, steps: int, *, in_a_row: int) -> Symptom | None:
    """Steps that changed nothing, for a gradient that was infinite or not a number."""
    if not (in_a_row or (steps and skipped >= SKIPPED * steps)):
        return None
    row = f"{in_a_row} steps in a row" if in_a_row else f"{skipped} of the last {steps} steps"
    return Symptom(
        kind=Kind.NOT_FINITE,
        place="",
        evidence=f"{row} had gradients that are not finite numbers",
        numbers={"skipped": float(skipped), "steps": float(steps), "in_a_row": float(in_a_row)},
        cause="weights or activations have grown out of range: rates too high, fp16, or pictures "
        "that are not finite themselves",
        remedy="lower --lr-g and --lr-d, or use --precision bf16 or fp32",
    )


def skipped_steps(window: Window) -> Iterator[Symptom]:
    """`not_finite` over the window."""
    symptom = not_finite(
        sum(each.skipped for each in window.looks),
        sum(each.steps for each in window.looks),
        in_a_row=0,
    )
    if symptom is not None:
        yield symptom


def won_symptom(
    place: Place, evidence: str, numbers: dict[str, float], *, is_fading: bool = False
) -> Symptom:
    """By whatever was seen of it."""
    return Symptom(
        kind=Kind.WON,
        place=place,
        evidence=evidence,
        numbers=numbers,
        cause="it learns faster than the generator (--lr-d too high for --lr-g), or knows its few "
        "pictures by heart; what it says no longer tells the generator where to go",
        remedy="halve --lr-d, or train on more pictures; --guard act also adds noise to what it "
        "sees",
        is_fading=is_fading,
    )


def erratic_symptom(place: Place, judge: str, loss: float, mode: GanMode) -> Symptom:
    """By the discriminator's loss."""
    return Symptom(
        kind=Kind.ERRATIC,
        place=place,
        evidence=f"discriminator {judge}'s loss is {loss:.2f}, that of one which says nothing "
        f"{CHANCE[mode]:.2f}",
        numbers={"discriminator": loss, "chance": CHANCE[mode]},
        cause="--lr-d is too high: it overshoots with each step, and the generator is sent to and "
        "fro",
        remedy="lower --lr-d, to 2e-4 or to --lr-g",
    )


def share_symptom(place: Place, evidence: str, numbers: dict[str, float]) -> Symptom:
    """By whatever was seen of it."""
    return Symptom(
        kind=Kind.SHARE,
        place=place,
        evidence=evidence,
        numbers=numbers,
        cause="--lambda-cycle is too low for these discriminators: nothing ties outputs to inputs",
        remedy="raise --lambda-cycle, twofold at a time (10 is usual), or lower --lr-d",
    )


def _share(way: Way) -> float:
    shares = [each.share for each in way.rivals]
    return median(shares) if shares else 0.0


def _cycle_error(way: Way) -> float:
    errors: Sequence[float] = [each.cycle_error for each in way.seen]
    return median(errors)
