-- What spans and log records said, until their trace is settled, and for a day after: late ones change it.
-- `call` is the call that a span was booked with; `response` the provider's name of its answer, `record` the id of
-- the client's record that it names.
create table spans (
  environment text not null, trace {bytes} not null, span {bytes} not null, kind text not null,
  response text, record text, subject bigint, conversation bigint, call {bytes}, body text not null,
  primary key (environment, trace, span, kind)
) {clustered};
create index spans_response on spans (environment, response) where response is not null;
create index spans_record on spans (environment, record) where record is not null;
create index spans_subject on spans (subject) where subject is not null;
create index spans_conversation on spans (conversation) where conversation is not null;

-- Traces: when the first of their spans came, how many are there, and when they are due to be settled.
create table traces (
  environment text not null, trace {bytes} not null,
  arrived bigint not null, spans bigint not null, due bigint,
  primary key (environment, trace)
) {clustered};
create index traces_due on traces (due) where due is not null;
create index traces_arrived on traces (arrived);
