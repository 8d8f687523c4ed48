import pytest

from omniq.config import settings
from omniq.config.env import READERS, read_environment
from omniq.errors import ConfigError, UnsupportedConfig
from omniq.models.values import HOUR, MINUTE, SECOND


def test_every_setting_can_be_read_from_the_environment():
    assert set(READERS) == set(settings.__all__) - {"CODECS", "LOG_FORMATS", "LOG_LEVELS"}


@pytest.mark.parametrize(
    ("variable", "text", "value"),
    [
        ("BACKEND", "redis://host/0", "redis://host/0"),
        ("MAX_WORKERS", "4", 4),
        ("RETRY_ATTEMPTS", "0", 0),
        ("TASK_TIMEOUT", "1h30m", 90 * MINUTE),
        ("TASK_TIMEOUT", "none", None),
        ("RESULT_TTL", "0", 0),
        ("RESULT_TTL", "3600", HOUR),
        ("WORKER__LEASE", "1.5", 1_500_000),
        ("WORKER__QUEUES", "critical, default", ("critical", "default")),
        ("LOG_LEVEL", "debug", "DEBUG"),
        ("DISABLE_LOGGING", "true", True),
        ("COMPONENT_LOG_LEVELS", "worker=debug,task.shop=ERROR", {"worker": "DEBUG", "task.shop": "ERROR"}),
        ("LOGGING__FORMAT", "json", "json"),
        ("SERIALIZATION__ALLOW", "msgspec, dill", ("msgspec", "dill")),
        ("PLUGINS__REQUIRED", "omniq-core>=0.1,<9 omniq-sqlite", ("omniq-core>=0.1,<9", "omniq-sqlite")),
    ],
)
def test_a_value_is_read_in_its_own_type(variable, text, value):
    assert read_environment({f"OMNIQ_{variable}": text}) == {variable: value}


def test_an_empty_variable_is_as_good_as_none_and_others_are_not_ours():
    assert read_environment({"OMNIQ_BACKEND": " ", "PATH": "/bin", "OMNIQ_PLUGINS": "omniq-sqlite"}) == {}


@pytest.mark.parametrize(
    ("variable", "text", "message"),
    [
        ("OMNIQ_MAX_WORKERS", "many", "OMNIQ_MAX_WORKERS=many: write a whole number, 1 or more"),
        ("OMNIQ_MAX_WORKERS", "0", "OMNIQ_MAX_WORKERS=0: write a whole number, 1 or more"),
        ("OMNIQ_TASK_TTL", "0", "OMNIQ_TASK_TTL=0: write a duration above 0, for example 15s"),
        ("OMNIQ_WORKER__LEASE", "0", "OMNIQ_WORKER__LEASE=0: write a duration above 0, for example 15s"),
        (
            "OMNIQ_RESULT_TTL",
            "soon",
            "OMNIQ_RESULT_TTL=soon: 'soon' is no duration; write seconds, a timedelta or text like '1h30m'",
        ),
        (
            "OMNIQ_LOG_LEVEL",
            "loud",
            "OMNIQ_LOG_LEVEL=loud: write one of DEBUG, INFO, WARNING, ERROR, DISABLED",
        ),
        (
            "OMNIQ_PROJECT_NAME",
            "a b",
            "OMNIQ_PROJECT_NAME=a b: project name 'a b' is not allowed; use 1 to 64 letters, digits, '_' or '-'",
        ),
        (
            "OMNIQ_MAX_WORKER",
            "3",
            "OMNIQ_MAX_WORKER is no setting of this version; did you mean OMNIQ_MAX_WORKERS?",
        ),
        (
            "OMNIQ_COMPONENT_LOG_LEVELS",
            "worker",
            "OMNIQ_COMPONENT_LOG_LEVELS=worker: write COMPONENT=LEVEL with commas between, for example worker=DEBUG",
        ),
        ("OMNIQ_DISABLE_LOGGING", "maybe", "OMNIQ_DISABLE_LOGGING=maybe: write true or false"),
        ("OMNIQ_ZZZ", "3", "OMNIQ_ZZZ is no setting of this version; unset it or rename it"),
    ],
)
def test_what_is_malformed_or_unknown_is_refused_by_name(variable, text, message):
    with pytest.raises(ConfigError) as caught:
        read_environment({variable: text})

    assert str(caught.value) == message


@pytest.mark.parametrize("variable", ["OMNIQ_EVENT_STORAGE_URL", "OMNIQ_PROCESS_WORKERS", "OMNIQ_FSSPEC_URI"])
def test_a_variable_for_what_is_not_there_yet_is_refused_and_its_value_is_not_shown(variable):
    with pytest.raises(UnsupportedConfig) as caught:
        read_environment({variable: "redis://:secret@host"})

    assert str(caught.value).startswith(f"{variable} cannot be read by this version; unset it: ")
    assert "secret" not in str(caught.value)


def test_durations_are_microseconds():
    assert settings.WORKER__LEASE == 15 * SECOND
