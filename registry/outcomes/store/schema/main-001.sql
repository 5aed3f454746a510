-- Batches that were folded: one that is sent again changes nothing.
create table batches (batch text primary key, at bigint not null);
create index batches_at on batches (at);

-- What calls are summed by; `series` is a hash, so that no process has to ask for one.
create table series (
  series bigint primary key,
  environment text not null,
  prompt text, version text, arm text, rollout text,
  model text, provider text, route text, segment text
);
create index series_prompt on series (environment, prompt);

-- The days that have a table of calls and one of their content (calls_20261129, bodies_20261129), with the first
-- and last time that a call in them is booked at.
create table days (day integer primary key, first bigint not null, last bigint not null);

-- Sums by hour and day: `grain` is 3600 or 86400, `start` in seconds since 1970. Costs are nano-dollars.
create table rollups (
  grain integer not null, start bigint not null, series bigint not null,
  calls bigint not null, errors bigint not null,
  input bigint not null, output bigint not null, cached bigint not null, reasoning bigint not null,
  cost bigint not null, unpriced bigint not null,
  durations {bytes}, ttfts {bytes},
  primary key (grain, start, series)
) {clustered};

create index rollups_series on rollups (series, grain, start);

-- Further sums: feedback by kind, resolutions, calls by source of their price.
create table tallies (
  grain integer not null, start bigint not null, series bigint not null, name text not null,
  n bigint not null, total bigint not null,
  primary key (grain, start, series, name)
) {clustered};

-- What was said of a call: feedback, scores, flags. `series` is null until its call has come.
create table signals (
  call {bytes} not null, kind text not null, name text not null, judge text not null,
  environment text not null, value double precision, at bigint not null, detail text,
  series bigint, start bigint,
  primary key (call, kind, name, judge)
) {clustered};
create index signals_at on signals (environment, kind, name, at);
create index signals_value on signals (environment, kind, name, value);
create index signals_waiting on signals (at) where series is null;

create table resolutions (
  environment text not null, conversation bigint not null, ok integer not null, at bigint not null,
  series bigint not null, start bigint not null,
  primary key (environment, conversation)
) {clustered};

create table claims (call {bytes} primary key, lease text not null, until bigint not null);

-- What was left out, and how often: for `doctor`.
create table counters (environment text not null, name text not null, n bigint not null, at bigint not null,
  primary key (environment, name)) {clustered};

create table erasures (id text primary key, at bigint not null, calls bigint not null);

-- Who folds; its row is also the lock between folders.
create table lease (one integer primary key, holder text not null, until bigint not null);
insert into lease (one, holder, until) values (1, '', 0);
