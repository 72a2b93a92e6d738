"""How the modules of a job's archive are imported."""

from __future__ import annotations

import sys
import zipimport


class ArchiveImporter(zipimport.zipimporter):
    """Compiles each module once: its base does so again only to tell the name of its file."""

    def get_filename(self, fullname: str) -> str:
        """Return where a module's source stands in the archive."""
        name = self.prefix + fullname.rpartition(".")[2]
        return f"{self.archive}/{name}{'/__init__' if self.is_package(fullname) else ''}.py"


def compile_once() -> None:
    """Let what is imported out of the job's archive from here on be compiled once."""
    archive = sys.path[0]

    def importer(path: str) -> ArchiveImporter:
        if path != archive and not path.startswith(f"{archive}/"):
            raise ImportError(path)
        return ArchiveImporter(path)

    sys.path_hooks.insert(0, importer)
    for path in [each for each in sys.path_importer_cache if each.startswith(archive)]:
        del sys.path_importer_cache[path]
