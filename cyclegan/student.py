"""The training of a student, whole: settings, state, and how it takes its steps."""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.amp.grad_scaler import GradScaler
from torch.nn.parallel import DistributedDataParallel
from torch.optim import Optimizer

from cyclegan.checkpoint import WeightsError
from cyclegan.config import FastConfig, GeneratorConfig, ResnetConfig, require
from cyclegan.direction import Direction
from cyclegan.discriminators import new_discriminator
from cyclegan.distill import (
    Lesson,
    StudentResult,
    StudentWeights,
    Tapped,
    distill_step,
    tapped_student,
    tapped_teacher,
)
from cyclegan.dtypes import loss_scaler, resolve_dtype
from cyclegan.ema import Ema
from cyclegan.learning import Take
from cyclegan.networks import Generator, build_generator, init_weights
from cyclegan.reference import meta_network
from cyclegan.seeds import mixed
from cyclegan.separable import begin_near
from cyclegan.start import read_start
from cyclegan.state import LearningState, Stateful
from cyclegan.team import Team
from cyclegan.train_config import Plan

STUDENT = "student"
"""What a file of networks that a training begins with (`cyclegan.start`) calls the student."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StudentConfig(Plan):
    """The training of a student; `generator` is its own architecture."""

    teacher: GeneratorConfig = field(default_factory=ResnetConfig)
    teacher_digest: str = ""
    """SHA-256 of the teacher's weights, in hexadecimal."""
    direction: Direction = "a2b"
    """What the teacher translates, which names the student's file."""
    loss: StudentWeights = field(default_factory=StudentWeights)

    def __post_init__(self) -> None:
        Plan.__post_init__(self)
        crop, multiple = self.preprocess.crop, self.teacher.multiple
        require(
            crop % multiple == 0, f"crop ({crop}) must be a multiple of the teacher's {multiple}"
        )
        require(
            isinstance(self.generator, FastConfig | ResnetConfig),
            "a student is a fast or a residual generator",
        )


@dataclass(slots=True, kw_only=True)
class StudentState(LearningState):
    """A student in training, and its discriminator."""

    student: Tapped
    discriminator: nn.Module
    optimizer_g: Optimizer
    optimizer_d: Optimizer
    scaler_g: GradScaler
    scaler_d: GradScaler
    ema: Ema
    direction: Direction
    about: dict[str, str]

    def parts(self) -> Mapping[str, Stateful]:
        """Networks, optimisers, scalers, the average."""
        return {
            "student": self.student,
            "discriminator": self.discriminator,
            "optimizer_g": self.optimizer_g,
            "optimizer_d": self.optimizer_d,
            "scaler_g": self.scaler_g,
            "scaler_d": self.scaler_d,
            "ema": self.ema.network,
        }

    def own_parts(self) -> Mapping[str, Stateful]:
        """Nothing."""
        return {}

    def averages(self) -> Mapping[Direction, nn.Module]:
        """The student's."""
        return {self.direction: self.ema.network}

    def optimizers(self) -> tuple[Optimizer, Optimizer]:
        """The student's and the discriminator's."""
        return self.optimizer_g, self.optimizer_d

    def metadata(self) -> dict[str, str]:
        """Who taught it."""
        return self.about


@dataclass(frozen=True, slots=True)
class StudentLearning:
    """The training of a student by a teacher, which it never changes."""

    config: StudentConfig
    teacher: Generator
    about: dict[str, str] = field(default_factory=dict)
    """What the student's file says besides."""
    start: Path | None = None
    """The file of the student that it begins with, `STUDENT` by name, where `config` has one."""

    def begin(self, state: StudentState) -> None:
        """With the student of `start`, and that as the average of itself.

        Raises:
            WeightsError: it cannot be used.
        """
        if self.start is None:
            return
        try:
            weights = read_start(self.start, self.config.start)[STUDENT]
            for network in (state.student.network, state.ema.network):
                network.load_state_dict(weights)
        except (KeyError, RuntimeError) as exc:
            raise WeightsError(
                f"{self.start} is not of a training with these settings: train anew in another "
                "--out"
            ) from exc

    def new_state(self, device: torch.device, *, rank: int) -> StudentState:
        """A fresh student and a fresh discriminator, the same in each worker."""
        config = self.config
        student = build_generator(config.generator)
        init_weights(student, seed=config.seed * 4)
        begin_near(student, self.teacher)
        self._place(student, device)
        ema = Ema(student, decay=config.ema_decay)
        tapped = tapped_student(student, self._teacher())
        init_weights(tapped.projections, seed=config.seed * 4 + 1)
        discriminator = new_discriminator(config.discriminator, seed=config.seed * 4 + 2)
        self._place(tapped, device)
        self._place(discriminator, device)
        torch.manual_seed(mixed(config.seed, "steps", rank))
        dtype = resolve_dtype(config.precision, device, training=True)
        betas = (0.5, 0.999)
        return StudentState(
            student=tapped,
            discriminator=discriminator,
            optimizer_g=torch.optim.Adam(tapped.parameters(), config.lr_g, betas, fused=True),
            optimizer_d=torch.optim.Adam(
                discriminator.parameters(), config.lr_d, betas, fused=True
            ),
            scaler_g=loss_scaler(device, dtype),
            scaler_d=loss_scaler(device, dtype),
            ema=ema,
            direction=config.direction,
            about=self.about,
        )

    def stepper(self, state: StudentState, device: torch.device, team: Team) -> Take[StudentResult]:
        """`distill_step`; over a team, DDP averages gradients."""
        teacher = tapped_teacher(meta_network(self.config.generator), self._teacher())
        self._place(teacher, device)
        student, discriminator = (
            DistributedDataParallel(network, forward_sync_buffers=False)
            if team.size > 1
            else network
            for network in (state.student, state.discriminator)
        )
        lesson = Lesson(
            teacher=teacher,
            student=student,
            discriminator=discriminator,
            optimizer_g=state.optimizer_g,
            optimizer_d=state.optimizer_d,
            scaler_g=state.scaler_g,
            scaler_d=state.scaler_d,
            ema=state.ema,
            weights=self.config.loss,
            dtype=resolve_dtype(self.config.precision, device, training=True),
        )

        def take(batch: Sequence[Tensor]) -> StudentResult:
            """Of one domain, or of two: then the second is what the student's is to look like."""
            return distill_step(lesson, *batch, steps=state.step)

        return take

    def _place(self, network: nn.Module, device: torch.device) -> None:
        layout = torch.channels_last if self.config.channels_last else torch.contiguous_format
        network.to(device).to(memory_format=layout)

    def _teacher(self) -> Generator:
        """A copy: what a training adds to it is its own."""
        return copy.deepcopy(self.teacher).eval().requires_grad_(False)
