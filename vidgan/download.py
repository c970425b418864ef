"""Fetching a generator from an address the user names; the only module that opens a connection."""

import tempfile
import urllib.request
from http.client import HTTPException, HTTPMessage
from pathlib import Path
from typing import IO, BinaryIO, cast
from urllib.parse import urlsplit

from tqdm import tqdm

from vidgan.errors import ModelError, SettingsError
from vidgan.importing import import_model
from vidgan.models import Model, free_place

LARGEST = 1 << 30
"""Bytes; the largest public CycleGAN generators have a quarter of that."""
SECONDS = 60


def pull_model(name: str, url: str) -> Model:
    """Download a generator to a temporary file, check it like any other, keep it as `name`.

    Raises:
        SettingsError: an address that is neither https:// nor file://, or a name that cannot be.
        ModelError: it cannot be fetched, is too large, is not a generator, or the name is taken.
    """
    free_place(name)
    scheme = _scheme(url)
    if scheme not in ("https", "file"):
        raise SettingsError(f"--from {url}: give an https:// or file:// address")
    with tempfile.TemporaryDirectory(prefix="vidgan-") as folder:
        target = Path(folder) / "weights"
        try:
            opener = urllib.request.build_opener(HttpsAllTheWay)
            with opener.open(url, timeout=SECONDS) as response:
                _copy(cast("BinaryIO", response), target, url)
        except (OSError, HTTPException, ValueError) as exc:  # ValueError: no address at all
            reason = getattr(exc, "reason", exc)
            raise ModelError(f"{url}: cannot be fetched ({reason}); check the address") from exc
        try:
            return import_model(target, name, summary=f"from {url}")
        except ModelError as exc:
            raise ModelError(str(exc).replace(str(target), url)) from exc


class HttpsAllTheWay(urllib.request.HTTPRedirectHandler):
    """Follows redirections, none of which may leave https."""

    def redirect_request(  # noqa: PLR0917 - the order is urllib's
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        """The request for the next address; ModelError if that is not https."""
        if _scheme(newurl) != "https":
            raise ModelError(
                f"{req.full_url}: leads to {newurl}, which is not trusted; give the "
                "https:// address of the file itself"
            )
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _scheme(url: str) -> str:
    try:
        return urlsplit(url).scheme
    except ValueError:  # not an address at all
        return ""


def _copy(response: BinaryIO, target: Path, url: str) -> None:
    with (
        tqdm.wrapattr(response, "read", unit="B", unit_scale=True, desc="fetching") as source,
        target.open("wb") as file,
    ):
        while block := source.read(1 << 20):
            file.write(block)
            if file.tell() > LARGEST:
                raise ModelError(f"{url}: is larger than {LARGEST >> 20} MiB, no generator is")
