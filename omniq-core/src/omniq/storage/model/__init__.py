"""The pure reference of the task store's contract."""

from __future__ import annotations

from omniq.storage.model.model import Model
from omniq.storage.model.table import Changes

__all__ = ("Changes", "Model")
