-- `revision` grows with each change of what a rollout's units add up to: who judges asks for what is new since.
alter table rollouts add column revision bigint not null default 0;
create index rollouts_revision on rollouts (revision);
