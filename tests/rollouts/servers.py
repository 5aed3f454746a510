"""Real servers as operators run them: with passwords, TLS, as a Cluster, behind Sentinels."""

from __future__ import annotations

import socket
import subprocess
from contextlib import suppress
from threading import Thread
from typing import TYPE_CHECKING, Any

import redis
from support import until

from registry import embedded_valkey

if TYPE_CHECKING:
    import ssl
    from contextlib import ExitStack
    from pathlib import Path

HOST = "127.0.0.1"


class Server:
    """A Valkey on a port of its own."""

    def __init__(
        self,
        stack: ExitStack,
        folder: Path,
        *options: str | int,
        password: str | None = None,
        mode: str = "",
    ) -> None:
        self.port = free_port()
        self._password = password
        folder.mkdir(exist_ok=True)
        plain = ["--port", self.port, "--save", "", "--dir", folder, "--loglevel", "warning"]
        command = [
            embedded_valkey.binary(),
            *([folder / "sentinel.conf", mode] if mode else []),
            *plain,
            *options,
        ]
        with (folder / f"{self.port}.log").open("wb") as log:
            self.process = subprocess.Popen([str(part) for part in command], stdout=log, stderr=log)
        stack.callback(self.stop)
        until(self._answers, "Valkey")

    def _answers(self) -> bool:
        with suppress(redis.ConnectionError):
            return bool(self.ask("PING"))
        return False

    def ask(self, *command: str | int | bytes) -> Any:
        """Send one command, as an operator."""
        with redis.Redis(
            port=self.port, password=self._password, protocol=2, decode_responses=True
        ) as client:
            return client.execute_command(*command)

    def stop(self) -> None:
        """End it at once."""
        self.process.kill()
        self.process.wait()


class Cluster:
    """Three nodes that share the slots."""

    def __init__(self, stack: ExitStack, folder: Path) -> None:
        self.nodes = [
            Server(
                stack,
                folder / f"node-{i}",
                *("--cluster-enabled", "yes", "--cluster-port", free_port(), "--cluster-node-timeout", 2000),
            )
            for i in range(3)
        ]
        for node, start, end in zip(self.nodes, (0, 5461, 10923), (5460, 10922, 16383), strict=True):
            node.ask("CLUSTER ADDSLOTSRANGE", start, end)
        first = self.nodes[0]
        bus = first.ask("CONFIG GET", "cluster-port")["cluster-port"]
        for node in self.nodes[1:]:
            node.ask("CLUSTER MEET", HOST, first.port, bus)
        until(lambda: all(self._is_whole(node) for node in self.nodes), "the cluster")

    def _is_whole(self, node: Server) -> bool:
        info = node.ask("CLUSTER INFO")
        return bool(info["cluster_state"] == "ok" and info["cluster_known_nodes"] == "3")

    def owner(self, key: str) -> Server:
        """The node that has a key."""
        return next(node for node in self.nodes if self._serves(node, key))

    def _serves(self, node: Server, key: str) -> bool:
        try:
            node.ask("EXISTS", key)
        except redis.ResponseError:
            return False
        return True

    def move(self, key: str) -> None:
        """Give the slot of a key, with all that is in it, to another node."""
        source = self.owner(key)
        target = next(node for node in self.nodes if node is not source)
        slot = source.ask("CLUSTER KEYSLOT", key)
        here, there = (node.ask("CLUSTER MYID") for node in (source, target))
        target.ask("CLUSTER SETSLOT", slot, "IMPORTING", here)
        source.ask("CLUSTER SETSLOT", slot, "MIGRATING", there)
        for one in source.ask("CLUSTER GETKEYSINSLOT", slot, 100):
            source.ask("MIGRATE", HOST, target.port, one, 0, 1000)
        for node in (target, source):
            node.ask("CLUSTER SETSLOT", slot, "NODE", there)


class Watched:
    """A master and a replica with a password, and a Sentinel that watches them as the service `prompts`."""

    password = "data-secret"

    def __init__(self, stack: ExitStack, folder: Path) -> None:
        login = ("--requirepass", self.password, "--masterauth", self.password)
        self.master = Server(stack, folder / "master", *login, password=self.password)
        follow = ("--replicaof", f"{HOST} {self.master.port}", "--repl-diskless-sync-delay", 0)
        self.replica = Server(stack, folder / "replica", *login, *follow, password=self.password)
        until(lambda: self.master.ask("INFO", "replication")["connected_slaves"] == 1, "the replica")
        (folder / "sentinel").mkdir()
        (folder / "sentinel/sentinel.conf").write_text(
            f"sentinel monitor prompts {HOST} {self.master.port} 1\n"
            f"sentinel auth-pass prompts {self.password}\nsentinel down-after-milliseconds prompts 300\n"
        )
        self.sentinel = Server(stack, folder / "sentinel", mode="--sentinel")
        until(lambda: self.sentinel.ask("SENTINEL REPLICAS", "prompts"), "the Sentinel to know the replica")

    def lose_master(self) -> None:
        """End the master, and wait until the Sentinel has made the replica the master."""
        self.master.stop()
        until(lambda: self.replica.ask("ROLE")[0] == "master", "the failover")


class TlsDoor:
    """A port that speaks TLS before a plain server."""

    def __init__(self, stack: ExitStack, server: Server, context: ssl.SSLContext) -> None:
        self._server = server
        self._context = context
        self._listener = stack.enter_context(socket.create_server((HOST, 0)))
        self.port: int = self._listener.getsockname()[1]
        Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, plain: socket.socket) -> None:
        with (
            suppress(OSError),
            plain,
            self._context.wrap_socket(plain, server_side=True) as outside,
            socket.create_connection((HOST, self._server.port)) as inside,
        ):
            Thread(target=_pump, args=(inside, outside), daemon=True).start()
            _pump(outside, inside)


def _pump(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_RDWR)


def certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for this machine that signs itself, and its key."""
    made = folder / "server.pem", folder / "server.key"
    subject = ("-subj", "/CN=localhost", "-addext", f"subjectAltName=IP:{HOST},DNS:localhost")
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *subject]
    subprocess.run([*command, "-out", made[0], "-keyout", made[1]], check=True, capture_output=True)
    return made


def free_port() -> int:
    """A port that nobody had a moment ago."""
    with socket.create_server((HOST, 0)) as listener:
        port: int = listener.getsockname()[1]
        return port
