"""The Redis store on the servers that operators have: each is reached, each mistake named with its remedy."""

from __future__ import annotations

import ssl
import time
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import pytest
from replication.servers import HOST, Cluster, Server, TlsDoor, Watched, certificate, free_port, sentinel
from support import PATIENCE, until

from registry.errors import Unavailable
from registry.replication.redis_store import AT_ONCE, RECENT, RedisStore, _fields
from registry.rollouts.position import Position
from registry.rollouts.state import State
from registry.system.formats import NEWEST

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
KEY = "{test}:states"
NEEDED = (
    "+eval +exists +hget +hset +hgetall +hdel +del +expire +time +publish +subscribe +unsubscribe "
    "+select +cluster|myid +asking"
)


@contextmanager
def board_at(url: str) -> Iterator[RedisStore]:
    """A board that is closed at the end."""
    redis_store = RedisStore(url, "test")
    yield redis_store
    redis_store.close()


def state(seq: int, prompt: str = "summarize") -> State:
    """What a change leaves."""
    return State(environment="production", prompt=prompt, epoch=1, seq=seq)


def keeps(redis_store: RedisStore, seq: int) -> bool:
    """Bring the Redis store up to a change, and read it back; whether that could be done."""
    try:
        redis_store.catch_up(Position(1, seq), lambda _: [state(seq)])
        return redis_store.head() == (1, seq) and redis_store.read() == [state(seq)]
    except Unavailable:
        return False


def arrives(redis_store: RedisStore, watched: Watched, seq: int) -> bool:
    """Whether a change that a board takes is at the master whom the Sentinel names."""
    redis_store.wait(0.01)
    return keeps(redis_store, seq) and bool(watched.ask("HGET", KEY, "head") == f"1.{seq}")


def refusal(url: str) -> str:
    """Why a board cannot be had."""
    with board_at(url) as redis_store, pytest.raises(Unavailable) as caught:
        redis_store.put_report("process", "report")
    return str(caught.value)


def wakes(redis_store: RedisStore, other: RedisStore, seq: int) -> bool:
    """Whether a change that one board takes is heard at the other, long before it would look for itself."""
    other.wait(0.01)
    assert keeps(redis_store, seq)
    begun = time.monotonic()
    other.wait(PATIENCE)
    return time.monotonic() - begun < PATIENCE / 2 and other.head() == (1, seq)


def allow(server: Server) -> None:
    """Make a user who may do what a registry does."""
    server.ask("ACL SETUSER", "promptstage", "on", ">p@ss:w", "~{test}*", "&{test}*", *NEEDED.split())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the servers keep what they keep."""
    return tmp_path_factory.mktemp("servers")


@pytest.fixture(scope="module")
def stack() -> Iterator[ExitStack]:
    """Ends the servers, however far their start came."""
    with ExitStack() as made:
        yield made


@pytest.fixture(scope="module")
def server(stack: ExitStack, folder: Path) -> Server:
    """One server, with a password and a user who may do what a registry does."""
    made = Server(stack, folder / "one", "--requirepass", "top-secret", password="top-secret")
    allow(made)
    made.ask("ACL SETUSER", "guest", "on", ">guest-secret", "~other*", "+@all")
    return made


@pytest.fixture(scope="module")
def cluster(stack: ExitStack, folder: Path) -> Cluster:
    """Three nodes."""
    return Cluster(stack, folder)


@pytest.fixture(scope="module")
def watched(stack: ExitStack, folder: Path) -> Watched:
    """A master, a replica and a Sentinel."""
    return Watched(stack, folder)


@pytest.fixture(scope="module")
def pem(folder: Path) -> tuple[Path, Path]:
    """A certificate and its key."""
    return certificate(folder)


@pytest.fixture(scope="module")
def doors(stack: ExitStack, server: Server, pem: tuple[Path, Path]) -> list[TlsDoor]:
    """Two ports with TLS: one for everybody, one for those with a certificate."""
    made = []
    for demand in (ssl.CERT_NONE, ssl.CERT_REQUIRED):
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(pem[0]))
        context.load_cert_chain(*pem)
        context.verify_mode = demand
        made.append(TlsDoor(stack, server, context))
    return made


def put(redis_store: RedisStore, *changes: int, head: int) -> None:
    """Bring a board up to a head, at which those changes are the newest of a prompt each."""
    states = [state(seq, f"prompt-{seq}") for seq in sorted(changes, reverse=True)]
    redis_store.catch_up(Position(1, head), lambda known: [each for each in states if each.position > known])


def seqs(states: list[State]) -> list[int]:
    """Which changes left them."""
    return sorted(each.seq for each in states)


def test_more_states_than_one_script_takes(server: Server) -> None:
    """They are written in parts, and the head comes last; newer ones that others wrote in between stay."""
    server.ask("DEL", KEY)
    many = 2 * AT_ONCE + 1
    newer = state(many + 7, "prompt-3")
    with board_at(f"redis://:top-secret@{HOST}:{server.port}") as redis_store:
        redis_store._push(b"", Position(1, 0), _fields([newer]), NEWEST, reset=True)
        put(redis_store, *range(1, many + 1), head=many)

        assert redis_store.head() == (1, many)
        assert seqs(redis_store.read()) == [1, 2, *range(4, many + 1), newer.seq]


def test_parts_of_which_another_was_faster(server: Server) -> None:
    """A registry that finds another head than it began with leaves what is there."""
    server.ask("DEL", KEY)
    with board_at(f"redis://:top-secret@{HOST}:{server.port}") as redis_store:
        put(redis_store, 1, head=1)

        assert not redis_store._write(
            b"1.0",
            Position(1, 0),
            Position(1, 5000),
            lambda _: [state(n, f"p-{n}") for n in range(5000)],
            NEWEST,
        )
        assert seqs(redis_store.read()) == [1]


def test_what_was_missed_is_read_alone(server: Server) -> None:
    """Who missed some changes reads their states, however many there are; who missed too many reads all."""
    server.ask("DEL", KEY)
    with board_at(f"redis://:top-secret@{HOST}:{server.port}") as redis_store:
        put(redis_store, 1, 2, 3, head=3)
        put(redis_store, 4, 6, head=6)  # 5 left no state, as one about a token

        assert seqs(redis_store.changes_since(Position(1, 3), Position(1, 6))[1]) == [4, 6]
        assert seqs(redis_store.changes_since(Position(1, 1), Position(1, 6))[1]) == [2, 3, 4, 6]
        assert seqs(redis_store.changes_since(Position(0, 9), Position(1, 6))[1]) == [1, 2, 3, 4, 6]
        server.ask("HSET", KEY, "head", "1.7")  # by somebody who does not say what changed
        assert seqs(redis_store.changes_since(Position(1, 6), Position(1, 7))[1]) == [1, 2, 3, 4, 6]
        put(redis_store, RECENT + 9, head=RECENT + 9)
        assert seqs(redis_store.changes_since(Position(1, 8), Position(1, RECENT + 9))[1]) == [
            1,
            2,
            3,
            4,
            6,
            RECENT + 9,
        ]


def test_what_is_new_is_of_one_moment(server: Server) -> None:
    """A head that was flushed meanwhile promises nothing, and one that went on no more than was asked for."""
    server.ask("DEL", KEY)
    with board_at(f"redis://:top-secret@{HOST}:{server.port}") as redis_store:
        put(redis_store, 1, 2, 3, head=3)

        assert redis_store.changes_since(Position(1, 2), Position(1, 3))[0] == Position(1, 3)
        assert redis_store.changes_since(Position(1, 1), Position(1, 2))[0] == Position(1, 2)
        server.ask("DEL", KEY)
        assert redis_store.changes_since(Position(1, 2), Position(1, 3)) == (Position(0, 0), [])
        server.ask("HSET", KEY, "head", "2.1")  # of a journal that was recovered
        assert redis_store.changes_since(Position(1, 2), Position(1, 3)) == (Position(0, 0), [])


def test_what_a_newer_registry_holds_there_is_left_alone(server: Server) -> None:
    """It says so by its number, and neither a head nor an empty hash is put in its place."""
    server.ask("DEL", KEY)
    with board_at(f"redis://:top-secret@{HOST}:{server.port}") as redis_store:
        put(redis_store, 1, head=1)
        assert server.ask("HGET", KEY, "format") == str(NEWEST)
        server.ask("HSET", KEY, "format", str(NEWEST + 1))
        before = server.ask("HGETALL", KEY)
        for head in (Position(1, 2), Position(2, 0)):
            with pytest.raises(Unavailable, match=f"what Redis holds has format {NEWEST + 1}"):
                redis_store.catch_up(head, lambda _: [state(2)])
        assert server.ask("HGETALL", KEY) == before
        server.ask("DEL", KEY)


def test_a_state_that_is_newer_than_the_head(server: Server) -> None:
    """What the changes before it were about is not known, so everything is read."""
    server.ask("DEL", KEY)
    with board_at(f"redis://:top-secret@{HOST}:{server.port}") as redis_store:
        put(redis_store, 1, head=1)
        put(redis_store, 4, head=3)

        assert seqs(redis_store.changes_since(Position(1, 1), Position(1, 3))[1]) == [1, 4]


def test_an_epoch_of_the_future_gives_way(server: Server) -> None:
    """A whole board of it, and a state of it that is left under the newer head; and it does not come back."""
    server.ask("DEL", KEY)
    ahead = [State(environment="production", prompt=name, epoch=2**33, seq=9) for name in ("one", "two")]
    with board_at(f"redis://:top-secret@{HOST}:{server.port}") as board:
        board.catch_up(Position(2**33, 9), lambda _: ahead)
        board.catch_up(Position(1, 10), lambda _: [state(10, "one"), ahead[1]])
        assert {found.prompt: found.position for found in board.read()} == {
            "one": (1, 10),
            "two": Position(2**33, 9),
        }
        board.catch_up(Position(1, 11), lambda _: [state(11, "two")])
        assert board.catch_up(Position(2**33, 99), lambda _: ahead) == board.head() == Position(1, 11)
        assert {found.prompt: found.position for found in board.read()} == {"one": (1, 10), "two": (1, 11)}
        board.clear()
        assert (board.head(), board.read()) == ((0, 0), [])


@pytest.mark.parametrize(
    "login", [":top-secret", "default:top-secret", "promptstage:p%40ss%3Aw", "promptstage:p@ss:w"]
)
def test_a_user_with_a_password(server: Server, login: str) -> None:
    """The right to one's own keys is enough."""
    server.ask("DEL", KEY)
    with board_at(f"redis://{login}@{HOST}:{server.port}/0") as redis_store:
        assert redis_store.put_report("process", "report") is False
        assert redis_store.reports() == {"process": b"report"}
        redis_store.remove_report("process")
        with board_at(f"redis://{login}@{HOST}:{server.port}/0") as other:
            assert wakes(redis_store, other, 3)


def test_the_same_rights_elsewhere(server: Server, cluster: Cluster) -> None:
    """They are enough in a database of its own, and in a Cluster whose slots move."""
    with board_at(f"redis://promptstage:p@ss:w@{HOST}:{server.port}/1") as redis_store:
        assert keeps(redis_store, 5)
    for node in cluster.nodes:
        allow(node)
    with board_at(f"redis+cluster://promptstage:p@ss:w@{HOST}:{cluster.nodes[0].port}") as redis_store:
        assert keeps(redis_store, 6)
        with cluster.moving(KEY):
            assert keeps(redis_store, 7)


def test_a_certificate_on_either_side(doors: list[TlsDoor], pem: tuple[Path, Path]) -> None:
    """TLS is checked against the CA that is named; a server may want a certificate of ours."""
    login = f"rediss://:top-secret@{HOST}"
    url = f"{login}:{doors[0].port}?ssl_ca_certs={pem[0]}"
    with board_at(url) as redis_store, board_at(url) as other:
        assert wakes(redis_store, other, 11)
    ours = f"ssl_ca_certs={pem[0]}&ssl_certfile={pem[0]}&ssl_keyfile={pem[1]}"
    with board_at(f"{login}:{doors[1].port}?{ours}") as redis_store:
        assert keeps(redis_store, 12)


def test_tls_that_does_not_fit(server: Server, doors: list[TlsDoor], pem: tuple[Path, Path]) -> None:
    """Whoever mixes ports, or forgets a certificate, reads what to write."""
    trusted = f"?ssl_ca_certs={pem[0]}"
    assert "whether it uses TLS" in refusal(f"rediss://:top-secret@{HOST}:{server.port}{trusted}")
    assert "write rediss://" in refusal(f"redis://:top-secret@{HOST}:{doors[0].port}")
    assert "?ssl_ca_certs=" in refusal(f"rediss://:top-secret@{HOST}:{doors[0].port}")
    assert "ssl_certfile=" in refusal(f"rediss://:top-secret@{HOST}:{doors[1].port}{trusted}")
    assert "No such file" in refusal(f"rediss://{HOST}:{doors[0].port}?ssl_ca_certs=/nowhere.pem")


@pytest.mark.parametrize(
    ("login", "told"),
    [
        (":wrong-secret@", "refuses the user or the password"),
        ("nobody:wrong-secret@", "refuses the user or the password"),
        ("", "requires a password"),
        ("guest:guest-secret@", "does not let that user"),
    ],
)
def test_a_login_that_is_refused(server: Server, login: str, told: str) -> None:
    """It says so without the secret."""
    sentence = refusal(f"redis://{login}{HOST}:{server.port}")

    assert told in sentence
    assert "secret" not in sentence


def test_a_server_that_is_not_what_the_url_says(server: Server, cluster: Cluster, watched: Watched) -> None:
    """A Cluster, a Sentinel and a single server are told apart, and the right URL is named."""
    strangers = [node for node in cluster.nodes if node is not cluster.owner(KEY)]
    assert "write redis:// instead" in refusal(f"redis+cluster://:top-secret@{HOST}:{server.port}")
    assert "write redis+cluster://" in refusal(f"redis://{HOST}:{strangers[0].port}")
    assert "is not a Sentinel" in refusal(
        f"redis+sentinel://{HOST}:{server.port}/prompts?sentinel_password=top-secret"
    )
    assert "no service 'other'" in refusal(f"redis+sentinel://{HOST}:{watched.sentinel.port}/other")
    assert "redis+sentinel://" in refusal(f"redis://:{watched.password}@{HOST}:{watched.replica.port}")


def test_a_cluster_from_any_of_its_nodes(cluster: Cluster) -> None:
    """A node that is down is passed over; a change wakes who listens on another node's address."""
    urls = [f"redis+cluster://{HOST}:1,{HOST}:{node.port}" for node in cluster.nodes]
    for i, url in enumerate(urls):
        with board_at(url) as redis_store, board_at(urls[i - 1]) as other:
            assert wakes(redis_store, other, 20 + i)


def test_a_slot_that_moves(cluster: Cluster) -> None:
    """The key is found where it went, in the same breath."""
    with board_at(f"redis+cluster://{HOST}:{cluster.nodes[0].port}") as redis_store:
        assert keeps(redis_store, 31)
        cluster.move(KEY)
        assert keeps(redis_store, 32)


def test_a_slot_on_its_way(cluster: Cluster) -> None:
    """A key that is there already, while its slot is not, is read and written there."""
    with board_at(f"redis+cluster://{HOST}:{cluster.owner(KEY).port}") as redis_store:
        assert keeps(redis_store, 33)
        with cluster.moving(KEY) as source:
            assert keeps(redis_store, 34)
            with board_at(f"redis+cluster://{HOST}:{source.port}") as other:
                assert other.head() == (1, 34)
        assert keeps(redis_store, 35)


def test_a_planned_failover(stack: ExitStack, folder: Path) -> None:
    """The new master is used at once, though the old one takes writes for ten seconds more."""
    (folder / "planned").mkdir()
    watched = Watched(stack, folder / "planned")
    old = watched.named()
    with board_at(
        f"redis+sentinel://:{watched.password}@{HOST}:{watched.sentinel.port}/prompts"
    ) as redis_store:
        assert keeps(redis_store, 51)
        watched.sentinel.ask("SENTINEL FAILOVER", "prompts")
        until(lambda: watched.named() is not old, "the failover")
        until(lambda: arrives(redis_store, watched, 52), "the change")

        assert old.role() == "master"


def test_a_sentinel_that_names_a_dead_master(stack: ExitStack, folder: Path, watched: Watched) -> None:
    """Another one is asked the next time."""
    stale = sentinel(stack, folder / "stale", free_port())
    places = f"{HOST}:{stale.port},{HOST}:{watched.sentinel.port}"
    with board_at(f"redis+sentinel://:{watched.password}@{places}/prompts") as redis_store:
        assert [keeps(redis_store, 40), keeps(redis_store, 40)] == [False, True]


def test_a_failover(watched: Watched) -> None:
    """The new master is found by itself, and what the old one had is there."""
    url = f"redis+sentinel://:{watched.password}@{HOST}:1,{HOST}:{watched.sentinel.port}/prompts"
    with board_at(url) as redis_store:
        assert keeps(redis_store, 41)
        watched.lose_master()
        until(lambda: keeps(redis_store, 42), "the new master")

    assert watched.replica.ask("HGET", KEY, "head") == "1.42"


def test_one_change_at_a_time_has_the_turn(server: Server) -> None:
    """Others wait until it is over, or until its process is taken to be gone; the usual rights are enough."""
    with board_at(f"redis://promptstage:p@ss:w@{HOST}:{server.port}/0") as redis_store:
        assert redis_store.turn("one", "look")
        assert redis_store.turn("one", "take")
        assert not redis_store.turn("two", "take")
        assert not redis_store.turn("two", "end")
        assert redis_store.turn("one", "take")
        assert redis_store.turn("one", "end")
        assert redis_store.turn("two", "take")
        until(lambda: redis_store.turn("one", "look"), "the end of what nobody ended")
