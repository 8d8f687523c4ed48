"""The task queue in one file, a module a noun of the contract."""
