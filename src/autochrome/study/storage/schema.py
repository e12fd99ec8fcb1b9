"""The tables of a study, and its two kinds of transactions: any number of readers, one writer at a time.

SQLite (write-ahead log, every commit on the disk before it returns) or PostgreSQL, with the same statements.
Every table has a ``study`` column, since one PostgreSQL database can hold many studies.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Connection,
    Double,
    Engine,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    UniqueConstraint,
    create_engine,
    event,
    inspect,
    select,
)
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from autochrome.errors import StudyBusy, StudyError

SCHEMA_VERSION = 1
WAIT_S = 20
"""How long a writer waits for others, in seconds."""

metadata = MetaData()

studies = Table(
    "autochrome_studies",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("version", Integer, nullable=False),
    Column("phase", Integer, nullable=False),
)
raters = Table(
    "autochrome_raters",
    metadata,
    Column("study", ForeignKey("autochrome_studies.id"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("token_sha256", String(64), nullable=False),
    Column("phase", Integer, nullable=False),
    UniqueConstraint("study", "token_sha256"),
)
units = Table(
    "autochrome_units",
    metadata,
    Column("study", ForeignKey("autochrome_studies.id"), primary_key=True),
    Column("id", Integer, primary_key=True),
    Column("phase", Integer, nullable=False),
    Column("stage", String(16), nullable=False),
    Column("picture", String, nullable=False),
    Column("versions", JSON, nullable=False),
    # A number for each set of versions: JSON cannot be compared everywhere.
    Column("contest", Integer, nullable=False),
    # The version whose picture is shown for each version: "name.2" for "name.oracle", else itself.
    Column("sources", JSON, nullable=False),
    # Updated in the transaction that adds a vote, so that choosing among thousands need not count votes.
    Column("votes", Integer, nullable=False),
    Index("autochrome_units_open", "study", "phase", "stage", "votes"),
)
trials = Table(
    "autochrome_trials",
    metadata,
    Column("study", String(36), primary_key=True),
    Column("id", String(43), primary_key=True),
    Column("rater", Integer, nullable=False),
    Column("number", Integer, nullable=False),
    Column("unit", Integer, nullable=False),
    Column("order", JSON, nullable=False),
    # The slot of the unit's first version.
    Column("place", Integer, nullable=False),
    # Seconds since 1970.
    Column("opened_at", Double, nullable=False),
    Column("answered", Boolean, nullable=False),
    ForeignKeyConstraint(["study", "rater"], ["autochrome_raters.study", "autochrome_raters.number"]),
    ForeignKeyConstraint(["study", "unit"], ["autochrome_units.study", "autochrome_units.id"]),
    UniqueConstraint("study", "rater", "number"),
    UniqueConstraint("study", "rater", "unit"),
    Index("autochrome_trials_open", "study", "answered", "opened_at"),
    Index("autochrome_trials_unit", "study", "unit"),
)
votes = Table(
    "autochrome_votes",
    metadata,
    # One vote per trial, whatever happens.
    Column("study", String(36), primary_key=True),
    Column("trial", String(43), primary_key=True),
    Column("chosen", JSON, nullable=False),
    Column("shown_ms", JSON, nullable=False),
    Column("response_ms", Double, nullable=False),
    Column("slipped", Boolean, nullable=False),
    Column("answered_at", Integer, nullable=False),
    ForeignKeyConstraint(["study", "trial"], ["autochrome_trials.study", "autochrome_trials.id"]),
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
        try:
            self._engine = _sqlite(self.url) if self.is_sqlite else _postgresql(self.url)
        except ModuleNotFoundError as error:
            raise StudyError(f"{self} needs {error.name}: pip install 'autochrome[study]'") from error
        # The threads of one process queue here: SQLite waits by sleeping, which is unfair to some.
        self._turn = threading.Lock()

    def __str__(self) -> str:
        return self.url.render_as_string(hide_password=True)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
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
    def writing(self, study: str | None = None) -> Iterator[Connection]:
        """Open a transaction, one at a time per study; it is durable when the block ends.

        Args:
            study: id of the study; None while the study itself is created.

        Raises:
            StudyBusy: others wrote for longer than `WAIT_S`.
            StudyError: the database cannot be reached or used.
        """
        with self._failures_named(), self._in_turn():
            connection = self._engine.connect().execution_options(writing=True)
            with connection, connection.begin():
                # With SQLite, BEGIN IMMEDIATE has already locked the others out.
                if study is not None and not self.is_sqlite:
                    connection.execute(select(studies.c.phase).where(studies.c.id == study).with_for_update())
                yield connection

    def has_tables(self, connection: Connection) -> bool:
        """Return whether the database has the tables of studies."""
        return inspect(connection).has_table(studies.name)

    def make_tables(self, connection: Connection) -> None:
        """Create the tables that do not exist yet."""
        metadata.create_all(connection)

    def close(self) -> None:
        """Close the connections."""
        self._engine.dispose()

    @contextmanager
    def _in_turn(self) -> Iterator[None]:
        if not self.is_sqlite:
            yield
            return
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


def _sqlite(url: URL) -> Engine:
    engine = create_engine(url, connect_args={"timeout": WAIT_S}, max_overflow=40, pool_timeout=WAIT_S)

    @event.listens_for(engine, "connect")
    def configure(connection, _record) -> None:
        # Transactions begin where `begin` below begins them, not at the first write.
        connection.isolation_level = None
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        writing = connection.get_execution_options().get("writing", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")

    return engine


def _postgresql(url: URL) -> Engine:
    waits = {"connect_args": {"connect_timeout": 10}, "pool_timeout": WAIT_S}
    engine = create_engine(url, pool_pre_ping=True, max_overflow=15, **waits)

    @event.listens_for(engine, "connect")
    def configure(connection, _record) -> None:
        connection.execute(f"SET lock_timeout = '{WAIT_S}s'")
        connection.execute("SET synchronous_commit = on")
        connection.commit()

    return engine
