"""The two memories of a training: images drawn before, and the average of the weights."""

import pytest
import torch
from torch import Tensor, nn

from cyclegan.ema import Ema
from cyclegan.pool import ImagePool


def numbered(number: int) -> Tensor:
    return torch.full((1, 3, 2, 2), float(number))


def number_of(batch: Tensor) -> int:
    return int(batch[0, 0, 0, 0])


def test_a_filling_pool_lets_images_through() -> None:
    pool = ImagePool(5, seed=0)
    assert [number_of(pool.exchange(numbered(n))) for n in range(5)] == [0, 1, 2, 3, 4]


def test_a_full_pool_swaps_half_of_the_time() -> None:
    pool = ImagePool(10, seed=0)
    out = [number_of(pool.exchange(numbered(n))) for n in range(1010)][10:]
    kept = sum(given == n for n, given in enumerate(out, start=10))
    assert 450 < kept < 550
    assert all(given <= n for n, given in enumerate(out, start=10))


def test_no_image_is_lost_or_doubled() -> None:
    pool = ImagePool(4, seed=3)
    out = [number_of(pool.exchange(numbered(n))) for n in range(4, 100)]
    held = [int(image[0, 0, 0]) for image in pool.images]
    assert len(held) == 4
    given_later = out[4:]  # the first four pass through while copies stay in the pool
    assert sorted(given_later + held) == sorted([*range(4, 8), *range(8, 100)])


def test_batches_keep_their_shape_and_carry_no_gradient() -> None:
    pool = ImagePool(2, seed=0)
    batch = torch.zeros(5, 3, 4, 4, requires_grad=True)
    out = pool.exchange(batch)
    assert out.shape == batch.shape
    assert not out.requires_grad


def test_a_changed_batch_does_not_change_the_pool() -> None:
    pool = ImagePool(1, seed=0)
    batch = numbered(1)
    pool.exchange(batch)
    batch.fill_(9)
    assert pool.images[0].eq(1).all()


def test_size_zero_switches_the_pool_off() -> None:
    pool = ImagePool(0, seed=0)
    assert [number_of(pool.exchange(numbered(n))) for n in range(20)] == list(range(20))
    assert pool.images == []


def test_a_negative_size_is_refused() -> None:
    with pytest.raises(ValueError, match="0 or more, not -1"):
        ImagePool(-1, seed=0)


def test_a_restored_pool_goes_on_the_same() -> None:
    first = ImagePool(3, seed=0)
    for n in range(10):
        first.exchange(numbered(n))
    second = ImagePool(3, seed=99)
    second.load_state_dict(first.state_dict())
    for n in range(10, 60):
        assert number_of(first.exchange(numbered(n))) == number_of(second.exchange(numbered(n)))


def linear(value: float) -> nn.Linear:
    layer = nn.Linear(2, 2)
    nn.init.constant_(layer.weight, value)
    nn.init.constant_(layer.bias, value)
    return layer


def test_the_average_moves_by_hand_worked_amounts() -> None:
    network = linear(0.0)
    ema = Ema(network, decay=0.5)
    nn.init.constant_(network.weight, 1.0)
    ema.update(network, steps=0)  # decay min(0.5, 1/10)
    assert ema.network.get_parameter("weight").allclose(torch.tensor(0.9))
    ema.update(network, steps=1000)  # decay 0.5
    assert ema.network.get_parameter("weight").allclose(torch.tensor(0.95))
    assert ema.network.get_parameter("bias").eq(0).all()


def test_the_average_is_apart_from_the_network_and_copies_statistics() -> None:
    network = nn.BatchNorm2d(2)
    ema = Ema(network, decay=0.9)
    network(torch.rand(4, 2, 3, 3) + 5)
    assert ema.network.get_buffer("running_mean").eq(0).all()
    ema.update(network, steps=0)
    assert torch.equal(ema.network.get_buffer("running_mean"), network.get_buffer("running_mean"))
    assert not any(p.requires_grad for p in ema.network.parameters())
    assert not ema.network.training
    assert network.training


@pytest.mark.parametrize("decay", [-0.1, 1.0])
def test_a_decay_out_of_range_is_refused(decay: float) -> None:
    with pytest.raises(ValueError, match=r"in \[0, 1\)"):
        Ema(linear(0.0), decay=decay)
