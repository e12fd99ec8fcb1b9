"""The one error that reading and writing photos raises."""

from __future__ import annotations


class PhotoError(Exception):
    """A photo could not be read or written; the message names it and says what to do next.

    Attributes:
        source: the file's name as the person gave it, or "the given bytes".
        problem: what is wrong, a clause that follows the name ("is empty").
        advice: what the person can do, a sentence.
    """

    def __init__(self, source: object, problem: str, advice: str) -> None:
        super().__init__(f"{source}: {problem}. {advice}")
        self.source, self.problem, self.advice = str(source), problem, advice

    def __reduce__(self) -> tuple[type[PhotoError], tuple[str, str, str]]:
        # Exception would otherwise be unpickled with its one message, which does not fit __init__.
        return type(self), (self.source, self.problem, self.advice)
