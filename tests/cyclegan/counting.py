"""How often a generator is called."""

from torch import Tensor, nn


class Counting(nn.Module):
    """Counts the calls of a generator."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        self.calls = 0

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        out: Tensor = self.network(x)
        return out
