"""Where a file is: a path on this machine, or an address elsewhere that fsspec reads and writes."""

import re
from pathlib import Path, PurePath
from urllib.parse import quote, unquote

from vidgan.errors import InputError

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://(.*)", re.DOTALL)
_ALIASES = {"s3a": "s3", "gcs": "gs"}
_WEB = {"http", "https"}
_OBJECT_STORES = {"s3", "gs"}


class Remote:
    """A file or folder named by a URL; it offers what is used of `pathlib.Path`.

    Its text leaves out what may be a secret: a user and password, and on the web what stands after
    "?". On the web names are percent-encoded, elsewhere they are taken as they are. What asks the
    server raises `RemoteError`: it cannot be reached, refuses, or stops answering.
    """

    __slots__ = ("_body", "_query", "is_named_folder", "scheme")

    def __init__(self, url: str) -> None:
        found = _SCHEME.match(url)
        if found is None:
            raise ValueError(f"not a URL: {url}")
        scheme = found[1].lower()
        self.scheme = _ALIASES.get(scheme, scheme)
        body, self._query = found[2], ""
        if self.is_web:
            body, mark, query = found[2].partition("#")[0].partition("?")
            self._query = mark + query
        elif self.scheme == "memory":
            body = body.lstrip("/")
        self.is_named_folder = body.endswith("/") or not body
        """It ends in a slash: a folder, whether it is there already or not."""
        self._body = body.rstrip("/")

    @property
    def address(self) -> str:
        """All of the URL, secrets and all, for fsspec."""
        return f"{self.scheme}://{self._body}{self._query}"

    def __str__(self) -> str:
        host, slash, rest = self._body.partition("/")
        shown = host if self.scheme == "memory" else host.rpartition("@")[2]
        return f"{self.scheme}://{shown}{slash}{rest}"

    def __repr__(self) -> str:
        return f"Remote({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Remote) and self.address == other.address

    def __hash__(self) -> int:
        return hash(self.address)

    @property
    def is_web(self) -> bool:
        """On a web server, where files can be read alone, and folders cannot be listed."""
        return self.scheme in _WEB

    @property
    def is_object_store(self) -> bool:
        """In a store where a file appears whole or not at all, and folders are but names."""
        return self.scheme in _OBJECT_STORES

    @property
    def name(self) -> str:
        """The last part; empty for a bucket or a host."""
        last = self._body.partition("/")[2].rpartition("/")[2]
        if self.scheme == "memory":
            last = self._body.rpartition("/")[2]
        return unquote(last).rpartition("/")[2] if self.is_web else last

    @property
    def stem(self) -> str:
        """The name without its ending."""
        return PurePath(self.name).stem

    @property
    def suffix(self) -> str:
        """The ending of the name, with its dot."""
        return PurePath(self.name).suffix

    @property
    def parent(self) -> "Remote":
        """The folder it is in."""
        return Remote(f"{self.scheme}://{self._body.rpartition('/')[0]}/")

    def with_name(self, name: str) -> "Remote":
        """Another file in the same folder."""
        return self.parent / name

    def with_suffix(self, suffix: str) -> "Remote":
        """The same with another ending."""
        return self.with_name(self.stem + suffix)

    def __truediv__(self, inner: str | PurePath) -> "Remote":
        inner = str(inner)
        slash = "/" if self._body else ""
        return Remote(
            f"{self.scheme}://{self._body}{slash}{quote(inner) if self.is_web else inner}"
        )

    def resolve(self) -> "Remote":
        """As it is: an address says all."""
        return self

    def inside(self, outer: "Remote") -> PurePath | None:
        """Where it is in `outer`, if it is somewhere below it."""
        start = f"{outer.scheme}://{outer._body}/"
        return PurePath(self.address[len(start) :]) if self.address.startswith(start) else None

    def exists(self) -> bool:
        """Whether a file or a folder is there."""
        from vidgan.transport import look  # noqa: PLC0415 - brings in fsspec

        return self.is_named_folder or look(self) is not None

    def is_file(self) -> bool:
        """Whether a file is there."""
        from vidgan.transport import look  # noqa: PLC0415

        found = None if self.is_named_folder else look(self)
        return found is not None and not found.is_folder

    def is_dir(self) -> bool:
        """Whether it is a folder, or named like one."""
        from vidgan.transport import look  # noqa: PLC0415

        if self.is_named_folder or self.is_web:
            return self.is_named_folder
        found = look(self)
        return found is not None and found.is_folder

    def files(self) -> dict[str, int | None]:
        """All files below it, as paths from it, in order, with their bytes as far as known."""
        from vidgan.transport import list_files  # noqa: PLC0415

        return list_files(self)

    def read_bytes(self) -> bytes:
        """All of the file."""
        from vidgan.transport import read_all  # noqa: PLC0415

        return read_all(self)


Place = Path | Remote


def size_of(place: Place) -> int:
    """Bytes of a file; 0 where its server does not say."""
    if isinstance(place, Path):
        return place.stat().st_size
    from vidgan.transport import look  # noqa: PLC0415

    found = look(place)
    return found.size or 0 if found is not None else 0


def as_place(word: "str | Place") -> Place:
    """What a word means: `scheme://...` is a URL, of which `file://` is a path; the rest are paths.

    Raises:
        InputError: a `file://` of another machine.
    """
    found = _SCHEME.match(word) if isinstance(word, str) else None
    if found is None:
        return Path(word) if isinstance(word, str) else word
    if found[1].lower() not in {"file", "local"}:
        return Remote(found[0])
    host, _, path = found[2].partition("/")
    if host not in {"", "localhost"}:
        raise InputError(f"{word} is on another machine; a file of this one is file:///PATH")
    return Path("/" + unquote(path))
