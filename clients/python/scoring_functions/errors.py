"""What can go wrong. Messages never hold a key or a token."""

from __future__ import annotations

from typing import Any


class WorkspaceException(Exception):
    """A workspace did not do what it was asked for."""


class ModelNotFoundException(WorkspaceException):
    """There is no such model."""


class WebserviceException(WorkspaceException):
    """A service answered with an error, or did not answer, or cannot be served."""

    def __init__(
        self,
        message: str,
        status_code: int | None = None,
        code: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        #: HTTP status of the answer; None when there was none.
        self.status_code = status_code
        #: Stable code, see guide/errors.md; None when the answer has none.
        self.code = code
        #: Seconds after which to try again, if the service says so.
        self.retry_after = retry_after


class WebserviceNotFound(WebserviceException):
    """There is no such service in the workspace."""


class JobException(WorkspaceException):
    """A job that did not end as Completed."""

    def __init__(self, job: dict[str, Any]) -> None:
        error = job.get("error")
        why = f": {error['message']} ({error['code']})" if error else ""
        super().__init__(f"job {job['jobId']} is {job['status']}{why}")
        #: The job as the service shows it.
        self.job = job
