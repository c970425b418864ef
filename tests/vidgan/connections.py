"""Connections to servers in tests: made anew, so that they know where those of today are."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import fsspec
import pytest

from vidgan import connection
from vidgan.places import Remote
from vidgan.transport import write_all


@contextmanager
def fresh_connections() -> Iterator[None]:
    """Filesystems made anew, with today's environment and waits; thrown away afterwards."""
    _forget_connections()
    yield
    _forget_connections()


def _forget_connections() -> None:
    connection._shared.cache_clear()
    for name in ("s3", "http"):
        fsspec.get_filesystem_class(name).clear_instance_cache()


@contextmanager
def s3_at(url: str) -> Iterator[None]:
    """S3 is where this says, for this process and those it starts."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", url)
        patch.setenv("AWS_ACCESS_KEY_ID", "key")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
            patch.setenv(name, os.devnull)
        with fresh_connections():
            yield


def put(remote: Remote, source: Path | bytes) -> Remote:
    write_all(remote, source if isinstance(source, bytes) else source.read_bytes())
    return remote
