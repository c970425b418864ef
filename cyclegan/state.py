"""All that changes while training, as one value that a checkpoint holds."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from cyclegan.config import GeneratorConfig
from cyclegan.direction import Direction
from cyclegan.discriminators import new_discriminator
from cyclegan.dtypes import loss_scaler, resolve_dtype
from cyclegan.ema import Ema
from cyclegan.networks import build_generator, init_weights
from cyclegan.pool import ImagePool
from cyclegan.seeds import mixed
from cyclegan.step import Learner, Networks
from cyclegan.team import Team
from cyclegan.train_config import TrainConfig

State = dict[str, Any]
"""Tensors and plain values alone, fit for `torch.load(weights_only=True)`."""


class TrainingError(ValueError):
    """The training cannot go on: it has diverged, or the machine cannot do it."""


@dataclass(slots=True, kw_only=True)
class Adjustments:
    """What the guard has changed since the training began; factors on what the settings say."""

    lr_g: float = 1.0
    lr_d: float = 1.0
    cycle: float = 1.0
    instance_noise: float = 0.0
    """Standard deviation of the noise on what discriminators see."""

    def cycle_weight(self, weight: float) -> float:
        """What the cycle weighs where the settings say `weight`; 0 is raised from 1."""
        return self.cycle * (weight or float(self.cycle > 1))


class Stateful(Protocol):
    """A part of a training: its state is tensors and plain values."""

    def load_state_dict(self, state: Any, /) -> Any:
        """Go on exactly where `state_dict` was taken."""

    def state_dict(self) -> Any:
        """What changes in it."""


@dataclass(slots=True, kw_only=True)
class LearningState(ABC):
    """All that changes in a training, of whatever; what the parts are is each kind's own."""

    adjustments: Adjustments = field(default_factory=Adjustments)
    guard: State = field(default_factory=dict)
    """What the guard must remember over a stop."""
    step: int = 0
    skipped: int = 0
    """Steps that changed nothing, or not everything, for a gradient that was not finite."""
    is_whole: bool = True
    """False in the middle of a step, when some weights have changed and others not yet."""

    @abstractmethod
    def parts(self) -> Mapping[str, Stateful]:
        """What is the same in every worker, averages included."""

    @abstractmethod
    def own_parts(self) -> Mapping[str, Stateful]:
        """What is each worker's alone, besides its random numbers."""

    @abstractmethod
    def averages(self) -> Mapping[Direction, nn.Module]:
        """The averaged generators, by the names of their files: what comes out of the training."""

    @abstractmethod
    def optimizers(self) -> tuple[Optimizer, Optimizer]:
        """The generators' and the discriminators'."""

    def metadata(self) -> dict[str, str]:
        """What the generators' files say besides."""
        return {}

    def require_finite(self) -> None:
        """Look at all weights and running statistics, averages included.

        Raises:
            TrainingError: one of them is infinite or not a number.
        """
        networks = (part for part in self.parts().values() if isinstance(part, nn.Module))
        weights = (weight for network in networks for weight in network.state_dict().values())
        if not all(bool(weight.isfinite().all()) for weight in weights):
            raise TrainingError(diverged(self.step, "weights are not finite numbers"))

    def shared(self) -> State:
        """What is the same in every worker."""
        return {
            "step": self.step,
            "skipped": self.skipped,
            "adjustments": asdict(self.adjustments),
            "guard": self.guard,
            **{name: part.state_dict() for name, part in self.parts().items()},
        }

    def own(self) -> State:
        """What is this worker's alone."""
        return {
            **{name: part.state_dict() for name, part in self.own_parts().items()},
            "torch_random": torch.get_rng_state(),
            "cuda_random": torch.cuda.get_rng_state() if torch.cuda.is_available() else None,
        }

    def load(self, shared: State, own: State) -> None:
        """Go on exactly where `shared` and `own` were taken."""
        for name, part in self.parts().items():
            part.load_state_dict(shared[name])
        for name, part in self.own_parts().items():
            part.load_state_dict(own[name])
        random, step, skipped = own["torch_random"], shared["step"], shared["skipped"]
        if not (isinstance(random, Tensor) and isinstance(step, int) and isinstance(skipped, int)):
            raise ValueError("not the state of a training")
        torch.set_rng_state(random)
        if own["cuda_random"] is not None and torch.cuda.is_available():
            torch.cuda.set_rng_state(own["cuda_random"])
        self.step, self.skipped, self.guard = step, skipped, shared["guard"]
        self.adjustments = Adjustments(**shared["adjustments"])
        self.is_whole = True


@dataclass(slots=True, kw_only=True)
class TrainState(LearningState):
    """A CycleGAN in training."""

    networks: Networks
    learner: Learner

    def parts(self) -> Mapping[str, Stateful]:
        """Networks, optimisers, scalers, averages."""
        learner = self.learner
        return {
            **{spec.name: getattr(self.networks, spec.name) for spec in fields(self.networks)},
            "optimizer_g": learner.optimizer_g,
            "optimizer_d": learner.optimizer_d,
            "scaler_g": learner.scaler_g,
            "scaler_d": learner.scaler_d,
            "ema_ab": learner.ema_ab.network,
            "ema_ba": learner.ema_ba.network,
        }

    def own_parts(self) -> Mapping[str, Stateful]:
        """The pools."""
        return {"pool_a": self.learner.pool_a, "pool_b": self.learner.pool_b}

    def averages(self) -> Mapping[Direction, nn.Module]:
        """Both generators'."""
        return {"a2b": self.learner.ema_ab.network, "b2a": self.learner.ema_ba.network}

    def optimizers(self) -> tuple[Optimizer, Optimizer]:
        """The generators' and the discriminators'."""
        return self.learner.optimizer_g, self.learner.optimizer_d


def diverged(step: int, what: str) -> str:
    """One line on a training that cannot go on."""
    return (
        f"the training has diverged: at step {step} its {what}; the last checkpoint, if any, is "
        "kept; train anew in another --out with a lower --lr-g and --lr-d, or with "
        "--precision fp32"
    )


def collect(state: LearningState, team: Team) -> State | None:
    """The whole training as one value, in rank 0; every worker must call it at the same step."""
    own = team.gather(state.own())
    return {**state.shared(), "workers": own} if team.rank == 0 else None


def restore(state: LearningState, content: State | None, team: Team) -> None:
    """Go on, in every worker, where `collect` was called; rank 0 brings what it gave.

    Raises:
        ValueError, KeyError, TypeError, RuntimeError, AttributeError: it is of other networks, of
            another number of workers, or no state at all.
    """
    told = team.share(content)
    if told is None:
        raise ValueError("no state to go on from")
    own: Sequence[State] = told["workers"]
    if len(own) != team.size:
        raise ValueError(f"it is of {len(own)} workers, not {team.size}")
    state.load(told, own[team.rank])


def new_state(config: TrainConfig, device: torch.device, *, rank: int = 0) -> TrainState:
    """Fresh networks with CycleGAN's initial weights, drawn from the configuration's seed.

    They are the same in each worker; `rank` decides its pools and its random numbers.
    """
    seeds = [config.seed * 4 + place for place in range(4)]
    networks = Networks(
        g_ab=_new_generator(config.generator_of("a2b"), seed=seeds[0]),
        g_ba=_new_generator(config.generator_of("b2a"), seed=seeds[1]),
        d_a=new_discriminator(config.discriminator, seed=seeds[2]),
        d_b=new_discriminator(config.discriminator, seed=seeds[3]),
    )
    layout = torch.channels_last if config.channels_last else torch.contiguous_format
    for spec in fields(networks):
        getattr(networks, spec.name).to(device, memory_format=layout)
    torch.manual_seed(mixed(config.seed, "steps", rank))
    return TrainState(networks=networks, learner=_learner(config, networks, device, rank))


def _new_generator(config: GeneratorConfig, *, seed: int) -> nn.Module:
    network = build_generator(config)
    init_weights(network, seed=seed)
    return network


def _learner(config: TrainConfig, networks: Networks, device: torch.device, rank: int) -> Learner:
    dtype = resolve_dtype(config.precision, device, training=True)
    pools = [ImagePool(config.pool, seed=mixed(config.seed, pool, rank)) for pool in "ab"]
    betas = (0.5, 0.999)
    return Learner(
        optimizer_g=torch.optim.Adam(networks.generators(), config.lr_g, betas=betas, fused=True),
        optimizer_d=torch.optim.Adam(
            networks.discriminators(), config.lr_d, betas=betas, fused=True
        ),
        scaler_g=loss_scaler(device, dtype),
        scaler_d=loss_scaler(device, dtype),
        pool_a=pools[0],
        pool_b=pools[1],
        ema_ab=Ema(networks.g_ab, decay=config.ema_decay),
        ema_ba=Ema(networks.g_ba, decay=config.ema_decay),
    )
