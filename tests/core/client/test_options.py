"""What may be said about a task: later words win, and what makes no sense is refused where it is written."""

from datetime import UTC, date, datetime, timedelta

import pytest

from omniq import AsyncOmniQ, OmniQ, RetryPolicy, Unique, task
from omniq.client.options import MAX_TAGS, Defaults, judged, merged, resolve
from omniq.errors import InvalidName, InvalidOption, NaiveDatetime, OmniQError, UnnamedTask
from omniq.models.policy import Retries
from omniq.models.values import MINUTE, SECOND

LATER = datetime(2100, 1, 1, tzinfo=UTC)
HALF = "\ud800"


def add(a: int, b: int) -> int:
    return a + b


def resolved(*layers):
    found = {}
    for layer in layers:
        found = merged(found, layer)
    return resolve(found, Defaults())


@pytest.mark.parametrize(
    ("below", "above", "retries"),
    [
        ({"retries": 9}, {"retry": RetryPolicy(max=1)}, Retries(max=1)),
        ({"retry": RetryPolicy(max=1, base=60)}, {"retries": 9}, Retries(max=9)),
        ({"retries": 9}, {"retry": None}, Retries(max=9)),
        ({"retry": RetryPolicy(max=1)}, {"queue": "low"}, Retries(max=1)),
    ],
)
def test_a_later_word_on_retries_takes_the_place_of_an_earlier_one(below, above, retries):
    assert resolved(below, above).policy.retries == retries


def test_a_later_time_takes_the_place_of_an_earlier_delay_and_the_reverse():
    assert resolved({"delay": 5}, {"run_at": LATER}).delay == 0
    assert resolved({"delay": 5}, {"run_at": LATER}).run_at is not None
    assert resolved({"run_at": LATER}, {"delay": 5}).run_at is None
    assert resolved({"run_at": LATER}, {"delay": 5}).delay == 5 * SECOND


async def test_later_words_win_through_a_declaration_a_task_and_a_sender():
    app = AsyncOmniQ("memory://")
    declared = app.task(retries=3)(add)

    await declared.options(retry=RetryPolicy(max=1)).enqueue(1, 1)
    await declared.options(delay=5).options(run_at=LATER).enqueue(1, 1)
    await app.options(run_at=LATER).options(delay="1h").enqueue(declared, 1, 1)
    await app.options(retry=RetryPolicy(max=1)).enqueue(declared, 1, 1)

    assert len((await app.tasks()).items) == 4


WRONG = {
    "both retries": ({"retries": 3, "retry": RetryPolicy()}, "'retry': excludes retries; give one of the two"),
    "queue": ({"queue": 5}, "queue name '5' is not allowed"),
    "priority": ({"priority": 10}, "10 is not a whole number from 0 to 9"),
    "priority true": ({"priority": True}, "True is not a whole number"),
    "unique number": ({"unique": 5}, "5 is no key; write a text, or Unique"),
    "unique true": ({"unique": True}, "True is no key"),
    "unique key": ({"unique": Unique(5)}, "is no key"),
    "unique half": ({"unique": HALF}, "surrogate"),
    "unique until": ({"unique": Unique("k", until="never")}, "use 'terminal' or 'started'"),
    "unique nothing": ({"unique": Unique("k", until=0)}, "would hold nothing"),
    "unique conflict": ({"unique": Unique("k", on_conflict="rise")}, "use 'return' or 'raise'"),
    "metadata": ({"metadata": 5}, "a int is no mapping"),
    "metadata values": ({"metadata": {"a": 5}}, "text by text"),
    "metadata half": ({"metadata": {"a": HALF}}, "text by text"),
    "retry": ({"retry": 3}, r"3 is no RetryPolicy; write retry=RetryPolicy\(max=3\) or retries=3"),
    "retry max": ({"retry": RetryPolicy(max=-1)}, "'retry.max': -1 is not a whole number"),
    "retry base": ({"retry": RetryPolicy(base="soon")}, "'retry.base': 'soon' is no duration"),
    "factor nan": ({"retry": RetryPolicy(factor=float("nan"))}, "'retry.factor': nan is not a number from 1"),
    "factor inf": ({"retry": RetryPolicy(factor=float("inf"))}, "'retry.factor': inf"),
    "factor small": ({"retry": RetryPolicy(factor=0.5)}, "'retry.factor': 0.5"),
    "factor text": ({"retry": RetryPolicy(factor="2")}, "'retry.factor': '2'"),
    "retry_on": ({"retry": RetryPolicy(retry_on=5)}, "5 is no exception type"),
    "retry_on type": ({"retry": RetryPolicy(retry_on=(int,))}, "is no exception type"),
    "retry_on short": ({"retry": RetryPolicy(retry_on="ValueError")}, "write 'builtins:ValueError'"),
    "retry_on unknown": ({"retry": RetryPolicy(give_up_on=("Busy",))}, "write 'MODULE:TYPE'"),
    "timeout": ({"timeout": 0}, "0 leaves no time; write a duration above 0, or None"),
    "ttl": ({"ttl": "0s"}, "leaves no time"),
    "deadline": ({"deadline": timedelta()}, "leaves no time"),
    "max_runtime": ({"max_runtime": 0.0}, "leaves no time"),
    "century": ({"ttl": "37000d"}, "longer than 100 years"),
    "huge": ({"timeout": 1e300}, "longer than 100 years"),
    "digits": ({"timeout": "9" * 400 + "d"}, "longer than 100 years"),
    "negative": ({"timeout": -1}, "negative"),
    "tags": ({"tags": 5}, "a int is no list of texts"),
    "tags of numbers": ({"tags": [5]}, "1 to 64 characters"),
    "tags half": ({"tags": [HALF]}, "1 to 64 characters"),
    "too many tags": ({"tags": list(map(str, range(MAX_TAGS + 1)))}, "these are 65, the limit is 64"),
}
SENT = {
    "both times": ({"delay": 1, "run_at": LATER}, "'run_at': excludes delay; give one of the two"),
    "run_at": ({"run_at": "2100-01-01"}, "'2100-01-01' is no time; pass an aware datetime"),
    "run_at date": ({"run_at": date(2100, 1, 1)}, "is no time"),
    "run_at naive": ({"run_at": datetime(2100, 1, 1)}, "has no time zone"),
    "delay": ({"delay": 1e13}, "longer than 100 years"),
    "ttl before delay": ({"delay": 60, "ttl": 60}, "'ttl': is over after 1 min, before delay lets it start, in 1 min"),
    "ttl before run_at": ({"run_at": LATER, "ttl": 60}, "'ttl': is over after 1 min, before run_at lets it start"),
    "deadline before run_at": ({"run_at": LATER, "deadline": 60}, "'deadline': is over after 1 min"),
    "less to run than the timeout": ({"max_runtime": 1, "timeout": 2}, "'max_runtime': is 1 s, less than timeout=2 s"),
    "deadline before delay": (
        {"delay": "1h", "deadline": "30m"},
        "'deadline': is over after 30 min, before delay lets it start, in 1 h",
    ),
    "id": ({"id": 5}, "is no UUID"),
}


@pytest.mark.parametrize(("options", "text"), WRONG.values(), ids=WRONG)
def test_a_declaration_that_makes_no_sense_is_refused_at_once(options, text):
    for declare in (AsyncOmniQ("memory://").task, OmniQ("memory://").task, task):
        with pytest.raises((InvalidOption, InvalidName), match=text):
            declare(**options)


@pytest.mark.parametrize(("options", "text"), [*WRONG.values(), *SENT.values()], ids=[*WRONG, *SENT])
def test_options_that_make_no_sense_are_refused_where_they_are_written(options, text):
    with pytest.raises((InvalidOption, InvalidName, NaiveDatetime), match=text):
        judged(options, lambda: "memory")


async def test_a_ttl_of_the_declaration_is_held_against_a_delay_of_the_call():
    app = AsyncOmniQ("memory://")

    with pytest.raises(InvalidOption, match="make it longer"):
        await app.task(ttl="1m")(add).options(delay="1h").enqueue(1, 1)
    assert (await app.tasks()).items == []


@pytest.mark.parametrize("kinds", [ValueError, (ValueError,), "builtins:ValueError", ["builtins:ValueError"]])
def test_one_exception_type_may_stand_alone(kinds):
    assert resolved({"retry": RetryPolicy(retry_on=kinds)}).policy.retries.retry_on == ("builtins:ValueError",)


async def test_tags_that_can_be_read_once_reach_every_task():
    app = AsyncOmniQ("memory://")
    tagged = app.task(tags=iter(["red", "blue"]))(add)
    handles = [await tagged.enqueue(1, 1), await tagged.enqueue(2, 2)]

    assert [(await app.get_task(one.id)).tags for one in handles] == [("red", "blue")] * 2


def test_no_limit_may_be_said_over_a_default():
    defaults = Defaults(ttl=MINUTE, timeout=MINUTE)

    assert resolve({"ttl": None, "timeout": None}, defaults).ttl is None
    assert resolve({"timeout": None}, defaults).policy.timeout is None


@pytest.mark.parametrize("name", ["", 5, "a b"])
def test_a_name_that_no_store_could_hold_is_refused(name):
    with pytest.raises(InvalidName):
        AsyncOmniQ("memory://").task(name=name)


@pytest.mark.parametrize(
    ("which", "text"),
    [
        ({"state": "runing"}, "'runing' is no state; did you mean 'running'"),
        ({"state": "done!"}, "use one of waiting, ready"),
        ({"state": ["ready", 5]}, "5 is no state"),
        ({"state": 5}, "a int is no state"),
        ({"limit": 0}, "0 is not a whole number from 1 to 10000"),
        ({"limit": None}, "None is not a whole number"),
        ({"since": "yesterday"}, "is no duration"),
    ],
)
async def test_a_filter_that_makes_no_sense_is_refused(which, text):
    with pytest.raises(InvalidOption, match=text):
        await AsyncOmniQ("memory://").tasks(**which)


async def test_an_act_on_a_misspelt_state_is_refused():
    with pytest.raises(InvalidOption, match="did you mean 'failed'"):
        await AsyncOmniQ("memory://").delete(state="faled")


CALLS = {
    "a task": (lambda oq, add: oq.enqueue_many([add]), "Task is no call; task.bind"),
    "one call": (lambda oq, add: oq.enqueue_many(add.bind(1, 1)), r"a Call is no list of calls; write \[task.bind"),
    "no calls": (lambda oq, add: oq.enqueue_many(5), "a int is no list of calls"),
    "text": (lambda oq, add: oq.gather(["x"]), "a str is no (Async)?Handle; oq.handle"),
    "one handle": (lambda oq, add: oq.gather(oq.handle("x")), r"Handle is no list of handles; write \[handle\]"),
    "a number": (lambda oq, add: oq.gather(5), "a int is no list of handles"),
    "a name": (lambda oq, add: oq.enqueue("bad:ok"), "a str has no importable name.*pass the function itself"),
    "nothing": (lambda oq, add: oq.enqueue(None), "a NoneType has no importable name"),
}


@pytest.mark.parametrize(("call", "text"), CALLS.values(), ids=CALLS)
async def test_what_cannot_be_sent_or_awaited_is_told_apart(call, text):
    app = AsyncOmniQ("memory://")
    with pytest.raises(OmniQError, match=text):
        await call(app, app.task(add))
    assert (await app.tasks()).items == []


@pytest.mark.parametrize(("call", "text"), CALLS.values(), ids=CALLS)
def test_the_sync_face_tells_them_apart_too(call, text):
    app = OmniQ("memory://")
    with pytest.raises(OmniQError, match=text):
        call(app, app.task(add))
    assert app.tasks().items == []


async def test_a_generator_of_calls_is_sent_whole():
    app = AsyncOmniQ("memory://")
    sent = app.task(add)

    assert len(await app.enqueue_many(sent.bind(n, n) for n in range(3))) == 3
    assert len((await app.tasks()).items) == 3


def test_a_generator_of_calls_is_sent_whole_on_the_sync_face():
    app = OmniQ("memory://")
    sent = app.task(add)

    assert len(app.enqueue_many(sent.bind(n, n) for n in range(3))) == 3
    assert len(app.tasks().items) == 3


async def test_a_generator_of_handles_is_awaited_whole():
    app = AsyncOmniQ("memory://")
    handles = await app.map(abs_of, range(3))
    await app.run_until_idle()

    assert await app.gather(one for one in handles) == [0, 1, 2]
    assert [await one async for one in app.as_completed(one for one in handles)] == [0, 1, 2]


def abs_of(n: int) -> int:
    return abs(n)


def test_a_function_without_a_name_is_told_to_move():
    with pytest.raises(UnnamedTask, match="move it to the top level"):
        task(lambda: 1)


ASKED = {
    "after": (lambda oq: oq.tasks(after="garbage"), "'garbage' is no place in this list; take it from the page before"),
    "after number": (lambda oq: oq.tasks(after=5), "5 is no place in this list"),
    "get_task": (lambda oq: oq.get_task(5), "a int is no id; pass the text of a handle's id"),
    "get_result": (lambda oq: oq.get_result(b"x"), "a bytes is no id|a int is no id"),
    "cancel": (lambda oq: oq.cancel(5), "a int is no id"),
    "delete": (lambda oq: oq.delete([None]), "a NoneType is no id"),
}


@pytest.mark.parametrize(("ask", "text"), ASKED.values(), ids=ASKED)
@pytest.mark.parametrize("store", ["memory", "sqlite"])
async def test_what_is_no_id_and_no_place_is_refused_by_name(tmp_path, store, ask, text):
    async with AsyncOmniQ("memory://" if store == "memory" else f"sqlite:///{tmp_path}/jobs.db") as app:
        with pytest.raises(InvalidOption, match=text):
            await ask(app)
        with pytest.raises(InvalidOption, match="a int is no id"):
            app.handle(5)
