"""The demo of a rollback: a version that passed verification, and that real traffic finds out.

demo.py        the story, from an empty AWS to who serves what
versions.py    the example pipeline twice: as it is, and with a slower version of its code
lookups.py     what makes that version slower; it becomes part of its inference code
traffic.py     requests at a rate, to the endpoints of some regions
inbox.py       what people are told, as they would read it
"""

from __future__ import annotations

from local.rollback.demo import RollbackShown, run_rollback_demo

__all__ = ["RollbackShown", "run_rollback_demo"]
