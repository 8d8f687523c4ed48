"""omniq.yaml: found, read safely, and below the environment."""

import pytest

from omniq.config.env import READERS
from omniq.config.file import load_file
from omniq.config.resolve import ConfigProvider
from omniq.errors import ConfigConflict, ConfigError


@pytest.fixture
def written(tmp_path):
    def written(text, name="omniq.yaml"):
        path = tmp_path / name
        path.write_text(text)
        return path

    return written


@pytest.mark.parametrize("name", ["omniq.yaml", "omniq.yml"])
def test_the_file_of_the_folder_is_read_and_named_as_the_origin(decide, written, name):
    path = written("project_name: shop\nworker: {lease: 30s}\n", name)

    config = decide()

    assert config.project == "shop"
    assert config.origins["WORKER__LEASE"] == f"{path} worker.lease"


def test_argument_stands_before_environment_before_file_before_default_key_by_key(decide, written):
    written("project_name: file\nretry_attempts: 9\ntask_timeout: 9s\n")

    config = decide({"PROJECT_NAME": "env", "RETRY_ATTEMPTS": "5"}, project="argument")

    assert (config.project, config.retries, config.timeout) == ("argument", 5, 9_000_000)
    assert [config.origins[key].split()[0] for key in ("PROJECT_NAME", "RETRY_ATTEMPTS", "MAX_WORKERS")] == [
        "argument", "environment", "default",
    ]  # fmt: skip


ROWS = [  # file, environment, argument, tasks, results
    ("backend: redis://f", {}, None, "redis://f", None),
    ("backend: redis://f", {"BACKEND": "redis://e"}, None, "redis://e", None),
    ("backend: redis://f", {}, "redis://a", "redis://a", None),
    ("task_queue: redis://t\nresult_storage: redis://r", {"BACKEND": "redis://e"}, None, "redis://e", None),
    ("task_queue: redis://t\nbackend: redis://f", {}, None, "redis://t", "redis://f"),
    ("backend: redis://f", {"RESULT_STORAGE_URL": "redis://r"}, None, "redis://f", "redis://r"),
    ("task_queue: {type: redis, url: redis://t}", {"TASK_QUEUE_URL": "postgresql://e"}, None, "postgresql://e", None),
]


@pytest.mark.parametrize(("text", "environ", "argument", "tasks", "results"), ROWS)
def test_where_tasks_and_results_go(decide, written, text, environ, argument, tasks, results):
    written(text)

    config = decide(environ, backend=argument)

    assert (config.tasks, config.results) == (tasks, results)


def test_the_variable_names_another_file_and_an_argument_or_dict_stands_before_it(decide, written, tmp_path):
    written("project_name: folder")
    other, third = written("project_name: other", "other.yaml"), written("project_name: third", "third.yaml")

    assert decide({"CONFIG": str(other)}).project == "other"
    assert decide({"CONFIG": str(other)}, file=third).project == "third"
    assert decide({"CONFIG": str(other)}, document={}).project == "default"


def test_a_file_that_is_named_and_not_there_is_an_error(decide, tmp_path):
    with pytest.raises(ConfigError, match=r"nowhere.yaml cannot be read: No such file"):
        decide({"CONFIG": str(tmp_path / "nowhere.yaml")})


def test_two_files_in_one_folder_are_a_conflict(decide, written):
    written("project_name: a")
    written("project_name: b", "omniq.yml")

    with pytest.raises(ConfigConflict, match=r"so is omniq.yml"):
        decide()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("retry_attempts: 1\nworker: {}\nretry_attempts: 2\n", "line 3: the key 'retry_attempts' stands on line 1"),
        ("worker: {lease: 1s, lease: 2s}\n", "line 1: the key 'lease' stands on line 1"),
        ("backend: redis://:geheim@host\n  x: [\n", "line 2: "),
        ("backend: !!python/object/apply:os.system [geheim]\n", "could not determine a constructor"),
        ("- geheim\n", "holds no settings"),
        ("when: 2024-99-99\n", "is malformed"),
        ("a: *nothing\n", "found undefined alias"),
    ],
)
def test_what_is_no_plain_mapping_is_refused_with_its_line_and_without_its_text(written, text, why):
    with pytest.raises(ConfigError) as caught:
        load_file(written(text))

    assert why in str(caught.value)
    assert "geheim" not in str(caught.value)


def test_a_file_that_is_no_text_is_refused(tmp_path):
    (tmp_path / "omniq.yaml").write_bytes(b"\xff\xfe\x00")

    with pytest.raises(ConfigError, match="it is no UTF-8 text"):
        load_file(tmp_path / "omniq.yaml")


def test_an_anchor_may_be_merged_and_overridden(written):
    assert load_file(written("queues:\n  a: &base {retries: 1, priority: 2}\n  b: {<<: *base, priority: 3}\n")) == {
        "queues": {"a": {"retries": 1, "priority": 2}, "b": {"retries": 1, "priority": 3}}
    }


def test_every_value_is_told_with_its_origin_and_without_its_password(plugins, written, tmp_path):
    path = written("backend: redis://me:geheim@host/0\nqueues: {reports: {timeout: 10m}}\n")

    provider = ConfigProvider(environ={"OMNIQ_RESULT_TTL": "1h"}, folder=tmp_path, plugins=plugins)
    rows = {row.name: row[1:] for row in provider.config().settings()}

    assert rows["TASKS"] == ("redis://me:***@host/0", f"{path} backend")
    assert rows["RESULT_TTL"] == ("1 h", "environment OMNIQ_RESULT_TTL")
    assert rows["QUEUES.reports"] == ({"timeout": 600.0}, f"{path} queues.reports")
    assert rows["PROJECT_NAME"] == ("default", "default")
    assert set(READERS) - rows.keys() == {
        "BACKEND",
        "TASK_QUEUE_TYPE",
        "TASK_QUEUE_URL",
        "RESULT_STORAGE_TYPE",
        "RESULT_STORAGE_URL",
    }  # these became TASKS and RESULTS
