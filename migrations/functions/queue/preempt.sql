-- Preemption: requests to running jobs to checkpoint and give way.

create or replace function pra_store.preempt_job(
  job bigint, grace interval default '60 seconds', reason text default null
) returns void
language plpgsql
as $$
#variable_conflict use_column
declare
  old pra_store.jobs;
begin
  if grace is null or grace < interval '0' then
    raise exception 'grace: %, must not be negative', grace using errcode = 'PR003';
  end if;
  if length(reason) > 1000 then
    raise exception 'reason: has more than 1000 characters' using errcode = 'PR003';
  end if;
  if pra_store.reap_if_lost(job) then
    return;
  end if;
  select * into old from pra_store.jobs where id = job for no key update;
  if not found then
    raise exception 'there is no job %', job using errcode = 'PR002';
  end if;
  if old.array_first is not null then
    perform pra_store.preempt_job(c.id, grace, reason)
    from (select id from pra_store.jobs
          where array_id = job and state = 'running' order by id for no key update) as c;
    return;
  end if;
  if old.state <> 'running' then
    raise exception 'job % is %, not running', job, old.state using errcode = 'PR004';
  end if;
  update pra_store.jobs
  set preempt_requested_at = coalesce(preempt_requested_at, clock_timestamp()) where id = job;
  insert into pra_store.preemptions as p (job_id, epoch, reason, deadline)
  values (preempt_job.job, old.epoch, preempt_job.reason, clock_timestamp() + preempt_job.grace)
  on conflict (job_id, epoch) do update set deadline = least(p.deadline, excluded.deadline);
  perform pra_store.record_event('job.preempt_requested', old.run_id, job, old.epoch, null);
  perform pg_notify('pra_ask', '');
end
$$;

create or replace function pra.preempt(
  job bigint, grace interval default '60 seconds', reason text default null
) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  perform pra_store.require_own_jobs(array[preempt.job]);
  perform pra_store.preempt_job(job, grace, reason);
end
$$;

grant execute on function pra.preempt to pra_submit;

comment on function pra.preempt is
'Asks the agent of a running job to write a checkpoint and give the job back; of an array, all running
elements are asked. grace: time to do so, 0 or more; afterwards the job is taken away. A second request
can shorten it, not extend it. reason: in words, for pra.preemptions, which shows the progress.
A job whose worker is lost is taken back at once. The job returns to the line; of its budgets only that of preemptions is spent.
Raises PR003 for a negative grace, PR002 when there is no such job, PR004 when it is not running.';

-- Records the latest checkpoint that a job registered after a request.
create or replace function pra_store.note_checkpoint() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  update pra_store.preemptions as p
  set checkpoint_step = new.step, checkpoint_at = clock_timestamp()
  where p.job_id = new.job_id and p.epoch = new.epoch and p.released_at is null;
  return null;
end
$$;

create or replace trigger note_checkpoint after insert on pra_store.checkpoints
for each row execute function pra_store.note_checkpoint();
