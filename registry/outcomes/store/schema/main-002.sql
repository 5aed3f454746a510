-- Calls of rollouts with a unit, until they count: `due` is their start, in milliseconds since 1970, later if they
-- are looked at again. `counted` is 1 once their outcome was.
create table waiting (
  rollout text not null, due bigint not null, call {bytes} not null,
  arm text not null, version text not null, seq bigint not null, token text not null, counted integer not null,
  primary key (rollout, due, call)
) {clustered};

-- What is kept of each unit of a rollout: `seen` and `bad` have a bit for each of its metrics, `first` is the start
-- of the first call, `cost` is in nano-dollars.
create table units (
  rollout text not null, unit bigint not null,
  seen integer not null, bad integer not null, first bigint not null,
  arm text not null, percent double precision not null,
  cost bigint not null, is_unpriced integer not null, is_closed integer not null,
  primary key (rollout, unit)
) {clustered};
create index units_open on units (rollout, first) where is_closed = 0;

-- What the units add up to.
create table counts (
  rollout text not null, metric text not null, percent double precision not null, arm text not null,
  units bigint not null, bad bigint not null, n bigint not null, total bigint not null, squares double precision not null,
  primary key (rollout, metric, percent, arm)
) {clustered};

-- Each rollout that is counted: `newest` is the arrival of its newest measured call, `greatest` the greatest ln E of
-- each metric so far, as JSON, `tokens` the calls by token, `ended` when it was over.
create table rollouts (
  rollout text primary key, environment text not null, prompt text not null,
  newest bigint not null, misassigned bigint not null, greatest text not null, tokens text not null, ended bigint
);

-- Who judges rollouts.
insert into lease (one, holder, until) values (2, '', 0);
