"""Frames through a generator: any size, any batch, any precision, always the same."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from cyclegan.config import FastConfig, IdentityConfig, ResnetConfig, UnetConfig
from cyclegan.dtypes import resolve_dtype
from cyclegan.networks import FastGenerator, Generator, build_generator, init_weights
from cyclegan.precision import cpu_bf16_pays
from cyclegan.traced import traced
from cyclegan.translator import Translator, pad_to_multiple
from cyclegan.view import View
from cyclegan.weights import load_generator

Frames = NDArray[np.uint8]
Levels = NDArray[np.uint8 | np.uint16]


def generator(config: FastConfig | ResnetConfig | UnetConfig) -> Generator:
    network = build_generator(config)
    init_weights(network, std=0.05, seed=3)
    return network


def frames(number: int, height: int, width: int, *, seed: int = 0) -> Frames:
    """Smooth pictures, as films have them."""
    rng = np.random.default_rng(seed)
    coarse = torch.from_numpy(rng.uniform(0, 255, (number, 3, 4, 4)))
    smooth = torch.nn.functional.interpolate(coarse, (height, width), mode="bilinear")
    return smooth.permute(0, 2, 3, 1).round().byte().numpy()


class Affine(FastGenerator):
    """Darkens by a fixed amount, whatever the picture: results can be foretold exactly."""

    def forward(self, x: Tensor) -> Tensor:
        return x - 0.25


SMALL = FastConfig(blocks=1, filters=4)


@pytest.mark.parametrize(
    ("config", "size"),
    [
        (SMALL, (64, 96)),
        (SMALL, (1, 1)),
        (SMALL, (2, 37)),
        (SMALL, (61, 97)),
        (FastConfig(blocks=1, filters=4, separable=True), (61, 97)),
        (ResnetConfig(blocks=1, filters=4), (33, 18)),
        (UnetConfig(downs=5, filters=4), (40, 70)),
    ],
)
def test_any_size_comes_back_as_it_went_in(
    config: FastConfig | ResnetConfig | UnetConfig, size: tuple[int, int]
) -> None:
    batch = frames(2, *size)
    out = Translator(generator(config), device="cpu")(batch)
    assert out.shape == batch.shape
    assert out.dtype == np.uint8


def test_padding_is_cut_off_and_does_not_shift_the_picture() -> None:
    network = generator(SMALL)
    picture = frames(1, 61, 97)
    padded = np.pad(picture, ((0, 0), (0, 3), (0, 3), (0, 0)), mode="reflect")
    whole = Translator(network, device="cpu")(padded)
    assert np.array_equal(Translator(network, device="cpu")(picture), whole[:, :61, :97])


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (5, 8), (64, 65)])
def test_reflection_goes_back_and_forth_like_numpy_s(size: tuple[int, int]) -> None:
    image = torch.arange(size[0] * size[1], dtype=torch.float32).reshape(1, 1, *size)
    down, right = -size[0] % 32, -size[1] % 32
    expected = np.pad(image[0, 0].numpy(), ((0, down), (0, right)), mode="reflect")
    assert np.array_equal(pad_to_multiple(image, 32)[0, 0].numpy(), expected)


def test_levels_are_rounded_not_cut() -> None:
    picture = frames(1, 16, 16)
    out = Translator(Affine(SMALL), device="cpu", precision="fp32")(picture)
    exact = np.clip(picture - 0.25 * 127.5, 0, 255)
    assert np.abs(out - exact).max() <= 0.5 + 1e-4
    assert abs(float((out - exact).mean())) < 0.2


@pytest.mark.parametrize("size", [0, 24])
def test_the_identity_gives_back_every_level(size: int) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (2, 37, 50, 3)).astype(np.uint8)
    network = build_generator(IdentityConfig())
    assert np.array_equal(Translator(network, precision="fp32", size=size)(noise), noise)


def test_a_frame_does_not_depend_on_its_neighbours() -> None:
    network = generator(SMALL)
    batch = frames(5, 24, 40)
    for size in (1, 2, 4):
        translate = Translator(network, device="cpu", batch=size)
        alone = np.concatenate([translate(frame[np.newaxis]) for frame in batch])
        assert np.array_equal(translate(batch), alone)


LITTLE_MEMORY = """
import resource, sys, threading
from concurrent.futures import ThreadPoolExecutor
import numpy as np, torch
from cyclegan.config import FastConfig
from cyclegan.networks import build_generator, init_weights
from cyclegan.translator import Translator

torch.set_num_threads(1)
network = build_generator(FastConfig(blocks=1, filters=16))
init_weights(network, std=0.05, seed=3)
make = lambda batch: Translator(network, device="cpu", precision="fp32", batch=batch)
frames = np.random.default_rng(0).integers(0, 256, (8, 512, 512, 3), np.uint8)
expected = np.concatenate([make(1)(frame[None]) for frame in frames])
threads = ThreadPoolExecutor(4)
all_there = threading.Barrier(4)  # else one that is done early takes the next one's turn
list(threads.map(lambda _: (all_there.wait(), make(1)(frames[:1, :64, :64])), range(4)))
# Now there are their stacks and arenas.
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
translate = make(int(sys.argv[1]))
before = resource.getrlimit(resource.RLIMIT_AS)
resource.setrlimit(resource.RLIMIT_AS, (used + int(sys.argv[2]) * 2**20, before[1]))
if translate.batch > 1:
    out = translate(frames)
    assert 1 <= translate.batch < int(sys.argv[1]), translate.batch
else:
    out = np.concatenate(list(threads.map(lambda frame: translate(frame[None]), frames)))
resource.setrlimit(resource.RLIMIT_AS, before)
assert np.abs(out.astype(int) - expected).max() <= 1
print("done")
"""

GIVEN_BACK = {"MALLOC_ARENA_MAX": "1", "MALLOC_MMAP_THRESHOLD_": str(2**20)}
"""What is freed goes back at once. By default glibc keeps blocks of up to 32 MiB in its heap, and
four lanes at once can leave that in pieces of which none is large enough for one that is alone.
"""


@pytest.mark.parametrize(("batch", "room"), [(8, 250), (1, 150)])
def test_out_of_memory_halves_the_batch_then_lanes_wait_for_each_other(
    batch: int, room: int
) -> None:
    """With room, in MiB, for a frame or two."""
    done = subprocess.run(
        [sys.executable, "-c", LITTLE_MEMORY, str(batch), str(room)],
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
        env={**os.environ, **GIVEN_BACK},
    )
    assert (done.returncode, done.stdout) == (0, "done\n"), done.stderr


def test_out_of_memory_for_a_single_frame_is_the_caller_s() -> None:
    done = subprocess.run(
        [sys.executable, "-c", LITTLE_MEMORY, "1", "10"],
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
        env={**os.environ, **GIVEN_BACK},
    )
    assert done.returncode == 1
    assert "can't allocate memory" in done.stderr


@pytest.mark.parametrize("size", [0, 24])
@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_lanes_of_one_thread_agree_to_the_bit(kind: type[np.uint8 | np.uint16], size: int) -> None:
    translate = Translator(generator(FastConfig(blocks=2, filters=8)), device="cpu", size=size)
    scale = np.iinfo(kind).max // 255
    shades = [frames(1, 48, 80, seed=seed).astype(np.uint32) for seed in range(12)]
    pictures: list[Levels] = [(scale * shade).astype(kind) for shade in shades]
    results = []
    for lanes in (1, 3):
        with ThreadPoolExecutor(lanes, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            results.append(list(pool.map(translate, pictures)))
    assert all(np.array_equal(one, three) for one, three in zip(*results, strict=True))


def test_bf16_stays_within_two_levels_of_fp32() -> None:
    network = generator(FastConfig(blocks=6, filters=16))
    batch = frames(2, 64, 96)
    exact = Translator(network, device="cpu", precision="fp32")(batch).astype(int)
    reduced = Translator(network, device="cpu", precision="bf16")(batch).astype(int)
    assert np.abs(exact - reduced).mean() < 2
    assert np.abs(exact - batch).mean() > 5, "the generator must do something"


@pytest.mark.parametrize("size", [0, 40])
@pytest.mark.parametrize("name", ["summer2winter", "winter2summer", "day2night", "night2day"])
def test_bf16_stays_within_two_levels_with_the_models_that_ship(name: str, size: int) -> None:
    weights = Path(__file__).parents[2] / "vidgan" / "weights" / f"{name}.safetensors"
    network = load_generator(weights)
    coarse = torch.from_numpy(frames(1, 6, 8)).permute(0, 3, 1, 2).float()
    smooth = torch.nn.functional.interpolate(coarse, (72, 96), mode="bicubic").clamp(0, 255)
    batch = smooth.permute(0, 2, 3, 1).round().to(torch.uint8).numpy()
    exact = Translator(network, device="cpu", precision="fp32", size=size)(batch).astype(int)
    reduced = Translator(network, device="cpu", precision="bf16", size=size)(batch).astype(int)
    assert np.abs(exact - reduced).mean() < 2
    assert np.abs(exact - batch).mean() > 5


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("precision", ["fp16", "bf16"])
@pytest.mark.parametrize("size", [0, 32])
def test_cuda_stays_within_two_levels_of_the_cpu(precision: str, size: int) -> None:
    network = generator(FastConfig(blocks=6, filters=16))
    batch = frames(11, 64, 96)
    exact = Translator(network, device="cpu", precision="fp32", size=size)(batch).astype(int)
    on_cuda = Translator(network, device="cuda", precision=precision, size=size)  # type: ignore[arg-type]
    reduced = on_cuda(batch)
    assert np.abs(exact - reduced).mean() < 2


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("size", [0, 32])
def test_16_bits_on_cuda_stay_near_those_of_the_cpu(size: int) -> None:
    network = generator(FastConfig(blocks=6, filters=16))
    batch = frames(11, 64, 96).astype(np.uint16) * np.uint16(257)
    exact = Translator(network, device="cpu", precision="fp32", size=size)(batch).astype(int)
    on_cuda = Translator(network, device="cuda", precision="fp16", size=size)(batch)
    assert np.abs(exact - on_cuda).mean() < 2 * 257


def test_auto_is_decided_by_the_hardware() -> None:
    expected = torch.bfloat16 if cpu_bf16_pays() else torch.float32
    assert resolve_dtype("auto", torch.device("cpu")) == expected
    assert resolve_dtype("auto", torch.device("cuda")) == torch.float16
    assert resolve_dtype("auto", torch.device("cuda"), training=True) == torch.bfloat16


def test_a_large_frame_keeps_its_detail_and_takes_on_the_change() -> None:
    rng = np.random.default_rng(1)
    detailed = rng.integers(80, 200, (1, 90, 160, 3), dtype=np.uint8)
    out = Translator(Affine(SMALL), device="cpu", precision="fp32", size=30)(detailed)
    # The change is the same everywhere, so every pixel of noise must still be there.
    assert np.abs(out.astype(int) - (detailed.astype(int) - 32)).max() <= 1


@pytest.mark.parametrize("size", [0, 24])
@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
@pytest.mark.parametrize(("quarters", "mirrored"), [(1, False), (2, False), (3, True), (0, True)])
def test_a_frame_on_its_side_is_seen_upright(
    quarters: int, mirrored: bool, kind: type[np.uint8 | np.uint16], size: int
) -> None:
    """What comes back is what turning it by hand, translating it and turning it back gives."""
    scale = np.iinfo(kind).max // 255
    stored: Levels = (scale * frames(1, 48, 80).astype(np.uint32)).astype(kind)
    upright: Levels = np.rot90(stored, quarters, (1, 2))
    upright = np.flip(upright, 2) if mirrored else upright
    translate = Translator(generator(SMALL), device="cpu", precision="fp32", size=size)
    by_hand = translate(np.ascontiguousarray(upright))
    by_hand = np.rot90(np.flip(by_hand, 2) if mirrored else by_hand, -quarters, (1, 2))
    made = translate(stored, View(quarters=quarters, mirrored=mirrored))
    off = np.abs(made.astype(int) - by_hand)
    assert off.max() <= scale
    assert np.abs(made.astype(int) - translate(stored)).mean() > 4 * off.mean(), "it must matter"


def test_a_frame_that_is_small_enough_is_seen_as_it_is() -> None:
    network = generator(SMALL)
    picture = frames(1, 40, 64)
    native = Translator(network, device="cpu")(picture)
    assert np.array_equal(Translator(network, device="cpu", size=40)(picture), native)
    assert not np.array_equal(Translator(network, device="cpu", size=39)(picture), native)


def test_the_caller_s_generator_and_frames_are_left_alone() -> None:
    network = generator(SMALL).train()
    picture = frames(1, 16, 16)
    before = picture.copy()
    Translator(network, device="cpu", precision="bf16")(picture)
    assert network.training
    assert next(network.parameters()).dtype == torch.float32
    assert np.array_equal(picture, before)


@pytest.mark.parametrize(
    "bad",
    [
        np.zeros((4, 4, 3), np.uint8),
        np.zeros((1, 4, 4, 4), np.uint8),
        np.zeros((1, 4, 4, 3), np.float32),
        np.zeros((1, 0, 4, 3), np.uint8),
    ],
)
def test_what_is_not_frames_is_refused(bad: Frames) -> None:
    with pytest.raises(ValueError, match=r"expected uint8|no pixels"):
        Translator(generator(SMALL), device="cpu")(bad)


def test_settings_out_of_range_are_refused() -> None:
    network = generator(SMALL)
    with pytest.raises(ValueError, match="size"):
        Translator(network, device="cpu", size=-1)
    with pytest.raises(ValueError, match="fp16 needs a CUDA device"):
        Translator(network, device="cpu", precision="fp16")


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize(
    ("config", "sizes"),
    [
        (SMALL, [(8, 8), (64, 96), (40, 8)]),
        (ResnetConfig(blocks=1, filters=4), [(8, 8), (32, 44)]),
        (ResnetConfig(blocks=1, filters=4, norm="batch", dropout=True), [(8, 8), (32, 44)]),
        (UnetConfig(downs=5, filters=4), [(64, 64), (64, 96)]),
    ],
)
def test_a_graph_computes_what_its_network_does_at_every_size(
    config: FastConfig | ResnetConfig | UnetConfig,
    sizes: list[tuple[int, int]],
    precision: Literal["fp32", "bf16"],
) -> None:
    dtype = resolve_dtype(precision, torch.device("cpu"))
    network = generator(config).eval().requires_grad_(False).to(dtype)
    side = max(8, network.config.multiple)
    graph = traced(network, torch.zeros(1, 3, side, side, dtype=dtype))
    random = torch.Generator().manual_seed(5)
    with torch.inference_mode():
        for size in sizes:
            image = torch.rand(1, 3, *size, generator=random).mul(2).sub(1).to(dtype)
            assert torch.equal(graph(image), network(image)), size


def test_a_generator_that_cannot_be_recorded_runs_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    picture = frames(1, 40, 56)
    recorded = Translator(generator(SMALL), device="cpu")(picture)
    monkeypatch.delattr(torch.jit, "trace")
    assert np.array_equal(Translator(generator(SMALL), device="cpu")(picture), recorded)


def deep_gradient(seed: int = 0) -> NDArray[np.uint16]:
    """So slow a rise that each level of 8 bits is 24 pixels wide, and each of 10 bits 6."""
    ramp = np.linspace(60, 76, 384) + np.random.default_rng(seed).uniform(0, 0.05)
    return np.tile((ramp * 257).round().astype(np.uint16)[:, None], (1, 96, 1, 3))


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("size", [0, 24])
def test_the_identity_gives_back_every_level_of_16_bits(
    size: int, precision: Literal["fp32", "bf16"]
) -> None:
    noise = np.random.default_rng(1).integers(0, 65536, (2, 37, 50, 3)).astype(np.uint16)
    network = build_generator(IdentityConfig())
    assert np.array_equal(Translator(network, precision=precision, size=size)(noise), noise)


class Contrast(FastGenerator):
    """Takes most of the contrast, as a night does: levels of 8 bits would show as steps."""

    def forward(self, x: Tensor) -> Tensor:
        return 0.3 * x - 0.1


@pytest.mark.parametrize("size", [0, 48])
def test_a_gradient_of_16_bits_stays_smooth(size: int) -> None:
    picture = deep_gradient()
    made = Translator(Contrast(SMALL), precision="fp32", size=size)(picture)
    # The reflected ends of a small picture are no part of the gradient.
    steps = np.diff(made[0, 48, 24:-24, 0].astype(int))
    exact = 0.3 * 16 * 257 / 383
    assert steps.min() > 0.5 * exact
    assert steps.max() < 1.5 * exact
    expected = 0.3 * picture + (0.7 - 0.1) * 127.5 * 257
    assert np.abs(made - expected)[:, 24:-24, 24:-24].max() < 16  # of 65535


def test_16_bits_become_what_8_bits_become() -> None:
    network = generator(SMALL)
    picture = frames(3, 61, 97)
    for size in (0, 32):
        translate = Translator(network, device="cpu", precision="fp32", size=size, batch=2)
        deep = translate(picture.astype(np.uint16) * np.uint16(257))
        assert deep.dtype == np.uint16
        # Of a smaller size the generator sees whole levels where the frames have 8 bits.
        assert np.abs(deep / 257 - translate(picture)).max() < (3 if size else 0.51)
