"""What the key-value space of a file promises beyond the kit."""


async def test_an_entry_that_is_made_anew_has_a_version_that_the_one_before_never_had(store):
    versions = set()
    for _ in range(5):
        versions.add(await store.kv_put("ns", "k", b"v", expect=0))
        versions.add(await store.kv_put("ns", "k", b"w"))
        assert await store.kv_delete("ns", "k")

    assert len(versions) == 10
