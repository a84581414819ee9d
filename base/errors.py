"""The errors we raise on purpose. Each says what is wrong, what was expected, and what to do next."""


class YueluError(Exception):
    """Anything we raise on purpose: what went wrong, and what to do about it."""

    exit_code = 1

    def __init__(self, problem: str, hint: str = "") -> None:
        super().__init__(problem, hint)  # args rebuild the error when Dask unpickles it
        self.problem, self.hint = problem, hint

    def __str__(self) -> str:
        return f"{self.problem}\n  try: {self.hint}" if self.hint else self.problem


class InvalidRecord(YueluError):
    """A value does not fit the record it was meant for."""


class SchemaMismatch(YueluError):
    """A table has not the columns or types its schema names."""


class Misconfigured(YueluError):
    """A setting, a policy or a label configuration cannot be used."""

    exit_code = 2


class NotFound(YueluError):
    """The named thing does not exist here."""


class NotAllowed(YueluError):
    """This person may not do that, or not any more."""


class TooManyTries(NotAllowed):
    """Too many wrong tries to sign in: whoever it is waits."""


class ServiceUnavailable(YueluError):
    """A server or an environment that the work needs is not there."""


class GateNotPassed(YueluError):
    """A gate looked at the work and did not accept it."""

    exit_code = 3


class IntegrityFailure(YueluError):
    """Bytes, hashes or signatures are not what a manifest says."""

    exit_code = 4


class Conflict(YueluError):
    """Somebody else was first, or the state forbids the move."""

    exit_code = 5


class WentBack(Conflict):
    """A server shows an earlier state than the one we saw: it was restored from a backup."""


class KeyTaken(Conflict):
    """The store already holds that key; a key is written once."""


class IllegalMove(Conflict):
    """The state machine does not allow that move."""


class OutcomeUnknown(YueluError):
    """The request may or may not have been applied; nothing was deleted."""

    exit_code = 6


class Interrupted(YueluError):
    """Somebody stopped the work on purpose; what was done stays done."""
