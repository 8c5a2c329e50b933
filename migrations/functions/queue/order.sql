-- The order in which ready jobs start.

-- The heads of some lanes from a place on, in the order in which they are to start.
--
-- By effective priority (a whole point for each ten minutes of waiting), then the user and the run
-- with the least running for their weight, then place. Between lanes that wait alike this is weighted
-- fair sharing; in one lane it is the order of the lane.
create or replace function pra_store.heads(lanes integer[], from_place double precision, depth integer)
returns table (id bigint, is_array boolean, is_gang boolean, run_id bigint, ending interval)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
  if cardinality(lanes) = 1 then
    return query
      select j.id, j.array_first is not null, j.gang, j.run_id, j.time_limit
      from pra_store.jobs as j
      where j.lane_id = lanes[1] and j.state = 'ready' and j.due and j.place >= from_place
      order by j.place, j.id
      limit depth;
    return;
  end if;
  return query
    with used as materialized (
      select j.run_id, r.created_by as owner, count(*) as running
      from pra_store.jobs as j join pra_store.runs as r on r.id = j.run_id
      where j.state = 'running' and j.worker_id is not null
      group by j.run_id, r.created_by
    ),
    heads as (
      select j.*, r.created_by as owner,
        floor((extract(epoch from clock_timestamp()) - j.place) / 600) as urgency,
        -- What its run would hold of its weight if it started, those before it in the run as well.
        (coalesce(used.running, 0)
          + row_number() over (partition by j.run_id order by j.place, j.id)) / r.weight as run_part
      from unnest(lanes) as lane
      cross join lateral (
        select j.id, j.place, j.run_id, j.array_first is not null as is_array, j.gang, j.time_limit
        from pra_store.jobs as j
        where j.lane_id = lane and j.state = 'ready' and j.due and j.place >= from_place
        order by j.place, j.id
        limit depth
      ) as j
      join pra_store.runs as r on r.id = j.run_id
      left join used on used.run_id = j.run_id
    ),
    parts as (
      select h.*,
        (coalesce(o.running, 0) + row_number() over (
          partition by h.owner order by h.urgency desc, h.run_part, h.place, h.id))
          / coalesce(u.weight, 1) as user_part
      from heads as h
      left join (select used.owner, sum(used.running) as running from used group by used.owner) as o
        on o.owner = h.owner
      left join pra_store.users as u on u.name = h.owner
    )
    select p.id, p.is_array, p.gang, p.run_id, p.time_limit
    from parts as p
    order by p.urgency desc, p.user_part, p.place, p.id
    limit depth;
end
$$;
