"""Where the app and its local state are, and the app's settings."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from constructs_lib.errors import ReleaseError
from constructs_lib.terminal.paths import shown_path

if TYPE_CHECKING:
    from collections.abc import Mapping

    from constructs_lib.compilation.parent import Compilation
    from constructs_lib.configs import PipelineConfigs
    from constructs_lib.settings import Settings

ROOT: Path = Path(__file__).resolve().parents[2]
"""The app's folder; tests set another."""
STATE: Final = ROOT / ".local"
"""What local commands leave behind; may be deleted at any time."""

_CHOSEN: Final[list[str]] = []
"""The environment that a command was told, if it was."""
_QUALIFIER_KEY: Final = "@aws-cdk/core:bootstrapQualifier"
_DEFAULT_QUALIFIER: Final = "hnb659fds"


def pipelines_folder(settings: Settings) -> Path:
    """Return the folder with one folder per pipeline, as messages show it."""
    return shown_path(ROOT / settings.pipelines_dir)


def choose_environment(name: str | None) -> str | None:
    """Let the settings be those of an environment, as ``cdk -c environment=NAME`` does."""
    _CHOSEN[:] = [name] if name else []
    return name


def chosen_environment() -> str | None:
    """Return the environment whose settings are used, if one was chosen."""
    return _CHOSEN[0] if _CHOSEN else None


def read_settings() -> Settings:
    """Read the app's settings, as the app does, from ``cdk.json``.

    Raises:
        SettingsError: The file cannot be read, or a setting in it is wrong.
    """
    from constructs_lib.settings import Settings

    return Settings.from_context(_context().get)


def bootstrap_qualifier() -> str:
    """Read what the resources of ``cdk bootstrap`` are named after, as the CDK does.

    Source: AWS CDK Developer Guide, "Customize AWS CDK bootstrapping".

    Raises:
        SettingsError: ``cdk.json`` cannot be read.
    """
    return str(_context().get(_QUALIFIER_KEY, _DEFAULT_QUALIFIER))


def _context() -> dict[str, Any]:
    from constructs_lib.settings import ENVIRONMENT_KEY, read_context

    chosen = {ENVIRONMENT_KEY: _CHOSEN[0]} if _CHOSEN else {}
    return {**read_context(shown_path(ROOT / "cdk.json")), **chosen}


def load_configs(settings: Settings, name: str) -> PipelineConfigs:
    """Load the configs of a folder in the folder of pipelines.

    Raises:
        ReleaseError: There is no such folder, or its config cannot be used.
    """
    from constructs_lib.configs import PipelineConfigs
    from constructs_lib.configs.folder import config_path

    path = config_path(pipelines_folder(settings), name)
    return PipelineConfigs.load(path, region_names=settings.region_names)


def load_pipelines(settings: Settings) -> dict[str, PipelineConfigs]:
    """Load the configs of all folders in the folder of pipelines, by the folder's name.

    Raises:
        ReleaseError: There are none, or one of them cannot be used.
    """
    from constructs_lib.configs import folder

    return folder.load_pipelines(pipelines_folder(settings), settings.region_names)


def compilation(
    pipelines: Mapping[str, PipelineConfigs], settings: Settings, *, no_cache: bool
) -> Compilation:
    """Compile pipelines as the app does, with the app's cache of compiled definitions.

    Args:
        pipelines: Configs by name.
        settings: The app's settings.
        no_cache: Compile all of them anew, and keep nothing.
    """
    from constructs_lib.compilation.parent import CACHE_FOLDER, Compilation

    cache = None if no_cache else ROOT / CACHE_FOLDER
    return Compilation(pipelines, home_region=settings.home_region, cache=cache)


class OutputError(ReleaseError):
    """A file that a command was asked to write cannot be written."""


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file that the user named.

    Raises:
        OutputError: It cannot be written.
    """
    try:
        path.write_bytes(content)
    except OSError as error:
        raise OutputError(f"Cannot write {shown_path(path)}: {error.strerror}.") from error
