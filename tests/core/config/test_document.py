"""What a configuration file or dict says, and how it is told what it may not say."""

import re
from datetime import timedelta
from pathlib import Path

import pytest
import yaml

from omniq.errors import ConfigConflict, ConfigError, UnsupportedConfig
from omniq.models.values import DAY, MINUTE, SECOND

EXAMPLE = """
project_name: shop
backend: postgresql://app@db/app
result_storage: {type: redis, url: "redis://cache/1", result_ttl: 1d}
queues: {critical: {}, default: {}, reports: {timeout: 10m}}
worker: {type: thread, concurrency: 16, queues: [critical, default, reports], lease: 30s, shutdown_grace: 30s}
logging: {level: INFO, format: json}
serialization: {allow: [msgspec]}
plugins: {required: ["omniq-core>=0.1"]}
"""


@pytest.fixture
def read(decide):
    return lambda text, **given: decide(document=yaml.safe_load(text), **given)


def refused(decide, document) -> str:
    with pytest.raises(ConfigError) as caught:
        decide(document=document)
    return str(caught.value)


def test_the_example_says_all_that_it_says(read):
    config = read(EXAMPLE)

    assert (config.project, config.tasks, config.results, config.result_ttl) == (
        "shop", "postgresql://app@db/app", "redis://cache/1", DAY,
    )  # fmt: skip
    assert (config.worker, config.concurrency, config.lease, config.shutdown_grace) == (
        "thread", 16, 30 * SECOND, 30 * SECOND,
    )  # fmt: skip
    assert config.queues == ("critical", "default", "reports")
    assert config.queue_options == {"reports": {"timeout": 600.0}}
    assert (config.logging.level, config.logging.format, config.codecs) == ("INFO", "json", ("msgspec",))


def test_the_example_of_the_docs_is_accepted(read):
    docs = (Path(__file__).parents[3] / "docs" / "operating.md").read_text()

    config = read(re.search(r"```yaml\n(.*?)```", docs, re.DOTALL)[1])

    assert (config.tasks, config.results) == ("sqlite:///jobs.db", "sqlite:///results.db")
    assert config.logging.components == {"functions": "ERROR"}


def test_every_setting_of_the_environment_has_a_key(read):
    config = read(
        """
        base_dir: /srv
        task_timeout: 2m
        task_ttl: none
        retry_attempts: 0
        retry_delay: 1.5
        result_ttl: 0
        max_workers: 3
        thread_workers: 4
        logging: {disabled: true, components: {worker: debug}}
        """
    )

    assert (config.base_dir, config.timeout, config.ttl, config.retries) == ("/srv", 2 * MINUTE, None, 0)
    assert (config.retry_delay, config.result_ttl, config.max_workers, config.thread_workers) == (1_500_000, 0, 3, 4)
    assert (config.logging.disabled, config.logging.components) == (True, {"worker": "DEBUG"})


def test_an_empty_document_and_empty_sections_say_nothing(read, decide):
    assert read("worker:\nlogging: {}\nqueues:\nbackend:\n") == decide(document={}) == decide()


def test_a_dict_may_give_a_timedelta_and_a_tuple(decide):
    config = decide(document={"worker": {"lease": timedelta(seconds=30), "queues": ("a", "b")}})

    assert (config.lease, config.queues) == (30 * SECOND, ("a", "b"))


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"projct_name": "x"}, "projct_name in the dict is no setting of this version; did you mean 'project_name'?"),
        (
            {"worker": {"concurency": 3}},
            "worker.concurency in the dict is no setting of this version; did you mean 'concurrency'?",
        ),
        (
            {"queues": {"reports": {"timout": "10m"}}},
            "queues.reports.timout in the dict is no setting of this version; did you mean 'timeout'?",
        ),
        (
            {"queues": {"reports": {"retry": {"maximum": 3}}}},
            "queues.reports.retry.maximum in the dict is no setting of this version; did you mean 'max'?",
        ),
        (
            {"plugins": {"zzz": 1}},
            "plugins.zzz in the dict is no setting of this version; plugins has required",
        ),
    ],
)
def test_an_unknown_key_is_refused_with_its_path_and_the_nearest_one(decide, document, message):
    assert refused(decide, document) == message


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"worker": {"concurrency": "2"}}, "worker.concurrency in the dict: wanted a whole number, found text '2'"),
        ({"worker": {"concurrency": 0}}, "worker.concurrency in the dict: wanted a whole number >= 1, found 0"),
        ({"worker": {"concurrency": True}}, "worker.concurrency in the dict: wanted a whole number, found true"),
        ({"worker": {"queues": "default"}}, "worker.queues in the dict: wanted a list, found text 'default'"),
        ({"worker": {"queues": ["a", 7]}}, "worker.queues[1] in the dict: wanted text, found 7"),
        ({"worker": [1]}, "worker in the dict: wanted a mapping, found a list"),
        ({"project_name": 7}, "project_name in the dict: wanted text, found 7"),
        (
            {"worker": {"lease": [15]}},
            "worker.lease in the dict: wanted a duration, seconds or text such as 1h30m, found a list",
        ),
        (
            {"worker": {"lease": "soon"}},
            "worker.lease in the dict: 'soon' is no duration; write seconds, a timedelta or text like '1h30m'",
        ),
        ({"task_timeout": 0}, "task_timeout in the dict: write a duration above 0, for example 15s"),
        ({"worker": {"lease": 0}}, "worker.lease in the dict: write a duration above 0, for example 15s"),
        (
            {"queues": {"reports": {"priority": 10}}},
            "queues.reports.priority in the dict: wanted a whole number <= 9, found 10",
        ),
        (
            {"queues": {"reports": {"metadata": {"a": 1}}}},
            "queues.reports.metadata in the dict: wanted text, found 1",
        ),
        ({"backend": 5}, "backend in the dict: wanted a URL, a name or a mapping, found 5"),
        (
            {"backend": {"type": "sqlite", "path": ["a"]}},
            "backend.path in the dict: wanted text, a number, true or false, found a list",
        ),
        (
            {"backend": {"path": "a.db"}},
            "backend in the dict needs a type or a url, for example {type: sqlite, path: jobs.db}",
        ),
        (
            {"logging": {"level": "loud"}},
            "logging.level in the dict: write one of DEBUG, INFO, WARNING, ERROR, DISABLED",
        ),
        ({"logging": {"format": "xml"}}, "logging.format in the dict: write one of text, json"),
        (
            {"serialization": {"allow": ["pickle"]}},
            "serialization.allow in the dict: 'pickle' is no codec; there are msgspec and dill",
        ),
        (
            {"queues": {False: {}}},
            "queues.False in the dict: a key is text; put 'False' in quotes",
        ),
        (
            {"queues": {"a b": {}}},
            "queues.a b in the dict: queue name 'a b' is not allowed; use 1 to 64 letters, digits, '_' or '-'",
        ),
        (
            {"queues": {"a": {"unique": {"until": "started"}}}},
            "queues.a.unique.key in the dict: wanted text, found nothing",
        ),
    ],
)  # fmt: skip
def test_a_wrong_value_is_refused_with_its_path_what_is_wanted_and_what_was_found(decide, document, message):
    assert refused(decide, document) == message


@pytest.mark.parametrize(
    "document",
    [
        {"backend": {"type": "redis", "host": "h", "password": ["geheim"]}},
        {"worker": {"queues": "redis://me:geheim@host"}},
        {"backend": {"type": "redis", "url": "postgresql://me:geheim@db/app"}},
        {"backend": {"url": "redis://me:geheim@host", "port": 1}},
        {"project_name": "redis://me:geheim@host"},
    ],
)
def test_no_error_shows_a_password(decide, document):
    assert "geheim" not in refused(decide, document)


def test_a_type_that_disagrees_with_its_url_is_a_conflict_that_names_both(decide):
    with pytest.raises(ConfigConflict) as caught:
        decide(document={"task_queue": {"type": "redis", "url": "postgresql://me:secret@db/app"}})

    assert str(caught.value) == (
        "task_queue.type=redis, but task_queue.url starts with postgresql://; remove one of the two"
    )


@pytest.mark.parametrize(
    ("place", "url"),
    [
        ({"type": "sqlite", "path": "jobs.db"}, "sqlite:///jobs.db"),
        ({"type": "sqlite", "path": "/srv/my jobs.db", "synchronous": "FULL"}, "sqlite:////srv/my%20jobs.db?synchronous=FULL"),
        ({"type": "postgres", "host": "db", "port": 5432, "user": "app", "password": "p@:/", "path": "app"},
         "postgresql://app:p%40%3A%2F@db:5432/app"),
        ({"type": "redis", "host": "::1", "tls": True}, "redis://[::1]/?tls=true"),
        ({"url": "redis://host/0", "db": 3}, "redis://host/0?db=3"),
        ({"type": "redis"}, "redis"),
        ("postgres", "postgres"),
    ],
)  # fmt: skip
def test_a_place_may_be_written_as_options(decide, place, url):
    assert decide(document={"backend": place}).tasks == url


@pytest.mark.parametrize(
    ("document", "what"),
    [
        ({"event_storage": {"type": "sqlite", "path": "events.db"}}, "event_storage in the dict"),
        ({"schedules": {"nightly": {"task": "shop:report", "cron": "30 2 * * *"}}}, "schedules in the dict"),
        ({"serialization": {"signing_keys": ["env:KEY"]}}, "serialization.signing_keys in the dict"),
    ],
)
def test_what_this_version_does_not_have_is_refused_by_name(decide, document, what):
    with pytest.raises(UnsupportedConfig) as caught:
        decide(document=document)

    assert caught.value.what == what


def test_a_worker_that_serves_a_queue_which_is_not_listed_is_refused(decide):
    queues = {"critical": {}, "reports": {}}

    assert refused(decide, {"queues": queues, "worker": {"queues": ["critcal"]}}) == (
        "queues.critcal in the dict (named by worker.queues) is no setting of this version; did you mean 'critical'?"
    )
    assert decide(document={"queues": queues, "worker": {"queues": ["reports", "default"]}}).queues == (
        "reports", "default", "critical",
    )  # fmt: skip


def test_a_kind_that_nobody_has_is_refused_with_its_path(decide):
    message = refused(decide, {"worker": {"type": "thred"}})

    assert message.startswith("worker.type in the dict: ")
    assert "did you mean 'thread'?" in message


@pytest.mark.parametrize(
    ("required", "why"),
    [
        ("omniq-nosuch", "omniq-nosuch is not installed"),
        ("omniq-core>=99", "omniq-core>=99 is wanted, omniq-core "),
        ("omniq-core>=0.1,<0.1", "omniq-core>=0.1,<0.1 is wanted"),
        ("omniq core", "'omniq core' is no requirement"),
        ("omniq-core~=1", "'omniq-core~=1' is no requirement"),
    ],
)
def test_a_distribution_that_is_required_and_missing_is_told_at_the_start(decide, required, why):
    assert why in refused(decide, {"plugins": {"required": [required]}})


def test_both_words_on_retries_or_on_results_are_a_conflict(decide):
    assert "queues.a.retry is set" in refused(decide, {"queues": {"a": {"retry": {"max": 1}, "retries": 2}}})
    assert "result_storage.result_ttl" in refused(
        decide, {"result_ttl": 1, "result_storage": {"type": "redis", "result_ttl": 2}}
    )
