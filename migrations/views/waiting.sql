create or replace view pra.waiting as
select w.reason, w.detail, w.jobs, w.oldest, w.example_job, w.remedy, w.run_id, w.queue
from pra.waiting_jobs() as w;

grant select on pra.waiting to pra_submit, pra_worker, pra_read;

comment on view pra.waiting is
  'One row per reason for which jobs wait, at most 200; each group is looked at through its first job';
comment on column pra.waiting.reason is 'words of pra.why_pending of that job, separated by commas';
comment on column pra.waiting.detail is 'the reason as a sentence';
comment on column pra.waiting.jobs is 'number of jobs; an array counts as one';
comment on column pra.waiting.oldest is 'time at which the oldest of them was enqueued';
comment on column pra.waiting.example_job is 'the first of them, which pra.why explains in full';
comment on column pra.waiting.remedy is 'the change that would let it run';
comment on column pra.waiting.run_id is 'run of all of them; null where they are of several';
comment on column pra.waiting.queue is 'queue of all of them; null where they stand in several';
