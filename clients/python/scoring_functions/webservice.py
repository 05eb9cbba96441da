"""Services, with the names of Azure ML's SDK."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

import requests

from . import deployments
from .configuration import InferenceConfig
from .errors import WebserviceException, WebserviceNotFound, WorkspaceException
from .keys import check_key, make_key, parse_key_type
from .model import Model, TagFilter, has_all
from .sent_file import SentFile
from .time_limit import TimeLimit, limited_session

if TYPE_CHECKING:
    from .workspace import Workspace

_TIMEOUT = 100.0
_MAX_RETRIES = 3
_STATUS_TIMEOUT = 30.0


@dataclass(frozen=True)
class ServiceAccessToken:
    """As Azure ML's ``AksServiceAccessToken``; times are those of this machine."""

    access_token: str = field(repr=False)
    refresh_after: datetime
    expiry_on: datetime
    token_type: str = "Bearer"


class Webservice:
    """A scoring service of a workspace."""

    #: As Azure ML's property; every service runs in an app of Azure Functions, or in the same app elsewhere.
    compute_type = "Functions"

    def __init__(self, workspace: Workspace, name: str) -> None:
        self.workspace = workspace
        self.name = name
        #: Where the app is expected; None: where the workspace says.
        self.app_url: str | None = None
        #: What the app decides, not the service.
        self.notes: tuple[str, ...] = ()
        self._credential: str | None = None
        self._state = "Unknown"
        self._reason = ""
        self._session = limited_session()
        self.update_deployment_state()

    @staticmethod
    def list(
        workspace: Workspace,
        compute_type: str | None = None,
        model_name: str | None = None,
        model_id: str | None = None,
        tags: TagFilter | None = None,
        properties: TagFilter | None = None,
        **others: Any,
    ) -> list[Webservice]:
        """Lists services, by name. tags: names, or pairs of name and value."""
        for name, value in others.items():
            if value is not None:
                raise WebserviceException(f"Webservice.list: {name}: there are no images here; leave it out")
        if compute_type not in (None, "Functions"):
            return []
        services = []
        for name in workspace.service_registry.list():
            with suppress(WebserviceNotFound):  # it was deleted meanwhile
                services.append(Webservice(workspace, name))
        return [
            service
            for service in services
            if has_all(service.tags, tags)
            and has_all(service.properties, properties)
            and (model_name is None or any(model_name == each.partition(":")[0] for each in service.model_ids))
            and (model_id is None or model_id in service.model_ids)
        ]

    # What it is

    @property
    def state(self) -> str:
        """``Healthy``, ``Transitioning``, ``Unhealthy`` or ``Failed``; ``Unknown``: the app does not tell."""
        return self._state

    @property
    def error(self) -> str:
        """Why it is in its state; empty where nothing is wrong."""
        return self._reason

    @property
    def scoring_uri(self) -> str:
        return f"{self._address()}/score"

    @property
    def swagger_uri(self) -> str:
        return f"{self._address()}/swagger.json"

    @property
    def auth_enabled(self) -> bool:
        return self._auth_mode() == "key"

    @property
    def token_auth_enabled(self) -> bool:
        return self._auth_mode() == "token"

    @property
    def description(self) -> str:
        return str(self._definition.get("description", ""))

    @property
    def tags(self) -> dict[str, str]:
        return dict(self._definition.get("tags", {}))

    @property
    def properties(self) -> dict[str, str]:
        return dict(self._definition.get("properties", {}))

    @property
    def model_ids(self) -> Sequence[str]:
        """``name:version`` of its models."""
        found = []
        for alias, model in self._definition.get("models", {}).items():
            copied = re.match(r"\d+/([^/]+)/(\d+)/", model["path"])
            own = re.match(r"(\d+)/", model["path"])
            found.append(f"{copied[1]}:{copied[2]}" if copied else f"{alias}:{own[1]}" if own else alias)
        return found

    def update_deployment_state(self) -> None:
        """Reads the service and its state again."""
        self._definition, self._digest = self._require_service()
        self._state, self._reason = self._read_state()

    def serialize(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "description": self.description,
            "state": self.state,
            "computeType": self.compute_type,
            "scoringUri": self.scoring_uri,
            "swaggerUri": self.swagger_uri,
            "authEnabled": self.auth_enabled,
            "tokenAuthEnabled": self.token_auth_enabled,
            "tags": self.tags,
            "properties": self.properties,
            "models": self.model_ids,
        }

    # What it does

    def run(self, input_data: Any, timeout: float = _TIMEOUT) -> Any:
        """
        Scores. Takes JSON text, bytes of JSON, an object, a list of rows, a numpy array or a DataFrame.

        Returns the answer, parsed. A 401 is followed by one more try with keys that are read again, and a 429 or 503 with
        ``Retry-After`` by one after that time. timeout: seconds for the request with its retries and the whole answer.
        """
        response = self.request("POST", "/score", data=encode_input(input_data), timeout=timeout)
        content_type = response.headers.get("content-type", "")
        if re.match(r"application/([^;]*\+)?json\b", content_type, re.IGNORECASE):
            return parse_json(response) if response.text else None
        return response.text if content_type.startswith("text/") else response.content

    def request(
        self,
        method: str,
        path: str,
        data: str | bytes | SentFile | None = None,
        timeout: float = _TIMEOUT,
        stream: bool = False,
    ) -> requests.Response:
        """
        Sends a request to a route of the service, with its key. Raises WebserviceException unless it is answered well.

        timeout: seconds for the request with its retries and the whole answer; with stream, until the answer begins.
        """
        ends_at = time.monotonic() + timeout
        is_fresh, retries = False, 0
        while True:
            response = self._send(method, path, data, max(0.001, ends_at - time.monotonic()), stream)
            if response.status_code < 300:
                return response
            failure = _describe_failure(response)
            if response.status_code == 401 and not is_fresh:
                is_fresh, rejected = True, self._credential
                self._credential = None
                if self._read_credential() == rejected:
                    raise failure
                continue
            is_put_off = response.status_code in (429, 503) and failure.code != "TOO_MANY_WRONG_KEYS"
            delay = failure.retry_after
            if not is_put_off or delay is None or retries >= _MAX_RETRIES or time.monotonic() + delay >= ends_at:
                raise failure
            retries += 1
            time.sleep(delay)

    # What is changed

    def wait_for_deployment(self, show_output: bool = False, timeout_sec: float | None = None) -> None:
        """Waits until the app serves what was deployed."""
        if show_output:
            for note in self.notes:
                print(note)
        ends_at = time.monotonic() + (300 if timeout_sec is None else timeout_sec)
        shown = ""
        while True:
            self.update_deployment_state()
            line = f"{self.name}: {self.state}" + (f": {self.error}" if self.error else "")
            if show_output and line != shown:
                print(line)
            shown = line
            if self.state == "Healthy":
                return
            if self.state in ("Failed", "Unhealthy"):
                raise WebserviceException(f"{self.name} cannot be served: {self.error}")
            if time.monotonic() > ends_at:
                raise WebserviceException(f"{self.name} is not served in time; its state is {line}")
            time.sleep(0.3)

    def get_keys(self) -> tuple[str | None, str | None]:
        """The primary and the secondary key; either is accepted. Raises WebserviceNotFound where there are neither keys nor the service."""
        primary, secondary = self.workspace.keys.read(self.name, "primary"), self.workspace.keys.read(self.name, "secondary")
        if primary is None and secondary is None:
            self._require_service()
        return primary, secondary

    def regen_key(self, key: str, set_key: str | None = None) -> None:
        """
        Replaces a key. The other one stays valid, so that callers who use it are not interrupted.

        Raises WebserviceNotFound when the service was deleted meanwhile, which gets no keys then.
        """
        self._require_service()
        key_type = parse_key_type(key)
        value = make_key() if set_key is None else set_key
        check_key(value)
        other = "secondary" if key_type == "primary" else "primary"
        if self.workspace.keys.read(self.name, other) == value:
            raise WebserviceException(f"the new {key_type} key is the {other} key too: choose another value, or the old key stays valid")
        self.workspace.keys.write(self.name, key_type, value)
        self._credential = None

    def get_token(self) -> tuple[str, datetime]:
        """An access token for a service that takes tokens, and when to ask for the next one."""
        token = self.get_access_token()
        return token.access_token, token.refresh_after

    def get_access_token(self) -> ServiceAccessToken:
        """An access token for a service that takes tokens, with its times."""
        if not self.token_auth_enabled:
            raise WebserviceException(f'{self.name} takes no tokens: see "auth" in its service.json')
        audience = self._definition["auth"]["audience"]
        token = self.workspace.credential.get_token(f"{audience if isinstance(audience, str) else audience[0]}/.default")
        expires = datetime.fromtimestamp(token.expires_on)
        return ServiceAccessToken(token.token, expires, expires)

    def update(
        self,
        models: Sequence[Model] | None = None,
        inference_config: InferenceConfig | None = None,
        tags: Mapping[str, str] | None = None,
        properties: Mapping[str, str] | None = None,
        description: str | None = None,
        **parameters: Any,
    ) -> None:
        """Changes what is named. The app goes on with the old one until the new one has loaded."""
        from .configuration import FlexWebservice

        given = {"tags": tags, "properties": properties, "description": description, **parameters}
        given = {name: value for name, value in given.items() if value is not None}
        if not given and models is None and inference_config is None:
            raise WebserviceException("No parameters provided to update.")
        configuration = FlexWebservice.deploy_configuration(**given)
        self.notes = configuration.notes
        deployments.update(self.workspace, self.name, models, inference_config, configuration.parameters)
        self._credential = None
        self.update_deployment_state()

    def add_tags(self, tags: Mapping[str, str]) -> None:
        self.update(tags={**self.tags, **tags})

    def remove_tags(self, tags: Sequence[str]) -> None:
        self.update(tags={name: value for name, value in self.tags.items() if name not in tags})

    def add_properties(self, properties: Mapping[str, str]) -> None:
        self.update(properties=properties)

    @property
    def deployments(self) -> dict[str, dict[str, int]]:
        """The deployments that share the requests, with their ``weight`` and ``mirror``; empty: there is but one."""
        found = self._definition.get("deployments", {})
        return {name: {key: int(each.get(key, 0)) for key in ("weight", "mirror")} for name, each in found.items()}

    def create_deployment(self, name: str, models: Sequence[Model], mirror: int | None = None, current: str = "blue") -> None:
        """
        Adds a deployment of other models beside those that there are, or replaces one. It answers nothing yet.

        mirror: percent of the requests that it gets copies of; its answers are compared and counted, and not sent.
        current: what the deployment that there is shall be called, where the service has none by name.
        """
        deployments.put_deployment(self.workspace, self.name, name, models, mirror, current)
        self.update_deployment_state()

    def delete_deployment(self, name: str) -> None:
        """Removes a deployment that gets no requests."""
        deployments.delete_deployment(self.workspace, self.name, name)
        self.update_deployment_state()

    def set_traffic(
        self,
        weights: Mapping[str, int] | None = None,
        mirror: Mapping[str, int] | None = None,
        sticky_header: str | None = None,
    ) -> None:
        """
        Changes who answers how many requests, without a restart.

        weights: percent by deployment, together 100; those that are left out get none.
        mirror: percent of the requests of the others that a deployment gets copies of.
        sticky_header: requests with the same value of it go to the same deployment; "": no longer.
        """
        deployments.set_traffic(self.workspace, self.name, weights, mirror or {}, sticky_header)
        self.update_deployment_state()

    def delete(self) -> None:
        """Deletes the service; its models stay registered."""
        deployments.delete(self.workspace, self.name)
        self._state = "Deleting"

    def get_logs(self, num_lines: int = 5000, init: bool = False) -> str:
        """The last lines of the app's log that are about this service; on this machine, where ``scoring start`` writes it."""
        path = self.workspace.log_file
        if path is None:
            raise WebserviceException(f"get_logs: the log of an app in Azure is in Application Insights; search for [{self.name}]")
        if not path.is_file():
            raise WebserviceException(f'get_logs: there is no log yet: "npx scoring start" writes it to {path}')
        lines = path.read_text(errors="replace").splitlines()
        own = [line for line in lines if f"[{self.name}]" in line or f"[{self.name}/" in line]
        return "".join(f"{line}\n" for line in own[-num_lines:])

    def __repr__(self) -> str:
        return f"Webservice({self.name!r}, state={self.state!r})"

    # How

    def _address(self) -> str:
        return f"{self.app_url or self.workspace.find_url()}/api/v1/service/{self.name}"

    def _require_service(self) -> tuple[dict[str, Any], str]:
        found = self.workspace.service_registry.show(self.name)
        if found is None:
            raise WebserviceNotFound(f'WebserviceNotFound: there is no service "{self.name}" in {self.workspace.name}')
        return found

    def _auth_mode(self) -> str:
        return str(self._definition.get("auth", {}).get("mode", "key"))

    def _read_credential(self) -> str | None:
        if self._credential is None:
            mode = self._auth_mode()
            if mode == "key":
                primary, secondary = self.get_keys()
                self._credential = primary or secondary
            elif mode == "token":
                self._credential = self.get_access_token().access_token
        return self._credential

    def _send(
        self, method: str, path: str, data: str | bytes | SentFile | None, timeout: float, stream: bool
    ) -> requests.Response:
        url = self._address() + path
        if self.app_url is None:
            self.workspace.require_app()
        headers = {"Accept": "*/*"}
        if data is not None:
            headers["Content-Type"] = data.content_type if isinstance(data, SentFile) else "application/json"
        credential = self._read_credential()
        if credential is not None:
            headers["Authorization"] = f"Bearer {credential}"
        body = data.encode() if isinstance(data, str) else data.open() if isinstance(data, SentFile) else data
        limit = TimeLimit(timeout)
        try:
            with limit:
                # A key must not travel to another address.
                response = self._session.request(
                    method, url, data=body, headers=headers, timeout=timeout, stream=stream, allow_redirects=False
                )
        except requests.RequestException as error:
            if limit.has_passed or isinstance(error, requests.Timeout):
                raise WebserviceException(f"no answer to {method} …{path} in time") from None
            raise WebserviceException(f"could not reach {url}: {type(error).__name__}") from error
        if limit.has_passed:  # what was read may be a part of the answer
            response.close()
            raise WebserviceException(f"no answer to {method} …{path} in time")
        return response

    def _read_state(self) -> tuple[str, str]:
        base = self.app_url or self.workspace.find_url()
        try:
            if self.app_url is None:
                self.workspace.require_app()
        except WorkspaceException as error:
            return "Unknown", str(error)
        try:
            credential = self._read_credential()
            headers = {} if credential is None else {"Authorization": f"Bearer {credential}"}
            with TimeLimit(_STATUS_TIMEOUT):
                response = self._session.get(f"{base}/health/ready", headers=headers, timeout=_STATUS_TIMEOUT, allow_redirects=False)
            health = response.json().get("services", {}).get(self.name)
        except requests.ConnectionError:
            return "Unknown", f'nothing listens at {base}; start the app with "npx scoring start"'
        except (requests.RequestException, ValueError, AttributeError) as error:
            return "Unknown", f"{base} does not tell: {type(error).__name__}"
        if health is None:
            return "Transitioning", "the app does not show it yet"
        status, definition = health["status"], health.get("definition")
        is_current = definition is None or definition == self._digest
        if is_current and status == "failed":
            return "Failed", health.get("reason") or "it could not be loaded"
        if is_current and status in ("ready", "idle"):
            return "Healthy", ""
        if is_current:
            return "Transitioning", "it is loading"
        rejected = health.get("rejectedChange", {})
        if rejected.get("definition") == self._digest:
            return "Unhealthy", f"an earlier definition is served: {rejected.get('reason')}"
        return "Transitioning", "an earlier definition is served until the new one has loaded"


def encode_input(input_data: Any) -> str | bytes:
    """JSON text as it is; rows, arrays and DataFrames as ``{"data": …}``."""
    if isinstance(input_data, (str, bytes)):
        return input_data
    if hasattr(input_data, "to_dict") and hasattr(input_data, "columns"):
        input_data = {"data": input_data.to_dict("records")}
    elif hasattr(input_data, "tolist"):
        input_data = {"data": input_data.tolist()}
    elif isinstance(input_data, (list, tuple)):
        input_data = {"data": input_data}
    if not isinstance(input_data, dict):
        raise TypeError(f"cannot score {type(input_data).__name__}; give JSON text, a dict, a list of rows, an array or a DataFrame")
    return json.dumps(input_data, default=_encode_other)


def parse_json(response: requests.Response) -> Any:
    try:
        return json.loads(response.text)
    except ValueError as error:
        what = f"{response.url} has answered with something else than JSON: {error}"
        raise WebserviceException(what, response.status_code) from None


def _encode_other(value: Any) -> Any:
    if value != value:
        return None  # pandas' NaT, which is no text
    if hasattr(value, "tolist"):
        return value.tolist()
    if hasattr(value, "isoformat"):
        return value.isoformat()
    raise TypeError(f"cannot score a value of type {type(value).__name__}")


def _describe_failure(response: requests.Response) -> WebserviceException:
    try:
        body = response.json()
    except ValueError:
        body = {}
    body = body if isinstance(body, dict) else {}
    message = body.get("message")
    text = message if isinstance(message, str) else f"{response.url} was answered with status {response.status_code}"
    seconds = response.headers.get("retry-after", "")
    retry_after = float(seconds) if re.fullmatch(r"[0-9]{1,9}(\.[0-9]+)?", seconds) else None
    return WebserviceException(text, response.status_code, body.get("code"), retry_after)
