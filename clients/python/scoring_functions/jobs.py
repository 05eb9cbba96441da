"""Batch jobs of a service."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

import requests

from .errors import JobException, WebserviceException
from .sent_file import SentFile
from .webservice import parse_json

if TYPE_CHECKING:
    from .webservice import Webservice

_ENDED = ("Completed", "Failed", "Canceled")


class BatchJob:
    """A file of any size is scored, and each row appears once and in order in the output."""

    def __init__(self, service: Webservice, job_id: str) -> None:
        self.service = service
        self.job_id = job_id

    @classmethod
    def submit(cls, service: Webservice, submission: dict[str, Any]) -> BatchJob:
        """Submits a job, e.g. ``{"input": {"blob": "input/rows.csv"}}`` (guide/batch-jobs.md)."""
        # A try that is repeated must not become a second job.
        body = {"jobId": f"job-{uuid.uuid4()}", **submission}
        job = _member(service.request("POST", "/jobs", data=json.dumps(body)), "jobId")
        return cls(service, job["jobId"])

    @classmethod
    def submit_file(
        cls, service: Webservice, path: str, submission: dict[str, Any] | None = None, timeout: float = 1800
    ) -> BatchJob:
        """
        Sends a file with its submission, for callers without a right on the storage of the app.

        Up to 100 MiB; the name of the file tells its format. The submission needs no ``input``, e.g. ``{"jobId": "nightly"}``.
        """
        body = {"jobId": f"job-{uuid.uuid4()}", **(submission or {})}
        answer = service.request("POST", "/jobs", data=SentFile(path, json.dumps(body)), timeout=timeout)
        return cls(service, _member(answer, "jobId")["jobId"])

    @staticmethod
    def list(
        service: Webservice, status: str | None = None, since: datetime | None = None
    ) -> Iterator[dict[str, Any]]:
        """The jobs of a service, newest first.

        ``status`` is one such as ``"Failed"``, or several with commas; ``since`` is the earliest creation.
        """
        query: dict[str, str] = {"limit": "100"}
        if status is not None:
            query["status"] = status
        if since is not None:
            query["since"] = since.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
        while True:
            page = _member(service.request("GET", f"/jobs?{urlencode(query)}"), "jobs")
            yield from page["jobs"]
            if "nextMarker" not in page:
                return
            query["marker"] = page["nextMarker"]

    def status(self) -> dict[str, Any]:
        """The job as the service shows it."""
        return self._call("GET")

    def cancel(self) -> dict[str, Any]:
        """Asks the job to stop; ``wait`` tells when it has."""
        return self._call("POST", "/cancel")

    def delete(self) -> None:
        """Deletes the job and its files, also its results if the submission named no other place for them.

        A job that has not ended is cancelled first. A job that does not exist counts as deleted. Very many files are removed within
        minutes, for which it does not wait.
        """
        while True:
            response = self.service.request("DELETE", self._path())
            if response.status_code != 202 or _member(response, "status").get("isDeleted"):
                return
            try:
                self.wait()
            except JobException:
                pass

    def wait(
        self, timeout: float | None = None, on_progress: Callable[[dict[str, Any]], None] | None = None
    ) -> dict[str, Any]:
        """Waits until the job has ended. Raises JobException when it failed or was cancelled."""
        ends_at = None if timeout is None else time.monotonic() + timeout
        delay = 0.2
        while True:
            job = self.status()
            if on_progress:
                on_progress(job)
            if job["status"] == "Completed":
                return job
            if job["status"] in _ENDED:
                raise JobException(job)
            if ends_at is not None and time.monotonic() + delay > ends_at:
                raise WebserviceException(f"job {self.job_id} is {job['status']} after {timeout} s; it goes on")
            time.sleep(delay)
            delay = min(5.0, delay * 1.5)

    def results(self) -> Iterator[dict[str, Any]]:
        """The results of a completed job, row by row and in order: ``{"index", "prediction"}`` or ``{"index", "error"}``."""
        response = self.service.request("GET", f"{self._path()}/output", stream=True)
        kind = response.headers.get("content-type", "")
        if any(word in kind for word in ("csv", "parquet", "gzip")):
            response.close()
            raise WebserviceException(f"the results of job {self.job_id} are {kind}; read them with download()")
        with response, _whole(self.job_id):
            for line in response.iter_lines():
                if line:
                    yield json.loads(line)

    def download(self, path: str) -> str:
        """Writes the file of results, and returns its path."""
        with self.service.request("GET", f"{self._path()}/output", stream=True) as response:
            try:
                with open(path, "wb") as file, _whole(self.job_id):
                    for piece in response.iter_content(1 << 20):
                        file.write(piece)
            except BaseException:
                Path(path).unlink(missing_ok=True)  # a part of the results would be taken for all
                raise
        return path

    def _path(self) -> str:
        return f"/jobs/{quote(self.job_id, safe='')}"

    def _call(self, method: str, action: str = "") -> dict[str, Any]:
        return _member(self.service.request(method, self._path() + action), "status")


def _member(response: requests.Response, name: str) -> dict[str, Any]:
    """The answer, which has this member where a service has given it."""
    answer = parse_json(response)
    if not isinstance(answer, dict) or name not in answer:
        raise WebserviceException(f'{response.url} has answered without "{name}": it is no service of Scoring Functions', response.status_code)
    return answer


@contextmanager
def _whole(job_id: str) -> Iterator[None]:
    """A connection that ends early leaves a part of the results."""
    try:
        yield
    except requests.RequestException as error:
        raise WebserviceException(f"the results of job {job_id} broke off: {type(error).__name__}") from error
