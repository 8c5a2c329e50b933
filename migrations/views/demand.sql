create or replace view pra.demand as
select w.queue, w.kind, w.requirements, w.time_limit, w.places, w.possible, w.free, w.jobs, w.oldest
from pra.wanted_places() as w;

grant select on pra.demand to pra_submit, pra_worker, pra_read;

comment on view pra.demand is
  'Places of workers that jobs in line could take now: one row for what any worker judges alike';
comment on column pra.demand.queue is 'queue in which they stand';
comment on column pra.demand.kind is 'kind of the jobs';
comment on column pra.demand.requirements is 'conditions on a worker''s labels: [{label, op, value}]';
comment on column pra.demand.time_limit is 'longest duration of an attempt; null for no limit';
comment on column pra.demand.places is
  'number of places wanted: one for a job, one for each part that an array may start, all of a gang; no more than its limits '
  'have slots free';
comment on column pra.demand.possible is
  'whether live workers could take them, by queue, kind, labels, room and the time that they stay; not whether places are free';
comment on column pra.demand.free is 'number of places of those workers that are free';
comment on column pra.demand.jobs is 'number of jobs; an array counts as one';
comment on column pra.demand.oldest is 'time since which the first of them is in line';
