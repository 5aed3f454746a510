"""A PostgreSQL server with a synchronous standby behind one address, as managed services have it."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import psycopg
from faults.proxy import Proxy
from postgres_server import USER, Postgres
from support import until

if TYPE_CHECKING:
    from pathlib import Path


class Pair:
    """Two servers; each commit is on both when it is answered.

    Attributes:
        proxy: the address that the clients know.
    """

    def __init__(self) -> None:
        self.primary = Postgres()
        self.standby = Postgres(copy_of=self.primary)
        self.proxy = Proxy(_socket(self.primary))
        self._join()

    def new_database(self) -> str:
        """Make an empty database, and return its address, which stays the same."""
        name = self.primary.new_database().partition("@/")[2].partition("?")[0]
        return f"postgresql://{USER}@127.0.0.1:{self.proxy.port}/{name}"

    def fail_over(self) -> None:
        """Kill the first server, promote the second, and give it a standby of its own."""
        self.primary.kill()
        self.proxy.cut()
        self.standby.promote()
        self.proxy.upstream = _socket(self.standby)
        self.primary.close()
        self.primary, self.standby = self.standby, Postgres(copy_of=self.standby)
        self._join()

    def close(self) -> None:
        """End all."""
        self.proxy.__exit__()
        self.primary.close()
        self.standby.close()

    def _join(self) -> None:
        """From now on a commit waits for the standby."""
        with closing(psycopg.connect(self.primary.url(), autocommit=True)) as connection:
            connection.execute("alter system set synchronous_standby_names = '*'")
            connection.execute("select pg_reload_conf()")
            query = "select count(*) from pg_stat_replication where sync_state = 'sync'"
            until(lambda: connection.execute(query).fetchone() == (1,), "the standby")


def _socket(server: Postgres) -> Path:
    return server.folder / ".s.PGSQL.5432"
