-- What was acknowledged and is not folded yet, in order.
create table inbox (
  seq {serial},
  batch text not null unique,
  environment text not null,
  token text not null,
  arrived bigint not null,
  kind text not null,
  body {bytes} not null,
  is_aside integer not null default 0  -- not used any more: such are in a table of their own
);
