-- A run that compares variants: of which one each job is, and with which seed. Their curves and
-- figures told apart by the number of the job alone before.

set local role pra_owner;

create table pra_store.variants (
  job_id bigint primary key references pra_store.jobs (id) on delete cascade,
  variant text not null,
  seed bigint not null
);

-- Says of which variant jobs are; once for each job, by those who enqueued them.
create function pra.set_variant(jobs bigint[], variant text, seed bigint) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  if length(set_variant.variant) not between 1 and 200 or set_variant.variant is null then
    raise exception 'variant: must have 1 to 200 characters' using errcode = 'PR003';
  end if;
  if set_variant.seed is null then
    raise exception 'seed: missing' using errcode = 'PR003';
  end if;
  insert into pra_store.variants (job_id, variant, seed)
  select j, set_variant.variant, set_variant.seed from unnest(set_variant.jobs) as j
  on conflict (job_id) do nothing;
exception when foreign_key_violation then
  raise exception 'jobs: there is no job %', (
    select min(j) from unnest(set_variant.jobs) as j
    where not exists (select from pra_store.jobs as known where known.id = j))
    using errcode = 'PR002';
end
$$;
revoke execute on function pra.set_variant from public;
grant execute on function pra.set_variant to pra_submit;

create view pra.variants as
select j.run_id, r.name as run_name, v.variant, v.seed, v.job_id, j.kind
from pra_store.variants as v
join pra_store.jobs as j on j.id = v.job_id
join pra_store.runs as r on r.id = j.run_id;
grant select on pra.variants to pra_submit, pra_worker, pra_read;
comment on view pra.variants is 'Jobs of runs that compare variants: of which one each is';
comment on column pra.variants.run_id is 'run of the job';
comment on column pra.variants.run_name is 'name of the run';
comment on column pra.variants.variant is 'name under variants of the run file; the run''s name where seeds alone differ';
comment on column pra.variants.seed is 'seed of the training';
comment on column pra.variants.job_id is 'the job';
comment on column pra.variants.kind is 'kind of the job';

create or replace view pra.evaluations as
select
  j.run_id, r.name as run_name, e.job_id, e.metric, e.scope, e.value, e.images, e.details, e.epoch,
  v.variant, v.seed
from pra_store.evaluations as e
join pra_store.jobs as j on j.id = e.job_id
join pra_store.runs as r on r.id = j.run_id
left join pra_store.variants as v on v.job_id = e.job_id;
comment on column pra.evaluations.variant is 'of a run that compares variants: which one was measured';
comment on column pra.evaluations.seed is 'of a run that compares variants: seed of its training';
