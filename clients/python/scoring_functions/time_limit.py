"""Limits the time of a request as a whole; ``requests`` limits each wait for the next byte, which a slow answer never reaches."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from types import TracebackType
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

#: The limit of the request that this thread sends.
_current = threading.local()


class TimeLimit:
    """Ends the connection that the requests of this thread use, once its seconds have passed; for a ``limited_session``."""

    def __init__(self, seconds: float) -> None:
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        #: Whether the time was over before the block was left.
        self.has_passed = False
        self._timer = threading.Timer(min(seconds, threading.TIMEOUT_MAX), self._end)
        self._timer.daemon = True

    def __enter__(self) -> TimeLimit:
        _current.limit = self
        self._timer.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        _current.limit = None
        self._timer.cancel()
        with self._lock:
            self._socket = None  # the connection goes on to other requests

    def watch(self, connected: socket.socket) -> None:
        with self._lock:
            self._socket = connected
            if self.has_passed:
                _shut_down(connected)

    def _end(self) -> None:
        with self._lock:
            self.has_passed = True
            if self._socket is not None:
                _shut_down(self._socket)


def limited_session() -> requests.Session:
    """A session whose requests end with the ``TimeLimit`` around them."""
    session = requests.Session()
    for scheme in ("http://", "https://"):
        session.mount(scheme, _Adapter())
    return session


def _shut_down(connected: socket.socket) -> None:
    """Wakes the thread that waits for it, which closing it would not."""
    # TLS within the TLS of a proxy is no socket, and has one.
    below = getattr(connected, "socket", connected)
    with suppress(OSError):  # it is closed already
        socket.socket.shutdown(below, socket.SHUT_RDWR)


def _watch(connected: socket.socket | None) -> None:
    limit = getattr(_current, "limit", None)
    if limit is not None and connected is not None:
        limit.watch(connected)


class _Connection(HTTPConnection):
    def connect(self) -> None:
        super().connect()
        _watch(self.sock)

    def request(self, *arguments: Any, **options: Any) -> None:
        _watch(self.sock)  # of an earlier request
        super().request(*arguments, **options)


class _TlsConnection(HTTPSConnection):
    def connect(self) -> None:
        super().connect()
        _watch(self.sock)

    def request(self, *arguments: Any, **options: Any) -> None:
        _watch(self.sock)
        super().request(*arguments, **options)


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


class _Adapter(HTTPAdapter):
    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        super().init_poolmanager(*arguments, **options)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}

    def proxy_manager_for(self, *arguments: Any, **options: Any) -> Any:
        manager = super().proxy_manager_for(*arguments, **options)
        manager.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}
        return manager
