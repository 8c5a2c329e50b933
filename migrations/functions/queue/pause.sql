-- Runs and queues whose jobs are kept from being claimed.

create or replace function pra.pause_run(run bigint) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  perform pra_store.require_own_run(run);
  update pra_store.runs set paused_at = coalesce(paused_at, clock_timestamp()) where id = run;
  if not found then
    raise exception 'there is no run %', run using errcode = 'PR002';
  end if;
  perform pra_store.record_event('run.paused', run, null, null, null);
end
$$;

grant execute on function pra.pause_run to pra_submit;

comment on function pra.pause_run is
'Keeps the jobs of a run from being claimed until pra.resume_run; running ones go on.
Raises PR002 when there is no such run.';

create or replace function pra.resume_run(run bigint) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  perform pra_store.require_own_run(run);
  update pra_store.runs set paused_at = null where id = run;
  if not found then
    raise exception 'there is no run %', run using errcode = 'PR002';
  end if;
  perform pra_store.record_event('run.resumed', run, null, null, null);
  perform pg_notify('pra_ready', '');
end
$$;

grant execute on function pra.resume_run to pra_submit;

comment on function pra.resume_run is
'Lets the jobs of a paused run be claimed again; no effect on a run that is not paused.
Raises PR002 when there is no such run.';

create or replace function pra.pause_queue(queue text) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  perform pra_store.require_operator('queue');
  update pra_store.queues set paused_at = coalesce(paused_at, clock_timestamp())
  where name = queue;
  if not found then
    raise exception 'there is no queue "%"', queue using errcode = 'PR002';
  end if;
  perform pra_store.record_event(
    'queue.paused', null, null, null, null, jsonb_build_object('queue', queue));
end
$$;

grant execute on function pra.pause_queue to pra_submit;

comment on function pra.pause_queue is
'Keeps the jobs of a queue from being claimed until pra.resume_queue; running ones go on.
Raises PR002 when there is no such queue.';

create or replace function pra.resume_queue(queue text) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  perform pra_store.require_operator('queue');
  update pra_store.queues set paused_at = null where name = queue;
  if not found then
    raise exception 'there is no queue "%"', queue using errcode = 'PR002';
  end if;
  perform pra_store.record_event(
    'queue.resumed', null, null, null, null, jsonb_build_object('queue', queue));
  perform pg_notify('pra_ready', '');
end
$$;

grant execute on function pra.resume_queue to pra_submit;

comment on function pra.resume_queue is
'Lets the jobs of a paused queue be claimed again; no effect on a queue that is not paused.
Raises PR002 when there is no such queue.';
