"""Real servers as operators run them: with passwords, TLS, as a Cluster, behind Sentinels."""

from __future__ import annotations

import signal
import socket
import subprocess
from contextlib import contextmanager, suppress
from itertools import combinations
from threading import Thread
from typing import TYPE_CHECKING, Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from support import until

from registry.redis import embedded

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator
    from contextlib import ExitStack
    from pathlib import Path

HOST = "127.0.0.1"
ANSWER_SECONDS = 2.0  # after which a server counts as one that hangs
NODE_TIMEOUT_MS = 1000
DOWN_AFTER_MS = 1500  # longer than a Sentinel needs to reach a server that it lost, which is a second
LOOK_MS = 200  # a Sentinel takes no replica that it has not looked at for some seconds
AT_ONCE = ("--repl-diskless-sync-delay", 0)  # a replica need not wait for others


class Server:
    """A Valkey on a port of its own, which can be ended and started again, empty."""

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
        self._command = [
            embedded.binary(),
            *([folder / "sentinel.conf", mode] if mode else []),
            *plain,
            *options,
        ]
        self._log = folder / f"{self.port}.log"
        self.start()
        stack.callback(self.stop)

    def start(self) -> None:
        """Start it, without any data."""
        with self._log.open("ab") as log:
            self.process = subprocess.Popen([str(part) for part in self._command], stdout=log, stderr=log)
        until(self._answers, "Valkey")

    def _answers(self) -> bool:
        with suppress(redis.ConnectionError):
            return bool(self.ask("PING"))
        return False

    def ask(self, *command: str | int | bytes, seconds: float = ANSWER_SECONDS, asking: bool = False) -> Any:
        """Send one command, as an operator; `asking`: about a slot that is on its way here."""
        with (
            redis.Redis(
                port=self.port,
                password=self._password,
                protocol=2,
                decode_responses=True,
                socket_timeout=seconds,
                retry=Retry(NoBackoff(), 0),
            ) as client,
            client.pipeline(transaction=False) as both,
        ):
            if not asking:
                return client.execute_command(*command)
            both.execute_command("ASKING").execute_command(*command)
            return both.execute()[1]

    def role(self) -> str:
        """`master` or `slave`; empty if it does not say, as it hangs up when that changes."""
        with suppress(redis.RedisError):
            return str(self.ask("ROLE")[0])
        return ""

    def stop(self) -> None:
        """End it at once."""
        self.process.kill()
        self.process.wait()

    def hang(self) -> None:
        """Let it take connections, and answer nothing."""
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Let it answer again."""
        self.process.send_signal(signal.SIGCONT)


class Cluster:
    """Three nodes that share the slots, and with `spare_of` a replica of the one that has a key."""

    def __init__(self, stack: ExitStack, folder: Path, *, spare_of: str = "") -> None:
        self.nodes = [_node(stack, folder / f"node-{i}") for i in range(3)]
        for node, start, end in zip(self.nodes, (0, 5461, 10923), (5460, 10922, 16383), strict=True):
            node.ask("CLUSTER ADDSLOTSRANGE", start, end)
        if spare_of:
            self.nodes.append(_node(stack, folder / "spare"))
        for one, other in combinations(self.nodes, 2):  # who hears of another by gossip only needs seconds
            one.ask("CLUSTER MEET", HOST, other.port, other.ask("CONFIG GET", "cluster-port")["cluster-port"])
        until(self.is_whole, "the cluster")
        if spare_of:
            self.nodes[-1].ask("CLUSTER REPLICATE", self.owner(spare_of).ask("CLUSTER MYID"))
            until(lambda: self.replica_of(self.owner(spare_of)), "the replica")

    def is_whole(self) -> bool:
        """Whether every node knows of all others, and none lacks any."""
        told = [node.ask("CLUSTER INFO") for node in self.nodes]
        known = str(len(self.nodes))
        return all(info["cluster_state"] == "ok" and info["cluster_known_nodes"] == known for info in told)

    def ask(self, *command: str | int | bytes, seconds: float = ANSWER_SECONDS) -> Any:
        """Send a command about one key to the node that has it, wherever that is."""
        error = redis.RedisError("no nodes")
        for node in self.nodes:
            try:
                return node.ask(*command, seconds=seconds)
            except redis.exceptions.MovedError as moved:
                error = moved
            except redis.exceptions.AskError as elsewhere:
                return self._at(elsewhere.port).ask(*command, seconds=seconds, asking=True)
            except redis.RedisError as other:
                error = other
        raise error

    def _at(self, port: int) -> Server:
        return next(node for node in self.nodes if node.port == port)

    def owner(self, key: str) -> Server:
        """The node that has a key."""
        return next(node for node in self.nodes if serves(node, key))

    def replica_of(self, master: Server) -> Server | None:
        """The node that has all that a master has, if there is one."""
        told = master.ask("ROLE")[2]
        return self._at(int(told[0][1])) if told else None

    def other(self, key: str) -> Server:
        """A master without that key, and without a replica."""
        owner = self.owner(key)
        masters = (node for node in self.nodes if node is not owner and node.role() == "master")
        return next(node for node in masters if not self.replica_of(node))

    @contextmanager
    def moving(self, key: str, to: Server | None = None) -> Iterator[Server]:
        """Give the slot of a key to another node: inside, its keys are there already, and it is not.

        Yields:
            The node that has the slot until then, and answers ASK.
        """
        source, target = self.owner(key), to or self.other(key)
        slot = source.ask("CLUSTER KEYSLOT", key)
        here, there = (node.ask("CLUSTER MYID") for node in (source, target))
        target.ask("CLUSTER SETSLOT", slot, "IMPORTING", here)
        source.ask("CLUSTER SETSLOT", slot, "MIGRATING", there)
        for one in source.ask("CLUSTER GETKEYSINSLOT", slot, 100):
            source.ask("MIGRATE", HOST, target.port, one, 0, 1000, "REPLACE")
        yield source
        for node in (target, source):
            node.ask("CLUSTER SETSLOT", slot, "NODE", there)

    def move(self, key: str) -> None:
        """Give the slot of a key, with all that is in it, to another node."""
        with self.moving(key):
            pass


def _node(stack: ExitStack, folder: Path) -> Server:
    cluster = ("--cluster-enabled", "yes", "--cluster-port", free_port())
    return Server(stack, folder, *cluster, "--cluster-node-timeout", NODE_TIMEOUT_MS, *AT_ONCE)


def serves(node: Server, key: str) -> bool:
    """Whether a node answers what it is asked about a key."""
    try:
        node.ask("EXISTS", key)
    except redis.RedisError:
        return False
    return True


class Watched:
    """A master and a replica with a password, and a Sentinel that watches them as the service `prompts`."""

    password = "data-secret"

    def __init__(self, stack: ExitStack, folder: Path) -> None:
        login = ("--requirepass", self.password, "--masterauth", self.password, *AT_ONCE)
        self.master = Server(stack, folder / "master", *login, password=self.password)
        follow = ("--replicaof", f"{HOST} {self.master.port}")
        self.replica = Server(stack, folder / "replica", *login, *follow, password=self.password)
        link = "master_link_status"
        until(lambda: self.replica.ask("INFO", "replication")[link] == "up", "the replica")
        self.sentinel = sentinel(
            stack, folder / "sentinel", self.master.port, f"sentinel auth-pass prompts {self.password}"
        )
        self.hurry()
        until(self.is_replica_known, "the Sentinel to know the replica")

    def hurry(self) -> None:
        """Let the Sentinel look at its servers often, which it forgets when it ends."""
        self.sentinel.ask("SENTINEL DEBUG", "INFO-PERIOD", LOOK_MS)

    def is_replica_known(self) -> bool:
        """Whether the Sentinel could make the replica the master."""
        for told in self.sentinel.ask("SENTINEL REPLICAS", "prompts"):
            about = dict(zip(told[::2], told[1::2], strict=True))
            if about["flags"] == "slave" and about["master-link-status"] == "ok":
                return True
        return False

    def ask(self, *command: str | int | bytes, seconds: float = ANSWER_SECONDS) -> Any:
        """Send a command to the master."""
        return self.named().ask(*command, seconds=seconds)

    def named(self) -> Server:
        """Whom the Sentinel calls the master."""
        port = int(self.sentinel.ask("SENTINEL GET-MASTER-ADDR-BY-NAME", "prompts")[1])
        return self.master if port == self.master.port else self.replica

    def other(self) -> Server:
        """The one that is not."""
        return self.replica if self.named() is self.master else self.master

    def lose_master(self) -> None:
        """End the master, and wait until the Sentinel has made the replica the master."""
        self.master.stop()
        until(lambda: self.replica.role() == "master", "the failover")


def sentinel(stack: ExitStack, folder: Path, master: int, *lines: str) -> Server:
    """A Sentinel that calls the server on a port the master of `prompts`."""
    folder.mkdir()
    watched = (
        f"sentinel monitor prompts {HOST} {master} 1",
        f"sentinel down-after-milliseconds prompts {DOWN_AFTER_MS}",
        "sentinel failover-timeout prompts 2000",
        *lines,
    )
    (folder / "sentinel.conf").write_text("\n".join(watched))
    return Server(stack, folder, mode="--sentinel")


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
