"""The keys of services: in Azure Key Vault, or those of this machine in ``.local/keys.json``."""

from __future__ import annotations

import json
import os
import re
import secrets
from pathlib import Path
from typing import Any, Protocol

from .errors import WorkspaceException
from .files import file_lock

TYPES = ("primary", "secondary")


class KeyStore(Protocol):
    def read(self, service: str, key_type: str) -> str | None: ...

    def write(self, service: str, key_type: str, value: str) -> None: ...


class KeyFile:
    """``{"<service>": {"primary": "…", "secondary": "…"}}``, which only its owner can read."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self, service: str, key_type: str) -> str | None:
        value = self._content().get(service, {}).get(key_type)
        return value if isinstance(value, str) else None

    def write(self, service: str, key_type: str, value: str) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with file_lock(self._path):
            content = self._content()
            pair = content.get(service) or {each: make_key() for each in TYPES}
            self._replace({**content, service: {**pair, key_type: value}})

    def _replace(self, content: dict[str, Any]) -> None:
        fresh = self._path.with_name(f"{self._path.name}.{os.getpid()}.new")
        descriptor = os.open(fresh, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(json.dumps(content, indent=2) + "\n")
        os.replace(fresh, self._path)

    def _content(self) -> dict[str, Any]:
        try:
            content = json.loads(self._path.read_text())
        except FileNotFoundError:
            return {}
        except ValueError:
            # The parser's message would quote the file, which holds keys.
            raise WorkspaceException(f"{self._path} is not JSON; fix it, or delete it to get new keys") from None
        return content if isinstance(content, dict) else {}


class VaultKeys:
    """Secrets ``<service>-primary-key`` and ``<service>-secondary-key``, with the caller's own rights."""

    def __init__(self, url: str, credential: Any, **client_options: Any) -> None:
        from azure.keyvault.secrets import SecretClient

        self._client = SecretClient(url, credential, **client_options)
        self._url = url

    def read(self, service: str, key_type: str) -> str | None:
        from azure.core.exceptions import AzureError, HttpResponseError, ResourceNotFoundError

        try:
            return self._client.get_secret(f"{service}-{key_type}-key").value
        except ResourceNotFoundError:
            return None
        except HttpResponseError as error:
            if error.error is not None and error.error.code == "SecretDisabled":
                return None
            raise self._failed("did not return", error) from None
        except AzureError as error:
            raise self._failed("did not return", error) from None

    def write(self, service: str, key_type: str, value: str) -> None:
        from azure.core.exceptions import AzureError

        try:
            self._client.set_secret(f"{service}-{key_type}-key", value)
        except AzureError as error:
            raise self._failed("did not store", error) from None

    def _failed(self, what: str, error: Exception) -> WorkspaceException:
        status = getattr(error, "status_code", None)
        reason = f"status {status}" if status else type(error).__name__
        role = "; the role Key Vault Secrets Officer is needed" if status == 403 else ""
        return WorkspaceException(f"the vault {self._url} {what} a key: {reason}{role}")


class NoKeys:
    """A workspace that was opened without a vault."""

    def read(self, service: str, key_type: str) -> str | None:
        raise WorkspaceException("the workspace was opened without key_vault, so its keys cannot be read")

    def write(self, service: str, key_type: str, value: str) -> None:
        self.read(service, key_type)


def make_key() -> str:
    """256 bits, with a prefix that secret scanners and people recognise."""
    return f"sfkey_{secrets.token_urlsafe(32)}"


def parse_key_type(text: str) -> str:
    key_type = text.lower()
    if key_type not in TYPES:
        raise WorkspaceException(f'a service has a primary and a secondary key, not "{text}"')
    return key_type


def check_key(value: str) -> None:
    if len(value) < 32:
        raise WorkspaceException("the given key has fewer than 32 characters")
    if len(value) > 1024 or not re.fullmatch(r"[A-Za-z0-9\-._~+/]+=*", value):
        raise WorkspaceException("the given key has characters that an Authorization header cannot carry, or more than 1024")
