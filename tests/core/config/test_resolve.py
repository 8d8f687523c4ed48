import pytest

from omniq.builtin.memory import MemoryBackend
from omniq.config.resolve import places, resolve
from omniq.errors import ConfigConflict, InvalidName
from omniq.models.values import SECOND
from omniq.plugins.discovery import Discovery
from omniq.plugins.provider import Provider, Role
from omniq.plugins.registry import Registry


def test_without_anything_given_tasks_and_results_are_in_one_sqlite_file(decide):
    config = decide()

    assert (config.tasks, config.results, config.project) == ("sqlite:///.omniq/omniq.db", None, "default")
    assert config.origins["TASKS"] == "default"


def test_the_default_file_follows_base_dir_and_so_does_the_bare_name(decide):
    assert decide({"BASE_DIR": "/srv/my jobs"}).tasks == "sqlite:////srv/my%20jobs/omniq.db"
    assert decide(backend="sqlite").tasks == "sqlite:///.omniq/omniq.db"


def test_an_argument_stands_before_the_environment_and_that_before_the_default(decide):
    environ = {"PROJECT_NAME": "env", "BACKEND": "redis://env"}

    config = decide(environ, backend="redis://argument", project="argument")

    assert (config.tasks, config.project) == ("redis://argument", "argument")
    assert decide(environ).tasks == "redis://env"
    assert decide(environ).origins["PROJECT_NAME"] == "environment OMNIQ_PROJECT_NAME"
    assert decide().origins["PROJECT_NAME"] == "default"


ROWS = [  # arguments, environment, tasks, results
    ({"backend": "A"}, {"TASK_QUEUE_URL": "redis://b", "RESULT_STORAGE_URL": "redis://c"}, "A", None),
    ({"task_queue": "A"}, {"RESULT_STORAGE_URL": "redis://c"}, "A", "redis://c"),
    ({"task_queue": "A"}, {"BACKEND": "redis://b"}, "A", None),
    ({"task_queue": "A", "result_storage": "C"}, {"BACKEND": "redis://b"}, "A", "C"),
    ({"result_storage": "C"}, {"BACKEND": "redis://b"}, "redis://b", "C"),
    ({}, {"BACKEND": "redis://b", "RESULT_STORAGE_URL": "redis://c"}, "redis://b", "redis://c"),
    ({}, {"BACKEND": "redis://b", "TASK_QUEUE_URL": "redis://a"}, "redis://a", "redis://b"),
    ({}, {"TASK_QUEUE_TYPE": "redis"}, "redis", None),
    ({}, {"TASK_QUEUE_TYPE": "redis", "TASK_QUEUE_URL": "rediss://a"}, "rediss://a", None),
]


@pytest.mark.parametrize(("arguments", "environ", "tasks", "results"), ROWS)
def test_where_tasks_and_results_go(decide, arguments, environ, tasks, results):
    config = decide(environ, **arguments)

    assert (config.tasks, config.results) == (tasks, results)


@pytest.mark.parametrize("key", ["TASK_QUEUE", "RESULT_STORAGE"])
def test_a_type_that_disagrees_with_its_url_is_a_conflict_that_names_both(decide, key):
    with pytest.raises(ConfigConflict) as caught:
        decide({f"{key}_TYPE": "redis", f"{key}_URL": "postgresql://me:secret@db/app"})

    assert str(caught.value) == (
        f"OMNIQ_{key}_TYPE=redis, but OMNIQ_{key}_URL starts with postgresql://; remove one of the two"
    )


def test_a_backend_beside_a_task_queue_is_a_conflict(decide):
    with pytest.raises(ConfigConflict) as caught:
        decide(backend="redis://:secret@a", task_queue="redis://b")

    assert str(caught.value) == (
        "the backend is 'redis://:***@a', but task_queue is 'redis://b'; remove one of the two"
    )


def test_concurrency_is_the_kinds_own_unless_one_number_is_given(decide):
    config = decide({"THREAD_WORKERS": "3", "MAX_WORKERS": "7"})

    assert (config.concurrency_of("thread"), config.concurrency_of("async")) == (3, 7)
    assert decide({"WORKER__CONCURRENCY": "2"}).concurrency_of("thread") == 2


def test_the_workers_numbers_come_from_nested_variables(decide):
    config = decide({"WORKER__LEASE": "30s", "WORKER__QUEUES": "critical,default"})

    assert (config.lease, config.queues, config.shutdown_grace) == (
        30 * SECOND, ("critical", "default"), 30 * SECOND,
    )  # fmt: skip


def test_an_unsafe_project_name_is_refused(decide):
    with pytest.raises(InvalidName):
        decide(project="my shop")


def test_no_password_is_shown(decide):
    config = decide(backend="redis://:secret@host/0", result_storage="postgresql://me:secret@db/app")

    assert "secret" not in repr(config)
    assert "redis://:***@host/0" in repr(config)


def test_places_are_backends_and_results_stay_with_the_tasks_unless_told():
    plugins = Registry(Discovery([]))
    mine = MemoryBackend()
    plugins.register(Provider(name="own", factory=f"{__name__}:made"), Role.RESULTS)
    config = resolve(backend=mine, environ={})

    together = places(config, plugins)
    apart = places(resolve(backend=mine, result_storage="own", project="shop", environ={}), plugins)

    assert (together.tasks, together.results) == (mine, None)
    assert apart.results.project == "shop"


def made(options, *, project):
    return MemoryBackend(options, project)
