"""`--start-from`: the networks that a training begins with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from torch import Tensor

from cyclegan.checkpoint import WeightsError, load_checkpoint, write_atomically
from cyclegan.config import generator_to_json
from cyclegan.run_folder import RunFolder
from cyclegan.start import digest_of, start_to_bytes
from cyclegan.train_config import TrainConfig
from vidgan.errors import SettingsError
from vidgan.named import Named, read_named

A_RUN, TWO = 1, 2


@dataclass(frozen=True, slots=True)
class Beginning:
    """The networks of a run that did not begin with new ones."""

    content: bytes = b""
    digest: str = ""

    def keep(self, folder: RunFolder) -> None:
        """Write them into the run's folder, so that it can begin anew without where they are from.

        Raises:
            OSError: no room, no permission.
        """
        if self.content:
            write_atomically(folder.start, lambda part: part.write_bytes(self.content))


def kept_beginning(folder: RunFolder) -> Beginning:
    """That of a run that is there."""
    content = folder.start.read_bytes() if folder.start.exists() else b""
    return Beginning(content, digest_of(content)) if content else Beginning()


def read_beginning(sources: Sequence[str], config: TrainConfig) -> Beginning:
    """The generators of a run, and its discriminators if they fit; or two generators.

    Raises:
        SettingsError: no run or too many generators; or they are of another architecture.
        ModelError: no generator is there.
    """
    if not sources:
        return Beginning()
    networks: dict[str, Mapping[str, Tensor]] = {}
    for name, generator in zip(("g_ab", "g_ba"), _generators(sources), strict=True):
        if generator.generator.config != config.generator:
            raise SettingsError(
                f"--start-from {generator.path}: it is {_said(generator)}, and not "
                f"{generator_to_json(config.generator)}: give the --generator and "
                "--generator-filters that it has"
            )
        networks[name] = generator.generator.network.state_dict()
    if len(sources) == A_RUN:
        networks |= _discriminators(RunFolder(Path(sources[0])), config)
    content = start_to_bytes(networks)
    return Beginning(content, digest_of(content))


def _generators(sources: Sequence[str]) -> list[Named]:
    if len(sources) == A_RUN and Path(sources[0]).is_dir():
        return [read_named(sources[0], "a2b"), read_named(sources[0], "b2a")]
    if len(sources) == TWO:
        return [read_named(source) for source in sources]
    raise SettingsError(
        f"--start-from {sources[0]}: give one run, or two generators, the one from A to B first, "
        "as in --start-from summer2winter --start-from winter2summer"
    )


def _said(generator: Named) -> str:
    return generator_to_json(generator.generator.config)


def _discriminators(folder: RunFolder, config: TrainConfig) -> dict[str, Mapping[str, Tensor]]:
    """None where a folder has only generators, such as RUN/best, or other discriminators."""
    if not folder.checkpoint.exists():
        return {}
    try:
        if folder.read_config().discriminator != config.discriminator:
            return {}
        state = load_checkpoint(folder.checkpoint)
        return {name: cast("Mapping[str, Tensor]", state[name]) for name in ("d_a", "d_b")}
    except (WeightsError, KeyError):
        return {}
