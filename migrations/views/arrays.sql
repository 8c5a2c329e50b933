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
    -- Elements that were cut, less those of parts that have not succeeded. Parts that have are not
    -- summed, since they may overlap: an element that failed within a part is repeated in one of its own.
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

comment on view pra.arrays is 'One row per array: its elements counted by state';
comment on column pra.arrays.id is 'number of the array, which is a job';
comment on column pra.arrays.run_id is 'run of the array';
comment on column pra.arrays.kind is 'kind of its elements';
comment on column pra.arrays.state is
  'ready while elements remain to be started, running while any have not ended';
comment on column pra.arrays.array_first is 'index of its first element';
comment on column pra.arrays.array_last is 'index of its last element';
comment on column pra.arrays.pack is 'number of elements that one attempt does';
comment on column pra.arrays.gang is 'true when the elements start together or not at all';
comment on column pra.arrays.elements is 'number of elements';
comment on column pra.arrays.waiting is
  'number of elements that have not started, or will start again';
comment on column pra.arrays.running is 'number of elements in running attempts';
comment on column pra.arrays.succeeded is 'number of elements that succeeded';
comment on column pra.arrays.ended_badly is
  'number of elements that failed, were cancelled or quarantined';
