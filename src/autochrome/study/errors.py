"""What can go wrong with a study; each message says what to do next."""

from __future__ import annotations


class StudyError(Exception):
    """A study cannot be built, opened or asked."""


class DesignError(StudyError):
    """A design is missing, malformed, or asks for something that cannot be; the message names the key."""


class StudyFull(StudyError):
    """No more raters are wanted: all votes are there, or as many raters enrolled as the design allows."""


class StudyBusy(StudyError):
    """Another writer held the database for too long; the same request may be sent again."""


class NoSuchTrial(StudyError):
    """The trial does not exist, or is another rater's."""


class AlreadyAnswered(StudyError):
    """The trial has its vote; the first one counts."""


class NotCurrent(StudyError):
    """The trial is not the one that the rater has before them."""


class BadVote(StudyError):
    """The vote does not fit the trial: slots that do not exist, too many of them, impossible times."""
