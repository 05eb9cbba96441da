"""Models, with the names of Azure ML's SDK."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .configuration import DeploymentConfiguration, InferenceConfig, LocalWebservice
from .deployments import deploy
from .errors import ModelNotFoundException, WorkspaceException
from .registry import COPIES, ModelRecord, check_paths, find_model_files

if TYPE_CHECKING:
    from .package import ModelPackage
    from .webservice import Webservice
    from .workspace import Workspace

TagFilter = Sequence["str | Sequence[str]"]


class Model:
    """A version of a model that is registered in a workspace."""

    def __init__(self, workspace: Workspace, name: str | None = None, id: str | None = None, version: int | None = None) -> None:  # noqa: A002
        """Reads a version; default: the newest. ``id`` is ``name:version``."""
        if id is not None:
            name, _, number = id.partition(":")
            if not re.fullmatch(r"[0-9]{1,15}", number):
                raise WorkspaceException(f'id: "{id}" must be a name and a version, such as churn:2')
            version = int(number)
        if name is None:
            raise WorkspaceException("name: say which model")
        record = workspace.model_registry.get(name, version)
        if record is None:
            what = name if version is None else f"{name}:{version}"
            raise ModelNotFoundException(f'there is no model "{what}" in {workspace.name}')
        self.workspace = workspace
        self.record = record

    @classmethod
    def _of(cls, workspace: Workspace, record: ModelRecord) -> Model:
        model = cls.__new__(cls)
        model.workspace = workspace
        model.record = record
        return model

    @property
    def name(self) -> str:
        return self.record.name

    @property
    def version(self) -> int:
        return self.record.version

    @property
    def id(self) -> str:
        return f"{self.name}:{self.version}"

    @property
    def tags(self) -> dict[str, str]:
        return dict(self.record.tags)

    @property
    def properties(self) -> dict[str, str]:
        return dict(self.record.properties)

    @property
    def description(self) -> str:
        return self.record.description

    @property
    def created_time(self) -> datetime | None:
        created = self.record.created_at
        return None if created is None else datetime.fromisoformat(created.replace("Z", "+00:00"))

    @classmethod
    def register(
        cls,
        workspace: Workspace,
        model_path: str,
        model_name: str,
        tags: Mapping[str, str] | None = None,
        properties: Mapping[str, str] | None = None,
        description: str | None = None,
        model_framework: str | None = None,
        model_framework_version: str | None = None,
        **others: Any,
    ) -> Model:
        """Registers a model: a file, or a folder. The same name again makes the next version."""
        for name, value in others.items():
            if value is not None:
                raise WorkspaceException(f"Model.register: {name}: is not kept here; use tags or properties")
        frameworks = {"model_framework": model_framework, "model_framework_version": model_framework_version}
        all_properties = {**(properties or {}), **{name: value for name, value in frameworks.items() if value is not None}}
        record = workspace.model_registry.register(
            model_name, find_model_files(model_path), description or "", tags, all_properties
        )
        return cls._of(workspace, record)

    @classmethod
    def list(
        cls,
        workspace: Workspace,
        name: str | None = None,
        tags: TagFilter | None = None,
        properties: TagFilter | None = None,
        latest: bool = False,
        **_paging: Any,
    ) -> list[Model]:
        """Lists versions, by name and then oldest first. tags: names, or pairs of name and value."""
        found = [
            record
            for record in workspace.model_registry.list(name)
            if COPIES not in record.properties and has_all(record.tags, tags) and has_all(record.properties, properties)
        ]
        if latest:
            found = list({record.name: record for record in found}.values())
        return [cls._of(workspace, record) for record in found]

    @staticmethod
    def deploy(
        workspace: Workspace,
        name: str,
        models: Sequence[Model],
        inference_config: InferenceConfig | None = None,
        deployment_config: DeploymentConfiguration | None = None,
        deployment_target: None = None,
        overwrite: bool = False,
        show_output: bool = False,
    ) -> Webservice:
        """Makes a service of models. The app serves it as soon as it has loaded; ``wait_for_deployment`` waits for that."""
        from .webservice import Webservice

        if deployment_target is not None:
            raise WorkspaceException("deployment_target: services run in the app of the workspace; leave it out")
        configuration = deployment_config or LocalWebservice.deploy_configuration()
        deploy(workspace, name, models, inference_config or InferenceConfig(), configuration, overwrite)
        service = Webservice(workspace, name)
        service.notes = configuration.notes
        port = configuration.parameters.get("port")
        if port is not None:
            service.app_url = f"http://localhost:{port}"
        if show_output:
            service.wait_for_deployment(show_output=True)
        return service

    @staticmethod
    def package(
        workspace: Workspace,
        models: Sequence[Model],
        inference_config: InferenceConfig | None = None,
        generate_dockerfile: bool = False,
        image_name: str | None = None,
        image_label: None = None,
    ) -> ModelPackage:
        """
        Makes a zip file for Azure Functions: the app of the workspace's project with one service of the models. Needs Node.js.

        generate_dockerfile: whether ``save`` writes a Dockerfile, too, which makes an image of it.
        image_name: of the service in it, and of the zip file; default: the name of the first model.
        """
        from .package import package

        if image_label is not None:
            raise WorkspaceException("Model.package: image_label: a zip file has no label; make it part of image_name")
        return package(workspace, models, inference_config or InferenceConfig(), generate_dockerfile, image_name)

    def update(self, tags: Mapping[str, str] | None = None, description: str | None = None) -> None:
        """Replaces tags and description."""
        self.record = self.workspace.model_registry.update(self.name, self.version, description, tags)

    def add_tags(self, tags: Mapping[str, str]) -> None:
        self.update({**self.tags, **tags})

    def remove_tags(self, tags: Sequence[str]) -> None:
        self.update({name: value for name, value in self.tags.items() if name not in tags})

    def add_properties(self, properties: Mapping[str, str]) -> None:
        self.record = self.workspace.model_registry.update(self.name, self.version, properties=properties)

    def delete(self) -> None:
        """Deletes the version. Its number is not used again."""
        self.workspace.model_registry.delete(self.name, self.version)

    def download(self, target_dir: str = ".", exist_ok: bool = False) -> str:
        """Copies the files into ``<target_dir>/<name>/<version>``, and returns that folder."""
        root = Path(target_dir) / self.name / str(self.version)
        if root.exists() and not exist_ok:
            raise WorkspaceException(f"{root} exists; give exist_ok=True to overwrite its files")
        # Those who can write to the repository write the record; it must not decide about other files of this machine.
        check_paths(file.path for file in self.record.files)
        for file in self.record.files:
            place = root / file.path
            place.parent.mkdir(parents=True, exist_ok=True)
            try:
                with open(place, "wb") as out:
                    for piece in self.workspace.model_registry.read(self.record, file.path):
                        out.write(piece)
            except BaseException:
                place.unlink(missing_ok=True)  # half a model, or another one
                raise
        return str(root)

    def __repr__(self) -> str:
        return f"Model({self.id!r})"


def has_all(labels: Mapping[str, str], asked: TagFilter | None) -> bool:
    """Whether all of these are there: names, or pairs of name and value."""
    pairs = ([each] if isinstance(each, str) else list(each) for each in asked or ())
    return all(pair[0] in labels and (len(pair) == 1 or labels[pair[0]] == pair[1]) for pair in pairs)
