"""A module imports only what stands above it; the two rooms know nothing of each other."""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[2]
CORE = ROOT / "omniq-core" / "src"
FLOORS = [
    {
        "errors",
        "direct",
        "names",
        "caller",
        "annotations",
        "arity",
        "models",
        "storage",
        "serialization",
        "shipped",
        "functions",
        "execution",
        "plugins.specs",
        "plugins.provider",
    },
    {"builtin", "plugins", "config"},
    {"packing", "hooks", "events"},
    {"client", "worker"},
    {"app"},
    {"sync", "cli", "testing"},
]
PLUGIN_FLOOR = FLOORS[0]


def floor(module: str) -> int:
    name = module.removeprefix("omniq.")
    for level, names in enumerate(FLOORS):
        if any(name == one or name.startswith(f"{one}.") for one in names):
            return level
    raise AssertionError(f"{module} has no floor")


def imports(path: Path) -> list[str]:
    """The omniq modules that a file imports at run time, wherever in it."""
    tree = ast.parse(path.read_text())
    skipped = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for part in node.body
        for inner in ast.walk(part)
    }
    found = []
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("omniq"):
            inner = [f"{node.module}.{one.name}" for one in node.names if is_module(f"{node.module}.{one.name}")]
            found += inner or [node.module]
        elif isinstance(node, ast.Import):
            found += [one.name for one in node.names if one.name.startswith("omniq")]
    return found


def is_module(name: str) -> bool:
    path = CORE.joinpath(*name.split("."))
    return path.is_dir() or path.with_suffix(".py").exists()


def modules(source: Path) -> list[tuple[str, Path]]:
    return [(".".join(p.relative_to(source).with_suffix("").parts), p) for p in sorted(source.rglob("*.py"))]


def test_core_imports_only_upwards():
    wrong = []
    for name, path in modules(CORE):
        if name in ("omniq.__init__", "omniq.plugins.__init__"):
            continue
        mine = floor(name.removesuffix(".__init__"))
        for target in imports(path):
            other = floor(target) if target.count(".") else len(FLOORS)  # the whole face: for the last floor only
            if name == "omniq.app" and target.startswith("omniq.sync"):
                continue  # the app hands out its sync face
            rooms = {"client", "worker"} & {name.split(".")[1]}, {"client", "worker"} & {(target + ".").split(".")[1]}
            if (other > mine and mine < len(FLOORS) - 1) or (all(rooms) and rooms[0] != rooms[1]):
                wrong.append(f"{name} imports {target}")
    assert wrong == []


def test_builtins_and_plugins_see_only_the_top_floor():
    wrong = []
    for source in (CORE, *(p for p in ROOT.glob("omniq-*/src") if p != CORE)):
        for name, path in modules(source):
            if source == CORE and not name.startswith("omniq.builtin"):
                continue
            for target in imports(path):
                own = target.split(".")[0] == name.split(".")[0] and (source != CORE or "builtin" in target)
                if not own and floor(target) > 0:
                    wrong.append(f"{name} imports {target}")
    assert wrong == []


def test_nothing_in_the_product_imports_the_kit():
    for name, path in modules(CORE):
        if not name.startswith("omniq.testing"):
            assert not any(target.startswith("omniq.testing") for target in imports(path)), name
