"""A PostgreSQL of the tests' own: a cluster in a temporary folder, reached through a socket there."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
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


@contextmanager
def cluster(folder: Path) -> Iterator[str]:
    """Start a cluster in an empty folder; gives the URL of its database, and stops it at the end.

    As root, which PostgreSQL refuses to run as, it runs as the user ``postgres``.
    """
    place = programs()
    user: list[str] = []
    if os.geteuid() == 0:
        try:
            account = pwd.getpwnam("postgres")
        except KeyError as error:
            raise Missing("PostgreSQL does not run as root, and there is no user postgres") from error
        os.chown(folder, account.pw_uid, account.pw_gid)
        user = ["runuser", "-u", "postgres", "--"]

    def run(*command: object) -> None:
        # Not captured: the server inherits what pg_ctl has open, and would keep a pipe from closing.
        with (folder / "commands.log").open("ab") as log:
            line = [*user, *map(str, command)]
            if subprocess.run(line, cwd=folder, stdout=log, stderr=log, timeout=60).returncode:
                raise RuntimeError(f"{line} failed:\n{(folder / 'commands.log').read_text()}")

    data = folder / "data"
    run(
        place / "initdb",
        "-D",
        data,
        "-U",
        "postgres",
        "-A",
        "trust",
        "-E",
        "UTF8",
        "--no-locale",
        "--no-sync",
    )
    options = f"-k {folder} -c listen_addresses='' -c fsync=off -c max_connections=200"
    run(place / "pg_ctl", "-D", data, "-w", "-l", folder / "server.log", "-o", options, "start")
    try:
        yield f"postgresql://postgres@/postgres?host={folder}"
    finally:
        run(place / "pg_ctl", "-D", data, "-m", "immediate", "stop")
