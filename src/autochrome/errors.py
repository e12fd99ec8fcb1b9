"""Every error that Autochrome raises for something the caller can fix; each message says what to do next.

    AutochromeError
    ├── DocumentError (ValueError)
    ├── ColorError (ValueError)
    ├── HintError (ValueError)
    ├── SettingsError (ValueError)
    ├── PhotoError
    ├── LedgerError
    ├── FileError (OSError)
    ├── UnknownModelError (ValueError)
    ├── WeightsError (RuntimeError)
    ├── DataError
    ├── RecipeError
    ├── CheckpointError
    ├── TrainingError (RuntimeError)
    ├── SizeError (ValueError)
    ├── EvaluationError
    ├── ProbeError (ValueError)
    ├── LaboratoryError
    └── StudyError
        ├── DesignError
        ├── StudyFull
        ├── StudyBusy
        ├── NoSuchTrial
        ├── AlreadyAnswered
        ├── NotCurrent
        └── BadVote

The command line prints the message in one line and exits with 1. A wrong call (an array of the wrong shape,
an option that does not exist) raises Python's own ``ValueError`` or ``TypeError``.
"""

from __future__ import annotations


def shown(value: object) -> str:
    """Return a value as messages show it: as Python writes it, and no longer than a line."""
    try:
        text = repr(value)
    except ValueError:  # Python writes no number of more than 4300 digits
        return "a number of thousands of digits"
    return text if len(text) <= 40 else f"{text[:37]}..."


class AutochromeError(Exception):
    """Base class of all the errors below."""


class DocumentError(AutochromeError, ValueError):
    """A JSON or YAML text cannot be read, or is beyond the bounds of `io.documents`."""


# Colorizing ---------------------------------------------------------------------------------------


class ColorError(AutochromeError, ValueError):
    """A text is not a color; the message says what to write."""


class HintError(AutochromeError, ValueError):
    """A hint cannot be parsed, or lies outside the photo; the message says what to write."""


class SettingsError(AutochromeError, ValueError):
    """A setting is out of range, contradicts another one, or is not supported by the model.

    Attributes:
        for_command: the message in the words of the command line, where these differ.
    """

    def __init__(self, message: str, for_command: str = "") -> None:
        super().__init__(message)
        self.for_command = for_command or message


class PhotoError(AutochromeError):
    """A photo could not be read or written; the message names it and says what to do next.

    Attributes:
        source: the file's name as it was given, or "the given bytes".
        problem: what is wrong, a clause that follows the name ("is empty").
        advice: what to do about it, a sentence.
    """

    def __init__(self, source: object, problem: str, advice: str) -> None:
        super().__init__(f"{source}: {problem}. {advice}")
        self.source, self.problem, self.advice = str(source), problem, advice

    def __reduce__(self) -> tuple[type[PhotoError], tuple[str, str, str]]:
        # Exception would otherwise be unpickled with its one message, which does not fit __init__.
        return type(self), (self.source, self.problem, self.advice)


class LedgerError(AutochromeError):
    """The ledger of a run cannot be read or written, or is something else; the message names the file."""


class FileError(AutochromeError, OSError):
    """A file cannot be written where something else is; the message names it."""


class UnknownModelError(AutochromeError, ValueError):
    """No model has that name; the message names similar ones."""


class WeightsError(AutochromeError, RuntimeError):
    """Weights could not be obtained or do not fit the model."""


# Training -----------------------------------------------------------------------------------------


class DataError(AutochromeError):
    """Photos for training or evaluation are missing or cannot be read."""


class RecipeError(AutochromeError):
    """A recipe is missing or malformed, or names something that does not exist."""


class CheckpointError(AutochromeError):
    """A checkpoint is missing, damaged, in the way, or from another run."""


class TrainingError(AutochromeError, RuntimeError):
    """Training cannot continue, for example because the loss is not finite; raised in every process alike."""


# Evaluation ---------------------------------------------------------------------------------------


class SizeError(AutochromeError, ValueError):
    """A photo's size does not suit the sizing used for the comparison."""


class EvaluationError(AutochromeError):
    """Folders cannot be scored; the message says which files are at fault."""


class ProbeError(AutochromeError, ValueError):
    """The model does not have the features requested; the message says which it has."""


class LaboratoryError(AutochromeError):
    """Systems cannot be compared."""


# Human studies ------------------------------------------------------------------------------------


class StudyError(AutochromeError):
    """A study cannot be built, opened or queried."""


class DesignError(StudyError):
    """A design is missing, malformed, or contradicts itself; the message names the key."""


class StudyFull(StudyError):
    """No more raters are needed: all votes are in, or the design's number of raters has enrolled."""


class StudyBusy(StudyError):
    """Another writer held the database for too long; the same request may be sent again."""


class NoSuchTrial(StudyError):
    """The trial does not exist, or belongs to another rater."""


class AlreadyAnswered(StudyError):
    """The trial has its vote; the first one counts."""


class NotCurrent(StudyError):
    """The trial is not the one the rater is at."""


class BadVote(StudyError):
    """The vote does not fit the trial: slots that do not exist, too many of them, impossible times."""
