"""A running study: its raters, what each is shown, and their votes, each counted once.

Whatever assigns or counts runs in transactions of which a study has one at a time; readers never wait.
"""

from __future__ import annotations

import hashlib
import hmac
import math
import os
import secrets
import time
from base64 import b32encode
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

from sqlalchemy import Connection

from autochrome.errors import AlreadyAnswered, BadVote, NoSuchTrial, NotCurrent, StudyError, StudyFull
from autochrome.study.design import Design
from autochrome.study.records import (
    ORACLE,
    TRUTH,
    Answer,
    Protocol,
    Stage,
    Trial,
    Unit,
    Vote,
    judgments,
    passed,
)
from autochrome.study.storage.assignment import choose_order, keyed, stages, stock
from autochrome.study.storage.folder import DATABASE_FILE, DESIGN_FILE, PICTURES, Manifest
from autochrome.study.storage.ledger import Ledger
from autochrome.study.storage.schema import SCHEMA_VERSION, Database

DATABASE_VARIABLE = "AUTOCHROME_STUDY_DATABASE"
"""The environment variable that names a database other than the folder's own."""


@dataclass(frozen=True)
class Status:
    """The progress of a study.

    Attributes:
        phase, phases: in which new raters enroll, of how many (2 with an oracle, else 1).
        done: whether every unit has all the votes it needs.
        enrolled, finished, max_raters: raters so far, those who answered all their trials, and the limit.
        active: raters who have not finished and were shown something within `Design.abandoned_after_s`.
        units, wanted: test units of the phase, and votes needed on each.
        fewest, most: votes on the unit that has the fewest, and the most.
        missing: votes that the phase still lacks.
        votes: per stage, over both phases.
        slipped: test votes whose timing was not as designed.
        vigilance_failed: vigilance votes that were wrong.
    """

    phase: int
    phases: int
    done: bool
    enrolled: int
    finished: int
    active: int
    max_raters: int
    units: int
    wanted: int
    fewest: int
    most: int
    missing: int
    votes: dict[Stage, int]
    slipped: int
    vigilance_failed: int


class Study:
    """An open study, from `open` or `building.build_study`; threads may share it, processes may not.

    Attributes:
        folder, design, id, notes: as in its `Manifest` and ``design.yaml``.
        secret: random bytes, for links that cannot be guessed.
        max_raters: how many may enroll: as designed, or three times as many as are needed and at least 20.
        clock: returns the seconds since 1970.
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
        """Open a study.

        Args:
            folder: of the study.
            database: URL of the database with its votes; by default that of the environment variable
                ``AUTOCHROME_STUDY_DATABASE``, or the folder's ``study.sqlite``.

        Raises:
            StudyError: the folder is not a study or is incomplete, or its design was edited (`DesignError`
                if it cannot be read).
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

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the database's connections."""
        self._database.close()

    # Raters.

    def enroll(self) -> str:
        """Enroll a new rater and return their token, of which the study stores only the SHA-256.

        Raises:
            StudyFull: no more raters are needed.
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
                    f"all {self.max_raters} places in this study are taken; to admit more raters, raise"
                    f" max_raters in {DESIGN_FILE} and restart the server"
                )
            self._ledger.add_rater(connection, number, _digest(token), phase)
        return token

    def rater(self, token: str) -> int | None:
        """Return the number of the rater with this token; None if there is none."""
        with self._database.reading() as connection:
            return self._ledger.rater(connection, _digest(token))

    def completion_code(self, rater: int) -> str:
        """Return a finished rater's proof of completion: ten letters and digits, the same at every call."""
        digest = hmac.digest(self.secret, f"completion/{rater}".encode(), "sha256")
        code = b32encode(digest)[:10].decode()
        return f"{code[:5]}-{code[5:]}"

    # Trials.

    def next_trial(self, rater: int) -> Trial | None:
        """Return a rater's open trial or a new one; None if all are answered.

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
            # Read again: another page of the same rater may have been quicker.
            last = self._ledger.last(connection, rater)
            if last is None:
                return self._assign(connection, rater, 1)
            if not last.answered:
                self._ledger.reopen(connection, last.trial, self.clock())
                return last.trial
            return self._assign(connection, rater, last.trial.number + 1)

    def open_trial(self, rater: int, trial_id: str) -> Trial | None:
        """Return a rater's trial; None if it is answered, or the rater has no such trial."""
        with self._database.reading() as connection:
            entry = self._ledger.find(connection, rater, trial_id)
        return entry.trial if entry and not entry.answered else None

    def picture_path(self, trial: Trial, slot: int) -> Path:
        """Return the file shown in a slot."""
        source = self._ledger.source(trial.unit.id, trial.order[slot])
        return self.folder / PICTURES / self._files[trial.unit.picture, source]

    def record(self, rater: int, trial_id: str, vote: Vote) -> int | None:
        """Store a vote; it is on disk when this returns.

        A timed trial whose pictures were not shown as designed has slipped, whatever ``vote.slipped`` says.

        Returns:
            After a practice trial the slot of the right answer: the generated picture (two-afc), the true one
            (turing) or the system's (preference).

        Raises:
            NoSuchTrial: the trial does not exist or is another rater's.
            AlreadyAnswered: it already has its vote.
            NotCurrent: a later trial is open.
            BadVote: the vote does not fit the trial.
        """
        with self._database.writing(self.id) as connection:
            entry = self._ledger.find(connection, rater, trial_id)
            if entry is None:
                raise NoSuchTrial("the rater has no such trial")
            trial = entry.trial
            if entry.answered:
                raise AlreadyAnswered(f"trial {trial.number} is already answered; the first answer counts")
            last = self._ledger.last(connection, rater)
            if last is not None and last.trial.id != trial.id:
                raise NotCurrent(f"trial {last.trial.number} is the current one, not trial {trial.number}")
            self._check(trial, vote)
            slipped = vote.slipped or not self.design.on_time(vote.shown_ms)
            self._ledger.add_vote(connection, trial, replace(vote, slipped=slipped), self.clock())
            if self.design.oracle and trial.unit.stage is Stage.TEST:
                self._begin_second_phase(connection)
        if trial.unit.stage is not Stage.PRACTICE:
            return None
        # Its versions are (truth, another) or (system, random).
        return trial.order.index(1 if self.design.protocol is Protocol.TWO_AFC else 0)

    # Results.

    def answers(self) -> Iterator[Answer]:
        """Yield all answers, by rater and number, as of the first one's retrieval."""
        with self._database.reading() as connection:
            yield from self._ledger.answers(connection, Stage)

    def status(self) -> Status:
        """Return the study's progress, all figures as of one moment."""
        ledger, design = self._ledger, self.design
        with self._database.reading() as connection:
            phase = ledger.phase(connection)
            counts = ledger.votes(connection, phase, Stage.TEST)
            finished = ledger.finished(connection)
            votes = Counter(ledger.count_votes(connection))
            vigilance = list(ledger.answers(connection, [Stage.VIGILANCE]))
            return Status(
                phase=phase,
                phases=design.phases,
                done=phase == design.phases and min(counts) >= design.raters,
                enrolled=ledger.count_raters(connection),
                finished=len(finished),
                active=len(ledger.raters_since(connection, self._cutoff()) - finished),
                max_raters=self.max_raters,
                units=len(counts),
                wanted=design.raters,
                fewest=min(counts),
                most=max(counts),
                missing=sum(max(design.raters - count, 0) for count in counts),
                votes={stage: votes[stage, False] + votes[stage, True] for stage in Stage},
                slipped=votes[Stage.TEST, True],
                vigilance_failed=sum(not passed(each) for each in judgments(design.protocol, vigilance)),
            )

    # Inside transactions.

    def _load(self, manifest: Manifest) -> bool:
        """Read the units; return whether any rater has been shown a trial."""
        with self._database.reading() as connection:
            version = self._ledger.version(connection)
            if version is None:
                where = (
                    f"in {DATABASE_FILE}: omit --database and unset {DATABASE_VARIABLE}"
                    if manifest.own_database
                    else f"elsewhere: name their database with --database or {DATABASE_VARIABLE}"
                )
                raise StudyError(f"{self._database} does not hold this study; its votes are {where}")
            if version != SCHEMA_VERSION:
                raise StudyError(
                    f"{self._database} holds the study in schema version {version}, but this release of"
                    f" Autochrome reads version {SCHEMA_VERSION}; use the release that built the study"
                )
            tested = [unit for unit in self._ledger.units(connection, 1) if unit.stage is Stage.TEST]
            pictures = len({unit.picture for unit in tested})
            if pictures < self.design.trials:
                raise StudyError(
                    f"{self.folder / DESIGN_FILE} gives each rater {self.design.trials} test trials, but"
                    f" there are only {pictures} photos, and no rater sees a photo twice; set trials to"
                    f" {pictures} or less"
                )
            needed = self.design.raters_needed(len(tested), pictures)
            self.max_raters = self.design.max_raters or max(20, 3 * needed)
            return self._ledger.has_trials(connection)

    def _cutoff(self) -> float:
        return self.clock() - self.design.abandoned_after_s

    def _assign(self, connection: Connection, rater: int, number: int) -> Trial:
        """Assign a rater their next trial."""
        phase = self._ledger.phase_of(connection, rater)
        if phase is None:
            raise NoSuchTrial(f"there is no rater {rater}")
        design = self.design

        def drawn(*key: object) -> Random:
            # The seed may be known: without the secret, anybody could compute what comes next, and where.
            return keyed(design.seed, self.secret.hex(), rater, *key)

        plan = stages(design.practice, design.trials, design.vigilance, drawn("stages"))
        stage = plan[number - 1]
        everyone_sees_all = stage is not Stage.TEST or design.protocol is Protocol.QUESTIONNAIRE
        since = None if everyone_sees_all else self._cutoff()
        rng = drawn(number)
        unit = self._ledger.choose_unit(connection, rater, phase, stage, rng, since)
        used = self._ledger.places_of(connection, rater, stage)
        left = stock(len(unit.versions), plan.count(stage), used, drawn(stage))
        before = self._ledger.places(connection, unit.id, self._cutoff())
        order = choose_order(before, left, rng)
        trial = Trial(secrets.token_urlsafe(16), unit, order, number, design.total)
        self._ledger.add_trial(connection, rater, trial, self.clock())
        return trial

    def _begin_second_phase(self, connection: Connection) -> None:
        """Once the first phase has its votes, let new raters judge the best-liked samples (oracle)."""
        ledger = self._ledger
        if ledger.phase(connection) != 1 or ledger.fewest_votes(connection, 1) < self.design.raters:
            return
        first = ledger.units(connection, 1)
        pictures = sorted({unit.picture for unit in first if unit.stage is Stage.TEST})
        best = best_liked(self.design, pictures, list(ledger.answers(connection, [Stage.TEST])))
        again = [Unit(0, 2, Stage.TEST, picture, (TRUTH, f"{system}.{ORACLE}")) for system, picture in best]
        sources = [(TRUTH, sample) for sample in best.values()]
        others = [unit for unit in first if unit.stage is not Stage.TEST]
        free = 1 + max(unit.id for unit in first)
        second = [replace(unit, id=free + i, phase=2) for i, unit in enumerate([*again, *others])]
        ledger.add_units(connection, second, [*sources, *(unit.versions for unit in others)])
        ledger.set_phase(connection, 2)

    def _check(self, trial: Trial, vote: Vote) -> None:
        slots, chosen = len(trial.order), vote.chosen
        if len(set(chosen)) != len(chosen) or not set(chosen) <= set(range(slots)):
            raise BadVote(f"chosen must be slots from 0 to {slots - 1}, each once, not {list(chosen)}")
        if self.design.protocol is not Protocol.QUESTIONNAIRE and len(chosen) != 1:
            raise BadVote(f"choose exactly one picture, not {len(chosen)}")
        if len(vote.shown_ms) not in (0, slots):
            raise BadVote(f"shown_ms must have a time for each of the {slots} pictures, or none")
        if not all(math.isfinite(t) and t >= 0 for t in (*vote.shown_ms, vote.response_ms)):
            raise BadVote("times must be finite milliseconds, 0 or more")


def best_liked(
    design: Design, pictures: Sequence[str], answers: Sequence[Answer]
) -> dict[tuple[str, str], str]:
    """Return the sample that was taken for the true photo most often, by system and photo.

    PixColor's oracle (section 5), from the first phase's test answers; the design's seed breaks ties.
    """
    votes: dict[tuple[str, str], list[bool]] = defaultdict(list)
    for verdict in judgments(design.protocol, answers):
        votes[verdict.system, verdict.picture].append(verdict.success)
    best = {}
    for system, samples in design.samples().items():
        for picture in pictures:
            given = {name: votes[name, picture] for name in samples}
            share = {name: sum(each) / max(len(each), 1) for name, each in given.items()}
            equals = [name for name in samples if share[name] == max(share.values())]
            best[system, picture] = keyed(design.seed, ORACLE, system, picture).choice(equals)
    return best


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def _database_of(folder: Path, manifest: Manifest, given: str | None) -> str | Path:
    """Return the database with a study's votes: as given, from the environment, or in the folder."""
    named = given or os.environ.get(DATABASE_VARIABLE)
    if named:
        return named
    file = folder / DATABASE_FILE
    if file.is_file():
        return file
    if manifest.own_database:
        raise StudyError(f"{file} is missing, and with it all votes; restore it from a copy of the study")
    raise StudyError(
        f"the votes of {folder} are in another database; name it with --database or {DATABASE_VARIABLE}"
    )
