"""What can be learnt: each kind of training names its settings, its state and its step.

The loop (`training.py`) and the run (`run.py`) know no more of a training than what stands here.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

import torch
from torch import Tensor
from typing_extensions import TypeVar

from cyclegan.state import LearningState, TrainState
from cyclegan.step import StepResult
from cyclegan.team import Team
from cyclegan.train_config import Plan

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


class Result(Protocol):
    """What a step gives, whatever is learnt."""

    @property
    def losses(self) -> "DataclassInstance":
        """Scalar tensors by name."""

    @property
    def skipped(self) -> bool:
        """A gradient was not a finite number."""


R = TypeVar("R", bound=Result, default=StepResult)
R_co = TypeVar("R_co", bound=Result, default=StepResult, covariant=True)
R_contra = TypeVar("R_contra", bound=Result, default=StepResult, contravariant=True)
S = TypeVar("S", bound=LearningState, default=TrainState)
S_contra = TypeVar("S_contra", bound=LearningState, default=TrainState, contravariant=True)

Take = Callable[[Sequence[Tensor]], R]
"""Changes all weights once for a batch of each domain, each (N, 3, H, W) on the device."""


class Learning(Protocol[S, R_co]):
    """One kind of training, with its settings."""

    @property
    def config(self) -> Plan:
        """With the data it decides every weight."""

    def new_state(self, device: torch.device, *, rank: int) -> S:
        """The state before the first step, drawn from the configuration's seed."""

    def begin(self, state: S) -> None:
        """Give a new state what it begins with besides; not called where another is taken up.

        Raises:
            WeightsError: that cannot be used.
        """

    def stepper(self, state: S, device: torch.device, team: Team) -> Take[R_co]:
        """What takes a step from where `state` stands; each worker of a team calls this."""
