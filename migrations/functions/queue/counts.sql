-- Counters of attempts: steps that statements leave, and their sums.

-- Upper ends of the intervals in which waits are counted, in seconds; the last interval has none.
create or replace function pra_store.wait_bounds() returns double precision[]
language sql immutable
as $$ select '{1,5,15,60,300,900,3600,14400,86400}'::double precision[]; $$;

-- Adds the steps to the sums. One session at a time; another one leaves it to that.
create or replace function pra_store.fold_counts() returns void
language plpgsql
as $$
begin
  -- Nobody but these functions can lock the table, as anybody could take an advisory lock.
  begin
    lock table pra_store.count_steps in share update exclusive mode nowait;
  exception
    when lock_not_available then return;
  end;
  with steps as (
    delete from pra_store.count_steps returning *
  )
  insert into pra_store.counters as c (queue, kind, outcome, bucket, number, seconds)
  select s.queue, s.kind, s.outcome, s.bucket, sum(s.number), sum(s.seconds)
  from steps as s group by 1, 2, 3, 4
  on conflict (queue, kind, outcome, bucket) do update
  set number = c.number + excluded.number, seconds = c.seconds + excluded.seconds;
end
$$;
