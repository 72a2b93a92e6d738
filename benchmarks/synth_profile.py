"""Run ``app.py`` in this process and write where its time goes, as JSON.

``benchmarks/synth.py`` runs it in the folder of an app, with the number of calls and the seconds of
each kind of call to the CDK's Node process counted::

    python synth_profile.py profile.json
"""

from __future__ import annotations

import json
import runpy
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

OTHERS: Final = "other calls"
_NAMES: Final[Mapping[str, Callable[[Any], str]]] = {
    "CreateRequest": lambda request: request.fqn,
    "InvokeRequest": lambda request: request.method,
    "StaticInvokeRequest": lambda request: f"{request.fqn}.{request.method}",
    "GetRequest": lambda request: f"get {request.property}",
    "SetRequest": lambda request: f"set {request.property}",
    "StaticGetRequest": lambda request: f"get {request.fqn}.{request.property}",
}


class CallCounter:
    """Counts calls to Node, and how long each kind takes."""

    def __init__(self) -> None:
        """Begin with none."""
        self.calls: dict[str, int] = defaultdict(int)
        self.seconds: dict[str, float] = defaultdict(float)

    def watch(self) -> None:
        """Count every call from now on."""
        from jsii._kernel.providers import process

        send = process._NodeProcess.send
        counter = self

        def counted(self: Any, request: Any, response_type: Any) -> Any:
            begin = time.perf_counter()
            try:
                return send(self, request, response_type)
            finally:
                name = counter.name_of(request)
                counter.calls[name] += 1
                counter.seconds[name] += time.perf_counter() - begin

        process._NodeProcess.send = counted  # type: ignore[method-assign]

    @staticmethod
    def name_of(request: Any) -> str:
        """Name the kind of a call, as those who know the CDK would."""
        naming = _NAMES.get(type(request).__name__)
        return str(naming(request)) if naming else OTHERS


def main() -> None:
    """Run the app, and write what was counted to the file that the argument names."""
    if sys.argv[1:] == ["--smallest"]:
        sys.stdout.write("benchmarks.synth runs this in the folder of an app\n")
        return
    counter = CallCounter()
    sys.path.insert(0, str(Path.cwd()))
    from constructs_lib.infrastructure import quick_start

    quick_start.prepare(is_program=True)
    counter.watch()
    begin = time.perf_counter()
    app = runpy.run_path("app.py", run_name="app")
    exit_code = app["main"]()
    counted = {"seconds": time.perf_counter() - begin, "calls": counter.calls}
    Path(sys.argv[1]).write_text(json.dumps({**counted, "waited": counter.seconds}))
    sys.exit(exit_code)


if __name__ == "__main__":
    main()
