"""The line to a registry: certificates, proxies, the wrong scheme, the wrong path."""

from __future__ import annotations

import ssl
from http.server import ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING

import pytest
from cli.shell import Cli
from cli.test_cli_connection import Bystander, listening
from git_hosts import make_certificate

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

KNOWN = "what answers at"  # it is spoken to, and is no registry


class Server(ThreadingHTTPServer):
    """One in whose output a handshake that was broken off is no news."""

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate that is its own CA, for 127.0.0.1, and its key."""
    return make_certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def tls(certificate: tuple[Path, Path]) -> Iterator[int]:
    """Something that speaks TLS with it; its port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    with Server(("127.0.0.1", 0), Bystander) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield server.server_port
        server.shutdown()


def complaint(cli: Cli, url: str, **environment: str) -> str:
    """What a command says of a registry."""
    variables = {**cli.environment, "PROMPTSTAGE_URL": url, "PROMPTSTAGE_TOKEN": "t", **environment}
    return Cli(cli.folder, **variables)("prompts").err


@pytest.mark.parametrize("trusted", ["", "itself", "nothing", "nowhere"])
def test_a_certificate_of_your_own(
    cli: Cli, tls: int, certificate: tuple[Path, Path], tmp_path: Path, trusted: str
) -> None:
    """The variable that is named is the one that helps."""
    empty = tmp_path / "empty.pem"
    empty.touch()
    given = {"itself": str(certificate[0]), "nothing": str(empty), "nowhere": "no.pem"}.get(trusted, "")
    said = complaint(cli, f"https://127.0.0.1:{tls}", SSL_CERT_FILE=given)

    assert {
        "": "export SSL_CERT_FILE=/path/of/that/ca.pem",
        "itself": KNOWN,
        "nothing": f"SSL_CERT_FILE names {empty}, which does not hold the CA",
        "nowhere": "SSL_CERT_FILE names no.pem, which cannot be read; correct it",
    }[trusted] in said


def test_a_certificate_for_another_host(cli: Cli, tls: int, certificate: tuple[Path, Path]) -> None:
    """Then no CA helps, and none is named."""
    said = complaint(cli, f"https://localhost:{tls}", SSL_CERT_FILE=str(certificate[0]))

    assert "The certificate is for another host" in said
    assert "SSL_CERT_FILE" not in said


def test_the_wrong_scheme(cli: Cli, tls: int) -> None:
    """Either way the right one is named."""
    assert f"is it https://127.0.0.1:{tls}?" in complaint(cli, f"http://127.0.0.1:{tls}")
    with listening(Bystander) as url:
        assert f"No TLS is spoken there: is it {url}?" in complaint(cli, url.replace("http:", "https:"))


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"http_proxy": "http://user:secret@127.0.0.1:9"}, "That is the proxy 127.0.0.1:9: correct"),
        ({"all_proxy": "127.0.0.1:9"}, "That is the proxy http://127.0.0.1:9: correct"),
        ({"all_proxy": "socks5://127.0.0.1:9"}, "the proxy socks5://127.0.0.1:9 cannot be used"),
        ({"all_proxy": "127.0.0.1:9", "no_proxy": ".invalid"}, "See whether it runs"),
    ],
)
def test_a_proxy(cli: Cli, variables: dict[str, str], words: str) -> None:
    """It is used where the usual variables name one, and blamed without its password."""
    said = complaint(cli, "http://registry.invalid", **variables)

    assert words in said
    assert "secret" not in said


def test_this_machine_is_behind_no_proxy(cli: Cli) -> None:
    """Whatever the variables say."""
    with listening(Bystander) as url:
        assert KNOWN in complaint(cli, url, http_proxy="http://127.0.0.1:9")


def test_a_path_too_much(manager: Cli) -> None:
    """The interface's own path is no part of the URL; a proxy's prefix may be."""
    said = manager("prompts", PROMPTSTAGE_URL=f"{manager.environment['PROMPTSTAGE_URL']}/v1").err

    assert "/v1 has no such path: Not Found\nThe URL is what comes before /v1" in said
