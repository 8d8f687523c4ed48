"""What core decides about a task, and stores understand as one opaque blob.

Fields that have their default are not written, so a plain task carries no policy at all and nothing is
decoded for it.
"""

from __future__ import annotations

import msgspec

from omniq.models.values import DAY, HOUR, MINUTE, SECOND, Micros

__all__ = (
    "MAX_CRASHES",
    "MAX_SNOOZES",
    "MAX_UNKNOWN",
    "PLAIN",
    "UNKNOWN_DELAY",
    "Retries",
    "TaskPolicy",
    "backoff",
    "crash_delay",
    "dump_policy",
    "load_policy",
)

MAX_CRASHES = 3
"""The crash at which a task is taken for poison."""
MAX_SNOOZES = 10_000
MAX_UNKNOWN = 120
"""The release of an unknown task at which it fails; 30 s apart, so after an hour."""


class Retries(msgspec.Struct, frozen=True, omit_defaults=True, array_like=False):
    """When a failed attempt is tried again: exponential back-off with full jitter. Times in µs.

    `retry_on` and `give_up_on` are names of exception types (`module:qualname`), matched against the bases
    of what was raised; an empty `retry_on` means every exception.
    """

    max: int = 3
    base: Micros = SECOND
    factor: float = 2.0
    cap: Micros = HOUR
    jitter: bool = True
    retry_on: tuple[str, ...] = ()
    give_up_on: tuple[str, ...] = ()

    def covers(self, bases: tuple[str, ...]) -> bool:
        """Say whether an exception with these type names (its own and its bases') is worth a retry."""
        if any(name in self.give_up_on for name in bases):
            return False
        return not self.retry_on or any(name in self.retry_on for name in bases)


class TaskPolicy(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Everything about one task that only core reads. Times in µs.

    `deadline` counts from the enqueue (or the requeue); `timeout` bounds one attempt; `max_runtime` ends the
    renewal of a hung one. `keep` is how long a value is kept from the end, which whoever puts it elsewhere than
    the task must know.
    """

    retries: Retries = Retries()
    timeout: Micros | None = None
    deadline: Micros | None = None
    max_runtime: Micros | None = None
    keep: Micros = DAY
    metadata: dict[str, str] = {}

    @property
    def keep_result(self) -> bool:
        """Whether a value is kept at all."""
        return self.keep > 0


PLAIN = TaskPolicy()
_decoder = msgspec.msgpack.Decoder(TaskPolicy)
_encoder = msgspec.msgpack.Encoder()


def dump_policy(policy: TaskPolicy) -> bytes:
    """Encode a policy; a plain one is empty."""
    return b"" if policy == PLAIN else _encoder.encode(policy)


def load_policy(blob: bytes) -> TaskPolicy:
    """Decode a policy.

    Raises:
        msgspec.DecodeError: the bytes are not a policy.
    """
    return _decoder.decode(blob) if blob else PLAIN


def backoff(retries: Retries, failures: int, chance: float) -> Micros:
    """Give the delay before the next attempt, after so many failures (1 or more).

    Full jitter: Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015. `chance` is drawn by
    the caller from [0, 1).
    """
    try:
        ceiling = min(retries.cap, round(retries.base * retries.factor ** (failures - 1)))
    except OverflowError:
        ceiling = retries.cap
    return round(ceiling * chance) if retries.jitter else ceiling


def crash_delay(retries: Retries, crashes: int, chance: float) -> Micros:
    """Give the delay after a crash: the policy's for that many, 10 s at most."""
    return min(backoff(retries, crashes, chance), 10 * SECOND)


UNKNOWN_DELAY: Micros = MINUTE // 2
