"""The catalogue's hash key: the one whose fingerprint is pinned in the log, once; whoever has another is refused.

A hash that was made with another key matches nothing: an erasure would cover no listing, a user would become two. So
the fingerprint is an entry of `listing-takedown`, which everything reads that answers or indexes; it is compared before
anything is hashed, and pinned by whoever needs the key first. Two who pin at once are put in order by a transactional
producer with one name: the second shuts out the first, or finds its entry.
"""

from datetime import UTC, datetime

from confluent_kafka import KafkaException

from schemas.takedown import KeyPin
from streams.clients import await_kafka, producer
from streams.errors import LookalikeError, UsageError, unreachable
from streams.keyed_hash import HashKey, key_file, read_hash_key
from streams.refusals import is_refused, refusal
from streams.settings import Settings
from streams.takedowns import PIN_KEY, Pin, require_topic
from streams.topic_reader import read_all
from streams.topics import TAKEDOWN

_SECONDS = 30.0
_TRIES = 5
"""Of pinning; each is lost only to another process that pins."""


def catalogue_key(settings: Settings, *, make: bool = False, seconds: float = 10.0) -> HashKey:
    """The hash key, which is the pinned one; it is pinned here if none is. To be called before anything is written.

    `make` creates a key if none is pinned and none is there. Raises UsageError without a key or with another one
    than is pinned, ServiceUnavailable if Kafka is away for `seconds`, LookalikeError without the topic.
    """
    require_topic(settings, await_kafka(settings, seconds))
    pinned = pinned_key_id(settings)
    key = _own(settings, pinned, make=make)
    if pinned is None:
        pinned = _pin(settings, key)
    if other := other_key(key, pinned):
        raise UsageError(other)
    return key


def check_own_key(settings: Settings) -> None:
    """For whoever needs no key yet: raises UsageError if there is one, and another is pinned."""
    has_one = bool(settings.hash_key.get_secret_value()) or key_file(settings).exists()
    if has_one and (other := other_key(read_hash_key(settings), pinned_key_id(settings))):
        raise UsageError(other)


def _own(settings: Settings, pinned: str | None, *, make: bool) -> HashKey:
    if pinned is not None and not settings.hash_key.get_secret_value() and not key_file(settings).exists():
        raise UsageError(
            f"LOOKALIKE_HASH_KEY is not set and {key_file(settings)} is not there; this catalogue's key has the "
            f"fingerprint {pinned}: set the variable to that key, or bring the file from the machine that has it",
        )
    return read_hash_key(settings, make=make and pinned is None)


def other_key(key: HashKey, pinned: str | None) -> str | None:
    """Why a key can't be used, in one line with the remedy; None if it can."""
    if pinned in (None, key.key_id):
        return None
    return (
        f"LOOKALIKE_HASH_KEY is not this catalogue's key (ours has the fingerprint {key.key_id}, pinned in "
        f"{TAKEDOWN} is {pinned}): set it to that key, or bring hash.key from the machine that has it; nothing was "
        "written"
    )


def pinned_key_id(settings: Settings) -> str | None:
    """The fingerprint of the catalogue's key; None if nothing was ever hashed. Raises as `read_all` does."""
    pin = Pin()
    for record in read_all(settings, TAKEDOWN, keep=lambda _, key: Pin.concerns(key)):
        pin.see(record)
    return pin.key_id


def _pin(settings: Settings, key: HashKey) -> str:
    """Pin our key if no other was quicker; the fingerprint that is pinned then."""
    for _ in range(_TRIES):
        own = producer(settings, transactional_id=settings.named("lookalike-hash-key"), transaction_timeout_ms=60_000)
        try:
            own.init_transactions(_SECONDS)  # what another one left half done is finished or undone after this
            if (pinned := pinned_key_id(settings)) is not None:
                return pinned
            entry = KeyPin(key_id=key.key_id, at=datetime.now(UTC))
            own.begin_transaction()
            own.produce(settings.named(TAKEDOWN), entry.model_dump_json().encode(), PIN_KEY)
            own.commit_transaction(_SECONDS)
        except KafkaException as error:
            if is_refused(error.args[0]):
                why = refusal(error.args[0])
                raise LookalikeError(f"the hash key could not be pinned: Kafka refused it: {why}") from None
            reason = error.args[0].str()
        else:
            return key.key_id
    raise unreachable("Kafka", settings.kafka, f"the hash key could not be pinned ({reason}); try again")
