"""Ray Train as it is used here: started in an actor that owns all of it; only that imports it."""

import asyncio
from pathlib import Path
from typing import Any

from ray.train import FailureConfig, Result, RunConfig, ScalingConfig
from ray.train.torch import TorchTrainer
from ray.train.v2.api.data_parallel_trainer import (  # type: ignore[attr-defined]
    TrainController,
)

from cluster.member import live
from cluster.shares import Resources

_NOT_NEEDED = ("DatasetsCallback", "PlacementGroupCleanerCallback")


class _Trainer(TorchTrainer):
    """A TorchTrainer whose controller is not an actor but part of this process.

    It leans on methods that Ray does not promise to keep, hence its upper bound; tests hold it.
    Saved are the starts of processes: the controller's, which imports torch; two that hand out
    data sets, of which there are none; and one that removes the placement groups of dead
    controllers (it asks the dashboard who is dead, and never ends where there is none).
    """

    def _create_default_callbacks(self) -> list[Any]:
        found: list[Any] = super()._create_default_callbacks()  # type: ignore[misc]
        return [each for each in found if type(each).__name__ not in _NOT_NEEDED]

    def _initialize_and_run_controller(self, **settings: Any) -> Result:
        controller = TrainController(**settings)
        asyncio.run(controller.run())  # type: ignore[no-untyped-call]
        return controller.get_result()


def trainer_of(
    config: dict[str, Any], resources: Resources, *, storage: Path, name: str
) -> TorchTrainer:
    """A trainer whose `fit` starts the workers, waits for their end, and raises what ended them.

    `config` is what `cluster.member.live` takes; Ray Train's notes are at `storage / name`.
    """
    return _Trainer(
        live,
        train_loop_config=config,
        scaling_config=ScalingConfig(
            num_workers=resources.workers,
            use_gpu=resources.gpus > 0,
            resources_per_worker={
                "CPU": resources.cpus,
                **({"GPU": resources.gpus} if resources.gpus else {}),
            },
        ),
        run_config=RunConfig(
            name=name,
            storage_path=str(storage),
            # Whoever made this group begins again, in another: Ray Train itself gives up where a
            # worker dies while it is being started.
            failure_config=FailureConfig(
                max_failures=0,
                controller_failure_limit=0,  # type: ignore[call-arg]  # mypy sees an older one
            ),
        ),
    )
