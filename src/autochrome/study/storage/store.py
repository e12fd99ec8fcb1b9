"""A study at work: raters, what each is shown, and their votes, each counted once.

A vote that `Study.record` has taken is on the disk. All that chooses or counts happens in transactions of
which there is one at a time in a study; reading waits for nobody.
"""

from __future__ import annotations

import hashlib
import hmac
import math
import os
import secrets
import time
from base64 import b32encode
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from types import TracebackType

from sqlalchemy import Connection

from autochrome.errors import AlreadyAnswered, BadVote, NoSuchTrial, NotCurrent, StudyError, StudyFull
from autochrome.study.design import Design
from autochrome.study.records import Answer, Protocol, Stage, Trial, Vote
from autochrome.study.storage.assignment import choose_order, keyed, stages, stock
from autochrome.study.storage.folder import DATABASE_FILE, DESIGN_FILE, PICTURES, Manifest
from autochrome.study.storage.ledger import Ledger
from autochrome.study.storage.rerating import begin_second_phase
from autochrome.study.storage.schema import SCHEMA_VERSION, Database
from autochrome.study.storage.status import Status, read_status

__all__ = ["DATABASE_VARIABLE", "Recorded", "Status", "Study", "StudyError", "StudyFull"]

DATABASE_VARIABLE = "AUTOCHROME_STUDY_DATABASE"
"""The environment variable that names another database than the folder's own."""


@dataclass(frozen=True)
class Recorded:
    """A vote that was taken.

    Attributes:
        number: of the trial, from 1.
        finished: whether it was the rater's last.
        feedback: practice: the slot of the right answer, which is the generated picture (two-afc), the true
            one (turing) or the system's (preference); None outside of practice.
    """

    number: int
    finished: bool
    feedback: int | None


class Study:
    """A study that is open: its folder and its database. `open` and `building.build_study` make it.

    It may be shared between threads. Processes open it each for themselves.

    Attributes:
        folder: of the study.
        design: as in its ``design.yaml``.
        id: a UUID.
        secret: random bytes, for links that cannot be guessed.
        notes: what the person who built it should know.
        max_raters: how many may enroll: as designed, or three times as many as are needed, and at least 20.
        clock: tells the seconds since 1970.
    """

    def __init__(self, folder: Path, design: Design, manifest: Manifest, database: Database) -> None:
        self.folder, self.design = folder, design
        self.id, self.secret = manifest.id, bytes.fromhex(manifest.secret)
        self.notes = tuple(manifest.notes)
        self.clock: Callable[[], float] = time.time
        self.max_raters = 0
        self._database = database
        self._ledger = Ledger(self.id, design.total)
        self._files = {(each.picture, each.version): each.file for each in manifest.pictures}

    @classmethod
    def open(cls, folder: Path, database: str | None = None) -> Study:
        """Open a study that was built.

        Args:
            folder: of the study.
            database: URL of the database with its votes; the environment's ``AUTOCHROME_STUDY_DATABASE`` or
                the folder's own ``study.sqlite`` if None.

        Raises:
            StudyError: no study, an incomplete one, or its design was edited; says what to do.
            DesignError: its design cannot be read.
        """
        folder = folder.absolute()  # connections are opened later, and perhaps from elsewhere
        manifest = Manifest.read(folder)
        design = Design.read(folder / DESIGN_FILE)
        manifest.check_pictures(folder)
        place = Database(_database_of(folder, manifest, database))
        study = cls(folder, design, manifest, place)
        try:
            begun = study._load(manifest)
            manifest.check(folder, design, begun=begun)
            if not begun and manifest.changed_keys(design):
                replace(manifest, design=design.to_dict()).write(folder)
        except BaseException:
            study.close()
            raise
        return study

    def __enter__(self) -> Study:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the database's connections."""
        self._database.close()

    # Raters.

    def enroll(self) -> str:
        """Take in a new rater.

        Returns:
            Their token, which is theirs alone to know: only its SHA-256 is kept.

        Raises:
            StudyFull: no more raters are wanted.
        """
        token = secrets.token_urlsafe(16)
        with self._database.writing(self.id) as connection:
            phase = self._ledger.phase(connection)
            last_phase = phase == self.design.phases
            if last_phase and self._ledger.fewest_votes(connection, phase) >= self.design.raters:
                raise StudyFull("this study has all the votes it needs")
            number = self._ledger.count_raters(connection) + 1
            if number > self.max_raters:
                raise StudyFull(
                    f"all {self.max_raters} places of this study are taken; who runs it can raise max_raters"
                    f" in {DESIGN_FILE} and start it again"
                )
            self._ledger.add_rater(connection, number, _digest(token), phase)
        return token

    def rater(self, token: str) -> int | None:
        """Number of the rater with a token; None where there is none."""
        with self._database.reading() as connection:
            return self._ledger.rater(connection, _digest(token))

    def completion_code(self, rater: int) -> str:
        """What a rater who finished shows for it: ten letters and digits, alike at every call."""
        digest = hmac.digest(self.secret, f"completion/{rater}".encode(), "sha256")
        code = b32encode(digest)[:10].decode()
        return f"{code[:5]}-{code[5:]}"

    # Trials.

    def next_trial(self, rater: int) -> Trial | None:
        """The trial that a rater has before them: the one still open, else a new one.

        Args:
            rater: their number.

        Returns:
            The trial, or None when the rater has answered all of theirs.

        Raises:
            NoSuchTrial: there is no such rater.
        """
        with self._database.reading() as connection:
            last = self._ledger.last(connection, rater)
        if last is not None and not last.answered and last.opened_at > self._cutoff():
            return last.trial
        if last is not None and last.answered and last.trial.number >= self.design.total:
            return None
        with self._database.writing(self.id) as connection:
            last = self._ledger.last(
                connection, rater
            )  # another page of the same rater may have been quicker
            if last is None:
                return self._assign(connection, rater, 1)
            if not last.answered:
                self._ledger.reopen(connection, last.trial, self.clock())
                return last.trial
            return self._assign(connection, rater, last.trial.number + 1)

    def trial(self, rater: int, trial_id: str) -> tuple[Trial, bool] | None:
        """A trial of a rater, and whether it is answered; None where they have none of that name."""
        with self._database.reading() as connection:
            entry = self._ledger.find(connection, rater, trial_id)
        return None if entry is None else (entry.trial, entry.answered)

    def picture_path(self, trial: Trial, slot: int) -> Path:
        """The file of what is shown in a slot; IndexError for a slot that the trial does not have."""
        if not 0 <= slot < len(trial.order):
            raise IndexError(f"the trial has slots 0 to {len(trial.order) - 1}, not {slot}")
        source = self._ledger.source(trial.unit.id, trial.order[slot])
        return self.folder / PICTURES / self._files[trial.unit.picture, source]

    def record(self, rater: int, trial_id: str, vote: Vote) -> Recorded:
        """Take a vote; it is on the disk when this returns.

        The display is judged here too: a timed trial whose pictures were not shown as designed has slipped,
        whatever ``vote.slipped`` says.

        Raises:
            NoSuchTrial: it is not this rater's, or does not exist.
            AlreadyAnswered: it has its vote.
            NotCurrent: a later trial is open.
            BadVote: the vote does not fit the trial.
        """
        with self._database.writing(self.id) as connection:
            entry = self._ledger.find(connection, rater, trial_id)
            if entry is None:
                raise NoSuchTrial("the rater has no such trial")
            trial = entry.trial
            if entry.answered:
                raise AlreadyAnswered(f"trial {trial.number} is answered; the first answer counts")
            last = self._ledger.last(connection, rater)
            if last is not None and last.trial.id != trial.id:
                raise NotCurrent(f"trial {last.trial.number} is the current one, not trial {trial.number}")
            self._check(trial, vote)
            slipped = vote.slipped or not self.design.on_time(vote.shown_ms)
            self._ledger.add_vote(connection, trial, replace(vote, slipped=slipped), self.clock())
            if self.design.oracle and trial.unit.stage is Stage.TEST:
                self._begin_second_phase(connection)
        practice = trial.unit.stage is Stage.PRACTICE
        return Recorded(
            trial.number, trial.number == self.design.total, self._right_slot(trial) if practice else None
        )

    # What was found.

    def answers(self, *, stages: Collection[Stage] = tuple(Stage)) -> Iterator[Answer]:
        """All answers of the given stages, by rater and number, as they are when the first is asked for."""
        with self._database.reading() as connection:
            yield from self._ledger.answers(connection, stages)

    def status(self) -> Status:
        """How far the study is."""
        with self._database.reading() as connection:
            return read_status(
                connection,
                self._ledger,
                self.design,
                max_raters=self.max_raters,
                active_since=self._cutoff(),
            )

    # Inside of transactions.

    def _load(self, manifest: Manifest) -> bool:
        """Read the units; whether raters have been shown anything."""
        with self._database.reading() as connection:
            known = self._database.has_tables(connection)
            version = self._ledger.version(connection) if known else None
            if version is None:
                where = (
                    f"in {DATABASE_FILE}: leave --database and {DATABASE_VARIABLE} out"
                    if manifest.own_database
                    else f"elsewhere: name their database with --database or {DATABASE_VARIABLE}"
                )
                raise StudyError(f"{self._database} does not hold this study; its votes are {where}")
            if version != SCHEMA_VERSION:
                raise StudyError(
                    f"{self._database} holds the study in form {version}, and this release of Autochrome"
                    f" reads form {SCHEMA_VERSION}; use the release that made it"
                )
            tested = [unit for unit in self._ledger.units(connection, 1) if unit.stage is Stage.TEST]
            pictures = len({unit.picture for unit in tested})
            if pictures < self.design.trials:
                raise StudyError(
                    f"{self.folder / DESIGN_FILE} gives a rater {self.design.trials} test trials, but there"
                    f" are {pictures} photos, and none is shown twice to a rater; set trials to {pictures} or"
                    " less"
                )
            needed = self.design.raters_needed(len(tested), pictures)
            self.max_raters = self.design.max_raters or max(20, 3 * needed)
            return self._ledger.has_trials(connection)

    def _cutoff(self) -> float:
        return self.clock() - self.design.abandoned_after_s

    def _assign(self, connection: Connection, rater: int, number: int) -> Trial:
        """Give a rater their next trial."""
        phase = self._ledger.phase_of(connection, rater)
        if phase is None:
            raise NoSuchTrial(f"there is no rater {rater}")
        design = self.design

        def drawn(*key: object) -> Random:
            # The seed may be known: without the secret anybody could compute what comes next, and where.
            return keyed(design.seed, self.secret.hex(), rater, *key)

        plan = stages(design.practice, design.trials, design.vigilance, drawn("stages"))
        stage = plan[number - 1]
        everyone_sees_all = stage is not Stage.TEST or design.protocol is Protocol.QUESTIONNAIRE
        since = None if everyone_sees_all else self._cutoff()
        rng = drawn(number)
        unit = self._ledger.choose_unit(connection, rater, phase, stage, rng, since=since)
        used = self._ledger.places_of(connection, rater, stage)
        left = stock(len(unit.versions), plan.count(stage), used, drawn(stage))
        before = self._ledger.places(connection, unit.id, self._cutoff())
        order = choose_order(before, left, rng)
        trial = Trial(secrets.token_urlsafe(16), unit, order, number, design.total)
        self._ledger.add_trial(connection, rater, trial, self.clock())
        return trial

    def _begin_second_phase(self, connection: Connection) -> None:
        """Begin an oracle's second phase as soon as the first has its votes."""
        ledger = self._ledger
        if ledger.phase(connection) == 1 and ledger.fewest_votes(connection, 1) >= self.design.raters:
            answers = list(ledger.answers(connection, [Stage.TEST]))
            begin_second_phase(connection, self.id, self.design, ledger.units(connection, 1), answers)

    def _check(self, trial: Trial, vote: Vote) -> None:
        slots, chosen = len(trial.order), vote.chosen
        if len(set(chosen)) != len(chosen) or not set(chosen) <= set(range(slots)):
            raise BadVote(f"chosen are slots from 0 to {slots - 1}, each once, not {list(chosen)}")
        if self.design.protocol is not Protocol.QUESTIONNAIRE and len(chosen) != 1:
            raise BadVote(f"choose exactly one picture, not {len(chosen)}")
        if len(vote.shown_ms) not in (0, slots):
            raise BadVote(f"shown_ms has a time for each of the {slots} pictures, or none")
        if not all(math.isfinite(t) and t >= 0 for t in (*vote.shown_ms, vote.response_ms)):
            raise BadVote("times are milliseconds from 0 on")

    def _right_slot(self, trial: Trial) -> int:
        """Where the right answer of a practice trial is: its versions are (truth, x) or (system, random)."""
        return trial.order.index(1 if self.design.protocol is Protocol.TWO_AFC else 0)


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def _database_of(folder: Path, manifest: Manifest, given: str | None) -> str | Path:
    """The database with a study's votes: as given, of the environment, or in the folder."""
    named = given or os.environ.get(DATABASE_VARIABLE)
    if named:
        return named
    file = folder / DATABASE_FILE
    if file.is_file():
        return file
    if manifest.own_database:
        raise StudyError(f"{file} is missing, and with it all votes; put it back from a copy of the study")
    raise StudyError(
        f"the votes of {folder} are in another database; name it with --database or {DATABASE_VARIABLE}"
    )
