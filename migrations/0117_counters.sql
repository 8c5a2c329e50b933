-- Counters of starts and ends of attempts, which stay when history is pruned.

set local role pra_owner;

-- One row for what a statement has begun or ended, so that no two statements write one row. outcome is empty for
-- starts; bucket is that of their wait, and -1 for ends. seconds: sum of the waits.
create table pra_store.count_steps (
  queue text not null,
  kind text not null,
  outcome text not null,
  bucket smallint not null default -1,
  number bigint not null,
  seconds double precision not null default 0
);

-- The sum of the steps that were folded.
create table pra_store.counters (
  queue text not null,
  kind text not null,
  outcome text not null,
  bucket smallint not null,
  number bigint not null,
  seconds double precision not null,
  primary key (queue, kind, outcome, bucket)
);
