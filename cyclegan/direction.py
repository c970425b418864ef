"""Which of the two generators of a CycleGAN is meant."""

from typing import Literal, get_args

Direction = Literal["a2b", "b2a"]
DIRECTIONS: tuple[Direction, ...] = get_args(Direction)
