"""An exception goes by one name where it is asked for and where it is raised."""

import sys
import types

from omniq.client.options import Defaults, RetryPolicy, resolve
from omniq.execution.ending import type_names


def test_a_retry_on_of_the_script_matches_in_a_worker_that_imports_the_script(monkeypatch):
    main = types.ModuleType("__main__")
    main.__file__ = "/srv/shop/app.py"
    monkeypatch.setitem(sys.modules, "__main__", main)
    here = type("Flaky", (ConnectionError,), {"__module__": "__main__"})
    there = type("Flaky", (ConnectionError,), {"__module__": "app"})

    retries = resolve({"retry": RetryPolicy(retry_on=(here,))}, Defaults()).policy.retries

    assert retries.covers(type_names(here))
    assert retries.covers(type_names(there))
    assert not retries.covers(type_names(OSError))
