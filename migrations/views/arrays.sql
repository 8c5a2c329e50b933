create or replace view pra.arrays as
select
  a.id, a.run_id, a.kind, a.state, a.array_first, a.array_end - 1 as array_last, a.pack, a.gang,
  a.array_end - a.array_first as elements,
  a.array_end - a.array_first - c.running - c.bad - c.succeeded as waiting,
  c.running, c.succeeded, c.bad as ended_badly
from pra_store.jobs as a
cross join lateral (
  select
    coalesce(sum(c.element_end - c.element_first) filter (where c.state = 'running'), 0) as running,
    coalesce(sum(c.element_end - c.element_first)
      filter (where c.state in ('failed', 'cancelled', 'quarantined')), 0) as bad,
    -- What was cut, and has no later part that is still to succeed: such a part is for one element
    -- that was taken out of its cut, or for the cut itself.
    coalesce(
      case when a.follows_id is null then max(c.element_end) - a.array_first
        else sum(c.element_end - c.element_first) end
      - sum(c.element_end - c.element_first) filter (where c.state <> 'succeeded'),
      case when a.follows_id is null then max(c.element_end) - a.array_first
        else sum(c.element_end - c.element_first) end, 0) as succeeded
  from pra_store.jobs as c where c.array_id = a.id
) as c
where a.array_first is not null;

grant select on pra.arrays to pra_submit, pra_worker, pra_read;

comment on view pra.arrays is 'One row per array, with its elements by what became of them';
comment on column pra.arrays.id is 'number of the array, which is a job';
comment on column pra.arrays.run_id is 'its run';
comment on column pra.arrays.kind is 'kind of its elements';
comment on column pra.arrays.state is
  'ready while some is not cut, running while some has not ended';
comment on column pra.arrays.array_first is 'its first element';
comment on column pra.arrays.array_last is 'its last element';
comment on column pra.arrays.pack is 'elements that one attempt does';
comment on column pra.arrays.gang is 'whether the elements start all at once';
comment on column pra.arrays.elements is 'number of elements';
comment on column pra.arrays.waiting is 'elements that have not started, or will start again';
comment on column pra.arrays.running is 'elements in running attempts';
comment on column pra.arrays.succeeded is 'elements done';
comment on column pra.arrays.ended_badly is 'elements failed, cancelled or quarantined';
