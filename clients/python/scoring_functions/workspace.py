"""Where models, services and keys are kept, and where the app runs that serves them."""

from __future__ import annotations

import ctypes
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from .errors import WorkspaceException
from .files import BlobFiles, FolderFiles, RepositoryFiles
from .keys import KeyFile, KeyStore, NoKeys, VaultKeys
from .registry import ModelRegistry, ServiceRegistry

if TYPE_CHECKING:
    from .model import Model
    from .webservice import Webservice

#: Of Windows, for OpenProcess.
_PROCESS_QUERY_LIMITED_INFORMATION = 0x1000
_CONFIG_KEYS = ("url", "models", "keyVault", "storage")


class Workspace:
    """A project on this machine, or a container and a vault in Azure, which are used with the rights of the caller."""

    def __init__(self, files: RepositoryFiles, keys: KeyStore, find_url: Callable[[], str], credential: Any = None) -> None:
        """Use ``from_config``, ``from_folder`` or ``from_azure``."""
        self.files = files
        self.keys = keys
        #: Where the app is, or will be once it is started.
        self.find_url = find_url
        #: Raises when no app is known to run there: what listens may belong to another project, and must not get a key.
        self.require_app: Callable[[], None] = lambda: None
        self.model_registry = ModelRegistry(files)
        self.service_registry = ServiceRegistry(files)
        self._credential = credential
        #: What ``scoring start`` has printed; None: the app is not of this machine.
        self.log_file: Path | None = None
        #: The project on this machine whose app is packaged; None: there is none.
        self.project: Path | None = None

    @classmethod
    def from_config(cls, path: str | None = None, **_ignored: Any) -> Workspace:
        """Opens what ``workspace.json`` names, in the folder or one above it; else the project of the folder."""
        start = Path(path or ".").resolve()
        file = start if start.is_file() else _find_up(start, "workspace.json")
        if file is None:
            return cls.from_folder(str(start))
        config = _read_object(file)
        for key, value in config.items():
            if key not in _CONFIG_KEYS:
                raise WorkspaceException(f'{file}: unrecognized key "{key}"; there are: {", ".join(_CONFIG_KEYS)}')
            if not isinstance(value, str):
                raise WorkspaceException(f"{file}: {key} must be a text")
        for key in ("url", "models"):
            if key not in config:
                raise WorkspaceException(f"{file}: {key} is missing")
        return cls.from_azure(config["url"], config["models"], config.get("keyVault"))

    @classmethod
    def from_folder(cls, folder: str = ".", url: str | None = None, models: str | None = None) -> Workspace:
        """Opens the project of a folder: the nearest one with a ``host.json``."""
        host = _find_up(Path(folder).resolve(), "host.json")
        if host is None:
            raise WorkspaceException(
                f"there is no project: neither {Path(folder).resolve()} nor a folder above it has a host.json; "
                'make one with "npx scoring init my-scoring"'
            )
        root = host.parent
        settings = _read_settings(root)
        environment = {**settings.get("Values", {}), **os.environ}
        location = models or environment.get("SCORING_MODELS") or "models"
        vault = environment.get("KEY_VAULT_URL")
        files: RepositoryFiles
        if location.startswith("blob:"):
            files = _own_blobs(location[len("blob:") :], environment, root)
        elif location.startswith("https:"):
            files = _blobs(location, _default_credential())
        else:
            files = FolderFiles(root / location)
        keys = VaultKeys(vault, _default_credential()) if vault else KeyFile(root / ".local" / "keys.json")
        port = settings.get("Host", {}).get("LocalHttpPort") or 7071

        def find_app() -> str | None:
            return url or environment.get("SCORING_URL") or _running_app(root)

        def require_app() -> None:
            if find_app() is None:
                raise WorkspaceException(
                    f'the app of {root} does not run: start it with "npx scoring start", or name its address (url=, SCORING_URL)'
                )

        workspace = cls(files, keys, lambda: (find_app() or f"http://localhost:{port}").rstrip("/"))
        workspace.require_app = require_app
        workspace.log_file = root / ".local" / "app.log"
        workspace.project = root
        return workspace

    @classmethod
    def from_azure(cls, url: str, models: str, key_vault: str | None = None, credential: Any = None) -> Workspace:
        """
        Opens a container and a vault in Azure.

        url: of the app, e.g. https://my-scoring.azurewebsites.net.
        models: container, e.g. https://myaccount.blob.core.windows.net/models.
        key_vault: e.g. https://my-vault.vault.azure.net; None: keys cannot be shown or changed.
        credential: of azure-identity; None: the account that is signed in on this machine.
        """
        if urlsplit(models).scheme != "https":
            raise WorkspaceException("models must be a container, such as https://myaccount.blob.core.windows.net/models")
        credential = credential or _default_credential()
        keys = VaultKeys(key_vault, credential) if key_vault else NoKeys()
        workspace = cls(_blobs(models, credential), keys, lambda: url.rstrip("/"), credential)
        host = _find_up(Path.cwd(), "host.json")
        workspace.project = host.parent if host else None
        return workspace

    @property
    def name(self) -> str:
        """A folder or a URL."""
        return self.files.location

    @property
    def models(self) -> dict[str, Model]:
        """The newest version of each model, by name."""
        from .model import Model

        return {model.name: model for model in Model.list(self, latest=True)}

    @property
    def webservices(self) -> dict[str, Webservice]:
        """The services, by name."""
        from .webservice import Webservice

        return {service.name: service for service in Webservice.list(self)}

    @property
    def credential(self) -> Any:
        """Who the caller is, of azure-identity."""
        if self._credential is None:
            self._credential = _default_credential()
        return self._credential

    def __getattr__(self, name: str) -> Any:
        if name in ("subscription_id", "resource_group", "location", "compute_targets", "get_details", "write_config"):
            raise AttributeError(
                f"Workspace.{name}: a workspace here is a folder, or a container and a vault; there is no management server to ask"
            )
        raise AttributeError(name)

    def __repr__(self) -> str:
        return f"Workspace({self.name!r})"


def _find_up(start: Path, name: str) -> Path | None:
    return next((folder / name for folder in (start, *start.parents) if (folder / name).is_file()), None)


def _read_settings(root: Path) -> dict[str, Any]:
    file = root / "local.settings.json"
    return _read_object(file) if file.is_file() else {}


def _read_object(file: Path) -> dict[str, Any]:
    try:
        found = json.loads(file.read_text())
    except ValueError as error:
        raise WorkspaceException(f"{file} is not JSON: {error}") from None
    if not isinstance(found, dict):
        raise WorkspaceException(f"{file} is not a JSON object")
    return found


def _running_app(root: Path) -> str | None:
    """The address that ``scoring start`` has written down, while it runs."""
    try:
        app = json.loads((root / ".local" / "app.json").read_text())
        url, pid, started = str(app["url"]), int(app["pid"]), app.get("started")
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None  # there is none, or a write that was cut off
    # The number of a process that has ended may be given to another one, in a container at each start.
    return url if _is_running(pid) and started in (None, _start_of(pid)) else None


def _start_of(pid: int) -> str | None:
    """When a process started; None where the system has no ``/proc``."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        # Field 22, in ticks since the boot; field 2 is a name in parentheses, which may hold spaces (proc_pid_stat(5)).
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return f"{boot} {fields[19]}"


def _is_running(pid: int) -> bool:
    if pid < 1:
        return False  # stands for a group of processes, one of which always runs
    if sys.platform == "win32":  # os.kill would send Ctrl+C there
        handle = ctypes.windll.kernel32.OpenProcess(_PROCESS_QUERY_LIMITED_INFORMATION, False, pid)
        ctypes.windll.kernel32.CloseHandle(handle)
        return bool(handle)
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except (OSError, OverflowError):
        return False
    return True


def _default_credential() -> Any:
    from azure.identity import DefaultAzureCredential

    return DefaultAzureCredential()


def _blobs(location: str, credential: Any) -> BlobFiles:
    from azure.storage.blob import ContainerClient

    parts = urlsplit(location)
    if parts.query or parts.username:
        raise WorkspaceException("models must be the URL of a container, without user, query or signature")
    container, _, prefix = parts.path.strip("/").partition("/")
    client = ContainerClient(f"https://{parts.netloc}", container, credential)
    return BlobFiles(client, f"{prefix}/" if prefix else "")


def _own_blobs(path: str, environment: dict[str, str], root: Path) -> BlobFiles:
    from azure.storage.blob import ContainerClient

    text = environment.get("AzureWebJobsStorage") or ""
    started = root / ".local" / "storage-connection-string"
    if text in ("", "UseDevelopmentStorage=true") and started.is_file():
        text = started.read_text().strip()
    if not text:
        raise WorkspaceException("SCORING_MODELS is in the account of AzureWebJobsStorage, which is not set")
    container, _, prefix = path.strip("/").partition("/")
    return BlobFiles(ContainerClient.from_connection_string(text, container), f"{prefix}/" if prefix else "")
