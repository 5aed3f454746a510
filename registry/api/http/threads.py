"""The threads of a process that requests may use at once, by what they do."""

from __future__ import annotations

from anyio import CapacityLimiter


class Threads:
    """Limiters for `anyio.to_thread.run_sync`; reads have its default one.

    Attributes:
        changes: they wait for each other, and must leave threads for reads.
        reports: of apps, so that these wait for each other alone; they wait for the same disk.
        scrapes: of health and metrics, which must not wait for reads: one answers /readyz while another one
            renders /metrics.
        looks: at the journal; one finds what all others wait for.
        examinations: by doctor, all of it Python: more at once would end no sooner, and slow all others down.
        pages: of the console; each waits for reads, so it must hold none of their threads.
    """

    def __init__(self) -> None:
        self.changes = CapacityLimiter(8)
        self.reports = CapacityLimiter(2)
        self.scrapes = CapacityLimiter(2)
        self.looks = CapacityLimiter(1)
        self.examinations = CapacityLimiter(1)
        self.pages = CapacityLimiter(4)
