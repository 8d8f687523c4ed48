"""The kit asks about every operation, and asks nothing twice."""

import ast
import inspect

from omniq.storage.events import BaseEventStorage
from omniq.storage.results import BaseResultStorage
from omniq.storage.tasks import BaseTaskQueue
from omniq.testing import EventConformance, ExecutorConformance, QueueConformance, ResultConformance
from omniq.testing.kit.ground import Ground


def cases(conformance):
    """Every case with the class that has it, the shadowed ones too."""
    for group in conformance.__mro__:
        for name, value in vars(group).items():
            if name.startswith("test_"):
                yield name, value


def called(conformance):
    """What cases read of a handle, and the words that they use."""
    names = set()
    for module in {inspect.getmodule(group) for group in conformance.__mro__ if issubclass(group, Ground)}:
        for node in ast.walk(ast.parse(inspect.getsource(module))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
                names |= {
                    one.attr
                    for one in ast.walk(node)
                    if isinstance(one, ast.Attribute) and getattr(one.value, "id", "") in HANDLES
                }
                names |= {one.id for one in ast.walk(node) if isinstance(one, ast.Name)}
    return names


HANDLES = {"store", "companion", "fresh"}
WORDS = {"claim": "take", "enqueue": "enqueue"}
"""Operations that cases reach by a word of the kit."""


def test_every_operation_of_a_task_store_has_a_case():
    names = called(QueueConformance)
    missing = {
        operation
        for operation in BaseTaskQueue.__abstractmethods__
        if operation not in names and WORDS.get(operation) not in names
    }

    assert missing == set()


def test_every_operation_of_a_result_store_has_a_case():
    assert set(BaseResultStorage.__abstractmethods__) - called(ResultConformance) == set()


def test_every_operation_of_an_event_store_has_a_case():
    assert set(BaseEventStorage.__abstractmethods__) - called(EventConformance) == set()


def test_no_case_shadows_another():
    for conformance in (QueueConformance, ResultConformance, EventConformance, ExecutorConformance):
        names = [name for name, _ in cases(conformance)]
        assert len(names) == len(set(names)), {name for name in names if names.count(name) > 1}


def test_every_case_of_a_store_asks_for_the_ground_only():
    for conformance in (QueueConformance, ResultConformance, EventConformance):
        for name, case in cases(conformance):
            assert set(inspect.signature(case).parameters) <= {"self", "store", "clock", "factory"}, name
