"""The files of a repository of models and services: in a folder, or in a container of Azure Storage."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from azure.storage.blob import ContainerClient

#: Opens the bytes of a file from their beginning, as often as needed.
Content = Callable[[], Iterable[bytes]]

RESERVATION = ".registering"
_PIECE = 1 << 20
_UNFINISHED = ".new-"
_LOCK_LEFT_AFTER = 10.0


class RepositoryFiles(Protocol):
    """A file appears whole or not at all. Paths have "/" and begin at the root."""

    @property
    def location(self) -> str:
        """A folder, or a URL without a signature."""

    def list(self, prefix: str) -> dict[str, int]:
        """Lists the files whose path begins with the prefix, sorted, with their bytes."""

    def read(self, path: str) -> Iterator[bytes]: ...

    def read_text(self, path: str) -> tuple[str, str] | None:
        """Returns a small file and its version; None when there is none."""

    def create(self, path: str, content: Content) -> bool:
        """Writes a file that does not exist yet. Returns False when it exists; it is not changed."""

    def replace(self, path: str, text: str, version: str) -> bool:
        """Overwrites the version of a small file. Returns False when it has another one, or is gone."""

    def remove(self, path: str) -> None: ...


class FolderFiles:
    """A repository in a folder, such as ``models/``; the app and other programs use it at the same time."""

    def __init__(self, root: str | os.PathLike[str]) -> None:
        self._root = Path(root).resolve()

    @property
    def location(self) -> str:
        return str(self._root)

    def list(self, prefix: str) -> dict[str, int]:
        start = self._root / prefix.rpartition("/")[0]
        found: dict[str, int] = {}
        seen: set[str] = set()  # links may form a circle
        for folder, folders, names in os.walk(start, followlinks=True):
            if (own := os.path.realpath(folder)) in seen:
                folders.clear()
                continue
            seen.add(own)
            folders[:] = sorted(name for name in folders if not name.startswith(".") and name != "node_modules")
            for name in names:
                if name.startswith(".") and name != RESERVATION:
                    continue
                place = Path(folder) / name
                path = place.relative_to(self._root).as_posix()
                with contextlib.suppress(FileNotFoundError):  # removed meanwhile
                    if path.startswith(prefix) and place.is_file():
                        found[path] = place.stat().st_size
        return dict(sorted(found.items()))

    def read(self, path: str) -> Iterator[bytes]:
        with open(self._root / path, "rb") as file:
            while piece := file.read(_PIECE):
                yield piece

    def read_text(self, path: str) -> tuple[str, str] | None:
        try:
            with open(self._root / path, "rb") as file:
                return file.read().decode(), _version(os.fstat(file.fileno()))
        except (FileNotFoundError, NotADirectoryError):
            return None

    def create(self, path: str, content: Content) -> bool:
        place = self._root / path
        fresh = self._write(place, content)
        try:
            _link_or_copy(fresh, place)
            return True
        except FileExistsError:
            return False
        finally:
            fresh.unlink(missing_ok=True)

    def replace(self, path: str, text: str, version: str) -> bool:
        place = self._root / path
        with file_lock(place):
            try:
                if _version(place.stat()) != version:
                    return False
            except FileNotFoundError:
                return False
            os.replace(self._write(place, lambda: [text.encode()]), place)
            return True

    def remove(self, path: str) -> None:
        place = self._root / path
        place.unlink(missing_ok=True)
        # Blob storage has no empty folders either.
        for folder in place.parents:
            if folder == self._root:
                return
            try:
                folder.rmdir()
            except OSError:
                return

    def _write(self, place: Path, content: Content) -> Path:
        place.parent.mkdir(parents=True, exist_ok=True)
        fresh = place.parent / f"{_UNFINISHED}{secrets.token_urlsafe(9)}"
        try:
            with open(fresh, "xb") as file:
                for piece in content():
                    file.write(piece)
                file.flush()
                os.fsync(file.fileno())
        except BaseException:
            fresh.unlink(missing_ok=True)
            raise
        return fresh


def _link_or_copy(fresh: Path, place: Path) -> None:
    try:
        os.link(fresh, place)
    except FileExistsError:
        raise
    except OSError:  # the file system has no links
        with open(fresh, "rb") as source, open(place, "xb") as target:
            shutil.copyfileobj(source, target)


def _version(stat: os.stat_result) -> str:
    return f"{stat.st_size} {stat.st_mtime_ns} {stat.st_ino}"


@contextlib.contextmanager
def file_lock(place: Path) -> Iterator[None]:
    """Changes a file while no other process does that asks for the same lock, such as the app."""
    path = place.parent / f".{place.name}.lock"
    while True:
        try:
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
            break
        except FileExistsError:
            with contextlib.suppress(FileNotFoundError):
                if time.time() - path.stat().st_mtime > _LOCK_LEFT_AFTER:  # its process has ended
                    path.unlink(missing_ok=True)
            time.sleep(0.02)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


class BlobFiles:
    """A repository in a container of Azure Storage; the ETag of a blob is its version."""

    def __init__(self, container: ContainerClient, prefix: str = "") -> None:
        self._container = container
        self._prefix = prefix

    @property
    def location(self) -> str:
        return f"{self._container.url.split('?')[0]}/{self._prefix}".rstrip("/")

    def list(self, prefix: str) -> dict[str, int]:
        from azure.core.exceptions import ResourceNotFoundError

        try:
            blobs = self._container.list_blobs(name_starts_with=self._prefix + prefix)
            found = {blob.name[len(self._prefix) :]: int(blob.size) for blob in blobs}
        except ResourceNotFoundError:
            return {}  # there is no container yet
        return dict(sorted(found.items()))

    def read(self, path: str) -> Iterator[bytes]:
        yield from self._container.download_blob(self._prefix + path).chunks()

    def read_text(self, path: str) -> tuple[str, str] | None:
        from azure.core.exceptions import ResourceNotFoundError

        try:
            blob = self._container.download_blob(self._prefix + path)
            return blob.readall().decode(), str(blob.properties.etag)
        except ResourceNotFoundError:
            return None

    def create(self, path: str, content: Content) -> bool:
        from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError

        try:
            self._container.upload_blob(self._prefix + path, b"".join(content()), overwrite=False)
            return True
        except ResourceExistsError:
            return False
        except ResourceNotFoundError:  # the first blob makes the container
            with contextlib.suppress(ResourceExistsError):
                self._container.create_container()
            return self.create(path, content)

    def replace(self, path: str, text: str, version: str) -> bool:
        from azure.core import MatchConditions
        from azure.core.exceptions import ResourceModifiedError, ResourceNotFoundError

        try:
            self._container.upload_blob(
                self._prefix + path,
                text.encode(),
                overwrite=True,
                etag=version,
                match_condition=MatchConditions.IfNotModified,
            )
            return True
        except (ResourceModifiedError, ResourceNotFoundError):
            return False

    def remove(self, path: str) -> None:
        from azure.core.exceptions import ResourceNotFoundError

        with contextlib.suppress(ResourceNotFoundError):
            self._container.delete_blob(self._prefix + path)

