"""The public CycleGAN code's training step, plainly: fp32, eager, NCHW, unfused Adam.

Written from its description (Zhu et al. 2017 and the defaults of the public code): identity,
adversarial and cycle losses of both generators in one backward pass, then each discriminator on
real and pooled fake images, each with a backward pass of its own.
"""

import itertools
import random

import torch
from torch import Tensor, nn

from today import PublicGenerator


class PublicDiscriminator(nn.Module):
    """The 70x70 PatchGAN, layer by layer."""

    def __init__(self, filters: int = 64) -> None:
        super().__init__()
        f = filters
        layers: list[nn.Module] = [nn.Conv2d(3, f, 4, 2, 1), nn.LeakyReLU(0.2, inplace=True)]
        for inputs, outputs, stride in ((f, 2 * f, 2), (2 * f, 4 * f, 2), (4 * f, 8 * f, 1)):
            layers += [
                nn.Conv2d(inputs, outputs, 4, stride, 1),
                nn.InstanceNorm2d(outputs),
                nn.LeakyReLU(0.2, inplace=True),
            ]
        self.model = nn.Sequential(*layers, nn.Conv2d(8 * f, 1, 4, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, H, W) in [-1, 1] -> scores."""
        out: Tensor = self.model(x)
        return out


class Pool:
    """Fill, then swap with probability a half."""

    def __init__(self, size: int = 50) -> None:
        self.images: list[Tensor] = []
        self.size = size

    def query(self, image: Tensor) -> Tensor:
        """One image (1, 3, H, W), this one or an older one."""
        if len(self.images) < self.size:
            self.images.append(image)
            return image
        if random.random() < 0.5:
            return image
        place = random.randrange(self.size)
        old, self.images[place] = self.images[place], image.clone()
        return old


class ReferenceTraining:
    """Networks, optimisers and the step."""

    def __init__(self, device: torch.device) -> None:
        torch.manual_seed(0)
        self.g_a, self.g_b = (PublicGenerator().to(device) for _ in range(2))
        self.d_a, self.d_b = (PublicDiscriminator().to(device) for _ in range(2))
        self.pool_a, self.pool_b = Pool(), Pool()
        betas = (0.5, 0.999)
        self.generators = torch.optim.Adam(
            itertools.chain(self.g_a.parameters(), self.g_b.parameters()),
            2e-4, betas, foreach=False,
        )  # fmt: skip
        self.discriminators = torch.optim.Adam(
            itertools.chain(self.d_a.parameters(), self.d_b.parameters()),
            2e-4, betas, foreach=False,
        )  # fmt: skip
        self.l1, self.mse = nn.L1Loss(), nn.MSELoss()

    def step(self, a: Tensor, b: Tensor) -> None:
        """One image of each domain, (1, 3, H, W) in [-1, 1]."""
        fake_b, fake_a = self.g_a(a), self.g_b(b)
        cycled_a, cycled_b = self.g_b(fake_b), self.g_a(fake_a)
        self._freeze(frozen=True)
        self.generators.zero_grad()
        identity = 5.0 * (self.l1(self.g_a(b), b) + self.l1(self.g_b(a), a))
        adversarial = self._gan(self.d_a(fake_b), real=True) + self._gan(
            self.d_b(fake_a), real=True
        )
        cycle = 10.0 * (self.l1(cycled_a, a) + self.l1(cycled_b, b))
        total: Tensor = identity + adversarial + cycle
        total.backward()  # type: ignore[no-untyped-call]
        self.generators.step()
        self._freeze(frozen=False)
        self.discriminators.zero_grad()
        self._judge(self.d_a, b, self.pool_b.query(fake_b.detach()))
        self._judge(self.d_b, a, self.pool_a.query(fake_a.detach()))
        self.discriminators.step()

    def _gan(self, scores: Tensor, *, real: bool) -> Tensor:
        loss: Tensor = self.mse(scores, torch.full_like(scores, float(real)))
        return loss

    def _judge(self, discriminator: nn.Module, real: Tensor, fake: Tensor) -> None:
        loss = self._gan(discriminator(real), real=True) + self._gan(
            discriminator(fake), real=False
        )
        (0.5 * loss).backward()  # type: ignore[no-untyped-call]

    def _freeze(self, *, frozen: bool) -> None:
        for parameter in itertools.chain(self.d_a.parameters(), self.d_b.parameters()):
            parameter.requires_grad = not frozen
