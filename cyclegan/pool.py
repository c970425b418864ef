"""The image pool: a discriminator also sees what the generator drew a while ago."""

import torch
from torch import Tensor


class ImagePool:
    """A history of generated images (Shrivastava et al. 2017, §2.3; Zhu et al. 2017, §7.1).

    While it fills, images pass through. Once full, each image is with probability one half
    exchanged for a random one of the pool. Size 0 switches it off.
    """

    def __init__(self, size: int, *, seed: int) -> None:
        if size < 0:
            raise ValueError(f"the pool's size must be 0 or more, not {size}")
        self.size = size
        self.images: list[Tensor] = []
        self._random = torch.Generator().manual_seed(seed)

    def exchange(self, batch: Tensor) -> Tensor:
        """Give back a batch (N, C, H, W) in which some images are older ones of the pool."""
        if self.size == 0:
            return batch
        return torch.stack([self._exchange_one(image) for image in batch.detach()])

    def _exchange_one(self, image: Tensor) -> Tensor:
        if len(self.images) < self.size:
            self.images.append(image.clone())
            return image
        if torch.rand((), generator=self._random) < 0.5:
            return image
        place = int(torch.randint(self.size, (), generator=self._random))
        old, self.images[place] = self.images[place], image.clone()
        return old.to(image.device)  # a pool read from a checkpoint is on the CPU

    def state_dict(self) -> dict[str, Tensor | list[Tensor]]:
        """The images, on the CPU, and the random state."""
        return {
            "images": [image.cpu() for image in self.images],
            "random": self._random.get_state(),
        }

    def load_state_dict(self, state: dict[str, Tensor | list[Tensor]]) -> None:
        """Go on exactly where `state_dict` was taken."""
        images, random = state["images"], state["random"]
        if not isinstance(images, list) or not isinstance(random, Tensor):
            raise ValueError("not the state of an image pool")
        self.images = list(images)
        self._random.set_state(random)
