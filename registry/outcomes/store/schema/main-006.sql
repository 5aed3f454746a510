-- Calls whose content is kept. `place` is a hash of the id. `judged`: 0 it waits for a judge, 1 it has a score, 2 there
-- is nothing to judge it by, 3 the judge's answer was no score. `reasons` are bits, 0: people need not look at it.
-- `queued` is when there was a first reason; `is_done` once it is labelled, or was skipped often. `holder` has claimed
-- it `until` then.
create table samples (
  call {bytes} primary key,
  environment text not null, prompt text, version text,
  place bigint not null, judged integer not null,
  reasons integer not null, queued bigint not null, is_done integer not null, skips integer not null,
  holder text not null, holder_name text not null, until bigint not null
) {clustered};
create index samples_unjudged on samples (environment, place) where judged = 0;
create index samples_open on samples (environment, skips, place) where reasons <> 0 and is_done = 0;

-- What people say of calls. `expected` and `tags` are JSON. `pulled` is when it became the case `case_id` in git.
create table labels (
  call {bytes} primary key,
  environment text not null, prompt text, version text, reasons integer not null,
  verdict text not null, expected text, note text, tags text, is_case integer not null,
  token text not null, name text not null, at bigint not null,
  pulled bigint, case_id text
) {clustered};
create index labels_at on labels (environment, at, call);

-- Calls and content that outlive their day, as somebody is still to look at them; as the tables of a day.
create table calls_kept (
  call {bytes} primary key,
  at bigint not null, booked bigint not null, arrived bigint not null,
  series bigint not null, state integer not null,
  bucket integer, unit bigint, subject bigint, conversation bigint, trace {bytes}, span {bytes},
  input bigint, output bigint, cached bigint, reasoning bigint, cost bigint,
  duration double precision, ttft double precision, error text, extra text
) {clustered};
create table bodies_kept (call {bytes} primary key, body {bytes} not null);

-- What judges did on a day (UTC, since 1970), in nano-dollars. `reserved` is held for questions that are under way, or
-- whose judge is gone: it may have been spent.
create table judging (
  environment text not null, day integer not null,
  spent bigint not null, reserved bigint not null,
  scored bigint not null, nonsense bigint not null, failed bigint not null,
  primary key (environment, day)
) {clustered};
create table reservations (
  id text primary key, environment text not null, day integer not null, call {bytes} not null,
  nanos bigint not null, at bigint not null
);

alter table erasures add column cases text;
