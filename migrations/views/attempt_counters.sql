create or replace view pra.attempt_counters as
select c.queue, c.kind, case c.outcome when '' then 'started' else c.outcome end as outcome, sum(c.number)::bigint as attempts
from (
  select s.queue, s.kind, s.outcome, s.number from pra_store.count_steps as s
  union all
  select t.queue, t.kind, t.outcome, t.number from pra_store.counters as t
) as c
group by c.queue, c.kind, c.outcome;

grant select on pra.attempt_counters to pra_submit, pra_worker, pra_read;

comment on view pra.attempt_counters is
  'Attempts counted since the database is at version 117: numbers that only rise, also when history is pruned';
comment on column pra.attempt_counters.queue is 'queue of the jobs';
comment on column pra.attempt_counters.kind is 'kind of the jobs';
comment on column pra.attempt_counters.outcome is
  'started, or how the attempt ended: succeeded, fault, lost, timeout ...';
comment on column pra.attempt_counters.attempts is 'number of attempts';
