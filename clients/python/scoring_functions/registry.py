"""Registers versions of models and writes services, in the layout that the app reads (`models/repository` of the app)."""

from __future__ import annotations

import hashlib
import json
import mmap
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from .errors import WorkspaceException
from .files import RESERVATION, Content, RepositoryFiles

RECORD = "version.json"
_MODEL_NAME = re.compile(r"^[A-Za-z0-9][-\w.]{0,254}\Z", re.ASCII)
_SERVICE_NAME = re.compile(r"^[a-z]([-a-z0-9]{1,30}[a-z0-9])\Z")
_VERSION = re.compile(r"^(0|[1-9]\d{0,14})\Z")
_NOT_IN_PATHS = re.compile(r'[\\:*?"<>|\x00-\x1f\x7f-\x9f]')
_MAX_CONFLICTS = 100
#: Property of a version that was made for a service: the models that it holds, e.g. ``sklearn-iris:2``.
COPIES = "copies"


@dataclass(frozen=True)
class ModelFile:
    """A file of a version, by its path in the folder of the version."""

    path: str
    bytes: int
    sha256: str | None = None


@dataclass(frozen=True)
class ModelRecord:
    """What is known of a version of a model."""

    name: str
    version: int
    #: ISO 8601; None: it was copied into the repository, not registered.
    created_at: str | None
    description: str = ""
    tags: dict[str, str] = field(default_factory=dict)
    properties: dict[str, str] = field(default_factory=dict)
    files: tuple[ModelFile, ...] = ()


class ModelRegistry:
    """Versions are integers that count up from 1, and do not change once they are registered."""

    def __init__(self, files: RepositoryFiles) -> None:
        self._files = files

    def register(
        self,
        name: str,
        contents: Mapping[str, Content],
        description: str = "",
        tags: Mapping[str, str] | None = None,
        properties: Mapping[str, str] | None = None,
    ) -> ModelRecord:
        """Writes the files of the next version first, and then the record that makes it exist."""
        _check_model_name(name)
        check_paths(contents)
        labels = [_labels("tags", tags), _labels("properties", properties)]
        version = self._reserve(name)
        folder = f"{name}/{version}/"
        try:
            files = tuple(self._write(folder, path, content) for path, content in contents.items())
            record = ModelRecord(name, version, _now(), description, labels[0], labels[1], files)
            if not self._create(folder + RECORD, _encode(record)):
                raise WorkspaceException(f"{name}:{version} was registered by another process meanwhile")
        except BaseException:
            if self._files.read_text(folder + RECORD) is None:
                for path in self._files.list(folder):
                    if path != folder + RESERVATION:
                        self._files.remove(path)
                self._files.remove(folder + RESERVATION)  # last, so that a part of a version is never taken for one
            raise
        self._files.remove(folder + RESERVATION)
        return record

    def list(self, name: str | None = None) -> list[ModelRecord]:
        """Lists versions, by name and then oldest first."""
        if name is not None:
            _check_model_name(name)
        versions: dict[tuple[str, int], dict[str, int]] = {}
        for path, size in self._files.list("" if name is None else f"{name}/").items():
            model, _, rest = path.partition("/")
            folder, _, file = rest.partition("/")
            if file and _MODEL_NAME.match(model) and _VERSION.match(folder):
                versions.setdefault((model, int(folder)), {})[file] = size
        found = (self._describe(model, version, files) for (model, version), files in sorted(versions.items()))
        return [record for record in found if record is not None]

    def get(self, name: str, version: int | None = None) -> ModelRecord | None:
        found = [record for record in self.list(name) if version is None or record.version == version]
        return found[-1] if found else None

    def read(self, record: ModelRecord, path: str) -> Iterator[bytes]:
        """Reads a file, and fails after the last byte when its digest is another one."""
        expected = next((file.sha256 for file in record.files if file.path == path), None)
        digest = hashlib.sha256()
        for piece in self._files.read(f"{record.name}/{record.version}/{path}"):
            digest.update(piece)
            yield piece
        if expected is not None and digest.hexdigest() != expected:
            raise WorkspaceException(f"{record.name}:{record.version}: {path} has another SHA-256 than when it was registered")

    def update(
        self,
        name: str,
        version: int,
        description: str | None = None,
        tags: Mapping[str, str] | None = None,
        properties: Mapping[str, str] | None = None,
    ) -> ModelRecord:
        """Replaces tags and description; adds properties."""
        place = f"{name}/{version}/{RECORD}"
        for _ in range(_MAX_CONFLICTS):
            found = self._files.read_text(place)
            content = _parse_record(found[0]) if found else None
            record = None if content is None else _decode(name, version, content)
            if not found or not record:
                raise WorkspaceException(f"there is no registered version {version} of the model {name}")
            changed = ModelRecord(
                name,
                version,
                record.created_at,
                record.description if description is None else description,
                record.tags if tags is None else _labels("tags", tags),
                add_properties(record.properties, _labels("properties", properties)),
                record.files,
            )
            if self._files.replace(place, _encode(changed), found[1]):
                return changed
        raise WorkspaceException(f"{name}:{version} is being changed by others again and again; try again")

    def delete(self, name: str, version: int) -> None:
        """Deletes a version that no service of that name needs. Its number is not used again."""
        present = self.list(name)
        record = next((each for each in present if each.version == version), None)
        if record is None:
            raise WorkspaceException(f"there is no version {version} of the model {name}")
        service = self._files.read_text(f"{name}/service.json")
        if service and (version in _pinned_versions(service[0]) or len(present) == 1):
            raise WorkspaceException(f"{name}:{version} is used by the service {name}; change or delete the service first")
        folder = f"{name}/{version}/"
        text = _encode(ModelRecord(name, version, record.created_at or _now(), record.description, record.tags, record.properties), _now())
        for _ in range(_MAX_CONFLICTS):
            found = self._files.read_text(folder + RECORD)
            is_done = self._files.replace(folder + RECORD, text, found[1]) if found else self._create(folder + RECORD, text)
            if is_done:
                for path in self._files.list(folder):
                    if path not in (folder + RECORD, folder + RESERVATION):
                        self._files.remove(path)
                return
        raise WorkspaceException(f"{name}:{version} is being changed by others again and again; try again")

    def _reserve(self, name: str) -> int:
        note = json.dumps({"at": _now()}, separators=(",", ":"))
        for _ in range(_MAX_CONFLICTS):
            folders = (path[len(name) + 1 :].partition("/")[0] for path in self._files.list(f"{name}/"))
            version = max((int(folder) for folder in folders if _VERSION.match(folder)), default=0) + 1
            folder = f"{name}/{version}/"
            if self._create(folder + RESERVATION, note):
                if list(self._files.list(folder)) == [folder + RESERVATION]:
                    return version
                self._files.remove(folder + RESERVATION)  # another process has finished it meanwhile
        raise WorkspaceException(f"{name} is being changed by others again and again; try again")

    def _write(self, folder: str, path: str, content: Content) -> ModelFile:
        digest, size = hashlib.sha256(), 0

        def measured() -> Iterator[bytes]:
            nonlocal digest, size
            digest, size = hashlib.sha256(), 0  # a storage may begin again
            for piece in content():
                digest.update(piece)
                size += len(piece)
                yield piece

        if not self._files.create(folder + path, measured):
            raise WorkspaceException(f"{folder}{path} was written by another process meanwhile")
        return ModelFile(path, size, digest.hexdigest())

    def _describe(self, name: str, version: int, files: dict[str, int]) -> ModelRecord | None:
        if RECORD in files:
            found = self._files.read_text(f"{name}/{version}/{RECORD}")
            content = _parse_record(found[0]) if found else None
            if content is not None:
                return _decode(name, version, content)
        elif RESERVATION in files:
            return None  # it is not finished
        files = {path: size for path, size in files.items() if path not in (RECORD, RESERVATION)}
        if not files:
            return None
        return ModelRecord(name, version, None, files=tuple(ModelFile(path, size) for path, size in files.items()))

    def _create(self, path: str, text: str) -> bool:
        return self._files.create(path, lambda: [text.encode()])


class ServiceRegistry:
    """Scripts go to a folder named by their digest, and ``service.json``, which names that folder, is written last."""

    def __init__(self, files: RepositoryFiles) -> None:
        self._files = files

    def list(self) -> list[str]:
        found = (re.match(r"^([^/]+)/service\.json$", path) for path in self._files.list(""))
        return sorted(match[1] for match in found if match)

    def get(self, name: str) -> tuple[dict[str, Any], str] | None:
        """Returns the definition and its version, to change it."""
        check_service_name(name)
        found = self._files.read_text(f"{name}/service.json")
        if not found:
            return None
        text, version = found
        definition = _parse_object(text)
        if definition is None:
            raise WorkspaceException(f"{name}/service.json is not a JSON object")
        return definition, version

    def show(self, name: str) -> tuple[dict[str, Any], str] | None:
        """The definition, empty where ``service.json`` is wrong, which the app tells; and the SHA-256 of its text."""
        check_service_name(name)
        found = self._files.read_text(f"{name}/service.json")
        return found and (_parse_object(found[0]) or {}, hashlib.sha256(found[0].encode()).hexdigest())

    def put(self, name: str, definition: dict[str, Any], files: Mapping[str, bytes], version: str | None) -> bool:
        """Writes a service. version: the one to replace; None: there must be none. Returns False when that is not so."""
        check_service_name(name)
        if files:
            folder = self._write_code(name, files)
            definition = _move_files(definition, lambda path: f"{folder}/{path}" if path in files else path)
        text = json.dumps(definition, indent=2, ensure_ascii=False) + "\n"
        place = f"{name}/service.json"
        before = self._files.read_text(place)
        is_written = (
            self._files.create(place, lambda: [text.encode()])
            if version is None
            else self._files.replace(place, text, version)
        )
        if is_written:
            kept = text + (before[0] if before else "")  # an app may be opening the one before
            self._remove_code(name, kept)
        return is_written

    def delete(self, name: str) -> bool:
        check_service_name(name)
        is_there = self._files.read_text(f"{name}/service.json") is not None
        self._files.remove(f"{name}/service.json")
        self._remove_code(name, "")
        return is_there

    def _write_code(self, name: str, files: Mapping[str, bytes]) -> str:
        digest = hashlib.sha256()
        for path in sorted(files):
            digest.update(f"{path}\n{len(files[path])}\n".encode())
            digest.update(files[path])
        folder = f"code/{digest.hexdigest()[:16]}"
        for path, content in files.items():
            self._files.create(f"{name}/{folder}/{path}", lambda content=content: [content])  # type: ignore[misc]
        return folder

    def _remove_code(self, name: str, kept: str) -> None:
        for path in self._files.list(f"{name}/code/"):
            folder = re.match(r"code/[0-9a-f]{16}", path[len(name) + 1 :])
            if folder and folder[0] not in kept:
                self._files.remove(path)


def find_model_files(model_path: str) -> dict[str, Content]:
    """The files of a model on this machine: one file with what lies beside it under its name, or a folder."""
    path = Path(model_path).resolve()
    if not path.exists():
        raise WorkspaceException(f"model_path: {model_path} does not exist")
    root, found = (path, sorted(path.rglob("*"))) if path.is_dir() else (path.parent, [path, *_weights(path)])
    files = [each for each in found if each.is_file() and not any(part.startswith(".") or part in ("node_modules", "__pycache__") for part in each.relative_to(root).parts)]
    if not files:
        raise WorkspaceException(f"model_path: {model_path} is an empty folder")
    return {each.relative_to(root).as_posix(): lambda each=each: _pieces(each) for each in files}  # type: ignore[misc]


def _weights(path: Path) -> list[Path]:
    """The files with weights that an ONNX file names: entries ``location`` of its external data."""
    if path.suffix.lower() != ".onnx" or path.stat().st_size == 0:
        return []
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        # StringStringEntryProto: key = 1, value = 2, whose length is below 128 for every usual name.
        entry = rb"\x0a\x08location\x12([\x01-\x7f])([^\x00-\x1f]+)"
        names = {match[2][: match[1][0]] for match in re.finditer(entry, content)}
    found = []
    for name in sorted(names):
        file_name = name.decode(errors="replace")
        place = path.parent / file_name
        if Path(file_name).is_absolute() or ".." in Path(file_name).parts:
            raise WorkspaceException(f"{path.name} has weights in {file_name}, outside its folder: save it again with the weights beside it")
        if place != path and not place.is_file():
            raise WorkspaceException(f"{path.name} has weights in {file_name}, which is not in {path.parent}")
        if place != path:
            found.append(place)
    return found


def _pieces(path: Path) -> Iterator[bytes]:
    with open(path, "rb") as file:
        while piece := file.read(1 << 20):
            yield piece


def check_service_name(name: str) -> None:
    if not _SERVICE_NAME.match(name):
        raise WorkspaceException(
            f'"{name}" is not a valid service name: use 3 to 32 lower-case letters, digits or "-", starting with a letter'
        )


def add_properties(before: Mapping[str, str], added: Mapping[str, str]) -> dict[str, str]:
    for name, value in added.items():
        if before.get(name, value) != value:
            raise WorkspaceException(f"properties.{name}: is set, and properties do not change; use a tag")
    return {**before, **added}


def _check_model_name(name: str) -> None:
    if not _MODEL_NAME.match(name):
        raise WorkspaceException(
            f'"{name}" is not a valid name of a model: use 1 to 255 letters, digits, "-", "_" or ".", starting with a letter or digit'
        )


def check_paths(paths: Iterable[str]) -> None:
    """As the app does: names that every file system and Blob storage take, and none that means something else here."""
    lower: set[str] = set()
    for path in paths:
        if path == RECORD:
            raise WorkspaceException(f"{path} is the name of the record of a version; rename the file")
        parts = path.split("/")
        if any(part == "" or part.startswith(".") or part[-1] in " ." for part in parts) or _NOT_IN_PATHS.search(path) or len(path) > 512:
            raise WorkspaceException(
                f"{path!r} is no path of a file in a version: parts do not begin with a dot or end with a dot or space, have none "
                'of \\ : * ? " < > | and no control characters, and all are 512 characters at most'
            )
        if path.lower() in lower:
            raise WorkspaceException(f"{path!r} differs from another file by case only")
        lower.add(path.lower())


def _labels(kind: str, labels: Mapping[str, str] | None) -> dict[str, str]:
    for name, value in (labels or {}).items():
        if not isinstance(name, str) or not isinstance(value, str):
            raise WorkspaceException(f"{kind}: names and values are texts, not {name!r}: {value!r}")
    return dict(labels or {})


def _encode(record: ModelRecord, deleted_at: str | None = None) -> str:
    content: dict[str, Any] = {
        "createdAt": record.created_at,
        "description": record.description,
        "tags": record.tags,
        "properties": record.properties,
        "files": [{"path": file.path, "bytes": file.bytes, "sha256": file.sha256} for file in record.files],
    }
    if deleted_at is not None:
        content["deletedAt"] = deleted_at
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def _parse_object(text: str) -> dict[str, Any] | None:
    try:
        content = json.loads(text.lstrip("\ufeff"))
    except ValueError:
        return None
    return content if isinstance(content, dict) else None


def _parse_record(text: str) -> dict[str, Any] | None:
    """None when the text is no record, but a file of the owner."""
    content = _parse_object(text)
    if content is None or not isinstance(content.get("createdAt"), str) or not isinstance(content.get("files"), list):
        return None
    return content


def _decode(name: str, version: int, content: Mapping[str, Any]) -> ModelRecord | None:
    if content.get("deletedAt") is not None:
        return None
    files = tuple(ModelFile(file["path"], file["bytes"], file.get("sha256")) for file in content["files"])
    return ModelRecord(
        name,
        version,
        content["createdAt"],
        content.get("description", ""),
        content.get("tags", {}),
        content.get("properties", {}),
        files,
    )


def _pinned_versions(text: str) -> set[int]:
    found: set[int] = set()

    def visit(value: Any, key: str) -> None:
        if key == "version" and isinstance(value, int):
            found.add(value)
        if key == "path" and isinstance(value, str) and (match := re.match(r"(\d+)/", value)):
            found.add(int(match[1]))
        if isinstance(value, dict):
            for name, each in value.items():
                visit(each, name)

    definition = _parse_object(text) or {}
    visit(definition.get("models"), "")
    visit(definition.get("deployments"), "")
    return found


def _move_files(value: Any, moved: Any, key: str = "") -> Any:
    if isinstance(value, list):
        return [_move_files(each, moved) for each in value]
    if not isinstance(value, dict):
        return moved(value) if key in ("entryScript", "script") and isinstance(value, str) else value
    return {
        name: moved(each) if key == "schema" and name == "input" else _move_files(each, moved, name)
        for name, each in value.items()
    }


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
