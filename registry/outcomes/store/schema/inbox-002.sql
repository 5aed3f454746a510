-- Batches that could not be folded; the log says why. They are tried again when a registry starts.
create table aside (
  batch text primary key,
  environment text not null,
  token text not null,
  arrived bigint not null,
  kind text not null,
  body {bytes} not null
);
insert into aside (batch, environment, token, arrived, kind, body)
  select batch, environment, token, arrived, kind, body from inbox where is_aside = 1;
delete from inbox where is_aside = 1;
