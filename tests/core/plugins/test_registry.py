import pytest

from omniq.errors import (
    BackendBroken,
    BackendConflict,
    BackendIncompatible,
    BackendNotFound,
    InvalidOption,
    RoleNotOffered,
)
from omniq.plugins.discovery import Discovery
from omniq.plugins.provider import Provider, Role
from omniq.plugins.registry import Registry


def registry(*announced, allowed=None):
    return Registry(Discovery(announced, allowed=allowed))


def test_a_url_selects_by_scheme_and_its_parts_become_options(shelf):
    backends = registry(shelf.put("acme", schemes=("acme", "acmes")))

    backend = backends.backend("acmes:///jobs.db?pages=7", project="shop")

    assert (backend.options.path, backend.options.pages, backend.project) == ("jobs.db", 7, "shop")


def test_selecting_a_name_imports_its_driver_and_no_other_plugin(shelf):
    backends = registry(shelf.put("acme"), shelf.put("other"))

    backends.backend("acme:x", project="shop")

    assert shelf.loaded() == {"acme_omniq_acme", "acme_omniq_acme_driver"}


def test_listing_imports_no_driver(shelf):
    backends = registry(shelf.put("acme"), shelf.put("other"))

    names = [row.name for row in backends.listing()]

    assert names == ["acme", "other"]
    assert shelf.loaded() == {"acme_omniq_acme", "acme_omniq_other"}


def test_an_unknown_name_gets_a_close_match_and_what_is_installed(shelf):
    backends = registry(shelf.put("acme"), shelf.put("bad", plugin="import no_such_sdk"))

    with pytest.raises(BackendNotFound) as caught:
        backends.backend("acmee://host", project="shop")

    assert str(caught.value) == (
        "no task queue 'acmee'\n"
        "  did you mean 'acme'?\n"
        "  installed: acme (acme-omniq 0.3.1)\n"
        "  not loaded: acme-omniq 0.3.1, entry point 'bad': "
        "ModuleNotFoundError: No module named 'no_such_sdk'"
    )


def test_a_first_party_name_that_is_not_installed_gets_the_command(shelf):
    with pytest.raises(BackendNotFound, match=r'to install it, .*: pip install "omniq\[sqlite\]"'):
        registry(shelf.put("acme")).backend("sqlite:///jobs.db", project="shop")


def test_a_planned_backend_is_said_to_be_so():
    with pytest.raises(BackendNotFound, match="'nats' is planned and not part of this version"):
        registry().backend("nats://host", project="shop")
    with pytest.raises(BackendNotFound, match=r"did you mean 'redis'\?"):
        registry().backend("reddis://host/0", project="shop")


def test_a_bare_path_is_told_how_to_write_it():
    with pytest.raises(BackendNotFound, match=r"for a file write 'sqlite:///jobs.db'"):
        registry().backend("jobs.db", project="shop")


def test_what_the_allow_list_shuts_out_is_named_when_it_is_asked_for(shelf):
    backends = registry(shelf.put("acme"), allowed=["other"])

    with pytest.raises(BackendNotFound, match=r"shut out by OMNIQ_PLUGINS: acme-omniq 0.3.1"):
        backends.backend("acme:x", project="shop")

    assert [row.state for row in backends.listing()] == ["shut out"]


def test_a_broken_plugin_is_fatal_only_when_it_is_selected(shelf):
    backends = registry(shelf.put("bad", plugin="import no_such_sdk"), shelf.put("acme"))

    backends.backend("acme:x", project="shop")
    with pytest.raises(BackendBroken) as caught:
        backends.backend("bad:x", project="shop")

    assert str(caught.value) == (
        "task queue 'bad' from acme-omniq 0.3.1 cannot be loaded: ModuleNotFoundError: No module named 'no_such_sdk'"
    )


def test_a_driver_that_cannot_be_imported_breaks_selection_and_shows_in_a_checked_listing(shelf):
    backends = registry(shelf.put("acme", driver="import no_such_driver"))

    with pytest.raises(BackendBroken, match="acme_omniq_acme_driver:Options: ModuleNotFoundError"):
        backends.backend("acme:x", project="shop")

    assert [row.state for row in backends.listing()] == ["ok"]
    assert [row.state for row in backends.listing(check=True)] == ["broken"]


@pytest.mark.parametrize("api", [(2, 0), (1, 9), (0, 9)])
def test_another_contract_is_listed_and_fatal_only_when_selected(shelf, api):
    backends = registry(shelf.put("acme", api=api), shelf.put("good"))

    backends.backend("good:x", project="shop")
    with pytest.raises(BackendIncompatible, match="needs contract"):
        backends.backend("acme:x", project="shop")

    assert {row.name: row.state for row in backends.listing()} == {"acme": "incompatible", "good": "ok"}


def test_two_distributions_of_one_name_are_refused_until_one_is_named(shelf):
    backends = registry(shelf.put("acme"), shelf.put("acme", by="Other_omniq"))

    with pytest.raises(BackendConflict) as caught:
        backends.backend("acme:x", project="shop")
    backend = backends.backend("other-omniq:acme:///jobs.db", project="shop")

    assert str(caught.value) == (
        "task queue 'acme' comes from Other_omniq 0.3.1 and acme-omniq 0.3.1; "
        "write 'Other_omniq:acme' or 'acme-omniq:acme'"
    )
    assert type(backend).__module__ == "Other_omniq_acme_driver"
    assert {row.state for row in backends.listing()} == {"conflict"}


def test_a_missing_role_names_those_that_are_there(shelf):
    with pytest.raises(RoleNotOffered) as caught:
        registry(shelf.put("acme")).backend("acme:x", project="shop", role=Role.EVENTS)

    assert str(caught.value) == "'acme' offers no event storage; it offers task queue"


def test_an_unknown_option_is_refused_with_a_suggestion(shelf):
    with pytest.raises(InvalidOption) as caught:
        registry(shelf.put("acme")).backend("acme:x?syncronous=FULL", project="shop")

    assert str(caught.value) == ("option 'syncronous': backend 'acme' has no such option, did you mean 'synchronous'?")


def test_a_missing_option_is_named(shelf):
    with pytest.raises(InvalidOption, match="option 'path': backend 'acme' needs it"):
        registry(shelf.put("acme")).backend("acme", project="shop")


def test_an_option_of_the_wrong_type_is_named(shelf):
    with pytest.raises(InvalidOption, match="option 'pages': Expected `int`, got `str`"):
        registry(shelf.put("acme")).backend("acme:x?pages=many", project="shop")


def test_a_host_where_a_path_belongs_is_told_the_three_slashes(shelf):
    with pytest.raises(InvalidOption, match=r"write 'acme:///jobs.db' for a path"):
        registry(shelf.put("acme")).backend("acme://jobs.db", project="shop")


def test_a_provider_registered_in_code_stands_before_an_installed_one(shelf):
    backends = registry(shelf.put("acme"))
    backends.register(Provider(name="acme", factory=f"{__name__}:OwnBackend"))

    backend = backends.backend("acme", project="shop")

    assert isinstance(backend, OwnBackend)
    assert shelf.loaded() == set()


def test_a_worker_kind_gives_its_factory():
    backends = registry()
    backends.register(Provider(name="turtle", factory="builtins:complex"), Role.WORKER)

    assert backends.worker("turtle") is complex


def test_an_object_is_taken_as_it_is_if_it_has_the_role():
    mine = OwnBackend(None, project="shop")

    assert registry().backend(mine, project="shop") is mine
    with pytest.raises(RoleNotOffered):
        registry().backend(mine, project="shop", role=Role.RESULTS)
    with pytest.raises(InvalidOption, match="int is no URL, no name, no backend and no store"):
        registry().backend(7, project="shop")


class OwnBackend:
    def __init__(self, options, *, project):
        self.project = project

    def tasks(self):
        raise AssertionError("nothing is opened by selecting")
