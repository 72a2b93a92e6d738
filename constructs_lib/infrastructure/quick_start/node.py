"""Starts the CDK's Node process, and lets it load the CDK, before Python has imported the CDK.

jsii, on which the CDK for Python runs, starts Node when ``aws_cdk`` is imported, and Python waits
while Node hashes and reads the CDK's packages. Here it does so beside Python's own imports, in a
thread that does nothing but wait.

jsii puts a second Node process between Python and that of the CDK. It hands each message on, to
collect what is written to standard output. Nothing here writes there, so this one is left out:
:func:`program` makes a file that Node runs instead. Where jsii is not laid out as expected, all
stays as jsii has it.
"""

from __future__ import annotations

import atexit
import os
import threading
from collections.abc import Callable
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

_ASSEMBLIES: Final = {
    "constructs": "constructs",
    "@aws-cdk/asset-awscli-v1": "aws_cdk/asset_awscli_v1",
    "@aws-cdk/asset-node-proxy-agent-v6": "aws_cdk/asset_node_proxy_agent_v6",
    "@aws-cdk/cloud-assembly-schema": "aws_cdk/cloud_assembly_schema",
    "aws-cdk-lib": "aws_cdk",
}
"""Folders of the packages that hold the CDK's JavaScript, each after those that it needs."""
_USED: Final = (
    *("App", "Stack", "aws_ec2.Vpc", "aws_iam.Role", "aws_kms.Key", "aws_lambda.Function"),
    *("aws_logs.LogGroup", "aws_s3.Bucket", "aws_s3_assets.Asset"),
)
"""Classes that every app uses: Node reads their modules when it is first asked for one."""
_CONSTANT: Final = "PROPERTY_INJECTION_ID"
"""Of each of these classes."""
_CHANNEL: Final = "readFD:3,writeFD:3"
"""How jsii's program says that it talks through a socket with its parent."""
_DIRECT: Final = """\
// Talks with Python through standard input and output, and keeps them to itself.
const fs = require("fs");
const { readSync, writeSync } = fs;
fs.readSync = (fd, ...rest) => readSync(fd === 3 ? 0 : fd, ...rest);
const places = { 1: 2, 3: 1 };
fs.writeSync = (fd, ...rest) => writeSync(places[fd] ?? fd, ...rest);
const stream = (name) => (chunk, encoding, done) => {
  const text = Buffer.from(chunk, typeof encoding === "string" ? encoding : undefined);
  writeSync(2, `${JSON.stringify({ [name]: text.toString("base64") })}\\n`);
  const then = typeof encoding === "function" ? encoding : done;
  if (then) process.nextTick(then);
  return true;
};
process.stdout.write = stream("stdout");
process.stderr.write = stream("stderr");
require("../lib/program.js");
"""
"""What :func:`program` writes beside jsii's own program."""

_threads: Final[list[threading.Thread]] = []
_started: Final[list[Any]] = []
"""What jsii knows of the Node that it has started."""


def load_beside() -> None:
    """Start Node and let it load the CDK; call :func:`wait` before anything imports the CDK."""
    thread = threading.Thread(target=_load, name="load-cdk", daemon=True)
    _threads.append(thread)
    thread.start()


def wait() -> None:
    """Wait until Node has loaded the CDK, if it was told to: jsii takes one message at a time."""
    while _threads:
        _threads.pop().join()


def give_up() -> None:
    """End a Node that nobody has waited for: a program that finds its input wrong needs no CDK.

    jsii would wait for it, as long as it takes to load the CDK.
    """
    while _threads:
        for jsii_process in _started:
            if child := getattr(jsii_process, "_process", None):
                child.kill()
                child.wait()
        _threads[-1].join(timeout=0.05)  # it may just be starting Node
        if not _threads[-1].is_alive():
            _threads.pop()
            for jsii_process in _started:
                atexit.unregister(jsii_process.stop)
                jsii_process._ctx_stack.close()


def _load() -> None:
    # Whatever fails here fails again when the CDK is imported, and is reported there.
    with suppress(AssertionError, AttributeError, ImportError, OSError, RuntimeError, ValueError):
        import jsii
        from jsii.errors import JSIIError

        talk_directly()
        with suppress(JSIIError):
            for name, package in _ASSEMBLIES.items():
                file = _tarball(package)
                version = file.name.removesuffix(".jsii.tgz").rpartition("@")[2]
                jsii.load(name, version, os.fspath(file))
            for name in _USED:
                stand_in = type(name, (), {"__jsii_type__": f"aws-cdk-lib.{name}"})
                jsii.sget(stand_in, _CONSTANT)


def _tarball(package: str) -> Path:
    top, *rest = package.split("/")
    spec = find_spec(top)
    if spec is None or spec.submodule_search_locations is None:
        raise ModuleNotFoundError(top)
    folder = Path(spec.submodule_search_locations[0]).joinpath(*rest, "_jsii")
    (file,) = folder.glob("*.jsii.tgz")
    return file


def talk_directly() -> None:
    """Leave out the process between Python and the CDK's Node, unless one was chosen."""
    from jsii._kernel.providers import process

    if os.environ.keys() & {"JSII_RUNTIME", "JSII_DEBUG"}:
        return
    extract: Callable[[Any], str] = process._NodeProcess._jsii_runtime

    def runtime(jsii_process: Any) -> str:
        _started.append(jsii_process)
        return program(Path(extract(jsii_process)))

    process._NodeProcess._jsii_runtime = runtime  # type: ignore[method-assign]


def program(relay: Path) -> str:
    """Write what is run instead of jsii's own entry point; returns its path.

    Args:
        relay: The entry point, in a folder that jsii has made for this process.
    """
    program = relay.parents[1] / "lib" / "program.js"
    if not program.is_file() or _CHANNEL not in program.read_text(encoding="utf-8"):
        return str(relay)
    direct = relay.with_name("direct.js")
    direct.write_text(_DIRECT, encoding="utf-8")
    return str(direct)
