-- Previews: what a training draws at its checkpoints, from the argument "preview".

-- Puts the preview of a new checkpoint in line, in the place of the one of its run that still waits: one waits at most.
-- It has the lowest priority there is, so that trainings come before it however long it has waited.
-- since: steps of the checkpoint before, or those with which the attempt began.
create or replace function pra_store.draw_preview(held pra_store.jobs, step bigint, since bigint) returns void
language plpgsql
as $$
#variable_conflict use_column
declare
  asked jsonb := held.arguments -> 'preview';
  every bigint := case when jsonb_typeof(asked -> 'every') = 'number' then (asked ->> 'every')::bigint end;
  drawing jsonb;
  job bigint;
  replaced jsonb;
begin
  -- Where a cancellation was asked for no new job shall appear.
  if coalesce((asked ->> 'count')::bigint, 0) = 0 or held.cancel_requested_at is not null
    or draw_preview.step / every <= draw_preview.since / every then
    return;
  end if;
  -- Two trainings of a run may register at the same time.
  perform pra_store.lock_key(format('preview of run %s', held.run_id));
  -- An attempt that went back before a checkpoint comes by its step again.
  if exists (
    select from pra_store.jobs as p
    where p.run_id = held.run_id and p.preview_of = held.id
      and (p.arguments ->> 'step')::bigint >= draw_preview.step)
    or exists (
      select from pra_store.checkpoints as c
      where c.job_id = held.id and c.epoch < held.epoch and c.step >= draw_preview.step)
  then
    return;
  end if;
  drawing := jsonb_build_object(
    'train', held.id, 'data', held.arguments -> 'data', 'step', draw_preview.step,
    'weights_file', null, 'weights_name', null, 'classes', null,
    'count', asked -> 'count', 'first', 0, 'last', asked -> 'count',
    'sampling', held.arguments #> '{config,sampling}' || case
      when asked ->> 'weights' is null then '{}'
      else jsonb_build_object('weights', asked -> 'weights') end);
  -- A claim passes over a row that is locked here; one that was claimed before is no longer in line.
  select j.id, j.arguments into job, replaced from pra_store.jobs as j
  where j.run_id = held.run_id and j.preview_of is not null and j.state = 'ready'
  order by j.id desc limit 1
  for no key update;
  if job is null then
    job := pra_store.enqueue(
      'sample', held.run_id, drawing, false, held.queue, -1000000, '0', '{}', '{}', null, null, 3, 5, 1, null, '{}', null,
      null, null, null, null, null, null, false, false);
  else
    perform pra_store.record_event(
      'preview.replaced', held.run_id, job, null, null,
      jsonb_build_object('train', replaced -> 'train', 'step', replaced -> 'step'));
  end if;
  update pra_store.jobs as j
  set arguments = drawing, preview_of = held.id, created_by = held.created_by, room_needed = null
  where j.id = job;
  insert into pra_store.variants (job_id, variant, seed)
  select job, v.variant, v.seed from pra_store.variants as v where v.job_id = held.id
  on conflict (job_id) do update set variant = excluded.variant, seed = excluded.seed;
end
$$;

-- Whether a job that comes back into line is a preview in whose place a newer one waits.
create or replace function pra_store.is_outdated_preview(held pra_store.jobs) returns boolean
language sql stable
as $$
  select held.preview_of is not null and exists (
    select from pra_store.jobs as j
    where j.run_id = held.run_id and j.preview_of is not null and j.state = 'ready' and j.id <> held.id);
$$;
