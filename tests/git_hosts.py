"""Real hosts of a repository: git's own http server behind a password, and an sshd."""

from __future__ import annotations

import base64
import os
import pwd
import shutil
import socket
import subprocess
from contextlib import closing, contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from support import GIT, until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SSHD = shutil.which("sshd") or shutil.which("/usr/sbin/sshd")


class HttpHost(ThreadingHTTPServer):
    """Serves the repositories of a folder to those who know a ``user:password``, or sends them elsewhere.

    Attributes:
        seen: what callers sent to identify themselves.
        elsewhere: where callers are sent instead, if anywhere.
        during: is called while a request is answered, when the caller's processes are all alive.
        cut: bytes after which the line breaks off, in the answers that have more.
        refusal: a status and headers with which each request is refused.
    """

    def __init__(self, folder: Path, password: str) -> None:
        super().__init__(("127.0.0.1", 0), _GitHandler)
        self.folder = folder
        self.password = password
        self.seen: list[str] = []
        self.elsewhere = ""
        self.during: Callable[[], object] = lambda: None
        self.cut: int | None = None
        self.refusal: tuple[int, dict[str, str]] | None = None

    @property
    def url(self) -> str:
        """The address of the folder."""
        return f"http://127.0.0.1:{self.server_port}"


class _GitHandler(BaseHTTPRequestHandler):
    server: HttpHost

    def do_GET(self) -> None:
        """Answer as git http-backend does, which knows GET from POST itself."""
        self.server.during()
        kind, _, encoded = self.headers.get("Authorization", "").partition(" ")
        sent = base64.b64decode(encoded).decode() if kind == "Basic" else ""
        self.server.seen.append(sent)
        if self.server.refusal:
            status, headers = self.server.refusal
            self._answer(status, b"", **headers)
        elif self.server.elsewhere:
            self._answer(302, b"", Location=self.server.elsewhere + self.path)
        elif sent != self.server.password:
            self._answer(401, b"", **{"WWW-Authenticate": 'Basic realm="git"'})
        else:
            self._answer(*self._run())

    do_POST = do_GET  # noqa: N815 - the server's own name

    def _run(self) -> tuple[int, bytes]:
        address = urlsplit(self.path)  # to a proxy it is a whole one
        length = int(self.headers.get("Content-Length", 0))
        environment = {
            "PATH": os.environ["PATH"],
            **GIT,
            "GIT_PROJECT_ROOT": str(self.server.folder),
            "GIT_HTTP_EXPORT_ALL": "1",
            "REQUEST_METHOD": self.command,
            "PATH_INFO": address.path,
            "QUERY_STRING": address.query,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(length),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "HTTP_GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
        }
        done = subprocess.run(
            ["git", "http-backend"],
            check=True,
            input=self.rfile.read(length),
            capture_output=True,
            env=environment,
        )
        head, _, body = done.stdout.partition(b"\r\n\r\n")
        lines = dict(line.split(": ", 1) for line in head.decode().splitlines())
        self._type = lines.get("Content-Type", "text/plain")
        return int(lines.get("Status", "200 OK")[:3]), body

    _type = "text/plain"

    def _answer(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": self._type, "Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        with suppress(ConnectionError):  # the caller was cut off, which tests do
            self.wfile.write(body[: self.server.cut])
        if self.server.cut is not None and len(body) > self.server.cut:
            self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def http_host(folder: Path, password: str) -> Iterator[HttpHost]:
    """Serve the repositories of a folder over http."""
    with HttpHost(folder, password) as host:
        thread = Thread(target=host.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield host
        finally:
            host.shutdown()
            thread.join()


class SshHost:
    """An sshd of the test's own, with one host key and one user key that it lets in.

    Attributes:
        key: the private key of the user.
        known_hosts: a file with the host's key.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        self.key = make_key(folder / "user key")
        self._host_key = make_key(folder / "host")
        with closing(socket.create_server(("127.0.0.1", 0))) as free:
            self.port = int(free.getsockname()[1])
        self.known_hosts = folder / "known hosts"
        self.expect(self._host_key)
        config = {
            "ListenAddress": f"127.0.0.1:{self.port}",
            "HostKey": self._host_key,
            "AuthorizedKeysFile": self.key.with_suffix(".pub"),
            "PidFile": "none",
            "StrictModes": "no",
            "PasswordAuthentication": "no",
        }
        (folder / "config").write_text("".join(f'{name} "{value}"\n' for name, value in config.items()))

    def expect(self, host_key: Path) -> None:
        """Let the host be known by this key."""
        public = host_key.with_suffix(".pub").read_text()
        self.known_hosts.write_text(f"[127.0.0.1]:{self.port} {public}")

    def url(self, repository: Path) -> str:
        """The address of a repository on this machine."""
        return f"ssh://{pwd.getpwuid(os.getuid()).pw_name}@127.0.0.1:{self.port}{repository}"

    def answers(self) -> bool:
        """Whether it is there."""
        with socket.socket() as caller:
            return caller.connect_ex(("127.0.0.1", self.port)) == 0


@contextmanager
def ssh_host(folder: Path) -> Iterator[SshHost]:
    """Serve this machine's repositories over ssh."""
    if not SSHD:
        pytest.skip("there is no sshd on this machine; install openssh-server")
    if os.getuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)  # without it, an sshd of root does not start
    host = SshHost(folder)
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([SSHD, "-D", "-e", "-f", folder / "config"], stderr=log)
    try:
        until(host.answers, "sshd", (folder / "log").read_text())
        yield host
    finally:
        process.terminate()
        process.wait()


def make_key(file: Path) -> Path:
    """Make a key pair, and return the private one's file."""
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", file], check=True)
    return file


def make_certificate(folder: Path) -> tuple[Path, Path]:
    """Make a certificate that nobody signed; returns its file and that of its key."""
    if not shutil.which("openssl"):
        pytest.skip("there is no openssl on this machine")
    files = folder / "certificate.pem", folder / "certificate.key"
    options = ("-x509", "-nodes", "-newkey", "rsa:2048", "-days", "1", "-subj", "/CN=127.0.0.1")
    host = ("-addext", "subjectAltName=IP:127.0.0.1")
    command = ["openssl", "req", *options, *host, "-out", str(files[0]), "-keyout", str(files[1])]
    subprocess.run(command, check=True, capture_output=True)
    return files
