"""Open the rooms of the service, each with what is below it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from registry.access.tickets import Tickets
from registry.api.http import access_log
from registry.api.http.answers import Answers
from registry.api.http.bounds import Bounds
from registry.api.http.dependencies import Services
from registry.api.http.rate import Rate
from registry.api.http.threads import Threads
from registry.catalog.catalog import Catalog
from registry.catalog.mirror.mirror import Mirror
from registry.catalog.sync import Sync
from registry.console.session import Sessions, open_key
from registry.control import audit
from registry.control.attestations import Attestations
from registry.control.history import History
from registry.control.resolve import Resolver
from registry.control.rollouts import Rollouts
from registry.control.rubrics import Rubrics
from registry.control.scheduler import Scheduler
from registry.control.suite_gate import SuiteGate
from registry.control.suites import Suites
from registry.control.tokens import Tokens
from registry.evidence import guardian
from registry.evidence.report import Evidence
from registry.git.remote import Credentials
from registry.journal.local import LocalJournal
from registry.journal.remote import ALONE_SECONDS, RemoteJournal
from registry.metrics.facts import Facts
from registry.metrics.metrics import Metrics
from registry.metrics.outcomes import OutcomeFacts
from registry.notify.opening import open_notifier
from registry.notify.spending_watch import SpendingWatch
from registry.outcomes.lazy_store import Options
from registry.outcomes.outcomes import Outcomes
from registry.outcomes.spending import Spending
from registry.policies.file import read as read_policies
from registry.redis import embedded
from registry.replication.documents import Documents
from registry.replication.mirror_worker import MirrorWorker
from registry.replication.read_model import ReadModel
from registry.replication.redis_store import RedisStore
from registry.replication.replica import Replica
from registry.review.desk import ReviewDesk
from registry.review.judges import Judges
from registry.streams.hub import Hub
from registry.streams.presence import Presence
from registry.system import failpoints

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import ExitStack

    from registry.journal.journal import Journal
    from registry.policies.rule_set import Rules
    from registry.settings import Settings

logger = logging.getLogger(__name__)


def open_services(settings: Settings, stack: ExitStack) -> Services:
    """Open the rooms from the bottom up; `stack` closes them in the reverse order."""
    failpoints.arm(settings.failpoints)
    policies = read_policies(settings.config, settings.environments).linked(settings.public_url)
    settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    credentials = Credentials(settings.git_token_file, settings.git_ssh_key, settings.git_known_hosts)
    journal = _open_journal(settings, credentials, stack)
    redis_store = _open_redis(settings, stack)
    catalog = _open_catalog(settings, credentials, journal, stack)
    documents = Documents(journal, catalog)
    replica = Replica(journal, redis_store, ReadModel(documents))
    hub = Hub(replica.read_model, replica.keyring)
    presence = Presence(hub, redis_store)
    gate = SuiteGate(policies, Suites(catalog, replica), documents, replica)
    rollouts = Rollouts(
        settings.environments,
        policies,
        catalog,
        documents,
        replica,
        too_old=presence.too_old,
        suites=gate,
    )
    if strict := [name for name in settings.environments if policies.of(name).approval]:
        logger.info("A start or promote awaits the approval of another token in %s", ", ".join(strict))
    if replica.open(settings.data / "admin.token"):
        logger.info("A new journal: the token of its admin is in %s", settings.data / "admin.token")
    history = History(settings.data, journal, replica, documents)
    sync = Sync(catalog, settings.poll_seconds)
    scheduler = Scheduler(rollouts, redis_store, _reviver(settings))
    mirroring = MirrorWorker(settings.data, credentials, replica)
    outcomes = _open_outcomes(settings, policies, catalog, stack)
    spending = SpendingWatch(policies, Spending(outcomes.database))
    notifier = open_notifier(
        outcomes.database,
        policies.notify,
        spending=spending,
        replica=replica,
        journal=journal,
        catalog=catalog,
        guarded=guardian.attach(rollouts, outcomes, stack),
    )
    for worker in (history, sync, scheduler, mirroring, notifier):
        worker.start()
        stack.callback(worker.stop)
    key = open_key(settings.console_key_file or settings.data / "console.key")
    facts = (Facts(catalog, replica, mirroring), OutcomeFacts(outcomes))
    metrics = Metrics(settings.environments, facts, settings.metrics_folder)
    replica.listeners += (audit.log, metrics.changed)
    return Services(
        catalog=catalog,
        sync=sync,
        rollouts=rollouts,
        resolver=Resolver(rollouts, history, catalog),
        history=history,
        hub=hub,
        presence=presence,
        metrics=metrics,
        tokens=Tokens(settings.environments, replica),
        attestations=Attestations(catalog, rollouts, gate),
        mirroring=mirroring,
        outcomes=outcomes,
        evidence=Evidence(rollouts, outcomes),
        review=ReviewDesk(outcomes),
        judges=Judges(outcomes),
        rubrics=Rubrics(catalog, rollouts),
        spending=spending,
        answers=Answers(replica, catalog),
        targets=policies.notify,
        bounds=Bounds(),
        rate=Rate(),
        threads=Threads(),
        protocols=policies.protocols,
        public_url=settings.public_url,
        sessions=Sessions(key),
        tickets=Tickets(key),
        webhook_secret_file=settings.webhook_secret_file,
        access_log=access_log.write if settings.access_log else None,
    )


def _open_journal(settings: Settings, credentials: Credentials, stack: ExitStack) -> Journal:
    journal: Journal
    if settings.journal:
        journal = RemoteJournal(
            settings.data, settings.journal, credentials, notified=bool(settings.redis_url)
        )
        if not settings.redis_url:
            logger.warning(
                "Registries share the journal, but no Redis to announce changes at once: set "
                "PROMPTSTAGE_REDIS_URL. Until then they fetch it every %g s",
                ALONE_SECONDS,
            )
    else:
        journal = LocalJournal(settings.data)
    stack.callback(journal.close)
    return journal


def _open_redis(settings: Settings, stack: ExitStack) -> RedisStore:
    url = settings.redis_url or embedded.attach(settings.data, stack)
    redis_store = RedisStore(url, settings.redis_prefix)
    stack.callback(redis_store.close)
    return redis_store


def _open_catalog(
    settings: Settings, credentials: Credentials, journal: Journal, stack: ExitStack
) -> Catalog:
    mirror = Mirror(settings.data, settings.repository, credentials)
    stack.callback(mirror.close)
    mirror.check_format()
    return Catalog(mirror, journal.staged)


def _open_outcomes(settings: Settings, policies: Rules, catalog: Catalog, stack: ExitStack) -> Outcomes:
    outcomes = Outcomes(
        Options(
            data=settings.data,
            url=settings.database_url,
            keep=settings.keep_calls,
            is_shared=bool(settings.journal),
            exists=catalog.has,
            sample=lambda environment: policies.of(environment).content.sample,
            prices=settings.prices,
            log_format=settings.log_format,
            failpoints=settings.failpoints,
        )
    )
    stack.callback(outcomes.close)
    outcomes.resume()
    return outcomes


def _reviver(settings: Settings) -> Callable[[], None]:
    """Return the action for a lost Redis: restart the embedded one; nothing for any other."""
    return (lambda: None) if settings.redis_url else lambda: embedded.revive(settings.data)
