"""A note for the next try: this output is finished, and nothing is left to do.

An output gets its name, then its ledger is thrown away; a driver may die in between. So before an
output is named, its ledger gets a note of it. Given the same command again, an output that is
what the note says is this command's own work, not somebody's file in the way.
"""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from cyclegan.atomic import write_atomically
from vidgan.errors import RemoteError
from vidgan.ledger import NOTE, Ledger, ledger_of
from vidgan.numbered import facts as numbered_facts
from vidgan.numbered import is_pattern
from vidgan.places import Place, Remote
from vidgan.reader import Reader
from vidgan.report import FileReport
from vidgan.transport import look, write_all


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """A film that is to become an output; `settings` stand for all else that decides its bytes."""

    source: Place
    output: Place
    settings: bytes

    def note(self, part: Path, report: FileReport) -> None:
        """Write down that `part`, whole and about to be named, is the output.

        Raises:
            OSError: no room.
            RemoteError: no way to write there.
        """
        known_by = _hash_of(part) if isinstance(self.output, Remote) else _facts(part)
        facts = {"work": self._identity(), "file": known_by, "report": asdict(report)}
        text = json.dumps(facts, default=str)
        if isinstance(self._note, Remote):
            write_all(self._note, text.encode())
        else:
            write_atomically(self._note, lambda file: file.write_text(text, encoding="utf-8"))

    def take_finished(self) -> FileReport | None:
        """Where the output is what a note says, clear the ledger and report as the note does.

        Raises:
            OutputError: another conversion holds the ledger.
        """
        try:
            facts = json.loads(self._note.read_bytes())
            if facts["work"] != self._identity() or not self._is_output(facts["file"]):
                return None
            report = self._report(facts["report"])
        except (OSError, RemoteError, ValueError, LookupError, TypeError):
            return None  # there is none, or it is damaged, or another's
        with Ledger(ledger_of(self.output)) as ledger:
            ledger.clear()
        return report

    @property
    def _note(self) -> Place:
        return ledger_of(self.output) / NOTE

    def _report(self, noted: dict[str, object]) -> FileReport:
        lists = {name: tuple(value) for name, value in noted.items() if isinstance(value, list)}
        paths = {"source": self.source, "output": self.output}
        return FileReport(**{**noted, **lists, **paths, "chunks_reused": noted["chunks"]})  # type: ignore[arg-type]

    def _identity(self) -> str:
        source = repr((str(self.source.resolve()), _facts(self.source)))
        return hashlib.sha256(source.encode() + self.settings).hexdigest()

    def _is_output(self, noted: list[object]) -> bool:
        if not isinstance(self.output, Remote):
            return noted == _facts(self.output)
        found = look(self.output)
        if found is None or found.size != noted[0]:
            return False
        with Reader(self.output) as file:  # all of it, but only after a crash at that very moment
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            return file.error is None and noted == [file.size, digest]


def _facts(place: Place) -> list[object]:
    """By which a file is known again; a rename changes neither."""
    if isinstance(place, Remote):
        found = look(place)
        return [found and found.size, *(found.version if found else ())]
    if is_pattern(place):
        return numbered_facts(place)
    status = place.stat()
    return [status.st_size, status.st_mtime_ns]


def _hash_of(part: Path) -> list[object]:
    """By which a file is known again elsewhere, where its date is another."""
    with part.open("rb") as file:
        return [part.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest()]
