"""A PostgreSQL of the tests' own: a cluster in a temporary folder, reached through a socket there."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

URL_VARIABLE = "AUTOCHROME_TEST_DATABASE"
"""Names a PostgreSQL to use in place of one of our own: postgresql://USER@HOST/DATABASE."""
NEED_VARIABLE = "AUTOCHROME_TESTS_NEED_POSTGRESQL"
"""Set to 1 where missing PostgreSQL is a failure, as in continuous integration."""


class Missing(Exception):
    """There is no PostgreSQL to start."""


def programs() -> Path:
    """The folder of ``initdb`` and ``pg_ctl``; Debian keeps them out of the PATH."""
    found = shutil.which("initdb")
    if found:
        return Path(found).parent
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: int(p.parts[-3]))
    if not versions:
        raise Missing(
            f"PostgreSQL is not installed: apt-get install postgresql, or name one in {URL_VARIABLE}"
        )
    return versions[-1].parent


class Cluster:
    """A cluster in an empty folder, reached through a socket there.

    As root, which PostgreSQL refuses to run as, it runs as the user ``postgres``.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.place, self.user = folder, programs(), list[str]()
        self.url = f"postgresql://postgres@/postgres?host={folder}"
        if os.geteuid() == 0:
            try:
                account = pwd.getpwnam("postgres")
            except KeyError as error:
                raise Missing("PostgreSQL does not run as root, and there is no user postgres") from error
            os.chown(folder, account.pw_uid, account.pw_gid)
            self.user = ["runuser", "-u", "postgres", "--"]
        access = ("-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale")
        self._run("initdb", "-D", folder / "data", *access, "--no-sync")

    def start(self, *, synchronous: bool) -> None:
        """Start it; without synchronous writes, which tests of speed and sense do not need, it is faster."""
        options = f"-k {self.folder} -c listen_addresses='' -c max_connections=200"
        options += "" if synchronous else " -c fsync=off"
        log = self.folder / "server.log"
        self._run("pg_ctl", "-D", self.folder / "data", "-w", "-l", log, "-o", options, "start")

    def crash(self) -> None:
        """Stop it at once, as a power cut would: what is not in its log is lost."""
        self._run("pg_ctl", "-D", self.folder / "data", "-m", "immediate", "stop")

    def _run(self, program: str, *arguments: object) -> None:
        log = self.folder / "commands.log"
        line = [*self.user, str(self.place / program), *map(str, arguments)]
        # Not captured: the server inherits what pg_ctl has open, and would keep a pipe from closing.
        with log.open("ab") as file:
            done = subprocess.run(line, cwd=self.folder, stdout=file, stderr=file, timeout=60)
        if done.returncode:
            raise RuntimeError(f"{line} failed:\n{log.read_text()}")


@contextmanager
def cluster() -> Iterator[Cluster]:
    """A cluster of its own that is not started yet; it is gone afterwards."""
    # Not in pytest's folders: PostgreSQL runs as another user, and a socket's path must be short.
    folder = Path(tempfile.mkdtemp(prefix="autochrome-"))
    try:
        folder.chmod(0o711)
        made = Cluster(folder)
        try:
            yield made
        finally:
            if (folder / "data" / "postmaster.pid").exists():
                made.crash()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
