"""Deployment and inference configurations, with the parameters of Azure ML: what each means here, and a clear error elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import WorkspaceException

_OF_SERVICE = (
    *("auth_enabled", "token_auth_enabled", "token_auth", "primary_key", "secondary_key"),
    *("description", "tags", "properties", "scoring_timeout_ms", "max_request_wait_time", "gpu_cores"),
)
_SIZE = "the size of an instance"
_COUNT = "the number of instances"
_OF_APP = {
    "cpu_cores": _SIZE,
    "memory_gb": _SIZE,
    "num_replicas": _COUNT,
    "autoscale_enabled": _COUNT,
    "autoscale_min_replicas": _COUNT,
    "autoscale_max_replicas": _COUNT,
    "autoscale_refresh_seconds": _COUNT,
    "autoscale_target_utilization": _COUNT,
    "replica_max_concurrent_requests": "the number of workers, which follows the processors",
    "enable_app_insights": "APPLICATIONINSIGHTS_CONNECTION_STRING",
    "ssl_enabled": "HTTPS, which Azure always has",
}
_ELSEWHERE = "belongs to the app, and is set where the app is created (guide/deploy.md); leave it out"
_PROBES = "the app has its own probes, /health/live and /health/ready; leave it out"
_REFUSED = {
    **dict.fromkeys(
        (
            *("ssl_cert_pem_file", "ssl_key_pem_file", "ssl_cname", "dns_name_label", "location", "namespace"),
            *("vnet_name", "subnet_name", "cmk_vault_base_url", "cmk_key_name", "cmk_key_version"),
            *("compute_target_name", "blobfuse_enabled", "cpu_cores_limit", "memory_gb_limit", "compliance_enabled"),
        ),
        _ELSEWHERE,
    ),
    **dict.fromkeys(
        ("period_seconds", "initial_delay_seconds", "timeout_seconds", "success_threshold", "failure_threshold"), _PROBES
    ),
}


@dataclass(frozen=True)
class DeploymentConfiguration:
    """A deployment that was checked."""

    parameters: Mapping[str, Any]
    #: What the app decides, not the service.
    notes: tuple[str, ...]


class _Target:
    """What AciWebservice and the others have in common."""

    _is_local = False

    @classmethod
    def deploy_configuration(cls, **parameters: Any) -> DeploymentConfiguration:
        """Checks the parameters of a deployment, and says what to do in place of those that mean nothing here."""
        notes: dict[str, list[str]] = {}
        given = {name: value for name, value in parameters.items() if value is not None}
        for name, value in list(given.items()):
            if name == "collect_model_data":
                if value:
                    cls._refuse(name, "inputs and answers are not collected; a script may log them")
                del given[name]
            elif name in _REFUSED:
                cls._refuse(name, _REFUSED[name])
            elif name in _OF_APP:
                if value is not False:
                    notes.setdefault(_OF_APP[name], []).append(name)
            elif name not in _OF_SERVICE and not (name == "port" and cls._is_local):
                known = ", ".join([*_OF_SERVICE, *_OF_APP, *(["port"] if cls._is_local else [])])
                cls._refuse(name, f"is no parameter here; there are: {known}")
        cls._check_auth(given)
        texts = (f"{', '.join(names)}: the app decides {what} (guide/deploy.md), not the service" for what, names in notes.items())
        return DeploymentConfiguration(given, tuple(texts))

    @classmethod
    def _check_auth(cls, given: Mapping[str, Any]) -> None:
        has_tokens = given.get("token_auth_enabled", False)
        if has_tokens and given.get("auth_enabled"):
            cls._refuse("token_auth_enabled", "a service takes keys or tokens, not both")
        if has_tokens and "token_auth" not in given:
            cls._refuse("token_auth_enabled", 'needs token_auth={"tenantId": "<GUID of the tenant>", "audience": "api://scoring"}')
        if "secondary_key" in given and "primary_key" not in given:
            cls._refuse("secondary_key", "needs primary_key too")
        if "primary_key" in given and (has_tokens or given.get("auth_enabled") is False):
            cls._refuse("primary_key", "a service without keys has none")

    @classmethod
    def _refuse(cls, name: str, why: str) -> None:
        raise WorkspaceException(f"{cls.__name__}.deploy_configuration: {name}: {why}")


class LocalWebservice(_Target):
    """Services of an app on this machine, which ``scoring start`` runs."""

    _is_local = True


class FlexWebservice(_Target):
    """Services of an app in Azure Functions, plan Flex Consumption."""


class ContainerAppsWebservice(_Target):
    """Services of an app in Azure Container Apps."""


class AciWebservice(FlexWebservice):
    """What the tutorials call Azure Container Instances: here a service of an app in Azure Functions."""


class AksWebservice(FlexWebservice):
    """What the tutorials call Azure Kubernetes Service: here a service of an app in Azure Functions."""


class InferenceConfig:
    """How models are served. Scripts are TypeScript or JavaScript; a model alone needs none."""

    def __init__(
        self,
        entry_script: str | None = None,
        source_directory: str | None = None,
        sample: Any = None,
        definition: Mapping[str, Any] | None = None,
        **others: Any,
    ) -> None:
        """
        entry_script: module with ``init()`` and ``run()``; None: tensors in, tensors out.
        source_directory: folder with the script and what it imports; None: the script alone.
        sample: a sample request, or the path of a JSON file; it is scored at load.
        definition: further members of ``service.json``.
        """
        for name, value in others.items():
            if value is None:
                continue
            if name in ("environment", "runtime", "conda_file", "extra_docker_file_steps", "enable_gpu", "base_image"):
                raise WorkspaceException(
                    f"InferenceConfig: {name}: there is no environment to describe: scripts run on the app's own Node.js, "
                    "with the packages of its project. Leave it out"
                )
            raise WorkspaceException(
                f"InferenceConfig: {name}: is no parameter; there are: entry_script, source_directory, sample, definition"
            )
        if entry_script is not None and Path(entry_script).suffix not in (".ts", ".mts", ".cts", ".js", ".mjs", ".cjs"):
            of_python = "; Python is not run: guide/entry-scripts.md shows the same script in TypeScript" if entry_script.endswith(".py") else ""
            raise WorkspaceException(
                f'entry_script: "{entry_script}" is no TypeScript or JavaScript module, such as score.ts{of_python}'
            )
        self.entry_script = entry_script
        self.source_directory = source_directory
        self.sample = sample
        self.definition = dict(definition or {})
