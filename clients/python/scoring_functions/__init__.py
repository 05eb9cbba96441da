"""Registers ONNX models, deploys and calls scoring services, with the names of Azure Machine Learning's SDK."""

from .configuration import (
    AciWebservice,
    AksWebservice,
    ContainerAppsWebservice,
    DeploymentConfiguration,
    FlexWebservice,
    InferenceConfig,
    LocalWebservice,
)
from .errors import JobException, ModelNotFoundException, WebserviceException, WorkspaceException
from .jobs import BatchJob
from .model import Model
from .package import ModelPackage
from .webservice import ServiceAccessToken, Webservice
from .workspace import Workspace

__all__ = [
    "AciWebservice",
    "AksWebservice",
    "BatchJob",
    "ContainerAppsWebservice",
    "DeploymentConfiguration",
    "FlexWebservice",
    "InferenceConfig",
    "JobException",
    "LocalWebservice",
    "Model",
    "ModelNotFoundException",
    "ModelPackage",
    "ServiceAccessToken",
    "Webservice",
    "WebserviceException",
    "Workspace",
    "WorkspaceException",
]
