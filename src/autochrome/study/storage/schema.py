"""The tables of a study, and its two kinds of transactions: any number of readers, one writer at a time.

SQLite (write-ahead log, every commit on the disk before it returns) or PostgreSQL, with the same statements.
Every table has a ``study`` column, since one PostgreSQL database can hold many studies.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from autochrome.errors import StudyBusy, StudyError

SCHEMA_VERSION = 1
WAIT_S = 20
"""How long a writer waits for others, in seconds."""

metadata = sa.MetaData()

studies = sa.Table(
    "autochrome_studies",
    metadata,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("phase", sa.Integer, nullable=False),
)
raters = sa.Table(
    "autochrome_raters",
    metadata,
    sa.Column("study", sa.ForeignKey("autochrome_studies.id"), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("token_sha256", sa.String(64), nullable=False),
    sa.Column("phase", sa.Integer, nullable=False),
    sa.UniqueConstraint("study", "token_sha256"),
)
units = sa.Table(
    "autochrome_units",
    metadata,
    sa.Column("study", sa.ForeignKey("autochrome_studies.id"), primary_key=True),
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("phase", sa.Integer, nullable=False),
    sa.Column("stage", sa.String(16), nullable=False),
    sa.Column("picture", sa.String, nullable=False),
    sa.Column("versions", sa.JSON, nullable=False),
    # A number for each set of versions: JSON cannot be compared everywhere.
    sa.Column("contest", sa.Integer, nullable=False),
    # The version whose picture is shown for each version: "name.2" for "name.oracle", else itself.
    sa.Column("sources", sa.JSON, nullable=False),
    # Updated in the transaction that adds a vote, so that choosing among thousands need not count votes.
    sa.Column("votes", sa.Integer, nullable=False),
    sa.Index("autochrome_units_open", "study", "phase", "stage", "votes"),
)
trials = sa.Table(
    "autochrome_trials",
    metadata,
    sa.Column("study", sa.String(36), primary_key=True),
    sa.Column("id", sa.String(43), primary_key=True),
    sa.Column("rater", sa.Integer, nullable=False),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("unit", sa.Integer, nullable=False),
    sa.Column("order", sa.JSON, nullable=False),
    # The slot of the unit's first version.
    sa.Column("place", sa.Integer, nullable=False),
    # Seconds since 1970.
    sa.Column("opened_at", sa.Double, nullable=False),
    sa.Column("answered", sa.Boolean, nullable=False),
    sa.ForeignKeyConstraint(["study", "rater"], ["autochrome_raters.study", "autochrome_raters.number"]),
    sa.ForeignKeyConstraint(["study", "unit"], ["autochrome_units.study", "autochrome_units.id"]),
    sa.UniqueConstraint("study", "rater", "number"),
    sa.UniqueConstraint("study", "rater", "unit"),
    sa.Index("autochrome_trials_open", "study", "answered", "opened_at"),
    sa.Index("autochrome_trials_unit", "study", "unit"),
)
votes = sa.Table(
    "autochrome_votes",
    metadata,
    # One vote per trial, whatever happens.
    sa.Column("study", sa.String(36), primary_key=True),
    sa.Column("trial", sa.String(43), primary_key=True),
    sa.Column("chosen", sa.JSON, nullable=False),
    sa.Column("shown_ms", sa.JSON, nullable=False),
    sa.Column("response_ms", sa.Double, nullable=False),
    sa.Column("slipped", sa.Boolean, nullable=False),
    sa.Column("answered_at", sa.Integer, nullable=False),
    sa.ForeignKeyConstraint(["study", "trial"], ["autochrome_trials.study", "autochrome_trials.id"]),
)


class Database:
    """A database that holds studies.

    Args:
        url: ``sqlite:///FILE``, the path of an SQLite file, or ``postgresql://USER:PASSWORD@HOST/NAME``.
        create: create an SQLite file that does not exist.

    Raises:
        StudyError: the URL is not valid, its file is missing, or its driver is not installed.
    """

    def __init__(self, url: str | Path, *, create: bool = False) -> None:
        self.url = _parse(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        if self.is_sqlite and not create and not Path(str(self.url.database)).is_file():
            raise StudyError(f"{self} does not exist; check the name of the file")
        if self.is_sqlite and create:
            Path(str(self.url.database)).touch(0o600)  # SQLite gives its journal the same access rights
        try:
            self._engine = _sqlite(self.url) if self.is_sqlite else _postgresql(self.url)
        except ModuleNotFoundError as error:
            raise StudyError(f"{self} needs {error.name}: pip install 'autochrome[study]'") from error
        # The threads of one process queue here: SQLite waits by sleeping, which is unfair to some.
        self._turn = threading.Lock()

    def __str__(self) -> str:
        return self.url.render_as_string(hide_password=True)

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """Open a transaction that sees one state of the database and blocks nobody.

        Raises:
            StudyError: the database cannot be reached or used.
        """
        with self._failures_named():
            connection = self._engine.connect()
            if not self.is_sqlite:
                connection = connection.execution_options(isolation_level="REPEATABLE READ")
            with connection, connection.begin():
                yield connection

    @contextmanager
    def writing(self, study: str | None = None) -> Iterator[sa.Connection]:
        """Open a transaction, one at a time per study (None: that is being created), durable when it ends.

        Raises:
            StudyBusy: others wrote for longer than `WAIT_S`.
            StudyError: the database cannot be reached or used.
        """
        with self._failures_named(), self._in_turn() if self.is_sqlite else nullcontext():
            connection = self._engine.connect().execution_options(writing=True)
            with connection, connection.begin():
                # With SQLite, BEGIN IMMEDIATE has already locked the others out.
                if study is not None and not self.is_sqlite:
                    connection.execute(
                        sa.select(studies.c.phase).where(studies.c.id == study).with_for_update()
                    )
                yield connection

    def close(self) -> None:
        """Close the connections."""
        self._engine.dispose()

    @contextmanager
    def _in_turn(self) -> Iterator[None]:
        if not self._turn.acquire(timeout=WAIT_S):
            raise StudyBusy(f"{self} was busy for {WAIT_S} s; try again")
        try:
            yield
        finally:
            self._turn.release()

    @contextmanager
    def _failures_named(self) -> Iterator[None]:
        try:
            yield
        except PoolTimeout as error:
            raise StudyBusy(f"{self} was busy for {WAIT_S} s; try again") from error
        except DBAPIError as error:
            text = str(error.orig).partition("\n")[0]
            if "locked" in text or "lock timeout" in text:
                raise StudyBusy(f"{self} was busy for {WAIT_S} s; try again") from error
            raise StudyError(f"{self}: {text}") from error


def _parse(given: str | Path) -> URL:
    if isinstance(given, Path):
        return URL.create("sqlite+pysqlite", database=str(given))
    try:
        url = make_url(given)
        backend = url.get_backend_name()
    except (ArgumentError, NoSuchModuleError, ValueError) as error:
        raise StudyError(
            "the database's URL is not valid; give postgresql://USER:PASSWORD@HOST/NAME or sqlite:///FILE"
        ) from error
    if backend in ("postgres", "postgresql"):
        return url.set(drivername="postgresql+psycopg")
    if backend == "sqlite" and url.database:
        return url.set(drivername="sqlite+pysqlite")
    raise StudyError(
        f"studies use SQLite or PostgreSQL, not {backend}; give postgresql://... or sqlite:///FILE"
    )


def _sqlite(url: URL) -> sa.Engine:
    engine = sa.create_engine(url, connect_args={"timeout": WAIT_S}, max_overflow=40, pool_timeout=WAIT_S)

    @event.listens_for(engine, "connect")
    def configure(connection, _record) -> None:
        # Transactions begin where `begin` below begins them, not at the first write.
        connection.isolation_level = None
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        writing = connection.get_execution_options().get("writing", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")

    return engine


def _postgresql(url: URL) -> sa.Engine:
    waits = {"connect_args": {"connect_timeout": 10}, "pool_timeout": WAIT_S}
    engine = sa.create_engine(url, pool_pre_ping=True, max_overflow=15, **waits)

    @event.listens_for(engine, "connect")
    def configure(connection, _record) -> None:
        connection.execute(f"SET lock_timeout = '{WAIT_S}s'")
        connection.execute("SET synchronous_commit = on")
        connection.commit()

    return engine
