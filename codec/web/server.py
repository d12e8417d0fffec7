"""A web server for this machine alone, that shows files in the viewer."""

from __future__ import annotations

import os
import secrets
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cached_property
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlencode, urlsplit

from codec.engine.registry import MODELS, TUNES
from codec.engine.runtime import Runtime
from codec.web import site
from codec.web.archive import pack_model

HOST = "127.0.0.1"
ALIVE = "alive"
"""Path of a stream that a page keeps open as long as it is shown."""
_ONCE = "once"
GRACE = 10.0
"""Seconds without such a page after which nobody looks any more: a page that is loaded again comes back sooner."""
PATIENCE = 60.0
"""Seconds that the first page may take to come."""
_BEAT = 2.0
"""Seconds between signs of life in that stream, which tell whether somebody still reads it."""
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".wasm": "application/wasm",
    ".zip": "application/zip",
    ".lmc": "image/x-lmc",
}


class Viewer(ThreadingHTTPServer):
    """Serves the viewer and some files, at addresses that nobody can guess.

    Args:
        files: to be shown.
        models: folders of exported models, beside those that ship.
        port: to listen at; 0 takes any that is free.

    Raises:
        OSError: the port is taken.
        ModelError: a folder holds no model.
    """

    daemon_threads = True

    def __init__(self, files: Sequence[Path], models: Sequence[Path] = (), port: int = 0) -> None:
        self.files = list(files)
        folders = [*(MODELS / tune for tune in TUNES), *models]
        self._folders = {Runtime(folder).model_id.hex(): folder for folder in folders}
        self._archives: dict[str, bytes] = {}
        self._tickets: set[str] = set()
        self._pages = 0
        self._lock = threading.Lock()
        self._last_seen: float | None = None
        super().__init__((HOST, port), _Handler)

    @cached_property
    def secret(self) -> str:
        """First part of all paths: other users of this machine may reach the port, and web pages may try it."""
        return secrets.token_urlsafe(16)

    @property
    def port(self) -> int:
        """That it listens at."""
        return int(self.server_address[1])

    @property
    def url(self) -> str:
        """Of the page that shows the files."""
        paths = [("file", f"files/{i}/{quote(os.fsencode(path.name), safe='')}") for i, path in enumerate(self.files)]
        paths += [(ALIVE, "1")]
        return f"http://{HOST}:{self.port}/{self.secret}/index.html?{urlencode(paths)}"

    def wait_until_closed(self) -> None:
        """Wait until no page shows the files any more, or none has come in a minute."""
        began = time.monotonic()
        while True:
            time.sleep(1)
            with self._lock:
                if self._pages == 0 and self._last_seen is None and time.monotonic() - began > PATIENCE:
                    return
                gone = self._pages == 0 and self._last_seen is not None
                if gone and time.monotonic() - (self._last_seen or 0) > GRACE:
                    return

    @contextmanager
    def page(self) -> Iterator[None]:
        """While a page is shown."""
        with self._lock:
            self._pages += 1
        try:
            yield
        finally:
            with self._lock:
                self._pages -= 1
                self._last_seen = time.monotonic()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a browser that has gone away; tell of all else."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)

    def url_for_once(self) -> str:
        """An address that leads to :attr:`url` the first time that it is asked for, and to nothing after that. What a
        browser is started with, others can read in the list of processes."""
        ticket = secrets.token_urlsafe(16)
        self._tickets.add(ticket)
        return f"http://{HOST}:{self.port}/{_ONCE}/{ticket}"

    def redeem(self, ticket: str) -> bool:
        """Whether this is a ticket that nobody has used; it is used then."""
        with self._lock:
            known = ticket in self._tickets
            self._tickets.discard(ticket)
        return known

    def content(self, path: str) -> bytes | None:
        """What is at a path behind the secret; None if nothing is.

        Raises:
            OSError: a file cannot be read.
            CodecError: a model is damaged.
        """
        kind, _, rest = path.partition("/")
        if kind == "files":
            number = rest.partition("/")[0]
            known = number.isdecimal() and int(number) < len(self.files)
            return self.files[int(number)].read_bytes() if known else None
        if kind == site.MODELS:
            model_id = rest.removesuffix(".zip")
            if model_id in self._folders and model_id not in self._archives:
                self._archives[model_id] = pack_model(self._folders[model_id])
            return self._archives.get(model_id)
        return site.static_file(path)


class _Handler(BaseHTTPRequestHandler):
    server: Viewer

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def _answer(self, with_body: bool) -> None:
        # A page elsewhere may have its own name lead here, to read what is served.
        own = {f"{host}:{self.server.port}" for host in (HOST, "localhost")}
        path = unquote(urlsplit(self.path).path)
        secret, _, rest = path.removeprefix("/").partition("/")
        from_here = self.headers.get("Host") in own
        allowed = from_here and secrets.compare_digest(secret.encode(), self.server.secret.encode())
        if with_body and from_here and secret == _ONCE and self.server.redeem(rest):
            self.send_response(HTTPStatus.FOUND)
            self.send_header("Location", self.server.url)
            self.end_headers()
            return
        if with_body and allowed and rest == ALIVE:
            self._stay()
            return
        try:
            body = self.server.content(rest) if allowed else None
        except (OSError, ValueError) as error:
            self._send(HTTPStatus.INTERNAL_SERVER_ERROR, "text/plain; charset=utf-8", str(error).encode(), with_body)
            return
        if body is None:
            self._send(HTTPStatus.NOT_FOUND, "text/plain; charset=utf-8", b"nothing is here", with_body)
        else:
            kind = _TYPES.get(Path(rest).suffix.lower(), "application/octet-stream")
            self._send(HTTPStatus.OK, kind, body, with_body)

    def _stay(self) -> None:
        """Send signs of life until the page is closed."""
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        with self.server.page(), suppress(ConnectionError):
            while True:
                self.wfile.write(b": alive\n\n")
                time.sleep(_BEAT)

    def _send(self, status: HTTPStatus, kind: str, body: bytes, with_body: bool) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        # Several threads decode only in a page that is isolated from others.
        self.send_header("Cross-Origin-Opener-Policy", "same-origin")
        self.send_header("Cross-Origin-Embedder-Policy", "require-corp")
        self.send_header("Cross-Origin-Resource-Policy", "same-origin")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        if with_body:
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing of requests."""
