-- Sums of outlines: the grain is negative, and `series` any of those with the same outline, which has the environment,
-- prompt, version, arm and rollout. Histograms are merged by joining them.
insert into rollups (
  grain, start, series, calls, errors, input, output, cached, reasoning, cost, unpriced, durations, ttfts
)
select
  -r.grain, r.start, o.outline, sum(r.calls), sum(r.errors), sum(r.input), sum(r.output), sum(r.cached),
  sum(r.reasoning), sum(r.cost), sum(r.unpriced),
  cast({joined}(r.durations, '') as {bytes}), cast({joined}(r.ttfts, '') as {bytes})
from rollups r join (
  select series, min(series) over (partition by environment, prompt, version, arm, rollout) as outline from series
) o on o.series = r.series
group by r.grain, r.start, o.outline;

insert into tallies (grain, start, series, name, n, total)
select -t.grain, t.start, o.outline, t.name, sum(t.n), sum(t.total)
from tallies t join (
  select series, min(series) over (partition by environment, prompt, version, arm, rollout) as outline from series
) o on o.series = t.series
group by t.grain, t.start, o.outline, t.name;
