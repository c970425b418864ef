"""Generators for other runtimes: ONNX and torch.export, read back and compared before they count.

What comes out takes float32 RGB (N, 3, H, W) in [-1, 1] and gives the same; N is free, H and W are
multiples of the generator's own (4, for U-Nets more).
"""

import contextlib
import io
import logging
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import torch
from torch import Tensor
from torch.export import Dim, ExportedProgram

from cyclegan.atomic import write_atomically
from cyclegan.config import generator_to_json
from cyclegan.networks import Generator
from cyclegan.weights import LoadedGenerator

TOLERANCE = 1e-3
"""Largest difference from the network that is let pass: an eighth of a level of 255."""
SMALLEST_SIDE = 64
"""Pixels, of the pictures that are compared."""

Run = Callable[[Tensor], Tensor]


class ExportError(ValueError):
    """A generator cannot be written for another runtime; the text continues "FILE ...: "."""


def export_onnx(generator: LoadedGenerator, path: Path, *, metadata: Mapping[str, str]) -> float:
    """Write an ONNX model (input `image`, output `translated`); its largest difference found.

    `metadata` goes into the model's own, beside the configuration.

    Raises:
        ExportError: packages are missing, or the model computes something else.
        OSError: it cannot be written; then nothing is there.
    """
    try:
        with _quiet():
            import onnx  # noqa: F401, PLC0415 - an extra
            import onnx_ir  # noqa: PLC0415 - comes with onnxscript
            import onnxruntime  # noqa: F401, PLC0415
            import onnxscript  # noqa: F401, PLC0415
    except ImportError as exc:
        raise ExportError(
            f"ONNX needs a package that is not installed ({exc.name}): pip install 'vidgan[export]'"
        ) from exc
    with _quiet():
        program = torch.onnx.export(
            _exported(generator),
            (),
            dynamo=True,
            verbose=False,
            input_names=["image"],
            output_names=["translated"],
        )
        assert program is not None
        model = program.model
        for value in (*model.graph.inputs, *model.graph.outputs):
            value.shape = onnx_ir.Shape(["batch", 3, "height", "width"])
        model.metadata_props.update(_described(generator, metadata))
        content = program.model_proto.SerializeToString()
    return _write(content, generator, path, _open_onnx)


def export_program(generator: LoadedGenerator, path: Path, *, metadata: Mapping[str, str]) -> float:
    """Write a torch.export program, for `torch.export.load`; its largest difference found.

    `metadata` goes into files of its own inside, beside the configuration.

    Raises:
        ExportError: the program computes something else.
        OSError: it cannot be written; then nothing is there.
    """
    file = io.BytesIO()
    with _quiet():
        torch.export.save(_exported(generator), file, extra_files=_described(generator, metadata))
    return _write(file.getvalue(), generator, path, _open_program)


def _exported(generator: LoadedGenerator) -> ExportedProgram:
    """The network as a graph whose batch, height and width are free."""
    multiple = generator.config.multiple
    example = torch.zeros(2, 3, 2 * multiple, 3 * multiple)
    # Not 1: torch.export makes a program of its own for a side that shrinks to a single pixel.
    height, width = (multiple * Dim(name, min=2) for name in ("rows", "columns"))
    return torch.export.export(
        generator.network,
        (example,),
        dynamic_shapes={"x": {0: Dim("batch", min=1), 2: height, 3: width}},
    )


def _described(generator: LoadedGenerator, metadata: Mapping[str, str]) -> dict[str, str]:
    multiple = generator.config.multiple
    shape = f"float32 RGB (N, 3, H, W) in [-1, 1]; H and W multiples of {multiple}"
    return {**metadata, "generator": generator_to_json(generator.config), "pictures": shape}


def _write(
    content: bytes, generator: LoadedGenerator, path: Path, opened: Callable[[Path], Run]
) -> float:
    """Write a file, read it back, and let it have its name only if it computes the same."""
    found: list[float] = []

    def write(part: Path) -> None:
        part.write_bytes(content)
        try:
            with _quiet():
                found.append(_difference(generator, opened(part)))
        except Exception as exc:  # whatever a foreign runtime raises
            reason = " ".join(str(exc).split())[:120] or type(exc).__name__
            raise ExportError(
                f"not written, because it does not run ({reason}): "
                "write to a name that ends in .safetensors"
            ) from exc
        if not found[0] <= TOLERANCE:
            raise ExportError(
                f"not written, because it would compute something else (off by {found[0]:.2g}, "
                f"where {TOLERANCE:g} is allowed): write to a name that ends in .safetensors"
            )

    write_atomically(path, write)
    return found[0]


@torch.no_grad()
def _difference(generator: LoadedGenerator, run: Run) -> float:
    """The largest one in any value of pictures of several sizes and numbers."""
    network: Generator = generator.network
    multiple = generator.config.multiple
    side = multiple * max(2, -(-SMALLEST_SIDE // multiple))
    random = torch.Generator().manual_seed(0)
    largest = 0.0
    for shape in ((1, 3, side, side + multiple), (2, 3, side + multiple, side)):
        pictures = torch.rand(shape, generator=random) * 2 - 1
        made = run(pictures)
        if made.shape != pictures.shape:
            return torch.inf
        # Of what is not a number nothing is smaller: max() of tensors keeps it.
        largest = max(largest, float((made - network(pictures)).abs().nan_to_num(torch.inf).max()))
    return largest


def _open_onnx(path: Path) -> Run:
    import onnxruntime  # noqa: PLC0415 - an extra

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(
        path.read_bytes(), options, providers=["CPUExecutionProvider"]
    )
    return lambda pictures: torch.from_numpy(session.run(None, {"image": pictures.numpy()})[0])


def _open_program(path: Path) -> Run:
    return torch.export.load(io.BytesIO(path.read_bytes())).module()


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep to ourselves what exporters print, warn of and log: nothing that a user could act on."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    nowhere = io.StringIO()
    try:
        with (
            contextlib.redirect_stdout(nowhere),
            contextlib.redirect_stderr(nowhere),
            warnings.catch_warnings(action="ignore"),
        ):
            yield
    finally:
        logging.disable(before)
