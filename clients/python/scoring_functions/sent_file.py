"""A file that is sent in a form, read as it is sent."""

from __future__ import annotations

import io
import os
import uuid


class SentFile:
    """The body of a request (RFC 7578): a form with the field ``job`` in JSON, and the file. It can be sent again."""

    def __init__(self, path: str, job: str) -> None:
        self._path = path
        boundary = uuid.uuid4().hex
        self.content_type = f"multipart/form-data; boundary={boundary}"
        name = os.path.basename(path).replace('"', "%22")
        self._head = (
            f'--{boundary}\r\nContent-Disposition: form-data; name="job"\r\n\r\n{job}\r\n'
            f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
            "Content-Type: application/octet-stream\r\n\r\n"
        ).encode()
        self._tail = f"\r\n--{boundary}--\r\n".encode()

    def open(self) -> Parts:
        return Parts([io.BytesIO(self._head), open(self._path, "rb"), io.BytesIO(self._tail)])


class Parts:
    """Files that are read one after the other, as ``requests`` reads a body whose length is known."""

    def __init__(self, files: list[io.BytesIO | io.BufferedReader]) -> None:
        self._files = files
        self._length = sum(file.seek(0, os.SEEK_END) for file in files)
        for file in files:
            file.seek(0)

    def __len__(self) -> int:
        return self._length

    def read(self, size: int = -1) -> bytes:
        found = b""
        while self._files and (size < 0 or len(found) < size):
            piece = self._files[0].read(-1 if size < 0 else size - len(found))
            if piece:
                found += piece
            else:
                self._files.pop(0).close()
        return found
