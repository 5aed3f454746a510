-- What calls cost by the day on which they arrived (since 1970), which is what budgets count.
create table arrivals (
  day integer not null, series bigint not null,
  calls bigint not null, cost bigint not null, unpriced bigint not null,
  primary key (day, series)
) {clustered};

-- Notifications: how far each target has been told of the journal, what waits for it, and what was said.
create table notify_cursors (target text primary key, epoch bigint not null, seq bigint not null);
create table notify_queue (
  place {serial},
  target text not null, id text not null, kind text not null, body text not null,
  tries integer not null, due bigint not null, failing bigint, error text,
  unique (target, id)
);
create table notify_states (name text primary key, value text not null, at bigint not null);

-- Who notifies.
insert into lease (one, holder, until) values (3, '', 0);

-- What calls add up to since ever, by what metrics tell apart: it only grows, but for corrections.
create table totals (
  environment text not null, prompt text not null, version text not null, arm text not null,
  calls bigint not null, errors bigint not null,
  input bigint not null, output bigint not null, cached bigint not null, reasoning bigint not null,
  cost bigint not null, unpriced bigint not null,
  durations {bytes}, at bigint not null,
  primary key (environment, prompt, version, arm)
) {clustered};
create index totals_at on totals (at);
