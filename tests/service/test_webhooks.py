"""Webhooks: a pushed tag is a version at once, for every host of repositories; strangers achieve nothing."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from support import Api, PromptRepository, Registry, until

from registry.api.webhooks import Proof, Signatures

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from support import Answer

NEVER = "3600"  # seconds between polls: only a hook can bring a tag
SECRET = "a secret of more than enough letters"
KEY = b"0123456789abcdef0123456789abcdef"
STANDARD = f"whsec_{base64.b64encode(KEY).decode()}"
PUSH = json.dumps({"ref": "refs/tags/summarize/v1.0.0", "pusher": "Ädä"}).encode()


def signed(body: bytes) -> str:
    """The signature that most hosts agree on."""
    return hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()


def standard(body: bytes) -> dict[str, str]:
    """The headers of GitLab's signing token."""
    digest = hmac.new(KEY, b"msg_1.1795600000." + body, hashlib.sha256).digest()
    signature = f"v1,{base64.b64encode(b'an older key').decode()} v1,{base64.b64encode(digest).decode()}"
    return {"webhook-id": "msg_1", "webhook-timestamp": "1795600000", "webhook-signature": signature}


HOSTS: dict[str, Callable[[bytes], dict[str, str]]] = {
    "github": lambda body: {
        "X-GitHub-Event": "push",
        "X-Hub-Signature": "sha1=" + hmac.new(SECRET.encode(), body, hashlib.sha1).hexdigest(),
        "X-Hub-Signature-256": f"sha256={signed(body)}",
    },
    "gitlab": lambda _: {"X-Gitlab-Event": "Tag Push Hook", "X-Gitlab-Token": SECRET},
    "gitea": lambda body: {"X-Gitea-Event": "create", "X-Gitea-Signature": signed(body)},
    "forgejo": lambda body: {"X-Forgejo-Event": "create", "X-Forgejo-Signature": signed(body)},
    "bitbucket": lambda body: {"X-Event-Key": "repo:push", "X-Hub-Signature": f"sha256={signed(body)}"},
}


class Hooked:
    """A registry that hears of tags by hooks alone, and the repository that sends them."""

    def __init__(self, folder: Path) -> None:
        self.secret = folder / "secret"
        self.secret.write_text(f"{SECRET}\n")
        self.repository = PromptRepository(folder / "repository")
        self.repository.tag("first", "1.0.0")
        self.registry = Registry(
            self.repository.path,
            folder / "data",
            workers=2,
            poll_seconds=NEVER,
            webhook_secret_file=str(self.secret),
        )

    def send(self, headers: dict[str, str], body: Any = PUSH) -> Answer:
        """Deliver a hook as a host does: without a token, on a connection of its own."""
        with closing(Api(self.registry.url, "")) as sender:
            return sender.call("POST", "/v1/webhooks", body, **headers)

    def knows(self, name: str) -> bool:
        """Whether a prompt has come, whichever worker is asked."""
        with closing(Api(self.registry.url, self.registry.api.token)) as api:
            return all(api.get(f"/v1/prompts/{name}/versions").status == 200 for _ in range(3))


@pytest.fixture(scope="module")
def hooked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hooked]:
    """One registry for all of these tests."""
    made = Hooked(tmp_path_factory.mktemp("hooked"))
    yield made
    made.registry.kill()


@pytest.mark.parametrize("host", HOSTS)
def test_a_pushed_tag_is_a_version_at_once(hooked: Hooked, host: str) -> None:
    """The next poll is an hour away."""
    hooked.repository.tag(host, "1.0.0")

    answer = hooked.send(HOSTS[host](PUSH))

    assert (answer.status, answer.json) == (202, {"status": "looking"})
    until(lambda: hooked.knows(host), f"{host}'s tag", hooked.registry.log)


def test_gitlabs_signing_token(hooked: Hooked) -> None:
    """The secret is renewed without a restart, and one of several signatures is enough."""
    hooked.repository.tag("signing", "1.0.0")
    hooked.secret.write_text(STANDARD)

    answer = hooked.send(standard(PUSH))
    hooked.secret.write_text(SECRET)

    assert answer.status == 202
    until(lambda: hooked.knows("signing"), "the tag", hooked.registry.log)


@pytest.mark.parametrize("host", HOSTS)
def test_a_hook_of_a_stranger_is_refused(hooked: Hooked, host: str) -> None:
    """Who signs with another secret is told where the right one is, and not what it is."""
    headers = {name: value.replace(SECRET, "guess") for name, value in HOSTS[host](PUSH + b" ").items()}

    answer = hooked.send(headers)

    assert (answer.status, answer.json["code"]) == (403, "bad_signature")
    assert "PROMPTSTAGE_WEBHOOK_SECRET_FILE" in answer.json["detail"]
    assert SECRET not in answer.text + hooked.registry.log


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-Hub-Signature-256": ""},
        {"X-Hub-Signature": "sha1=" + hmac.new(SECRET.encode(), PUSH, hashlib.sha1).hexdigest()},
        {"X-Gitlab-Token": "ä"},
        {"webhook-signature": "v1, v1,"},
        {"X-Hub-Signature-256": signed(PUSH)},
    ],
)
def test_a_hook_that_proves_nothing_is_refused(hooked: Hooked, headers: dict[str, str]) -> None:
    """No signature, an empty one, one of a weak kind or in another notation."""
    assert hooked.send(headers).json["code"] == "bad_signature"


def test_a_large_body_is_only_hashed(hooked: Hooked) -> None:
    """GitHub sends up to 25 MB, which no other path takes; and not a byte more than that comes in."""
    large = b"x" * 25_000_000
    too_large = large + b"x" * 1_300_000

    taken = hooked.send({"X-Gitea-Signature": signed(large)}, large)
    refused = hooked.send({"X-Gitea-Signature": signed(too_large)}, too_large)
    chunked = hooked.send({"X-Gitea-Signature": signed(too_large), "Transfer-Encoding": "chunked"}, too_large)

    assert (taken.status, refused.status, chunked.status) == (202, 413, 413)


@pytest.mark.parametrize(("content", "said"), [(" \n", "is empty"), (None, "No such file or directory")])
def test_a_secret_that_is_not_there_is_told(hooked: Hooked, content: str | None, said: str) -> None:
    """An empty secret is none: anybody could sign with it."""
    hooked.secret.write_text(content) if content else hooked.secret.unlink()
    empty = hmac.new(b"", PUSH, hashlib.sha256).hexdigest()

    answer = hooked.send({"X-Gitea-Signature": empty, "X-Gitlab-Token": ""})
    hooked.secret.write_text(SECRET)

    assert answer.status == 503
    assert said in answer.json["detail"]


def test_without_a_secret_there_are_no_webhooks(registry: Registry) -> None:
    """The remedy is said, as the host shows the answer to who set it up."""
    with closing(Api(registry.url, "")) as stranger:
        answer = stranger.call("POST", "/v1/webhooks", PUSH, X_Gitlab_Token="")

    assert (answer.status, answer.json["code"]) == (403, "webhooks_off")
    assert "PROMPTSTAGE_WEBHOOK_SECRET_FILE" in answer.json["detail"]


def test_it_is_documented(registry: Registry) -> None:
    """Every header, and every answer; it needs no token."""
    with closing(Api(registry.url, registry.api.token)) as api:
        found = api.get("/openapi.json").json["paths"]["/v1/webhooks"]["post"]

    assert set(found["responses"]) == {"202", "403", "413", "422", "431", "503"}
    assert {"X-Hub-Signature-256", "X-Gitlab-Token", "Webhook-Signature"} <= {
        parameter["name"].title() for parameter in found["parameters"]
    }


@pytest.mark.parametrize(
    ("secret", "claimed", "body"),
    [
        (  # https://docs.github.com/webhooks/using-webhooks/validating-webhook-deliveries
            "It's a Secret to Everybody",
            {
                "x_hub_signature_256": "sha256="
                "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
            },
            "Hello, World!",
        ),
        (  # https://github.com/standard-webhooks/standard-webhooks
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            {
                "webhook_id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
                "webhook_timestamp": "1614265330",
                "webhook_signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
            },
            '{"test": 2432232314}',
        ),
    ],
)
def test_published_examples_hold(secret: str, claimed: dict[str, str], body: str) -> None:
    """What the hosts' own documentation signs; in whatever chunks it comes."""
    proof = Proof(secret.encode(), Signatures(**claimed))
    proof.add(body[:5].encode())
    halfway = proof.holds()
    proof.add(body[5:].encode())

    assert (halfway, proof.holds()) == (False, True)


@pytest.mark.parametrize("secret", [b"whsec_", b"whsec_AA==", b"whsec_c2hvcnQ="])
def test_a_standard_secret_without_a_key_is_no_open_door(secret: bytes) -> None:
    """What follows the prefix is too short for a key, so the secret as a whole is one."""
    for key, right in ((base64.b64decode(secret[6:]), False), (secret, True)):
        digest = base64.b64encode(hmac.new(key, b"..", hashlib.sha256).digest()).decode()
        proof = Proof(secret, Signatures(x_gitlab_token="", webhook_signature=f"v1,{digest}"))

        assert proof.holds() is right
