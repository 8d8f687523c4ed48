from omniq.plugins.discovery import CORE, Announced, Discovery, Source, installed
from omniq.plugins.provider import Role


def test_reading_what_is_installed_imports_nothing_of_it(shelf):
    metadata = shelf.folder / "acme_omniq-0.3.1.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-omniq\nVersion: 0.3.1\n")
    (metadata / "entry_points.txt").write_text("[omniq]\nacme = acme_module_that_is_not_there\n")

    found = [one for one in installed() if one.source.distribution == "acme-omniq"]

    assert found == [Announced(Source("acme-omniq", "0.3.1"), "acme", "acme_module_that_is_not_there")]


def test_loading_a_name_loads_no_other_plugin_and_no_driver(shelf):
    discovery = Discovery([shelf.put("acme"), shelf.put("other")])

    discovery.load("acme")

    assert shelf.loaded() == {"acme_omniq_acme"}
    assert [(offer.role, offer.provider.name) for offer in discovery.offers] == [(Role.TASKS, "acme")]


def test_a_plugin_that_fails_at_import_is_recorded_and_harms_no_other(shelf):
    bad = shelf.put("bad", plugin="import acme_sdk_that_is_not_there")
    discovery = Discovery([bad, shelf.put("good", by="good-omniq")])

    discovery.load_all()

    assert [offer.provider.name for offer in discovery.offers] == ["good"]
    [broken] = discovery.broken
    assert str(broken.source) == "acme-omniq 0.3.1"
    assert broken.why == "ModuleNotFoundError: No module named 'acme_sdk_that_is_not_there'"


def test_a_plugin_that_exits_at_import_is_recorded_too(shelf):
    discovery = Discovery([shelf.put("bad", plugin="raise SystemExit(3)")])

    discovery.load("bad")

    assert [broken.why for broken in discovery.broken] == ["SystemExit: 3"]


def test_an_unknown_hook_is_recorded(shelf):
    text = "from omniq.plugins.specs import hookimpl\n@hookimpl\ndef omniq_dashboard_providers(): return ()\n"
    discovery = Discovery([shelf.put("acme", plugin=text)])

    discovery.load("acme")

    assert "omniq_dashboard_providers" in discovery.broken[0].why


def test_a_hook_with_a_wrong_signature_is_recorded(shelf):
    text = "from omniq.plugins.specs import hookimpl\n@hookimpl\ndef omniq_queue_providers(app): return ()\n"
    discovery = Discovery([shelf.put("acme", plugin=text)])

    discovery.load("acme")

    assert discovery.broken[0].why.startswith("PluginValidationError: ")


def test_a_hook_that_gives_no_provider_is_recorded(shelf):
    text = "from omniq.plugins.specs import hookimpl\n@hookimpl\ndef omniq_queue_providers(): return ('acme',)\n"
    discovery = Discovery([shelf.put("acme", plugin=text)])

    discovery.load("acme")

    assert discovery.broken[0].why == "TypeError: omniq_queue_providers gave str where a Provider belongs"


def test_a_provider_without_an_entry_point_of_its_name_is_refused(shelf):
    discovery = Discovery([shelf.put("acme", entry_point="innocent")])

    discovery.load_all()

    assert discovery.offers == []
    assert discovery.broken[0].why == "it offers 'acme', but has no entry point of that name"


def test_one_module_behind_several_names_is_loaded_once(shelf):
    one = shelf.put("acme")
    again = Announced(one.source, "acme2", one.module)
    discovery = Discovery([one, again])

    discovery.load("acme")
    discovery.load("acme2")

    assert len(discovery.offers) == 1


def test_the_allow_list_shuts_out_all_but_its_distributions_and_the_core(shelf):
    core = Announced(Source(CORE, "1.0"), "memory", "never_loaded")
    mine, other = shelf.put("mine", by="My_Omniq"), shelf.put("other", by="other-omniq")

    discovery = Discovery([core, mine, other], allowed=["my-omniq"])

    assert discovery.announced == (core, mine)
    assert discovery.shut_out == (other,)


def test_the_allow_list_comes_from_the_environment():
    discovery = Discovery.from_environment({"OMNIQ_PLUGINS": "omniq-none, other"})

    assert {one.source.distribution for one in discovery.announced} <= {CORE}
