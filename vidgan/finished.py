"""A note for the next try: this output is finished, and nothing is left to do.

An output gets its name, then its ledger is thrown away; a driver may die in between. So before an
output is named, its ledger gets a note of it. Given the same command again, an output that is
what the note says is this command's own work, not somebody's file in the way.
"""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from cyclegan.checkpoint import write_atomically
from vidgan.ledger import NOTE, Ledger, ledger_of
from vidgan.report import FileReport


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """A film that is to become an output; `settings` stand for all else that decides its bytes."""

    source: Path
    output: Path
    settings: bytes

    def note(self, part: Path, report: FileReport) -> None:
        """Write down that `part`, whole and about to be renamed, is the output.

        Raises:
            OSError: no room.
        """
        facts = {"work": self._identity(), "file": _facts(part), "report": asdict(report)}
        text = json.dumps(facts, default=str)
        write_atomically(self._note, lambda file: file.write_text(text, encoding="utf-8"))

    def take_finished(self) -> FileReport | None:
        """Where the output is what a note says, clear the ledger and report as the note does.

        Raises:
            OutputError: another conversion holds the ledger.
        """
        try:
            facts = json.loads(self._note.read_text(encoding="utf-8"))
            if (facts["work"], facts["file"]) != (self._identity(), _facts(self.output)):
                return None
            report = self._report(facts["report"])
        except (OSError, ValueError, LookupError, TypeError):  # none, damaged, or another's
            return None
        with Ledger(ledger_of(self.output)) as ledger:
            ledger.clear()
        return report

    @property
    def _note(self) -> Path:
        return ledger_of(self.output) / NOTE

    def _report(self, noted: dict[str, object]) -> FileReport:
        lists = {name: tuple(value) for name, value in noted.items() if isinstance(value, list)}
        paths = {"source": self.source, "output": self.output}
        return FileReport(**{**noted, **lists, **paths, "chunks_reused": noted["chunks"]})  # type: ignore[arg-type]

    def _identity(self) -> str:
        source = repr((str(self.source.resolve()), _facts(self.source)))
        return hashlib.sha256(source.encode() + self.settings).hexdigest()


def _facts(path: Path) -> list[int]:
    """By which a file is known again; a rename changes neither."""
    found = path.stat()
    return [found.st_size, found.st_mtime_ns]
