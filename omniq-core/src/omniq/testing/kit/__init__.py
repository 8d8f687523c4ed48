"""The conformance kit: one class a store role, made of cases grouped by noun."""

from __future__ import annotations

from omniq.testing.kit.admin import CancelCases, RequeueCases
from omniq.testing.kit.capabilities import HandleCases
from omniq.testing.kit.claim import AbandonCases, ClaimCases
from omniq.testing.kit.contention import ContentionCases
from omniq.testing.kit.crashes import CrashConformance
from omniq.testing.kit.edges import EdgeCases
from omniq.testing.kit.enqueue import EnqueueCases
from omniq.testing.kit.events import EventConformance
from omniq.testing.kit.executors import ExecutorConformance
from omniq.testing.kit.followups import FollowUpCases
from omniq.testing.kit.kv import KvCases
from omniq.testing.kit.lease import ExtendCases, ReclaimCases
from omniq.testing.kit.look import LookCases, PauseCases
from omniq.testing.kit.network import NetworkConformance
from omniq.testing.kit.repeats import RepeatCases
from omniq.testing.kit.results import ResultConformance
from omniq.testing.kit.settle import SettleCases
from omniq.testing.kit.ttl import TtlCases
from omniq.testing.kit.unique import UniqueCases
from omniq.testing.kit.waiting import WaitingCases

__all__ = (
    "CrashConformance",
    "EventConformance",
    "ExecutorConformance",
    "NetworkConformance",
    "QueueConformance",
    "ResultConformance",
)


class QueueConformance(
    EnqueueCases,
    ClaimCases,
    AbandonCases,
    ExtendCases,
    ReclaimCases,
    SettleCases,
    UniqueCases,
    TtlCases,
    CancelCases,
    RequeueCases,
    LookCases,
    PauseCases,
    WaitingCases,
    EdgeCases,
    FollowUpCases,
    KvCases,
    RepeatCases,
    ContentionCases,
    HandleCases,
):
    """Every case of a task store. Subclass it in a test module and override the fixture `factory`:

    class TestMine(QueueConformance):
        @pytest.fixture
        def factory(self, tmp_path):
            return lambda project: MyBackend(MyOptions(path=str(tmp_path)), project=project).tasks()
    """
