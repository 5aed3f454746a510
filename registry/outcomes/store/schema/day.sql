-- The tables of one day, in days since 1970: calls by the time in their ids, and their content.
create table calls_{day} (
  call {bytes} primary key,
  at bigint not null, booked bigint not null, arrived bigint not null,
  series bigint not null, state integer not null,
  bucket integer, unit bigint, subject bigint, conversation bigint, trace {bytes}, span {bytes},
  input bigint, output bigint, cached bigint, reasoning bigint, cost bigint,
  duration double precision, ttft double precision, error text, extra text
) {clustered};
create index calls_{day}_booked on calls_{day} (booked);
create index calls_{day}_conversation on calls_{day} (conversation) where conversation is not null;
create index calls_{day}_trace on calls_{day} (trace) where trace is not null;
create index calls_{day}_error on calls_{day} (booked) where error is not null;
create table bodies_{day} (call {bytes} primary key, body {bytes} not null);
