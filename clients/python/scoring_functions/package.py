"""The package of an app that serves models, as Azure ML's ``ModelPackage``."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .configuration import InferenceConfig, LocalWebservice
from .deployments import deploy
from .errors import WorkspaceException
from .files import FolderFiles
from .workspace import Workspace

if TYPE_CHECKING:
    from .model import Model

#: As the stage ``functions`` of infra/container/Dockerfile: Azure's own host with the files of the package.
_DOCKERFILE = """\
# docker build --tag scoring . && docker run --publish 8080:80 --env KEY_VAULT_URL=… scoring
FROM docker.io/library/node:24-bookworm AS package
COPY {file} /
RUN python3 -m zipfile --extract /{file} /package

FROM mcr.microsoft.com/azure-functions/node:4-node24
ENV AzureWebJobsScriptRoot=/home/site/wwwroot \\
  AzureFunctionsJobHost__Logging__Console__IsEnabled=true \\
  ORT_DISABLE_TELEMETRY=1
COPY --from=package /package/ /home/site/wwwroot/
"""


class ModelPackage:
    """A zip file that Azure Functions runs: the app of a project with one service of the models."""

    #: It is made when ``Model.package`` returns.
    state = "Succeeded"

    def __init__(self, location: str, logs: str, has_dockerfile: bool) -> None:
        """``Model.package`` is the way to get one."""
        #: Path of the zip file.
        self.location = location
        self._logs = logs
        self._has_dockerfile = has_dockerfile

    def wait_for_creation(self, show_output: bool = False) -> None:
        """Returns at once; show_output prints what was done."""
        if show_output:
            print(self._logs, end="")

    def update_creation_state(self) -> None:
        """Changes nothing: the package is made."""

    def get_logs(self, decode: bool = True, offset: int = 0) -> str | bytes:
        """What was done to make it, line by line; offset: bytes to leave out."""
        rest = self._logs.encode()[offset:]
        return rest.decode() if decode else rest

    def save(self, output_directory: str) -> None:
        """Copies the zip file into a folder, which is made; with ``generate_dockerfile`` also what makes an image of it."""
        folder = Path(output_directory)
        folder.mkdir(parents=True, exist_ok=True)
        file = Path(shutil.copy(self.location, folder))
        if self._has_dockerfile:
            (folder / "Dockerfile").write_text(_DOCKERFILE.format(file=file.name), encoding="utf-8")

    def pull(self) -> None:
        """Not here: a package is a file, and lies in no registry."""
        raise WorkspaceException("pull: a package is a zip file, not an image in a registry; save copies it")

    def get_container_registry(self) -> None:
        """Not here: a package is a file, and lies in no registry."""
        raise WorkspaceException("get_container_registry: a package is a zip file, not an image in a registry; location is its path")

    def serialize(self) -> dict[str, Any]:
        """What it is, as JSON can hold it."""
        return {"state": self.state, "location": self.location}

    def __repr__(self) -> str:
        return f"ModelPackage({self.location!r})"


def package(
    workspace: Workspace,
    models: Sequence[Model],
    inference_config: InferenceConfig,
    generate_dockerfile: bool,
    name: str | None,
) -> ModelPackage:
    """Puts a service together in a folder of its own, which ``scoring package`` takes in place of the project's services."""
    if name is None and not models:
        raise WorkspaceException("image_name: name the service, which has no model to be called after")
    name = name or models[0].name
    root = workspace.project
    if root is None:
        raise WorkspaceException("Model.package: a package holds the app of a project; run this in its folder, the one with its host.json")
    with tempfile.TemporaryDirectory() as folder:
        stage = Workspace(FolderFiles(folder), _KeysOfApp(), workspace.find_url)
        deploy(stage, name, models, inference_config, LocalWebservice.deploy_configuration(), overwrite=False)
        return _run(root, folder, name, [model.id for model in models], generate_dockerfile)


def _run(root: Path, services: str, name: str, models: Sequence[str], has_dockerfile: bool) -> ModelPackage:
    file = root / "out" / f"{name}.zip"
    command = ["node", str(_find_program(root)), "package", "--app", str(root), "--models", services, "--out", str(file), "--json"]
    try:
        done = subprocess.run(command, capture_output=True, encoding="utf-8")
    except FileNotFoundError:
        raise WorkspaceException("Model.package: node, which makes the package, is not installed: https://nodejs.org") from None
    if done.returncode != 0:
        raise WorkspaceException(f"Model.package: {re.sub(r'^error: ', '', done.stderr.strip())}")
    made = json.loads(done.stdout)
    images = "with" if made["images"] else "without"
    lines = (
        f"the app of {root}",
        f"{name}: {', '.join(models) or 'no model'}",
        f"{file}: {made['bytes'] / 1e6:.2f} MB for linux-{made['arch']}, {images} images",
        f"SHA-256 {made['sha256']}",
    )
    return ModelPackage(str(file), "".join(f"{line}\n" for line in lines), has_dockerfile)


def _find_program(root: Path) -> Path:
    """The command ``scoring`` of a project, or of the repository."""
    found = (root / folder / "dist" / "scoring.mjs" for folder in ("node_modules/scoring-functions", "."))
    program = next((path for path in found if path.is_file()), None)
    if program is None:
        raise WorkspaceException(f'Model.package: the project {root} is not installed: run "npm install" there')
    return program


class _KeysOfApp:
    """The keys of a service in a package come from the vault of the app that runs it."""

    def read(self, service: str, key_type: str) -> str | None:
        return None

    def write(self, service: str, key_type: str, value: str) -> None:
        """They are not part of the package."""
