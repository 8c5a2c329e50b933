-- Gangs whose members work together: the number of a start, and where its members meet.

set local role pra_owner;

-- Texts of the members of one start of a gang, by rank. Its epoch numbers the starts of a gang. The empty key is
-- written when the gang is placed; all rows go when the start has ended.
create table pra_store.gang_meetings (
  gang_id bigint not null references pra_store.jobs,
  start bigint not null check (start > 0),
  rank integer not null check (rank >= 0),
  job_id bigint not null references pra_store.jobs,
  key text not null check (length(key) <= 200),
  value bytea not null check (length(value) <= 65536),
  primary key (gang_id, start, rank, key)
);

-- Numbers of members with which a gang may start, the least first; null for all of its elements.
alter table pra_store.jobs add column gang_sizes integer[];
