-- Drops what a claim no longer needs: workers to which a job was handed over, an index of arrays in line. Makes the
-- types of what a claim sees.

set local role pra_owner;

-- An adopted database has these: one depends on the table, the other would be an overload of pra.claim.
drop function if exists pra.stop_waiting(bigint);
drop function if exists pra.claim(bigint, integer, bigint, text);
drop table pra_store.waiting_workers;
drop index pra_store.jobs_arrays_in_line;

-- The line as a worker sees it: the lanes that it may serve, the place from which each is looked at, and
-- how many attempts of each run are running. A session keeps it until it expires.
create type pra_store.line_view as (
  worker_id bigint,
  expires_at timestamptz,
  lanes integer[],
  places double precision[],
  runs bigint[],
  running bigint[]
);

-- A job, an array or a gang in line, and how many of the free places of the claim are its own.
create type pra_store.line_entry as (
  id bigint,
  is_array boolean,
  is_gang boolean,
  time_limit interval,
  seats integer
);
