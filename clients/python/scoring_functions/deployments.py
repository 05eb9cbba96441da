"""Writes services: their ``service.json``, scripts, and the models that they serve."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .configuration import DeploymentConfiguration, InferenceConfig
from .errors import WorkspaceException
from .keys import TYPES, check_key, make_key
from .registry import COPIES, ModelRecord, add_properties, check_service_name

if TYPE_CHECKING:
    from .model import Model
    from .workspace import Workspace

_MAX_CONFLICTS = 5
_MAX_SCRIPT_BYTES = 16 << 20
_MAX_DEPLOYMENTS = 16
_DEPLOYMENT_NAME = re.compile(r"(?=.{3,32}\Z)[A-Za-z](-?[A-Za-z0-9])*\Z")


def deploy(
    workspace: Workspace,
    name: str,
    models: Sequence[Model],
    inference_config: InferenceConfig,
    configuration: DeploymentConfiguration,
    overwrite: bool,
) -> None:
    check_service_name(name)
    before = workspace.service_registry.get(name)
    if before and not overwrite:
        raise WorkspaceException(f'there is a service "{name}" already: update it, or deploy with overwrite=True')
    parts, files = _read_inference_config(inference_config)
    if not models and inference_config.entry_script is None:
        raise WorkspaceException("models: a service without entry_script has one model")
    if len(models) > 1 and inference_config.entry_script is None and "stages" not in parts:
        raise WorkspaceException('models: several need an entry_script, or "stages" in the definition of inference_config')
    definition = change_definition({**parts, "models": place_models(workspace, name, models)}, configuration.parameters)
    if is_protected(definition):  # the app finds the keys when it finds the service
        ensure_keys(workspace, name, configuration.parameters)
    if not workspace.service_registry.put(name, definition, files, before[1] if before else None):
        raise WorkspaceException(f'the service "{name}" was changed by another program meanwhile; try again')


def update(
    workspace: Workspace,
    name: str,
    models: Sequence[Model] | None,
    inference_config: InferenceConfig | None,
    parameters: Mapping[str, Any],
) -> None:
    placed = None if models is None else place_models(workspace, name, models)
    parts, files = ({}, {}) if inference_config is None else _read_inference_config(inference_config)
    for _ in range(_MAX_CONFLICTS):
        found = workspace.service_registry.get(name)
        if not found:
            raise WorkspaceException(f'there is no service "{name}" in {workspace.name}')
        before = dict(found[0])
        if "deployments" in before and (models is not None or inference_config is not None):
            raise WorkspaceException(f"{name} has several deployments; add one or replace one with create_deployment")
        if inference_config is not None:
            before = {key: value for key, value in before.items() if key not in ("entryScript", "stages", "schema")}
        definition = change_definition({**before, **parts, **({} if placed is None else {"models": placed})}, parameters)
        if is_protected(definition):
            ensure_keys(workspace, name, {})
        if workspace.service_registry.put(name, definition, files, found[1]):
            return  # else another program has changed it: its change is kept, and ours added
    raise WorkspaceException(f'the service "{name}" is being changed by others again and again; try again')


def put_deployment(
    workspace: Workspace, service: str, name: str, models: Sequence[Model], mirror: int | None, current: str
) -> None:
    """Adds or replaces a deployment. A service that had none goes on with what it served, as a deployment with all requests."""
    for parameter, value in (("name", name), ("current", current)):
        check_deployment_name(parameter, value)
    _check_percents("mirror", {} if mirror is None else {name: mirror})
    if not models:
        raise WorkspaceException("models: a deployment has a model")
    placed = place_models(workspace, service, models)
    own_models = [record for record in workspace.model_registry.list(service) if COPIES not in record.properties]
    newest = own_models[-1] if own_models else None

    def add(definition: dict[str, Any]) -> dict[str, Any]:
        before = definition.get("deployments")
        if before is None:
            if name == current:
                raise WorkspaceException(f'"{name}" is what the deployment is called that there is; choose another name')
            own = {"models": definition["models"]} if "models" in definition else {"version": newest.version if newest else None}
            before = {current: {"weight": 100, **own}}
        deployment = {"weight": 0, **before.get(name, {}), "models": placed, **({} if mirror is None else {"mirror": mirror})}
        deployment.pop("version", None)
        if name not in before and len(before) >= _MAX_DEPLOYMENTS:
            raise WorkspaceException(f"a service has {_MAX_DEPLOYMENTS} deployments at most; delete one first: {', '.join(before)}")
        return {**definition, "deployments": {**before, name: deployment}}

    _edit(workspace, service, add)


def delete_deployment(workspace: Workspace, service: str, name: str) -> None:
    def remove(definition: dict[str, Any]) -> dict[str, Any]:
        known = dict(_require_deployments(definition, [name]))
        weight = known.pop(name).get("weight", 0)
        if weight != 0:
            raise WorkspaceException(f"{name} answers {weight} percent of the requests; give them to another one first")
        return {**definition, "deployments": known}

    _edit(workspace, service, remove)


def set_traffic(
    workspace: Workspace,
    service: str,
    weights: Mapping[str, int] | None,
    mirror: Mapping[str, int],
    sticky_header: str | None,
) -> None:
    _check_percents("weights", weights or {})
    _check_percents("mirror", mirror)
    if weights is not None and sum(weights.values()) != 100:
        raise WorkspaceException(f"weights: must add to 100, not {sum(weights.values())}")

    def change(definition: dict[str, Any]) -> dict[str, Any]:
        known = _require_deployments(definition, [*(weights or {}), *mirror])
        changed = {
            name: {
                **deployment,
                **({} if weights is None else {"weight": weights.get(name, 0)}),
                **({"mirror": mirror[name]} if name in mirror else {}),
            }
            for name, deployment in known.items()
        }
        traffic = definition.get("traffic", {}) if sticky_header is None else {"stickyHeader": sticky_header} if sticky_header else {}
        others = {key: value for key, value in definition.items() if key != "traffic"}
        return {**others, "deployments": changed, **({"traffic": traffic} if traffic else {})}

    _edit(workspace, service, change)


def check_deployment_name(parameter: str, name: str) -> None:
    if not _DEPLOYMENT_NAME.match(name):
        raise WorkspaceException(
            f'{parameter}: "{name}" is not the name of a deployment: 3 to 32 letters, digits or single "-", starting with a letter'
        )


def _check_percents(what: str, percents: Mapping[str, int]) -> None:
    for name, percent in percents.items():
        if isinstance(percent, bool) or not isinstance(percent, int) or not 0 <= percent <= 100:
            raise WorkspaceException(f"{what}: {name}: must be a whole number from 0 to 100, not {percent!r}")


def _require_deployments(definition: Mapping[str, Any], names: Sequence[str]) -> Mapping[str, dict[str, Any]]:
    known: Mapping[str, dict[str, Any]] | None = definition.get("deployments")
    if known is None:
        raise WorkspaceException("the service has one deployment only; add another one with create_deployment")
    for name in names:
        if name not in known:
            raise WorkspaceException(f'there is no deployment "{name}"; there are: {", ".join(known)}')
    return known


def _edit(workspace: Workspace, name: str, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """When another program has changed the service meanwhile, that change is kept and ours added."""
    for _ in range(_MAX_CONFLICTS):
        found = workspace.service_registry.get(name)
        if not found:
            raise WorkspaceException(f'there is no service "{name}" in {workspace.name}')
        if workspace.service_registry.put(name, change(found[0]), {}, found[1]):
            return
    raise WorkspaceException(f'the service "{name}" is being changed by others again and again; try again')


def delete(workspace: Workspace, name: str) -> None:
    """Removes a service and the copies of models that were made for it; models that were registered stay."""
    if not workspace.service_registry.delete(name):
        raise WorkspaceException(f'there is no service "{name}" in {workspace.name}')
    for record in workspace.model_registry.list(name):
        if COPIES in record.properties:
            workspace.model_registry.delete(name, record.version)


def place_models(workspace: Workspace, service: str, models: Sequence[Model]) -> dict[str, Any]:
    """A service serves what is in its own folder: a model of its own name is there already, others are copied."""
    if not models:
        return {}
    first = models[0]
    if len(models) == 1 and first.name == service and first.workspace.name == workspace.name:
        return _find_graphs(first.record, f"{first.version}/", first.name)
    _find_all_graphs(models, "")  # says what is wrong before anything is written
    copies = ",".join(model.id for model in models)
    registry = workspace.model_registry
    known = [record for record in registry.list(service) if record.properties.get(COPIES) == copies]
    if known:
        version = known[-1].version
    else:
        contents = {
            f"{model.name}/{model.version}/{file.path}": (lambda model=model, path=file.path: model.workspace.model_registry.read(model.record, path))
            for model in models
            for file in model.record.files
        }
        version = registry.register(service, contents, f"models of the service {service}", None, {COPIES: copies}).version
    return _find_all_graphs(models, f"{version}/")


def _find_all_graphs(models: Sequence[Model], folder: str) -> dict[str, Any]:
    graphs: dict[str, Any] = {}
    for model in models:
        _add_graphs(graphs, _find_graphs(model.record, f"{folder}{model.name}/{model.version}/", model.name))
    return graphs


def _add_graphs(graphs: dict[str, Any], added: Mapping[str, Any]) -> None:
    for name, graph in added.items():
        if name in graphs:  # a script could not tell them apart
            raise WorkspaceException(
                f'models: {graphs[name]["path"]} and {graph["path"]} are both called "{name}" in the service; '
                "give the models or files other names"
            )
        graphs[name] = graph


def change_definition(definition: dict[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Writes what a deployment configuration, or an update, says into a ``service.json``."""
    changed = dict(definition)
    for name in ("description", "tags"):
        if given.get(name) is not None:
            changed[name] = given[name]
    if given.get("properties") is not None:
        changed["properties"] = add_properties(changed.get("properties", {}), given["properties"])
    if given.get("token_auth_enabled"):
        changed["auth"] = {"mode": "token", **given["token_auth"]}
    elif given.get("auth_enabled") is not None:
        changed["auth"] = {"mode": "key" if given["auth_enabled"] else "none"}
    limits = {"timeoutMs": given.get("scoring_timeout_ms"), "maxQueueWaitMs": given.get("max_request_wait_time")}
    limits = {name: value for name, value in limits.items() if value is not None}
    if limits:
        changed["limits"] = {**changed.get("limits", {}), **limits}
    if given.get("gpu_cores"):
        changed["accelerator"] = {"executionProviders": ["cuda", "cpu"]}
    return changed


def is_protected(definition: Mapping[str, Any]) -> bool:
    return bool(definition.get("auth", {}).get("mode", "key") == "key")


def ensure_keys(workspace: Workspace, service: str, given: Mapping[str, Any]) -> None:
    for key_type in TYPES:
        value = given.get(f"{key_type}_key")
        if value is not None:
            check_key(value)
        known = workspace.keys.read(service, key_type)
        if known is None or (value is not None and known != value):
            workspace.keys.write(service, key_type, value or make_key())


def _read_inference_config(config: InferenceConfig) -> tuple[dict[str, Any], dict[str, bytes]]:
    parts = dict(config.definition)
    files: dict[str, bytes] = {}
    scripts = _scripts_of_stages(config.definition)
    if config.source_directory is not None:
        files = _read_scripts(Path(config.source_directory))
        if config.entry_script is not None:
            parts["entryScript"] = Path(config.entry_script).as_posix()
            scripts.append(parts["entryScript"])
        if not scripts:
            raise WorkspaceException(
                f"source_directory: no script in {config.source_directory} is used; name one as entry_script or in the stages of definition"
            )
        missing = next((script for script in scripts if script not in files), None)
        if missing is not None:
            what = "stages" if missing != parts.get("entryScript") else "entry_script"
            raise WorkspaceException(f"{what}: there is no {Path(config.source_directory) / missing}")
    elif config.entry_script is not None:
        parts["entryScript"] = Path(config.entry_script).name
        files[Path(config.entry_script).name] = _read("entry_script", Path(config.entry_script))
    elif scripts:
        raise WorkspaceException(f"source_directory: name the folder with {', '.join(scripts)}")
    if config.sample is not None:
        is_path = isinstance(config.sample, str)
        parts["schema"] = {**parts.get("schema", {}), "input": "sample.json"}
        files["sample.json"] = _read("sample", Path(config.sample)) if is_path else json.dumps(config.sample).encode()
    return parts, files


def _scripts_of_stages(definition: Mapping[str, Any]) -> list[str]:
    stages = definition.get("stages")
    return [stage["script"] for stage in stages if isinstance(stage, dict) and "script" in stage] if isinstance(stages, list) else []


def _read_scripts(root: Path) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    for path in sorted(root.rglob("*")):
        parts = path.relative_to(root).parts
        if not path.is_file() or any(part.startswith(".") or part in ("node_modules", "__pycache__") for part in parts):
            continue
        files[path.relative_to(root).as_posix()] = path.read_bytes()
        if sum(map(len, files.values())) > _MAX_SCRIPT_BYTES:
            raise WorkspaceException(f"source_directory: {root} has more than 16 MiB; it should hold scripts alone")
    return files


def _read(parameter: str, path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise WorkspaceException(f"{parameter}: {path} cannot be read: {error.strerror}") from None


def _find_graphs(record: ModelRecord, folder: str, alias: str) -> dict[str, Any]:
    graphs = [file for file in record.files if file.path.lower().endswith(".onnx")]
    if not graphs:
        has = ", ".join([file.path for file in record.files][:3])
        raise WorkspaceException(
            f"{record.name}:{record.version} has no .onnx file, only {has}; guide/models.md shows how to export one"
        )
    found: dict[str, Any] = {}
    for file in graphs:
        name = alias if len(graphs) == 1 else re.sub(r"^.*/|\.onnx$", "", file.path, flags=re.I)
        _add_graphs(found, {name: {"path": folder + file.path, **({"sha256": file.sha256} if file.sha256 else {})}})
    return found
