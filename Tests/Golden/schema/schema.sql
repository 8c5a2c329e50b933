--
-- PostgreSQL database dump
--



SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

--
-- Name: pra; Type: SCHEMA; Schema: -; Owner: pra_owner
--

CREATE SCHEMA pra;


ALTER SCHEMA pra OWNER TO pra_owner;

--
-- Name: SCHEMA pra; Type: COMMENT; Schema: -; Owner: pra_owner
--

COMMENT ON SCHEMA pra IS 'PRA Pipeline: views and functions, the public surface';


--
-- Name: pra_store; Type: SCHEMA; Schema: -; Owner: pra_owner
--

CREATE SCHEMA pra_store;


ALTER SCHEMA pra_store OWNER TO pra_owner;

--
-- Name: SCHEMA pra_store; Type: COMMENT; Schema: -; Owner: pra_owner
--

COMMENT ON SCHEMA pra_store IS 'PRA Pipeline: tables, private';


--
-- Name: attempt_outcome; Type: TYPE; Schema: pra; Owner: pra_owner
--

CREATE TYPE pra.attempt_outcome AS ENUM (
    'succeeded',
    'fault',
    'permanent',
    'lost',
    'timeout',
    'preempted',
    'released',
    'cancelled'
);


ALTER TYPE pra.attempt_outcome OWNER TO pra_owner;

--
-- Name: job_state; Type: TYPE; Schema: pra; Owner: pra_owner
--

CREATE TYPE pra.job_state AS ENUM (
    'blocked',
    'ready',
    'running',
    'succeeded',
    'failed',
    'cancelled',
    'quarantined'
);


ALTER TYPE pra.job_state OWNER TO pra_owner;

--
-- Name: barrier; Type: TYPE; Schema: pra_store; Owner: pra_owner
--

CREATE TYPE pra_store.barrier AS (
	blocks boolean,
	limits text[],
	starts timestamp with time zone,
	place double precision
);


ALTER TYPE pra_store.barrier OWNER TO pra_owner;

--
-- Name: line_entry; Type: TYPE; Schema: pra_store; Owner: pra_owner
--

CREATE TYPE pra_store.line_entry AS (
	id bigint,
	is_array boolean,
	is_gang boolean,
	time_limit interval,
	seats integer,
	limits text[]
);


ALTER TYPE pra_store.line_entry OWNER TO pra_owner;

--
-- Name: line_view; Type: TYPE; Schema: pra_store; Owner: pra_owner
--

CREATE TYPE pra_store.line_view AS (
	worker_id bigint,
	expires_at timestamp with time zone,
	lanes integer[],
	places double precision[],
	runs bigint[],
	running bigint[]
);


ALTER TYPE pra_store.line_view OWNER TO pra_owner;

--
-- Name: logical_name; Type: DOMAIN; Schema: pra_store; Owner: pra_owner
--

CREATE DOMAIN pra_store.logical_name AS text
	CONSTRAINT logical_name_check CHECK (((VALUE ~ '^[A-Za-z0-9][A-Za-z0-9_.@+-]{0,199}$'::text) AND (POSITION(('..'::text) IN (VALUE)) = 0)));


ALTER DOMAIN pra_store.logical_name OWNER TO pra_owner;

--
-- Name: absorb_metrics(bigint, bigint, bigint, uuid); Type: FUNCTION; Schema: pra; Owner: pra_owner
--

CREATE FUNCTION pra.absorb_metrics(job bigint, epoch bigint, batch bigint, token uuid DEFAULT NULL::uuid) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
#variable_conflict use_column
declare
  held pra_store.jobs;
  mine pra_store.attempts;
  taken bigint;
  highest bigint;
begin
  held := pra_store.hold(job, epoch, false, token);
  select * into mine from pra_store.attempts as a
  where a.job_id = job and a.epoch = absorb_metrics.epoch for no key update;
  if batch is null or batch <= mine.metric_batch then
    delete from pra_store.metric_staging as s
    where s.token = held.token and s.batch = absorb_metrics.batch;
    return 0;
  end if;
  if mine.from_step is null then
    update pra_store.attempts as a set from_step = 0
    where a.job_id = job and a.epoch = absorb_metrics.epoch;
    mine.from_step := 0;
    perform pra_store.write_ranges(job, mine.epoch);
  end if;

  taken := pra_store.insert_points(held, batch);
  perform pra_store.summarize_batch(held, batch, mine.from_step);

  with gone as (
    delete from pra_store.metric_staging as s
    where s.token = held.token and s.batch = absorb_metrics.batch
    returning s.steps
  )
  select max(p.step) into highest from gone cross join unnest(gone.steps) as p (step);
  update pra_store.attempts as a
  set metric_batch = absorb_metrics.batch,
      metric_high_water = greatest(a.metric_high_water, highest)
  where a.job_id = job and a.epoch = absorb_metrics.epoch;
  return taken;
end
$$;


ALTER FUNCTION pra.absorb_metrics(job bigint, epoch bigint, batch bigint, token uuid) OWNER TO pra_owner;

--
-- Name: FUNCTION absorb_metrics(job bigint, epoch bigint, batch bigint, token uuid); Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON FUNCTION pra.absorb_metrics(job bigint, epoch bigint, batch bigint, token uuid) IS 'Moves a batch of metrics from pra_store.metric_staging, where COPY wrote it, to the series of an attempt
and brings the summaries up to date; returns the number of points. Best in the transaction of the COPY.
batch: numbered upwards from 1 within the attempt. A batch that was absorbed already is dropped and
counts 0, so that a sender that missed the answer can send it again.
An attempt that has not called pra.continue_from starts its series at step 0.
Raises PR001 when the attempt has lost its lease or the token is not its own.';


--
-- Name: active_runs(); Type: FUNCTION; Schema: pra; Owner: pra_owner
--

CREATE FUNCTION pra.active_runs() RETURNS SETOF bigint
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  select l.run_id from pra_store.lanes as l where l.id = any(array(select n from pra_store.lanes_in_line() as n))
  union
  select j.run_id from pra_store.jobs as j where j.state = 'ready' and not j.due
  union
  select j.run_id from pra_store.jobs as j where j.state = 'running' and j.worker_id is not null
  union
  select j.run_id from pra_store.jobs as j where j.state = 'running' and j.array_first is not null
  union
  select r.id from pra_store.runs as r where r.paused_at is not null;
$$;


ALTER FUNCTION pra.active_runs() OWNER TO pra_owner;

--
-- Name: FUNCTION active_runs(); Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON FUNCTION pra.active_runs() IS 'Returns the numbers of runs that have jobs in line or running, or that are paused: found by indexes of the queue, however many
other runs there are.';


--
-- Name: append_log(bigint, bigint, integer, bytea, uuid); Type: FUNCTION; Schema: pra; Owner: pra_owner
--

CREATE FUNCTION pra.append_log(job bigint, epoch bigint, ordinal integer, bytes bytea, token uuid DEFAULT NULL::uuid) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
#variable_conflict use_column
begin
  perform from pra_store.jobs as j where j.id = job for share;
  -- Unlike other writes also for a minute after the end, since the last lines are read when the stage
  -- has ended; but only for the latest attempt of the job, and only from a live worker.
  if not exists (
    select
    from pra_store.attempts as a
    join pra_store.jobs as j on j.id = a.job_id and j.epoch = a.epoch
    join pra_store.workers as w on w.id = a.worker_id
    where a.job_id = job and a.epoch = append_log.epoch
      and (a.ended_at is null or (
        a.outcome <> 'lost' and a.ended_at > clock_timestamp() - interval '1 minute'))
      and w.stopped_at is null and (w.token is null or j.token = append_log.token)
      and pra_store.lease_end(w.lease_expires_at, w.lease) > clock_timestamp()
  ) then
    raise exception 'lease lost: attempt % of job % may write no more', epoch, job
      using errcode = 'PR001';
  end if;
  insert into pra_store.log_chunks (job_id, epoch, ordinal, bytes)
  values (append_log.job, append_log.epoch, append_log.ordinal, append_log.bytes)
  on conflict do nothing;
end
$$;


ALTER FUNCTION pra.append_log(job bigint, epoch bigint, ordinal integer, bytes bytea, token uuid) OWNER TO pra_owner;

--
-- Name: FUNCTION append_log(job bigint, epoch bigint, ordinal integer, bytes bytea, token uuid); Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON FUNCTION pra.append_log(job bigint, epoch bigint, ordinal integer, bytes bytea, token uuid) IS 'Appends a chunk to the log of an attempt; sent again with the same ordinal, it counts once.
ordinal: from 0. bytes: 1 to 1048576. Allowed while the attempt runs and for a minute after it ended,
unless it was lost.
Raises PR001 when the attempt may write no more.';


--
-- Name: archive_run(bigint, boolean); Type: FUNCTION; Schema: pra; Owner: pra_owner
--

CREATE FUNCTION pra.archive_run(run bigint, archived boolean DEFAULT true) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
  perform pra_store.require_own_run(run);
  perform pra_store.live_run(run);
  update pra_store.runs as r
  set archived_at = case when archived then coalesce(r.archived_at, clock_timestamp()) end
  where r.id = run;
end
$$;


ALTER FUNCTION pra.archive_run(run bigint, archived boolean) OWNER TO pra_owner;

--
-- Name: FUNCTION archive_run(run bigint, archived boolean); Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON FUNCTION pra.archive_run(run bigint, archived boolean) IS 'Puts a run away, so that lists leave it out, or takes it back. Nothing of it is lost, and its jobs go on.
Raises PR002 when there is no such run.';


--
-- Name: artifact_chunk(text, integer, bigint); Type: FUNCTION; Schema: pra; Owner: pra_owner
--

CREATE FUNCTION pra.artifact_chunk(sha256 text, ordinal integer, upload bigint DEFAULT NULL::bigint) RETURNS bytea
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
#variable_conflict use_column
declare
  kept pra_store.artifacts;
  source bigint;
begin
  select * into kept from pra_store.artifacts as a
  where a.sha256 = pra_store.digest(artifact_chunk.sha256);
  if not found then
    raise exception 'there is no artifact %', artifact_chunk.sha256 using errcode = 'PR002';
  end if;
  source := kept.upload_id;
  if artifact_chunk.upload is not null and artifact_chunk.upload is distinct from source then
    select u.id into source from pra_store.uploads as u
    where u.id = artifact_chunk.upload and u.sha256 = kept.sha256 and u.committed_at is not null;
    if not found then
      return null;
    end if;
  end if;
  if source is null then
    return case when ordinal = 0 then kept.bytes end;
  end if;
  return (
    select c.bytes from pra_store.artifact_chunks as c
    where c.upload_id = source and c.ordinal = artifact_chunk.ordinal);
end
$$;


ALTER FUNCTION pra.artifact_chunk(sha256 text, ordinal integer, upload bigint) OWNER TO pra_owner;

--
-- Name: FUNCTION artifact_chunk(sha256 text, ordinal integer, upload bigint); Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON FUNCTION pra.artifact_chunk(sha256 text, ordinal integer, upload bigint) IS 'Returns bytes of an artifact in the database, from ordinal * 1048576 on, at most 1 MiB; null past its
end and for an artifact in another store. pra.artifacts tells the number of chunks. upload: that of one of
several copies (pra.artifact_copies).
Raises PR002 when there is no such artifact, PR003 for a bad sha256.';


--
-- Name: artifact_copies(text); Type: FUNCTION; Schema: pra; Owner: pra_owner
--

CREATE FUNCTION pra.artifact_copies(sha256 text) RETURNS TABLE(upload bigint, store integer, location text, object text, copy integer, size bigint, chunks bigint, certain boolean, mark text)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  with kept as (
    select a.sha256, a.size, a.upload_id, a.store_id, a.copy, a.bytes is not null as is_inline,
      not a.unverified and a.suspect_at is null as certain
    from pra_store.artifacts as a where a.sha256 = pra_store.digest(artifact_copies.sha256)
  ), copies as (
    select k.upload_id, k.store_id, k.copy, k.size, k.is_inline, k.certain, 0 as rank, null::bigint as age
    from kept as k where k.is_inline or k.upload_id is not null or k.store_id is not null
    union all
    select u.id, null, null, u.size, false, false, 1 + (u.suspect_at is not null)::integer, -u.id
    from kept as k join pra_store.uploads as u on u.sha256 = k.sha256
    where not k.certain and u.committed_at is not null and u.id is distinct from k.upload_id
    union all
    select null, o.store_id, o.copy, o.size, false, false, 1 + (o.suspect_at is not null)::integer, -o.copy
    from kept as k join pra_store.objects as o on o.sha256 = k.sha256
    where not k.certain and o.state = 'stored' and (o.store_id, o.copy) is distinct from (k.store_id, k.copy)
  )
  select c.upload_id, c.store_id, s.location,
    pra_store.object_name(pra_store.digest(artifact_copies.sha256), c.copy), c.copy, c.size,
    case when c.is_inline then 1 when c.upload_id is not null then (c.size + 1048575) / 1048576 else 0 end,
    c.certain, case when s.marked_at is not null then s.mark::text end
  from copies as c left join pra_store.stores as s on s.id = c.store_id
  order by c.rank, c.age;
$$;


ALTER FUNCTION pra.artifact_copies(sha256 text) OWNER TO pra_owner;

--
-- Name: FUNCTION artifact_copies(sha256 text); Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON FUNCTION pra.artifact_copies(sha256 text) IS 'Returns the places of an artifact, the one that counts first; more than one only while its bytes are in doubt: a
reader takes the first that has the right SHA-256. certain: whether the server or a reader has checked the bytes
and nobody has found them damaged since. mark: the id that lies in the store, where it is known to.
No row for an artifact that is lost, and where there is none. Raises PR003 for a bad sha256.';


--
-- Name: artifact_range(text, bigint, bigint); Type: FUNCTION; Schema: pra; Owner: pra_owner
--

CREATE FUNCTION pra.artifact_range(sha256 text, place bigint, length bigint) RETURNS bytea
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
#variable_conflict use_column
declare
  kept pra_store.artifacts;
begin
  if place is null or place < 0 or artifact_range.length is null or artifact_range.length not between 0 and 67108864 then
    raise exception 'place, length: % and %, must be 0 or more and 0 to 67108864', place, artifact_range.length
      using errcode = 'PR003';
  end if;
  select * into kept from pra_store.artifacts as a
  where a.sha256 = pra_store.digest(artifact_range.sha256);
  if not found then
    raise exception 'there is no artifact %', artifact_range.sha256 using errcode = 'PR002';
  end if;
  if kept.bytes is not null then
    return substr(kept.bytes, (least(place, 1048576) + 1)::integer, artifact_range.length::integer);
  end if;
  if kept.upload_id is null then
    return null;
  end if;
  -- The stored bytes are not compressed, so that a part of a chunk is read without the rest of it.
  return (
    select string_agg(
      substr(
        c.bytes, (greatest(place - c.ordinal * 1048576::bigint, 0) + 1)::integer,
        (least(place + artifact_range.length - c.ordinal * 1048576::bigint, 1048576)
          - greatest(place - c.ordinal * 1048576::bigint, 0))::integer),
      '' order by c.ordinal)
    from pra_store.artifact_chunks as c
    where c.upload_id = kept.upload_id and c.ordinal >= place / 1048576
      and c.ordinal < (place + artifact_range.length + 1048575) / 1048576);
end
$$;


ALTER FUNCTION pra.artifact_range(sha256 text, place bigint, length bigint) OWNER TO pra_owner;

--
-- Name: FUNCTION artifact_range(sha256 text, place bigint, length bigint); Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON FUNCTION pra.artifact_range(sha256 text, place bigint, length bigint) IS 'Returns bytes of an artifact in the database, length of them from place on, fewer where it ends; null for an artifact
in another store. pra.images tells where in a packed set an image lies.
Raises PR002 when there is no such artifact, PR003 for a bad sha256, a place below 0 or more than 64 MiB.';


--
-- Name: artifact_uses(text); Type: FUNCTION; Schema: pra; Owner: pra_owner
--

CREATE FUNCTION pra.artifact_uses(sha256 text) RETURNS TABLE(run bigint, job bigint, kind text, use text)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  with uses as (
    select o.job_id, 'output ' || o.name as use from pra_store.job_outputs as o
    where o.sha256 = pra_store.digest(artifact_uses.sha256)
    union all
    select c.job_id, format('%s of the checkpoint at step %s', f.name, c.step)
    from pra_store.checkpoint_files as f join pra_store.checkpoints as c on c.id = f.checkpoint_id
    where f.sha256 = pra_store.digest(artifact_uses.sha256)
    union all
    select i.job_id, 'image ' || i.number from pra_store.images as i
    where i.sha256 = pra_store.digest(artifact_uses.sha256)
    union all
    select i.job_id, format('images from %s to %s', i.first, i.first + cardinality(i.labels) - 1)
    from pra_store.image_sets as i
    where i.sha256 = pra_store.digest(artifact_uses.sha256)
    union all
    select k.job_id, 'kept result: ' || k.what from pra_store.kept_results as k
    where k.sha256 = pra_store.digest(artifact_uses.sha256)
    union all
    select j.id, 'input' from pra_store.jobs as j
    where j.arguments::text like '%' || artifact_uses.sha256 || '%'
    union all
    select e.array_id, 'input of an element' from pra_store.element_arguments as e
    where e.arguments::text like '%' || artifact_uses.sha256 || '%'
  )
  select distinct j.run_id, u.job_id, j.kind, u.use
  from uses as u join pra_store.jobs as j on j.id = u.job_id
  order by j.run_id, u.job_id, u.use;
$$;


ALTER FUNCTION pra.artifact_uses(sha256 text) OWNER TO pra_owner;

--
-- Name: FUNCTION artifact_uses(sha256 text); Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON FUNCTION pra.artifact_uses(sha256 text) IS 'Returns what refers to an artifact: outputs, files of checkpoints, images, and arguments of jobs.
Raises PR003 for a bad sha256.';


--
-- Name: begin_artifact(bigint, bigint, text, bigint, text, uuid); Type: FUNCTION; Schema: pra; Owner: pra_owner
--

CREATE FUNCTION pra.begin_artifact(job bigint, epoch bigint, sha256 text, size bigint, media_type text, token uuid DEFAULT NULL::uuid) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
  perform pra_store.hold(job, epoch, false, token);
  perform pra_store.await_reference(job, epoch, sha256);
  return pra_store.begin_upload(job, epoch, sha256, size, media_type);
end
$$;


ALTER FUNCTION pra.begin_artifact(job bigint, epoch bigint, sha256 text, size bigint, media_type text, token uuid) OWNER TO pra_owner;

--
-- Name: FUNCTION begin_artifact(job bigint, epoch bigint, sha256 text, size bigint, media_type text, token uuid); Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON FUNCTION pra.begin_artifact(job bigint, epoch bigint, sha256 text, size bigint, media_type text, token uuid) IS 'Starts an upload to the database in chunks of 1 MiB, for an attempt, and returns its number; null when
the bytes are stored already. sha256: 64 lower-case hexadecimal digits. size: bytes.
Next: pra.put_artifact_chunk for each chunk, then pra.commit_artifact.
Raises PR001 when the attempt has lost its lease, PR003 for a bad sha256.';


--
-- Name: begin_object(bigint, bigint, text, bigint, uuid); Type: FUNCTION; Schema: pra; Owner: pra_owner
--

CREATE FUNCTION pra.begin_object(job bigint, epoch bigint, sha256 text, size bigint, token uuid DEFAULT NULL::uuid) RETURNS TABLE(store integer, location text, object text, copy integer, has boolean, database uuid, mark uuid, is_marked boolean)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
  perform pra_store.hold(job, epoch, false, token);
  perform pra_store.await_reference(job, epoch, begin_object.sha256);
  return query select * from pra_store.begin_object(begin_object.sha256, begin_object.size);
end
$$;


ALTER FUNCTION pra.begin_object(job bigint, epoch bigint, sha256 text, size bigint, token uuid) OWNER TO pra_owner;

--
-- Name: FUNCTION begin_object(job bigint, epoch bigint, sha256 text, size bigint, token uuid); Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON FUNCTION pra.begin_object(job bigint, epoch bigint, sha256 text, size bigint, token uuid) IS 'Returns the place to which an attempt writes bytes: a null location for the database (next:
pra.begin_artifact), else write the object under its name, once the mark in the store holds database and mark,
and call pra.commit_object. has: the bytes lie at that place already, by the word of a reader, of the server or
of the own login; who finds that they do not calls pra.doubt_artifact and begins again.
sha256: 64 lower-case hexadecimal digits. size: bytes.
Raises PR001 when the attempt has lost its lease, PR003 for a bad sha256.';


--
-- Name: begin_submission(text, bigint, text); Type: FUNCTION; Schema: pra; Owner: pra_owner
--

CREATE FUNCTION pra.begin_submission(sha256 text, size bigint, media_type text) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$ begin return pra_store.begin_upload(null, null, sha256, size, media_type); end $$;


ALTER FUNCTION pra.begin_submission(sha256 text, size bigint, media_type text) OWNER TO pra_owner;

--
-- Name: FUNCTION begin_submission(sha256 text, size bigint, media_type text); Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON FUNCTION pra.begin_submission(sha256 text, size bigint, media_type text) IS 'Starts an upload to the database in chunks of 1 MiB, outside any attempt, and returns its number; null
when the bytes are stored already. Next: pra.submit_chunk, then pra.commit_submission.
Raises PR003 for a bad sha256.';


--
-- Name: begin_submitted_object(text, bigint); Type: FUNCTION; Schema: pra; Owner: pra_owner
--

CREATE FUNCTION pra.begin_submitted_object(sha256 text, size bigint) RETURNS TABLE(store integer, location text, object text, copy integer, has boolean, database uuid, mark uuid, is_marked boolean)
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$ select * from pra_store.begin_object(sha256, size); $$;


ALTER FUNCTION pra.begin_submitted_object(sha256 text, size bigint) OWNER TO pra_owner;

--
-- Name: FUNCTION begin_submitted_object(sha256 text, size bigint); Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON FUNCTION pra.begin_submitted_object(sha256 text, size bigint) IS 'Returns the place to which a submitter writes bytes, outside any attempt: pra.begin_object for submitters. A null
location is the database (next: pra.begin_submission). Raises PR003 for a bad sha256.';


--
-- Name: begin_upkeep(bigint, uuid); Type: FUNCTION; Schema: pra; Owner: pra_owner
--

CREATE FUNCTION pra.begin_upkeep(worker bigint, worker_token uuid DEFAULT NULL::uuid) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
#variable_conflict use_column
declare
  rule pra_store.upkeep;
  found jsonb;
  dropped bigint := 0;
  thinned bigint := 0;
  purged bigint;
begin
  perform pra_store.live_worker(worker, worker_token, locks => false);
  -- One worker does it: the others find no row.
  select * into rule from pra_store.upkeep as u where u.next_at <= clock_timestamp() for update skip locked;
  if rule.next_at is null then
    return null;
  end if;
  begin
    -- Tables of those names that the caller had made, with triggers of its own, would act as the owner here; they
    -- cannot be dropped, which is the end of it.
    drop table if exists pg_temp.garbage, pg_temp.awaited, pg_temp.verdicts;
    select count(*) into purged from pra.purge_runs(rule.grace);
    if rule.keep_last is not null then
      select count(*) filter (where not c.kept) into dropped
      from pra.retain_checkpoints(
        null, rule.keep_last, rule.keep_best, rule.metric, rule.keep_every) as c;
    end if;
    if rule.thin is not null then
      select coalesce(sum(t.points), 0) into thinned
      from pra.thin_metrics(null, rule.thin, clock_timestamp() - rule.thin_after) as t;
    end if;
    select jsonb_build_object('runs', purged, 'checkpoints', dropped, 'points', thinned)
      || coalesce(jsonb_object_agg(replace(g.what, ' ', '_'), g.number), '{}')
      || jsonb_build_object('bytes', coalesce(sum(g.bytes), 0))
    into found
    from pra.collect_garbage(rule.grace) as g;
  exception
    when others then
      update pra_store.upkeep as u
      set next_at = pra_store.cron_next(u.cron, u.time_zone, clock_timestamp()), worker_id = worker,
          begun_at = clock_timestamp(), ended_at = clock_timestamp(), last_error = left(sqlerrm, 1000);
      return null;
  end;
  update pra_store.upkeep as u
  set next_at = pra_store.cron_next(u.cron, u.time_zone, clock_timestamp()), worker_id = worker,
      begun_at = clock_timestamp(), ended_at = null, collected = found, last_error = null;
  return found;
end
$$;


ALTER FUNCTION pra.begin_upkeep(worker bigint, worker_token uuid) OWNER TO pra_owner;

--
-- Name: FUNCTION begin_upkeep(worker bigint, worker_token uuid); Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON FUNCTION pra.begin_upkeep(worker bigint, worker_token uuid) IS 'Where the rule of pra.set_upkeep is due and no other worker has it: collects garbage by it in the database and marks
objects of stores for pra.upkeep_object, and returns what went as a JSON object of numbers; null otherwise. The rule is
the owner''s: a worker chooses nothing. Next: the objects, then pra.end_upkeep.
Raises PR001 when the worker''s lease is over, or the token is not its own.';


--
-- Name: better(text); Type: FUNCTION; Schema: pra; Owner: pra_owner
--

CREATE FUNCTION pra.better(name text) RETURNS text
    LANGUAGE sql IMMUTABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$ select pra_store.better(better.name); $$;


ALTER FUNCTION pra.better(name text) OWNER TO pra_owner;

--
-- Name: FUNCTION better(name text); Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON FUNCTION pra.better(name text) IS 'Returns the direction in which a figure or a series improves: up for measures of likeness or correctness (psnr, precision,
is ...), else down.';


--
-- Name: cancel(bigint, boolean); Type: FUNCTION; Schema: pra; Owner: pra_owner
--

CREATE FUNCTION pra.cancel(job bigint, with_dependents boolean DEFAULT false) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
  perform pra_store.require_own_jobs(case when not with_dependents then array[cancel.job] else array(
    with recursive family (id) as (
      select cancel.job
      union
      select d.job_id from family join pra_store.job_dependencies as d on d.parent_id = family.id
    )
    select f.id from family as f) end);
  return pra_store.cancel_job(job, with_dependents);
end
$$;


ALTER FUNCTION pra.cancel(job bigint, with_dependents boolean) OWNER TO pra_owner;

--
-- Name: FUNCTION cancel(job bigint, with_dependents boolean); Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON FUNCTION pra.cancel(job bigint, with_dependents boolean) IS 'Cancels a job and all elements of an array; with_dependents: also everything that waits for it,
which otherwise stays blocked until a retry makes the job succeed. The agent of a running job is
asked to stop it; a job whose worker is lost is taken back and ends at once.
Returns the number of jobs cancelled or asked to stop; the elements of an array are not counted.
Raises PR002 when there is no such job.';


--
-- Name: cancel_many(bigint[]); Type: FUNCTION; Schema: pra; Owner: pra_owner
--

CREATE FUNCTION pra.cancel_many(jobs bigint[]) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
  perform pra_store.require_own_jobs(array(
    select j.id from pra_store.jobs as j
    where j.id = any(cancel_many.jobs) and j.state in ('blocked', 'ready', 'running')));
  return pra_store.cancel_jobs(jobs);
end
$$;


ALTER FUNCTION pra.cancel_many(jobs bigint[]) OWNER TO pra_owner;

--
-- Name: FUNCTION cancel_many(jobs bigint[]); Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON FUNCTION pra.cancel_many(jobs bigint[]) IS 'Cancels many jobs, arrays with their elements; those that have ended, and numbers of no job, are passed
over. Returns the number of jobs cancelled or asked to stop, as pra.cancel counts them.';


--
-- Name: cancel_run(bigint); Type: FUNCTION; Schema: pra; Owner: pra_owner
--

CREATE FUNCTION pra.cancel_run(run bigint) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
#variable_conflict use_column
begin
  perform from pra_store.runs where id = run;
  if not found then
    raise exception 'there is no run %', run using errcode = 'PR002';
  end if;
  perform pra_store.require_own_run(run);
  -- Parts of an array are the array's.
  return pra_store.cancel_jobs(array(
    select id from pra_store.jobs
    where run_id = run and array_id is null and state in ('blocked', 'ready', 'running')
      and id not in (select pra.jobs_needed_elsewhere(run))
    order by id));
end
$$;


ALTER FUNCTION pra.cancel_run(run bigint) OWNER TO pra_owner;

--
-- Name: FUNCTION cancel_run(run bigint); Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON FUNCTION pra.cancel_run(run bigint) IS 'Cancels every job of a run that has not ended, in one transaction, and returns what pra.cancel_many does. Data sets that
jobs of other runs wait for are ingested on (pra.jobs_needed_elsewhere).
Raises PR002 when there is no such run.';


--
-- Name: check_artifact_size(bigint); Type: FUNCTION; Schema: pra; Owner: pra_owner
--

CREATE FUNCTION pra.check_artifact_size(size bigint) RETURNS void
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
  if size > pra_store.database_limit() and not exists (select from pra_store.stores as s where s.is_current) then
    raise exception
      '% do not belong into the database, which takes artifacts of up to %; choose a store for them, as in `pra store file:/srv/pra-artifacts`',
      pra.size_text(size), pra.size_text(pra_store.database_limit()) using errcode = 'PR006';
  end if;
end
$$;


ALTER FUNCTION pra.check_artifact_size(size bigint) OWNER TO pra_owner;

--
-- Name: FUNCTION check_artifact_size(size bigint); Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON FUNCTION pra.check_artifact_size(size bigint) IS 'Raises PR006 when an artifact of so many bytes has no place: no store is chosen, and it is too large for the database.';


--
-- Name: check_inline(text); Type: FUNCTION; Schema: pra; Owner: pra_owner
--

CREATE FUNCTION pra.check_inline(after text DEFAULT ''::text) RETURNS TABLE(sha256 text, number bigint)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
#variable_conflict use_column
declare
  one record;
begin
  for one in
    select a.digest, count(*) over () as number, pg_catalog.sha256(a.bytes) <> a.digest as is_bad
    from (
      select a.sha256 as digest, a.bytes from pra_store.artifacts as a
      where a.bytes is not null and a.sha256 > decode(check_inline.after, 'hex')
      order by a.sha256 limit 1000) as a
    order by a.digest
  loop
    if one.is_bad then
      perform pra_store.doubt(one.digest, null, null, null, 'the SHA-256 of its bytes is another');
    end if;
    sha256 := encode(one.digest, 'hex');
    number := one.number;
  end loop;
  if sha256 is not null then
    return next;
  end if;
end
$$;


ALTER FUNCTION pra.check_inline(after text) OWNER TO pra_owner;

--
-- Name: FUNCTION check_inline(after text); Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON FUNCTION pra.check_inline(after text) IS 'Computes the SHA-256 of the next thousand artifacts that lie in their rows, marks wrong ones as suspect, and returns the
last one with the number of those checked; no row at the end. Granted to no role but pra_owner.';


--
-- Name: claim(bigint, integer, bigint, uuid); Type: FUNCTION; Schema: pra; Owner: pra_owner
--

CREATE FUNCTION pra.claim(worker bigint, count integer DEFAULT 1, oldest bigint DEFAULT 0, worker_token uuid DEFAULT NULL::uuid) RETURNS TABLE(job bigint, epoch bigint, run bigint, run_name text, kind text, queue text, arguments jsonb, priority integer, time_limit interval, array_job bigint, element_first bigint, element_end bigint, token uuid)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    SET enable_material TO 'off'
    SET jit TO 'off'
    AS $$
#variable_conflict use_column
declare
  me pra_store.workers := pra_store.live_worker(worker, worker_token, locks => false);
  has_members boolean;
  has_due boolean;
  line pra_store.line_view;
  fetched bigint[];
  taken bigint[];
begin
  select
    exists (select from pra_store.gang_members as g where g.worker_id = worker),
    exists (
      select from pra_store.jobs as j
      where j.state = 'ready' and not j.due and j.run_after <= clock_timestamp())
  into has_members, has_due;
  if has_due then
    perform pra_store.make_due();
  end if;
  if not me.draining and me.drain_requested_at is null and me.lack is null then
    line := pra_store.look_at_line(me);
  end if;
  -- Nothing is written by a claim that finds nothing: of many workers that hear of one job all but one go
  -- this way.
  if line.lanes is null and not has_members then
    return;
  end if;
  me := pra_store.live_worker(worker, worker_token, locks => true);
  if me.claiming_pid <> pg_backend_pid() then
    raise exception 'lease lost: worker % claims in another session now', worker using errcode = 'PR001';
  end if;
  -- Another claim may have placed members here while this one waited for the row.
  if has_members or exists (select from pra_store.gang_members as g where g.worker_id = worker) then
    fetched := pra_store.fetch_members(worker);
    -- They may be older than all that the caller knew of.
    oldest := least(oldest, (select min(f) from unnest(fetched) as f));
  end if;
  taken := pra_store.serve(me, line, pra_store.free_places(me, claim.count, oldest));
  if taken = '{}' and line.expires_at is not null then
    -- The line that was kept gives nothing: the next claim looks anew.
    perform set_config('pra.line_view', '', false);
  end if;
  if taken <> '{}' and cardinality(line.lanes) > 1 then
    perform pra_store.record_turns(taken);
  end if;
  -- The attempts of members of gangs have begun when they were placed.
  return query
    with mine as materialized (
      select j.* from pra_store.jobs as j where j.id = any(taken || fetched)
    ),
    begun as (
      insert into pra_store.attempts (job_id, epoch, worker_id)
      select m.id, m.epoch, claim.worker from mine as m where m.id = any(taken)
    ),
    counted as (
      insert into pra_store.count_steps (queue, kind, outcome, bucket, number, seconds)
      select s.queue, s.kind, '', width_bucket(s.wait, pra_store.wait_bounds()), count(*), sum(s.wait)
      from (
        select m.queue, m.kind, greatest(0, extract(epoch from clock_timestamp() - case
          -- A part is made when it starts; its array has waited.
          when m.epoch = 1 and m.array_id is not null then a.run_after else m.run_after end))::double precision as wait
        from mine as m left join pra_store.jobs as a on a.id = m.array_id
      ) as s
      group by 1, 2, 4
    )
    select m.id, m.epoch, m.run_id, r.name, m.kind, m.queue,
      case when m.array_id is null then m.arguments
        else pra_store.element_arguments(a, m.element_first, m.element_end) end,
      m.priority, m.time_limit, m.array_id, m.element_first, m.element_end, m.token
    from mine as m
    join pra_store.runs as r on r.id = m.run_id
    left join pra_store.jobs as a on a.id = m.array_id
    order by m.place, m.id;
end
$$;


ALTER FUNCTION pra.claim(worker bigint, count integer, oldest bigint, worker_token uuid) OWNER TO pra_owner;

--
-- Name: FUNCTION claim(worker bigint, count integer, oldest bigint, worker_token uuid); Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON FUNCTION pra.claim(worker bigint, count integer, oldest bigint, worker_token uuid) IS 'Takes up to "count" jobs for a worker, and no more than it has places free. "oldest" is the lowest number of a job that the caller knows to run on it: what ran and ended before is not counted again. For a part of an array the row has the number of the array and the elements [element_first, element_end). "token" is the attempt''s, which its further calls must carry. Errors: PR001 when the worker''s lease is over, worker_token is not the worker''s, or another session has called pra.release_unheard for the worker since.';


--
-- Name: collect_garbage(interval, boolean); Type: FUNCTION; Schema: pra; Owner: pra_owner
--

CREATE FUNCTION pra.collect_garbage(grace interval DEFAULT '1 day'::interval, dry boolean DEFAULT false) RETURNS TABLE(what text, number bigint, bytes bigint)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
#variable_conflict use_column
declare
  before timestamptz := clock_timestamp() - grace;
begin
  create temp table if not exists garbage (
    sha256 bytea, size bigint, upload_id bigint, store_id integer) on commit drop;
  delete from pg_temp.garbage;
  create temp table if not exists awaited (sha256 bytea primary key) on commit drop;
  delete from pg_temp.awaited;
  insert into pg_temp.awaited select w.sha256 from pra_store.awaited_artifacts() as w;
  insert into pg_temp.garbage
  with named as materialized (
    select n.sha256 from pra_store.named_artifacts() as n
  )
  select a.sha256, a.size, a.upload_id, a.store_id
  from pra_store.artifacts as a
  where a.touched_at < before
    and not pra_store.is_referred_to(a.sha256)
    and not exists (select from named as n where n.sha256 = a.sha256)
    and not exists (select from pg_temp.awaited as w where w.sha256 = a.sha256)
  order by a.sha256
  for update of a skip locked;

  return query
    select 'artifacts', count(*), coalesce(sum(g.size), 0)::bigint from pg_temp.garbage as g;
  return query
    select 'unfinished uploads', count(*), coalesce(sum(u.size), 0)::bigint
    from pra_store.uploads as u
    where u.created_at < before and not pra_store.is_needed(u.sha256, u.committed_at is not null, u.id, null, null)
      and not exists (select from pg_temp.awaited as w where w.sha256 = u.sha256);
  return query
    select 'unfinished objects', count(*), coalesce(sum(o.size), 0)::bigint
    from pra_store.objects as o
    where o.state = 'uploading' and o.touched_at < before
      and not exists (select from pg_temp.awaited as w where w.sha256 = o.sha256);
  return query
    select 'further copies', count(*), coalesce(sum(o.size), 0)::bigint
    from pra_store.objects as o
    where o.state = 'stored' and o.touched_at < before
      and not pra_store.is_needed(o.sha256, true, null, o.store_id, o.copy);
  return query
    select 'killed uploads in parts', count(*), 0::bigint
    from pra_store.multipart_uploads as m
    where m.begun_at < before and not exists (select from pg_temp.awaited as w where w.sha256 = m.sha256);
  if dry then
    return;
  end if;

  -- The bytes of results whose data set goes now have no reference at the next call.
  delete from pra_store.kept_results as k
  where not exists (select from pra_store.artifacts as s where s.sha256 = k.source)
    or exists (select from pg_temp.garbage as g where g.sha256 in (k.sha256, k.source));
  delete from pra_store.artifacts as a using pg_temp.garbage as g where a.sha256 = g.sha256;
  update pra_store.objects as o set state = 'deleting'
  where o.state = 'uploading' and o.touched_at < before
      and not exists (select from pg_temp.awaited as w where w.sha256 = o.sha256)
    or o.sha256 in (select g.sha256 from pg_temp.garbage as g)
    or o.state = 'stored' and o.touched_at < before
      and not pra_store.is_needed(o.sha256, true, null, o.store_id, o.copy);
  update pra_store.multipart_uploads as m set doomed = true
  where m.begun_at < before and not exists (select from pg_temp.awaited as w where w.sha256 = m.sha256);
  delete from pra_store.artifact_chunks as c using pra_store.uploads as u
  where c.upload_id = u.id and (u.created_at < before or u.sha256 in (select g.sha256 from pg_temp.garbage as g))
    and not exists (select from pg_temp.awaited as w where w.sha256 = u.sha256)
    and not pra_store.is_needed(u.sha256, u.committed_at is not null, u.id, null, null);
  delete from pra_store.uploads as u
  where (u.created_at < before or u.sha256 in (select g.sha256 from pg_temp.garbage as g))
    and not exists (select from pg_temp.awaited as w where w.sha256 = u.sha256)
    and not pra_store.is_needed(u.sha256, u.committed_at is not null, u.id, null, null);
  delete from pra_store.pending_artifacts as p
  where not exists (
    select from pra_store.jobs as j where j.id = p.job_id and j.epoch = p.epoch and j.state = 'running');
end
$$;


ALTER FUNCTION pra.collect_garbage(grace interval, dry boolean) OWNER TO pra_owner;

--
-- Name: FUNCTION collect_garbage(grace interval, dry boolean); Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON FUNCTION pra.collect_garbage(grace interval, dry boolean) IS 'Deletes artifacts that nothing refers to and that were not touched within grace, whatever runs; and uploads that
were left unfinished for so long. What a running attempt has stored and not yet referred to stays. dry: only counts
them.
References: outputs, checkpoints, images, kept results of what is there, and SHA-256 texts in arguments of jobs and schedules.
Copies beside one that a reader has checked go as well; where none is known to be right, all stay.
Bytes in the database go at once; objects of other stores, and uploads in parts to buckets, are marked for
pra.next_doomed. Returns what is deleted, with number and bytes. Granted to no role but pra_owner.';


--
-- Name: commit_artifact(bigint, bigint, bigint, uuid); Type: FUNCTION; Schema: pra; Owner: pra_owner
--

CREATE FUNCTION pra.commit_artifact(job bigint, epoch bigint, upload bigint, token uuid DEFAULT NULL::uuid) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
  perform pra_store.hold(job, epoch, false, token);
  perform pra_store.commit_upload(upload, job, epoch);
end
$$;


ALTER FUNCTION pra.commit_artifact(job bigint, epoch bigint, upload bigint, token uuid) OWNER TO pra_owner;

--
-- Name: FUNCTION commit_artifact(job bigint, epoch bigint, upload bigint, token uuid); Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON FUNCTION pra.commit_artifact(job bigint, epoch bigint, upload bigint, token uuid) IS 'Makes a complete upload of this attempt an artifact. May be called again.
The server checks the sha256 of uploads of up to 64 MiB, and the size alone of larger ones, which count for
this login alone until a reader has checked them.
Raises PR001 when the attempt has lost its lease, PR002 when it has no such upload, PR005 when bytes are
missing or have another sha256.';


--
-- Name: commit_object(bigint, bigint, integer, text, bigint, text, integer, text, uuid); Type: FUNCTION; Schema: pra; Owner: pra_owner
--

CREATE FUNCTION pra.commit_object(job bigint, epoch bigint, store integer, sha256 text, size bigint, media_type text, copy integer DEFAULT 0, upload text DEFAULT NULL::text, token uuid DEFAULT NULL::uuid) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
  perform pra_store.hold(job, epoch, false, token);
  perform pra_store.commit_object(store, sha256, size, media_type, copy, upload);
end
$$;


ALTER FUNCTION pra.commit_object(job bigint, epoch bigint, store integer, sha256 text, size bigint, media_type text, copy integer, upload text, token uuid) OWNER TO pra_owner;

--
-- Name: FUNCTION commit_object(job bigint, epoch bigint, store integer, sha256 text, size bigint, media_type text, copy integer, upload text, token uuid); Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON FUNCTION pra.commit_object(job bigint, epoch bigint, store integer, sha256 text, size bigint, media_type text, copy integer, upload text, token uuid) IS 'Makes an object that was written to a store an artifact. May be called again. upload: the number of the upload
in parts by which it was written, if it was. Until a reader has checked the bytes they count for this login alone.
Raises PR001 when the attempt has lost its lease, PR003 for a bad sha256, PR004 when pra.begin_object was
not called or garbage collection has given the object up since: begin again.';


--
-- Name: commit_submission(bigint); Type: FUNCTION; Schema: pra; Owner: pra_owner
--

CREATE FUNCTION pra.commit_submission(upload bigint) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$ begin perform pra_store.commit_upload(upload, null, null); end $$;


ALTER FUNCTION pra.commit_submission(upload bigint) OWNER TO pra_owner;

--
-- Name: FUNCTION commit_submission(upload bigint); Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON FUNCTION pra.commit_submission(upload bigint) IS 'Makes a complete upload that pra.begin_submission started an artifact. May be called again.
Raises PR002 when there is no such upload, PR005 when bytes are missing or have another sha256.';


--
-- Name: commit_submitted_object(integer, text, bigint, text, integer, text); Type: FUNCTION; Schema: pra; Owner: pra_owner
--

CREATE FUNCTION pra.commit_submitted_object(store integer, sha256 text, size bigint, media_type text, copy integer DEFAULT 0, upload text DEFAULT NULL::text) RETURNS void
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$ select pra_store.commit_object(store, sha256, size, media_type, copy, upload); $$;


ALTER FUNCTION pra.commit_submitted_object(store integer, sha256 text, size bigint, media_type text, copy integer, upload text) OWNER TO pra_owner;

--
-- Name: FUNCTION commit_submitted_object(store integer, sha256 text, size bigint, media_type text, copy integer, upload text); Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON FUNCTION pra.commit_submitted_object(store integer, sha256 text, size bigint, media_type text, copy integer, upload text) IS 'Makes an object that was written to a store an artifact, outside any attempt. May be called again. Until a reader
has checked the bytes they count for this login alone.
Raises PR003 for a bad sha256, PR004 when pra.begin_submitted_object was not called or garbage collection
has given the object up since: begin again.';


--
-- Name: confirm_artifact(bigint, bigint, text, bigint, integer, integer, uuid); Type: FUNCTION; Schema: pra; Owner: pra_owner
--

CREATE FUNCTION pra.confirm_artifact(job bigint, epoch bigint, sha256 text, upload bigint, store integer, copy integer, token uuid DEFAULT NULL::uuid) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
  perform pra_store.hold(job, epoch, false, token);
  if not pra_store.is_own_word(pra_store.digest(sha256), upload, store, copy) then
    perform pra_store.confirm(pra_store.digest(sha256), upload, store, copy);
  end if;
end
$$;


ALTER FUNCTION pra.confirm_artifact(job bigint, epoch bigint, sha256 text, upload bigint, store integer, copy integer, token uuid) OWNER TO pra_owner;

--
-- Name: FUNCTION confirm_artifact(job bigint, epoch bigint, sha256 text, upload bigint, store integer, copy integer, token uuid); Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON FUNCTION pra.confirm_artifact(job bigint, epoch bigint, sha256 text, upload bigint, store integer, copy integer, token uuid) IS 'Records that an attempt has read a copy of an artifact and found its SHA-256 right: from then on it counts for
everybody. Without effect on a copy of one''s own while there is another one: that is for another login, or for pra
store verify. Raises PR001 when the attempt has lost its lease, PR003 for a bad sha256.';


--
-- Name: confirm_stored(text, bigint, integer, integer); Type: FUNCTION; Schema: pra; Owner: pra_owner
--

CREATE FUNCTION pra.confirm_stored(sha256 text, upload bigint, store integer, copy integer) RETURNS void
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$ select pra_store.confirm(pra_store.digest(sha256), upload, store, copy); $$;


ALTER FUNCTION pra.confirm_stored(sha256 text, upload bigint, store integer, copy integer) OWNER TO pra_owner;

--
-- Name: FUNCTION confirm_stored(sha256 text, upload bigint, store integer, copy integer); Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON FUNCTION pra.confirm_stored(sha256 text, upload bigint, store integer, copy integer) IS 'Records that a copy of an artifact was read and is right: pra.confirm_artifact outside any attempt. Granted to no role
but pra_owner. Raises PR003 for a bad sha256.';


--
-- Name: continue_from(bigint, bigint, bigint, bigint, uuid); Type: FUNCTION; Schema: pra; Owner: pra_owner
--

CREATE FUNCTION pra.continue_from(job bigint, epoch bigint, from_epoch bigint DEFAULT NULL::bigint, step bigint DEFAULT 0, token uuid DEFAULT NULL::uuid) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
#variable_conflict use_column
declare
  mine pra_store.attempts;
begin
  perform pra_store.hold(job, epoch, false, token);
  select * into mine from pra_store.attempts as a
  where a.job_id = job and a.epoch = continue_from.epoch for no key update;
  if mine.from_step is not null then
    if (mine.from_step, mine.continues_epoch) is not distinct from (step, from_epoch) then
      return;
    end if;
    raise exception 'attempt % of job % has declared step %, or has metrics, already',
      epoch, job, mine.from_step using errcode = 'PR004';
  end if;
  if from_epoch is not null and not exists (
    select from pra_store.attempts as a
    where a.job_id = job and a.epoch = from_epoch and a.epoch < mine.epoch
      and a.from_step is not null
  ) then
    raise exception 'from_epoch: job % has no earlier attempt % with a series', job, from_epoch
      using errcode = 'PR002';
  end if;
  if step is null or step < 0 then
    raise exception 'step: %, must be 0 or more', step using errcode = 'PR003';
  end if;
  update pra_store.attempts as a
  set from_step = step, continues_epoch = from_epoch
  where a.job_id = job and a.epoch = continue_from.epoch;
  perform pra_store.write_ranges(job, continue_from.epoch);
end
$$;


ALTER FUNCTION pra.continue_from(job bigint, epoch bigint, from_epoch bigint, step bigint, token uuid) OWNER TO pra_owner;

--
-- Name: FUNCTION continue_from(job bigint, epoch bigint, from_epoch bigint, step bigint, token uuid); Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON FUNCTION pra.continue_from(job bigint, epoch bigint, from_epoch bigint, step bigint, token uuid) IS 'Declares where the series of an attempt starts: at step, and before it the series of the earlier attempt
from_epoch; without from_epoch, from scratch. Once per attempt, before its first metric; the same
declaration again has no effect.
Raises PR001 when the attempt has lost its lease, PR002 when from_epoch has no series or is not earlier,
PR003 for a negative step, PR004 when the attempt has declared something else or has metrics.';


--
-- Name: create_run(text, jsonb, text, text, text); Type: FUNCTION; Schema: pra; Owner: pra_owner
--

CREATE FUNCTION pra.create_run(name text, configuration jsonb DEFAULT '{}'::jsonb, code_version text DEFAULT NULL::text, data_fingerprint text DEFAULT NULL::text, idempotency_key text DEFAULT NULL::text) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
#variable_conflict use_column
declare
  made bigint;
  found_name text;
begin
  perform pra_store.check_run_name(create_run.name);
  -- The text is not made of what is far too large anyway.
  if pg_column_size(create_run.configuration) > 4194304
    or octet_length(create_run.configuration::text) > 1048576 then
    raise exception 'configuration: has more than 1048576 bytes of JSON' using errcode = 'PR003';
  end if;
  if length(create_run.code_version) > 1000 or length(create_run.data_fingerprint) > 1000 then
    raise exception 'code_version, data_fingerprint: have at most 1000 characters'
      using errcode = 'PR003';
  end if;
  if length(create_run.idempotency_key) not between 1 and 500 then
    raise exception 'idempotency_key: must have 1 to 500 characters' using errcode = 'PR003';
  end if;
  insert into pra_store.runs (name, configuration, code_version, data_fingerprint, idempotency_key)
  values (create_run.name, create_run.configuration, create_run.code_version,
          create_run.data_fingerprint, create_run.idempotency_key)
  on conflict (idempotency_key) do nothing
  returning id into made;
  if made is null then
    select id, name into made, found_name
    from pra_store.runs
    where idempotency_key = create_run.idempotency_key;
    if found_name <> create_run.name then
      raise exception 'idempotency_key: "%" is that of run % "%"',
        create_run.idempotency_key, made, found_name using errcode = 'PR004';
    end if;
    return made;
  end if;
  perform pra_store.record_event('run.created', made, null, null, null);
  return made;
end
$$;


ALTER FUNCTION pra.create_run(name text, configuration jsonb, code_version text, data_fingerprint text, idempotency_key text) OWNER TO pra_owner;

--
-- Name: FUNCTION create_run(name text, configuration jsonb, code_version text, data_fingerprint text, idempotency_key text); Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON FUNCTION pra.create_run(name text, configuration jsonb, code_version text, data_fingerprint text, idempotency_key text) IS 'Creates a run and returns its number; called again with the same idempotency_key, it returns the
earlier run.
name: 1 to 200 characters, no control character, not of digits or blanks alone, need not be unique. configuration:
resolved configuration, JSON of at most 1 MiB. code_version, data_fingerprint: free text. idempotency_key: 1 to 500
characters; without one each call
creates a run.
Raises PR003 for a bad name, PR004 when the key belongs to a run of another name.';


--
-- Name: create_sweep(text, text[], bigint[]); Type: FUNCTION; Schema: pra; Owner: pra_owner
--

CREATE FUNCTION pra.create_sweep(name text, keys text[], runs bigint[]) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
#variable_conflict use_column
declare
  made bigint;
begin
  perform pra_store.check_run_name(create_sweep.name);
  if coalesce(cardinality(create_sweep.runs), 0) not between 1 and 1000000 or array_position(create_sweep.runs, null) > 0
  then
    raise exception 'runs: a sweep has 1 to 1000000 runs' using errcode = 'PR003';
  end if;
  if cardinality(create_sweep.keys) > 1000 or exists (
    select from unnest(create_sweep.keys) as k where k is null or length(k) not between 1 and 1000) then
    raise exception 'keys: a sweep has up to 1000 keys of 1 to 1000 characters' using errcode = 'PR003';
  end if;
  insert into pra_store.sweeps (name, keys) values (create_sweep.name, coalesce(create_sweep.keys, '{}'))
  returning id into made;
  insert into pra_store.sweep_runs (sweep_id, run_id)
  select distinct made, r from unnest(create_sweep.runs) as r;
  return made;
exception when foreign_key_violation then
  raise exception 'runs: there is no run %', (
    select min(r) from unnest(create_sweep.runs) as r
    where not exists (select from pra_store.runs as known where known.id = r))
    using errcode = 'PR002';
end
$$;


ALTER FUNCTION pra.create_sweep(name text, keys text[], runs bigint[]) OWNER TO pra_owner;

--
-- Name: FUNCTION create_sweep(name text, keys text[], runs bigint[]); Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON FUNCTION pra.create_sweep(name text, keys text[], runs bigint[]) IS 'Groups runs under a name, and returns the number of the group. name: as of a run; of several sweeps of one name the newest
counts. keys: the settings of which the runs have different values. A run may be in several sweeps.
Raises PR003 for a bad name, bad keys or no runs, PR002 when one of the runs does not exist.';


--
-- Name: current_store(); Type: FUNCTION; Schema: pra; Owner: pra_owner
--

CREATE FUNCTION pra.current_store() RETURNS TABLE(location text, database uuid, mark uuid, is_marked boolean)
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  select s.location, pra_store.identity(), s.mark, s.marked_at is not null
  from pra_store.stores as s where s.is_current;
$$;


ALTER FUNCTION pra.current_store() OWNER TO pra_owner;

--
-- Name: FUNCTION current_store(); Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON FUNCTION pra.current_store() IS 'Returns the store to which new artifacts of more than 64 KiB go, with what its mark must hold. No row for the
database.';


--
-- Name: declare_dead(bigint); Type: FUNCTION; Schema: pra; Owner: pra_owner
--

CREATE FUNCTION pra.declare_dead(worker bigint) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
#variable_conflict use_column
declare
  dead pra_store.workers;
  held pra_store.jobs;
  taken integer := 0;
begin
  perform pra_store.require_operator('worker');
  select * into dead from pra_store.workers where id = worker and stopped_at is null for no key update;
  if not found then
    raise exception 'there is no live worker %', worker using errcode = 'PR002';
  end if;
  for held in
    select * from pra_store.jobs
    where worker_id = worker and state = 'running' order by id for no key update
  loop
    perform pra_store.end_attempt(
      held, 'lost', format('worker %s (%s) was declared dead by %s', dead.id, dead.name, session_user), null, null,
      'host-lost');
    taken := taken + 1;
  end loop;
  update pra_store.workers
  set stopped_at = clock_timestamp(), stop_reason = 'declared dead' where id = worker;
  perform pra_store.record_event('worker.declared_dead', null, null, null, worker);
  return taken;
end
$$;


ALTER FUNCTION pra.declare_dead(worker bigint) OWNER TO pra_owner;

--
-- Name: FUNCTION declare_dead(worker bigint); Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON FUNCTION pra.declare_dead(worker bigint) IS 'Ends a worker whose host is known to be gone, before its lease does: its attempts are lost and their jobs go back into line at once. Should it live after all, its writes are refused and it registers anew. Returns how many attempts were lost. Errors: PR002 when there is no such live worker.';


--
-- Name: delete_runs(bigint[], text[], boolean); Type: FUNCTION; Schema: pra; Owner: pra_owner
--

CREATE FUNCTION pra.delete_runs(runs bigint[], parts text[] DEFAULT NULL::text[], dry boolean DEFAULT false) RETURNS TABLE(run bigint, what text, number bigint, bytes bigint)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
#variable_conflict use_column
declare
  whole boolean := parts is null;
  kinds text[] := pra_store.kinds_of_parts(parts);
  one bigint;
begin
  if parts = '{}' or not coalesce(parts, '{}') <@ '{checkpoints,images,data}' then
    raise exception 'parts: %, must be some of checkpoints, images, data', parts using errcode = 'PR003';
  end if;
  for one in select distinct r from unnest(runs) as r order by r loop
    perform pra_store.may_delete(one, kinds, whole);
  end loop;
  return query select r, w.what, w.number, w.bytes
    from (select distinct r from unnest(runs) as r) as one (r)
    cross join lateral pra_store.made_by(r, parts, kinds) as w where w.number > 0 order by 1;
  return query select null::bigint, 'freed', count(*), coalesce(sum(f.size), 0)::bigint
    from pra_store.own_artifacts(runs, parts, kinds) as f;
  if dry then
    return;
  end if;
  foreach one in array array(select distinct r from unnest(runs) as r order by r) loop
    if whole then
      update pra_store.runs as r set deleted_at = clock_timestamp(), deleted_by = pra_store.actor() where r.id = one;
      perform pra_store.record_event('run.deleted', one, null, null, null);
    else
      perform pra_store.remove_parts(one, parts, kinds);
      perform pra_store.record_event(
        'run.removed', one, null, null, null, jsonb_build_object('parts', to_jsonb(parts)));
    end if;
  end loop;
end
$$;


ALTER FUNCTION pra.delete_runs(runs bigint[], parts text[], dry boolean) OWNER TO pra_owner;

--
-- Name: FUNCTION delete_runs(runs bigint[], parts text[], dry boolean); Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON FUNCTION pra.delete_runs(runs bigint[], parts text[], dry boolean) IS 'Deletes runs whose jobs have ended: all of them or none. With parts some of what they have made: checkpoints (with features
and references), images, data (data sets, and the archives and files that their jobs name); metrics, evaluations, logs
and jobs stay then, and it cannot be undone. Without parts the whole runs: lists leave them out at once, pra.undelete_run
brings them back until pra.purge_runs has taken their rows.
Returns for each run what goes, with number and bytes, and last a row "freed" without a run: artifacts that no other run
refers to or names, and their bytes, which go with pra.collect_garbage. dry: only returns the rows.
For whoever created the runs, and operators.
Raises PR002 when there is no such run, PR003 for other parts, PR004 when a job of a run has not ended, or one of
another run that reads the part.';


--
-- Name: deregister_worker(bigint, uuid); Type: FUNCTION; Schema: pra; Owner: pra_owner
--

CREATE FUNCTION pra.deregister_worker(worker bigint, worker_token uuid DEFAULT NULL::uuid) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
#variable_conflict use_column
declare
  held pra_store.jobs;
begin
  perform pra_store.live_worker(worker, worker_token, locks => true);
  for held in
    select * from pra_store.jobs
    where worker_id = worker and state = 'running' order by id for no key update
  loop
    perform pra_store.end_attempt(held, 'released', 'the worker left', null, null);
  end loop;
  update pra_store.workers
  set stopped_at = clock_timestamp(), stop_reason = 'deregistered' where id = worker;
  perform pra_store.record_event('worker.deregistered', null, null, null, worker);
end
$$;


ALTER FUNCTION pra.deregister_worker(worker bigint, worker_token uuid) OWNER TO pra_owner;

--
-- Name: FUNCTION deregister_worker(worker bigint, worker_token uuid); Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON FUNCTION pra.deregister_worker(worker bigint, worker_token uuid) IS 'Takes a worker out of service for good; what still runs there goes back into line without spending a try. Errors: PR001 when its lease is over, or the token is not the worker''s.';


--
-- Name: doubt_artifact(bigint, bigint, text, bigint, integer, integer, text, uuid); Type: FUNCTION; Schema: pra; Owner: pra_owner
--

CREATE FUNCTION pra.doubt_artifact(job bigint, epoch bigint, sha256 text, upload bigint, store integer, copy integer, reason text, token uuid DEFAULT NULL::uuid) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
  perform pra_store.hold(job, epoch, false, token);
  perform pra_store.doubt(pra_store.digest(sha256), upload, store, copy, reason);
end
$$;


ALTER FUNCTION pra.doubt_artifact(job bigint, epoch bigint, sha256 text, upload bigint, store integer, copy integer, reason text, token uuid) OWNER TO pra_owner;

--
-- Name: FUNCTION doubt_artifact(job bigint, epoch bigint, sha256 text, upload bigint, store integer, copy integer, reason text, token uuid); Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON FUNCTION pra.doubt_artifact(job bigint, epoch bigint, sha256 text, upload bigint, store integer, copy integer, reason text, token uuid) IS 'Marks a copy of an artifact (pra.artifact_copies) as damaged or missing, for an attempt that has read it. Whoever has
the bytes stores them again; nothing is deleted. Without effect on bytes that the server finds to be right.
Raises PR001 when the attempt has lost its lease, PR003 for a bad sha256.';


--
-- Name: drain(bigint, interval); Type: FUNCTION; Schema: pra; Owner: pra_owner
--

CREATE FUNCTION pra.drain(worker bigint, grace interval DEFAULT '00:01:00'::interval) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
#variable_conflict use_column
declare
  held bigint;
  asked integer := 0;
begin
  perform pra_store.require_operator('worker');
  update pra_store.workers
  set drain_requested_at = coalesce(drain_requested_at, clock_timestamp())
  where id = worker and stopped_at is null;
  if not found then
    raise exception 'there is no live worker %', worker using errcode = 'PR002';
  end if;
  for held in
    -- One that ends meanwhile is waited for and passed over.
    select id from pra_store.jobs
    where worker_id = worker and state = 'running' order by id for no key update
  loop
    perform pra_store.preempt_job(held, grace, format('worker %s is drained', worker));
    asked := asked + 1;
  end loop;
  perform pra_store.record_event('worker.drain_requested', null, null, null, worker);
  return asked;
end
$$;


ALTER FUNCTION pra.drain(worker bigint, grace interval) OWNER TO pra_owner;

--
-- Name: FUNCTION drain(worker bigint, grace interval); Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON FUNCTION pra.drain(worker bigint, grace interval) IS 'Takes a worker out of service: it gets no more jobs and is asked to give back what it runs, each job by a preemption within the grace time. Returns how many jobs were asked. Errors: PR002 when there is no such live worker.';


--
-- Name: drop_events(timestamp with time zone, boolean); Type: FUNCTION; Schema: pra; Owner: pra_owner
--

CREATE FUNCTION pra.drop_events(before timestamp with time zone, dry boolean DEFAULT false) RETURNS TABLE(partition text, bytes bigint)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
declare
  part record;
begin
  if not dry then
    perform pra_store.ensure_event_partition(late.at)
    from (
      select distinct date_trunc('month', e.at at time zone 'UTC') at time zone 'UTC' as at
      from pra_store.events_other as e
    ) as late;
  end if;
  for part in
    select c.relname as name, pg_total_relation_size(c.oid) as size
    from pg_inherits as i join pg_class as c on c.oid = i.inhrelid
    where i.inhparent = 'pra_store.events'::regclass and c.relname ~ '^events_[0-9]{6}$'
      and (to_timestamp(right(c.relname, 6) || '01', 'YYYYMMDD')::timestamp + interval '1 month')
        at time zone 'UTC' <= before
    order by c.relname
  loop
    partition := part.name;
    bytes := part.size;
    return next;
    if not dry then
      execute format('drop table pra_store.%I', part.name);
    end if;
  end loop;
end
$_$;


ALTER FUNCTION pra.drop_events(before timestamp with time zone, dry boolean) OWNER TO pra_owner;

--
-- Name: FUNCTION drop_events(before timestamp with time zone, dry boolean); Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON FUNCTION pra.drop_events(before timestamp with time zone, dry boolean) IS 'Drops the events of whole months (UTC) that ended before a moment, and returns a row for each partition
with its size. dry: only returns the rows. Granted to no role but pra_owner.
Rows of jobs and attempts still tell when they were enqueued, claimed and ended.';


--
-- Name: drop_metrics(timestamp with time zone, boolean); Type: FUNCTION; Schema: pra; Owner: pra_owner
--

CREATE FUNCTION pra.drop_metrics(before timestamp with time zone, dry boolean DEFAULT false) RETURNS TABLE(partition text, bytes bigint)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
  part record;
begin
  for part in
    select c.relname as name, pg_total_relation_size(c.oid) as size
    from pg_inherits as i join pg_class as c on c.oid = i.inhrelid
    where i.inhparent = 'pra_store.metrics'::regclass
      and to_timestamp(right(c.relname, 6) || '01', 'YYYYMMDD') + interval '1 month'
        <= date_trunc('month', before)
    order by c.relname
  loop
    partition := part.name;
    bytes := part.size;
    return next;
    if not dry then
      execute format('drop table pra_store.%I', part.name);
    end if;
  end loop;
end
$$;


ALTER FUNCTION pra.drop_metrics(before timestamp with time zone, dry boolean) OWNER TO pra_owner;

--
-- Name: FUNCTION drop_metrics(before timestamp with time zone, dry boolean); Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON FUNCTION pra.drop_metrics(before timestamp with time zone, dry boolean) IS 'Drops the metric points of whole months that ended before a moment, and returns a row for each
partition with its size. Summaries stay. dry: only returns the rows. Granted to no role but pra_owner.';


--
-- Name: end_upkeep(bigint, text, uuid); Type: FUNCTION; Schema: pra; Owner: pra_owner
--

CREATE FUNCTION pra.end_upkeep(worker bigint, error text DEFAULT NULL::text, worker_token uuid DEFAULT NULL::uuid) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
  perform pra_store.held_upkeep(worker, worker_token);
  update pra_store.upkeep as u set ended_at = clock_timestamp(), last_error = left(end_upkeep.error, 1000);
end
$$;


ALTER FUNCTION pra.end_upkeep(worker bigint, error text, worker_token uuid) OWNER TO pra_owner;

--
-- Name: FUNCTION end_upkeep(worker bigint, error text, worker_token uuid); Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON FUNCTION pra.end_upkeep(worker bigint, error text, worker_token uuid) IS 'Says that the worker is done with the upkeep. error: the stores that could not be collected, and why.
Raises PR001 when another worker has it, or the lease is over.';


--
-- Name: enqueue(text, bigint, jsonb, text, integer, interval, bigint[], text[], text, interval, integer, integer, integer, integer, text[], timestamp with time zone, bigint, bigint, integer, integer, text[], text[], boolean, boolean); Type: FUNCTION; Schema: pra; Owner: pra_owner
--

CREATE FUNCTION pra.enqueue(kind text, run bigint, arguments jsonb, queue text DEFAULT 'default'::text, priority integer DEFAULT 0, delay interval DEFAULT '00:00:00'::interval, after bigint[] DEFAULT '{}'::bigint[], requirements text[] DEFAULT '{}'::text[], idempotency_key text DEFAULT NULL::text, time_limit interval DEFAULT NULL::interval, fault_retries integer DEFAULT 3, lost_retries integer DEFAULT 5, timeout_retries integer DEFAULT 1, preemption_retries integer DEFAULT NULL::integer, limits text[] DEFAULT '{}'::text[], deadline timestamp with time zone DEFAULT NULL::timestamp with time zone, array_first bigint DEFAULT NULL::bigint, array_last bigint DEFAULT NULL::bigint, array_limit integer DEFAULT NULL::integer, pack integer DEFAULT NULL::integer, first_path text[] DEFAULT NULL::text[], end_path text[] DEFAULT NULL::text[], elementwise boolean DEFAULT false, gang boolean DEFAULT false) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
  if arguments is null or jsonb_typeof(arguments) <> 'object' then
    raise exception 'arguments: must be a JSON object' using errcode = 'PR003';
  end if;
  perform pra_store.check_arguments(kind, arguments);
  return pra_store.enqueue(
    kind, run, arguments, false, queue, priority, delay, after, requirements, idempotency_key, time_limit,
    fault_retries, lost_retries, timeout_retries, preemption_retries, limits, deadline, array_first,
    array_last, array_limit, pack, first_path, end_path, elementwise, gang);
end
$$;


ALTER FUNCTION pra.enqueue(kind text, run bigint, arguments jsonb, queue text, priority integer, delay interval, after bigint[], requirements text[], idempotency_key text, time_limit interval, fault_retries integer, lost_retries integer, timeout_retries integer, preemption_retries integer, limits text[], deadline timestamp with time zone, array_first bigint, array_last bigint, array_limit integer, pack integer, first_path text[], end_path text[], elementwise boolean, gang boolean) OWNER TO pra_owner;

--
-- Name: FUNCTION enqueue(kind text, run bigint, arguments jsonb, queue text, priority integer, delay interval, after bigint[], requirements text[], idempotency_key text, time_limit interval, fault_retries integer, lost_retries integer, timeout_retries integer, preemption_retries integer, limits text[], deadline timestamp with time zone, array_first bigint, array_last bigint, array_limit integer, pack integer, first_path text[], end_path text[], elementwise boolean, gang boolean); Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON FUNCTION pra.enqueue(kind text, run bigint, arguments jsonb, queue text, priority integer, delay interval, after bigint[], requirements text[], idempotency_key text, time_limit interval, fault_retries integer, lost_retries integer, timeout_retries integer, preemption_retries integer, limits text[], deadline timestamp with time zone, array_first bigint, array_last bigint, array_limit integer, pack integer, first_path text[], end_path text[], elementwise boolean, gang boolean) IS 'Enqueues one job or, with array_first and array_last, an array of elements that is one row; returns its number. limits: names of limits of which each attempt takes a slot. deadline: the moment by which it must have ended. array_limit: how many parts of the array may run at once. pack: elements that one attempt does, 1 to 1,000,000. first_path, end_path: where the arguments take the first element of a part, and its end. elementwise: each element waits for its own in the one array of "after", not for all of it. gang: the elements start all at once or not at all. With an idempotency_key that was used before it returns the job of that time. Errors: PR002 for a run, limit or parent that is not there, PR003 for an argument that cannot be, PR004 for a key that another job has.';


--
-- Name: enqueue_many(text, bigint, jsonb[], text, integer, integer, text[], text[], text, integer, interval, integer); Type: FUNCTION; Schema: pra; Owner: pra_owner
--

CREATE FUNCTION pra.enqueue_many(kind text, run bigint, arguments jsonb[], queue text DEFAULT 'default'::text, priority integer DEFAULT 0, pack integer DEFAULT 1, requirements text[] DEFAULT '{}'::text[], limits text[] DEFAULT '{}'::text[], idempotency_key text DEFAULT NULL::text, fault_retries integer DEFAULT 3, time_limit interval DEFAULT NULL::interval, array_limit integer DEFAULT NULL::integer) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
#variable_conflict use_column
declare
  made bigint;
  size integer := cardinality(arguments);
  one jsonb;
  i integer := 0;
begin
  if coalesce(size, 0) = 0 then
    raise exception 'arguments: none' using errcode = 'PR003';
  end if;
  if enqueue_many.pack not between 1 and 10000 then
    raise exception 'pack: %, must be from 1 to 10000', enqueue_many.pack using errcode = 'PR003';
  end if;
  if exists (select from unnest(arguments) as a where jsonb_typeof(a) is distinct from 'object') then
    raise exception 'arguments: each must be a JSON object' using errcode = 'PR003';
  end if;
  if exists (select from pra_store.kinds as k where k.kind = enqueue_many.kind) then
    -- One after the other: to reach an element by its number all before it are passed.
    foreach one in array arguments loop
      i := i + 1;
      perform pra_store.check_arguments(kind, one, format('arguments[%s]', i));
    end loop;
  else
    if exists (select from unnest(arguments) as a where pg_column_size(a) > 1048576) then
      raise exception 'arguments: one has more than 1048576 bytes' using errcode = 'PR003';
    end if;
    -- No contract, no secret.
    for i in 1..size loop
      if arguments[i]::text ~* '"\s*secret://' then
        perform pra_store.check_arguments(kind, arguments[i], format('arguments[%s]', i));
      end if;
    end loop;
  end if;
  made := pra_store.enqueue(
    kind => enqueue_many.kind, run => enqueue_many.run, arguments => '{}',
    queue => enqueue_many.queue, priority => enqueue_many.priority, delay => '0', after => '{}',
    requirements => enqueue_many.requirements, idempotency_key => enqueue_many.idempotency_key,
    time_limit => enqueue_many.time_limit, fault_retries => enqueue_many.fault_retries,
    lost_retries => 5, timeout_retries => 1, preemption_retries => null,
    limits => enqueue_many.limits, deadline => null, array_first => 0, array_last => size - 1,
    array_limit => enqueue_many.array_limit, pack => enqueue_many.pack, first_path => null,
    end_path => null, elementwise => false, gang => false, has_element_arguments => true);
  if not exists (select from pra_store.element_arguments where array_id = made) then
    insert into pra_store.element_arguments (array_id, first, arguments)
    select made, p.first, p.arguments from pra_store.packs(arguments, enqueue_many.pack) as p;
  elsif exists (
    select from pra_store.packs(arguments, enqueue_many.pack) as p
    left join pra_store.element_arguments as e on e.array_id = made and e.first = p.first
    where e.arguments is distinct from p.arguments
  ) then
    raise exception 'idempotency_key: "%" is that of array %, which has other arguments',
      idempotency_key, made using errcode = 'PR004';
  end if;
  return made;
end
$$;


ALTER FUNCTION pra.enqueue_many(kind text, run bigint, arguments jsonb[], queue text, priority integer, pack integer, requirements text[], limits text[], idempotency_key text, fault_retries integer, time_limit interval, array_limit integer) OWNER TO pra_owner;

--
-- Name: FUNCTION enqueue_many(kind text, run bigint, arguments jsonb[], queue text, priority integer, pack integer, requirements text[], limits text[], idempotency_key text, fault_retries integer, time_limit interval, array_limit integer); Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON FUNCTION pra.enqueue_many(kind text, run bigint, arguments jsonb[], queue text, priority integer, pack integer, requirements text[], limits text[], idempotency_key text, fault_retries integer, time_limit interval, array_limit integer) IS 'Enqueues many jobs of one kind, each with arguments of its own, as an array whose element i has arguments[i + 1]; returns the number of the array. pack: elements that one attempt does. Errors: as pra.enqueue.';


--
-- Name: figure_names(); Type: FUNCTION; Schema: pra; Owner: pra_owner
--

CREATE FUNCTION pra.figure_names() RETURNS SETOF text
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  select k.name from pra_store.metric_names as k
  where exists (select from pra_store.metric_summaries as s where s.name_id = k.id)
  union
  select e.metric from pra_store.evaluations as e where e.scope = 'overall';
$$;


ALTER FUNCTION pra.figure_names() OWNER TO pra_owner;

--
-- Name: FUNCTION figure_names(); Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON FUNCTION pra.figure_names() IS 'Returns the names of the figures that some run has: series, and evaluations of all images.';


--
-- Name: find_store(text); Type: FUNCTION; Schema: pra; Owner: pra_owner
--

CREATE FUNCTION pra.find_store(given text) RETURNS TABLE(id integer, location text, database uuid, mark uuid, is_marked boolean)
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  select s.id, n.location, pra_store.identity(), coalesce(s.mark, gen_random_uuid()),
    s.marked_at is not null
  from pra_store.normal_location(given) as n left join pra_store.stores as s on s.place = n.place;
$$;


ALTER FUNCTION pra.find_store(given text) OWNER TO pra_owner;

--
-- Name: FUNCTION find_store(given text); Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON FUNCTION pra.find_store(given text) IS 'Returns the store that a location denotes, with a null id for one that is not known yet; its location as
pra.use_store would record it, and what its mark must hold: the id of this database and the one of the store.
is_marked: whether the mark is known to lie there. Granted to no role but pra_owner.';


--
-- Name: finish(bigint, bigint, jsonb, jsonb, jsonb, jsonb, bigint, uuid); Type: FUNCTION; Schema: pra; Owner: pra_owner
--

CREATE FUNCTION pra.finish(job bigint, epoch bigint, outputs jsonb DEFAULT '[]'::jsonb, images jsonb DEFAULT '[]'::jsonb, evaluations jsonb DEFAULT '[]'::jsonb, result jsonb DEFAULT '{}'::jsonb, metric_batch bigint DEFAULT 0, token uuid DEFAULT NULL::uuid) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
#variable_conflict use_column
declare
  held pra_store.jobs;
  absorbed bigint;
begin
  if exists (
    select from pra_store.jobs as j
    join pra_store.attempts as a on a.job_id = j.id and a.epoch = j.epoch
    join pra_store.workers as w on w.id = a.worker_id
    where j.id = job and j.epoch = finish.epoch and j.state = 'succeeded'
      and a.outcome = 'succeeded' and (w.token is null or j.token = finish.token)
  ) then
    return false;
  end if;
  held := pra_store.hold(job, epoch, true, finish.token);
  select a.metric_batch into absorbed
  from pra_store.attempts as a where a.job_id = job and a.epoch = finish.epoch;
  if absorbed <> finish.metric_batch then
    raise exception 'metric_batch: the last batch absorbed is %, not %', absorbed,
      finish.metric_batch using errcode = 'PR004';
  end if;

  insert into pra_store.job_outputs (job_id, name, epoch, sha256, media_type)
  select held.id, o ->> 'name', held.epoch,
    pra_store.stored_artifact(o ->> 'sha256', 'outputs: ' || (o ->> 'name')), o ->> 'media_type'
  from jsonb_array_elements(finish.outputs) as o;
  if finish.images <> '[]' then
    insert into pra_store.images (job_id, number, epoch, label, class_name, seed, sha256)
    select held.id, (i ->> 'number')::bigint, held.epoch, (i ->> 'label')::integer, i ->> 'class',
      (i ->> 'seed')::numeric,
      pra_store.stored_artifact(i ->> 'sha256', 'images: number ' || (i ->> 'number'))
    from jsonb_array_elements(finish.images) as i
    where not i ? 'labels';
    insert into pra_store.image_sets (
      job_id, epoch, first, seed, sha256, place, side, channels, labels, class_names, digests)
    select held.id, held.epoch, (i ->> 'first')::bigint, (i ->> 'seed')::numeric,
      pra_store.stored_artifact(i ->> 'sha256', 'images: set from number ' || (i ->> 'first')),
      (i ->> 'place')::bigint, (i ->> 'side')::integer, (i ->> 'channels')::integer,
      array(select e::integer from jsonb_array_elements_text(i -> 'labels') with ordinality as t (e, n) order by n),
      array(select e from jsonb_array_elements_text(i -> 'classes') with ordinality as t (e, n) order by n),
      array(select e::bigint from jsonb_array_elements_text(i -> 'digests') with ordinality as t (e, n) order by n)
    from jsonb_array_elements(finish.images) as i
    where i ? 'labels';
  end if;
  insert into pra_store.evaluations (job_id, metric, scope, epoch, value, images, details)
  select held.id, e ->> 'metric', e ->> 'scope', held.epoch, (e ->> 'value')::double precision,
    (e ->> 'images')::bigint, coalesce(e -> 'details', '{}')
  from jsonb_array_elements(finish.evaluations) as e;

  update pra_store.attempts as a
  set ended_at = clock_timestamp(), outcome = 'succeeded', exit_code = 0
  where a.job_id = held.id and a.epoch = held.epoch;
  update pra_store.jobs as j
  set state = 'succeeded', worker_id = null, finished_at = clock_timestamp(), message = null,
      result = finish.result, preempt_requested_at = null, cancel_requested_at = null
  where j.id = held.id;
  insert into pra_store.count_steps (queue, kind, outcome, number) values (held.queue, held.kind, 'succeeded', 1);
  perform pra_store.record_event(
    'attempt.succeeded', held.run_id, held.id, held.epoch, held.worker_id,
    jsonb_build_object('metric_batch', absorbed));

  perform pra_store.settle_series(held.id);
  perform pra_store.release_dependents(held.id);
  return true;
end
$$;


ALTER FUNCTION pra.finish(job bigint, epoch bigint, outputs jsonb, images jsonb, evaluations jsonb, result jsonb, metric_batch bigint, token uuid) OWNER TO pra_owner;

--
-- Name: FUNCTION finish(job bigint, epoch bigint, outputs jsonb, images jsonb, evaluations jsonb, result jsonb, metric_batch bigint, token uuid); Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON FUNCTION pra.finish(job bigint, epoch bigint, outputs jsonb, images jsonb, evaluations jsonb, result jsonb, metric_batch bigint, token uuid) IS 'Commits an attempt: outputs, images, evaluations, result, the mark up to which its metrics are in, the state and the release of its dependents, all or nothing. outputs: [{name, sha256, media_type}]. images: [{number, label, class, seed, sha256}] for PNGs, or one set [{first, seed, sha256, place, side, channels, labels, classes, digests}] as pra_store.image_sets has it. evaluations: [{metric, scope, value, images, details}], a value that is no number in JSON as a string ("NaN"). metric_batch: the number of the last metric batch sent. Returns true when this call committed it, false when an earlier call of the same attempt had. Errors: PR001 for a stale attempt, PR002 for an artifact that is not stored, PR004 for a metric batch that was not absorbed.';


--
-- Name: finish_many(bigint, bigint[], bigint[], jsonb, uuid[], uuid); Type: FUNCTION; Schema: pra; Owner: pra_owner
--

CREATE FUNCTION pra.finish_many(worker bigint, jobs bigint[], epochs bigint[], failures jsonb DEFAULT '[]'::jsonb, tokens uuid[] DEFAULT NULL::uuid[], worker_token uuid DEFAULT NULL::uuid) RETURNS SETOF bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    SET enable_mergejoin TO 'off'
    SET enable_hashjoin TO 'off'
    SET jit TO 'off'
    AS $$
#variable_conflict use_column
declare
  me pra_store.workers;
  accepted bigint[];
  limited bigint[];
  arrays bigint[];
  parents bigint[];
begin
  if coalesce(cardinality(jobs), 0) <> coalesce(cardinality(epochs), 0) then
    raise exception 'epochs: % epochs for % jobs', cardinality(epochs), cardinality(jobs)
      using errcode = 'PR003';
  end if;
  me := pra_store.live_worker(worker, worker_token, locks => false);
  if failures <> '[]' then
    perform pra_store.cut_failures(me, jobs, epochs, tokens, failures);
  end if;

  -- In the order of ids, as everybody locks.
  with mine as materialized (
    select m.job, m.epoch, m.token from unnest(jobs, epochs, tokens) as m (job, epoch, token) order by m.job
  ),
  done as (
    update pra_store.jobs as j
    set state = 'succeeded', worker_id = null, finished_at = clock_timestamp(), message = null,
        result = '{}', preempt_requested_at = null, batched = true
    from mine as m
    -- A job with a worker is running. To ask for the state as well would suggest the index of what runs,
    -- all of which would be read once for each of them.
    where j.id = m.job and j.epoch = m.epoch and j.worker_id + 0 = worker
      and (me.token is null or j.token = m.token) and j.cancel_requested_at is null
    returning j.id, j.epoch, j.array_id, j.limits, j.queue, j.kind
  ),
  counted as (
    insert into pra_store.count_steps (queue, kind, outcome, number)
    select d.queue, d.kind, 'succeeded', count(*) from done as d group by 1, 2
  ),
  ended as (
    update pra_store.attempts as t
    set ended_at = clock_timestamp(), outcome = 'succeeded', exit_code = 0, cause = 'exit-code',
        batched = true
    from done as d
    where t.job_id = d.id and t.epoch = d.epoch
  )
  select coalesce(array_agg(d.id), '{}'), array_agg(d.id) filter (where d.limits <> '{}'),
    array_agg(distinct d.array_id) filter (where d.array_id is not null)
  into accepted, limited, arrays
  from done as d;
  if accepted = '{}' then
    return;
  end if;
  insert into pra_store.events (kind, worker_id, detail)
  values ('batch.succeeded', worker, jsonb_build_object('jobs', cardinality(accepted)));
  if limited is not null then
    perform pra_store.give_slots(limited);
  end if;
  if arrays is not null then
    perform pra_store.after_batch(accepted, arrays);
  end if;
  parents := array(
    select distinct parent_id from pra_store.job_dependencies where parent_id = any(accepted)
    order by parent_id);
  if parents <> '{}' then
    perform pra_store.release_dependents(parent) from unnest(parents) as parent;
  end if;
  return query select unnest(accepted);
end
$$;


ALTER FUNCTION pra.finish_many(worker bigint, jobs bigint[], epochs bigint[], failures jsonb, tokens uuid[], worker_token uuid) OWNER TO pra_owner;

--
-- Name: FUNCTION finish_many(worker bigint, jobs bigint[], epochs bigint[], failures jsonb, tokens uuid[], worker_token uuid); Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON FUNCTION pra.finish_many(worker bigint, jobs bigint[], epochs bigint[], failures jsonb, tokens uuid[], worker_token uuid) IS 'Commits attempts that have nothing to store but that they are done, in one statement; best for many short ones. Returns the jobs that were accepted: an attempt that is no longer the job''s is left out, and nothing of it is stored. failures: [{job, element, message}], elements of a part of an array that did not succeed; each is retried by itself as far as its budget of faults goes. tokens: those of the attempts. Errors: PR001 when the worker''s lease is over, or worker_token is not the worker''s.';


--
-- Name: folder_stores(); Type: FUNCTION; Schema: pra; Owner: pra_owner
--

CREATE FUNCTION pra.folder_stores() RETURNS TABLE(location text, mark uuid)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  select s.location, s.mark from pra_store.stores as s where s.location like 'file:%' order by s.id;
$$;


ALTER FUNCTION pra.folder_stores() OWNER TO pra_owner;

--
-- Name: FUNCTION folder_stores(); Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON FUNCTION pra.folder_stores() IS 'Returns the stores that are folders, with the marks that they hold.';


--
-- Name: forget_dropped(bigint, bigint, integer, text, integer, uuid); Type: FUNCTION; Schema: pra; Owner: pra_owner
--

CREATE FUNCTION pra.forget_dropped(job bigint, epoch bigint, store integer, sha256 text, copy integer, token uuid DEFAULT NULL::uuid) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
#variable_conflict use_column
begin
  perform pra_store.hold(job, epoch, false, token);
  delete from pra_store.objects as o
  where o.store_id = store and o.sha256 = pra_store.digest(forget_dropped.sha256) and o.copy = forget_dropped.copy
    and o.dropped_by = job and o.state = 'deleting' and o.owner = session_user;
end
$$;


ALTER FUNCTION pra.forget_dropped(job bigint, epoch bigint, store integer, sha256 text, copy integer, token uuid) OWNER TO pra_owner;

--
-- Name: FUNCTION forget_dropped(job bigint, epoch bigint, store integer, sha256 text, copy integer, token uuid); Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON FUNCTION pra.forget_dropped(job bigint, epoch bigint, store integer, sha256 text, copy integer, token uuid) IS 'Removes the row of an object that pra.next_dropped gave out and that was deleted from its store.
Raises PR001 when the attempt has lost its lease, PR003 for a bad sha256.';


--
-- Name: forget_object(integer, text, integer); Type: FUNCTION; Schema: pra; Owner: pra_owner
--

CREATE FUNCTION pra.forget_object(store integer, sha256 text, copy integer) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
#variable_conflict use_column
declare
  digest bytea := pra_store.digest(forget_object.sha256);
begin
  delete from pra_store.multipart_uploads as m using pra_store.objects as o
  where m.store_id = store and m.sha256 = digest and m.copy = forget_object.copy
    and o.store_id = m.store_id and o.sha256 = m.sha256 and o.copy = m.copy
    and (m.doomed or o.state = 'deleting');
  delete from pra_store.objects as o
  where o.store_id = store and o.sha256 = digest and o.copy = forget_object.copy and o.state = 'deleting';
end
$$;


ALTER FUNCTION pra.forget_object(store integer, sha256 text, copy integer) OWNER TO pra_owner;

--
-- Name: FUNCTION forget_object(store integer, sha256 text, copy integer); Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON FUNCTION pra.forget_object(store integer, sha256 text, copy integer) IS 'Removes the row of an object that was deleted from its store, and of its uploads that were aborted; no effect on
what pra.next_doomed does not give out. Granted to no role but pra_owner.
Raises PR003 for a bad sha256.';


--
-- Name: forget_store(text, boolean); Type: FUNCTION; Schema: pra; Owner: pra_owner
--

CREATE FUNCTION pra.forget_store(given text, lose boolean DEFAULT false) RETURNS TABLE(artifacts bigint, bytes bigint, jobs bigint)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
#variable_conflict use_column
declare
  gone pra_store.stores;
begin
  select s.* into gone
  from pra_store.stores as s join pra_store.normal_location(given) as n on n.place = s.place
  for update of s;
  if not found then
    raise exception 'location: there is no store "%"', given using errcode = 'PR002';
  end if;
  if gone.is_current then
    raise exception 'location: new artifacts go to %; choose another store first', gone.location
      using errcode = 'PR004';
  end if;
  -- Artifacts in doubt that lie elsewhere too stay.
  update pra_store.artifacts as a set
    upload_id = u.id, store_id = null, copy = null, unverified = true, size = u.size
  from (
    select distinct on (u.sha256) u.sha256, u.id, u.size from pra_store.uploads as u
    where u.committed_at is not null order by u.sha256, u.suspect_at nulls first, u.id
  ) as u
  where a.store_id = gone.id and u.sha256 = a.sha256;
  update pra_store.artifacts as a set
    store_id = o.store_id, copy = o.copy, unverified = true, size = o.size
  from (
    select distinct on (o.sha256) o.* from pra_store.objects as o
    where o.store_id <> gone.id and o.state = 'stored' order by o.sha256, o.suspect_at nulls first, o.copy
  ) as o
  where a.store_id = gone.id and o.sha256 = a.sha256;
  create temp table if not exists lost (sha256 bytea, size bigint, is_used boolean) on commit drop;
  delete from pg_temp.lost;
  insert into pg_temp.lost
  with named as materialized (
    select n.sha256 from pra_store.named_artifacts() as n
  )
  select a.sha256, a.size,
    pra_store.is_referred_to(a.sha256)
      or exists (select from named as n where n.sha256 = a.sha256)
  from pra_store.artifacts as a where a.store_id = gone.id;
  select count(*), coalesce(sum(l.size), 0)::bigint into artifacts, bytes from pg_temp.lost as l where l.is_used;
  select count(distinct j.job_id) into jobs
  from (
    select o.job_id, o.sha256 from pra_store.job_outputs as o
    union all
    select c.job_id, f.sha256
    from pra_store.checkpoint_files as f join pra_store.checkpoints as c on c.id = f.checkpoint_id
    union all
    select i.job_id, i.sha256 from pra_store.images as i
    union all
    select i.job_id, i.sha256 from pra_store.image_sets as i
  ) as j
  where j.sha256 in (select l.sha256 from pg_temp.lost as l);
  if artifacts > 0 and not lose then
    raise exception '% artifacts of % bytes lie only in %; outputs, checkpoints and images of % jobs are among them',
      artifacts, bytes, gone.location, jobs using errcode = 'PR006';
  end if;
  delete from pra_store.artifacts as a using pg_temp.lost as l where a.sha256 = l.sha256 and not l.is_used;
  update pra_store.artifacts as a set
    store_id = null, copy = null, suspect_at = clock_timestamp(),
    suspicion = format('its store %s was forgotten', gone.location)
  from pg_temp.lost as l where a.sha256 = l.sha256 and l.is_used;
  delete from pra_store.multipart_uploads as m where m.store_id = gone.id;
  delete from pra_store.objects as o where o.store_id = gone.id;
  delete from pra_store.stores as s where s.id = gone.id;
  perform pra_store.record_event(
    'store.forgotten', null, null, null, null,
    jsonb_build_object('location', gone.location, 'lost', artifacts));
  return next;
end
$$;


ALTER FUNCTION pra.forget_store(given text, lose boolean) OWNER TO pra_owner;

--
-- Name: FUNCTION forget_store(given text, lose boolean); Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON FUNCTION pra.forget_store(given text, lose boolean) IS 'Forgets a store that is not the current one, without asking it, and returns what is lost with it: artifacts
that something refers to and that lie nowhere else, with their bytes, and the jobs whose outputs, checkpoints
and images are among them. Bytes in the store itself stay. Stored again, a lost artifact is whole.
lose: without it nothing is forgotten where something would be lost. Granted to no role but pra_owner.
Raises PR002 for a store that is not known, PR004 for the current one, PR006 when something would be lost.';


--
-- Name: forget_upkeep_object(bigint, integer, text, integer, uuid); Type: FUNCTION; Schema: pra; Owner: pra_owner
--

CREATE FUNCTION pra.forget_upkeep_object(worker bigint, store integer, sha256 text, copy integer, worker_token uuid DEFAULT NULL::uuid) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
  perform pra_store.held_upkeep(worker, worker_token);
  perform pra.forget_object(store, sha256, copy);
end
$$;


ALTER FUNCTION pra.forget_upkeep_object(worker bigint, store integer, sha256 text, copy integer, worker_token uuid) OWNER TO pra_owner;

--
-- Name: FUNCTION forget_upkeep_object(worker bigint, store integer, sha256 text, copy integer, worker_token uuid); Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON FUNCTION pra.forget_upkeep_object(worker bigint, store integer, sha256 text, copy integer, worker_token uuid) IS 'pra.forget_object for the worker that began with the upkeep.
Raises PR001 when another worker has it, or the lease is over; PR003 for a bad sha256.';


--
-- Name: forgive_host(text); Type: FUNCTION; Schema: pra; Owner: pra_owner
--

CREATE FUNCTION pra.forgive_host(host text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
  perform pra_store.require_operator('host');
  delete from pra_store.blamed_hosts as b where b.host = forgive_host.host;
  if not found then
    raise exception 'host "%" is not blamed for anything', host using errcode = 'PR002';
  end if;
  perform pra_store.record_event(
    'host.forgiven', null, null, null, null, jsonb_build_object('host', host));
  perform pg_notify('pra_ready', '');
end
$$;


ALTER FUNCTION pra.forgive_host(host text) OWNER TO pra_owner;

--
-- Name: FUNCTION forgive_host(host text); Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON FUNCTION pra.forgive_host(host text) IS 'Lets a blamed host get work again at once; pra.blamed_hosts lists them. host: label host of its
workers, else their name.
Raises PR002 when the host is not blamed.';


--
-- Name: heartbeat(bigint, bigint[], bigint[], boolean, uuid[], uuid); Type: FUNCTION; Schema: pra; Owner: pra_owner
--

CREATE FUNCTION pra.heartbeat(worker bigint, running_jobs bigint[], running_epochs bigint[], draining boolean DEFAULT false, running_tokens uuid[] DEFAULT NULL::uuid[], worker_token uuid DEFAULT NULL::uuid) RETURNS TABLE(job bigint, epoch bigint, ask text, seconds double precision, token uuid)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    SET jit TO 'off'
    AS $$
#variable_conflict use_column
declare
  me pra_store.workers;
begin
  if cardinality(running_jobs) <> cardinality(running_epochs) then
    raise exception 'running_epochs: % epochs for % jobs',
      cardinality(running_epochs), cardinality(running_jobs) using errcode = 'PR003';
  end if;
  me := pra_store.live_worker(worker, worker_token, locks => true);
  update pra_store.workers
  set beat_at = clock_timestamp(), lease_expires_at = clock_timestamp() + lease,
      draining = heartbeat.draining
  where id = worker;
  update pra_store.preemptions as p set acknowledged_at = clock_timestamp()
  from unnest(running_jobs, running_epochs) as mine (job, epoch)
  join pra_store.jobs as j on j.id = mine.job and j.worker_id = worker
  where p.job_id = mine.job and p.epoch = mine.epoch and p.acknowledged_at is null;
  perform pra_store.end_overdue(worker);
  return query
    select asked.job, asked.epoch, asked.ask, asked.seconds, asked.token
    from (
      select
        mine.job, mine.epoch, mine.token,
        case
          when j.id is null or j.state <> 'running' or j.epoch <> mine.epoch
            or j.worker_id <> worker
            or me.token is not null and j.token is distinct from mine.token then 'lost'
          when j.cancel_requested_at is not null then 'cancel'
          when a.started_at + j.time_limit <= clock_timestamp()
            or j.deadline <= clock_timestamp() then 'timeout'
          when j.preempt_requested_at is not null then 'preempt'
        end as ask,
        greatest(0, extract(epoch from p.deadline - clock_timestamp()))::double precision as seconds
      from unnest(running_jobs, running_epochs, running_tokens) as mine (job, epoch, token)
      left join pra_store.jobs as j on j.id = mine.job
      left join pra_store.attempts as a on a.job_id = mine.job and a.epoch = mine.epoch
      left join pra_store.preemptions as p on p.job_id = mine.job and p.epoch = mine.epoch
    ) as asked
    where asked.ask is not null;
end
$$;


ALTER FUNCTION pra.heartbeat(worker bigint, running_jobs bigint[], running_epochs bigint[], draining boolean, running_tokens uuid[], worker_token uuid) OWNER TO pra_owner;

--
-- Name: FUNCTION heartbeat(worker bigint, running_jobs bigint[], running_epochs bigint[], draining boolean, running_tokens uuid[], worker_token uuid); Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON FUNCTION pra.heartbeat(worker bigint, running_jobs bigint[], running_epochs bigint[], draining boolean, running_tokens uuid[], worker_token uuid) IS 'One beat for all attempts that run on a worker; it renews the lease. Returns those of which something is asked: ''lost'' (kill it: it belongs to another attempt or nobody), ''cancel'' and ''timeout'' (stop and report), ''preempt'' (write a checkpoint and release it within so many seconds). draining: the worker claims nothing more. running_tokens: those of the attempts. Errors: PR001 when the lease is over, or worker_token is not the worker''s.';


--
-- Name: jobs_needed_elsewhere(bigint); Type: FUNCTION; Schema: pra; Owner: pra_owner
--

CREATE FUNCTION pra.jobs_needed_elsewhere(run bigint) RETURNS SETOF bigint
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  select p.id
  from pra_store.jobs as p
  where p.run_id = jobs_needed_elsewhere.run and p.kind = 'ingest'
    and p.state in ('blocked', 'ready', 'running')
    and exists (
      select from pra_store.job_dependencies as d join pra_store.jobs as c on c.id = d.job_id
      where d.parent_id = p.id and c.state in ('blocked', 'ready', 'running')
        and (c.run_id <> p.run_id
          -- An array of ingest is needed by the job that puts its parts together.
          or exists (
            select from pra_store.job_dependencies as e join pra_store.jobs as f on f.id = e.job_id
            where e.parent_id = c.id and c.kind = 'ingest' and f.run_id <> p.run_id
              and f.state in ('blocked', 'ready', 'running'))))
$$;


ALTER FUNCTION pra.jobs_needed_elsewhere(run bigint) OWNER TO pra_owner;

--
-- Name: FUNCTION jobs_needed_elsewhere(run bigint); Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON FUNCTION pra.jobs_needed_elsewhere(run bigint) IS 'Ingest jobs of a run that have not ended and whose images jobs of other runs wait for: cancelling the run leaves them.';


--
-- Name: join_gang(bigint, bigint, uuid); Type: FUNCTION; Schema: pra; Owner: pra_owner
--

CREATE FUNCTION pra.join_gang(job bigint, epoch bigint, token uuid DEFAULT NULL::uuid) RETURNS TABLE(gang bigint, start bigint, rank integer, size integer)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
#variable_conflict use_column
declare
  held pra_store.jobs := pra_store.hold(job, epoch, false, token);
begin
  select m.gang_id, m.start, m.rank into gang, start, rank
  from pra_store.jobs as a
  join pra_store.gang_meetings as m
    on m.gang_id = a.id and m.start = a.epoch and m.job_id = held.id and m.key = ''
  where a.id = held.array_id;
  if gang is null then
    return;
  end if;
  select count(*) into size
  from pra_store.gang_meetings as m
  where m.gang_id = join_gang.gang and m.start = join_gang.start and m.key = '';
  if rank = 0 then
    insert into pra_store.attempts (job_id, epoch, worker_id)
    values (join_gang.gang, join_gang.start, held.worker_id)
    on conflict do nothing;
  end if;
  return next;
end
$$;


ALTER FUNCTION pra.join_gang(job bigint, epoch bigint, token uuid) OWNER TO pra_owner;

--
-- Name: FUNCTION join_gang(job bigint, epoch bigint, token uuid); Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON FUNCTION pra.join_gang(job bigint, epoch bigint, token uuid) IS 'Returns the gang of which a job is a member, the number of its present start, which all members share, the rank of this
member from 0 on, and the number of ranks; no row for a job that is in no gang. From then on rank 0 may write metrics,
progress and checkpoints under the gang''s number, with the start as epoch and its own token: they are the gang''s.
Raises PR001 when the attempt has lost its lease.';


--
-- Name: keep_result(bigint, bigint, text, text, text, uuid); Type: FUNCTION; Schema: pra; Owner: pra_owner
--

CREATE FUNCTION pra.keep_result(job bigint, epoch bigint, source text, what text, sha256 text, token uuid DEFAULT NULL::uuid) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
#variable_conflict use_column
declare
  digest bytea;
begin
  perform pra_store.hold(job, epoch, false, token);
  if length(keep_result.what) not between 1 and 500 or keep_result.what is null then
    raise exception 'what: must have 1 to 500 characters' using errcode = 'PR003';
  end if;
  perform pra_store.stored_artifact(keep_result.source, 'source');
  digest := pra_store.stored_artifact(keep_result.sha256, keep_result.what);
  insert into pra_store.kept_results as k (source, what, sha256, job_id)
  values (pra_store.digest(keep_result.source), keep_result.what, digest, job)
  on conflict on constraint kept_results_pkey do update
  set sha256 = excluded.sha256, job_id = excluded.job_id, kept_at = clock_timestamp();
end
$$;


ALTER FUNCTION pra.keep_result(job bigint, epoch bigint, source text, what text, sha256 text, token uuid) OWNER TO pra_owner;

--
-- Name: FUNCTION keep_result(job bigint, epoch bigint, source text, what text, sha256 text, token uuid); Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON FUNCTION pra.keep_result(job bigint, epoch bigint, source text, what text, sha256 text, token uuid) IS 'Keeps an artifact as the result of a computation that depends on another artifact, source, and on the words of what
alone. pra.kept_results shows it to every later job; a second result replaces the first. It goes when garbage
collection deletes the source.
Raises PR001 when the attempt has lost its lease, PR002 when one of the artifacts is not stored, PR003 for a bad
sha256 or for words of no or more than 500 characters.';


--
-- Name: lock_name(text); Type: FUNCTION; Schema: pra; Owner: pra_owner
--

CREATE FUNCTION pra.lock_name(name text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
  -- Submitters wait for submitters alone.
  perform pra_store.lock_key('submitter: ' || left(name, 1000));
end
$$;


ALTER FUNCTION pra.lock_name(name text) OWNER TO pra_owner;

--
-- Name: FUNCTION lock_name(name text); Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON FUNCTION pra.lock_name(name text) IS 'Waits until no other transaction has asked for this name, the first 1,000 characters of which count, and has it until the
end of the transaction: so of two clients that look for a run of a name, and create it where there is none, the second
finds that of the first.';


--
-- Name: mark_store(integer); Type: FUNCTION; Schema: pra; Owner: pra_owner
--

CREATE FUNCTION pra.mark_store(store integer) RETURNS void
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  update pra_store.stores as s set marked_at = clock_timestamp()
  where s.id = store and s.marked_at is null;
$$;


ALTER FUNCTION pra.mark_store(store integer) OWNER TO pra_owner;

--
-- Name: FUNCTION mark_store(store integer); Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON FUNCTION pra.mark_store(store integer) IS 'Records that the mark of this database lies in a store. Granted to no role but pra_owner.';


--
-- Name: meet(bigint, bigint, text, bytea, uuid); Type: FUNCTION; Schema: pra; Owner: pra_owner
--

CREATE FUNCTION pra.meet(job bigint, epoch bigint, key text, value bytea, token uuid DEFAULT NULL::uuid) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
#variable_conflict use_column
declare
  held pra_store.jobs := pra_store.hold(job, epoch, false, token);
begin
  if key is null or length(key) not between 1 and 200 then
    raise exception 'key: has 1 to 200 characters' using errcode = 'PR003';
  end if;
  if value is null or length(value) > 65536 then
    raise exception 'value: has at most 65536 bytes' using errcode = 'PR003';
  end if;
  insert into pra_store.gang_meetings (gang_id, start, rank, job_id, key, value)
  select m.gang_id, m.start, m.rank, m.job_id, meet.key, meet.value
  from pra_store.jobs as a
  join pra_store.gang_meetings as m
    on m.gang_id = a.id and m.start = a.epoch and m.job_id = held.id and m.key = ''
  where a.id = held.array_id
  on conflict (gang_id, start, rank, key) do update set value = excluded.value;
  if not found then
    raise exception 'job: % is a member of no gang', job using errcode = 'PR004';
  end if;
end
$$;


ALTER FUNCTION pra.meet(job bigint, epoch bigint, key text, value bytea, token uuid) OWNER TO pra_owner;

--
-- Name: FUNCTION meet(job bigint, epoch bigint, key text, value bytea, token uuid); Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON FUNCTION pra.meet(job bigint, epoch bigint, key text, value bytea, token uuid) IS 'Tells the other members of a start something under a key; told again, the later value counts. It is gone with the start.
Raises PR001 when the attempt has lost its lease, PR003 for a key or a value out of range, PR004 for a job that is in no
gang.';


--
-- Name: met(bigint, bigint, text, uuid); Type: FUNCTION; Schema: pra; Owner: pra_owner
--

CREATE FUNCTION pra.met(job bigint, epoch bigint, key text, token uuid DEFAULT NULL::uuid) RETURNS TABLE(rank integer, value bytea)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
#variable_conflict use_column
declare
  held pra_store.jobs := pra_store.hold(job, epoch, false, token);
begin
  return query
    select m.rank, m.value
    from pra_store.jobs as a
    join pra_store.gang_meetings as m on m.gang_id = a.id and m.start = a.epoch and m.key = met.key
    where a.id = held.array_id
    order by m.rank;
end
$$;


ALTER FUNCTION pra.met(job bigint, epoch bigint, key text, token uuid) OWNER TO pra_owner;

--
-- Name: FUNCTION met(job bigint, epoch bigint, key text, token uuid); Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON FUNCTION pra.met(job bigint, epoch bigint, key text, token uuid) IS 'Returns what the members of this attempt''s start have told under a key, a row for each that has, by rank.
Raises PR001 when the attempt has lost its lease.';


--
-- Name: metric_bands(bigint, text, bigint, bigint, integer); Type: FUNCTION; Schema: pra; Owner: pra_owner
--

CREATE FUNCTION pra.metric_bands(job bigint, name text, from_step bigint DEFAULT NULL::bigint, to_step bigint DEFAULT NULL::bigint, points integer DEFAULT 800) RETURNS TABLE(step_from bigint, step_to bigint, n bigint, not_finite bigint, lowest double precision, highest double precision, mean double precision, last double precision)
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET plan_cache_mode TO 'force_generic_plan'
    SET max_parallel_workers_per_gather TO '0'
    SET enable_seqscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    SET jit TO 'off'
    AS $$
#variable_conflict use_column
declare
  series integer := (select k.id from pra_store.metric_names as k where k.name = metric_bands.name);
  final bigint := (
    select s.last_step from pra_store.metric_summaries as s
    where s.job_id = metric_bands.job and s.name_id = series);
  first bigint := greatest(metric_bands.from_step, 0);
  -- The first step behind the range.
  behind bigint := least(metric_bands.to_step, final) + 1;
  width bigint := 1;
  -- Rollups serve the steps from `whole` to before `cut`, points the others.
  whole bigint;
  cut bigint;
begin
  if points is null or points not between 1 and 10000 then
    raise exception 'points: %, must be 1 to 10000', points using errcode = 'PR003';
  end if;
  if final is null or behind <= first then
    return;
  end if;
  while (behind - 1) / width - first / width >= points loop
    width := width * 2;
  end loop;
  whole := behind;
  cut := behind;
  if pra_store.prefers_rollups(job, series, first, behind) then
    width := greatest(width, 256);
    cut := case when behind > final then behind else behind / 256 * 256 end;
    whole := least((first + 255) / 256 * 256, behind);
    cut := greatest(cut, whole);
  end if;
  return query
    with parts as (
      select r.bucket * 256 / width as band, r.last_step, now() as at, r.points as points, r.not_finite, r.total,
        r.min_value, r.max_value, r.last_value
      from pra_store.metric_rollups as r
      where r.job_id = metric_bands.job and r.name_id = series and r.bucket >= whole / 256
        and r.bucket < (cut + 255) / 256 and whole < cut
      union all
      select m.step / width, m.step, m.recorded_at, 1, (m.value in ('NaN', 'Infinity', '-Infinity'))::integer,
        case when m.value in ('NaN', 'Infinity', '-Infinity') then 0 else m.value end,
        nullif(m.value, 'NaN'), nullif(m.value, 'NaN'), m.value
      from (values (first, whole), (cut, behind)) as part (start, stop)
      join pra_store.metrics as m on m.step >= part.start and m.step < part.stop
      where m.job_id = metric_bands.job and m.name_id = series and exists (
        select from pra_store.metric_ranges as r
        where r.job_id = m.job_id and r.epoch = m.epoch and m.step >= r.from_step and m.step < r.to_step)
    )
    select greatest(p.band * width, first), max(p.last_step), sum(p.points)::bigint, sum(p.not_finite)::bigint,
      min(p.min_value), max(p.max_value),
      sum(p.total order by p.last_step) / nullif(sum(p.points) - sum(p.not_finite), 0),
      (array_agg(p.last_value order by p.last_step desc, p.at desc))[1]
    from parts as p
    group by p.band
    order by p.band;
end
$$;


ALTER FUNCTION pra.metric_bands(job bigint, name text, from_step bigint, to_step bigint, points integer) OWNER TO pra_owner;

--
-- Name: FUNCTION metric_bands(job bigint, name text, from_step bigint, to_step bigint, points integer); Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON FUNCTION pra.metric_bands(job bigint, name text, from_step bigint, to_step bigint, points integer) IS 'Returns a series in bands of steps: at most `points` of them, each as wide as the next power of two, so that a band stays
when the series grows. from_step, to_step: the range, by default all of it. A row has the first step of its band and
the last that has a point, the number of points and of those that are NaN or infinite, the least and the greatest value
that is not NaN, the mean of the finite ones, and the value at its last step; bands without a point have no row. More
than 20,000 points are read from the rollups of 256 steps, and the parts of these at both ends of the range from points;
so are series whose points were thinned.
The same at every call. Raises PR003 for a number of bands out of range.';


--
-- Name: metric_end(bigint, text); Type: FUNCTION; Schema: pra; Owner: pra_owner
--

CREATE FUNCTION pra.metric_end(job bigint, name text) RETURNS TABLE(value double precision, steps bigint)
    LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 1
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
#variable_conflict use_column
declare
  series integer := (select k.id from pra_store.metric_names as k where k.name = metric_end.name);
begin
  return query
    select s.end_value, s.end_steps from pra_store.metric_summaries as s
    where s.job_id = metric_end.job and s.name_id = series and s.end_value is not null;
  if not found then
    return query select e.value, e.steps from pra_store.end_of_series(metric_end.job, series) as e;
  end if;
end
$$;


ALTER FUNCTION pra.metric_end(job bigint, name text) OWNER TO pra_owner;

--
-- Name: FUNCTION metric_end(job bigint, name text); Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON FUNCTION pra.metric_end(job bigint, name text) IS 'Returns the value of a series at its end, and the number of steps of which it is the mean: the last tenth of the steps, at
most 100. Values that are not finite are left out. Where the points of these steps were dropped it is the mean of the last
rollup that has a finite value. No row for a series that is not there, or has no finite value.';


--
-- Name: metric_points(bigint, text, bigint, integer); Type: FUNCTION; Schema: pra; Owner: pra_owner
--

CREATE FUNCTION pra.metric_points(job bigint, name text, after bigint DEFAULT '-1'::integer, most integer DEFAULT 10000) RETURNS TABLE(step bigint, value double precision, recorded_at timestamp with time zone)
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_sort TO 'off'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    AS $$
#variable_conflict use_column
declare
  series integer := (select n.id from pra_store.metric_names as n where n.name = metric_points.name);
begin
  if most is null or most not between 1 and 1000000 then
    raise exception 'most: %, must be 1 to 1000000', most using errcode = 'PR003';
  end if;
  return query
    select m.step, m.value, m.recorded_at
    from pra_store.metrics as m
    where m.job_id = metric_points.job and m.name_id = series and m.step > after
      and exists (
        select from pra_store.metric_ranges as r
        where r.job_id = m.job_id and r.epoch = m.epoch and m.step >= r.from_step and m.step < r.to_step)
    order by m.step
    fetch first most rows with ties;
end
$$;


ALTER FUNCTION pra.metric_points(job bigint, name text, after bigint, most integer) OWNER TO pra_owner;

--
-- Name: FUNCTION metric_points(job bigint, name text, after bigint, most integer); Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON FUNCTION pra.metric_points(job bigint, name text, after bigint, most integer) IS 'Returns points of an effective series, by step, behind the step `after`: a page of `most` points, or a few more where
several have the last step. The next page begins after the last step of this one; the series is over when there is no
row. Raises PR003 for a number of points out of range.';


--
-- Name: needs_room(bigint, bigint, bigint, uuid); Type: FUNCTION; Schema: pra; Owner: pra_owner
--

CREATE FUNCTION pra.needs_room(job bigint, epoch bigint, bytes bigint, token uuid DEFAULT NULL::uuid) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
  if needs_room.bytes < 0 then
    raise exception 'bytes: must not be below 0' using errcode = 'PR003';
  end if;
  perform pra_store.hold(job, epoch, true, token);
  update pra_store.jobs as j set room_needed = needs_room.bytes where j.id = needs_room.job;
end
$$;


ALTER FUNCTION pra.needs_room(job bigint, epoch bigint, bytes bigint, token uuid) OWNER TO pra_owner;

--
-- Name: FUNCTION needs_room(job bigint, epoch bigint, bytes bigint, token uuid); Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON FUNCTION pra.needs_room(job bigint, epoch bigint, bytes bigint, token uuid) IS 'Records how many bytes of scratch a job needs, as its attempt has found: hosts with less room claim it no more.
Raises PR001 when the attempt has lost its lease, PR003 for bytes below 0.';


--
-- Name: next_doomed(integer, text); Type: FUNCTION; Schema: pra; Owner: pra_owner
--

CREATE FUNCTION pra.next_doomed(store integer, after text DEFAULT ''::text) RETURNS TABLE(sha256 text, object text, copy integer, is_doomed boolean, uploads text[])
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  select encode(o.sha256, 'hex'), pra_store.object_name(o.sha256, o.copy), o.copy, o.state = 'deleting', array(
      select m.upload from pra_store.multipart_uploads as m
      where m.store_id = o.store_id and m.sha256 = o.sha256 and m.copy = o.copy
        and (m.doomed or o.state = 'deleting'))
  from pra_store.objects as o
  where o.store_id = next_doomed.store and pra_store.object_name(o.sha256, o.copy) collate "C" > next_doomed.after
    and (o.state = 'deleting' or exists (
      select from pra_store.multipart_uploads as m
      where m.store_id = o.store_id and m.sha256 = o.sha256 and m.copy = o.copy and m.doomed))
  order by pra_store.object_name(o.sha256, o.copy) collate "C"
  limit 1
  for update of o skip locked;
$$;


ALTER FUNCTION pra.next_doomed(store integer, after text) OWNER TO pra_owner;

--
-- Name: FUNCTION next_doomed(store integer, after text); Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON FUNCTION pra.next_doomed(store integer, after text) IS 'Returns the next object of a store, by name after the given one, that is to be deleted or has uploads in parts that
are to be aborted, and locks it until the transaction ends. is_doomed: whether the object itself goes.
No row when none is left, or others hold them.
Next, in the same transaction: abort the uploads, delete the object, then pra.forget_object. Granted to no
role but pra_owner.';


--
-- Name: next_dropped(bigint, bigint, uuid); Type: FUNCTION; Schema: pra; Owner: pra_owner
--

CREATE FUNCTION pra.next_dropped(job bigint, epoch bigint, token uuid DEFAULT NULL::uuid) RETURNS TABLE(store integer, location text, database uuid, mark uuid, is_marked boolean, sha256 text, object text, copy integer)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
#variable_conflict use_column
begin
  perform pra_store.hold(job, epoch, false, token);
  return query
    select o.store_id, s.location, pra_store.identity(), s.mark, s.marked_at is not null,
      encode(o.sha256, 'hex'), pra_store.object_name(o.sha256, o.copy), o.copy
    from pra_store.objects as o join pra_store.stores as s on s.id = o.store_id
    where o.dropped_by = job and o.state = 'deleting' and o.owner = session_user
      and not exists (
        select from pra_store.multipart_uploads as m
        where m.store_id = o.store_id and m.sha256 = o.sha256 and m.copy = o.copy)
    order by o.store_id, o.sha256, o.copy
    limit 1
    for update of o skip locked;
end
$$;


ALTER FUNCTION pra.next_dropped(job bigint, epoch bigint, token uuid) OWNER TO pra_owner;

--
-- Name: FUNCTION next_dropped(job bigint, epoch bigint, token uuid); Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON FUNCTION pra.next_dropped(job bigint, epoch bigint, token uuid) IS 'Returns an object that only checkpoints referred to which the rule of this job has dropped, and locks it until the
transaction ends; no row when none is left. Next, in the same transaction: delete the object from its store, once the
mark there holds database and mark, then pra.forget_dropped. Those that an attempt leaves go with pra.collect_garbage.
Raises PR001 when the attempt has lost its lease.';


--
-- Name: note_run(bigint, text); Type: FUNCTION; Schema: pra; Owner: pra_owner
--

CREATE FUNCTION pra.note_run(run bigint, note text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
  perform pra_store.require_own_run(run);
  perform pra_store.live_run(run);
  if length(note) > 10000 then
    raise exception 'note: has % characters, at most 10000 are kept', length(note) using errcode = 'PR003';
  end if;
  update pra_store.runs as r set note = nullif(note_run.note, '') where r.id = run;
end
$$;


ALTER FUNCTION pra.note_run(run bigint, note text) OWNER TO pra_owner;

--
-- Name: FUNCTION note_run(run bigint, note text); Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON FUNCTION pra.note_run(run bigint, note text) IS 'Keeps a text of at most 10,000 characters with a run, in place of the one before; null or an empty one takes it away.
Raises PR002 when there is no such run, PR003 for a longer text.';


--
-- Name: note_submitted_upload(integer, text, integer, text); Type: FUNCTION; Schema: pra; Owner: pra_owner
--

CREATE FUNCTION pra.note_submitted_upload(store integer, sha256 text, copy integer, upload text) RETURNS void
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$ select pra_store.note_upload(store, sha256, copy, upload); $$;


ALTER FUNCTION pra.note_submitted_upload(store integer, sha256 text, copy integer, upload text) OWNER TO pra_owner;

--
-- Name: FUNCTION note_submitted_upload(store integer, sha256 text, copy integer, upload text); Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON FUNCTION pra.note_submitted_upload(store integer, sha256 text, copy integer, upload text) IS 'Records the number that a bucket gave to an upload in parts, outside any attempt. Raises PR003 for a bad sha256.';


--
-- Name: note_upload(bigint, bigint, integer, text, integer, text, uuid); Type: FUNCTION; Schema: pra; Owner: pra_owner
--

CREATE FUNCTION pra.note_upload(job bigint, epoch bigint, store integer, sha256 text, copy integer, upload text, token uuid DEFAULT NULL::uuid) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
  perform pra_store.hold(job, epoch, false, token);
  perform pra_store.note_upload(store, sha256, copy, upload);
end
$$;


ALTER FUNCTION pra.note_upload(job bigint, epoch bigint, store integer, sha256 text, copy integer, upload text, token uuid) OWNER TO pra_owner;

--
-- Name: FUNCTION note_upload(job bigint, epoch bigint, store integer, sha256 text, copy integer, upload text, token uuid); Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON FUNCTION pra.note_upload(job bigint, epoch bigint, store integer, sha256 text, copy integer, upload text, token uuid) IS 'Records the number that a bucket gave to an upload in parts, of an object that this attempt has begun. Garbage
collection aborts those that are left. Raises PR001 when the attempt has lost its lease, PR003 for a bad sha256.';


--
-- Name: pause_queue(text); Type: FUNCTION; Schema: pra; Owner: pra_owner
--

CREATE FUNCTION pra.pause_queue(queue text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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


ALTER FUNCTION pra.pause_queue(queue text) OWNER TO pra_owner;

--
-- Name: FUNCTION pause_queue(queue text); Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON FUNCTION pra.pause_queue(queue text) IS 'Keeps the jobs of a queue from being claimed until pra.resume_queue; running ones go on.
Raises PR002 when there is no such queue.';


--
-- Name: pause_run(bigint); Type: FUNCTION; Schema: pra; Owner: pra_owner
--

CREATE FUNCTION pra.pause_run(run bigint) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
  perform pra_store.require_own_run(run);
  update pra_store.runs set paused_at = coalesce(paused_at, clock_timestamp()) where id = run;
  if not found then
    raise exception 'there is no run %', run using errcode = 'PR002';
  end if;
  perform pra_store.record_event('run.paused', run, null, null, null);
end
$$;


ALTER FUNCTION pra.pause_run(run bigint) OWNER TO pra_owner;

--
-- Name: FUNCTION pause_run(run bigint); Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON FUNCTION pra.pause_run(run bigint) IS 'Keeps the jobs of a run from being claimed until pra.resume_run; running ones go on.
Raises PR002 when there is no such run.';


--
-- Name: pause_schedule(text, boolean); Type: FUNCTION; Schema: pra; Owner: pra_owner
--

CREATE FUNCTION pra.pause_schedule(name text, paused boolean DEFAULT true) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
  perform pra_store.require_own_schedule(name);
  update pra_store.schedules as s
  set paused_at = case when paused then coalesce(s.paused_at, clock_timestamp()) end,
      next_at = case when paused then s.next_at
        else pra_store.cron_next(s.cron, s.time_zone, clock_timestamp()) end
  where s.name = pause_schedule.name;
  if not found then
    raise exception 'there is no schedule "%"', name using errcode = 'PR002';
  end if;
end
$$;


ALTER FUNCTION pra.pause_schedule(name text, paused boolean) OWNER TO pra_owner;

--
-- Name: FUNCTION pause_schedule(name text, paused boolean); Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON FUNCTION pra.pause_schedule(name text, paused boolean) IS 'Pauses a schedule, or with paused => false resumes it from the next time on: times that pass during
a pause are not made up for.
Raises PR002 when there is no such schedule.';


--
-- Name: preempt(bigint, interval, text); Type: FUNCTION; Schema: pra; Owner: pra_owner
--

CREATE FUNCTION pra.preempt(job bigint, grace interval DEFAULT '00:01:00'::interval, reason text DEFAULT NULL::text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
  perform pra_store.require_own_jobs(array[preempt.job]);
  perform pra_store.preempt_job(job, grace, reason);
end
$$;


ALTER FUNCTION pra.preempt(job bigint, grace interval, reason text) OWNER TO pra_owner;

--
-- Name: FUNCTION preempt(job bigint, grace interval, reason text); Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON FUNCTION pra.preempt(job bigint, grace interval, reason text) IS 'Asks the agent of a running job to write a checkpoint and give the job back; of an array, all running
elements are asked. grace: time to do so, 0 or more; afterwards the job is taken away. A second request
can shorten it, not extend it. reason: in words, for pra.preemptions, which shows the progress.
A job whose worker is lost is taken back at once. The job returns to the line; of its budgets only that of preemptions is spent.
Raises PR003 for a negative grace, PR002 when there is no such job, PR004 when it is not running.';


--
-- Name: progress(bigint, bigint, bigint, bigint, text, uuid, double precision); Type: FUNCTION; Schema: pra; Owner: pra_owner
--

CREATE FUNCTION pra.progress(job bigint, epoch bigint, done bigint, total bigint, unit text, token uuid DEFAULT NULL::uuid, rate double precision DEFAULT NULL::double precision) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
#variable_conflict use_column
begin
  perform pra_store.hold(job, epoch, false, token);
  insert into pra_store.progress as p (job_id, epoch, done, total, unit, rate)
  values (progress.job, progress.epoch, progress.done, progress.total, left(progress.unit, 40), progress.rate)
  on conflict (job_id) do update
  set epoch = excluded.epoch, done = excluded.done, total = excluded.total, unit = excluded.unit,
      rate = excluded.rate, updated_at = clock_timestamp();
end
$$;


ALTER FUNCTION pra.progress(job bigint, epoch bigint, done bigint, total bigint, unit text, token uuid, rate double precision) OWNER TO pra_owner;

--
-- Name: FUNCTION progress(job bigint, epoch bigint, done bigint, total bigint, unit text, token uuid, rate double precision); Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON FUNCTION pra.progress(job bigint, epoch bigint, done bigint, total bigint, unit text, token uuid, rate double precision) IS 'Records the progress of a job: done of total units, each 0 or more. unit: such as steps, cut to 40
characters; "bytes fetched", "bytes checked" and "bytes stored" are shown as sizes. rate: units in a second.
pra.jobs shows the latest.
Raises PR001 when the attempt has lost its lease.';


--
-- Name: purge_runs(interval, boolean); Type: FUNCTION; Schema: pra; Owner: pra_owner
--

CREATE FUNCTION pra.purge_runs(grace interval DEFAULT '1 day'::interval, dry boolean DEFAULT false) RETURNS TABLE(run bigint, name text, jobs bigint, kept bigint)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
#variable_conflict use_column
declare
  doomed bigint[] := array(
    select r.id from pra_store.runs as r
    where r.deleted_at < clock_timestamp() - grace and not exists (
      select from pra_store.jobs as j where j.run_id = r.id and j.state in ('blocked', 'ready', 'running'))
    order by r.id for no key update);
  needed bigint[] := pra_store.jobs_read_by_others(doomed);
  gone bigint[] := array(
    select j.id from pra_store.jobs as j where j.run_id = any(doomed) and j.id <> all(needed) order by j.id);
  removed bigint;
begin
  -- Runs of which nothing more goes are not named again.
  return query
    select r.id, r.name, count(j.id) filter (where j.id = any(gone)), count(j.id) filter (where j.id = any(needed))
    from pra_store.runs as r left join pra_store.jobs as j on j.run_id = r.id
    where r.id = any(doomed) and (r.purged_at is null or not exists (
      select from pra_store.jobs as j where j.run_id = r.id and j.id = any(needed)))
    group by r.id order by r.id;
  if dry then
    return;
  end if;
  -- Nothing brings the run back from here on.
  with ended as (delete from pra_store.schedules as s where s.run_id = any(doomed) returning s.name)
  select count(pra_store.record_event(
    'schedule.removed', null, null, null, null, jsonb_build_object('schedule', e.name))) into removed from ended as e;
  perform pra_store.purge_jobs(gone);
  update pra_store.runs as r set purged_at = coalesce(r.purged_at, clock_timestamp()) where r.id = any(doomed);
  doomed := array(
    select d from unnest(doomed) as d where not exists (select from pra_store.jobs as j where j.run_id = d));
  delete from pra_store.sweep_runs as m where m.run_id = any(doomed);
  delete from pra_store.sweeps as s where not exists (select from pra_store.sweep_runs as m where m.sweep_id = s.id);
  delete from pra_store.turns as t where t.run_id = any(doomed);
  delete from pra_store.lanes as l where l.run_id = any(doomed);
  delete from pra_store.runs as r where r.id = any(doomed);
end
$$;


ALTER FUNCTION pra.purge_runs(grace interval, dry boolean) OWNER TO pra_owner;

--
-- Name: FUNCTION purge_runs(grace interval, dry boolean); Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON FUNCTION pra.purge_runs(grace interval, dry boolean) IS 'Deletes the rows of runs that were deleted longer ago than grace: jobs with their metrics, logs, checkpoints, images,
evaluations and history; what they alone refer to goes with the next pra.collect_garbage. Jobs that other runs read stay,
with what those read in turn, until these runs are gone. Returns the runs, with the number of jobs that go and that stay.
dry: only returns the rows. Granted to no role but pra_owner.';


--
-- Name: put_artifact(bigint, bigint, text, text, bytea, uuid); Type: FUNCTION; Schema: pra; Owner: pra_owner
--

CREATE FUNCTION pra.put_artifact(job bigint, epoch bigint, sha256 text, media_type text, bytes bytea, token uuid DEFAULT NULL::uuid) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
  perform pra_store.hold(job, epoch, false, token);
  perform pra_store.await_reference(job, epoch, sha256);
  perform pra_store.put_inline(sha256, media_type, bytes);
end
$$;


ALTER FUNCTION pra.put_artifact(job bigint, epoch bigint, sha256 text, media_type text, bytes bytea, token uuid) OWNER TO pra_owner;

--
-- Name: FUNCTION put_artifact(job bigint, epoch bigint, sha256 text, media_type text, bytes bytea, token uuid); Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON FUNCTION pra.put_artifact(job bigint, epoch bigint, sha256 text, media_type text, bytes bytea, token uuid) IS 'Stores bytes of at most 1 MiB (1048576) in the database, for an attempt. Bytes that are stored already
count as touched.
sha256: 64 lower-case hexadecimal digits. media_type: kept from the first call for these bytes.
Raises PR001 when the attempt has lost its lease, PR003 for more bytes or a bad sha256, PR005 when the
bytes have another sha256.';


--
-- Name: put_artifact_chunk(bigint, bigint, bigint, integer, bytea, uuid); Type: FUNCTION; Schema: pra; Owner: pra_owner
--

CREATE FUNCTION pra.put_artifact_chunk(job bigint, epoch bigint, upload bigint, ordinal integer, bytes bytea, token uuid DEFAULT NULL::uuid) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
  perform pra_store.hold(job, epoch, false, token);
  perform pra_store.put_chunk(upload, job, epoch, ordinal, bytes);
end
$$;


ALTER FUNCTION pra.put_artifact_chunk(job bigint, epoch bigint, upload bigint, ordinal integer, bytes bytea, token uuid) OWNER TO pra_owner;

--
-- Name: FUNCTION put_artifact_chunk(job bigint, epoch bigint, upload bigint, ordinal integer, bytes bytea, token uuid); Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON FUNCTION pra.put_artifact_chunk(job bigint, epoch bigint, upload bigint, ordinal integer, bytes bytea, token uuid) IS 'Stores a chunk of an upload of this attempt; sent again, it replaces the earlier one.
ordinal: from 0. bytes: 1048576, of the last chunk the rest.
Raises PR001 when the attempt has lost its lease, PR002 when it has no such upload, PR004 when the upload
is committed, PR005 for a chunk of another size.';


--
-- Name: rate_checkpoints(bigint, text); Type: FUNCTION; Schema: pra; Owner: pra_owner
--

CREATE FUNCTION pra.rate_checkpoints(run bigint, metric text DEFAULT NULL::text) RETURNS TABLE(id bigint, job_id bigint, epoch bigint, step bigint, registered_at timestamp with time zone, bytes bigint, series text, value double precision, rank bigint, age bigint, suspect boolean)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  select c.id, c.job_id, c.epoch, c.step, c.registered_at, (
      select coalesce(sum(a.size), 0)::bigint
      from pra_store.checkpoint_files as f join pra_store.artifacts as a on a.sha256 = f.sha256
      where f.checkpoint_id = c.id),
    m.name, r.value, r.rank, r.age, r.suspect
  from pra_store.jobs as j
  cross join lateral (
    select coalesce(
      rate_checkpoints.metric, j.arguments #>> '{config,training,keep,metric}', 'loss') as name) as m
  cross join lateral pra_store.rated_checkpoints(null, j.id, m.name) as r
  join pra_store.checkpoints as c on c.id = r.id
  where j.run_id = rate_checkpoints.run and j.kind = 'train'
  order by c.job_id, c.epoch, c.step
$$;


ALTER FUNCTION pra.rate_checkpoints(run bigint, metric text) OWNER TO pra_owner;

--
-- Name: FUNCTION rate_checkpoints(run bigint, metric text); Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON FUNCTION pra.rate_checkpoints(run bigint, metric text) IS 'Checkpoints of the train jobs of a run, with their bytes, and their value by a metric: its mean since the checkpoint
before. rank 1 is the best of its job, age 1 the newest; a value is null where the series was abandoned or has no point.
metric: by default the one of training.keep.metric.';


--
-- Name: read_log(bigint, bigint, integer); Type: FUNCTION; Schema: pra; Owner: pra_owner
--

CREATE FUNCTION pra.read_log(job bigint, epoch bigint DEFAULT NULL::bigint, after integer DEFAULT '-1'::integer) RETURNS TABLE(epoch bigint, ordinal integer, at timestamp with time zone, bytes bytea)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  select c.epoch, c.ordinal, c.at, c.bytes
  from pra_store.log_chunks as c
  where c.job_id = read_log.job
    and c.epoch = coalesce(
      read_log.epoch, (select j.epoch from pra_store.jobs as j where j.id = read_log.job))
    and c.ordinal > read_log.after
  order by c.ordinal;
$$;


ALTER FUNCTION pra.read_log(job bigint, epoch bigint, after integer) OWNER TO pra_owner;

--
-- Name: FUNCTION read_log(job bigint, epoch bigint, after integer); Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON FUNCTION pra.read_log(job bigint, epoch bigint, after integer) IS 'Returns the log of an attempt in chunks, in order. epoch: the latest attempt by default. after: only
chunks with a higher ordinal; -1, the default, for all. No rows when there is no such job, attempt or
output.';


--
-- Name: read_log_part(bigint, bigint, integer, integer); Type: FUNCTION; Schema: pra; Owner: pra_owner
--

CREATE FUNCTION pra.read_log_part(job bigint, epoch bigint DEFAULT NULL::bigint, before integer DEFAULT NULL::integer, most integer DEFAULT 262144) RETURNS TABLE(ordinal integer, bytes bytea)
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
#variable_conflict use_column
declare
  attempt bigint := coalesce(
    read_log_part.epoch, (select j.epoch from pra_store.jobs as j where j.id = read_log_part.job));
  chunk record;
  -- The bytes so far; the length of a chunk is known without reading it.
  sum bigint := 0;
  first integer;
begin
  for chunk in
    select c.ordinal, octet_length(c.bytes) as length
    from pra_store.log_chunks as c
    where c.job_id = read_log_part.job and c.epoch = attempt and (before is null or c.ordinal < before)
    order by c.ordinal desc
  loop
    exit when first is not null and sum + chunk.length > most;
    sum := sum + chunk.length;
    first := chunk.ordinal;
  end loop;
  return query
    select c.ordinal, c.bytes from pra_store.log_chunks as c
    where c.job_id = read_log_part.job and c.epoch = attempt and c.ordinal >= first
      and (before is null or c.ordinal < before)
    order by c.ordinal;
end
$$;


ALTER FUNCTION pra.read_log_part(job bigint, epoch bigint, before integer, most integer) OWNER TO pra_owner;

--
-- Name: FUNCTION read_log_part(job bigint, epoch bigint, before integer, most integer); Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON FUNCTION pra.read_log_part(job bigint, epoch bigint, before integer, most integer) IS 'Returns the end of the log of an attempt in chunks, in order: so many as have at most `most` bytes, and at least one.
epoch: the latest attempt by default. before: the part before that chunk. As fast for a log of 1 GB as for one of 1 kB.
No rows when there is no such job, attempt or output.';


--
-- Name: reap(); Type: FUNCTION; Schema: pra; Owner: pra_owner
--

CREATE FUNCTION pra.reap() RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET enable_mergejoin TO 'off'
    SET enable_hashjoin TO 'off'
    SET jit TO 'off'
    AS $$
declare
  taken integer := pra_store.reap_workers();
begin
  perform pra_store.reap_late_attempts();
  perform pra_store.reap_deadlines();
  perform pra_store.reap_arrays();
  perform pra_store.sweep_staged();
  perform pra_store.run_schedules();
  perform pra_store.forget_turns();
  perform pra_store.fold_counts();
  return taken;
end
$$;


ALTER FUNCTION pra.reap() OWNER TO pra_owner;

--
-- Name: FUNCTION reap(); Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON FUNCTION pra.reap() IS 'Puts the jobs of workers whose lease is over back in line, ends what has missed a deadline, settles arrays, enqueues what schedules ask for. Returns how many attempts were lost. Anybody may call it, as often as they like: every agent does at each beat, so a dead worker''s jobs wait for lease + beat at most.';


--
-- Name: record_export(text, bigint, bigint); Type: FUNCTION; Schema: pra; Owner: pra_owner
--

CREATE FUNCTION pra.record_export(sha256 text, job bigint, step bigint) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
#variable_conflict use_column
begin
  insert into pra_store.exports (sha256, job_id, step)
  values (pra_store.digest(record_export.sha256), record_export.job, record_export.step)
  on conflict do nothing;
exception when foreign_key_violation then
  raise exception 'job: there is no job %', job using errcode = 'PR002';
end
$$;


ALTER FUNCTION pra.record_export(sha256 text, job bigint, step bigint) OWNER TO pra_owner;

--
-- Name: FUNCTION record_export(sha256 text, job bigint, step bigint); Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON FUNCTION pra.record_export(sha256 text, job bigint, step bigint) IS 'Records the SHA-256 of a file into which a checkpoint was exported, so that it leads to its run (pra.exports). Recorded
again, the first record stays.
Raises PR003 for a bad sha256, PR002 when there is no such job.';


--
-- Name: register_checkpoint(bigint, bigint, bigint, jsonb, uuid, jsonb); Type: FUNCTION; Schema: pra; Owner: pra_owner
--

CREATE FUNCTION pra.register_checkpoint(job bigint, epoch bigint, step bigint, files jsonb, token uuid DEFAULT NULL::uuid, keep jsonb DEFAULT NULL::jsonb) RETURNS TABLE(checkpoint bigint, dropped bigint)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
#variable_conflict use_column
declare
  held pra_store.jobs := pra_store.hold(job, epoch, false, token);
  made bigint;
  since bigint;
begin
  if jsonb_typeof(files) is distinct from 'array' or jsonb_array_length(files) = 0 then
    raise exception 'files: a checkpoint has at least one' using errcode = 'PR003';
  end if;
  insert into pra_store.checkpoints (job_id, epoch, step, since)
  values (
    register_checkpoint.job, register_checkpoint.epoch, register_checkpoint.step,
    coalesce(
      (select max(b.step) from pra_store.checkpoints as b
       where b.job_id = job and b.epoch = register_checkpoint.epoch and b.step < register_checkpoint.step),
      (select a.from_step from pra_store.attempts as a
       where a.job_id = job and a.epoch = register_checkpoint.epoch and a.from_step <= register_checkpoint.step),
      0))
  on conflict do nothing
  returning id, checkpoints.since into made, since;
  if made is null then
    select c.id into made from pra_store.checkpoints as c
    where c.job_id = job and c.epoch = register_checkpoint.epoch
      and c.step = register_checkpoint.step;
    if exists (
      (select f.name::text, encode(f.sha256, 'hex')
       from pra_store.checkpoint_files as f where f.checkpoint_id = made)
      except
      (select f ->> 'name', f ->> 'sha256' from jsonb_array_elements(files) as f)
    ) then
      raise exception 'step: attempt % of job % has registered another checkpoint at step %',
        epoch, job, step using errcode = 'PR004';
    end if;
    return query select made, pra_store.dropped_objects(job);
    return;
  end if;
  insert into pra_store.checkpoint_files (checkpoint_id, name, sha256)
  select made, f ->> 'name', pra_store.stored_artifact(f ->> 'sha256', 'files: ' || (f ->> 'name'))
  from jsonb_array_elements(files) as f;
  -- They are referred to from now on.
  delete from pra_store.pending_artifacts as p
  using pra_store.checkpoint_files as f
  where f.checkpoint_id = made and p.job_id = job and p.epoch = register_checkpoint.epoch and p.sha256 = f.sha256;
  perform pra_store.record_event(
    'checkpoint.registered', held.run_id, job, epoch, held.worker_id,
    jsonb_build_object('step', step));
  perform pra_store.draw_preview(held, register_checkpoint.step, since);
  if keep is not null then
    perform pra_store.apply_rule(job, keep);
  end if;
  return query select made, pra_store.dropped_objects(job);
end
$$;


ALTER FUNCTION pra.register_checkpoint(job bigint, epoch bigint, step bigint, files jsonb, token uuid, keep jsonb) OWNER TO pra_owner;

--
-- Name: FUNCTION register_checkpoint(job bigint, epoch bigint, step bigint, files jsonb, token uuid, keep jsonb); Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON FUNCTION pra.register_checkpoint(job bigint, epoch bigint, step bigint, files jsonb, token uuid, keep jsonb) IS 'Registers a checkpoint of an attempt, whose files are stored already; checkpoint: its number. Registered
again by the same attempt with the same files, it counts once.
step: steps made, 0 or more. files: [{"name": ..., "sha256": ...}], at least one. keep: the rule by which earlier
checkpoints of the job stay, {"last": 1 or more, "best": 0 or more, "metric": name, "every": steps or null}, as
pra.retain_checkpoints reads them; null for all. While best is above 0 and the job has no point of the metric, all stay. Bytes to which nothing refers any more are deleted at once as far as
they lie in the database. dropped: number of objects in other stores that the attempt is to delete (pra.next_dropped).
Raises PR003 for a bad rule, PR001 when the attempt has lost its lease, PR003 for no files, PR002 when one of them is not
stored, PR004 when the attempt has registered other files at this step.';


--
-- Name: register_worker(text, jsonb, text[], text[], integer, interval, text, interval); Type: FUNCTION; Schema: pra; Owner: pra_owner
--

CREATE FUNCTION pra.register_worker(name text, labels jsonb, queues text[], kinds text[], slots integer DEFAULT 1, lease interval DEFAULT '00:00:30'::interval, version text DEFAULT NULL::text, stays interval DEFAULT NULL::interval) RETURNS TABLE(worker bigint, token uuid)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
#variable_conflict use_column
declare
  bad text;
begin
  if coalesce(cardinality(queues), 0) = 0 then
    raise exception 'queues: a worker serves at least one' using errcode = 'PR003';
  end if;
  if coalesce(cardinality(kinds), 0) = 0 then
    raise exception 'kinds: a worker runs at least one' using errcode = 'PR003';
  end if;
  select kind into bad from unnest(kinds) as kind
  where kind is null or kind !~ '^[a-z][a-z0-9-]{0,62}$' limit 1;
  if found then
    raise exception 'kinds: "%" is not a name of lower-case letters, digits and -', bad using errcode = 'PR003';
  end if;
  if slots is null or slots not between 1 and 10000 then
    raise exception 'slots: %, must be from 1 to 10000', slots using errcode = 'PR003';
  end if;
  perform pra_store.check_labels(labels);
  if name is null or length(name) not between 1 and 200 then
    raise exception 'name: a worker has a name of 1 to 200 characters' using errcode = 'PR003';
  end if;
  if lease is null or lease not between interval '1 second' and interval '10 minutes' then
    raise exception 'lease: %, must be from 1 second to 10 minutes', lease using errcode = 'PR003',
      hint = 'A host that is gone keeps its jobs for a lease.';
  end if;
  if stays <= interval '0' then
    raise exception 'stays: %, must be above 0', stays using errcode = 'PR003';
  end if;
  insert into pra_store.workers as w (
    name, labels, queues, kinds, slots, lease, version, lease_expires_at, leaves_at, token)
  values (register_worker.name, register_worker.labels, register_worker.queues,
          register_worker.kinds, register_worker.slots, register_worker.lease,
          register_worker.version, clock_timestamp() + register_worker.lease,
          clock_timestamp() + register_worker.stays, gen_random_uuid())
  returning w.id, w.token into worker, token;
  perform pra_store.record_event('worker.registered', null, null, null, register_worker.worker);
  return next;
end
$_$;


ALTER FUNCTION pra.register_worker(name text, labels jsonb, queues text[], kinds text[], slots integer, lease interval, version text, stays interval) OWNER TO pra_owner;

--
-- Name: FUNCTION register_worker(name text, labels jsonb, queues text[], kinds text[], slots integer, lease interval, version text, stays interval); Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON FUNCTION pra.register_worker(name text, labels jsonb, queues text[], kinds text[], slots integer, lease interval, version text, stays interval) IS 'Registers an agent process as a worker; returns its number and the token that its further calls must carry. labels: a JSON object of texts, which requirements are compared with. queues and kinds: those that it serves, one at least. slots: jobs that it runs at once, 1 to 10000. lease: how long it may stay silent, a second to ten minutes. stays: time after which it drains, so that it gets no job whose time limit is longer; null if it stays. Errors: PR003 for an argument that cannot be.';


--
-- Name: release(bigint, bigint, text, uuid); Type: FUNCTION; Schema: pra; Owner: pra_owner
--

CREATE FUNCTION pra.release(job bigint, epoch bigint, message text DEFAULT NULL::text, token uuid DEFAULT NULL::uuid) RETURNS pra.job_state
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
  return pra.report_exit(job, epoch, 'released', message, token => release.token);
end
$$;


ALTER FUNCTION pra.release(job bigint, epoch bigint, message text, token uuid) OWNER TO pra_owner;

--
-- Name: FUNCTION release(job bigint, epoch bigint, message text, token uuid); Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON FUNCTION pra.release(job bigint, epoch bigint, message text, token uuid) IS 'Gives a running job back to the queue and returns its next state. No budget is spent, but that of
preemptions when a preemption was asked for.
Raises PR001 when the attempt has lost its lease.';


--
-- Name: release_unheard(bigint, uuid[], uuid); Type: FUNCTION; Schema: pra; Owner: pra_owner
--

CREATE FUNCTION pra.release_unheard(worker bigint, known uuid[], worker_token uuid DEFAULT NULL::uuid) RETURNS TABLE(job bigint, epoch bigint)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
#variable_conflict use_column
declare
  held pra_store.jobs;
begin
  perform pra_store.live_worker(worker, worker_token, locks => true);
  -- The claim of an earlier session may still wait for the lock that this session holds now.
  update pra_store.workers set claiming_pid = pg_backend_pid() where id = worker;
  for held in
    select * from pra_store.jobs as j
    where j.worker_id = worker and j.state = 'running' and j.token <> all(known)
      -- A member of a gang is fetched with the next claim.
      and not exists (select from pra_store.gang_members as g where g.worker_id = worker and g.job_id = j.id)
    order by j.id for no key update
  loop
    perform pra_store.end_attempt(held, 'released', 'the claim was not heard', null, null);
    job := held.id;
    epoch := held.epoch;
    return next;
  end loop;
end
$$;


ALTER FUNCTION pra.release_unheard(worker bigint, known uuid[], worker_token uuid) OWNER TO pra_owner;

--
-- Name: FUNCTION release_unheard(worker bigint, known uuid[], worker_token uuid); Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON FUNCTION pra.release_unheard(worker bigint, known uuid[], worker_token uuid) IS 'Gives back what a worker claimed and never heard of, since the session of the claim broke: all that runs on it but the attempts of the known tokens. Returns what it gave back. From now on the worker claims in this session alone. Errors: PR001 when the worker''s lease is over, or the token is not the worker''s.';


--
-- Name: remove_limit(text); Type: FUNCTION; Schema: pra; Owner: pra_owner
--

CREATE FUNCTION pra.remove_limit(name text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
#variable_conflict use_column
declare
  holder bigint;
begin
  perform pra_store.require_operator('limit');
  -- As in pra.set_limit.
  lock table pra_store.limit_slots in share row exclusive mode;
  perform from pra_store.limits as l where l.name = remove_limit.name for update;
  if not found then
    raise exception 'there is no limit "%"', name using errcode = 'PR002';
  end if;
  select min(j.id) into holder from pra_store.jobs as j
  where j.state in ('blocked', 'ready', 'running') and remove_limit.name = any(j.limits);
  if holder is not null then
    raise exception 'name: job % has not ended and needs a slot of "%"; cancel it, or give the limit more slots', holder,
      name using errcode = 'PR004';
  end if;
  perform pra_store.drop_limits(array[name]);
  perform pra_store.record_event('limit.removed', null, null, null, null, jsonb_build_object('limit', name));
end
$$;


ALTER FUNCTION pra.remove_limit(name text) OWNER TO pra_owner;

--
-- Name: FUNCTION remove_limit(name text); Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON FUNCTION pra.remove_limit(name text) IS 'Removes a limit that no job needs any more. Errors: PR002 when there is no such limit, PR004 when a job that has not ended needs a slot of it.';


--
-- Name: rename_run(bigint, text); Type: FUNCTION; Schema: pra; Owner: pra_owner
--

CREATE FUNCTION pra.rename_run(run bigint, name text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
  it pra_store.runs := pra_store.live_run(run);
begin
  perform pra_store.require_own_run(run);
  perform pra_store.check_run_name(name);
  update pra_store.runs as r set name = rename_run.name where r.id = run;
  perform pra_store.record_event(
    'run.renamed', run, null, null, null, jsonb_build_object('from', it.name, 'to', name));
end
$$;


ALTER FUNCTION pra.rename_run(run bigint, name text) OWNER TO pra_owner;

--
-- Name: FUNCTION rename_run(run bigint, name text); Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON FUNCTION pra.rename_run(run bigint, name text) IS 'Gives a run another name, under the rules of pra.create_run. The names in a stored configuration and in files that were
exported stay. Raises PR002 when there is no such run, PR003 for a bad name.';


--
-- Name: report_exit(bigint, bigint, pra.attempt_outcome, text, integer, integer, text, uuid); Type: FUNCTION; Schema: pra; Owner: pra_owner
--

CREATE FUNCTION pra.report_exit(job bigint, epoch bigint, class pra.attempt_outcome, message text DEFAULT NULL::text, exit_code integer DEFAULT NULL::integer, exit_signal integer DEFAULT NULL::integer, cause text DEFAULT NULL::text, token uuid DEFAULT NULL::uuid) RETURNS pra.job_state
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
  held pra_store.jobs := pra_store.hold(job, epoch, true, token);
begin
  if class is null or class in ('succeeded', 'preempted') then
    raise exception 'class: "%" is not for a worker to report', class using errcode = 'PR003';
  end if;
  if cause not in ('exit-code', 'signal', 'out-of-memory', 'time-limit', 'lease-lost',
                   'not-started', 'host', 'peer-lost', 'asked') then
    raise exception 'cause: "%" is not one of exit-code, signal, out-of-memory, time-limit, lease-lost, not-started, host, peer-lost, asked',
      cause using errcode = 'PR003';
  end if;
  return pra_store.end_attempt(held, class, left(message, 4000), exit_code, exit_signal, cause);
end
$$;


ALTER FUNCTION pra.report_exit(job bigint, epoch bigint, class pra.attempt_outcome, message text, exit_code integer, exit_signal integer, cause text, token uuid) OWNER TO pra_owner;

--
-- Name: FUNCTION report_exit(job bigint, epoch bigint, class pra.attempt_outcome, message text, exit_code integer, exit_signal integer, cause text, token uuid); Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON FUNCTION pra.report_exit(job bigint, epoch bigint, class pra.attempt_outcome, message text, exit_code integer, exit_signal integer, cause text, token uuid) IS 'Ends an attempt that did not succeed, and returns the next state of its job.
class: fault, permanent, timeout, released, cancelled or lost; the budget of that class decides
whether the job runs again. A job whose cancellation was asked for is cancelled, whatever the class.
message: what went wrong, cut to 4000 characters. cause: exit-code, signal, out-of-memory, time-limit,
lease-lost, not-started, host, peer-lost (another member of its gang was) or asked; by default derived from class, exit_code and exit_signal.
A fault of cause host or not-started, where the host lacked something, spends no try, twenty times; then it
fails the job. Another host is preferred for the next attempt.
Raises PR001 when the attempt has lost its lease, PR003 for a class or cause not listed here.';


--
-- Name: resume_queue(text); Type: FUNCTION; Schema: pra; Owner: pra_owner
--

CREATE FUNCTION pra.resume_queue(queue text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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


ALTER FUNCTION pra.resume_queue(queue text) OWNER TO pra_owner;

--
-- Name: FUNCTION resume_queue(queue text); Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON FUNCTION pra.resume_queue(queue text) IS 'Lets the jobs of a paused queue be claimed again; no effect on a queue that is not paused.
Raises PR002 when there is no such queue.';


--
-- Name: resume_run(bigint); Type: FUNCTION; Schema: pra; Owner: pra_owner
--

CREATE FUNCTION pra.resume_run(run bigint) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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


ALTER FUNCTION pra.resume_run(run bigint) OWNER TO pra_owner;

--
-- Name: FUNCTION resume_run(run bigint); Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON FUNCTION pra.resume_run(run bigint) IS 'Lets the jobs of a paused run be claimed again; no effect on a run that is not paused.
Raises PR002 when there is no such run.';


--
-- Name: retain_checkpoints(bigint, integer, integer, text, bigint, boolean); Type: FUNCTION; Schema: pra; Owner: pra_owner
--

CREATE FUNCTION pra.retain_checkpoints(run bigint, keep_last integer DEFAULT 1, keep_best integer DEFAULT 0, metric text DEFAULT 'loss'::text, keep_every bigint DEFAULT NULL::bigint, dry boolean DEFAULT false) RETURNS TABLE(job_id bigint, epoch bigint, step bigint, kept boolean, reason text)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
#variable_conflict use_column
declare
  unrated bigint[];
begin
  if keep_last is null or keep_last < 0 then
    raise exception 'keep_last: %, must be 0 or more', keep_last using errcode = 'PR003';
  end if;
  if keep_best < 0 or keep_every < 1 then
    raise exception 'keep_best and keep_every: % and %, must be 0 or more and 1 or more',
      keep_best, keep_every using errcode = 'PR003';
  end if;
  if keep_best > 0 then
    unrated := array(
      select j.id from pra_store.jobs as j
      where (run is null or j.run_id = run) and exists (select from pra_store.checkpoints as c where c.job_id = j.id)
        and exists (select from pra_store.metric_summaries as s where s.job_id = j.id)
        and not pra_store.has_series(j.id, metric));
    if run is not null and unrated <> '{}' and not exists (
      select from pra_store.checkpoints as c join pra_store.jobs as j on j.id = c.job_id
      where j.run_id = run and pra_store.has_series(j.id, metric)) then
      raise exception 'run % has no points of the series "%", by which its best checkpoints would be chosen; it has %', run,
        metric, coalesce((
          select string_agg(distinct n.name, ', ' order by n.name)
          from pra_store.metric_summaries as s join pra_store.metric_names as n on n.id = s.name_id
          where s.job_id = any(unrated) and pra_store.has_series(s.job_id, n.name)), 'none')
        using errcode = 'PR003';
    end if;
  end if;
  create temp table if not exists verdicts (
    id bigint, job_id bigint, epoch bigint, step bigint, reason text) on commit drop;
  delete from pg_temp.verdicts;
  insert into pg_temp.verdicts (id, job_id, epoch, step, reason)
  select r.id, r.job_id, r.epoch, r.step,
    case
      when r.suspect then 'suspect'
      when r.age <= keep_last or r.age = 1 and pra_store.may_be_read(r.job_id) then 'last'
      when r.job_id = any(unrated) then 'not rated'
      when r.rank <= keep_best and r.value is not null then 'best'
      when keep_every is not null and r.step / keep_every > r.since / keep_every then 'every'
      when pra_store.is_asked_for(r.job_id, r.step) then 'asked for'
    end
  from pra_store.rated_checkpoints(run, null, metric) as r;
  if not dry then
    delete from pra_store.checkpoint_files as f using pg_temp.verdicts as v
    where f.checkpoint_id = v.id and v.reason is null;
    delete from pra_store.checkpoints as c using pg_temp.verdicts as v
    where c.id = v.id and v.reason is null;
  end if;
  return query
    select v.job_id, v.epoch, v.step, v.reason is not null, v.reason
    from pg_temp.verdicts as v order by v.job_id, v.epoch, v.step;
end
$$;


ALTER FUNCTION pra.retain_checkpoints(run bigint, keep_last integer, keep_best integer, metric text, keep_every bigint, dry boolean) OWNER TO pra_owner;

--
-- Name: FUNCTION retain_checkpoints(run bigint, keep_last integer, keep_best integer, metric text, keep_every bigint, dry boolean); Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON FUNCTION pra.retain_checkpoints(run bigint, keep_last integer, keep_best integer, metric text, keep_every bigint, dry boolean) IS 'Deletes checkpoints of a run, of all runs for null, and returns a row for each with the reason to keep
it: last, best, every, asked for, suspect or not rated. dry: only returns the rows. The bytes go with pra.collect_garbage.
Of each job these stay: the keep_last newest, the keep_best
best by the mean of the metric since the checkpoint before, and the first one at or after each multiple of
keep_every steps, and those that an unfinished job of the run names. The newest stays in any case while its run, or a job that waits for it, has not ended.
Those that a reader found damaged stay, and count for none of these. A checkpoint of a series that was
abandoned is never among the best. With keep_best, every checkpoint stays of a job that has series, but no point of
the metric: which of them is the best is not known (not rated). Granted to no role but pra_owner.
Raises PR003 for a number out of range, and with keep_best for a run none of whose jobs has a point of the metric.';


--
-- Name: retry(bigint); Type: FUNCTION; Schema: pra; Owner: pra_owner
--

CREATE FUNCTION pra.retry(job bigint) RETURNS pra.job_state
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
  perform pra_store.require_own_jobs(array[retry.job]);
  return pra_store.retry_job(job);
end
$$;


ALTER FUNCTION pra.retry(job bigint) OWNER TO pra_owner;

--
-- Name: FUNCTION retry(job bigint); Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON FUNCTION pra.retry(job bigint) IS 'Puts a failed, cancelled or quarantined job back in line with fresh budgets, or ends the delay of a
waiting one; of an array the elements run again that did not succeed. Jobs that wait for it were
blocked all the time and are released when it succeeds.
A job whose worker is lost is taken back first.
Returns its new state: ready, blocked (parents have not succeeded) or running (an array).
Raises PR002 when there is no such job, PR004 when it is running, succeeded or blocked, when its deadline is over,
when elements of a cancelled array have not stopped yet, or for a member of a gang, which is retried as a whole.';


--
-- Name: retry_many(bigint[]); Type: FUNCTION; Schema: pra; Owner: pra_owner
--

CREATE FUNCTION pra.retry_many(jobs bigint[]) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
  perform pra_store.require_own_jobs(array(
    select j.id from pra_store.jobs as j
    where j.id = any(retry_many.jobs) and j.state in ('failed', 'cancelled', 'quarantined')));
  return pra_store.retry_jobs(jobs);
end
$$;


ALTER FUNCTION pra.retry_many(jobs bigint[]) OWNER TO pra_owner;

--
-- Name: FUNCTION retry_many(jobs bigint[]); Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON FUNCTION pra.retry_many(jobs bigint[]) IS 'Retries many jobs as pra.retry does; those that are not failed, cancelled or quarantined, or that it refuses, are passed
over.
Returns the number of jobs that were put back in line.';


--
-- Name: run_figure(bigint, text); Type: FUNCTION; Schema: pra; Owner: pra_owner
--

CREATE FUNCTION pra.run_figure(run bigint, name text) RETURNS double precision
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
#variable_conflict use_column
declare
  figure double precision;
begin
  select e.value into figure
  from pra_store.jobs as j join pra_store.evaluations as e on e.job_id = j.id
  where j.run_id = run_figure.run and e.metric = run_figure.name and e.scope = 'overall'
  order by j.id desc limit 1;
  if not found then
    select w.value into figure
    from (
      select s.job_id
      from pra_store.jobs as j
      join pra_store.metric_summaries as s on s.job_id = j.id
      join pra_store.metric_names as k on k.id = s.name_id
      where j.run_id = run_figure.run and k.name = run_figure.name
      order by j.id desc limit 1
    ) as newest
    cross join lateral pra.metric_end(newest.job_id, run_figure.name) as w;
  end if;
  return figure;
end
$$;


ALTER FUNCTION pra.run_figure(run bigint, name text) OWNER TO pra_owner;

--
-- Name: FUNCTION run_figure(run bigint, name text); Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON FUNCTION pra.run_figure(run bigint, name text) IS 'Returns the figure of a run by its name: an evaluation of all its images (frechet.random-conv-32-v1), else a series at its
end (loss, see pra.metric_end); of several the newest. Null where it has none.';


--
-- Name: run_figures(text); Type: FUNCTION; Schema: pra; Owner: pra_owner
--

CREATE FUNCTION pra.run_figures(name text) RETURNS TABLE(run bigint, value double precision)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  (
    select distinct on (j.run_id) j.run_id, e.value
    from pra_store.evaluations as e join pra_store.jobs as j on j.id = e.job_id
    where e.metric = run_figures.name and e.scope = 'overall'
    order by j.run_id, e.job_id desc
  )
  union all
  (
    select n.run_id,
      coalesce(n.end_value, (select w.value from pra_store.end_of_series(n.job_id, n.name_id) as w))
    from (
      select distinct on (j.run_id) j.run_id, s.job_id, s.name_id, s.end_value
      from pra_store.metric_names as k
      join pra_store.metric_summaries as s on s.name_id = k.id
      join pra_store.jobs as j on j.id = s.job_id
      where k.name = run_figures.name
      order by j.run_id, s.job_id desc
    ) as n
  );
$$;


ALTER FUNCTION pra.run_figures(name text) OWNER TO pra_owner;

--
-- Name: FUNCTION run_figures(name text); Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON FUNCTION pra.run_figures(name text) IS 'Returns the figure of that name of every run that has it: an evaluation of all its images, or a series at its end, of several
the newest; null where a series has no finite value.';


--
-- Name: satisfies(jsonb, jsonb); Type: FUNCTION; Schema: pra; Owner: pra_owner
--

CREATE FUNCTION pra.satisfies(labels jsonb, requirements jsonb) RETURNS boolean
    LANGUAGE plpgsql IMMUTABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$ begin return pra_store.satisfies(labels, requirements); end $$;


ALTER FUNCTION pra.satisfies(labels jsonb, requirements jsonb) OWNER TO pra_owner;

--
-- Name: FUNCTION satisfies(labels jsonb, requirements jsonb); Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON FUNCTION pra.satisfies(labels jsonb, requirements jsonb) IS 'Whether a worker with these labels, a JSON object of texts, would meet the requirements of jobs as pra.demand and pra.jobs
show them.';


--
-- Name: schedule(text, text, bigint, text, jsonb, text, text, text, integer, text); Type: FUNCTION; Schema: pra; Owner: pra_owner
--

CREATE FUNCTION pra.schedule(name text, cron text, run bigint, kind text, arguments jsonb, time_zone text DEFAULT 'UTC'::text, catch_up text DEFAULT 'last'::text, queue text DEFAULT 'default'::text, priority integer DEFAULT 0, overlap text DEFAULT NULL::text) RETURNS timestamp with time zone
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
#variable_conflict use_column
declare
  first_at timestamptz;
begin
  if name is null or name !~ '^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$' then
    raise exception 'name: "%" is not a name of letters, digits, _, . and -', name
      using errcode = 'PR003';
  end if;
  if cron is null or length(cron) > 200 then
    raise exception 'cron: has more than 200 characters, or is missing' using errcode = 'PR003';
  end if;
  if not exists (select from pg_timezone_names as z where z.name = schedule.time_zone) then
    raise exception 'time_zone: there is no "%"', time_zone using errcode = 'PR003',
      hint = 'Names are such as Europe/Berlin or UTC.';
  end if;
  if catch_up is null or catch_up not in ('all', 'last', 'none') then
    raise exception 'catch_up: "%" is not all, last or none', catch_up using errcode = 'PR003';
  end if;
  if overlap is not null and overlap not in ('skip', 'queue') then
    raise exception 'overlap: "%" is not skip or queue', overlap using errcode = 'PR003';
  end if;
  if kind is null or kind !~ '^[a-z][a-z0-9-]{0,62}$' then
    raise exception 'kind: "%" is not a name of lower-case letters, digits and -', kind using errcode = 'PR003';
  end if;
  if jsonb_typeof(arguments) is distinct from 'object' then
    raise exception 'arguments: must be a JSON object' using errcode = 'PR003';
  end if;
  if queue is null or queue !~ '^[a-z0-9][a-z0-9_.-]{0,62}$' then
    raise exception 'queue: "%" is not a name of lower-case letters, digits, _, . and -', queue
      using errcode = 'PR003';
  end if;
  perform pra_store.check_arguments(kind, arguments);
  perform pra_store.check_budgets(priority, null, null, 0, 0, 0, null);
  perform pra_store.check_run(run);
  perform pra_store.require_own_schedule(name);
  first_at := pra_store.cron_next(cron, time_zone, clock_timestamp());
  insert into pra_store.schedules (
    name, cron, time_zone, run_id, kind, arguments, queue, priority, catch_up, overlap, next_at)
  values (schedule.name, schedule.cron, schedule.time_zone, schedule.run, schedule.kind,
          schedule.arguments, schedule.queue, schedule.priority, schedule.catch_up,
          coalesce(schedule.overlap, case schedule.catch_up when 'all' then 'queue' else 'skip' end),
          first_at)
  on conflict (name) do update
  set cron = excluded.cron, time_zone = excluded.time_zone, run_id = excluded.run_id,
      kind = excluded.kind, arguments = excluded.arguments, queue = excluded.queue,
      priority = excluded.priority, catch_up = excluded.catch_up, overlap = excluded.overlap,
      next_at = excluded.next_at, paused_at = null, last_error = null, last_error_at = null,
      created_by = pra_store.actor();
  perform pra_store.record_event('schedule.set', run, null, null, null,
    jsonb_build_object('schedule', name, 'cron', cron, 'next', first_at));
  return first_at;
end
$_$;


ALTER FUNCTION pra.schedule(name text, cron text, run bigint, kind text, arguments jsonb, time_zone text, catch_up text, queue text, priority integer, overlap text) OWNER TO pra_owner;

--
-- Name: FUNCTION schedule(name text, cron text, run bigint, kind text, arguments jsonb, time_zone text, catch_up text, queue text, priority integer, overlap text); Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON FUNCTION pra.schedule(name text, cron text, run bigint, kind text, arguments jsonb, time_zone text, catch_up text, queue text, priority integer, overlap text) IS 'Creates a schedule, or replaces the one of that name, which goes on if it was paused; returns when it
fires first.
cron: minute, hour, day, month, weekday as in crontab(5), at most 200 characters, or @hourly, @daily,
@midnight, @weekly, @monthly, @yearly, @annually. time_zone: whose calendar, such as Europe/Berlin; a time
that the clocks leave out fires at the first moment after it, and one that comes twice fires once, unless
minute or hour is * or has a step: such lines go by elapsed time. catch_up: which of the times missed while
no agent ran are made up for: all, last or none. overlap: what a time does while the job of the time before
has not ended: skip (the default), or queue (the default where catch_up is all). Each firing enqueues a job
of that kind in the run.
Raises PR003 for a bad name, cron, time zone, catch_up, overlap, kind or arguments, PR002 when there is no
such run, or it is deleted.';


--
-- Name: secret_use(bigint); Type: FUNCTION; Schema: pra; Owner: pra_owner
--

CREATE FUNCTION pra.secret_use(job bigint) RETURNS TABLE(login text, kind text, misplaced text)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  select coalesce(whole.created_by, j.created_by), j.kind,
    pra_store.misplaced_secret(j.arguments, coalesce(k.arguments, '{}'), 'arguments')
  from pra_store.jobs as j
  left join pra_store.jobs as whole on whole.id = j.array_id
  left join pra_store.kinds as k on k.kind = j.kind
  where j.id = secret_use.job;
$$;


ALTER FUNCTION pra.secret_use(job bigint) OWNER TO pra_owner;

--
-- Name: FUNCTION secret_use(job bigint); Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON FUNCTION pra.secret_use(job bigint) IS 'Says what a stage has to know before it puts secrets in the place of references: the login that enqueued
the job (of a part of an array, the array), its kind, and the first field with a reference that the
contract does not mark as a secret; null if there is none. No row when there is no such job.';


--
-- Name: set_gang_sizes(bigint, integer[]); Type: FUNCTION; Schema: pra; Owner: pra_owner
--

CREATE FUNCTION pra.set_gang_sizes(job bigint, sizes integer[]) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
#variable_conflict use_column
begin
  if coalesce(cardinality(sizes), 0) = 0 then
    raise exception 'sizes: a gang starts with at least one number of members' using errcode = 'PR003';
  end if;
  update pra_store.jobs as j
  set gang_sizes = array(select distinct n from unnest(sizes) as n order by n)
  where j.id = job and j.gang and j.started_at is null
    and (select bool_and(n between 1 and j.array_end - j.array_first) from unnest(sizes) as n);
  if not found then
    raise exception 'job: % is no gang that waits for its first start and has as many elements', job
      using errcode = 'PR004';
  end if;
end
$$;


ALTER FUNCTION pra.set_gang_sizes(job bigint, sizes integer[]) OWNER TO pra_owner;

--
-- Name: FUNCTION set_gang_sizes(job bigint, sizes integer[]); Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON FUNCTION pra.set_gang_sizes(job bigint, sizes integer[]) IS 'Lets a gang start with fewer members than it has elements: with the greatest of these numbers for which there are places.
One success is that of the gang.
Raises PR003 for no sizes, PR004 for a job that is no gang, has started, or has fewer elements.';


--
-- Name: set_kind(text, jsonb, integer); Type: FUNCTION; Schema: pra; Owner: pra_owner
--

CREATE FUNCTION pra.set_kind(kind text, arguments jsonb, bytes_limit integer DEFAULT 1048576) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
#variable_conflict use_column
begin
  if kind is null or kind !~ '^[a-z][a-z0-9-]{0,62}$' then
    raise exception 'kind: "%" is not a name of lower-case letters, digits and -', kind
      using errcode = 'PR003';
  end if;
  if bytes_limit is null or bytes_limit not between 2 and 1048576 then
    raise exception 'bytes_limit: %, must be from 2 to 1048576', bytes_limit using errcode = 'PR003';
  end if;
  perform pra_store.check_schema(arguments, 'arguments');
  insert into pra_store.kinds as k (kind, arguments, bytes_limit, reads)
  values (set_kind.kind, set_kind.arguments, set_kind.bytes_limit, (
    select coalesce(jsonb_object_agg(p.key, p.value -> 'reads'), '{}')
    from jsonb_each(set_kind.arguments -> 'properties') as p where p.value ? 'reads'))
  on conflict on constraint kinds_pkey do update
  set arguments = excluded.arguments, bytes_limit = excluded.bytes_limit, reads = excluded.reads,
      set_at = clock_timestamp()
  where (k.arguments, k.bytes_limit, k.reads)
    is distinct from (excluded.arguments, excluded.bytes_limit, excluded.reads);
end
$_$;


ALTER FUNCTION pra.set_kind(kind text, arguments jsonb, bytes_limit integer) OWNER TO pra_owner;

--
-- Name: FUNCTION set_kind(kind text, arguments jsonb, bytes_limit integer); Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON FUNCTION pra.set_kind(kind text, arguments jsonb, bytes_limit integer) IS 'Sets the JSON schema that arguments of a kind must fit from now on; jobs that wait are not checked.
arguments: a schema whose rules are all among those that the database checks. bytes_limit: largest
size of the arguments as text, from 2 to 1048576 bytes.
`pra migrate` calls it; granted to no role but pra_owner.
Raises PR003 for a bad kind or limit and for a schema with a rule that is not checked.';


--
-- Name: set_limit(text, integer); Type: FUNCTION; Schema: pra; Owner: pra_owner
--

CREATE FUNCTION pra.set_limit(name text, slots integer) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
declare
  -- The limit of an array, which is its run's (pra.enqueue).
  own bigint := substring(name from '^array-[0-9]{1,18}-([0-9]{1,18})$')::bigint;
begin
  if own is null then
    perform pra_store.require_operator('limit');
  else
    perform pra_store.require_own_run(own);
  end if;
  perform pra_store.put_limit(name, slots);
end
$_$;


ALTER FUNCTION pra.set_limit(name text, slots integer) OWNER TO pra_owner;

--
-- Name: FUNCTION set_limit(name text, slots integer); Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON FUNCTION pra.set_limit(name text, slots integer) IS 'Makes a limit, or changes how many attempts (0 to 100,000) may run under it at once. Lowered below what runs, it takes effect as jobs end; nobody is stopped. Errors: PR003 for a name or a number that cannot be.';


--
-- Name: set_priority(bigint, integer); Type: FUNCTION; Schema: pra; Owner: pra_owner
--

CREATE FUNCTION pra.set_priority(job bigint, priority integer) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
#variable_conflict use_column
declare
  old pra_store.jobs;
begin
  perform pra_store.check_budgets(set_priority.priority, null, null, 0, 0, 0, null);
  perform pra_store.require_own_jobs(array[set_priority.job]);
  select * into old from pra_store.jobs where id = job for no key update;
  if not found then
    raise exception 'there is no job %', job using errcode = 'PR002';
  end if;
  if old.finished_at is not null then
    raise exception 'job % is %, and stands in no line', job, old.state using errcode = 'PR004';
  end if;
  perform from pra_store.jobs where array_id = job and finished_at is null order by id for no key update;
  update pra_store.jobs as j
  set priority = set_priority.priority, place = j.place - 600.0 * (set_priority.priority - j.priority)
  where j.id = job or j.array_id = job and j.finished_at is null;
  perform pra_store.record_event(
    'job.priority_set', old.run_id, job, null, null, jsonb_build_object('priority', set_priority.priority));
  perform pg_notify('pra_ready', '');
end
$$;


ALTER FUNCTION pra.set_priority(job bigint, priority integer) OWNER TO pra_owner;

--
-- Name: FUNCTION set_priority(job bigint, priority integer); Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON FUNCTION pra.set_priority(job bigint, priority integer) IS 'Gives a job that has not ended another priority, and with it another place in line; of an array all elements get it. A
job that runs goes on, and stands in line with it if it comes back.
Raises PR003 for a priority out of range, PR002 when there is no such job, PR004 when it has ended.';


--
-- Name: set_priority_many(bigint[], integer); Type: FUNCTION; Schema: pra; Owner: pra_owner
--

CREATE FUNCTION pra.set_priority_many(jobs bigint[], priority integer) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
#variable_conflict use_column
declare
  moved record;
  touched integer := 0;
begin
  perform pra_store.check_budgets(set_priority_many.priority, null, null, 0, 0, 0, null);
  perform pra_store.require_own_jobs(array(
    select j.id from pra_store.jobs as j where j.id = any(set_priority_many.jobs) and j.finished_at is null));
  perform from pra_store.jobs as j
  where (j.id = any(set_priority_many.jobs) or j.array_id = any(set_priority_many.jobs)) and j.finished_at is null
  order by j.id for no key update;
  for moved in
    update pra_store.jobs as j
    set priority = set_priority_many.priority, place = j.place - 600.0 * (set_priority_many.priority - j.priority)
    where (j.id = any(set_priority_many.jobs) or j.array_id = any(set_priority_many.jobs)) and j.finished_at is null
    returning j.id, j.run_id
  loop
    continue when moved.id <> all(set_priority_many.jobs);
    touched := touched + 1;
    perform pra_store.record_event(
      'job.priority_set', moved.run_id, moved.id, null, null, jsonb_build_object('priority', set_priority_many.priority));
  end loop;
  perform pg_notify('pra_ready', '');
  return touched;
end
$$;


ALTER FUNCTION pra.set_priority_many(jobs bigint[], priority integer) OWNER TO pra_owner;

--
-- Name: FUNCTION set_priority_many(jobs bigint[], priority integer); Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON FUNCTION pra.set_priority_many(jobs bigint[], priority integer) IS 'Gives many jobs another priority, as pra.set_priority does, arrays with their elements; those that have ended, and numbers
of no job, are passed over. Returns the number of jobs that have it.
Raises PR003 for a priority out of range.';


--
-- Name: set_run_data(bigint, bigint); Type: FUNCTION; Schema: pra; Owner: pra_owner
--

CREATE FUNCTION pra.set_run_data(run bigint, job bigint) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
#variable_conflict use_column
begin
  perform from pra_store.jobs as j where j.id = set_run_data.job and j.kind = 'ingest';
  if not found then
    raise exception 'job: there is no ingest job %', job using errcode = 'PR002';
  end if;
  update pra_store.runs as r set data_job = set_run_data.job where r.id = run;
  if not found then
    raise exception 'run: there is no run %', run using errcode = 'PR002';
  end if;
end
$$;


ALTER FUNCTION pra.set_run_data(run bigint, job bigint) OWNER TO pra_owner;

--
-- Name: FUNCTION set_run_data(run bigint, job bigint); Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON FUNCTION pra.set_run_data(run bigint, job bigint) IS 'Says which ingest job has the images that a run trains on; it may be one of another run.
Raises PR002 when there is no such run, or no such ingest job.';


--
-- Name: set_run_weight(bigint, double precision); Type: FUNCTION; Schema: pra; Owner: pra_owner
--

CREATE FUNCTION pra.set_run_weight(run bigint, weight double precision) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
  perform pra_store.require_own_run(run);
  if weight is null or weight not between 1e-6 and 1e6 then
    raise exception 'weight: %, must be from 0.000001 to 1000000', weight using errcode = 'PR003';
  end if;
  update pra_store.runs as r set weight = set_run_weight.weight where r.id = run;
  if not found then
    raise exception 'there is no run %', run using errcode = 'PR002';
  end if;
  perform pra_store.record_event('run.weighed', run, null, null, null, jsonb_build_object('weight', weight));
end
$$;


ALTER FUNCTION pra.set_run_weight(run bigint, weight double precision) OWNER TO pra_owner;

--
-- Name: FUNCTION set_run_weight(run bigint, weight double precision); Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON FUNCTION pra.set_run_weight(run bigint, weight double precision) IS 'Sets the weight of a run in fair sharing: where runs of a user wait with equal priority, for however long,
one of weight 2 gets twice the places of one of weight 1, the default. weight: 0.000001 to 1000000.
Raises PR003 for another weight, PR002 when there is no such run.';


--
-- Name: set_upkeep(text, text, interval, integer, integer, bigint, text, bigint, interval); Type: FUNCTION; Schema: pra; Owner: pra_owner
--

CREATE FUNCTION pra.set_upkeep(cron text, time_zone text DEFAULT 'UTC'::text, grace interval DEFAULT '1 day'::interval, keep_last integer DEFAULT NULL::integer, keep_best integer DEFAULT 0, keep_every bigint DEFAULT NULL::bigint, metric text DEFAULT 'loss'::text, thin bigint DEFAULT NULL::bigint, thin_after interval DEFAULT '30 days'::interval) RETURNS timestamp with time zone
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
#variable_conflict use_column
declare
  first_at timestamptz;
begin
  if not exists (select from pg_timezone_names as z where z.name = set_upkeep.time_zone) then
    raise exception 'time_zone: "%" is unknown', set_upkeep.time_zone using errcode = 'PR003';
  end if;
  first_at := pra_store.cron_next(set_upkeep.cron, set_upkeep.time_zone, clock_timestamp());
  delete from pra_store.upkeep;
  insert into pra_store.upkeep (
    cron, time_zone, grace, keep_last, keep_best, keep_every, metric, thin, thin_after, next_at)
  values (
    set_upkeep.cron, set_upkeep.time_zone, set_upkeep.grace, set_upkeep.keep_last, set_upkeep.keep_best,
    set_upkeep.keep_every, set_upkeep.metric, set_upkeep.thin, set_upkeep.thin_after, first_at);
  return first_at;
end
$$;


ALTER FUNCTION pra.set_upkeep(cron text, time_zone text, grace interval, keep_last integer, keep_best integer, keep_every bigint, metric text, thin bigint, thin_after interval) OWNER TO pra_owner;

--
-- Name: FUNCTION set_upkeep(cron text, time_zone text, grace interval, keep_last integer, keep_best integer, keep_every bigint, metric text, thin bigint, thin_after interval); Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON FUNCTION pra.set_upkeep(cron text, time_zone text, grace interval, keep_last integer, keep_best integer, keep_every bigint, metric text, thin bigint, thin_after interval) IS 'Lets workers collect garbage at the times of a cron line, in place of the rule before; returns the first. grace: as of
pra.collect_garbage and pra.purge_runs. keep_last, keep_best, keep_every and metric: as of pra.retain_checkpoints, for
all runs; null keep_last drops none. thin and thin_after: as of pra.thin_metrics; null thin deletes no point.
Granted to no role but pra_owner. Raises PR003 for a bad cron line or time zone.';


--
-- Name: set_user_weight(text, double precision); Type: FUNCTION; Schema: pra; Owner: pra_owner
--

CREATE FUNCTION pra.set_user_weight(name text, weight double precision) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
  perform pra_store.require_operator('user');
  if weight is null or weight not between 1e-6 and 1e6 then
    raise exception 'weight: %, must be from 0.000001 to 1000000', weight using errcode = 'PR003';
  end if;
  if name is null or length(name) not between 1 and 200 then
    raise exception 'name: a user has a name of 1 to 200 characters' using errcode = 'PR003';
  end if;
  insert into pra_store.users (name, weight) values (set_user_weight.name, set_user_weight.weight)
  on conflict on constraint users_pkey do update set weight = excluded.weight;
  perform pra_store.record_event(
    'user.weighed', null, null, null, null, jsonb_build_object('user', name, 'weight', weight));
end
$$;


ALTER FUNCTION pra.set_user_weight(name text, weight double precision) OWNER TO pra_owner;

--
-- Name: FUNCTION set_user_weight(name text, weight double precision); Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON FUNCTION pra.set_user_weight(name text, weight double precision) IS 'Sets the weight of a user in fair sharing: where runs of several users wait with equal priority, for
however long, one of weight 2 gets twice the places of one of weight 1, the default.
name: login that creates the runs, not checked. weight: 0.000001 to 1000000.
Raises PR003 for another weight.';


--
-- Name: set_variant(bigint[], text, bigint); Type: FUNCTION; Schema: pra; Owner: pra_owner
--

CREATE FUNCTION pra.set_variant(jobs bigint[], variant text, seed bigint) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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


ALTER FUNCTION pra.set_variant(jobs bigint[], variant text, seed bigint) OWNER TO pra_owner;

--
-- Name: FUNCTION set_variant(jobs bigint[], variant text, seed bigint); Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON FUNCTION pra.set_variant(jobs bigint[], variant text, seed bigint) IS 'Records the variant and the seed of jobs, for runs that compare variants (see pra.variants). A job
that has one already keeps it.
variant: 1 to 200 characters. seed: seed of the training.
Raises PR003 for a missing seed or a bad variant, PR002 when one of the jobs does not exist.';


--
-- Name: shared_data_set(jsonb); Type: FUNCTION; Schema: pra; Owner: pra_owner
--

CREATE FUNCTION pra.shared_data_set(arguments jsonb) RETURNS bigint
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  select j.id
  from pra_store.jobs as j join pra_store.runs as r on r.id = j.run_id
  where j.kind = 'ingest' and j.array_id is null and j.array_first is null
    and j.arguments ->> 'source' = shared_data_set.arguments ->> 'source'
    and j.state in ('blocked', 'ready', 'running', 'succeeded') and j.cancel_requested_at is null
    and not r.removed @> '{data}' and r.deleted_at is null
    and (j.state <> 'succeeded' or exists (select from pra_store.job_outputs as o where o.job_id = j.id)
      -- One that lost bytes is ingested anew: that brings them back.
      and not exists (
        select from pra_store.job_outputs as o
        join pra_store.jobs as p on p.id = o.job_id
        join pra_store.artifacts as a on a.sha256 = o.sha256
        where (p.id = j.id or p.id in (select d.parent_id from pra_store.job_dependencies as d where d.job_id = j.id)
            or p.array_id in (select d.parent_id from pra_store.job_dependencies as d where d.job_id = j.id))
          and p.kind = 'ingest' and a.suspect_at is not null))
    -- Where a source lies, its name, and by how many jobs it is packed make no other data set.
    and jsonb_strip_nulls(j.arguments) - array['parts', 'part', 'packed', 'in_place', 'source_name', 'shard_names', 'checkpoint_every']
      = jsonb_strip_nulls(shared_data_set.arguments) - array['parts', 'part', 'packed', 'in_place', 'source_name', 'shard_names', 'checkpoint_every']
  order by j.state = 'succeeded' desc, j.state = 'running' desc, j.id
  limit 1
$$;


ALTER FUNCTION pra.shared_data_set(arguments jsonb) OWNER TO pra_owner;

--
-- Name: FUNCTION shared_data_set(arguments jsonb); Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON FUNCTION pra.shared_data_set(arguments jsonb) IS 'The ingest job that has packed, or will pack, the same images in the same way: equal bytes of the source, equal split,
size and limits. Null if there is none, or if its result was removed, or some of it is lost or damaged.
arguments: those of an ingest job.';


--
-- Name: size_text(double precision, double precision); Type: FUNCTION; Schema: pra; Owner: pra_owner
--

CREATE FUNCTION pra.size_text(bytes double precision, whole double precision DEFAULT NULL::double precision) RETURNS text
    LANGUAGE plpgsql IMMUTABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
  units constant text[] := array['bytes', 'kB', 'MB', 'GB', 'TB', 'PB'];
  unit integer := 1;
  rest double precision := coalesce(whole, bytes);
begin
  while rest >= 999.5 and unit < cardinality(units) loop
    rest := rest / 1000;
    unit := unit + 1;
  end loop;
  return (
    select string_agg(
      trim_scale(round(n.number::numeric, case when n.number < 9.995 then 2 when n.number < 99.95 then 1 else 0 end))::text,
      ' of ' order by n.nth)
    from (
      select u.value / 1000.0 ^ (unit - 1) as number, u.nth
      from unnest(array[bytes, whole]) with ordinality as u (value, nth)
      where u.value is not null
    ) as n) || ' ' || units[unit];
end
$$;


ALTER FUNCTION pra.size_text(bytes double precision, whole double precision) OWNER TO pra_owner;

--
-- Name: FUNCTION size_text(bytes double precision, whole double precision); Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON FUNCTION pra.size_text(bytes double precision, whole double precision) IS 'Writes a number of bytes with a unit of powers of 1000, such as 252 GB; with whole, such as 31 of 252 GB, in the unit
of the whole.';


--
-- Name: store_folder(bigint); Type: FUNCTION; Schema: pra; Owner: pra_owner
--

CREATE FUNCTION pra.store_folder(size bigint) RETURNS TABLE(location text, database uuid, mark uuid, is_marked boolean)
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  select s.location, pra_store.identity(), s.mark, s.marked_at is not null
  from pra_store.stores as s
  where s.is_current and s.location like 'file:%'
    and not exists (select from pra_store.artifacts as a where a.size = store_folder.size);
$$;


ALTER FUNCTION pra.store_folder(size bigint) OWNER TO pra_owner;

--
-- Name: FUNCTION store_folder(size bigint); Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON FUNCTION pra.store_folder(size bigint) IS 'Returns the current store, with what its mark must hold, when it is a folder and bytes of this size can be
written there at once. No row when that store is no folder, and when an artifact of this size exists: then the
caller computes the SHA-256 first, since the bytes may be stored already.';


--
-- Name: submit_artifact(text, text, bytea); Type: FUNCTION; Schema: pra; Owner: pra_owner
--

CREATE FUNCTION pra.submit_artifact(sha256 text, media_type text, bytes bytea) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$ begin perform pra_store.put_inline(sha256, media_type, bytes); end $$;


ALTER FUNCTION pra.submit_artifact(sha256 text, media_type text, bytes bytea) OWNER TO pra_owner;

--
-- Name: FUNCTION submit_artifact(sha256 text, media_type text, bytes bytea); Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON FUNCTION pra.submit_artifact(sha256 text, media_type text, bytes bytea) IS 'Stores bytes of at most 1 MiB in the database, outside any attempt: pra.put_artifact for submitters.
Raises PR003 for more bytes or a bad sha256, PR005 when the bytes have another sha256.';


--
-- Name: submit_chunk(bigint, integer, bytea); Type: FUNCTION; Schema: pra; Owner: pra_owner
--

CREATE FUNCTION pra.submit_chunk(upload bigint, ordinal integer, bytes bytea) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$ begin perform pra_store.put_chunk(upload, null, null, ordinal, bytes); end $$;


ALTER FUNCTION pra.submit_chunk(upload bigint, ordinal integer, bytes bytea) OWNER TO pra_owner;

--
-- Name: FUNCTION submit_chunk(upload bigint, ordinal integer, bytes bytea); Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON FUNCTION pra.submit_chunk(upload bigint, ordinal integer, bytes bytea) IS 'Stores a chunk of an upload that pra.begin_submission started; sent again, it replaces the earlier one.
ordinal: from 0. bytes: 1048576, of the last chunk the rest.
Raises PR002 when there is no such upload, PR004 when it is committed, PR005 for a chunk of another
size.';


--
-- Name: submit_doubt(text, bigint, integer, integer, text); Type: FUNCTION; Schema: pra; Owner: pra_owner
--

CREATE FUNCTION pra.submit_doubt(sha256 text, upload bigint, store integer, copy integer, reason text) RETURNS void
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$ select pra_store.doubt(pra_store.digest(sha256), upload, store, copy, reason); $$;


ALTER FUNCTION pra.submit_doubt(sha256 text, upload bigint, store integer, copy integer, reason text) OWNER TO pra_owner;

--
-- Name: FUNCTION submit_doubt(sha256 text, upload bigint, store integer, copy integer, reason text); Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON FUNCTION pra.submit_doubt(sha256 text, upload bigint, store integer, copy integer, reason text) IS 'Marks a copy of an artifact as damaged or missing, outside any attempt: pra.doubt_artifact for submitters. The next
reader of an attempt who finds the bytes right takes the mark away. Raises PR003 for a bad sha256.';


--
-- Name: tag_run(bigint, text[], text[]); Type: FUNCTION; Schema: pra; Owner: pra_owner
--

CREATE FUNCTION pra.tag_run(run bigint, add text[] DEFAULT '{}'::text[], remove text[] DEFAULT '{}'::text[]) RETURNS text[]
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
declare
  it pra_store.runs := pra_store.live_run(run);
  wrong text;
  now_has text[];
begin
  perform pra_store.require_own_run(run);
  select t into wrong from unnest(add) as t
  where t is null or t !~ '^[[:alnum:]][[:alnum:]_.:/+-]{0,62}$' limit 1;
  if found then
    raise exception 'tag: "%", must be up to 63 letters, digits, _ . : / + and -, beginning with a letter or digit', wrong
      using errcode = 'PR003';
  end if;
  now_has := array(
    select distinct t from unnest(it.tags || add) as t where t <> all(remove) order by t);
  if cardinality(now_has) > 100 then
    raise exception 'tag: run % would have % tags, at most 100 are kept', run, cardinality(now_has)
      using errcode = 'PR003';
  end if;
  update pra_store.runs as r set tags = now_has where r.id = run;
  return now_has;
end
$_$;


ALTER FUNCTION pra.tag_run(run bigint, add text[], remove text[]) OWNER TO pra_owner;

--
-- Name: FUNCTION tag_run(run bigint, add text[], remove text[]); Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON FUNCTION pra.tag_run(run bigint, add text[], remove text[]) IS 'Adds tags to a run, takes others from it, and returns those that it has. A tag has 1 to 63 letters, digits and _ . : / + -,
the first of them a letter or a digit; a run has at most 100.
Raises PR002 when there is no such run, PR003 for a bad tag or too many.';


--
-- Name: thin_metrics(bigint, bigint, timestamp with time zone, boolean); Type: FUNCTION; Schema: pra; Owner: pra_owner
--

CREATE FUNCTION pra.thin_metrics(run bigint, every bigint, before timestamp with time zone DEFAULT clock_timestamp(), dry boolean DEFAULT false) RETURNS TABLE(job_id bigint, name text, points bigint, kept bigint)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
#variable_conflict use_column
declare
  series record;
begin
  if every is null or every < 2 then
    raise exception 'every: %, must be 2 or more', every using errcode = 'PR003';
  end if;
  for series in
    select s.job_id, s.name_id, n.name, s.last_step
    from pra_store.metric_summaries as s
    join pra_store.metric_names as n on n.id = s.name_id
    join pra_store.jobs as j on j.id = s.job_id
    where (run is null or j.run_id = run)
      -- A job that may still go on makes its rollups anew from points.
      and j.state in ('succeeded', 'failed', 'cancelled', 'quarantined')
    order by s.job_id, n.name
  loop
    if dry then
      select count(*) filter (where m.step % every <> 0 and m.step <> series.last_step) into points
      from pra_store.metrics as m
      where m.job_id = series.job_id and m.name_id = series.name_id and m.recorded_at < before;
    else
      delete from pra_store.metrics as m
      where m.job_id = series.job_id and m.name_id = series.name_id and m.recorded_at < before
        and m.step % every <> 0 and m.step <> series.last_step;
      get diagnostics points = row_count;
    end if;
    select count(*) into kept from pra_store.metrics as m
    where m.job_id = series.job_id and m.name_id = series.name_id;
    if dry then
      kept := kept - points;
    end if;
    job_id := series.job_id;
    name := series.name;
    if points > 0 then
      return next;
    end if;
  end loop;
end
$$;


ALTER FUNCTION pra.thin_metrics(run bigint, every bigint, before timestamp with time zone, dry boolean) OWNER TO pra_owner;

--
-- Name: FUNCTION thin_metrics(run bigint, every bigint, before timestamp with time zone, dry boolean); Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON FUNCTION pra.thin_metrics(run bigint, every bigint, before timestamp with time zone, dry boolean) IS 'Deletes the metric points of a run, of all runs for null, that arrived before a moment, but for every n-th step and the
last one of each series; of finished jobs alone. Rollups and summaries stay, from which plots of long series are drawn. Returns a
row for each series that loses points, with the number that goes and the number that stays. dry: only returns the rows.
Granted to no role but pra_owner. Raises PR003 when every is below 2.';


--
-- Name: undelete_run(bigint); Type: FUNCTION; Schema: pra; Owner: pra_owner
--

CREATE FUNCTION pra.undelete_run(run bigint) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
  found_run pra_store.runs;
begin
  perform pra_store.require_own_run(run);
  select * into found_run from pra_store.runs as r where r.id = undelete_run.run for no key update;
  if not found then
    raise exception 'run: there is no run %; a deleted one is gone for good with `pra gc` after its grace period', run
      using errcode = 'PR002';
  end if;
  if found_run.deleted_at is null then
    raise exception 'run: run % is not deleted', run using errcode = 'PR004';
  end if;
  if found_run.purged_at is not null then
    raise exception 'run: run % is gone since %; only jobs that other runs read are left', run, found_run.purged_at
      using errcode = 'PR004';
  end if;
  update pra_store.runs as r set deleted_at = null, deleted_by = null where r.id = run;
  perform pra_store.record_event('run.undeleted', run, null, null, null);
end
$$;


ALTER FUNCTION pra.undelete_run(run bigint) OWNER TO pra_owner;

--
-- Name: FUNCTION undelete_run(run bigint); Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON FUNCTION pra.undelete_run(run bigint) IS 'Takes the deletion of a whole run back. Raises PR002 when there is no such run, PR004 when it is not deleted, or its rows
are gone.';


--
-- Name: undrain(bigint); Type: FUNCTION; Schema: pra; Owner: pra_owner
--

CREATE FUNCTION pra.undrain(worker bigint) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
#variable_conflict use_column
begin
  perform pra_store.require_operator('worker');
  update pra_store.workers set drain_requested_at = null where id = worker and stopped_at is null;
  if not found then
    raise exception 'there is no live worker %', worker using errcode = 'PR002';
  end if;
  perform pra_store.record_event('worker.undrained', null, null, null, worker);
  perform pg_notify('pra_ready', '');
end
$$;


ALTER FUNCTION pra.undrain(worker bigint) OWNER TO pra_owner;

--
-- Name: FUNCTION undrain(worker bigint); Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON FUNCTION pra.undrain(worker bigint) IS 'Lets a drained worker get jobs again. Errors: PR002 when there is no such live worker.';


--
-- Name: unknown_objects(text, text[]); Type: FUNCTION; Schema: pra; Owner: pra_owner
--

CREATE FUNCTION pra.unknown_objects(location text, names text[]) RETURNS SETOF text
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
  select n
  from unnest(unknown_objects.names) as n
  where not exists (
    select from pra_store.objects as o
    join pra_store.stores as s on s.id = o.store_id
    join pra_store.normal_location(unknown_objects.location) as l on l.place = s.place
    where n ~ '^[0-9a-f]{64}(\.[0-9]{1,9})?$' and o.sha256 = decode(substr(n, 1, 64), 'hex')
      and o.copy = coalesce(nullif(substr(n, 66), ''), '0')::integer);
$_$;


ALTER FUNCTION pra.unknown_objects(location text, names text[]) OWNER TO pra_owner;

--
-- Name: FUNCTION unknown_objects(location text, names text[]); Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON FUNCTION pra.unknown_objects(location text, names text[]) IS 'Returns those of some names of objects in a store that no row of this database has: what was stored after the backup from
which it was restored. Granted to no role but pra_owner.';


--
-- Name: unschedule(text); Type: FUNCTION; Schema: pra; Owner: pra_owner
--

CREATE FUNCTION pra.unschedule(name text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
  perform pra_store.require_own_schedule(name);
  delete from pra_store.schedules as s where s.name = unschedule.name;
  if not found then
    raise exception 'there is no schedule "%"', name using errcode = 'PR002';
  end if;
  perform pra_store.record_event(
    'schedule.removed', null, null, null, null, jsonb_build_object('schedule', name));
end
$$;


ALTER FUNCTION pra.unschedule(name text) OWNER TO pra_owner;

--
-- Name: FUNCTION unschedule(name text); Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON FUNCTION pra.unschedule(name text) IS 'Removes a schedule; jobs that it enqueued stay.
Raises PR002 when there is no such schedule.';


--
-- Name: unset_upkeep(); Type: FUNCTION; Schema: pra; Owner: pra_owner
--

CREATE FUNCTION pra.unset_upkeep() RETURNS boolean
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  with gone as (delete from pra_store.upkeep returning 1) select exists (select from gone);
$$;


ALTER FUNCTION pra.unset_upkeep() OWNER TO pra_owner;

--
-- Name: FUNCTION unset_upkeep(); Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON FUNCTION pra.unset_upkeep() IS 'Ends what pra.set_upkeep began; returns whether there was a rule. Granted to no role but pra_owner.';


--
-- Name: upkeep_object(bigint, integer, text, uuid); Type: FUNCTION; Schema: pra; Owner: pra_owner
--

CREATE FUNCTION pra.upkeep_object(worker bigint, store integer, after text DEFAULT ''::text, worker_token uuid DEFAULT NULL::uuid) RETURNS TABLE(location text, database uuid, mark uuid, is_marked boolean, sha256 text, object text, copy integer, is_doomed boolean, uploads text[])
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
#variable_conflict use_column
begin
  perform pra_store.held_upkeep(worker, worker_token);
  return query
    select s.location, pra_store.identity(), s.mark, s.marked_at is not null, o.sha256, o.object, o.copy, o.is_doomed,
      o.uploads
    from pra.next_doomed(upkeep_object.store, upkeep_object.after) as o
    join pra_store.stores as s on s.id = upkeep_object.store;
end
$$;


ALTER FUNCTION pra.upkeep_object(worker bigint, store integer, after text, worker_token uuid) OWNER TO pra_owner;

--
-- Name: FUNCTION upkeep_object(worker bigint, store integer, after text, worker_token uuid); Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON FUNCTION pra.upkeep_object(worker bigint, store integer, after text, worker_token uuid) IS 'pra.next_doomed for the worker that began with the upkeep, with what the mark of the store must hold.
Raises PR001 when another worker has it, or the lease is over.';


--
-- Name: use_store(text, uuid); Type: FUNCTION; Schema: pra; Owner: pra_owner
--

CREATE FUNCTION pra.use_store(location text, mark uuid DEFAULT NULL::uuid) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
#variable_conflict use_column
declare
  normal record;
begin
  -- The location is not repeated: whatever stands before the @ is a secret.
  if location like 's3://%@%' then
    raise exception 'location: holds a user or a password, which every reader would see; keys belong to the hosts'
      using errcode = 'PR003';
  end if;
  if location <> 'database' and location !~ '^(file:/|s3://[a-z0-9])' then
    raise exception 'location: "%" is neither database nor file:/folder nor s3://bucket/prefix',
      location using errcode = 'PR003';
  end if;
  select * into normal from pra_store.normal_location(use_store.location);
  update pra_store.stores set is_current = false where is_current;
  if location <> 'database' then
    insert into pra_store.stores as s (location, place, mark, marked_at, is_current)
    values (
      normal.location, normal.place, coalesce(use_store.mark, gen_random_uuid()),
      case when use_store.mark is not null then clock_timestamp() end, true)
    on conflict (place) do update set
      is_current = true, location = excluded.location,
      mark = coalesce(use_store.mark, s.mark), marked_at = coalesce(excluded.marked_at, s.marked_at);
  end if;
  perform pra_store.record_event(
    'store.chosen', null, null, null, null, jsonb_build_object('location', normal.location));
end
$$;


ALTER FUNCTION pra.use_store(location text, mark uuid) OWNER TO pra_owner;

--
-- Name: FUNCTION use_store(location text, mark uuid); Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON FUNCTION pra.use_store(location text, mark uuid) IS 'Chooses the store for new artifacts of more than 64 KiB; those that are stored stay where they are.
location: file:/folder, s3://bucket/prefix, or database; recorded in one form for each store.
mark: the id of the store that its mark holds; null when nobody has looked, and then the first writer
makes the mark. Granted to no role but pra_owner.
Raises PR003 for another location.';


--
-- Name: waiting_jobs(); Type: FUNCTION; Schema: pra; Owner: pra_owner
--

CREATE FUNCTION pra.waiting_jobs() RETURNS TABLE(reason text, detail text, jobs bigint, oldest timestamp with time zone, example_job bigint, remedy text, run_id bigint, queue text)
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET jit TO 'off'
    SET work_mem TO '32MB'
    AS $$
#variable_conflict use_column
begin
  return query
    with looked as materialized (
      select g.*, w.reason,
        -- Many blocked jobs have many parents.
        case when g.jobs > 1 and w.reason = 'dependency' then coalesce(
          'parents at work: ' || (select string_agg(p.words, ', ') from pra_store.parents_at_work() as p), w.detail)
          else w.detail end as detail, pra_store.remedy(j, w.reason) as remedy
      from pra_store.waiting_groups() as g
      join pra_store.jobs as j on j.id = g.example
      cross join lateral (
        select
          (select string_agg(f.reason, ', ' order by f.n)
           from (select one.reason, min(one.n) as n from unnest(array_agg(r.reason))
                   with ordinality as one (reason, n) group by one.reason) as f) as reason,
          string_agg(r.detail, '; ' order by r.n) as detail
        from pra_store.reasons(j.id, true) with ordinality as r (reason, detail, n)
      ) as w
    )
    select l.reason, l.detail, sum(l.jobs)::bigint, min(l.oldest), min(l.example), min(l.remedy),
      case when count(distinct l.run_id) = 1 then min(l.run_id) end,
      case when count(distinct l.queue) = 1 then min(l.queue) end
    from looked as l
    group by l.reason, l.detail;
end
$$;


ALTER FUNCTION pra.waiting_jobs() OWNER TO pra_owner;

--
-- Name: FUNCTION waiting_jobs(); Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON FUNCTION pra.waiting_jobs() IS 'Returns the rows of pra.waiting.';


--
-- Name: wanted_places(); Type: FUNCTION; Schema: pra; Owner: pra_owner
--

CREATE FUNCTION pra.wanted_places() RETURNS TABLE(queue text, kind text, requirements jsonb, time_limit interval, places bigint, possible boolean, free bigint, jobs bigint, oldest timestamp with time zone)
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
#variable_conflict use_column
declare
  wanted record;
  -- Slots of limits that are left to groups behind, by name.
  slots jsonb := '{}';
  open bigint;
  found_places jsonb := '[]';
begin
  -- Jobs that no worker could take keep no slot from the others.
  for wanted in
    select g.*, s.free, s.slots >= g.size as are_enough
    from pra_store.groups_in_line() as g
    join pra_store.jobs as j on j.id = g.example
    cross join lateral (
      select coalesce(sum(s.slots), 0) as slots, coalesce(sum(greatest(s.free, 0)), 0) as free
      from pra_store.seats_for(j) as s
    ) as s
    order by are_enough desc, g.oldest, g.example
  loop
    open := wanted.places;
    if wanted.limits <> '{}' then
      slots := (
        select jsonb_object_agg(n, pra_store.free_slots(array[n], 1000000)) from unnest(wanted.limits) as n) || slots;
      open := least(open, (select min((slots -> n)::bigint) from unnest(wanted.limits) as n));
      -- A gang that does not fit whole takes none.
      continue when open < wanted.size or open <= 0;
      slots := slots || (
        select jsonb_object_agg(n, (slots -> n)::bigint - open) from unnest(wanted.limits) as n);
    end if;
    continue when open <= 0;
    found_places := found_places || jsonb_build_object(
      'queue', wanted.queue, 'kind', wanted.kind, 'requirements', wanted.requirements, 'time_limit', wanted.time_limit,
      'places', open, 'possible', wanted.are_enough, 'free', wanted.free, 'jobs', wanted.jobs, 'oldest', wanted.oldest);
  end loop;
  return query
    select f.queue, f.kind, f.requirements, f.time_limit, sum(f.places)::bigint, f.possible, max(f.free),
      sum(f.jobs)::bigint, min(f.oldest)
    from jsonb_to_recordset(found_places) as f (
      queue text, kind text, requirements jsonb, time_limit interval, places bigint, possible boolean, free bigint,
      jobs bigint, oldest timestamptz)
    group by f.queue, f.kind, f.requirements, f.time_limit, f.possible;
end
$$;


ALTER FUNCTION pra.wanted_places() OWNER TO pra_owner;

--
-- Name: FUNCTION wanted_places(); Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON FUNCTION pra.wanted_places() IS 'Returns the rows of pra.demand.';


--
-- Name: why(bigint); Type: FUNCTION; Schema: pra; Owner: pra_owner
--

CREATE FUNCTION pra.why(job bigint) RETURNS text
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$ select w.detail from pra.why_pending(why.job) as w; $$;


ALTER FUNCTION pra.why(job bigint) OWNER TO pra_owner;

--
-- Name: FUNCTION why(job bigint); Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON FUNCTION pra.why(job bigint) IS 'Explains in one sentence why a job does not run: the detail of pra.why_pending.
Raises PR002 when there is no such job.';


--
-- Name: why_pending(bigint); Type: FUNCTION; Schema: pra; Owner: pra_owner
--

CREATE FUNCTION pra.why_pending(job bigint) RETURNS TABLE(reason text, detail text)
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
  return query
    select
      (select string_agg(f.reason, ', ' order by f.n)
       from (select one.reason, min(one.n) as n from unnest(array_agg(w.reason))
               with ordinality as one (reason, n) group by one.reason) as f),
      string_agg(w.detail, '; ' order by w.n)
    from pra_store.reasons(why_pending.job) with ordinality as w (reason, detail, n);
end
$$;


ALTER FUNCTION pra.why_pending(job bigint) OWNER TO pra_owner;

--
-- Name: FUNCTION why_pending(job bigint); Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON FUNCTION pra.why_pending(job bigint) IS 'Explains why a job does not run; always returns one row.
reason has words for programs, each once, separated by commas: dependency, lost (its worker was), delayed,
run-paused, queue-paused, limit, gang, no-worker, no-matching-worker, host-blamed, busy, in-line,
behind-gang, host-lacks (every worker that fits is paused), no-time (every worker that fits leaves before), no-room (its bytes do not fit there), bytes-elsewhere
(another host has them and a free place), elements (an array all of which has started),
not-pending (it runs or has ended).
detail is a sentence for people that names every obstacle.
Raises PR002 when there is no such job.';


--
-- Name: work_is_coming(text[], text[], boolean, bigint); Type: FUNCTION; Schema: pra; Owner: pra_owner
--

CREATE FUNCTION pra.work_is_coming(queues text[], kinds text[], lacking boolean DEFAULT false, worker bigint DEFAULT NULL::bigint) RETURNS boolean
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
  me pra_store.workers;
begin
  select * into me from pra_store.workers as w where w.id = work_is_coming.worker;
  if exists (
    select from pra_store.jobs as j
    where j.state = 'running' and j.array_first is null
      and j.queue = any(work_is_coming.queues) and j.kind = any(work_is_coming.kinds)
      and pra_store.may_ever_run(me, j)
      and not pra_store.is_paused(j)
  ) then
    return true;
  end if;
  return exists (
    -- Jobs that run, or will be due soon, and what waits for them.
    with recursive coming (id) as (
      (
        select j.id from pra_store.jobs as j where j.state = 'running' and j.array_first is null
        union
        select j.id from pra_store.jobs as j
        where j.state = 'ready' and not j.due and j.run_after > clock_timestamp()
          and (j.epoch > 0 or j.run_after <= clock_timestamp() + interval '1 minute')
          and not pra_store.is_paused(j)
        union
        select j.id from pra_store.jobs as j
        where lacking and j.state = 'ready'
          and j.queue = any(work_is_coming.queues) and j.kind = any(work_is_coming.kinds)
          and pra_store.may_ever_run(me, j)
          and not pra_store.is_paused(j)
      )
      union
      select n.id
      from coming as c
      cross join lateral (
        select d.job_id as id from pra_store.job_dependencies as d where d.parent_id = c.id
        union all
        select p.array_id from pra_store.jobs as p where p.id = c.id and p.array_id is not null
      ) as n
    ),
    ours as materialized (
      select j.id from coming as c join pra_store.jobs as j on j.id = c.id
      where j.state in ('blocked', 'ready', 'running')
        and j.queue = any(work_is_coming.queues) and j.kind = any(work_is_coming.kinds)
        and pra_store.may_ever_run(me, j)
        and not pra_store.is_paused(j)
    ),
    -- Jobs that have to succeed first: where one of them has ended without success, nothing comes without a person.
    needed (job, id) as (
      select o.id, o.id from ours as o
      union
      select n.job, d.parent_id
      from needed as n
      join pra_store.job_dependencies as d on d.job_id = n.id
      join pra_store.jobs as p on p.id = d.parent_id and p.state <> 'succeeded'
    )
    select from ours as o
    where not exists (
      select from needed as n join pra_store.jobs as j on j.id = n.id
      where n.job = o.id and j.state in ('failed', 'cancelled', 'quarantined')));
end
$$;


ALTER FUNCTION pra.work_is_coming(queues text[], kinds text[], lacking boolean, worker bigint) OWNER TO pra_owner;

--
-- Name: FUNCTION work_is_coming(queues text[], kinds text[], lacking boolean, worker bigint); Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON FUNCTION pra.work_is_coming(queues text[], kinds text[], lacking boolean, worker bigint) IS 'Whether work for these queues and kinds is under way, or will be there without anybody''s doing: a job of
theirs runs, is due within a minute, is tried again after a pause, or waits for such a job and for none that
has ended without success. lacking: ready jobs count as well, since the caller lacks something and does not
claim. worker: only jobs whose requirements its labels meet, and whose time limit ends before it leaves, count. Jobs that are paused, put off for longer or ready but claimed by nobody do not count.';


--
-- Name: worker_holds(bigint, bigint, bigint, bigint, text[], text[], uuid); Type: FUNCTION; Schema: pra; Owner: pra_owner
--

CREATE FUNCTION pra.worker_holds(worker bigint, room bigint, cache_bytes bigint, cache_quota bigint, artifacts text[], stores text[], worker_token uuid DEFAULT NULL::uuid) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
#variable_conflict use_column
declare
  me pra_store.workers := pra_store.live_worker(worker, worker_token, locks => true);
  digests bytea[] := array(select pra_store.digest(a) from unnest(artifacts) as a);
begin
  update pra_store.workers as w
  set room = worker_holds.room, cache_bytes = worker_holds.cache_bytes, cache_quota = worker_holds.cache_quota,
      store_places = array(select n.place from unnest(stores) as s cross join pra_store.normal_location(s) as n),
      reading_kinds = array(
        select k.kind from pra_store.kinds as k where k.reads <> '{}' and k.kind = any(me.kinds))
  where w.id = me.id;
  delete from pra_store.held_artifacts as h where h.worker_id = me.id and h.sha256 <> all(digests);
  insert into pra_store.held_artifacts (worker_id, sha256)
  select distinct me.id, d from unnest(digests) as d
  on conflict do nothing;
end
$$;


ALTER FUNCTION pra.worker_holds(worker bigint, room bigint, cache_bytes bigint, cache_quota bigint, artifacts text[], stores text[], worker_token uuid) OWNER TO pra_owner;

--
-- Name: FUNCTION worker_holds(worker bigint, room bigint, cache_bytes bigint, cache_quota bigint, artifacts text[], stores text[], worker_token uuid); Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON FUNCTION pra.worker_holds(worker bigint, room bigint, cache_bytes bigint, cache_quota bigint, artifacts text[], stores text[], worker_token uuid) IS 'Says how many bytes a job may have on the host of a worker, and what it need not fetch there: artifacts that the
cache of the host keeps (64 lower-case hexadecimal digits each), and stores in folders of the host itself. Claims go
by it; a worker that never says it gets any job. cache_quota: most bytes of the cache.
Raises PR001 when the lease is over, or the token is not the worker''s; PR003 for a bad sha256.';


--
-- Name: worker_lacks(bigint, text, uuid); Type: FUNCTION; Schema: pra; Owner: pra_owner
--

CREATE FUNCTION pra.worker_lacks(worker bigint, lack text, worker_token uuid DEFAULT NULL::uuid) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
#variable_conflict use_column
declare
  me pra_store.workers := pra_store.live_worker(worker, worker_token, locks => true);
  found_lacking text := nullif(left(worker_lacks.lack, 1000), '');
begin
  update pra_store.workers
  set lack = found_lacking,
      lack_since = case when found_lacking is not null then coalesce(lack_since, clock_timestamp()) end
  where id = worker_lacks.worker;
  if (me.lack is null) <> (found_lacking is null) then
    perform pra_store.record_event(
      case when found_lacking is null then 'worker.able' else 'worker.lacks' end,
      null, null, null, worker_lacks.worker,
      jsonb_strip_nulls(jsonb_build_object('lack', found_lacking)));
  end if;
end
$$;


ALTER FUNCTION pra.worker_lacks(worker bigint, lack text, worker_token uuid) OWNER TO pra_owner;

--
-- Name: FUNCTION worker_lacks(worker bigint, lack text, worker_token uuid); Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON FUNCTION pra.worker_lacks(worker bigint, lack text, worker_token uuid) IS 'Says what the host of a worker lacks (room, a program, the store), for which it gets no jobs; null when it lacks nothing any more. pra.workers shows it. Errors: PR001 when the lease is over, or the token is not the worker''s.';


--
-- Name: actor(); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.actor() RETURNS text
    LANGUAGE sql STABLE
    AS $$
  select case when pg_has_role(session_user, to_regrole('pra_proxy'), 'member')
    then coalesce(nullif(current_setting('pra.actor', true), ''), session_user)
    else session_user end;
$$;


ALTER FUNCTION pra_store.actor() OWNER TO pra_owner;

SET default_tablespace = '';

SET default_table_access_method = heap;

--
-- Name: metric_summaries; Type: TABLE; Schema: pra_store; Owner: pra_owner
--

CREATE TABLE pra_store.metric_summaries (
    job_id bigint NOT NULL,
    name_id integer NOT NULL,
    points bigint NOT NULL,
    not_finite bigint NOT NULL,
    last_step bigint NOT NULL,
    last_value double precision NOT NULL,
    min_step bigint,
    min_value double precision,
    max_step bigint,
    max_value double precision,
    updated_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    end_value double precision,
    end_steps bigint,
    CONSTRAINT metric_summaries_check CHECK (((end_value IS NULL) = (end_steps IS NULL))),
    CONSTRAINT metric_summaries_end_steps_check CHECK ((end_steps >= 1))
)
WITH (fillfactor='50');


ALTER TABLE pra_store.metric_summaries OWNER TO pra_owner;

--
-- Name: add_to_summary(pra_store.metric_summaries); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.add_to_summary(added pra_store.metric_summaries) RETURNS void
    LANGUAGE sql
    AS $$
  insert into pra_store.metric_summaries as s (
    job_id, name_id, points, not_finite, last_step, last_value,
    min_step, min_value, max_step, max_value)
  values (
    added.job_id, added.name_id, added.points, added.not_finite, added.last_step, added.last_value,
    added.min_step, added.min_value, added.max_step, added.max_value)
  on conflict (job_id, name_id) do update
  set points = s.points + excluded.points,
      not_finite = s.not_finite + excluded.not_finite,
      last_step = greatest(s.last_step, excluded.last_step),
      last_value = case
        when excluded.last_step >= s.last_step then excluded.last_value else s.last_value end,
      min_step = case
        when s.min_value is null or excluded.min_value < s.min_value then excluded.min_step
        else s.min_step end,
      min_value = least(s.min_value, excluded.min_value),
      max_step = case
        when s.max_value is null or excluded.max_value > s.max_value then excluded.max_step
        else s.max_step end,
      max_value = greatest(s.max_value, excluded.max_value),
      updated_at = clock_timestamp(), end_value = null, end_steps = null;
$$;


ALTER FUNCTION pra_store.add_to_summary(added pra_store.metric_summaries) OWNER TO pra_owner;

--
-- Name: admit_staged(); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.admit_staged() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
  own uuid := (
    select j.token from pra_store.jobs as j join pra_store.workers as w on w.id = j.worker_id
    where j.id = new.job_id and j.epoch = new.epoch and j.state = 'running'
      and (w.token is null or j.token = new.token));
begin
  if own is null then
    -- Rank 0 of a gang writes for it.
    own := (
      select j.token from pra_store.jobs as j
      where j.id = new.job_id and j.gang and j.epoch = new.epoch and j.state = 'running' and j.token = new.token);
  end if;
  if own is null then
    raise exception 'lease lost: attempt % of job % may write no more', new.epoch, new.job_id
      using errcode = 'PR001';
  end if;
  new.token := own;
  return new;
end
$$;


ALTER FUNCTION pra_store.admit_staged() OWNER TO pra_owner;

--
-- Name: after_attempt(); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.after_attempt() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
  a pra_store.jobs;
begin
  if old.state = 'running' and new.limits <> '{}' and new.array_first is null then
    perform pra_store.give_slots(array[new.id]);
  end if;
  if new.array_id is null then
    return null;
  end if;
  select * into a from pra_store.jobs where id = new.array_id;
  if a.gang then
    -- A member that ends badly takes the others with it, be it that they all wait for their start.
    select * into a from pra_store.jobs where id = new.array_id for no key update;
    if a.state = 'running' or a.state in ('ready', 'blocked') and old.state <> 'running' then
      perform pra_store.settle_gang(a, new);
    elsif old.state = 'running' then
      perform pra_store.end_start(a.id);
    end if;
    return null;
  end if;
  if new.state = 'succeeded' then
    if pra_store.follow_cut(a.id, new.id, new.element_first, new.element_end) then
      perform pg_notify('pra_ready', '');
    end if;
  end if;
  -- Before all of it is cut there are elements left. The call of pra.reap that follows settles what
  -- two last elements at the same moment leave to each other.
  if a.state = 'running' then
    perform pra_store.settle_array(a.id);
  end if;
  return null;
end
$$;


ALTER FUNCTION pra_store.after_attempt() OWNER TO pra_owner;

--
-- Name: after_batch(bigint[], bigint[]); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.after_batch(done bigint[], arrays bigint[]) RETURNS void
    LANGUAGE plpgsql
    AS $$
#variable_conflict use_column
declare
  a pra_store.jobs;
  touched bigint;
  member pra_store.jobs;
begin
  foreach touched in array arrays loop
    select * into a from pra_store.jobs where id = touched;
    if a.gang then
      select * into a from pra_store.jobs where id = touched for no key update;
      if a.state = 'running' then
        select * into member from pra_store.jobs as j
        where j.id = any(done) and j.array_id = touched limit 1;
        perform pra_store.settle_gang(a, member);
      end if;
      continue;
    end if;
    if exists (select from pra_store.jobs where follows_id = touched) then
      for member in
        select * from pra_store.jobs as j
        where j.id = any(done) and j.array_id = touched order by j.element_first
      loop
        if not pra_store.follow_cut(touched, member.id, member.element_first, member.element_end) then
          exit;
        end if;
      end loop;
      perform pg_notify('pra_ready', '');
    end if;
    if a.state = 'running' then
      perform pra_store.settle_array(touched);
    end if;
  end loop;
end
$$;


ALTER FUNCTION pra_store.after_batch(done bigint[], arrays bigint[]) OWNER TO pra_owner;

--
-- Name: apply_rule(bigint, jsonb); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.apply_rule(job bigint, keep jsonb) RETURNS void
    LANGUAGE plpgsql
    AS $$
#variable_conflict use_column
declare
  keep_last bigint := (keep ->> 'last')::bigint;
  keep_best bigint := coalesce((keep ->> 'best')::bigint, 0);
  keep_every bigint := (keep ->> 'every')::bigint;
  dropped bigint[];
  digests bytea[];
begin
  if keep_last is null or keep_last < 1 or keep_best < 0 or keep_every < 1 then
    raise exception 'keep: last, best and every are %, % and %, must be 1 or more, 0 or more, and 1 or more',
      keep_last, keep_best, keep_every using errcode = 'PR003';
  end if;
  -- A rule by a series that is not there would drop the best ones.
  if keep_best > 0 and not pra_store.has_series(job, coalesce(keep ->> 'metric', 'loss')) then
    return;
  end if;
  dropped := array(
    select r.id from pra_store.rated_checkpoints(null, job, coalesce(keep ->> 'metric', 'loss')) as r
    where not r.suspect and r.age > keep_last and not (r.rank <= keep_best and r.value is not null)
      and (keep_every is null or r.step / keep_every <= r.since / keep_every)
      and not pra_store.is_asked_for(job, r.step));
  if dropped = '{}' then
    return;
  end if;
  with gone as (
    delete from pra_store.checkpoint_files as f where f.checkpoint_id = any(dropped) returning f.sha256
  )
  select array_agg(distinct g.sha256) into digests from gone as g;
  delete from pra_store.checkpoints as c where c.id = any(dropped);
  perform pra_store.free(job, digests);
end
$$;


ALTER FUNCTION pra_store.apply_rule(job bigint, keep jsonb) OWNER TO pra_owner;

--
-- Name: arguments_of(bigint, bigint, bigint); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.arguments_of(array_job bigint, first bigint, last bigint) RETURNS jsonb
    LANGUAGE plpgsql STABLE
    AS $$
#variable_conflict use_column
begin
  return (
    select coalesce(
      -- As a rule they are one row as it is.
      (select e.arguments from pra_store.element_arguments as e
       where e.array_id = arguments_of.array_job and e.first = arguments_of.first
         and jsonb_array_length(e.arguments) = arguments_of.last - arguments_of.first),
      (select jsonb_agg(e.arguments -> (i - e.first)::integer order by i)
       from generate_series(arguments_of.first, arguments_of.last - 1) as i
       cross join lateral (
         select a.first, a.arguments from pra_store.element_arguments as a
         where a.array_id = arguments_of.array_job and a.first <= i
         order by a.first desc limit 1
       ) as e)));
end
$$;


ALTER FUNCTION pra_store.arguments_of(array_job bigint, first bigint, last bigint) OWNER TO pra_owner;

--
-- Name: array_misfit(jsonb, jsonb, text); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.array_misfit(given jsonb, schema jsonb, path text) RETURNS text
    LANGUAGE plpgsql IMMUTABLE
    AS $$
declare
  size integer := jsonb_array_length(given);
  part record;
  found text;
begin
  if size < (schema ->> 'minItems')::integer then
    return format('%s: found %s items, expected %s or more', path, size, schema ->> 'minItems');
  elsif size > (schema ->> 'maxItems')::integer then
    return format('%s: found %s items, expected at most %s', path, size, schema ->> 'maxItems');
  elsif schema -> 'uniqueItems' = 'true' and size <> (
    select count(distinct e) from jsonb_array_elements(given) as e
  ) then
    return format('%s: expected each item once', path);
  end if;
  if schema ? 'items' then
    for part in
      select e.item, e.n - 1 as n
      from jsonb_array_elements(given) with ordinality as e (item, n)
    loop
      found := pra_store.misfit(part.item, schema -> 'items', format('%s[%s]', path, part.n));
      if found is not null then return found; end if;
    end loop;
  end if;
  return null;
end
$$;


ALTER FUNCTION pra_store.array_misfit(given jsonb, schema jsonb, path text) OWNER TO pra_owner;

--
-- Name: array_progress(bigint); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.array_progress(array_job bigint) RETURNS text
    LANGUAGE sql STABLE
    AS $$
  select format(
    'all of array %s has started: %s elements run, %s wait, %s have succeeded', array_job,
    coalesce(sum(c.element_end - c.element_first) filter (where c.state = 'running'), 0),
    coalesce(sum(c.element_end - c.element_first)
      filter (where c.state in ('ready', 'blocked')), 0),
    coalesce(sum(c.element_end - c.element_first) filter (where c.state = 'succeeded'), 0))
  from pra_store.jobs as c where c.array_id = array_job;
$$;


ALTER FUNCTION pra_store.array_progress(array_job bigint) OWNER TO pra_owner;

--
-- Name: jobs; Type: TABLE; Schema: pra_store; Owner: pra_owner
--

CREATE TABLE pra_store.jobs (
    id bigint NOT NULL,
    run_id bigint NOT NULL,
    kind text NOT NULL,
    queue text NOT NULL,
    arguments jsonb NOT NULL,
    requirements jsonb DEFAULT '[]'::jsonb NOT NULL,
    priority integer DEFAULT 0 NOT NULL,
    idempotency_key text,
    state pra.job_state NOT NULL,
    run_after timestamp with time zone NOT NULL,
    epoch bigint DEFAULT 0 NOT NULL,
    unmet integer DEFAULT 0 NOT NULL,
    worker_id bigint,
    time_limit interval,
    faults integer DEFAULT 0 NOT NULL,
    lost integer DEFAULT 0 NOT NULL,
    timeouts integer DEFAULT 0 NOT NULL,
    preemptions integer DEFAULT 0 NOT NULL,
    fault_retries integer NOT NULL,
    lost_retries integer NOT NULL,
    timeout_retries integer NOT NULL,
    preemption_retries integer,
    cancel_requested_at timestamp with time zone,
    preempt_requested_at timestamp with time zone,
    message text,
    result jsonb,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    created_by text DEFAULT 
CASE
    WHEN pg_has_role(SESSION_USER, (to_regrole('pra_proxy'::text))::oid, 'member'::text) THEN (COALESCE(NULLIF(current_setting('pra.actor'::text, true), ''::text), (SESSION_USER)::text))::name
    ELSE SESSION_USER
END NOT NULL,
    started_at timestamp with time zone,
    finished_at timestamp with time zone,
    lane_id integer NOT NULL,
    place double precision DEFAULT 0 NOT NULL,
    due boolean DEFAULT true NOT NULL,
    limits text[] DEFAULT '{}'::text[] NOT NULL,
    deadline timestamp with time zone,
    array_first bigint,
    array_end bigint,
    pack integer,
    first_path text[],
    end_path text[],
    has_element_arguments boolean DEFAULT false NOT NULL,
    follows_id bigint,
    gang boolean DEFAULT false NOT NULL,
    array_id bigint,
    element_first bigint,
    element_end bigint,
    crash_hosts text[] DEFAULT '{}'::text[] NOT NULL,
    batched boolean DEFAULT false NOT NULL,
    token uuid,
    host_faults integer DEFAULT 0 NOT NULL,
    avoided_host text,
    avoided_until timestamp with time zone,
    room_needed bigint,
    preview_of bigint,
    gang_sizes integer[],
    CONSTRAINT state_fits CHECK (((((state = 'running'::pra.job_state) = (worker_id IS NOT NULL)) OR ((array_first IS NOT NULL) AND (worker_id IS NULL))) AND ((state = ANY (ARRAY['succeeded'::pra.job_state, 'failed'::pra.job_state, 'cancelled'::pra.job_state, 'quarantined'::pra.job_state])) = (finished_at IS NOT NULL))))
)
WITH (fillfactor='70', autovacuum_vacuum_scale_factor='0.02', autovacuum_vacuum_threshold='1000');


ALTER TABLE pra_store.jobs OWNER TO pra_owner;

--
-- Name: avoid_host(pra_store.jobs); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.avoid_host(held pra_store.jobs) RETURNS pra_store.jobs
    LANGUAGE plpgsql
    AS $$
declare
  host text := (
    select pra_store.host(w.labels, w.name) from pra_store.workers as w where w.id = held.worker_id);
begin
  held.avoided_host := null;
  held.avoided_until := null;
  if pra_store.others_take(host, held.queue, held.kind, held.requirements) then
    held.avoided_host := host;
    held.avoided_until := clock_timestamp() + interval '1 minute';
  end if;
  return held;
end
$$;


ALTER FUNCTION pra_store.avoid_host(held pra_store.jobs) OWNER TO pra_owner;

--
-- Name: await_reference(bigint, bigint, text); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.await_reference(job bigint, epoch bigint, sha256 text) RETURNS void
    LANGUAGE sql
    AS $$
  insert into pra_store.pending_artifacts (job_id, epoch, sha256)
  values (job, epoch, pra_store.digest(sha256))
  on conflict do nothing;
$$;


ALTER FUNCTION pra_store.await_reference(job bigint, epoch bigint, sha256 text) OWNER TO pra_owner;

--
-- Name: awaited_artifacts(); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.awaited_artifacts() RETURNS TABLE(sha256 bytea)
    LANGUAGE sql STABLE
    AS $$
  select distinct p.sha256
  from pra_store.pending_artifacts as p
  join pra_store.jobs as j on j.id = p.job_id and j.epoch = p.epoch
  where j.state = 'running';
$$;


ALTER FUNCTION pra_store.awaited_artifacts() OWNER TO pra_owner;

--
-- Name: backoff(integer); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.backoff(tries integer) RETURNS interval
    LANGUAGE sql
    AS $$
  select least(600, 2 ^ least(tries, 10)) * (0.75 + 0.5 * random()) * interval '1 second';
$$;


ALTER FUNCTION pra_store.backoff(tries integer) OWNER TO pra_owner;

--
-- Name: begin_object(text, bigint); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.begin_object(sha256 text, size bigint) RETURNS TABLE(store integer, location text, object text, copy integer, has boolean, database uuid, mark uuid, is_marked boolean)
    LANGUAGE plpgsql
    AS $$
#variable_conflict use_column
declare
  digest bytea := pra_store.digest(begin_object.sha256);
  chosen pra_store.stores;
  number integer;
begin
  if pra_store.has(digest) then
    return query
      select a.store_id, s.location, pra_store.object_name(digest, a.copy), a.copy, true, null::uuid, s.mark,
        s.marked_at is not null
      from pra_store.artifacts as a left join pra_store.stores as s on s.id = a.store_id
      where a.sha256 = digest;
    return;
  end if;
  select * into chosen from pra_store.stores as s where s.is_current;
  if not found then
    return query
      select null::integer, null::text, null::text, null::integer, false, null::uuid, null::uuid, null::boolean;
    return;
  end if;
  -- A writer of this login that was killed has left its object.
  update pra_store.objects as o set touched_at = clock_timestamp(), size = begin_object.size
  where (o.store_id, o.sha256, o.copy) = (
    select p.store_id, p.sha256, p.copy from pra_store.objects as p
    where p.store_id = chosen.id and p.sha256 = digest and p.state = 'uploading' and p.owner = session_user
    order by p.copy limit 1 for update)
  returning o.copy into number;
  while number is null loop
    insert into pra_store.objects as o (store_id, sha256, copy, state, size)
    select chosen.id, digest, coalesce(max(p.copy) + 1, 0), 'uploading', begin_object.size
    from pra_store.objects as p where p.store_id = chosen.id and p.sha256 = digest
    on conflict (store_id, sha256, copy) do nothing
    returning o.copy into number;
  end loop;
  return query
    select chosen.id, chosen.location, pra_store.object_name(digest, number), number, false, pra_store.identity(),
      chosen.mark, chosen.marked_at is not null;
end
$$;


ALTER FUNCTION pra_store.begin_object(sha256 text, size bigint) OWNER TO pra_owner;

--
-- Name: begin_start(bigint, bigint[]); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.begin_start(gang_job bigint, members bigint[]) RETURNS void
    LANGUAGE plpgsql
    AS $$
#variable_conflict use_column
declare
  begun bigint;
begin
  update pra_store.jobs as j
  set state = 'running', started_at = coalesce(j.started_at, clock_timestamp()), epoch = j.epoch + 1,
      token = (select m.token from pra_store.jobs as m where m.id = members[1])
  where j.id = gang_job
  returning j.epoch into begun;
  insert into pra_store.gang_meetings (gang_id, start, rank, job_id, key, value)
  select gang_job, begun, n - 1, m, '', ''
  from unnest(members) with ordinality as u (m, n);
end
$$;


ALTER FUNCTION pra_store.begin_start(gang_job bigint, members bigint[]) OWNER TO pra_owner;

--
-- Name: begin_upload(bigint, bigint, text, bigint, text); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.begin_upload(job bigint, epoch bigint, sha256 text, size bigint, media_type text) RETURNS bigint
    LANGUAGE plpgsql
    AS $$
#variable_conflict use_column
declare
  made bigint;
begin
  if pra_store.has(pra_store.digest(begin_upload.sha256)) then
    return null;
  end if;
  perform pra.check_artifact_size(begin_upload.size);
  insert into pra_store.uploads (sha256, size, media_type, job_id, epoch)
  values (pra_store.digest(begin_upload.sha256), begin_upload.size, begin_upload.media_type,
          begin_upload.job, begin_upload.epoch)
  returning id into made;
  return made;
end
$$;


ALTER FUNCTION pra_store.begin_upload(job bigint, epoch bigint, sha256 text, size bigint, media_type text) OWNER TO pra_owner;

--
-- Name: better(text); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.better(name text) RETURNS text
    LANGUAGE sql IMMUTABLE
    AS $_$
  select case
    when name ~* '(^|[._/-])(psnr|ssim|accuracy|acc|top1|top5|precision|recall|coverage|density|inception|is)([._/-]|$)'
      or name = 'images_per_second' then 'up'
    else 'down'
  end;
$_$;


ALTER FUNCTION pra_store.better(name text) OWNER TO pra_owner;

--
-- Name: workers; Type: TABLE; Schema: pra_store; Owner: pra_owner
--

CREATE TABLE pra_store.workers (
    id bigint NOT NULL,
    name text NOT NULL,
    version text,
    labels jsonb NOT NULL,
    queues text[] NOT NULL,
    kinds text[] NOT NULL,
    slots integer NOT NULL,
    lease interval NOT NULL,
    lease_expires_at timestamp with time zone NOT NULL,
    registered_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    beat_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    draining boolean DEFAULT false NOT NULL,
    stopped_at timestamp with time zone,
    stop_reason text,
    drain_requested_at timestamp with time zone,
    login text DEFAULT SESSION_USER,
    token uuid,
    lack text,
    lack_since timestamp with time zone,
    room bigint,
    cache_bytes bigint,
    cache_quota bigint,
    store_places text[] DEFAULT '{}'::text[] NOT NULL,
    reading_kinds text[] DEFAULT '{}'::text[] NOT NULL,
    claiming_pid integer,
    leaves_at timestamp with time zone,
    CONSTRAINT workers_cache_bytes_check CHECK ((cache_bytes >= 0)),
    CONSTRAINT workers_cache_quota_check CHECK ((cache_quota >= 0)),
    CONSTRAINT workers_check CHECK (((stopped_at IS NULL) = (stop_reason IS NULL))),
    CONSTRAINT workers_check1 CHECK (((lack IS NULL) = (lack_since IS NULL))),
    CONSTRAINT workers_kinds_check CHECK ((cardinality(kinds) > 0)),
    CONSTRAINT workers_labels_check CHECK ((jsonb_typeof(labels) = 'object'::text)),
    CONSTRAINT workers_lease_check CHECK ((lease >= '00:00:01'::interval)),
    CONSTRAINT workers_name_check CHECK (((length(name) >= 1) AND (length(name) <= 200))),
    CONSTRAINT workers_queues_check CHECK ((cardinality(queues) > 0)),
    CONSTRAINT workers_room_check CHECK ((room >= 0)),
    CONSTRAINT workers_slots_check CHECK ((slots > 0)),
    CONSTRAINT workers_stop_reason_check CHECK ((stop_reason = ANY (ARRAY['deregistered'::text, 'lease lost'::text, 'declared dead'::text])))
)
WITH (fillfactor='50');


ALTER TABLE pra_store.workers OWNER TO pra_owner;

--
-- Name: better_placed(pra_store.jobs, pra_store.workers, bigint, bytea[]); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.better_placed(it pra_store.jobs, me pra_store.workers, bytes bigint, digests bytea[]) RETURNS TABLE(name text, host text, held bigint, until timestamp with time zone)
    LANGUAGE plpgsql STABLE
    AS $$
declare
  waits_until timestamptz := interval '30 seconds' + greatest(
    it.created_at, it.run_after,
    (select max(a.ended_at) from pra_store.attempts as a where a.job_id = it.id),
    (select max(p.finished_at)
     from pra_store.job_dependencies as d join pra_store.jobs as p on p.id = d.parent_id where d.job_id = it.id));
begin
  if waits_until <= clock_timestamp() then
    return;
  end if;
  return query
    select w.name, pra_store.host(w.labels, w.name), h.held::bigint, waits_until
    from (
      select h.worker_id, sum(a.size) as held
      from pra_store.held_artifacts as h join pra_store.artifacts as a on a.sha256 = h.sha256
      where h.sha256 = any(digests)
      group by h.worker_id
    ) as h
    join pra_store.workers as w on w.id = h.worker_id
    where 2 * h.held >= bytes
      and w.stopped_at is null and not w.draining and w.drain_requested_at is null and w.lack is null
      and pra_store.lease_end(w.lease_expires_at, w.lease) > clock_timestamp()
      and pra_store.host(w.labels, w.name) <> pra_store.host(me.labels, me.name)
      and pra_store.host(w.labels, w.name) is distinct from
        case when it.avoided_until > clock_timestamp() then it.avoided_host end
      and it.queue = any(w.queues) and it.kind = any(w.kinds)
      and pra_store.satisfies(w.labels, it.requirements)
      and pra_store.stays(w, it.time_limit)
      and coalesce(it.room_needed, bytes - h.held) <= w.room
      and not exists (
        select from pra_store.blamed_hosts as b
        where b.host = pra_store.host(w.labels, w.name) and b.until > clock_timestamp())
      and w.slots > (
        select count(*) from pra_store.jobs as j where j.worker_id = w.id and j.state = 'running');
end
$$;


ALTER FUNCTION pra_store.better_placed(it pra_store.jobs, me pra_store.workers, bytes bigint, digests bytea[]) OWNER TO pra_owner;

--
-- Name: blame(text); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.blame(host text) RETURNS void
    LANGUAGE plpgsql
    AS $$
#variable_conflict use_column
declare
  crashed bigint := pra_store.crashed_jobs(blame.host);
begin
  if crashed < 3 or exists (
    select from pra_store.workers as w cross join unnest(w.queues) as q (queue)
      cross join unnest(w.kinds) as k (kind)
    where w.stopped_at is null and pra_store.host(w.labels, w.name) = blame.host
      and pra_store.lease_end(w.lease_expires_at, w.lease) > clock_timestamp()
      and not pra_store.others_take(blame.host, q.queue, k.kind, '[]')
  ) then
    return;
  end if;
  insert into pra_store.blamed_hosts as b (host, until, reason)
  values (blame.host, clock_timestamp() + interval '1 hour',
          format('%s jobs crashed there one after the other', crashed))
  on conflict (host) do update
  set until = excluded.until, reason = excluded.reason, blamed_at = clock_timestamp();
  perform pra_store.record_event('host.blamed', null, null, null, null,
    jsonb_build_object('host', blame.host, 'jobs', crashed));
end
$$;


ALTER FUNCTION pra_store.blame(host text) OWNER TO pra_owner;

--
-- Name: bytes_of(bytea[]); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.bytes_of(digests bytea[]) RETURNS bigint
    LANGUAGE sql STABLE
    AS $$
  select coalesce(sum(a.size), 0)::bigint from pra_store.artifacts as a where a.sha256 = any(digests);
$$;


ALTER FUNCTION pra_store.bytes_of(digests bytea[]) OWNER TO pra_owner;

--
-- Name: cancel_job(bigint, boolean); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.cancel_job(job bigint, with_dependents boolean DEFAULT false) RETURNS integer
    LANGUAGE plpgsql
    AS $$
#variable_conflict use_column
declare
  target record;
  touched integer := 0;
  asked boolean := false;
begin
  perform from pra_store.jobs where id = job;
  if not found then
    raise exception 'there is no job %', job using errcode = 'PR002';
  end if;
  perform pra_store.reap_if_lost(job);
  for target in
    with recursive family (id) as (
      select job
      union
      select d.job_id
      from family join pra_store.job_dependencies as d on d.parent_id = family.id
      where with_dependents
    )
    select j.id, j.epoch, j.state, j.run_id, j.cancel_requested_at, j.array_first
    from pra_store.jobs as j
    where j.id in (select id from family)
    order by j.id
    for no key update of j
  loop
    if target.state in ('blocked', 'ready')
      or target.state = 'running' and target.array_first is not null then
      perform pra_store.settle_cancelled(target.id);
      touched := touched + 1;
      if target.array_first is not null then
        -- The row lock on the array keeps others from splitting off more of it.
        perform pra_store.cancel_job(c.id)
        from (
          select id from pra_store.jobs
          where array_id = target.id and state in ('blocked', 'ready', 'running') order by id
        ) as c;
      end if;
    elsif target.state = 'running' and target.cancel_requested_at is null then
      update pra_store.jobs set cancel_requested_at = clock_timestamp() where id = target.id;
      -- Then the reaper ends it, whatever its worker does.
      insert into pra_store.cancellations as c (job_id, epoch, deadline)
      values (target.id, target.epoch, clock_timestamp() + interval '30 seconds')
      on conflict (job_id) do update set epoch = excluded.epoch, deadline = excluded.deadline;
      perform pra_store.record_event(
        'job.cancel_requested', target.run_id, target.id, null, null);
      touched := touched + 1;
      asked := true;
    end if;
  end loop;
  if asked then
    perform pg_notify('pra_ask', '');
  end if;
  return touched;
end
$$;


ALTER FUNCTION pra_store.cancel_job(job bigint, with_dependents boolean) OWNER TO pra_owner;

--
-- Name: cancel_jobs(bigint[]); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.cancel_jobs(jobs bigint[]) RETURNS integer
    LANGUAGE plpgsql
    AS $$
#variable_conflict use_column
declare
  touched integer;
  asked integer;
begin
  -- Arrays first: each holds its parts.
  select coalesce(sum(pra_store.cancel_job(a.id)), 0) into touched
  from (
    select j.id from pra_store.jobs as j
    where j.id = any(cancel_jobs.jobs) and j.array_first is not null and j.state in ('blocked', 'ready', 'running')
    order by j.id
  ) as a;
  perform from pra_store.jobs as j
  where j.id = any(cancel_jobs.jobs) and j.state in ('blocked', 'ready', 'running') and j.array_first is null
  order by j.id for no key update;
  with ended as (
    update pra_store.jobs as j
    set state = 'cancelled', finished_at = clock_timestamp(),
        cancel_requested_at = coalesce(j.cancel_requested_at, clock_timestamp())
    where j.id = any(cancel_jobs.jobs) and j.state in ('blocked', 'ready') and j.array_first is null
    returning j.id, j.run_id
  ),
  said as (
    insert into pra_store.events (kind, run_id, job_id)
    select 'job.cancelled', e.run_id, e.id from ended as e order by e.id
  )
  select touched + count(*) into touched from ended;
  with stopped as (
    update pra_store.jobs as j set cancel_requested_at = clock_timestamp()
    where j.id = any(cancel_jobs.jobs) and j.state = 'running' and j.array_first is null
      and j.cancel_requested_at is null
    returning j.id, j.epoch, j.run_id
  ),
  awaited as (
    insert into pra_store.cancellations (job_id, epoch, deadline)
    select s.id, s.epoch, clock_timestamp() + interval '30 seconds' from stopped as s
    on conflict (job_id) do update set epoch = excluded.epoch, deadline = excluded.deadline
  ),
  said as (
    insert into pra_store.events (kind, run_id, job_id)
    select 'job.cancel_requested', s.run_id, s.id from stopped as s order by s.id
  )
  select count(*) into asked from stopped;
  if asked > 0 then
    perform pg_notify('pra_ask', '');
  end if;
  return touched + asked;
end
$$;


ALTER FUNCTION pra_store.cancel_jobs(jobs bigint[]) OWNER TO pra_owner;

--
-- Name: change_of_clocks(text, date, interval); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.change_of_clocks(time_zone text, day date, early interval) RETURNS timestamp with time zone
    LANGUAGE plpgsql STABLE
    AS $$
declare
  before timestamp := day - interval '12 hours';
  behind timestamp := day + interval '36 hours';
  middle timestamp;
begin
  while behind - before > interval '1 second' loop
    middle := date_trunc('second', before + (behind - before) / 2);
    if pra_store.utc_offset(time_zone, middle) = early then
      before := middle;
    else
      behind := middle;
    end if;
  end loop;
  return behind at time zone 'UTC';
end
$$;


ALTER FUNCTION pra_store.change_of_clocks(time_zone text, day date, early interval) OWNER TO pra_owner;

--
-- Name: check_arguments(text, jsonb, text); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.check_arguments(kind text, arguments jsonb, path text DEFAULT 'arguments'::text) RETURNS void
    LANGUAGE plpgsql STABLE
    AS $$
declare
  known pra_store.kinds;
  written text := arguments::text;
  bytes integer := octet_length(written);
  found text;
begin
  select * into known from pra_store.kinds as k where k.kind = check_arguments.kind;
  if bytes > coalesce(known.bytes_limit, 1048576) then
    raise exception '%: % bytes, more than %; store an artifact and name its sha256', path, bytes,
      coalesce(known.bytes_limit, 1048576) using errcode = 'PR003';
  end if;
  if known.kind is not null then
    found := pra_store.misfit(arguments, known.arguments, path);
    if found is not null then
      raise exception '%', found using errcode = 'PR003';
    end if;
  end if;
  if written ~* '"\s*secret://' then
    found := pra_store.misplaced_secret(arguments, coalesce(known.arguments, '{}'), path);
    if found is not null then
      raise exception '%: no reference to a secret may stand here; the contract of kind "%" does not mark this field as a secret',
        found, kind using errcode = 'PR003';
    end if;
  end if;
end
$$;


ALTER FUNCTION pra_store.check_arguments(kind text, arguments jsonb, path text) OWNER TO pra_owner;

--
-- Name: check_array(bigint, bigint, integer, integer, boolean, boolean, boolean, integer); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.check_array(array_first bigint, array_last bigint, array_limit integer, pack integer, has_path boolean, elementwise boolean, gang boolean, parents integer) RETURNS void
    LANGUAGE plpgsql IMMUTABLE
    AS $$
begin
  if (array_first is null) <> (array_last is null) then
    raise exception 'array_last: an array has both ends' using errcode = 'PR003';
  end if;
  if array_first is null and (
    array_limit is not null or pack is not null or elementwise or gang or has_path) then
    raise exception 'array_first: array_limit, pack, paths, elementwise and gang are for arrays alone'
      using errcode = 'PR003';
  end if;
  if array_first < 0 or array_last < array_first or array_last > 1000000000000000 then
    raise exception 'array_last: %-% is no range of elements from 0 to 1000000000000000', array_first, array_last
      using errcode = 'PR003';
  end if;
  if gang is null or elementwise is null then
    raise exception 'gang, elementwise: must be true or false' using errcode = 'PR003';
  end if;
  if pack not between 1 and 1000000 then
    raise exception 'pack: %, must be from 1 to 1000000', pack using errcode = 'PR003';
  end if;
  if array_limit < 1 or array_limit > 100000 then
    raise exception 'array_limit: %, must be from 1 to 100000', array_limit using errcode = 'PR003';
  end if;
  if gang and (coalesce(pack, 1) <> 1 or array_limit is not null or elementwise
    or array_last - array_first >= 10000) then
    raise exception 'gang: its members, at most 10000, start together, one by one: no pack, no array_limit, no elementwise'
      using errcode = 'PR003';
  end if;
  if elementwise and parents <> 1 then
    raise exception 'after: an array waits elementwise for one other array' using errcode = 'PR003';
  end if;
end
$$;


ALTER FUNCTION pra_store.check_array(array_first bigint, array_last bigint, array_limit integer, pack integer, has_path boolean, elementwise boolean, gang boolean, parents integer) OWNER TO pra_owner;

--
-- Name: check_budgets(integer, text, interval, integer, integer, integer, integer); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.check_budgets(priority integer, idempotency_key text, time_limit interval, fault_retries integer, lost_retries integer, timeout_retries integer, preemption_retries integer) RETURNS void
    LANGUAGE plpgsql IMMUTABLE
    AS $$
begin
  if length(idempotency_key) not between 1 and 500 then
    raise exception 'idempotency_key: must have 1 to 500 characters' using errcode = 'PR003';
  end if;
  if time_limit <= interval '0' or time_limit > interval '100 years' then
    raise exception 'time_limit: %, must be above 0 and at most 100 years', time_limit using errcode = 'PR003';
  end if;
  if priority is null or priority not between -1000000 and 1000000 then
    raise exception 'priority: %, must be from -1000000 to 1000000', priority using errcode = 'PR003';
  end if;
  if least(fault_retries, lost_retries, timeout_retries, preemption_retries) < 0
    or fault_retries is null or lost_retries is null or timeout_retries is null then
    raise exception 'fault_retries, lost_retries, timeout_retries, preemption_retries: must not be negative'
      using errcode = 'PR003';
  end if;
end
$$;


ALTER FUNCTION pra_store.check_budgets(priority integer, idempotency_key text, time_limit interval, fault_retries integer, lost_retries integer, timeout_retries integer, preemption_retries integer) OWNER TO pra_owner;

--
-- Name: check_gang(bigint, text[]); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.check_gang(members bigint, named text[]) RETURNS void
    LANGUAGE plpgsql STABLE
    AS $$
declare
  small record;
begin
  select l.name, l.slots into small from pra_store.limits as l
  where l.name = any(named) and l.slots < members order by l.slots, l.name limit 1;
  if found then
    raise exception 'gang: its % members start together and need % slots of limit "%", which has %',
      members, members, small.name, small.slots
      using errcode = 'PR003', hint = format('`pra limits --set %s=%s` makes room.', small.name, members);
  end if;
end
$$;


ALTER FUNCTION pra_store.check_gang(members bigint, named text[]) OWNER TO pra_owner;

--
-- Name: check_labels(jsonb); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.check_labels(labels jsonb) RETURNS void
    LANGUAGE plpgsql IMMUTABLE
    AS $$
declare
  fault text;
begin
  if jsonb_typeof(labels) is distinct from 'object' then
    raise exception 'labels: must be a JSON object of texts' using errcode = 'PR003';
  end if;
  if (select count(*) from jsonb_object_keys(labels) as k) > 50 then
    raise exception 'labels: there are %, at most 50',
      (select count(*) from jsonb_object_keys(labels) as k) using errcode = 'PR003';
  end if;
  select format('labels: %s=%s: %s', left(l.key, 40), left(l.value, 40), pra_store.label_fault(l.key, l.value))
  into fault
  from jsonb_each_text(labels) as l
  where pra_store.label_fault(l.key, l.value) is not null
  order by l.key limit 1;
  if fault is not null then
    raise exception '%', fault using errcode = 'PR003';
  end if;
end
$$;


ALTER FUNCTION pra_store.check_labels(labels jsonb) OWNER TO pra_owner;

--
-- Name: check_paths(jsonb, text[], text[]); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.check_paths(arguments jsonb, first_path text[], end_path text[]) RETURNS void
    LANGUAGE plpgsql IMMUTABLE
    AS $$
declare
  reached jsonb := arguments;
begin
  if first_path is not null then
    reached := jsonb_set(reached, first_path, '0');
  end if;
  if end_path is not null then
    reached := jsonb_set(reached, end_path, '0');
  end if;
exception
  when data_exception then
    raise exception 'first_path, end_path: no place in the arguments: %', sqlerrm using errcode = 'PR003';
end
$$;


ALTER FUNCTION pra_store.check_paths(arguments jsonb, first_path text[], end_path text[]) OWNER TO pra_owner;

--
-- Name: check_run(bigint); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.check_run(run bigint) RETURNS void
    LANGUAGE plpgsql
    AS $$
declare
  deleted timestamptz;
begin
  select r.deleted_at into deleted from pra_store.runs as r where r.id = run for share;
  if not found then
    raise exception 'run: there is no run %', run using errcode = 'PR002';
  end if;
  if deleted is not null then
    raise exception 'run: run % is deleted; `pra delete --undo %` brings it back', run, run using errcode = 'PR002';
  end if;
end
$$;


ALTER FUNCTION pra_store.check_run(run bigint) OWNER TO pra_owner;

--
-- Name: check_run_name(text); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.check_run_name(name text) RETURNS void
    LANGUAGE plpgsql IMMUTABLE
    AS $_$
begin
  if name is null or length(name) not between 1 and 200 then
    raise exception 'name: a run has a name of 1 to 200 characters' using errcode = 'PR003';
  end if;
  if name ~ '[\x01-\x1f\x7f-\x9f]' or name !~ '\S' then
    raise exception 'name: a run has a name without control characters, and not of blanks alone'
      using errcode = 'PR003';
  end if;
  if name ~ '^[0-9]+$' then
    raise exception 'name: "%" has digits alone, as the numbers of runs have', name using errcode = 'PR003';
  end if;
  if name ~ '^(id|sweep)=' then
    raise exception 'name: "%" is how a run is named by its number, or a sweep', name using errcode = 'PR003';
  end if;
end
$_$;


ALTER FUNCTION pra_store.check_run_name(name text) OWNER TO pra_owner;

--
-- Name: check_schema(jsonb, text); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.check_schema(schema jsonb, path text) RETURNS void
    LANGUAGE plpgsql IMMUTABLE
    AS $_$
declare
  rule text;
  part record;
begin
  if jsonb_typeof(schema) is distinct from 'object' then
    raise exception '%: a schema is a JSON object', path using errcode = 'PR003';
  end if;
  select k into rule from jsonb_object_keys(schema) as k
  where k <> all(array['$schema', '$id', 'title', 'description', 'default', 'examples', 'type', 'enum',
    'const', 'minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum', 'minLength', 'maxLength',
    'pattern', 'properties', 'required', 'additionalProperties', 'items', 'minItems', 'maxItems',
    'uniqueItems', 'secret', 'reads'])
  order by k limit 1;
  if rule is not null then
    raise exception '%: the rule "%" is not one that is checked here', path, rule
      using errcode = 'PR003';
  end if;
  if jsonb_typeof(schema -> 'secret') <> 'boolean' then
    raise exception '%: secret is true or false', path using errcode = 'PR003';
  end if;
  -- In brackets, since PL/pgSQL ends the condition at the first "then" outside of any.
  if (case jsonb_typeof(schema -> 'reads')
    when 'array' then exists (
      select from jsonb_array_elements(schema -> 'reads') as r where jsonb_typeof(r) <> 'string')
    else schema ? 'reads' end)
  then
    raise exception '%: reads is a list of names of outputs, or "checkpoint" or "artifact"', path
      using errcode = 'PR003';
  end if;
  if jsonb_typeof(schema -> 'additionalProperties') not in ('boolean', 'object') then
    raise exception '%: additionalProperties is true, false or a schema', path
      using errcode = 'PR003';
  end if;
  for part in
    select key, value from jsonb_each(coalesce(schema -> 'properties', '{}'))
    union all select '[]', schema -> 'items' where schema ? 'items'
    union all select '*', schema -> 'additionalProperties'
    where jsonb_typeof(schema -> 'additionalProperties') = 'object'
  loop
    perform pra_store.check_schema(part.value, path || '.' || part.key);
  end loop;
end
$_$;


ALTER FUNCTION pra_store.check_schema(schema jsonb, path text) OWNER TO pra_owner;

--
-- Name: choice_misfit(jsonb, jsonb, text); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.choice_misfit(given jsonb, schema jsonb, path text) RETURNS text
    LANGUAGE plpgsql IMMUTABLE
    AS $$
begin
  if schema ? 'enum' and not exists (
    select from jsonb_array_elements(schema -> 'enum') as e where e = given
  ) then
    return pra_store.unexpected(given, path, format('one of %s',
      (select string_agg(e #>> '{}', ', ') from jsonb_array_elements(schema -> 'enum') as e)));
  end if;
  if schema ? 'const' and schema -> 'const' <> given then
    return pra_store.unexpected(given, path, (schema -> 'const')::text);
  end if;
  return null;
end
$$;


ALTER FUNCTION pra_store.choice_misfit(given jsonb, schema jsonb, path text) OWNER TO pra_owner;

--
-- Name: commit_object(integer, text, bigint, text, integer, text); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.commit_object(store integer, sha256 text, size bigint, media_type text, copy integer, upload text) RETURNS void
    LANGUAGE plpgsql
    AS $$
#variable_conflict use_column
declare
  digest bytea := pra_store.digest(commit_object.sha256);
begin
  update pra_store.objects as o set state = 'stored', touched_at = clock_timestamp()
  where o.store_id = store and o.sha256 = digest and o.copy = commit_object.copy
    and o.size = commit_object.size and o.owner = session_user and o.state <> 'deleting';
  if not found then
    raise exception 'sha256: the upload of % was given up; begin it again', commit_object.sha256
      using errcode = 'PR004';
  end if;
  delete from pra_store.multipart_uploads as m
  where m.store_id = store and m.sha256 = digest and m.copy = commit_object.copy
    and m.upload = commit_object.upload;
  perform pra_store.settle(
    digest, commit_object.size, commit_object.media_type, null, commit_object.store, commit_object.copy, false);
end
$$;


ALTER FUNCTION pra_store.commit_object(store integer, sha256 text, size bigint, media_type text, copy integer, upload text) OWNER TO pra_owner;

--
-- Name: commit_upload(bigint, bigint, bigint); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.commit_upload(upload bigint, job bigint, epoch bigint) RETURNS void
    LANGUAGE plpgsql
    AS $$
#variable_conflict use_column
declare
  target pra_store.uploads;
  got bigint;
  is_checked boolean;
begin
  select * into target from pra_store.uploads as u
  where u.id = upload
    and (u.job_id, u.epoch) is not distinct from (commit_upload.job, commit_upload.epoch)
    and u.owner = session_user
  for no key update;
  if not found then
    raise exception 'there is no upload % of this attempt', upload using errcode = 'PR002';
  end if;
  if target.committed_at is not null then
    return;
  end if;
  select coalesce(sum(length(c.bytes)), 0) into got
  from pra_store.artifact_chunks as c where c.upload_id = upload;
  if got <> target.size then
    raise exception 'upload % has % bytes, not %', upload, got, target.size using errcode = 'PR005';
  end if;
  is_checked := target.size <= 67108864;
  if is_checked and target.sha256 <> (
    select pg_catalog.sha256(coalesce(string_agg(c.bytes, '' order by c.ordinal), ''))
    from pra_store.artifact_chunks as c where c.upload_id = upload
  ) then
    raise exception 'upload %: the sha256 of its bytes is not %', upload,
      encode(target.sha256, 'hex') using errcode = 'PR005';
  end if;
  update pra_store.uploads as u set committed_at = clock_timestamp() where u.id = upload;
  perform pra_store.settle(target.sha256, target.size, target.media_type, upload, null, null, is_checked);
end
$$;


ALTER FUNCTION pra_store.commit_upload(upload bigint, job bigint, epoch bigint) OWNER TO pra_owner;

--
-- Name: confirm(bytea, bigint, integer, integer); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.confirm(sha256 bytea, upload bigint, store integer, copy integer) RETURNS void
    LANGUAGE plpgsql
    AS $$
#variable_conflict use_column
declare
  checked bigint;
begin
  if upload is not null then
    update pra_store.uploads as u set suspect_at = null
    where u.id = upload and u.sha256 = confirm.sha256 and u.committed_at is not null
      and (u.size > 67108864 or u.sha256 = (
        select pg_catalog.sha256(string_agg(c.bytes, '' order by c.ordinal))
        from pra_store.artifact_chunks as c where c.upload_id = upload))
    returning u.size into checked;
  elsif store is not null then
    update pra_store.objects as o set suspect_at = null
    where o.store_id = store and o.sha256 = confirm.sha256 and o.copy = confirm.copy and o.state = 'stored'
    returning o.size into checked;
  else
    select a.size into checked from pra_store.artifacts as a
    where a.sha256 = confirm.sha256 and pg_catalog.sha256(a.bytes) = a.sha256;
  end if;
  update pra_store.artifacts as a set
    size = checked, upload_id = confirm.upload, store_id = confirm.store, copy = confirm.copy,
    bytes = case when confirm.upload is null and confirm.store is null then a.bytes end,
    unverified = false, suspect_at = null, suspicion = null
  where a.sha256 = confirm.sha256 and checked is not null and (a.unverified or a.suspect_at is not null);
end
$$;


ALTER FUNCTION pra_store.confirm(sha256 bytea, upload bigint, store integer, copy integer) OWNER TO pra_owner;

--
-- Name: contradiction(jsonb); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.contradiction(requirements jsonb) RETURNS text
    LANGUAGE sql IMMUTABLE
    AS $_$
  with asked as (
    select r ->> 'label' as label, r ->> 'op' as op, r ->> 'value' as value,
      case when r ->> 'value' ~ '^-?[0-9]+(\.[0-9]+)?$' then (r ->> 'value')::numeric end as number
    from jsonb_array_elements(requirements) as r
  )
  select format('%s%s%s and %s%s%s', a.label, a.op, a.value, b.label, b.op, b.value)
  from asked as a join asked as b on a.label = b.label
  where
    a.op = '=' and case
      when a.number is not null and b.number is not null then case b.op
        when '=' then a.number <> b.number
        when '!=' then a.number = b.number
        when '>=' then a.number < b.number
        when '<=' then a.number > b.number
        when '>' then a.number <= b.number
        when '<' then a.number >= b.number
      end
      when b.op = '=' then a.value <> b.value
      when b.op = '!=' then a.value = b.value
      else true
    end
    or a.op in ('>=', '>') and b.op in ('<=', '<')
      and (a.number > b.number or a.number = b.number and (a.op = '>' or b.op = '<'))
  union all
  select format('%s%s%s, %s%s%s and %s%s%s', a.label, a.op, a.value, b.label, b.op, b.value, c.label, c.op, c.value)
  from asked a
  join asked b on a.label = b.label and a.number = b.number
  join asked c on a.label = c.label and a.number = c.number
  where a.op = '>=' and b.op = '<=' and c.op = '!='
  limit 1;
$_$;


ALTER FUNCTION pra_store.contradiction(requirements jsonb) OWNER TO pra_owner;

--
-- Name: count_crash(pra_store.jobs); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.count_crash(held pra_store.jobs) RETURNS text[]
    LANGUAGE plpgsql
    AS $$
declare
  host text := (
    select pra_store.host(w.labels, w.name) from pra_store.workers as w where w.id = held.worker_id);
  hosts text[] := case when host <> all(held.crash_hosts) then held.crash_hosts || host
    else held.crash_hosts end;
begin
  if cardinality(hosts) < 2 then
    perform pra_store.blame(host);
  end if;
  return hosts;
end
$$;


ALTER FUNCTION pra_store.count_crash(held pra_store.jobs) OWNER TO pra_owner;

--
-- Name: crashed_jobs(text); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.crashed_jobs(host text) RETURNS bigint
    LANGUAGE plpgsql STABLE
    AS $$
declare
  here bigint[] := array(
    select w.id from pra_store.workers as w where pra_store.host(w.labels, w.name) = crashed_jobs.host);
begin
  return (
    select count(distinct c.job_id)
    from pra_store.crashes as c
    where c.worker_id = any(here)
      and c.at > clock_timestamp() - interval '1 hour'
      and c.at > coalesce((
        select max(e.at) from pra_store.events as e
        where e.worker_id = any(here) and e.kind in ('attempt.succeeded', 'batch.succeeded')
          and e.at > clock_timestamp() - interval '1 hour'), '-infinity'));
end
$$;


ALTER FUNCTION pra_store.crashed_jobs(host text) OWNER TO pra_owner;

--
-- Name: cron_field(text, integer, integer, text[]); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.cron_field(field text, lowest integer, highest integer, names text[]) RETURNS integer[]
    LANGUAGE plpgsql IMMUTABLE
    AS $_$
declare
  part text;
  bits text[];
  low integer;
  high integer;
  step integer;
  named text := lower(field);
  result integer[] := '{}';
begin
  for i in 1..coalesce(cardinality(names), 0) loop
    named := regexp_replace(named, '\m' || names[i] || '\M', (i - 1 + lowest)::text, 'g');
  end loop;
  foreach part in array string_to_array(named, ',') loop
    bits := regexp_match(part, '^(?:(\*)|(\d{1,2})(?:-(\d{1,2}))?)(?:/(\d{1,2}))?$');
    if bits is null then
      raise exception 'cron: "%" is not a field such as *, 5, 1-5, */15 or 0,30', field
        using errcode = 'PR003';
    end if;
    step := coalesce(bits[4]::integer, 1);
    low := case when bits[1] is not null then lowest else bits[2]::integer end;
    high := case
      when bits[1] is not null then highest
      when bits[3] is not null then bits[3]::integer
      when bits[4] is not null then highest
      else low end;
    if least(low, high) < lowest or greatest(low, high) > highest or step < 1
      or low > high and names = '{}' then
      raise exception 'cron: "%" is outside % to %', part, lowest, highest using errcode = 'PR003';
    end if;
    if low > high then
      result := result || array(
        select lowest + (v - lowest) % cardinality(names)
        from generate_series(low, high + cardinality(names), step) as v);
    else
      result := result || array(select generate_series(low, high, step));
    end if;
  end loop;
  return result;
end
$_$;


ALTER FUNCTION pra_store.cron_field(field text, lowest integer, highest integer, names text[]) OWNER TO pra_owner;

--
-- Name: cron_next(text, text, timestamp with time zone); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.cron_next(cron text, time_zone text, after timestamp with time zone) RETURNS timestamp with time zone
    LANGUAGE plpgsql STABLE
    AS $$
declare
  line text := case lower(btrim(cron))
    when '@hourly' then '0 * * * *'
    when '@daily' then '0 0 * * *' when '@midnight' then '0 0 * * *'
    when '@weekly' then '0 0 * * 0' when '@monthly' then '0 0 1 * *'
    when '@yearly' then '0 0 1 1 *' when '@annually' then '0 0 1 1 *' else btrim(cron) end;
  fields text[] := regexp_split_to_array(line, '\s+');
  minutes integer[];
  hours integer[];
  days integer[];
  months integer[];
  weekdays integer[];
  -- The day before may come again, where clocks go back across midnight.
  day date := (after at time zone time_zone)::date - 1;
  found timestamptz;
begin
  if cardinality(fields) <> 5 then
    raise exception 'cron: "%" does not have the five fields minute, hour, day, month, weekday', cron
      using errcode = 'PR003';
  end if;
  minutes := pra_store.cron_field(fields[1], 0, 59, '{}');
  hours := pra_store.cron_field(fields[2], 0, 23, '{}');
  days := pra_store.cron_field(fields[3], 1, 31, '{}');
  months := pra_store.cron_field(
    fields[4], 1, 12, '{jan,feb,mar,apr,may,jun,jul,aug,sep,oct,nov,dec}');
  weekdays := array(
    select w % 7
    from unnest(pra_store.cron_field(fields[5], 0, 7, '{sun,mon,tue,wed,thu,fri,sat}')) as w);
  -- 29 February comes at least once in eight years.
  for ahead in 0..2931 loop
    if extract(month from day)::integer = any(months) and (
      -- crontab(5): where both days are given, either suffices. 7 is Sunday, as is 0.
      case
        -- A field that begins with a star restricts nothing by itself: both must hold (crontab(5)).
        when starts_with(fields[3], '*') or starts_with(fields[5], '*') then
          extract(dow from day)::integer = any(weekdays) and extract(day from day)::integer = any(days)
        else extract(day from day)::integer = any(days)
          or extract(dow from day)::integer = any(weekdays)
      end
    ) then
      found := pra_store.first_of_day(
        day, hours, minutes, time_zone, after, by_elapsed_time => fields[1] || fields[2] ~ '[*/]');
      if found is not null then
        return found;
      end if;
    end if;
    day := day + 1;
  end loop;
  raise exception 'cron: "%" never fires', cron using errcode = 'PR003';
end
$$;


ALTER FUNCTION pra_store.cron_next(cron text, time_zone text, after timestamp with time zone) OWNER TO pra_owner;

--
-- Name: cut(pra_store.jobs, bigint, bigint, bigint, pra.job_state, bigint, bigint, interval); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.cut(a pra_store.jobs, made bigint, first bigint, last bigint, state pra.job_state, worker bigint DEFAULT NULL::bigint, epoch bigint DEFAULT 0, wait interval DEFAULT '00:00:00'::interval) RETURNS void
    LANGUAGE plpgsql
    AS $$
#variable_conflict use_column
begin
  insert into pra_store.jobs (
    id, run_id, kind, queue, arguments, requirements, priority, state, run_after, due, epoch,
    worker_id, time_limit, fault_retries, lost_retries, timeout_retries, preemption_retries,
    created_by, started_at, lane_id, place, limits, deadline, array_id, element_first, element_end, token)
  overriding system value values (
    made, a.run_id, a.kind, a.queue, '{}', a.requirements, a.priority, state,
    clock_timestamp() + wait, wait <= interval '0', epoch, worker, a.time_limit, a.fault_retries,
    a.lost_retries, a.timeout_retries, a.preemption_retries, a.created_by,
    case when worker is not null then clock_timestamp() end, a.lane_id, a.place, a.limits,
    a.deadline, a.id, first, last, case when worker is not null then gen_random_uuid() end);
end
$$;


ALTER FUNCTION pra_store.cut(a pra_store.jobs, made bigint, first bigint, last bigint, state pra.job_state, worker bigint, epoch bigint, wait interval) OWNER TO pra_owner;

--
-- Name: cut_failures(pra_store.workers, bigint[], bigint[], uuid[], jsonb); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.cut_failures(me pra_store.workers, jobs bigint[], epochs bigint[], tokens uuid[], failures jsonb) RETURNS void
    LANGUAGE plpgsql
    AS $$
declare
  accepted bigint[];
  failure record;
  made bigint;
begin
  accepted := array(
    select j.id
    from unnest(jobs, epochs, tokens) as m (job, epoch, token)
    join pra_store.jobs as j on j.id = m.job
    where j.epoch = m.epoch and j.state = 'running' and j.worker_id = me.id
      and (me.token is null or j.token = m.token)
      and j.cancel_requested_at is null
    order by j.id
    for no key update of j);
  for failure in
    -- An element that is named twice has failed once.
    select distinct on (p.id, (f ->> 'element')::bigint)
      p.*, f ->> 'message' as said, (f ->> 'element')::bigint as element
    from jsonb_array_elements(failures) as f
    join pra_store.jobs as p on p.id = (f ->> 'job')::bigint
    where p.id = any(accepted)
  loop
    if failure.element is null or failure.array_id is null
      or failure.element not between failure.element_first and failure.element_end - 1 then
      raise exception 'failures: job % has no element %', failure.id, failure.element
        using errcode = 'PR003';
    end if;
    made := nextval('pra_store.jobs_id_seq');
    perform pra_store.cut(
      a, made, failure.element, failure.element + 1, 'ready', null, failure.epoch, pra_store.backoff(1))
    from pra_store.jobs as a where a.id = failure.array_id;
    update pra_store.jobs
    set faults = failure.faults + 1, message = left(failure.said, 4000),
        state = case when failure.faults + 1 > fault_retries then 'failed' else state end,
        finished_at = case when failure.faults + 1 > fault_retries then clock_timestamp() end
    where id = made;
    perform pra_store.record_event(
      'element.fault', failure.run_id, made, failure.epoch, me.id,
      jsonb_build_object('element', failure.element, 'message', left(failure.said, 4000)));
  end loop;
end
$$;


ALTER FUNCTION pra_store.cut_failures(me pra_store.workers, jobs bigint[], epochs bigint[], tokens uuid[], failures jsonb) OWNER TO pra_owner;

--
-- Name: cut_rollups(bigint, bigint); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.cut_rollups(job bigint, step bigint) RETURNS void
    LANGUAGE plpgsql
    AS $$
#variable_conflict use_column
begin
  delete from pra_store.metric_rollups as r where r.job_id = job and r.bucket >= step / 256;
  -- The bucket in which that step lies is made anew of the points before it.
  if step % 256 > 0 then
    perform pra_store.roll_up(job, step - step % 256, step);
  end if;
end
$$;


ALTER FUNCTION pra_store.cut_rollups(job bigint, step bigint) OWNER TO pra_owner;

--
-- Name: database_limit(); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.database_limit() RETURNS bigint
    LANGUAGE sql IMMUTABLE
    AS $$ select 1000000000::bigint; $$;


ALTER FUNCTION pra_store.database_limit() OWNER TO pra_owner;

--
-- Name: default_cause(pra.attempt_outcome, integer, integer); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.default_cause(outcome pra.attempt_outcome, exit_code integer, exit_signal integer) RETURNS text
    LANGUAGE plpgsql IMMUTABLE
    AS $$
begin
  return case
    when exit_signal is not null then 'signal'
    when outcome = 'timeout' then 'time-limit'
    when outcome = 'lost' then 'lease-lost'
    when exit_code is not null then 'exit-code'
    when outcome in ('released', 'preempted', 'cancelled') then 'asked'
  end;
end
$$;


ALTER FUNCTION pra_store.default_cause(outcome pra.attempt_outcome, exit_code integer, exit_signal integer) OWNER TO pra_owner;

--
-- Name: digest(text); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.digest(sha256 text) RETURNS bytea
    LANGUAGE plpgsql IMMUTABLE
    AS $_$
begin
  if sha256 is null or sha256 !~ '^[0-9a-f]{64}$' then
    raise exception 'sha256: "%" is not 64 lower-case hexadecimal digits', sha256
      using errcode = 'PR003';
  end if;
  return decode(sha256, 'hex');
end
$_$;


ALTER FUNCTION pra_store.digest(sha256 text) OWNER TO pra_owner;

--
-- Name: digests_in(jsonb); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.digests_in(arguments jsonb) RETURNS SETOF bytea
    LANGUAGE sql IMMUTABLE
    AS $_$
  select decode(v #>> '{}', 'hex')
  from jsonb_path_query(
    arguments, '$.** ? (@.type() == "string" && @ like_regex "^[0-9a-f]{64}$")') as v;
$_$;


ALTER FUNCTION pra_store.digests_in(arguments jsonb) OWNER TO pra_owner;

--
-- Name: doubt(bytea, bigint, integer, integer, text); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.doubt(sha256 bytea, upload bigint, store integer, copy integer, reason text) RETURNS void
    LANGUAGE plpgsql
    AS $$
#variable_conflict use_column
declare
  kept record;
begin
  if upload is not null then
    update pra_store.uploads as u set suspect_at = clock_timestamp()
    where u.id = upload and u.sha256 = doubt.sha256 and u.committed_at is not null
      and (u.size > 67108864 or u.sha256 is distinct from (
        select pg_catalog.sha256(string_agg(c.bytes, '' order by c.ordinal))
        from pra_store.artifact_chunks as c where c.upload_id = upload));
  elsif store is not null then
    update pra_store.objects as o set suspect_at = clock_timestamp()
    where o.store_id = store and o.sha256 = doubt.sha256 and o.copy = doubt.copy and o.state = 'stored';
  else
    perform from pra_store.artifacts as a
    where a.sha256 = doubt.sha256 and pg_catalog.sha256(a.bytes) <> a.sha256;
  end if;
  if not found then
    return;
  end if;
  update pra_store.artifacts as a set
    suspect_at = clock_timestamp(),
    suspicion = left(regexp_replace(reason, '[[:cntrl:]]', ' ', 'g'), 500)
  where a.sha256 = doubt.sha256 and a.suspect_at is null
    and (a.upload_id, a.store_id, a.copy) is not distinct from (doubt.upload, doubt.store, doubt.copy)
  returning a.size, a.suspicion into kept;
  if found then
    perform pra_store.record_event(
      'artifact.suspect', null, null, null, null,
      jsonb_build_object('sha256', encode(doubt.sha256, 'hex'), 'reason', kept.suspicion));
  end if;
end
$$;


ALTER FUNCTION pra_store.doubt(sha256 bytea, upload bigint, store integer, copy integer, reason text) OWNER TO pra_owner;

--
-- Name: draw_preview(pra_store.jobs, bigint, bigint); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.draw_preview(held pra_store.jobs, step bigint, since bigint) RETURNS void
    LANGUAGE plpgsql
    AS $$
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


ALTER FUNCTION pra_store.draw_preview(held pra_store.jobs, step bigint, since bigint) OWNER TO pra_owner;

--
-- Name: drop_limits(text[]); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.drop_limits(names text[]) RETURNS void
    LANGUAGE plpgsql
    AS $$
begin
  delete from pra_store.limit_slots as s where s.limit_name = any(names);
  delete from pra_store.limits as l where l.name = any(names);
end
$$;


ALTER FUNCTION pra_store.drop_limits(names text[]) OWNER TO pra_owner;

--
-- Name: dropped_objects(bigint); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.dropped_objects(job bigint) RETURNS bigint
    LANGUAGE sql STABLE
    AS $$
  select count(*) from pra_store.objects as o where o.dropped_by = job and o.state = 'deleting';
$$;


ALTER FUNCTION pra_store.dropped_objects(job bigint) OWNER TO pra_owner;

--
-- Name: earlier_job(text, text, bigint, jsonb, bigint, bigint, boolean); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.earlier_job(key text, kind text, run bigint, arguments jsonb, array_first bigint, array_last bigint, has_element_arguments boolean) RETURNS bigint
    LANGUAGE plpgsql STABLE
    AS $$
declare
  earlier pra_store.jobs;
begin
  select * into earlier from pra_store.jobs as j where j.idempotency_key = key;
  if (earlier.kind, earlier.run_id, earlier.arguments, earlier.array_first, earlier.array_end,
      earlier.has_element_arguments)
    is distinct from (kind, run, arguments, array_first, array_last + 1, has_element_arguments) then
    raise exception
      'idempotency_key: "%" is that of job %, which has another kind, run or arguments',
      key, earlier.id using errcode = 'PR004';
  end if;
  return earlier.id;
end
$$;


ALTER FUNCTION pra_store.earlier_job(key text, kind text, run bigint, arguments jsonb, array_first bigint, array_last bigint, has_element_arguments boolean) OWNER TO pra_owner;

--
-- Name: element_arguments(pra_store.jobs, bigint, bigint); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.element_arguments(array_job pra_store.jobs, first bigint, last bigint) RETURNS jsonb
    LANGUAGE plpgsql STABLE
    AS $$
declare
  whole jsonb := array_job.arguments;
  own jsonb;
begin
  if array_job.has_element_arguments then
    own := pra_store.arguments_of(array_job.id, first, last);
    return case when last - first = 1 then own -> 0 else jsonb_build_object('elements', own) end;
  end if;
  if array_job.first_path is not null then
    whole := jsonb_set(whole, array_job.first_path, to_jsonb(first));
  end if;
  if array_job.end_path is not null then
    whole := jsonb_set(whole, array_job.end_path, to_jsonb(last));
  end if;
  return whole;
end
$$;


ALTER FUNCTION pra_store.element_arguments(array_job pra_store.jobs, first bigint, last bigint) OWNER TO pra_owner;

--
-- Name: end_attempt(pra_store.jobs, pra.attempt_outcome, text, integer, integer, text); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.end_attempt(held pra_store.jobs, outcome pra.attempt_outcome, message text, exit_code integer, exit_signal integer, cause text DEFAULT NULL::text) RETURNS pra.job_state
    LANGUAGE plpgsql
    AS $$
#variable_conflict use_column
declare
  how pra.attempt_outcome := outcome;
  why text := message;
  next_state pra.job_state;
  wait interval := '0';
  known text := coalesce(cause, pra_store.default_cause(outcome, exit_code, exit_signal));
begin
  if held.cancel_requested_at is not null then
    how := 'cancelled';
  elsif held.deadline <= clock_timestamp() then
    how := 'timeout';
    known := 'deadline';
    why := format('its deadline %s is over', held.deadline);
  elsif how = 'released' and held.preempt_requested_at is not null and known is distinct from 'peer-lost' then
    how := 'preempted';
  end if;
  case how
    when 'fault' then
      if pra_store.is_host_lack(known) then
        held.host_faults := held.host_faults + 1;
        held := pra_store.avoid_host(held);
        -- Another host may have what this one lacks; where none has, time is what may help.
        if held.avoided_host is null or held.host_faults > 3 then
          wait := pra_store.backoff(held.host_faults);
        end if;
      else
        held.faults := held.faults + 1;
        wait := pra_store.backoff(held.faults);
        -- Whether the job is too large or the host too small is not known; another may be larger.
        if known = 'out-of-memory' then
          held := pra_store.avoid_host(held);
        end if;
      end if;
    when 'timeout' then
      held.timeouts := held.timeouts + 1;
      wait := pra_store.backoff(held.timeouts);
    when 'lost' then held.lost := held.lost + 1;
    when 'preempted' then held.preemptions := held.preemptions + 1;
    when 'permanent', 'cancelled', 'released' then null;
    else
      raise exception 'class: an attempt does not end as % here', how using errcode = 'PR003';
  end case;
  next_state := pra_store.state_after(held, how, known);
  if how = 'fault' and pra_store.is_host_lack(known) and next_state = 'failed' then
    why := format('%s attempts ended for want of something on their hosts, the last: %s',
      held.host_faults, message);
  end if;
  if next_state = 'ready' and pra_store.is_outdated_preview(held) then
    next_state := 'cancelled';
    why := concat_ws('; ', why, 'a newer preview waits in its place');
  end if;

  -- An attempt that was lost ended, as far as anybody knows, with the last beat of its worker.
  update pra_store.attempts
  set ended_at = case
        when how = 'lost' then greatest(started_at, (select w.beat_at from pra_store.workers as w where w.id = worker_id))
        else clock_timestamp() end,
      outcome = how, message = why,
      exit_code = end_attempt.exit_code, exit_signal = end_attempt.exit_signal, cause = known
  where job_id = held.id and epoch = held.epoch;
  if pra_store.is_crash(how, known, exit_signal) then
    held.crash_hosts := pra_store.count_crash(held);
    if cardinality(held.crash_hosts) >= 2 then
      next_state := 'quarantined';
      why := format('it crashes wherever it runs: on %s; %s',
        array_to_string(held.crash_hosts, ', '), message);
      perform pra_store.take_crashes_off(held.id);
    end if;
  end if;

  update pra_store.jobs
  set state = next_state, worker_id = null, run_after = clock_timestamp() + wait,
      due = wait <= interval '0',
      faults = held.faults, timeouts = held.timeouts, lost = held.lost,
      preemptions = held.preemptions, preempt_requested_at = null,
      host_faults = held.host_faults, avoided_host = held.avoided_host,
      avoided_until = held.avoided_until,
      crash_hosts = held.crash_hosts, message = coalesce(why, message),
      finished_at = case when next_state not in ('ready', 'blocked') then clock_timestamp() end
  where id = held.id;
  perform pra_store.settle_series(held.id);
  update pra_store.preemptions as p set released_at = clock_timestamp(), outcome = how
  where p.job_id = held.id and p.epoch = held.epoch and p.released_at is null;
  delete from pra_store.gang_members as g
  where g.worker_id = held.worker_id and g.job_id = held.id;
  insert into pra_store.count_steps (queue, kind, outcome, number) values (held.queue, held.kind, how::text, 1);
  perform pra_store.record_event(
    'attempt.' || how, held.run_id, held.id, held.epoch, held.worker_id,
    jsonb_strip_nulls(jsonb_build_object(
      'message', why, 'exit_code', end_attempt.exit_code,
      'exit_signal', end_attempt.exit_signal, 'cause', known, 'next', next_state)));
  if next_state = 'ready' and wait <= interval '0' or held.limits <> '{}' then
    perform pg_notify('pra_ready', '');
  end if;
  return next_state;
end
$$;


ALTER FUNCTION pra_store.end_attempt(held pra_store.jobs, outcome pra.attempt_outcome, message text, exit_code integer, exit_signal integer, cause text) OWNER TO pra_owner;

--
-- Name: end_of_series(bigint, integer); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.end_of_series(job bigint, series integer) RETURNS TABLE(value double precision, steps bigint)
    LANGUAGE plpgsql STABLE ROWS 1
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    SET jit TO 'off'
    AS $$
#variable_conflict use_column
declare
  final bigint := (
    select s.last_step from pra_store.metric_summaries as s where s.job_id = end_of_series.job and s.name_id = end_of_series.series);
  width bigint := greatest(1, least(100, (final + 1) / 10));
begin
  if final is null then
    return;
  end if;
  return query
    select avg(m.value), width
    from pra_store.metrics as m
    where m.job_id = end_of_series.job and m.name_id = end_of_series.series and m.step > final - width
      and m.value not in ('NaN', 'Infinity', '-Infinity') and exists (
        select from pra_store.metric_ranges as r
        where r.job_id = m.job_id and r.epoch = m.epoch and m.step >= r.from_step and m.step < r.to_step)
    having count(*) > 0;
  if not found then
    -- Its points were dropped, or are no numbers.
    return query
      select r.total / (r.points - r.not_finite), final - r.bucket * 256 + 1
      from pra_store.metric_rollups as r
      where r.job_id = end_of_series.job and r.name_id = end_of_series.series and r.points > r.not_finite
      order by r.bucket desc limit 1;
  end if;
end
$$;


ALTER FUNCTION pra_store.end_of_series(job bigint, series integer) OWNER TO pra_owner;

--
-- Name: end_overdue(bigint); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.end_overdue(worker bigint) RETURNS void
    LANGUAGE plpgsql
    AS $$
declare
  held pra_store.jobs;
begin
  for held in
    select j.* from pra_store.jobs as j
    join pra_store.attempts as a on a.job_id = j.id and a.epoch = j.epoch
    where j.worker_id = end_overdue.worker and j.state = 'running' and j.cancel_requested_at is null
      and (a.started_at + j.time_limit < clock_timestamp() - interval '30 seconds'
        or j.deadline < clock_timestamp() - interval '30 seconds')
    order by j.id for no key update of j skip locked
  loop
    perform pra_store.end_attempt(
      held, 'timeout', 'its time limit was over and its worker did not stop it in time', null, null);
  end loop;
end
$$;


ALTER FUNCTION pra_store.end_overdue(worker bigint) OWNER TO pra_owner;

--
-- Name: end_start(bigint); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.end_start(gang_job bigint) RETURNS void
    LANGUAGE plpgsql
    AS $$
#variable_conflict use_column
declare
  begun bigint;
  first record;
begin
  if exists (select from pra_store.jobs as j where j.array_id = gang_job and j.state = 'running') then
    return;
  end if;
  select max(m.start) into begun from pra_store.gang_meetings as m where m.gang_id = gang_job;
  if begun is null then
    return;
  end if;
  select t.outcome, t.ended_at, t.worker_id, format('rank %s: %s', m.rank, t.message) as message into first
  from pra_store.gang_meetings as m
  join pra_store.jobs as j on j.id = m.job_id
  join pra_store.attempts as t on t.job_id = j.id and t.epoch = j.epoch
  where m.gang_id = gang_job and m.start = begun and m.key = '' and t.outcome is not null
  order by t.outcome = 'succeeded', coalesce(t.cause = 'peer-lost', false), t.outcome = 'preempted', t.ended_at, m.rank
  limit 1;
  update pra_store.attempts as t
  set ended_at = coalesce(first.ended_at, clock_timestamp()), outcome = coalesce(first.outcome, 'released'),
      -- The one that is named where a worker was lost.
      worker_id = case when first.outcome = 'lost' then first.worker_id else t.worker_id end,
      message = case when first.outcome <> 'succeeded' then first.message end
  where t.job_id = gang_job and t.epoch = begun and t.ended_at is null;
  perform pra_store.settle_series(gang_job);
  delete from pra_store.gang_meetings as m where m.gang_id = gang_job;
end
$$;


ALTER FUNCTION pra_store.end_start(gang_job bigint) OWNER TO pra_owner;

--
-- Name: ending_in_time(pra_store.line_entry[], pra_store.workers); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.ending_in_time(entries pra_store.line_entry[], me pra_store.workers) RETURNS pra_store.line_entry[]
    LANGUAGE plpgsql STABLE
    AS $$
begin
  return array(
    select row(e.id, e.is_array, e.is_gang, e.time_limit, e.seats, e.limits)::pra_store.line_entry
    from unnest(entries) with ordinality as e (id, is_array, is_gang, time_limit, seats, limits, n)
    where e.is_gang or pra_store.stays(me, e.time_limit) order by e.n);
end
$$;


ALTER FUNCTION pra_store.ending_in_time(entries pra_store.line_entry[], me pra_store.workers) OWNER TO pra_owner;

--
-- Name: ends_before(interval, timestamp with time zone); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.ends_before(time_limit interval, moment timestamp with time zone) RETURNS boolean
    LANGUAGE plpgsql STABLE
    AS $$
begin
  return coalesce(clock_timestamp() + time_limit <= moment and moment < 'infinity', false);
end
$$;


ALTER FUNCTION pra_store.ends_before(time_limit interval, moment timestamp with time zone) OWNER TO pra_owner;

--
-- Name: ends_in(bigint); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.ends_in(job bigint) RETURNS text
    LANGUAGE sql STABLE
    AS $$
  select format('job %s ends in about %s', p.job_id, case
    when t.left_over < 60 then format('%s s', round(t.left_over))
    when t.left_over < 3600 then format('%s min', round(t.left_over / 60))
    when t.left_over < 86400 then format('%s h %s min', floor(t.left_over / 3600), floor(t.left_over::bigint % 3600 / 60))
    else format('%s d %s h', floor(t.left_over / 86400), floor(t.left_over::bigint % 86400 / 3600)) end)
  from pra_store.progress as p
  cross join lateral (select ((p.total - p.done) / p.rate)::numeric as left_over) as t
  where p.job_id = ends_in.job and p.rate > 0 and p.unit not like 'bytes %';
$$;


ALTER FUNCTION pra_store.ends_in(job bigint) OWNER TO pra_owner;

--
-- Name: enqueue(text, bigint, jsonb, boolean, text, integer, interval, bigint[], text[], text, interval, integer, integer, integer, integer, text[], timestamp with time zone, bigint, bigint, integer, integer, text[], text[], boolean, boolean); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.enqueue(kind text, run bigint, arguments jsonb, has_element_arguments boolean, queue text, priority integer, delay interval, after bigint[], requirements text[], idempotency_key text, time_limit interval, fault_retries integer, lost_retries integer, timeout_retries integer, preemption_retries integer, limits text[], deadline timestamp with time zone, array_first bigint, array_last bigint, array_limit integer, pack integer, first_path text[], end_path text[], elementwise boolean, gang boolean) RETURNS bigint
    LANGUAGE plpgsql
    AS $$
#variable_conflict use_column
declare
  made bigint;
  parents bigint[] := '{}';
  asked jsonb := '[]';
  named text[] := '{}';
  unmet_parents integer := 0;
begin
  perform pra_store.check_run(run);
  if after <> '{}' then
    parents := array(select distinct p from unnest(after) as p);
  end if;
  perform
    pra_store.check_budgets(
      priority, idempotency_key, time_limit, fault_retries, lost_retries, timeout_retries,
      preemption_retries),
    pra_store.check_array(
      array_first, array_last, array_limit, pack, coalesce(first_path, end_path) is not null,
      elementwise, gang, cardinality(parents));
  if requirements <> '{}' then
    asked := pra_store.parse_requirements(requirements);
  end if;
  if limits <> '{}' then
    named := pra_store.known_limits(limits);
    if gang then
      perform pra_store.check_gang(array_last - array_first + 1, named);
    end if;
  end if;
  if parents <> '{}' then
    unmet_parents := pra_store.hold_parents(parents, elementwise, array_first, array_last);
  end if;
  if array_first is not null and coalesce(first_path, end_path) is not null then
    perform pra_store.check_paths(arguments, first_path, end_path);
  end if;
  if delay is null or delay > interval '100 years' then
    raise exception 'delay: %, must be at most 100 years', delay using errcode = 'PR003';
  end if;
  if not isfinite(deadline) then
    raise exception 'deadline: %, is no moment', deadline using errcode = 'PR003';
  end if;
  if deadline <= clock_timestamp() + greatest(delay, interval '0')
    -- The job of that key is returned, whatever has passed since.
    and not exists (select from pra_store.jobs as j where j.idempotency_key = enqueue.idempotency_key) then
    raise exception 'deadline: %, is over%', deadline,
      case when delay > interval '0' then format(' before the delay of %s lets the job start', delay) else '' end
      using errcode = 'PR003';
  end if;
  if array_limit is not null then
    named := named || concat(
      'array-', nextval(pg_get_serial_sequence('pra_store.lanes', 'id')), '-', run)::text;
    perform pra_store.put_limit(named[cardinality(named)], array_limit);
  end if;

  insert into pra_store.jobs (
    run_id, kind, queue, arguments, requirements, priority, idempotency_key, state, run_after, due,
    unmet, time_limit, fault_retries, lost_retries, timeout_retries, preemption_retries, lane_id,
    place, limits, deadline, array_first, array_end, pack, first_path, end_path, gang, follows_id,
    has_element_arguments)
  values (
    run, enqueue.kind, enqueue.queue, enqueue.arguments, asked,
    enqueue.priority, enqueue.idempotency_key,
    case when unmet_parents > 0 then 'blocked' else 'ready' end::pra.job_state,
    clock_timestamp() + enqueue.delay, enqueue.delay <= interval '0', unmet_parents,
    enqueue.time_limit, enqueue.fault_retries, enqueue.lost_retries, enqueue.timeout_retries,
    enqueue.preemption_retries,
    pra_store.lane(run, enqueue.queue, enqueue.kind, asked, named),
    extract(epoch from clock_timestamp()) - 600.0 * enqueue.priority, named, enqueue.deadline,
    enqueue.array_first, enqueue.array_last + 1,
    case when enqueue.array_first is not null then coalesce(enqueue.pack, 1) end,
    enqueue.first_path, enqueue.end_path, enqueue.gang,
    case when elementwise then parents[1] end, enqueue.has_element_arguments)
  on conflict (idempotency_key) do nothing
  returning id into made;
  if made is null then
    if array_limit is not null then
      perform pra_store.drop_limits(named[cardinality(named):]);
    end if;
    return pra_store.earlier_job(
      idempotency_key, kind, run, arguments, array_first, array_last, has_element_arguments);
  end if;

  if parents <> '{}' then
    insert into pra_store.job_dependencies (job_id, parent_id)
    select made, p from unnest(parents) as p;
  end if;
  if elementwise then
    perform pra_store.follow(made, f.element_first, f.element_end)
    from pra_store.jobs as f where f.array_id = parents[1] and f.state = 'succeeded';
    if unmet_parents = 0 then
      update pra_store.jobs set state = 'running', started_at = clock_timestamp() where id = made;
    end if;
  end if;
  if unmet_parents = 0 and delay <= interval '0' then
    perform pg_notify('pra_ready', '');
  end if;
  return made;
end
$$;


ALTER FUNCTION pra_store.enqueue(kind text, run bigint, arguments jsonb, has_element_arguments boolean, queue text, priority integer, delay interval, after bigint[], requirements text[], idempotency_key text, time_limit interval, fault_retries integer, lost_retries integer, timeout_retries integer, preemption_retries integer, limits text[], deadline timestamp with time zone, array_first bigint, array_last bigint, array_limit integer, pack integer, first_path text[], end_path text[], elementwise boolean, gang boolean) OWNER TO pra_owner;

--
-- Name: ensure_event_partition(timestamp with time zone); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.ensure_event_partition(at timestamp with time zone) RETURNS void
    LANGUAGE plpgsql
    AS $_$
declare
  month timestamp := date_trunc('month', at at time zone 'UTC');
  first timestamptz := month at time zone 'UTC';
  until timestamptz := (month + interval '1 month') at time zone 'UTC';
  name text := 'events_' || to_char(month, 'YYYYMM');
begin
  if to_regclass('pra_store.' || name) is not null then
    return;
  end if;
  perform pra_store.lock_key('partitions of events');
  if to_regclass('pra_store.' || name) is not null then
    return;
  end if;
  execute format('create table pra_store.%I (like pra_store.events including defaults)', name);
  execute format(
    'with moved as (delete from pra_store.events_other as e where e.at >= $1 and e.at < $2 returning *)
     insert into pra_store.%I select * from moved', name) using first, until;
  execute format(
    'alter table pra_store.events attach partition pra_store.%I for values from (%L) to (%L)',
    name, first, until);
end
$_$;


ALTER FUNCTION pra_store.ensure_event_partition(at timestamp with time zone) OWNER TO pra_owner;

--
-- Name: ensure_metric_partition(timestamp with time zone); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.ensure_metric_partition(at timestamp with time zone) RETURNS void
    LANGUAGE plpgsql
    AS $$
declare
  month timestamp := date_trunc('month', at at time zone 'UTC');
  name text := 'metrics_' || to_char(month, 'YYYYMM');
begin
  if to_regclass('pra_store.' || name) is not null then
    return;
  end if;
  perform pra_store.lock_key('partitions of metrics');
  if to_regclass('pra_store.' || name) is not null then
    return;
  end if;
  execute format('create table pra_store.%I (like pra_store.metrics including defaults)', name);
  execute format(
    'alter table pra_store.metrics attach partition pra_store.%I for values from (%L) to (%L)',
    name, month || '+00', (month + interval '1 month') || '+00');
end
$$;


ALTER FUNCTION pra_store.ensure_metric_partition(at timestamp with time zone) OWNER TO pra_owner;

--
-- Name: fair_order(pra_store.line_view, integer, integer); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.fair_order(line pra_store.line_view, free integer, depth integer) RETURNS TABLE(id bigint, is_array boolean, gang boolean, time_limit interval, limits text[], slots integer, rank bigint)
    LANGUAGE plpgsql STABLE
    AS $$
#variable_conflict use_column
declare
  -- As many attempts of an array as all lanes together can use four times over: more would only be sorted.
  most integer := least(free, greatest(1, 4 * free / cardinality(line.lanes)));
  turn bigint := (select n.last_value from pra_store.turn_numbers as n);
begin
  return query
    with known as (
      -- Lanes, and runs of which something runs, in one list: windows over it do what joins would do.
      select l.id as lane, l.run_id, l.limits, v.place, 0::bigint as running
      from unnest(line.lanes, line.places) as v (lane, place)
      join pra_store.lanes as l on l.id = v.lane
      union all
      select null, u.run_id, null, null, u.running
      from unnest(line.runs, line.running) as u (run_id, running)
    ),
    of_runs as (
      select k.*, r.created_by as owner, r.weight, coalesce(u.weight, 1) as user_weight,
        sum(k.running) over w as held, count(k.lane) over w as lanes
      from known as k
      join pra_store.runs as r on r.id = k.run_id
      left join pra_store.users as u on u.name = r.created_by
      window w as (partition by k.run_id)
    ),
    of_users as (
      -- A weight is divided among the lanes that have it, so that it counts once.
      select o.*, sum(o.running) over w as user_held, count(o.lane) over w as user_lanes,
        sum(o.weight / o.lanes) filter (where o.lane is not null) over w as weights
      from of_runs as o
      window w as (partition by o.owner)
    ),
    lanes as (
      -- The part of all starts that its weight gives a user, and a run among the user's.
      select o.lane, o.run_id, o.owner, o.limits, o.place, o.weight, o.user_weight, o.held, o.user_held,
        o.user_weight / sum(o.user_weight / o.user_lanes) over () as user_part,
        o.weight / o.weights as part,
        case when o.limits <> '{}' then pra_store.free_slots(o.limits, depth) end as slots,
        (select t.number from pra_store.turns as t
         where t.run_id = o.run_id and t.number > turn - 100000
         order by t.number desc limit 1) as last_turn,
        (select t.number from pra_store.turns as t
         where t.owner = o.owner and t.number > turn - 100000
         order by t.number desc limit 1) as user_turn
      from of_users as o
      where o.lane is not null
    ),
    heads as (
      select j.*, l.run_id, l.owner, l.limits, l.slots, l.weight, l.user_weight, l.held, l.user_held,
        l.last_turn, l.user_turn,
        case when l.held > 0 then 0
          else least(1, coalesce((turn - l.last_turn) * l.user_part * l.part, 1)) end as owed,
        case when l.user_held > 0 then 0
          else least(1, coalesce((turn - l.user_turn) * l.user_part, 1)) end as user_owed,
        max(j.urgency) over (partition by j.calm) as oldest
      from lanes as l
      cross join lateral (
        select j.id, j.place as head, -j.priority as calm, j.array_first is not null as is_array, j.gang,
          j.time_limit, floor((extract(epoch from clock_timestamp()) - j.place) / 600) as urgency,
          row_number() over (order by j.place, j.id) as nth
        from pra_store.jobs as j
        where j.lane_id = l.lane and j.state = 'ready' and j.due and j.place >= l.place
          and (j.deadline is null or j.deadline > clock_timestamp())
        order by j.place, j.id
        limit depth
      ) as j
    ),
    seated as (
      select h.*, seat,
        min(case when h.nth_priority = 1 then -h.calm else h.oldest end) over (order by h.calm) as level
      from (select h.*, dense_rank() over (order by h.calm) as nth_priority from heads as h) as h
      cross join lateral generate_series(
        1, case when h.is_array and not h.gang and h.nth = 1 then least(most, h.slots) else 1 end) as seat
    ),
    in_runs as (
      select s.*, row_number() over (
        partition by s.run_id order by s.level desc, s.head, s.id, s.seat) as n
      from seated as s
    ),
    in_users as (
      select i.*, row_number() over (
        partition by i.owner
        order by i.level desc, (i.held + i.n - case when i.n = 1 then i.owed else 0 end) / i.weight,
          i.held / i.weight, i.last_turn nulls first, i.head, i.id, i.seat) as user_n
      from in_runs as i
    )
    select i.id, i.is_array, i.gang, i.time_limit, i.limits, i.slots,
      row_number() over (
        order by i.level desc,
          (i.user_held + i.user_n - case when i.user_n = 1 then i.user_owed else 0 end) / i.user_weight,
          i.user_held / i.user_weight, i.user_turn nulls first, i.head, i.id, i.user_n) as rank
    from in_users as i;
end
$$;


ALTER FUNCTION pra_store.fair_order(line pra_store.line_view, free integer, depth integer) OWNER TO pra_owner;

--
-- Name: fetch_members(bigint); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.fetch_members(worker bigint) RETURNS bigint[]
    LANGUAGE plpgsql
    AS $$
declare
  fetched bigint[];
begin
  with mine as (
    delete from pra_store.gang_members as g where g.worker_id = worker returning g.job_id, g.epoch
  )
  select array_agg(j.id) into fetched
  from mine as m join pra_store.jobs as j on j.id = m.job_id
  where j.epoch = m.epoch and j.state = 'running' and j.worker_id = worker;
  return fetched;
end
$$;


ALTER FUNCTION pra_store.fetch_members(worker bigint) OWNER TO pra_owner;

--
-- Name: first_of_day(date, integer[], integer[], text, timestamp with time zone, boolean); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.first_of_day(day date, hours integer[], minutes integer[], time_zone text, after timestamp with time zone, by_elapsed_time boolean) RETURNS timestamp with time zone
    LANGUAGE plpgsql STABLE
    AS $$
declare
  -- The times of two offsets from UTC, those of the evening before and of the morning after.
  early interval := pra_store.utc_offset(time_zone, day - interval '12 hours');
  late interval := pra_store.utc_offset(time_zone, day + interval '36 hours');
  shown timestamp;
  moment timestamptz;
  first timestamptz;
begin
  if early = late and day + interval '1 day' - early <= after at time zone 'UTC' then
    return null;
  end if;
  for shown in
    select day + make_interval(hours => h, mins => m)
    from unnest(hours) as h, unnest(minutes) as m
    -- Nothing before it, but in the two hours or so that may come twice.
    where early <> late
      or (day + make_interval(hours => h, mins => m) - early) at time zone 'UTC' > after
    order by 1
  loop
    if early = late then
      return (shown - early) at time zone 'UTC';
    end if;
    for moment in
      select (shown - o) at time zone 'UTC' from (values (early), (late)) as offsets (o)
      where (shown - o) at time zone 'UTC' at time zone time_zone = shown
      order by 1
    loop
      -- The other one of two is the second.
      continue when not by_elapsed_time and early > late
        and moment = (shown - early) at time zone 'UTC'
        and (shown - late) at time zone 'UTC' at time zone time_zone = shown;
      if moment > after then
        first := least(first, moment);
      end if;
    end loop;
    if not found and not by_elapsed_time then
      moment := pra_store.change_of_clocks(time_zone, day, early);
      if moment > after then
        first := least(first, moment);
      end if;
    end if;
  end loop;
  return first;
end
$$;


ALTER FUNCTION pra_store.first_of_day(day date, hours integer[], minutes integer[], time_zone text, after timestamp with time zone, by_elapsed_time boolean) OWNER TO pra_owner;

--
-- Name: first_to_end(bigint[]); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.first_to_end(jobs bigint[]) RETURNS text
    LANGUAGE sql STABLE
    AS $$
  select pra_store.ends_in(p.job_id)
  from pra_store.progress as p join pra_store.jobs as j on j.id = p.job_id
  where p.job_id = any (jobs) and j.state = 'running' and p.rate > 0 and p.unit not like 'bytes %'
  order by (p.total - p.done) / p.rate limit 1;
$$;


ALTER FUNCTION pra_store.first_to_end(jobs bigint[]) OWNER TO pra_owner;

--
-- Name: fitting_workers(pra_store.jobs); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.fitting_workers(it pra_store.jobs) RETURNS SETOF pra_store.workers
    LANGUAGE plpgsql STABLE
    AS $$
begin
  return query
    select w.* from pra_store.workers as w
    where w.stopped_at is null and not w.draining and w.drain_requested_at is null
      and pra_store.lease_end(w.lease_expires_at, w.lease) > clock_timestamp()
      and it.queue = any(w.queues) and it.kind = any(w.kinds)
      and pra_store.satisfies(w.labels, it.requirements);
end
$$;


ALTER FUNCTION pra_store.fitting_workers(it pra_store.jobs) OWNER TO pra_owner;

--
-- Name: fold_counts(); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.fold_counts() RETURNS void
    LANGUAGE plpgsql
    AS $$
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


ALTER FUNCTION pra_store.fold_counts() OWNER TO pra_owner;

--
-- Name: follow(bigint, bigint, bigint); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.follow(follower bigint, first bigint, last bigint) RETURNS void
    LANGUAGE plpgsql
    AS $$
declare
  a pra_store.jobs;
begin
  select * into a from pra_store.jobs where id = follower;
  perform pra_store.cut(
    a, nextval(pg_get_serial_sequence('pra_store.jobs', 'id')), first, last, 'ready');
end
$$;


ALTER FUNCTION pra_store.follow(follower bigint, first bigint, last bigint) OWNER TO pra_owner;

--
-- Name: follow_cut(bigint, bigint, bigint, bigint); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.follow_cut(array_job bigint, cut bigint, element_first bigint, element_end bigint) RETURNS boolean
    LANGUAGE plpgsql
    AS $$
#variable_conflict use_column
declare
  follower bigint;
begin
  for follower in
    select f.id from pra_store.jobs as f
    where f.follows_id = array_job and f.state not in ('succeeded', 'cancelled') order by f.id
  loop
    if exists (
      select from pra_store.jobs as p
      where p.array_id = array_job and p.id <> cut and p.element_first >= follow_cut.element_first
        and p.element_end <= follow_cut.element_end and p.state <> 'succeeded'
    ) then
      perform pra_store.follow(follower, e, e + 1)
      from generate_series(follow_cut.element_first, follow_cut.element_end - 1) as e
      where not exists (
        select from pra_store.jobs as p
        where p.array_id = array_job and p.id <> cut and p.element_first = e);
    else
      perform pra_store.follow(follower, follow_cut.element_first, follow_cut.element_end);
    end if;
  end loop;
  return follower is not null;
end
$$;


ALTER FUNCTION pra_store.follow_cut(array_job bigint, cut bigint, element_first bigint, element_end bigint) OWNER TO pra_owner;

--
-- Name: forget_held(); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.forget_held() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
  delete from pra_store.held_artifacts as h where h.worker_id = new.id;
  return null;
end
$$;


ALTER FUNCTION pra_store.forget_held() OWNER TO pra_owner;

--
-- Name: forget_turns(); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.forget_turns() RETURNS void
    LANGUAGE plpgsql
    AS $$
begin
  delete from pra_store.turns as t
  where t.number < (select n.last_value - 200000 from pra_store.turn_numbers as n);
end
$$;


ALTER FUNCTION pra_store.forget_turns() OWNER TO pra_owner;

--
-- Name: free(bigint, bytea[]); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.free(job bigint, digests bytea[]) RETURNS void
    LANGUAGE plpgsql
    AS $_$
#variable_conflict use_column
declare
  first timestamptz;
  freed bytea[];
begin
  if (select s.last_value from pra_store.jobs_id_seq as s) - job > 200000 then
    return;
  end if;
  -- The bytes are this job's own: nobody had stored them before it began.
  freed := array(
    select a.sha256 from pra_store.artifacts as a
    where a.sha256 = any(digests)
      and a.created_at >= (select min(t.started_at) from pra_store.attempts as t where t.job_id = job)
      and a.touched_at <= a.created_at + interval '10 milliseconds'
      and not pra_store.is_referred_to(a.sha256)
      and not exists (select from pra_store.awaited_artifacts() as w where w.sha256 = a.sha256)
    for update of a skip locked);
  select min(a.created_at) into first from pra_store.artifacts as a where a.sha256 = any(freed);
  freed := array(
    select f.sha256 from unnest(freed) as f (sha256)
    except
    select decode(v #>> '{}', 'hex')
    from (
      select j.arguments from pra_store.jobs as j where j.id > job and j.created_at >= first
      union all
      select e.arguments from pra_store.element_arguments as e where e.array_id > job
      union all
      select s.arguments from pra_store.schedules as s
    ) as n
    cross join jsonb_path_query(
      n.arguments, '$.** ? (@.type() == "string" && @ like_regex "^[0-9a-f]{64}$")') as v);
  delete from pra_store.artifacts as a where a.sha256 = any(freed);
  update pra_store.objects as o set state = 'deleting', dropped_by = job
  where o.sha256 = any(freed) and o.state = 'stored';
  delete from pra_store.artifact_chunks as c using pra_store.uploads as u
  where c.upload_id = u.id and u.sha256 = any(freed) and u.committed_at is not null;
  delete from pra_store.uploads as u where u.sha256 = any(freed) and u.committed_at is not null;
end
$_$;


ALTER FUNCTION pra_store.free(job bigint, digests bytea[]) OWNER TO pra_owner;

--
-- Name: free_places(pra_store.workers, integer, bigint); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.free_places(me pra_store.workers, wanted integer, oldest bigint) RETURNS integer
    LANGUAGE plpgsql STABLE
    AS $$
begin
  if me.draining or me.drain_requested_at is not null or me.lack is not null then
    return 0;
  end if;
  return greatest(0, least(wanted, me.slots - (
    select count(*) from pra_store.jobs as j
    where j.worker_id = me.id and j.state = 'running' and j.id >= coalesce(oldest, 0))));
end
$$;


ALTER FUNCTION pra_store.free_places(me pra_store.workers, wanted integer, oldest bigint) OWNER TO pra_owner;

--
-- Name: free_slots(text[], integer); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.free_slots(limits text[], most integer) RETURNS integer
    LANGUAGE plpgsql STABLE
    AS $$
declare
  wanted text;
  free integer := most;
begin
  foreach wanted in array limits loop
    free := (
      select count(*) from (
        select from pra_store.limit_slots as s
        where s.limit_name = wanted and s.job_id is null limit free) as f);
    exit when free = 0;
  end loop;
  return free;
end
$$;


ALTER FUNCTION pra_store.free_slots(limits text[], most integer) OWNER TO pra_owner;

--
-- Name: full_limits(text[]); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.full_limits(limits text[]) RETURNS SETOF text
    LANGUAGE plpgsql STABLE
    AS $$
begin
  return query
    select format('limit "%s" is full: %s of %s held by job%s %s', l.name,
      count(*), l.slots, case when count(*) = 1 then '' else 's' end,
      array_to_string((array_agg(s.job_id order by s.taken_at))[1:10], ', ')
        || case when count(*) > 10 then ' ...' else '' end)
    from pra_store.limits as l
    join pra_store.limit_slots as s on s.limit_name = l.name and s.job_id is not null
    where l.name = any(full_limits.limits)
      and not exists (
        select from pra_store.limit_slots as f where f.limit_name = l.name and f.job_id is null)
    group by l.name, l.slots
    order by l.name;
  return query
    select format('limit "%s" is 0: nothing may run', l.name)
    from pra_store.limits as l
    where l.name = any(full_limits.limits) and l.slots = 0
      and not exists (select from pra_store.limit_slots as s where s.limit_name = l.name)
    order by l.name;
end
$$;


ALTER FUNCTION pra_store.full_limits(limits text[]) OWNER TO pra_owner;

--
-- Name: full_limits_of(integer[]); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.full_limits_of(lanes integer[]) RETURNS text[]
    LANGUAGE plpgsql STABLE
    AS $$
begin
  return array(
    select distinct n
    from pra_store.lanes as l cross join lateral unnest(l.limits) as n
    where l.id = any(lanes) and l.limits <> '{}'
      and not exists (
        select from pra_store.limit_slots as s where s.limit_name = n and s.job_id is null));
end
$$;


ALTER FUNCTION pra_store.full_limits_of(lanes integer[]) OWNER TO pra_owner;

--
-- Name: gang_ahead(pra_store.jobs); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.gang_ahead(it pra_store.jobs) RETURNS SETOF pra_store.jobs
    LANGUAGE plpgsql STABLE
    AS $$
declare
  gang pra_store.jobs;
  barrier pra_store.barrier;
begin
  for gang in
    select g.* from pra_store.jobs as g
    where g.gang and g.state = 'ready' and g.due and (g.place, g.id) < (it.place, it.id)
      and (g.queue = it.queue or g.limits && it.limits)
    order by g.place, g.id limit 100
  loop
    barrier := pra_store.gang_barrier(gang.id);
    if barrier.blocks and gang.queue = it.queue or it.limits && barrier.limits then
      return next gang;
      return;
    end if;
  end loop;
end
$$;


ALTER FUNCTION pra_store.gang_ahead(it pra_store.jobs) OWNER TO pra_owner;

--
-- Name: gang_barrier(bigint); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.gang_barrier(gang_job bigint) RETURNS pra_store.barrier
    LANGUAGE plpgsql STABLE
    AS $$
declare
  g pra_store.jobs;
  needed integer;
  places integer;
  free integer;
  kept text[];
  lacking text[];
  starts timestamptz;
begin
  select * into g from pra_store.jobs where id = gang_job;
  needed := pra_store.gang_size(g);
  select coalesce(sum(s.slots), 0), coalesce(sum(s.free), 0) into places, free
  from pra_store.seats_for(g) as s;
  if places < needed or exists (
    select from pra_store.limits as l where l.name = any(g.limits) and l.slots < needed
  ) or exists (
    select from pra_store.runs as r where r.id = g.run_id and r.paused_at is not null
  ) or exists (
    select from pra_store.queues as q where q.name = g.queue and q.paused_at is not null
  ) then
    return row(false, '{}'::text[], 'infinity'::timestamptz, g.place);
  end if;
  -- It keeps as many slots of a limit as it needs, where there are more to spare.
  kept := array(
    select n from unnest(g.limits) as n where pra_store.free_slots(array[n], needed + 1) <= needed);
  if pra_store.free_slots(g.limits, needed) < needed then
    lacking := array(
      select n from unnest(g.limits) as n where pra_store.free_slots(array[n], needed) < needed);
    starts := (
      select max(pra_store.nth_end(
        array(select s.job_id from pra_store.limit_slots as s
              where s.limit_name = n and s.job_id is not null),
        needed - pra_store.free_slots(array[n], needed)))
      from unnest(lacking) as n);
    return row(false, case when starts < 'infinity' then kept else lacking end, starts, g.place);
  end if;
  return row(true, kept, case
    when free >= needed then clock_timestamp()
    else pra_store.nth_end(
      array(select j.id from pra_store.jobs as j
            where j.state = 'running'
              and j.worker_id in (select s.worker_id from pra_store.seats_for(g) as s)),
      needed - free) end,
    g.place);
end
$$;


ALTER FUNCTION pra_store.gang_barrier(gang_job bigint) OWNER TO pra_owner;

--
-- Name: gang_fit(pra_store.jobs); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.gang_fit(a pra_store.jobs) RETURNS integer
    LANGUAGE plpgsql STABLE
    AS $$
begin
  if a.gang_sizes is null then
    return pra_store.gang_size(a);
  end if;
  return coalesce((
    select max(n) from unnest(a.gang_sizes) as n
    where n <= (select coalesce(sum(s.free), 0) from pra_store.seats_for(a) as s)
      and (a.limits = '{}' or n <= pra_store.free_slots(a.limits, n))), a.gang_sizes[1]);
end
$$;


ALTER FUNCTION pra_store.gang_fit(a pra_store.jobs) OWNER TO pra_owner;

--
-- Name: gang_size(pra_store.jobs); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.gang_size(a pra_store.jobs) RETURNS integer
    LANGUAGE sql STABLE
    AS $$
  select case when a.gang_sizes is not null then a.gang_sizes[1] when count(*) = 0 then (a.array_end - a.array_first)::integer
    else count(*) filter (where m.state = 'blocked')::integer end
  from pra_store.jobs as m where m.array_id = a.id;
$$;


ALTER FUNCTION pra_store.gang_size(a pra_store.jobs) OWNER TO pra_owner;

--
-- Name: gangs_elsewhere(integer[]); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.gangs_elsewhere(lanes integer[]) RETURNS pra_store.barrier
    LANGUAGE plpgsql STABLE
    AS $$
declare
  gang bigint;
  one pra_store.barrier;
  all_of_them pra_store.barrier := row(false, '{}'::text[], 'infinity'::timestamptz, null);
begin
  for gang in
    select g.id from pra_store.jobs as g
    where g.gang and g.state = 'ready' and g.due and g.limits <> '{}' and g.lane_id <> all(lanes)
      and (g.deadline is null or g.deadline > clock_timestamp())
    order by g.place, g.id limit 100
  loop
    one := pra_store.gang_barrier(gang);
    if one.limits <> '{}' then
      all_of_them := row(
        false, all_of_them.limits || one.limits, least(all_of_them.starts, one.starts),
        coalesce(all_of_them.place, one.place));
    end if;
  end loop;
  return all_of_them;
end
$$;


ALTER FUNCTION pra_store.gangs_elsewhere(lanes integer[]) OWNER TO pra_owner;

--
-- Name: give_lane(); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.give_lane() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
  new.lane_id := pra_store.lane(new.run_id, new.queue, new.kind, new.requirements, new.limits);
  new.place := extract(epoch from clock_timestamp()) - 600.0 * new.priority;
  new.due := new.run_after <= clock_timestamp();
  return new;
end
$$;


ALTER FUNCTION pra_store.give_lane() OWNER TO pra_owner;

--
-- Name: give_slots(bigint[]); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.give_slots(jobs bigint[]) RETURNS void
    LANGUAGE plpgsql
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    AS $$
declare
  lowered record;
  removed integer;
begin
  lock table pra_store.limit_slots in row exclusive mode;
  -- The slots of a limit that was lowered below what runs go away.
  for lowered in
    select l.name, l.excess from pra_store.limits as l
    where l.excess > 0 and exists (
      select from pra_store.limit_slots as s where s.limit_name = l.name and s.job_id = any(jobs))
    order by l.name for no key update
  loop
    delete from pra_store.limit_slots as s
    where s.limit_name = lowered.name and s.job_id in (
      select h.job_id from pra_store.limit_slots as h
      where h.limit_name = lowered.name and h.job_id = any(jobs)
      order by h.ordinal limit lowered.excess);
    get diagnostics removed = row_count;
    update pra_store.limits set excess = excess - removed where name = lowered.name;
  end loop;
  update pra_store.limit_slots set job_id = null, epoch = null, taken_at = null
  where job_id = any(jobs);
end
$$;


ALTER FUNCTION pra_store.give_slots(jobs bigint[]) OWNER TO pra_owner;

--
-- Name: groups_in_line(); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.groups_in_line() RETURNS TABLE(queue text, kind text, requirements jsonb, limits text[], time_limit interval, example bigint, size bigint, places bigint, jobs bigint, oldest timestamp with time zone)
    LANGUAGE sql STABLE
    AS $$
  with heaps as materialized (
    -- One pass over the line.
    select j.lane_id, j.time_limit, j.room_needed,
      case when j.avoided_until > clock_timestamp() then j.avoided_host end as avoided,
      case when j.array_first is not null then j.id end as whole,
      count(*) as jobs, min(j.run_after) as oldest, min(j.id) as example
    from pra_store.jobs as j
    where j.state = 'ready' and (j.due or j.run_after <= clock_timestamp())
      and (j.deadline is null or j.deadline > clock_timestamp())
    group by 1, 2, 3, 4, 5
  ),
  wanted as (
    select l.queue, l.kind, l.requirements, l.limits, h.*,
      case when a.gang then pra_store.gang_size(a) else 1 end::bigint as size,
      case when h.whole is null then h.jobs
        when a.gang then pra_store.gang_size(a)
        else (a.array_end - pra_store.next_element(a) + a.pack - 1) / a.pack end as places
    from heaps as h
    join pra_store.lanes as l on l.id = h.lane_id
    join pra_store.runs as r on r.id = l.run_id
    join pra_store.queues as q on q.name = l.queue
    left join pra_store.jobs as a on a.id = h.whole
    where r.paused_at is null and q.paused_at is null
  )
  select w.queue, w.kind, w.requirements, w.limits, w.time_limit, min(w.example), w.size, sum(w.places)::bigint,
    sum(w.jobs)::bigint, min(w.oldest)
  from wanted as w
  group by w.queue, w.kind, w.requirements, w.limits, w.time_limit, w.room_needed, w.avoided, w.whole, w.size
  order by min(w.oldest), min(w.example);
$$;


ALTER FUNCTION pra_store.groups_in_line() OWNER TO pra_owner;

--
-- Name: has(bytea); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.has(sha256 bytea) RETURNS boolean
    LANGUAGE plpgsql
    AS $$
#variable_conflict use_column
declare
  kept record;
begin
  update pra_store.artifacts as a set touched_at = clock_timestamp() where a.sha256 = has.sha256
  returning a.size, a.upload_id, a.unverified, a.suspect_at,
    case when a.unverified then pra_store.owner_of(a.upload_id, a.store_id, a.sha256, a.copy) end as owner
  into kept;
  if not found or kept.suspect_at is not null
    or kept.unverified and kept.owner is distinct from session_user::text
  then
    return false;
  end if;
  if kept.upload_id is not null and kept.size <> (
    select coalesce(sum(length(c.bytes)), 0) from pra_store.artifact_chunks as c where c.upload_id = kept.upload_id
  ) then
    perform pra_store.doubt(has.sha256, kept.upload_id, null, null, 'rows of it are missing in the database');
    return false;
  end if;
  return true;
end
$$;


ALTER FUNCTION pra_store.has(sha256 bytea) OWNER TO pra_owner;

--
-- Name: has_series(pra_store.jobs); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.has_series(a pra_store.jobs) RETURNS boolean
    LANGUAGE sql STABLE
    AS $$
  select a.gang and exists (select from pra_store.attempts as t where t.job_id = a.id and t.epoch = a.epoch);
$$;


ALTER FUNCTION pra_store.has_series(a pra_store.jobs) OWNER TO pra_owner;

--
-- Name: has_series(bigint, text); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.has_series(job bigint, metric text) RETURNS boolean
    LANGUAGE sql STABLE
    AS $$
  select exists (
    select from pra_store.metrics as m join pra_store.metric_names as n on n.id = m.name_id
    where m.job_id = job and n.name = metric);
$$;


ALTER FUNCTION pra_store.has_series(job bigint, metric text) OWNER TO pra_owner;

--
-- Name: have_limits(pra_store.line_entry[]); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.have_limits(entries pra_store.line_entry[]) RETURNS boolean
    LANGUAGE plpgsql STABLE
    AS $$
begin
  return exists (select from unnest(entries) as e where e.limits <> '{}');
end
$$;


ALTER FUNCTION pra_store.have_limits(entries pra_store.line_entry[]) OWNER TO pra_owner;

--
-- Name: held_gang(pra_store.jobs, uuid); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.held_gang(held pra_store.jobs, token uuid) RETURNS pra_store.jobs
    LANGUAGE plpgsql STABLE
    AS $$
#variable_conflict use_column
begin
  select j.worker_id into held.worker_id
  from pra_store.gang_meetings as m join pra_store.jobs as j on j.id = m.job_id
  where m.gang_id = held.id and m.start = held.epoch and m.rank = 0 and m.key = ''
    and j.state = 'running' and j.token = held_gang.token;
  return held;
end
$$;


ALTER FUNCTION pra_store.held_gang(held pra_store.jobs, token uuid) OWNER TO pra_owner;

--
-- Name: held_upkeep(bigint, uuid); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.held_upkeep(worker bigint, token uuid) RETURNS void
    LANGUAGE plpgsql
    AS $$
begin
  perform pra_store.live_worker(worker, token, locks => false);
  if not exists (
    select from pra_store.upkeep as u where u.worker_id = held_upkeep.worker and u.ended_at is null) then
    raise exception 'lease lost: worker % does not collect garbage', worker using errcode = 'PR001';
  end if;
end
$$;


ALTER FUNCTION pra_store.held_upkeep(worker bigint, token uuid) OWNER TO pra_owner;

--
-- Name: hold(bigint, bigint, boolean, uuid); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.hold(job bigint, epoch bigint, exclusive boolean, token uuid DEFAULT NULL::uuid) RETURNS pra_store.jobs
    LANGUAGE plpgsql
    AS $$
#variable_conflict use_column
declare
  held pra_store.jobs;
begin
  if exclusive then
    select * into held from pra_store.jobs where id = job for no key update;
  else
    select * into held from pra_store.jobs where id = job for share;
  end if;
  if held.gang and held.state = 'running' then
    held := pra_store.held_gang(held, hold.token);
  end if;
  if held.id is null or held.state <> 'running' or held.epoch <> hold.epoch or not exists (
    select from pra_store.workers as w
    where w.id = held.worker_id and w.stopped_at is null
      and (w.token is null or held.token = hold.token)
      and pra_store.lease_end(w.lease_expires_at, w.lease) > clock_timestamp()
  ) then
    raise exception 'lease lost: attempt % of job % may write no more', hold.epoch, job
      using errcode = 'PR001';
  end if;
  return held;
end
$$;


ALTER FUNCTION pra_store.hold(job bigint, epoch bigint, exclusive boolean, token uuid) OWNER TO pra_owner;

--
-- Name: hold_parents(bigint[], boolean, bigint, bigint); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.hold_parents(parents bigint[], elementwise boolean, array_first bigint, array_last bigint) RETURNS integer
    LANGUAGE plpgsql
    AS $$
declare
  existing bigint[];
  unmet integer;
begin
  perform from pra_store.jobs as j where j.id = any(parents) order by j.id for share;
  select coalesce(array_agg(j.id), '{}'), count(*) filter (where j.state <> 'succeeded')
  into existing, unmet
  from pra_store.jobs as j where j.id = any(parents);
  if cardinality(existing) <> cardinality(parents) then
    raise exception 'after: there is no job %',
      (select min(p) from unnest(parents) as p where p <> all(existing)) using errcode = 'PR002';
  end if;
  if elementwise and not exists (
    select from pra_store.jobs as p
    where p.id = parents[1] and p.array_first = hold_parents.array_first
      and p.array_end = array_last + 1 and not p.gang
  ) then
    raise exception 'after: job % is no array of the elements %-%', parents[1], array_first,
      array_last using errcode = 'PR004';
  end if;
  return unmet;
end
$$;


ALTER FUNCTION pra_store.hold_parents(parents bigint[], elementwise boolean, array_first bigint, array_last bigint) OWNER TO pra_owner;

--
-- Name: host(jsonb, text); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.host(labels jsonb, name text) RETURNS text
    LANGUAGE plpgsql IMMUTABLE
    AS $$ begin return coalesce(labels ->> 'host', name); end $$;


ALTER FUNCTION pra_store.host(labels jsonb, name text) OWNER TO pra_owner;

--
-- Name: identity(); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.identity() RETURNS uuid
    LANGUAGE plpgsql
    AS $_$
declare
  here record;
  own uuid;
begin
  -- No session can set the name of its cluster.
  select c.system_identifier, d.oid as database,
    substring(current_setting('cluster_name') from '^pra-folder-[0-9]+$') as folder
  into here
  from pg_control_system() as c cross join pg_database as d where d.datname = current_database();
  select i.id into own from pra_store.identity as i
  where i.system_identifier = here.system_identifier and i.database = here.database
    and i.folder is not distinct from here.folder;
  if own is null then
    insert into pra_store.identity as i (system_identifier, database, folder)
    values (here.system_identifier, here.database, here.folder)
    on conflict (is_one) do update set
      id = case
        when (i.system_identifier, i.database) = (excluded.system_identifier, excluded.database)
          and coalesce(i.folder = excluded.folder, true) then i.id
        else excluded.id
      end,
      system_identifier = excluded.system_identifier, database = excluded.database, folder = excluded.folder
    returning i.id into own;
  end if;
  return own;
end
$_$;


ALTER FUNCTION pra_store.identity() OWNER TO pra_owner;

--
-- Name: inputs_of(pra_store.jobs); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.inputs_of(it pra_store.jobs) RETURNS TABLE(sha256 bytea, size bigint, place text)
    LANGUAGE plpgsql STABLE
    AS $_$
declare
  given jsonb := case when it.array_id is null then it.arguments else (
    select pra_store.element_arguments(a, it.element_first, it.element_end)
    from pra_store.jobs as a where a.id = it.array_id) end;
  -- Gathered first: the planner knows how long an array is, and takes a JSON text for thousands of values.
  words text[];
  named jsonb[];
  jobs bigint[];
begin
  select array_agg(w.word), array_agg(v.value),
    -- A number that is none of a job must not make the claim fail.
    array_agg(case
      when jsonb_typeof(v.value) = 'number' and (v.value)::numeric between 0 and 1e18
        then trunc((v.value)::numeric)::bigint end)
  into words, named, jobs
  from pra_store.kinds as k
  cross join jsonb_each(k.reads) as r (argument, words)
  cross join jsonb_array_elements_text(r.words) as w (word)
  cross join jsonb_path_query(given -> r.argument, 'lax $[*]') as v (value)
  where k.kind = it.kind;
  return query
    with parts as (
      select j.word, j.id from unnest(words, jobs) as j (word, id) where j.id is not null
      union all
      select j.word, p.id from unnest(words, jobs) as j (word, id) join pra_store.jobs as p on p.array_id = j.id
    ),
    digests as (
      select o.sha256
      from parts as p join pra_store.job_outputs as o on o.job_id = p.id and o.name like replace(p.word, '*', '%')
      union
      select f.sha256
      from (
        select p.id from parts as p where p.word = 'checkpoint'
        union all select it.id where it.epoch > 0
      ) as p
      cross join lateral (
        select c.id from pra_store.checkpoints as c where c.job_id = p.id order by c.step desc, c.id desc limit 1
      ) as last
      join pra_store.checkpoint_files as f on f.checkpoint_id = last.id
      union
      select decode(n.value #>> '{}', 'hex')
      from unnest(words, named) as n (word, value) where n.word = 'artifact' and n.value #>> '{}' ~ '^[0-9a-f]{64}$'
    )
    select a.sha256, a.size, s.place
    from digests as d
    join pra_store.artifacts as a on a.sha256 = d.sha256
    left join pra_store.stores as s on s.id = a.store_id
    where a.size > 1048576;
end
$_$;


ALTER FUNCTION pra_store.inputs_of(it pra_store.jobs) OWNER TO pra_owner;

--
-- Name: insert_points(pra_store.jobs, bigint); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.insert_points(held pra_store.jobs, batch bigint) RETURNS bigint
    LANGUAGE plpgsql
    AS $$
#variable_conflict use_column
declare
  arrived timestamptz := clock_timestamp();
  taken bigint;
begin
  insert into pra_store.metric_names (name)
  select distinct s.name from pra_store.metric_staging as s
  where s.token = held.token and s.batch = insert_points.batch
    and not exists (select from pra_store.metric_names as n where n.name = s.name)
  order by s.name
  on conflict do nothing;

  perform pra_store.ensure_metric_partition(arrived);
  insert into pra_store.metrics (recorded_at, job_id, epoch, name_id, step, value)
  select arrived, held.id, held.epoch, n.id, p.step, p.value
  from pra_store.metric_staging as s
  join pra_store.metric_names as n on n.name = s.name
  cross join unnest(s.steps, s."values") as p (step, value)
  where s.token = held.token and s.batch = insert_points.batch;
  get diagnostics taken = row_count;
  return taken;
end
$$;


ALTER FUNCTION pra_store.insert_points(held pra_store.jobs, batch bigint) OWNER TO pra_owner;

--
-- Name: is_asked_for(bigint, bigint); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.is_asked_for(job bigint, step bigint) RETURNS boolean
    LANGUAGE sql STABLE
    AS $$
  select exists (
    select from pra_store.jobs as t join pra_store.jobs as o on o.run_id = t.run_id
    where t.id = job and o.state in ('blocked', 'ready', 'running')
      and o.arguments @> jsonb_build_object('train', job, 'step', step));
$$;


ALTER FUNCTION pra_store.is_asked_for(job bigint, step bigint) OWNER TO pra_owner;

--
-- Name: is_crash(pra.attempt_outcome, text, integer); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.is_crash(outcome pra.attempt_outcome, cause text, exit_signal integer) RETURNS boolean
    LANGUAGE sql IMMUTABLE
    AS $$
  select coalesce(outcome = 'fault' and cause in ('signal', 'out-of-memory')
    and (exit_signal is null or exit_signal in (4, 5, 6, 7, 8, 9, 11, 31)), false);
$$;


ALTER FUNCTION pra_store.is_crash(outcome pra.attempt_outcome, cause text, exit_signal integer) OWNER TO pra_owner;

--
-- Name: is_host_lack(text); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.is_host_lack(cause text) RETURNS boolean
    LANGUAGE plpgsql IMMUTABLE
    AS $$ begin return coalesce(cause in ('host', 'not-started'), false); end $$;


ALTER FUNCTION pra_store.is_host_lack(cause text) OWNER TO pra_owner;

--
-- Name: is_lost(bigint); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.is_lost(worker bigint) RETURNS boolean
    LANGUAGE plpgsql STABLE
    AS $$
begin
  return exists (
    select from pra_store.workers as w
    where w.id = worker and w.stopped_at is null
      and pra_store.lease_end(w.lease_expires_at, w.lease) <= clock_timestamp());
end
$$;


ALTER FUNCTION pra_store.is_lost(worker bigint) OWNER TO pra_owner;

--
-- Name: is_needed(bytea, boolean, bigint, integer, integer); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.is_needed(sha256 bytea, is_whole boolean, upload bigint, store integer, copy integer) RETURNS boolean
    LANGUAGE sql STABLE
    AS $$
  select exists (
    select from pra_store.artifacts as a
    where a.sha256 = is_needed.sha256
      and (a.upload_id = upload or a.store_id = store and a.copy = is_needed.copy
        or is_whole and (a.unverified or a.suspect_at is not null)));
$$;


ALTER FUNCTION pra_store.is_needed(sha256 bytea, is_whole boolean, upload bigint, store integer, copy integer) OWNER TO pra_owner;

--
-- Name: is_operator(); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.is_operator() RETURNS boolean
    LANGUAGE sql STABLE
    AS $$
  select case when pra_store.actor() = session_user then pra_store.operates(session_user)
    else pra_store.operates(pra_store.actor())
      or coalesce(current_setting('pra.operates', true), '') = 'yes' and pra_store.operates(session_user) end;
$$;


ALTER FUNCTION pra_store.is_operator() OWNER TO pra_owner;

--
-- Name: is_outdated_preview(pra_store.jobs); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.is_outdated_preview(held pra_store.jobs) RETURNS boolean
    LANGUAGE sql STABLE
    AS $$
  select held.preview_of is not null and exists (
    select from pra_store.jobs as j
    where j.run_id = held.run_id and j.preview_of is not null and j.state = 'ready' and j.id <> held.id);
$$;


ALTER FUNCTION pra_store.is_outdated_preview(held pra_store.jobs) OWNER TO pra_owner;

--
-- Name: is_own_word(bytea, bigint, integer, integer); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.is_own_word(sha256 bytea, upload bigint, store integer, copy integer) RETURNS boolean
    LANGUAGE sql STABLE
    AS $$
  select coalesce(pra_store.owner_of(upload, store, sha256, copy) = session_user::text, false) and (
    exists (
      select from pra_store.uploads as u
      where u.sha256 = is_own_word.sha256 and u.committed_at is not null and u.id is distinct from upload)
    or exists (
      select from pra_store.objects as o
      where o.sha256 = is_own_word.sha256 and o.state = 'stored'
        and (o.store_id, o.copy) is distinct from (store, is_own_word.copy)));
$$;


ALTER FUNCTION pra_store.is_own_word(sha256 bytea, upload bigint, store integer, copy integer) OWNER TO pra_owner;

--
-- Name: is_paused(pra_store.jobs); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.is_paused(j pra_store.jobs) RETURNS boolean
    LANGUAGE sql STABLE
    AS $$
  select exists (select from pra_store.runs as r where r.id = j.run_id and r.paused_at is not null)
    or exists (select from pra_store.queues as q where q.name = j.queue and q.paused_at is not null);
$$;


ALTER FUNCTION pra_store.is_paused(j pra_store.jobs) OWNER TO pra_owner;

--
-- Name: is_referred_to(bytea); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.is_referred_to(sha256 bytea) RETURNS boolean
    LANGUAGE sql STABLE
    AS $$
  select exists (select from pra_store.job_outputs as o where o.sha256 = is_referred_to.sha256)
    or exists (select from pra_store.checkpoint_files as f where f.sha256 = is_referred_to.sha256)
    or exists (select from pra_store.images as i where i.sha256 = is_referred_to.sha256)
    or exists (select from pra_store.image_sets as i where i.sha256 = is_referred_to.sha256)
    or exists (
      select from pra_store.kept_results as k join pra_store.artifacts as s on s.sha256 = k.source
      where k.sha256 = is_referred_to.sha256);
$$;


ALTER FUNCTION pra_store.is_referred_to(sha256 bytea) OWNER TO pra_owner;

--
-- Name: jobs_read_by_others(bigint[]); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.jobs_read_by_others(runs bigint[]) RETURNS bigint[]
    LANGUAGE sql STABLE
    AS $$
  with recursive needed (id) as (
    select d.parent_id
    from pra_store.jobs as p
    join pra_store.job_dependencies as d on d.parent_id = p.id
    join pra_store.jobs as c on c.id = d.job_id
    where p.run_id = any(runs) and c.run_id <> all(runs)
    union
    select e.id
    from needed as n
    cross join lateral (
      select d.parent_id as id from pra_store.job_dependencies as d where d.job_id = n.id
      union all
      select j.id from pra_store.jobs as j where j.array_id = n.id
      union all
      select j.follows_id from pra_store.jobs as j where j.id = n.id and j.follows_id is not null
    ) as e
  )
  select coalesce(array_agg(n.id), '{}') from needed as n
  join pra_store.jobs as j on j.id = n.id where j.run_id = any(runs);
$$;


ALTER FUNCTION pra_store.jobs_read_by_others(runs bigint[]) OWNER TO pra_owner;

--
-- Name: kinds_of_parts(text[]); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.kinds_of_parts(parts text[]) RETURNS text[]
    LANGUAGE sql IMMUTABLE
    AS $$
  select case when 'checkpoints' = any(parts) then array['train', 'features', 'reference'] else '{}' end
    || case when 'images' = any(parts) then array['sample'] else '{}' end
    || case when 'data' = any(parts) then array['ingest'] else '{}' end;
$$;


ALTER FUNCTION pra_store.kinds_of_parts(parts text[]) OWNER TO pra_owner;

--
-- Name: known_limits(text[]); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.known_limits(limits text[]) RETURNS text[]
    LANGUAGE plpgsql STABLE
    AS $$
declare
  named text[] := array(select distinct l from unnest(limits) as l order by l);
  unknown text[] := array(
    select n from unnest(named) as n
    where not exists (select from pra_store.limits as l where l.name = n) order by n);
begin
  if unknown <> '{}' then
    raise exception 'limits: there is no limit "%"', unknown[1]
      using errcode = 'PR002', hint = 'pra.set_limit makes one.';
  end if;
  return named;
end
$$;


ALTER FUNCTION pra_store.known_limits(limits text[]) OWNER TO pra_owner;

--
-- Name: label_fault(text, text); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.label_fault(label text, value text) RETURNS text
    LANGUAGE plpgsql IMMUTABLE
    AS $_$
begin
  if label !~ '^[A-Za-z_][A-Za-z0-9_.-]{0,99}$' then
    return format('the name "%s" has to be up to 100 letters, digits, _, . and -, and not to begin with a digit',
      left(label, 40));
  elsif value is null or length(value) not between 1 and 200 then
    return 'the value has to have 1 to 200 characters';
  elsif value ~ '[<>=!''"`\x01-\x1f\x7f]|^ | $' then
    return 'the value holds a quote, a comparator, a control character or a blank at an end';
  elsif label <> 'host' and value ~* '^-?[0-9]+(\.[0-9]+)?\s*([kmgp]i?b?|t(i?b)?|b|([kmgtp]i?|kilo|mega|giga|tera|peta|kibi|mebi|gibi|tebi|pebi)?(bits?|bytes?)(/s)?|gigs?|([kmg]|kilo|mega|giga)?(hz|hertz)|k?w|watts?|%)$' then
    return format('"%s" is a number with a unit, which compares with no number; name the unit in the label, as in vram_gib=80',
      value);
  end if;
  return null;
end
$_$;


ALTER FUNCTION pra_store.label_fault(label text, value text) OWNER TO pra_owner;

--
-- Name: lacking(pra_store.jobs, integer); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.lacking(it pra_store.jobs, serving integer) RETURNS text
    LANGUAGE plpgsql STABLE
    AS $$
declare
  unmet text;
begin
  select string_agg(format('%s%s%s', r ->> 'label', r ->> 'op', r ->> 'value'), ', ') into unmet
  from jsonb_array_elements(it.requirements) as r
  where not exists (
    select from pra_store.workers as w
    where w.stopped_at is null
      and pra_store.lease_end(w.lease_expires_at, w.lease) > clock_timestamp()
      and it.queue = any(w.queues) and it.kind = any(w.kinds)
      and pra_store.satisfies(w.labels, jsonb_build_array(r)));
  if unmet is not null then
    return format('none of %s live workers has %s', serving, unmet)
      || coalesce('; ' || pra_store.no_numbers(it), '');
  end if;
  return format('none of %s live workers fits all of %s', serving,
    (select string_agg(format('%s%s%s', r ->> 'label', r ->> 'op', r ->> 'value'), ', ')
     from jsonb_array_elements(it.requirements) as r));
end
$$;


ALTER FUNCTION pra_store.lacking(it pra_store.jobs, serving integer) OWNER TO pra_owner;

--
-- Name: lane(bigint, text, text, jsonb, text[]); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.lane(run bigint, queue text, kind text, requirements jsonb, limits text[]) RETURNS integer
    LANGUAGE plpgsql
    AS $_$
#variable_conflict use_column
declare
  word text := case when requirements = '[]' and limits = '{}' then ''
    else md5(requirements::text || limits::text) end;
  known integer;
begin
  select id into known from pra_store.lanes
  where run_id = run and queue = lane.queue and kind = lane.kind and key = word;
  if found then
    return known;
  end if;
  if kind is null or kind !~ '^[a-z][a-z0-9-]{0,62}$' then
    raise exception 'kind: "%" is not a name of lower-case letters, digits and -', kind
      using errcode = 'PR003';
  end if;
  if not exists (select from pra_store.queues where name = lane.queue) then
    if lane.queue is null or lane.queue !~ '^[a-z0-9][a-z0-9_.-]{0,62}$' then
      raise exception 'queue: "%" is not a name of lower-case letters, digits, _, . and -',
        lane.queue using errcode = 'PR003';
    end if;
    insert into pra_store.queues (name) values (lane.queue) on conflict do nothing;
  end if;
  if not exists (select from pra_store.runs where id = run) then
    raise exception 'run: there is no run %', run using errcode = 'PR002';
  end if;
  insert into pra_store.lanes (run_id, queue, kind, requirements, limits, key)
  values (run, lane.queue, lane.kind, lane.requirements, lane.limits, word)
  on conflict (run_id, queue, kind, key) do nothing
  returning id into known;
  if known is null then
    select id into known from pra_store.lanes
    where run_id = run and queue = lane.queue and kind = lane.kind and key = word;
  end if;
  return known;
end
$_$;


ALTER FUNCTION pra_store.lane(run bigint, queue text, kind text, requirements jsonb, limits text[]) OWNER TO pra_owner;

--
-- Name: lanes_in_line(); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.lanes_in_line() RETURNS SETOF integer
    LANGUAGE sql STABLE
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    AS $$
  with recursive found (lane_id) as (
    select min(j.lane_id) from pra_store.jobs as j where j.state = 'ready' and j.due
    union all
    select (
      select min(j.lane_id) from pra_store.jobs as j where j.state = 'ready' and j.due and j.lane_id > f.lane_id)
    from found as f where f.lane_id is not null
  )
  select f.lane_id from found as f where f.lane_id is not null;
$$;


ALTER FUNCTION pra_store.lanes_in_line() OWNER TO pra_owner;

--
-- Name: lease_end(timestamp with time zone, interval); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.lease_end(expires_at timestamp with time zone, lease interval) RETURNS timestamp with time zone
    LANGUAGE plpgsql STABLE
    AS $$ begin return greatest(expires_at, pg_postmaster_start_time() + lease); end $$;


ALTER FUNCTION pra_store.lease_end(expires_at timestamp with time zone, lease interval) OWNER TO pra_owner;

--
-- Name: leaving_workers(pra_store.jobs); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.leaving_workers(it pra_store.jobs) RETURNS TABLE(name text, leaves_at timestamp with time zone)
    LANGUAGE plpgsql STABLE
    AS $$
begin
  return query
    select w.name, w.leaves_at from pra_store.fitting_workers(it) as w where not pra_store.stays(w, it.time_limit);
end
$$;


ALTER FUNCTION pra_store.leaving_workers(it pra_store.jobs) OWNER TO pra_owner;

--
-- Name: runs; Type: TABLE; Schema: pra_store; Owner: pra_owner
--

CREATE TABLE pra_store.runs (
    id bigint NOT NULL,
    name text NOT NULL,
    configuration jsonb NOT NULL,
    code_version text,
    data_fingerprint text,
    idempotency_key text,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    created_by text DEFAULT 
CASE
    WHEN pg_has_role(SESSION_USER, (to_regrole('pra_proxy'::text))::oid, 'member'::text) THEN (COALESCE(NULLIF(current_setting('pra.actor'::text, true), ''::text), (SESSION_USER)::text))::name
    ELSE SESSION_USER
END NOT NULL,
    paused_at timestamp with time zone,
    weight double precision DEFAULT 1 NOT NULL,
    removed text[] DEFAULT '{}'::text[] NOT NULL,
    data_job bigint,
    tags text[] DEFAULT '{}'::text[] NOT NULL,
    note text,
    archived_at timestamp with time zone,
    deleted_at timestamp with time zone,
    deleted_by text,
    purged_at timestamp with time zone,
    CONSTRAINT runs_check CHECK (((deleted_at IS NULL) = (deleted_by IS NULL))),
    CONSTRAINT runs_check1 CHECK (((purged_at IS NULL) OR (deleted_at IS NOT NULL))),
    CONSTRAINT runs_idempotency_key_check CHECK (((length(idempotency_key) >= 1) AND (length(idempotency_key) <= 500))),
    CONSTRAINT runs_name_check CHECK (((length(name) >= 1) AND (length(name) <= 200))),
    CONSTRAINT runs_note_check CHECK (((length(note) >= 1) AND (length(note) <= 10000))),
    CONSTRAINT runs_weight_check CHECK (((weight >= (0.000001)::double precision) AND (weight <= ('1000000'::numeric)::double precision)))
);


ALTER TABLE pra_store.runs OWNER TO pra_owner;

--
-- Name: live_run(bigint); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.live_run(run bigint) RETURNS pra_store.runs
    LANGUAGE plpgsql
    AS $$
declare
  found_run pra_store.runs;
begin
  select * into found_run from pra_store.runs as r where r.id = live_run.run for no key update;
  if not found then
    raise exception 'run: there is no run %', run using errcode = 'PR002';
  end if;
  if found_run.deleted_at is not null then
    raise exception 'run: run % is deleted; `pra delete --undo %` brings it back', run, run using errcode = 'PR002';
  end if;
  return found_run;
end
$$;


ALTER FUNCTION pra_store.live_run(run bigint) OWNER TO pra_owner;

--
-- Name: live_worker(bigint, uuid, boolean); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.live_worker(worker bigint, token uuid, locks boolean) RETURNS pra_store.workers
    LANGUAGE plpgsql
    AS $$
declare
  live pra_store.workers;
begin
  if locks then
    select * into live from pra_store.workers as w where w.id = worker for no key update;
  else
    select * into live from pra_store.workers as w where w.id = worker;
  end if;
  if live.id is null or live.stopped_at is not null
    or live.token is not null and live.token is distinct from live_worker.token
    or pra_store.lease_end(live.lease_expires_at, live.lease) <= clock_timestamp() then
    raise exception 'lease lost: worker % may do no more', worker using errcode = 'PR001';
  end if;
  return live;
end
$$;


ALTER FUNCTION pra_store.live_worker(worker bigint, token uuid, locks boolean) OWNER TO pra_owner;

--
-- Name: lock_key(text); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.lock_key(key text) RETURNS void
    LANGUAGE plpgsql
    AS $$
#variable_conflict use_column
begin
  insert into pra_store.keys (key) values (lock_key.key);
  delete from pra_store.keys where key = lock_key.key;
end
$$;


ALTER FUNCTION pra_store.lock_key(key text) OWNER TO pra_owner;

--
-- Name: look_at_line(pra_store.workers); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.look_at_line(me pra_store.workers) RETURNS pra_store.line_view
    LANGUAGE plpgsql
    AS $$
declare
  -- The type's text: a change of the type needs another name of the setting, since sessions live on.
  line pra_store.line_view := nullif(current_setting('pra.line_view', true), '')::pra_store.line_view;
  started timestamptz := clock_timestamp();
  was_slow boolean := coalesce(current_setting('pra.last_look', true), '') = 'slow';
  is_slow boolean;
  open integer[];
begin
  if line.worker_id = me.id and line.expires_at > started then
    open := pra_store.open_lanes(me, line.lanes);
    -- Those that are in both lists, without a join, which would compare each with each.
    select array_agg(b.lane), array_agg(b.place) into line.lanes, line.places
    from (
      select u.lane, max(u.place) as place
      from (
        select v.lane, v.place from unnest(line.lanes, line.places) as v (lane, place)
        union all
        select o, null from unnest(open) as o
      ) as u
      group by u.lane having count(*) = 2
    ) as b;
    return line;
  end if;
  line := null;
  line.lanes := pra_store.open_lanes(me);
  if line.lanes is null then
    return line;
  end if;
  line.places := array_fill('-infinity'::double precision, array[cardinality(line.lanes)]);
  if cardinality(line.lanes) > 1 then
    select array_agg(u.run_id), array_agg(u.running) into line.runs, line.running
    from (
      select j.run_id, count(*) as running from pra_store.jobs as j
      where j.state = 'running' and j.worker_id is not null
      group by j.run_id
    ) as u;
  end if;
  -- One slow look may be the machine's; two are the line's.
  is_slow := clock_timestamp() - started > interval '20 milliseconds';
  if is_slow <> was_slow then
    perform set_config('pra.last_look', case when is_slow then 'slow' else '' end, false);
  end if;
  if is_slow and was_slow then
    line.places := array(
      select coalesce(
        (select j.place from pra_store.jobs as j
         where j.lane_id = l.lane and j.state = 'ready' and j.due order by j.place, j.id limit 1),
        '-infinity')
      from unnest(line.lanes) with ordinality as l (lane, n) order by l.n);
    line.worker_id := me.id;
    line.expires_at := clock_timestamp() + least(
      20 * (clock_timestamp() - started), interval '60 seconds');
    perform set_config('pra.line_view', line::text, false);
  end if;
  return line;
end
$$;


ALTER FUNCTION pra_store.look_at_line(me pra_store.workers) OWNER TO pra_owner;

--
-- Name: loss(pra_store.jobs); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.loss(it pra_store.jobs) RETURNS text
    LANGUAGE sql STABLE
    AS $$
  select format('its worker %s (%s) was lost at %s', w.id, w.name,
    date_trunc('second', least(w.stopped_at, pra_store.lease_end(w.lease_expires_at, w.lease))))
  from pra_store.attempts as a join pra_store.workers as w on w.id = a.worker_id
  where a.job_id = it.id and a.epoch = it.epoch;
$$;


ALTER FUNCTION pra_store.loss(it pra_store.jobs) OWNER TO pra_owner;

--
-- Name: made_by(bigint, text[], text[]); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.made_by(run bigint, parts text[], kinds text[]) RETURNS TABLE(what text, number bigint, bytes bigint)
    LANGUAGE plpgsql STABLE
    AS $$
#variable_conflict use_column
begin
  if parts is null then
    return query select 'jobs', count(*), 0::bigint from pra_store.jobs as j where j.run_id = run;
    return query select 'metric points', coalesce(sum(s.points), 0)::bigint, 0::bigint
      from pra_store.metric_summaries as s join pra_store.jobs as j on j.id = s.job_id where j.run_id = run;
    return query select 'pieces of logs', count(*), coalesce(sum(pg_column_size(l.bytes)), 0)::bigint
      from pra_store.log_chunks as l join pra_store.jobs as j on j.id = l.job_id where j.run_id = run;
    return query select 'evaluations', count(*), 0::bigint
      from pra_store.evaluations as e join pra_store.jobs as j on j.id = e.job_id where j.run_id = run;
    return query select 'schedules', count(*), 0::bigint from pra_store.schedules as s where s.run_id = run;
  end if;
  if parts is null or 'checkpoints' = any(parts) then
    return query
      select 'checkpoints', count(distinct c.id), pra_store.bytes_of(array_agg(f.sha256))
      from pra_store.checkpoints as c
      join pra_store.jobs as j on j.id = c.job_id
      left join pra_store.checkpoint_files as f on f.checkpoint_id = c.id
      where j.run_id = run;
  end if;
  if parts is null or 'images' = any(parts) then
    return query
      select 'images', coalesce(sum(i.number), 0)::bigint, pra_store.bytes_of(array_agg(i.sha256))
      from (
        select 1 as number, i.sha256 from pra_store.images as i join pra_store.jobs as j on j.id = i.job_id
        where j.run_id = run
        union all
        select cardinality(i.labels), i.sha256
        from pra_store.image_sets as i join pra_store.jobs as j on j.id = i.job_id
        where j.run_id = run
      ) as i;
  end if;
  return query
    select case j.kind when 'ingest' then 'data sets' when 'sample' then 'packed images' else j.kind || ' outputs' end,
      -- A data set has several files.
      case j.kind when 'ingest' then count(distinct j.id) else count(*) end,
      pra_store.bytes_of(array_agg(o.sha256))
    from pra_store.job_outputs as o join pra_store.jobs as j on j.id = o.job_id
    where j.run_id = run and (parts is null or j.kind = any(kinds))
    group by j.kind order by 1;
end
$$;


ALTER FUNCTION pra_store.made_by(run bigint, parts text[], kinds text[]) OWNER TO pra_owner;

--
-- Name: make_due(); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.make_due() RETURNS void
    LANGUAGE plpgsql
    AS $$
#variable_conflict use_column
begin
  update pra_store.jobs set due = true
  where id = any(array(
    select id from pra_store.jobs
    where state = 'ready' and not due and run_after <= clock_timestamp()
    order by run_after limit 1000
    for no key update skip locked));
end
$$;


ALTER FUNCTION pra_store.make_due() OWNER TO pra_owner;

--
-- Name: may_be_read(bigint); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.may_be_read(job bigint) RETURNS boolean
    LANGUAGE sql STABLE
    AS $$
  select exists (
      select from pra_store.jobs as j join pra_store.jobs as o on o.run_id = j.run_id
      where j.id = job and o.state in ('blocked', 'ready', 'running'))
    or exists (
      select from pra_store.job_dependencies as d join pra_store.jobs as c on c.id = d.job_id
      where d.parent_id = job and c.state in ('blocked', 'ready', 'running'));
$$;


ALTER FUNCTION pra_store.may_be_read(job bigint) OWNER TO pra_owner;

--
-- Name: may_delete(bigint, text[], boolean); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.may_delete(run bigint, kinds text[], whole boolean) RETURNS void
    LANGUAGE plpgsql
    AS $$
declare
  found_run pra_store.runs := pra_store.live_run(run);
  waiting bigint;
begin
  if found_run.created_by <> pra_store.actor() and not pra_store.is_operator() then
    raise exception 'run: % was created by %, who may delete it, as may operators', run,
      found_run.created_by using errcode = '42501';
  end if;
  select j.id into waiting from pra_store.jobs as j
  where j.run_id = run and j.state in ('blocked', 'ready', 'running') order by j.id limit 1;
  if found then
    raise exception 'run % (%) cannot be deleted yet: its job % has not ended; pra cancel --run % cancels what is left',
      run, found_run.name, waiting, run using errcode = 'PR004';
  end if;
  select c.id into waiting
  from pra_store.jobs as p
  join pra_store.job_dependencies as d on d.parent_id = p.id
  join pra_store.jobs as c on c.id = d.job_id
  where p.run_id = run and (whole or p.kind = any(kinds)) and c.run_id <> run
    and c.state in ('blocked', 'ready', 'running')
  order by c.id limit 1;
  if found then
    raise exception 'run % (%) cannot be deleted yet: job %, of another run, has not ended and reads what it has made',
      run, found_run.name, waiting using errcode = 'PR004';
  end if;
  -- Jobs of a whole run that others read stay by themselves.
  if not whole and 'ingest' = any(kinds) then
    select c.run_id into waiting
    from pra_store.jobs as p
    join pra_store.job_dependencies as d on d.parent_id = p.id
    join pra_store.jobs as c on c.id = d.job_id
    join pra_store.runs as r on r.id = c.run_id
    where p.run_id = run and p.kind = 'ingest' and c.run_id <> run and r.deleted_at is null
      and not r.removed @> '{data}'
    order by c.run_id limit 1;
    if found then
      raise exception 'run % trains on the data set of run %, whose data stay as long; delete that run first',
        waiting, run using errcode = 'PR004';
    end if;
  end if;
end
$$;


ALTER FUNCTION pra_store.may_delete(run bigint, kinds text[], whole boolean) OWNER TO pra_owner;

--
-- Name: may_ever_run(pra_store.workers, pra_store.jobs); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.may_ever_run(me pra_store.workers, j pra_store.jobs) RETURNS boolean
    LANGUAGE plpgsql STABLE
    AS $$
begin
  return me.id is null or pra_store.satisfies(me.labels, j.requirements) and pra_store.stays(me, j.time_limit);
end
$$;


ALTER FUNCTION pra_store.may_ever_run(me pra_store.workers, j pra_store.jobs) OWNER TO pra_owner;

--
-- Name: may_not_suit(integer[], pra_store.workers); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.may_not_suit(lanes integer[], me pra_store.workers) RETURNS boolean
    LANGUAGE plpgsql STABLE
    AS $$
begin
  return me.reading_kinds <> '{}' and exists (
      select from pra_store.lanes as l where l.id = any(lanes) and l.kind = any(me.reading_kinds))
    or exists (
      select from pra_store.jobs as j
      where j.room_needed is not null and j.state = 'ready' and j.lane_id = any(lanes));
end
$$;


ALTER FUNCTION pra_store.may_not_suit(lanes integer[], me pra_store.workers) OWNER TO pra_owner;

--
-- Name: misfit(jsonb, jsonb, text); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.misfit(given jsonb, schema jsonb, path text) RETURNS text
    LANGUAGE plpgsql IMMUTABLE
    AS $$
declare
  types jsonb := schema -> 'type';
  is_a text := jsonb_typeof(given);
  found text;
begin
  if is_a = 'number' and (given #>> '{}')::numeric % 1 = 0 then
    is_a := 'integer';
  end if;
  if types is not null and not (
    to_jsonb(is_a) <@ types or is_a = 'integer' and to_jsonb('number'::text) <@ types
  ) then
    return pra_store.unexpected(given, path,
      case jsonb_typeof(types) when 'array'
        then (select string_agg(t, ' or ') from jsonb_array_elements_text(types) as t)
        else types #>> '{}' end);
  end if;
  if schema ?| '{enum,const}' then
    found := pra_store.choice_misfit(given, schema, path);
    if found is not null then return found; end if;
  end if;
  return case
    when is_a in ('integer', 'number') then pra_store.number_misfit(given, schema, path)
    when is_a = 'string' then pra_store.string_misfit(given, schema, path)
    when is_a = 'array' then pra_store.array_misfit(given, schema, path)
    when is_a = 'object' then pra_store.object_misfit(given, schema, path)
  end;
end
$$;


ALTER FUNCTION pra_store.misfit(given jsonb, schema jsonb, path text) OWNER TO pra_owner;

--
-- Name: misplaced_secret(jsonb, jsonb, text); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.misplaced_secret(given jsonb, schema jsonb, path text) RETURNS text
    LANGUAGE plpgsql IMMUTABLE
    AS $_$
declare
  is_a text := jsonb_typeof(given);
  part record;
  found text;
begin
  if is_a = 'string' then
    return case when given #>> '{}' ~* '^\s*secret://'
      and (schema -> 'secret' is distinct from 'true' or given #>> '{}' !~ '^secret://[A-Za-z0-9_.-]+$')
      then path end;
  elsif is_a = 'array' then
    for part in
      select e.item, e.n - 1 as n
      from jsonb_array_elements(given) with ordinality as e (item, n)
    loop
      found := pra_store.misplaced_secret(part.item, schema -> 'items', format('%s[%s]', path, part.n));
      if found is not null then return found; end if;
    end loop;
  elsif is_a = 'object' then
    for part in select e.key, e.value from jsonb_each(given) as e order by e.key loop
      found := pra_store.misplaced_secret(
        part.value, coalesce(schema -> 'properties' -> part.key, schema -> 'additionalProperties'),
        path || '.' || part.key);
      if found is not null then return found; end if;
    end loop;
  end if;
  return null;
end
$_$;


ALTER FUNCTION pra_store.misplaced_secret(given jsonb, schema jsonb, path text) OWNER TO pra_owner;

--
-- Name: missing_on(pra_store.jobs, pra_store.workers); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.missing_on(it pra_store.jobs, me pra_store.workers, OUT bytes bigint, OUT digests bytea[]) RETURNS record
    LANGUAGE plpgsql STABLE
    AS $$
begin
  select coalesce(sum(i.size), 0), coalesce(array_agg(i.sha256), '{}') into bytes, digests
  from pra_store.inputs_of(it) as i
  where (i.place is null or i.place <> all(me.store_places))
    and not exists (
      select from pra_store.held_artifacts as h where h.worker_id = me.id and h.sha256 = i.sha256);
end
$$;


ALTER FUNCTION pra_store.missing_on(it pra_store.jobs, me pra_store.workers, OUT bytes bigint, OUT digests bytea[]) OWNER TO pra_owner;

--
-- Name: must_wait(pra_store.line_entry, pra_store.barrier, pra_store.barrier, pra_store.barrier); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.must_wait(entry pra_store.line_entry, places pra_store.barrier, slots pra_store.barrier, elsewhere pra_store.barrier) RETURNS boolean
    LANGUAGE plpgsql STABLE
    AS $$
begin
  return places.blocks and not pra_store.ends_before(entry.time_limit, places.starts)
    or entry.limits && slots.limits and not pra_store.ends_before(entry.time_limit, slots.starts)
    or entry.limits && elsewhere.limits and not pra_store.ends_before(entry.time_limit, elsewhere.starts)
      and elsewhere.place < (select j.place from pra_store.jobs as j where j.id = entry.id);
end
$$;


ALTER FUNCTION pra_store.must_wait(entry pra_store.line_entry, places pra_store.barrier, slots pra_store.barrier, elsewhere pra_store.barrier) OWNER TO pra_owner;

--
-- Name: named_artifacts(bigint[]); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.named_artifacts(but bigint[] DEFAULT '{}'::bigint[]) RETURNS TABLE(sha256 bytea)
    LANGUAGE sql STABLE
    AS $$
  select pra_store.digests_in(a.arguments)
  from (
    select j.arguments
    from pra_store.jobs as j join pra_store.runs as r on r.id = j.run_id
    where not r.removed @> '{data}' and r.id <> all(but)
    union all
    select e.arguments
    from pra_store.element_arguments as e
    join pra_store.jobs as j on j.id = e.array_id
    join pra_store.runs as r on r.id = j.run_id
    where not r.removed @> '{data}' and r.id <> all(but)
    union all
    select s.arguments from pra_store.schedules as s
  ) as a;
$$;


ALTER FUNCTION pra_store.named_artifacts(but bigint[]) OWNER TO pra_owner;

--
-- Name: next_element(pra_store.jobs); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.next_element(a pra_store.jobs) RETURNS bigint
    LANGUAGE plpgsql STABLE
    AS $$
#variable_conflict use_column
begin
  return (
    select coalesce(
      (select element_end from pra_store.jobs where array_id = a.id order by element_end desc limit 1),
      a.array_first));
end
$$;


ALTER FUNCTION pra_store.next_element(a pra_store.jobs) OWNER TO pra_owner;

--
-- Name: next_in_line(pra_store.line_view, integer, integer); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.next_in_line(line pra_store.line_view, free integer, depth integer) RETURNS pra_store.line_entry[]
    LANGUAGE plpgsql STABLE
    AS $$
begin
  if cardinality(line.lanes) > 1 then
    return array(
      select row(
        f.id, f.is_array, f.gang, f.time_limit, count(*) filter (where f.position <= free), f.limits
      )::pra_store.line_entry
      from (
        select s.*, row_number() over (order by s.rank) as position
        from (
          select r.*, r.limits <> '{}' and not r.gang
              and r.slots < row_number() over (partition by r.limits, r.gang order by r.rank) as has_no_slot
          from pra_store.fair_order(line, free, depth) as r
        ) as s
        -- No more jobs that share their limits than slots are free: what waits for a slot hides nothing.
        where not s.has_no_slot
      ) as f
      group by f.id, f.is_array, f.gang, f.time_limit, f.limits
      order by min(f.position)
      limit depth);
  end if;
  -- One lane is served in its own order: an array takes all places that those before it leave.
  return array(
    select row(
      j.id, j.array_first is not null, j.gang, j.time_limit,
      case when j.array_first is null then 1 else free end, j.limits)::pra_store.line_entry
    from pra_store.jobs as j
    where j.lane_id = line.lanes[1] and j.state = 'ready' and j.due and j.place >= line.places[1]
      and (j.deadline is null or j.deadline > clock_timestamp())
    order by j.place, j.id
    limit depth);
end
$$;


ALTER FUNCTION pra_store.next_in_line(line pra_store.line_view, free integer, depth integer) OWNER TO pra_owner;

--
-- Name: no_numbers(pra_store.jobs); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.no_numbers(it pra_store.jobs) RETURNS text
    LANGUAGE plpgsql STABLE
    AS $_$
begin
  return (
    select 'compared as numbers: ' || string_agg(
      format('worker %s has %s=%s, which is no number', w.name, r ->> 'label', w.labels ->> (r ->> 'label')), ', '
      order by w.id)
    from jsonb_array_elements(it.requirements) as r
    cross join lateral (
      select w.id, w.name, w.labels from pra_store.workers as w
      where w.stopped_at is null
        and pra_store.lease_end(w.lease_expires_at, w.lease) > clock_timestamp()
        and it.queue = any(w.queues) and it.kind = any(w.kinds)
        and w.labels ->> (r ->> 'label') !~ '^-?[0-9]+(\.[0-9]+)?$'
      order by w.id limit 3) as w
    where r ->> 'value' ~ '^-?[0-9]+(\.[0-9]+)?$'
      and (r ->> 'op' in ('>=', '<=', '>', '<') or w.labels ->> (r ->> 'label') ~ '^[-+.]?[0-9]'));
end
$_$;


ALTER FUNCTION pra_store.no_numbers(it pra_store.jobs) OWNER TO pra_owner;

--
-- Name: normal_location(text); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.normal_location(given text, OUT location text, OUT place text) RETURNS record
    LANGUAGE sql IMMUTABLE
    AS $_$
  with settings as (
    select string_agg(k.key || '=' || k.value, '&' order by k.key) as all,
      min(k.value) filter (
        where k.key = 'endpoint' and k.value !~ '^https://s3([.-][a-z0-9-]+)?\.amazonaws\.com$') as endpoint
    from (
      select split_part(t.setting, '=', 1) as key,
        case when split_part(t.setting, '=', 1) = 'endpoint' then
          coalesce(
            regexp_replace(
              regexp_replace(
                lower(substring(rtrim(e.value, '/') from '(?i)^https?://[^/]*'))
                  || regexp_replace(rtrim(e.value, '/'), '(?i)^https?://[^/]*', ''),
                '^(https://[^/]*):443(?=/|$)', '\1'),
              '^(http://[^/]*):80(?=/|$)', '\1'),
            e.value)
        else e.value end as value
      from string_to_table(nullif(substr(given, length(split_part(given, '?', 1)) + 2), ''), '&')
        as t(setting)
      cross join lateral (select substr(t.setting, length(split_part(t.setting, '=', 1)) + 2)) as e(value)
    ) as k
  ), paths as (
    select
      'file:' || coalesce(nullif(regexp_replace(
        regexp_replace(substr(given, 6), '/(\.?/)+', '/', 'g'), '/\.?$', ''), ''), '/') as folder,
      's3://' || rtrim(regexp_replace(substr(split_part(given, '?', 1), 6), '/+', '/', 'g'), '/')
        as bucket
  )
  select
    case
      when given like 'file:%' then p.folder
      when given like 's3://%' then p.bucket || coalesce('?' || s.all, '')
      else given
    end,
    case
      when given like 'file:%' then p.folder
      when given like 's3://%' then p.bucket || coalesce('?endpoint=' || s.endpoint, '')
      else given
    end
  from paths as p cross join settings as s;
$_$;


ALTER FUNCTION pra_store.normal_location(given text, OUT location text, OUT place text) OWNER TO pra_owner;

--
-- Name: note_checkpoint(); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.note_checkpoint() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
  update pra_store.preemptions as p
  set checkpoint_step = new.step, checkpoint_at = clock_timestamp()
  where p.job_id = new.job_id and p.epoch = new.epoch and p.released_at is null;
  return null;
end
$$;


ALTER FUNCTION pra_store.note_checkpoint() OWNER TO pra_owner;

--
-- Name: note_crash(); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.note_crash() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
  insert into pra_store.crashes (worker_id, job_id, epoch)
  values (new.worker_id, new.job_id, new.epoch);
  return null;
end
$$;


ALTER FUNCTION pra_store.note_crash() OWNER TO pra_owner;

--
-- Name: note_upload(integer, text, integer, text); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.note_upload(store integer, sha256 text, copy integer, upload text) RETURNS void
    LANGUAGE plpgsql
    AS $$
#variable_conflict use_column
begin
  insert into pra_store.multipart_uploads (store_id, sha256, copy, upload)
  select o.store_id, o.sha256, o.copy, note_upload.upload
  from pra_store.objects as o
  where o.store_id = store and o.sha256 = pra_store.digest(note_upload.sha256) and o.copy = note_upload.copy
    and o.owner = session_user and o.state <> 'deleting'
  on conflict do nothing;
end
$$;


ALTER FUNCTION pra_store.note_upload(store integer, sha256 text, copy integer, upload text) OWNER TO pra_owner;

--
-- Name: nth_end(bigint[], integer); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.nth_end(jobs bigint[], n integer) RETURNS timestamp with time zone
    LANGUAGE plpgsql STABLE
    AS $$
begin
  return coalesce((
    select t.started_at + j.time_limit
    from pra_store.jobs as j
    join pra_store.attempts as t on t.job_id = j.id and t.epoch = j.epoch
    where j.id = any(jobs)
    order by t.started_at + j.time_limit nulls last
    offset n - 1 limit 1), 'infinity');
end
$$;


ALTER FUNCTION pra_store.nth_end(jobs bigint[], n integer) OWNER TO pra_owner;

--
-- Name: number_misfit(jsonb, jsonb, text); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.number_misfit(given jsonb, schema jsonb, path text) RETURNS text
    LANGUAGE plpgsql IMMUTABLE
    AS $$
declare
  amount numeric := (given #>> '{}')::numeric;
begin
  if amount < (schema ->> 'minimum')::numeric then
    return pra_store.unexpected(given, path, 'at least ' || (schema ->> 'minimum'));
  elsif amount > (schema ->> 'maximum')::numeric then
    return pra_store.unexpected(given, path, 'at most ' || (schema ->> 'maximum'));
  elsif amount <= (schema ->> 'exclusiveMinimum')::numeric then
    return pra_store.unexpected(given, path, 'above ' || (schema ->> 'exclusiveMinimum'));
  elsif amount >= (schema ->> 'exclusiveMaximum')::numeric then
    return pra_store.unexpected(given, path, 'below ' || (schema ->> 'exclusiveMaximum'));
  end if;
  return null;
end
$$;


ALTER FUNCTION pra_store.number_misfit(given jsonb, schema jsonb, path text) OWNER TO pra_owner;

--
-- Name: object_misfit(jsonb, jsonb, text); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.object_misfit(given jsonb, schema jsonb, path text) RETURNS text
    LANGUAGE plpgsql IMMUTABLE
    AS $$
declare
  properties jsonb := coalesce(schema -> 'properties', '{}');
  additional jsonb := schema -> 'additionalProperties';
  part record;
  field text;
  found text;
begin
  select r into found from jsonb_array_elements_text(schema -> 'required') as r
  where not given ? r limit 1;
  if found is not null then
    return format('%s.%s: missing', path, found);
  end if;
  for part in select e.key, e.value from jsonb_each(given) as e order by e.key loop
    field := path || '.' || part.key;
    if properties ? part.key then
      found := pra_store.misfit(part.value, properties -> part.key, field);
    elsif additional = 'false' then
      return format('%s: unknown key; known are %s', field,
        (select string_agg(k, ', ' order by k) from jsonb_object_keys(properties) as k));
    elsif jsonb_typeof(additional) = 'object' then
      found := pra_store.misfit(part.value, additional, field);
    end if;
    if found is not null then return found; end if;
  end loop;
  return null;
end
$$;


ALTER FUNCTION pra_store.object_misfit(given jsonb, schema jsonb, path text) OWNER TO pra_owner;

--
-- Name: object_name(bytea, integer); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.object_name(sha256 bytea, copy integer) RETURNS text
    LANGUAGE sql IMMUTABLE
    AS $$ select encode(sha256, 'hex') || case when copy > 0 then '.' || copy else '' end; $$;


ALTER FUNCTION pra_store.object_name(sha256 bytea, copy integer) OWNER TO pra_owner;

--
-- Name: open_lanes(pra_store.workers, integer[]); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.open_lanes(me pra_store.workers, among integer[] DEFAULT NULL::integer[]) RETURNS integer[]
    LANGUAGE plpgsql STABLE
    AS $$
begin
  return (
    with recursive present (lane_id) as (
      (select j.lane_id from pra_store.jobs as j
       where among is null and j.state = 'ready' and j.due order by j.lane_id limit 1)
      union all
      select next.lane_id
      from present cross join lateral (
        select j.lane_id from pra_store.jobs as j
        where j.state = 'ready' and j.due and j.lane_id > present.lane_id
        order by j.lane_id limit 1
      ) as next
    )
    select array_agg(l.id)
    from (select lane_id from present union all select unnest(among)) as known
    join pra_store.lanes as l on l.id = known.lane_id
    join pra_store.runs as r on r.id = l.run_id
    join pra_store.queues as q on q.name = l.queue
    where l.queue = any(me.queues) and l.kind = any(me.kinds)
      and r.paused_at is null and q.paused_at is null
      and (l.requirements = '[]' or pra_store.satisfies(me.labels, l.requirements))
      and (l.limits = '{}' or not exists (
        select from unnest(l.limits) as n
        where not exists (
          select from pra_store.limit_slots as s where s.limit_name = n and s.job_id is null)))
      and not (
        exists (
          select from pra_store.blamed_hosts as b
          where b.host = pra_store.host(me.labels, me.name) and b.until > clock_timestamp())
        and pra_store.others_take(
          pra_store.host(me.labels, me.name), l.queue, l.kind, l.requirements)));
end
$$;


ALTER FUNCTION pra_store.open_lanes(me pra_store.workers, among integer[]) OWNER TO pra_owner;

--
-- Name: operates(text); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.operates(login text) RETURNS boolean
    LANGUAGE sql STABLE
    AS $$
  select case when to_regrole(quote_ident(login)) is null then false
    else pg_has_role(login, 'pra_owner', 'member')
      or coalesce(pg_has_role(login, to_regrole('pra_operator'), 'member'), false) end;
$$;


ALTER FUNCTION pra_store.operates(login text) OWNER TO pra_owner;

--
-- Name: others_take(text, text, text, jsonb); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.others_take(host text, queue text, kind text, requirements jsonb) RETURNS boolean
    LANGUAGE plpgsql STABLE
    AS $$
begin
  return exists (
    select from pra_store.workers as w
    where w.stopped_at is null and not w.draining and w.drain_requested_at is null and w.lack is null
      and pra_store.host(w.labels, w.name) <> others_take.host
      and pra_store.lease_end(w.lease_expires_at, w.lease) > clock_timestamp()
      and others_take.queue = any(w.queues) and others_take.kind = any(w.kinds)
      and (others_take.requirements = '[]'
        or pra_store.satisfies(w.labels, others_take.requirements))
      and not exists (
        select from pra_store.blamed_hosts as b
        where b.host = pra_store.host(w.labels, w.name) and b.until > clock_timestamp()));
end
$$;


ALTER FUNCTION pra_store.others_take(host text, queue text, kind text, requirements jsonb) OWNER TO pra_owner;

--
-- Name: own_artifacts(bigint[], text[], text[]); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.own_artifacts(runs bigint[], parts text[], kinds text[]) RETURNS TABLE(sha256 bytea, size bigint)
    LANGUAGE sql STABLE
    AS $$
  with mine as materialized (
    select j.id, j.kind, j.arguments from pra_store.jobs as j where j.run_id = any(runs)
  ),
  digests as materialized (
    select o.sha256 from mine join pra_store.job_outputs as o on o.job_id = mine.id
    where parts is null or mine.kind = any(kinds)
    union
    select f.sha256 from mine join pra_store.checkpoints as c on c.job_id = mine.id
    join pra_store.checkpoint_files as f on f.checkpoint_id = c.id where parts is null or 'checkpoints' = any(parts)
    union
    select i.sha256 from mine join pra_store.images as i on i.job_id = mine.id
    where parts is null or 'images' = any(parts)
    union
    select i.sha256 from mine join pra_store.image_sets as i on i.job_id = mine.id
    where parts is null or 'images' = any(parts)
    union
    select pra_store.digests_in(mine.arguments) from mine where parts is null or 'data' = any(parts)
  ),
  -- Rows that stay: those of other runs, and those of these runs that are of no part.
  staying as materialized (
    select o.sha256 from digests as d join pra_store.job_outputs as o on o.sha256 = d.sha256
    join pra_store.jobs as j on j.id = o.job_id join pra_store.runs as r on r.id = j.run_id
    where r.deleted_at is null and (r.id <> all(runs) or parts is not null and j.kind <> all(kinds))
    union
    select f.sha256 from digests as d join pra_store.checkpoint_files as f on f.sha256 = d.sha256
    join pra_store.checkpoints as c on c.id = f.checkpoint_id
    join pra_store.jobs as j on j.id = c.job_id join pra_store.runs as r on r.id = j.run_id
    where r.deleted_at is null and (r.id <> all(runs) or not 'checkpoints' = any(parts))
    union
    select i.sha256 from digests as d join pra_store.images as i on i.sha256 = d.sha256
    join pra_store.jobs as j on j.id = i.job_id join pra_store.runs as r on r.id = j.run_id
    where r.deleted_at is null and (r.id <> all(runs) or not 'images' = any(parts))
    union
    select i.sha256 from digests as d join pra_store.image_sets as i on i.sha256 = d.sha256
    join pra_store.jobs as j on j.id = i.job_id join pra_store.runs as r on r.id = j.run_id
    where r.deleted_at is null and (r.id <> all(runs) or not 'images' = any(parts))
    union
    select n.sha256 from pra_store.named_artifacts(case when parts is null or 'data' = any(parts) then runs else '{}' end) as n
  )
  select a.sha256, a.size from digests as d join pra_store.artifacts as a on a.sha256 = d.sha256
  where not exists (select from staying as s where s.sha256 = a.sha256);
$$;


ALTER FUNCTION pra_store.own_artifacts(runs bigint[], parts text[], kinds text[]) OWNER TO pra_owner;

--
-- Name: owner_of(bigint, integer, bytea, integer); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.owner_of(upload bigint, store integer, sha256 bytea, copy integer) RETURNS text
    LANGUAGE sql STABLE
    AS $$
  select u.owner from pra_store.uploads as u where u.id = upload
  union all
  select o.owner from pra_store.objects as o
  where o.store_id = store and o.sha256 = owner_of.sha256 and o.copy = owner_of.copy;
$$;


ALTER FUNCTION pra_store.owner_of(upload bigint, store integer, sha256 bytea, copy integer) OWNER TO pra_owner;

--
-- Name: packs(jsonb[], integer); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.packs(own jsonb[], pack integer) RETURNS TABLE(first bigint, arguments jsonb)
    LANGUAGE plpgsql IMMUTABLE
    AS $$
begin
  if pack = 1 then
    return query
      select u.n - 1, jsonb_build_array(u.one) from unnest(own) with ordinality as u (one, n);
    return;
  end if;
  return query
    select (u.n - 1) / pack * pack, jsonb_agg(u.one order by u.n)
    from unnest(own) with ordinality as u (one, n)
    group by (u.n - 1) / pack;
end
$$;


ALTER FUNCTION pra_store.packs(own jsonb[], pack integer) OWNER TO pra_owner;

--
-- Name: parents_at_work(); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.parents_at_work() RETURNS TABLE(id bigint, words text)
    LANGUAGE sql STABLE
    AS $$
  select p.id, 'job ' || p.id || coalesce(format(' (%s %%)', 100 * g.done / nullif(g.total, 0)), '')
  from pra_store.jobs as p
  cross join lateral (select count(*) as jobs from pra_store.job_dependencies as d where d.parent_id = p.id) as d
  left join pra_store.progress as g on g.job_id = p.id and g.unit not like 'bytes %'
  where p.state = 'running' and p.array_id is null and d.jobs > 0
  order by d.jobs desc, p.id limit 4;
$$;


ALTER FUNCTION pra_store.parents_at_work() OWNER TO pra_owner;

--
-- Name: parse_requirement(text); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.parse_requirement(requirement text) RETURNS jsonb
    LANGUAGE plpgsql IMMUTABLE
    AS $_$
declare
  part text[] := regexp_match(
    requirement, '^\s*([A-Za-z_][A-Za-z0-9_.-]*)\s*(>=|<=|!=|=|>|<)\s*([^\s<>=!][^<>=!]*?)\s*$');
  fault text;
begin
  if length(requirement) > 300 then
    raise exception 'requirement "%..." has % characters, more than 300', left(requirement, 40),
      length(requirement) using errcode = 'PR003';
  end if;
  if part is null then
    raise exception 'requirement "%" is not of the form label>=value', requirement
      using errcode = 'PR003', hint = 'The comparators are =, !=, >=, <=, > and <.';
  end if;
  if part[2] in ('>=', '<=', '>', '<') and part[3] !~ '^-?[0-9]+(\.[0-9]+)?$' then
    raise exception 'requirement "%" compares with "%", which is not a number', requirement, part[3]
      using errcode = 'PR003';
  end if;
  fault := pra_store.label_fault(part[1], part[3]);
  if fault is not null then
    raise exception 'requirement "%" can match no worker: %', requirement, fault using errcode = 'PR003';
  end if;
  return jsonb_build_object('label', part[1], 'op', part[2], 'value', part[3]);
end
$_$;


ALTER FUNCTION pra_store.parse_requirement(requirement text) OWNER TO pra_owner;

--
-- Name: parse_requirements(text[]); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.parse_requirements(requirements text[]) RETURNS jsonb
    LANGUAGE plpgsql IMMUTABLE
    AS $$
declare
  parsed jsonb;
begin
  if cardinality(requirements) > 50 then
    raise exception 'requirements: there are %, at most 50', cardinality(requirements)
      using errcode = 'PR003';
  end if;
  if exists (select from unnest(requirements) as r where length(r) > 200) then
    raise exception 'requirements: "%..." has more than 200 characters',
      (select left(r, 40) from unnest(requirements) as r where length(r) > 200 limit 1)
      using errcode = 'PR003';
  end if;
  parsed := (
    select coalesce(jsonb_agg(pra_store.parse_requirement(r) order by i), '[]')
    from unnest(requirements) with ordinality as u (r, i));
  if pra_store.contradiction(parsed) is not null then
    raise exception 'requirements: no worker can meet %', pra_store.contradiction(parsed)
      using errcode = 'PR003';
  end if;
  return parsed;
end
$$;


ALTER FUNCTION pra_store.parse_requirements(requirements text[]) OWNER TO pra_owner;

--
-- Name: paused_workers(pra_store.jobs); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.paused_workers(it pra_store.jobs) RETURNS TABLE(name text, lack text)
    LANGUAGE plpgsql STABLE
    AS $$
begin
  return query
    select w.name, w.lack from pra_store.fitting_workers(it) as w where w.lack is not null;
end
$$;


ALTER FUNCTION pra_store.paused_workers(it pra_store.jobs) OWNER TO pra_owner;

--
-- Name: place_gang(bigint, pra_store.workers, integer); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.place_gang(gang_job bigint, me pra_store.workers, free_here integer) RETURNS bigint[]
    LANGUAGE plpgsql
    AS $$
declare
  a pra_store.jobs;
  needed integer;
  places bigint[];
  members bigint[];
  epochs bigint[];
  -- Number of those that have run before.
  known integer;
  next_first bigint;
begin
  select * into a from pra_store.jobs where id = gang_job for no key update;
  if a.state <> 'ready' or not a.due or a.deadline <= clock_timestamp() then
    return '{}';
  end if;
  needed := pra_store.gang_fit(a);
  places := pra_store.places_of_gang(a, needed, me, free_here);
  if places is null then
    return null;
  end if;

  select coalesce(array_agg(m.id order by m.id), '{}'), coalesce(array_agg(m.epoch + 1 order by m.id), '{}')
  into members, epochs
  from (
    select j.id, j.epoch from pra_store.jobs as j
    where j.array_id = gang_job and j.state = 'blocked' order by j.id limit needed
  ) as m;
  known := cardinality(members);
  next_first := pra_store.next_element(a);
  members := members || array(select nextval('pra_store.jobs_id_seq') from generate_series(known + 1, needed));
  epochs := epochs || array_fill(1::bigint, array[needed - known]);
  if a.limits <> '{}' and pra_store.take_slots(members, epochs, a.limits) < needed then
    perform pra_store.give_slots(members);
    return null;
  end if;
  for i in 1..needed loop
    if i > known then
      perform pra_store.cut(
        a, members[i], next_first + i - known - 1, next_first + i - known, 'running', places[i], 1);
    else
      update pra_store.jobs
      set state = 'running', epoch = epochs[i], token = gen_random_uuid(), worker_id = places[i],
          preempt_requested_at = null
      where id = members[i];
    end if;
    if places[i] <> me.id then
      insert into pra_store.attempts (job_id, epoch, worker_id)
      values (members[i], epochs[i], places[i]);
      insert into pra_store.gang_members (worker_id, job_id, epoch)
      values (places[i], members[i], epochs[i]);
      perform pra_store.record_event('job.claimed', a.run_id, members[i], epochs[i], places[i]);
    end if;
  end loop;
  perform pra_store.begin_start(gang_job, members);
  perform pra_store.record_event(
    'gang.started', a.run_id, gang_job, null, me.id, jsonb_build_object('members', to_jsonb(members)));
  perform pg_notify('pra_ready', '');
  return array(
    select m from unnest(members, places) as u (m, p) where p = me.id);
end
$$;


ALTER FUNCTION pra_store.place_gang(gang_job bigint, me pra_store.workers, free_here integer) OWNER TO pra_owner;

--
-- Name: places_of_gang(pra_store.jobs, integer, pra_store.workers, integer); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.places_of_gang(g pra_store.jobs, needed integer, me pra_store.workers, free_here integer) RETURNS bigint[]
    LANGUAGE plpgsql
    AS $$
declare
  other bigint;
  free integer;
  places bigint[] := '{}';
begin
  if (select coalesce(sum(s.free), 0) from pra_store.seats_for(g) as s) < needed then
    return null;
  end if;
  for other in
    select w.id
    from pra_store.seats_for(g) as s join pra_store.workers as w on w.id = s.worker_id
    where s.free > 0
    order by s.missing, w.id <> me.id, w.id
    for no key update of w skip locked
  loop
    exit when cardinality(places) >= needed;
    -- Anew, now that it is held.
    select w.slots - (
        select count(*) from pra_store.jobs as j where j.worker_id = w.id and j.state = 'running')
    into free
    from pra_store.workers as w
    where w.id = other and w.stopped_at is null and not w.draining and w.drain_requested_at is null
      and w.lack is null;
    if other = me.id then
      free := free_here;
    end if;
    if free > 0 then
      places := places || array_fill(other, array[free]);
    end if;
  end loop;
  return case when cardinality(places) >= needed then places[1 : needed] end;
end
$$;


ALTER FUNCTION pra_store.places_of_gang(g pra_store.jobs, needed integer, me pra_store.workers, free_here integer) OWNER TO pra_owner;

--
-- Name: preempt_job(bigint, interval, text); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.preempt_job(job bigint, grace interval DEFAULT '00:01:00'::interval, reason text DEFAULT NULL::text) RETURNS void
    LANGUAGE plpgsql
    AS $$
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


ALTER FUNCTION pra_store.preempt_job(job bigint, grace interval, reason text) OWNER TO pra_owner;

--
-- Name: prefers_rollups(bigint, integer, bigint, bigint); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.prefers_rollups(job bigint, series integer, first bigint, behind bigint) RETURNS boolean
    LANGUAGE plpgsql STABLE
    AS $$
declare
  counted bigint := (
    select sum(r.points) from pra_store.metric_rollups as r
    where r.job_id = prefers_rollups.job and r.name_id = series and r.bucket >= first / 256
      and r.bucket <= (behind - 1) / 256);
begin
  return counted > 20000 or counted > (
    select count(*) from pra_store.metrics as m
    where m.job_id = prefers_rollups.job and m.name_id = series and m.step >= first / 256 * 256
      and m.step < ((behind - 1) / 256 + 1) * 256 and exists (
        select from pra_store.metric_ranges as r
        where r.job_id = m.job_id and r.epoch = m.epoch and m.step >= r.from_step and m.step < r.to_step));
end
$$;


ALTER FUNCTION pra_store.prefers_rollups(job bigint, series integer, first bigint, behind bigint) OWNER TO pra_owner;

--
-- Name: prepare_events(); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.prepare_events() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
  perform pra_store.ensure_event_partition(clock_timestamp());
  perform pra_store.ensure_event_partition(clock_timestamp() + interval '7 days');
  return null;
end
$$;


ALTER FUNCTION pra_store.prepare_events() OWNER TO pra_owner;

--
-- Name: purge_jobs(bigint[]); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.purge_jobs(gone bigint[]) RETURNS void
    LANGUAGE plpgsql
    AS $_$
declare
  part text;
  own_limits text[] := array(
    select l from pra_store.jobs as j cross join unnest(j.limits) as l
    where j.id = any(gone) and j.array_first is not null and l ~ '^array-[0-9]+-[0-9]+$');
begin
  -- Rows before those that they refer to.
  delete from pra_store.checkpoint_files as f using pra_store.checkpoints as c
  where f.checkpoint_id = c.id and c.job_id = any(gone);
  foreach part in array array[
    'metric_staging', 'metrics', 'metric_rollups', 'metric_summaries', 'metric_ranges', 'log_chunks', 'checkpoints',
    'job_outputs', 'images', 'image_sets', 'evaluations', 'variants', 'progress', 'preemptions', 'cancellations',
    'crashes', 'gang_members', 'gang_meetings', 'pending_artifacts', 'job_dependencies', 'events']
  loop
    execute format('delete from pra_store.%I as t where t.job_id = any($1)', part) using gone;
  end loop;
  delete from pra_store.job_dependencies as d where d.parent_id = any(gone);
  delete from pra_store.element_arguments as e where e.array_id = any(gone);
  update pra_store.uploads as u set job_id = null, epoch = null where u.job_id = any(gone);
  update pra_store.schedules as s set last_job = null where s.last_job = any(gone);
  delete from pra_store.attempts as a where a.job_id = any(gone);
  delete from pra_store.jobs as j where j.id = any(gone);
  -- The limits of arrays are theirs alone.
  perform pra_store.drop_limits(own_limits);
end
$_$;


ALTER FUNCTION pra_store.purge_jobs(gone bigint[]) OWNER TO pra_owner;

--
-- Name: put_chunk(bigint, bigint, bigint, integer, bytea); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.put_chunk(upload bigint, job bigint, epoch bigint, ordinal integer, bytes bytea) RETURNS void
    LANGUAGE plpgsql
    AS $$
#variable_conflict use_column
declare
  target pra_store.uploads;
  expected bigint;
begin
  select * into target from pra_store.uploads as u
  where u.id = upload and (u.job_id, u.epoch) is not distinct from (put_chunk.job, put_chunk.epoch)
    and u.owner = session_user;
  if not found then
    raise exception 'there is no upload % of this attempt', upload using errcode = 'PR002';
  end if;
  if target.committed_at is not null then
    raise exception 'upload % is committed', upload using errcode = 'PR004';
  end if;
  expected := least(1048576, target.size - ordinal::bigint * 1048576);
  if ordinal < 0 or expected <= 0 or length(bytes) <> expected then
    raise exception 'chunk % of upload % has % bytes, not %', ordinal, upload, length(bytes),
      greatest(expected, 0) using errcode = 'PR005';
  end if;
  insert into pra_store.artifact_chunks (upload_id, ordinal, bytes)
  values (put_chunk.upload, put_chunk.ordinal, put_chunk.bytes)
  on conflict (upload_id, ordinal) do update set bytes = excluded.bytes;
end
$$;


ALTER FUNCTION pra_store.put_chunk(upload bigint, job bigint, epoch bigint, ordinal integer, bytes bytea) OWNER TO pra_owner;

--
-- Name: put_inline(text, text, bytea); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.put_inline(sha256 text, media_type text, bytes bytea) RETURNS void
    LANGUAGE plpgsql
    AS $$
#variable_conflict use_column
declare
  is_doubtful boolean;
begin
  if bytes is null or length(bytes) > 1048576 then
    raise exception 'bytes: % is more than the 1048576 that lie inline; upload in chunks',
      length(bytes) using errcode = 'PR003';
  end if;
  if pg_catalog.sha256(bytes) <> pra_store.digest(sha256) then
    raise exception 'bytes: their sha256 is %, not %',
      encode(pg_catalog.sha256(bytes), 'hex'), sha256 using errcode = 'PR005';
  end if;
  insert into pra_store.artifacts as a (sha256, size, media_type, bytes)
  values (pra_store.digest(put_inline.sha256), length(put_inline.bytes), put_inline.media_type,
          put_inline.bytes)
  on conflict (sha256) do update set touched_at = clock_timestamp()
  returning a.unverified or a.suspect_at is not null into is_doubtful;
  if is_doubtful then
    update pra_store.artifacts as a set
      size = length(put_inline.bytes), bytes = put_inline.bytes, upload_id = null, store_id = null, copy = null,
      unverified = false, suspect_at = null, suspicion = null
    where a.sha256 = pra_store.digest(put_inline.sha256);
  end if;
end
$$;


ALTER FUNCTION pra_store.put_inline(sha256 text, media_type text, bytes bytea) OWNER TO pra_owner;

--
-- Name: put_limit(text, integer); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.put_limit(name text, slots integer) RETURNS void
    LANGUAGE plpgsql
    AS $_$
#variable_conflict use_column
declare
  there integer;
  removed integer;
begin
  if name is null or name !~ '^[A-Za-z0-9][A-Za-z0-9_.:-]{0,99}$' then
    raise exception 'name: "%" is not a name of letters, digits, _, ., : and -', name
      using errcode = 'PR003';
  end if;
  if slots is null or slots not between 0 and 100000 then
    raise exception 'slots: %, must be from 0 to 100000', slots using errcode = 'PR003';
  end if;
  -- Takers and givers of slots at this moment end first and are counted. The table is locked before any row,
  -- as they lock it.
  lock table pra_store.limit_slots in share row exclusive mode;
  insert into pra_store.limits (name, slots) values (put_limit.name, 0) on conflict do nothing;
  perform from pra_store.limits as l where l.name = put_limit.name for update;
  select count(*) into there from pra_store.limit_slots where limit_name = put_limit.name;
  insert into pra_store.limit_slots (limit_name)
  select put_limit.name from generate_series(1, put_limit.slots - there);
  delete from pra_store.limit_slots where limit_name = put_limit.name and ordinal in (
    select ordinal from pra_store.limit_slots
    where limit_name = put_limit.name and job_id is null
    order by ordinal desc limit greatest(0, there - put_limit.slots));
  get diagnostics removed = row_count;
  update pra_store.limits as l
  set slots = put_limit.slots, excess = greatest(0, there - removed - put_limit.slots)
  where l.name = put_limit.name;
  perform pra_store.record_event('limit.set', null, null, null, null,
    jsonb_build_object('limit', put_limit.name, 'slots', put_limit.slots));
  perform pg_notify('pra_ready', '');
end
$_$;


ALTER FUNCTION pra_store.put_limit(name text, slots integer) OWNER TO pra_owner;

--
-- Name: rated_checkpoints(bigint, bigint, text); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.rated_checkpoints(run bigint, job bigint, metric text) RETURNS TABLE(id bigint, job_id bigint, epoch bigint, step bigint, since bigint, age bigint, rank bigint, value double precision, suspect boolean)
    LANGUAGE plpgsql STABLE
    AS $$
#variable_conflict use_column
declare
  up boolean := pra_store.better(metric) = 'up';
begin
  return query
    with found as (
      select c.*, exists (
        select from pra_store.checkpoint_files as f join pra_store.artifacts as a on a.sha256 = f.sha256
        where f.checkpoint_id = c.id and a.suspect_at is not null) as suspect
      from pra_store.checkpoints as c
      where (job is null or c.job_id = job)
        and (run is null or c.job_id in (select j.id from pra_store.jobs as j where j.run_id = run))
    ), lasting as (
      select c.id, c.job_id, c.epoch, c.step, c.since, c.suspect,
        row_number() over (partition by c.job_id order by c.suspect, c.epoch desc, c.step desc) as age,
        not exists (select from pra_store.metric_ranges as r where r.job_id = c.job_id) or exists (
          select from pra_store.metric_ranges as r
          where r.job_id = c.job_id and r.epoch = c.epoch and c.step > r.from_step
            and c.step <= r.to_step) as survives
      from found as c
    ), ranked as (
      select l.*,
        (select avg(m.value)
         from pra_store.metrics as m
         join pra_store.metric_names as n on n.id = m.name_id and n.name = metric
         join pra_store.metric_ranges as s
           on s.job_id = m.job_id and s.epoch = m.epoch and m.step >= s.from_step
             and m.step < s.to_step
         where m.job_id = l.job_id and m.value <> 'NaN' and m.step < l.step and m.step >= l.since
           and l.survives
        ) as value
      from lasting as l
    )
    select r.id, r.job_id, r.epoch, r.step, r.since, r.age,
      row_number() over (
        partition by r.job_id
        order by r.suspect, case when up then -r.value else r.value end nulls last, r.step),
      r.value, r.suspect
    from ranked as r;
end
$$;


ALTER FUNCTION pra_store.rated_checkpoints(run bigint, job bigint, metric text) OWNER TO pra_owner;

--
-- Name: reap_arrays(); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.reap_arrays() RETURNS void
    LANGUAGE plpgsql
    AS $$
declare
  complete bigint;
begin
  for complete in
    select a.id from pra_store.jobs as a
    left join lateral (
      -- The limit keeps the planner from reading the parts of all arrays for each of them.
      select 1 as part from pra_store.jobs as c
      where c.array_id = a.id and c.state in ('blocked', 'ready', 'running') limit 1
    ) as unfinished on true
    where a.array_first is not null and a.state = 'running' and unfinished.part is null
    order by a.id
  loop
    perform from pra_store.jobs where id = complete for no key update skip locked;
    if found then
      perform pra_store.settle_array(complete);
    end if;
  end loop;
end
$$;


ALTER FUNCTION pra_store.reap_arrays() OWNER TO pra_owner;

--
-- Name: reap_deadlines(); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.reap_deadlines() RETURNS void
    LANGUAGE plpgsql
    AS $$
declare
  held pra_store.jobs;
begin
  for held in
    select * from pra_store.jobs
    where state in ('blocked', 'ready') and deadline <= clock_timestamp()
    order by deadline for no key update skip locked
  loop
    update pra_store.jobs
    set state = 'failed', finished_at = clock_timestamp(),
        message = format('its deadline %s passed before it could run', held.deadline)
    where id = held.id;
    perform pra_store.record_event('job.deadline', held.run_id, held.id, null, null);
  end loop;
end
$$;


ALTER FUNCTION pra_store.reap_deadlines() OWNER TO pra_owner;

--
-- Name: reap_if_lost(bigint); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.reap_if_lost(job bigint) RETURNS boolean
    LANGUAGE plpgsql
    AS $$
declare
  it pra_store.jobs;
begin
  select * into it from pra_store.jobs as j
  where j.id = reap_if_lost.job and j.state = 'running' and pra_store.is_lost(j.worker_id);
  if not found then
    return false;
  end if;
  perform pra.reap();
  return not exists (
    select from pra_store.jobs as j where j.id = it.id and j.state = 'running' and j.epoch = it.epoch);
end
$$;


ALTER FUNCTION pra_store.reap_if_lost(job bigint) OWNER TO pra_owner;

--
-- Name: reap_late_attempts(); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.reap_late_attempts() RETURNS void
    LANGUAGE plpgsql
    AS $$
declare
  late record;
  held pra_store.jobs;
begin
  for late in
    select g.job_id, g.epoch, 'released'::pra.attempt_outcome as how, 'the gang was not complete in time' as why
    from pra_store.gang_members as g where g.placed_at < clock_timestamp() - interval '30 seconds'
    union all
    select p.job_id, p.epoch, 'released', 'it did not give way in time'
    from pra_store.preemptions as p
    -- The limit keeps the planner from beginning with all that runs.
    cross join lateral (
      select j.state from pra_store.jobs as j
      where j.id = p.job_id and j.epoch = p.epoch limit 1
    ) as j
    where p.released_at is null and p.deadline < clock_timestamp() - interval '10 seconds' and j.state = 'running'
    union all
    select c.job_id, c.epoch, 'cancelled', 'its worker did not stop it in time'
    from pra_store.cancellations as c where c.deadline < clock_timestamp()
    order by 1
  loop
    select * into held from pra_store.jobs
    where id = late.job_id and epoch = late.epoch and state = 'running'
    for no key update skip locked;
    if found then
      perform pra_store.end_attempt(held, late.how, late.why, null, null, 'asked');
    end if;
  end loop;
  delete from pra_store.cancellations as c
  where not exists (
    select from pra_store.jobs as j
    where j.id = c.job_id and j.epoch = c.epoch and j.state = 'running');
end
$$;


ALTER FUNCTION pra_store.reap_late_attempts() OWNER TO pra_owner;

--
-- Name: reap_workers(); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.reap_workers() RETURNS integer
    LANGUAGE plpgsql
    AS $$
declare
  dead pra_store.workers;
  held pra_store.jobs;
  taken integer := 0;
begin
  for dead in
    select * from pra_store.workers
    where stopped_at is null
      and pra_store.lease_end(lease_expires_at, lease) <= clock_timestamp()
    order by id for no key update skip locked
  loop
    for held in
      select * from pra_store.jobs
      where worker_id = dead.id and state = 'running' order by id for no key update skip locked
    loop
      perform pra_store.end_attempt(
        held, 'lost', format('worker %s (%s) was lost', dead.id, dead.name), null, null,
        'host-lost');
      taken := taken + 1;
    end loop;
    -- A job that another transaction held is left for the next call, and so is the worker.
    if not exists (
      select from pra_store.jobs where worker_id = dead.id and state = 'running'
    ) then
      update pra_store.workers
      set stopped_at = clock_timestamp(), stop_reason = 'lease lost' where id = dead.id;
      perform pra_store.record_event('worker.lost', null, null, null, dead.id);
    end if;
  end loop;
  return taken;
end
$$;


ALTER FUNCTION pra_store.reap_workers() OWNER TO pra_owner;

--
-- Name: reasons(bigint, boolean); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.reasons(job bigint, brief boolean DEFAULT false) RETURNS TABLE(reason text, detail text)
    LANGUAGE plpgsql STABLE
    AS $$
#variable_conflict use_column
declare
  it pra_store.jobs;
begin
  select * into it from pra_store.jobs as j where j.id = job;
  if not found then
    raise exception 'there is no job %', job using errcode = 'PR002';
  end if;
  if it.array_first is not null and it.state = 'running' then
    return query select 'elements', pra_store.array_progress(job);
    return;
  end if;
  if it.state = 'running' and pra_store.is_lost(it.worker_id) then
    return query select 'lost', pra_store.loss(it) || case
      when exists (
        select from pra_store.workers as w
        where w.stopped_at is null
          and pra_store.lease_end(w.lease_expires_at, w.lease) > clock_timestamp())
      then '; the next beat of a live worker puts it back in line'
      else '; no worker is alive to put it back in line' end;
    return;
  end if;
  if it.state not in ('blocked', 'ready') then
    return query
      select 'not-pending', format('job %s is %s', job, it.state) || coalesce(': ' || it.message, '');
    return;
  end if;
  if exists (
    select from pra_store.attempts as a
    where a.job_id = job and a.epoch = it.epoch and a.outcome = 'lost'
  ) then
    return query select 'lost', pra_store.loss(it);
  end if;
  return query select 'dependency', d from pra_store.unmet_dependencies(job) as d;
  return query
    select 'run-paused', format('run %s "%s" is paused since %s', r.id, r.name, date_trunc('second', r.paused_at))
    from pra_store.runs as r where r.id = it.run_id and r.paused_at is not null;
  return query
    select 'queue-paused', format('queue "%s" is paused since %s', q.name, date_trunc('second', q.paused_at))
    from pra_store.queues as q where q.name = it.queue and q.paused_at is not null;
  if it.state = 'blocked' then
    if it.array_id is not null then
      return query select 'gang', format('waits for the other members of gang %s', it.array_id);
    end if;
    return;
  end if;
  if it.run_after > clock_timestamp() then
    return query
      select 'delayed', format('not before %s', it.run_after) || coalesce(', after: ' || it.message, '');
  end if;
  return query select 'limit', l from pra_store.full_limits(it.limits) as l;
  if it.gang then
    return query select 'limit', l from pra_store.small_limits(it) as l;
  end if;
  return query select w.reason, w.detail from pra_store.reasons_among_workers(it, brief) as w;
end
$$;


ALTER FUNCTION pra_store.reasons(job bigint, brief boolean) OWNER TO pra_owner;

--
-- Name: reasons_among_workers(pra_store.jobs, boolean); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.reasons_among_workers(it pra_store.jobs, brief boolean) RETURNS TABLE(reason text, detail text)
    LANGUAGE plpgsql STABLE
    AS $$
declare
  serving integer;
  fitting integer;
  free integer;
  places integer;
  needed integer;
  gang pra_store.jobs;
  barrier pra_store.barrier;
  rooms jsonb;
  lanes integer[];
begin
  select count(*), count(*) filter (where w.fits),
    coalesce(sum(w.free) filter (where w.fits and not w.is_blamed), 0),
    coalesce(sum(w.slots) filter (where w.fits and not w.is_blamed), 0)
  into serving, fitting, free, places
  from pra_store.workers_serving(it) as w;
  if serving = 0 then
    return query select 'no-worker',
      format('no live worker serves queue "%s" and kind "%s"', it.queue, it.kind) || case
        when it.kind = 'command' then '; only `pra worker --allow-commands` runs programs that a submitter names'
        else '' end;
  elsif fitting = 0 then
    return query select 'no-matching-worker', pra_store.lacking(it, serving);
  elsif fitting = (select count(*) from pra_store.paused_workers(it)) then
    return query
      select distinct 'host-lacks', format('worker %s takes no jobs: %s', w.name, w.lack)
      from pra_store.paused_workers(it) as w;
  elsif fitting = (select count(*) from pra_store.leaving_workers(it)) then
    return query
      select 'no-time', string_agg(format('it may take %s, and worker %s takes nothing that ends after %s', it.time_limit,
        w.name, to_char(w.leaves_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS UTC')), '; ' order by w.leaves_at desc)
      from (select * from pra_store.leaving_workers(it) as l order by l.leaves_at desc limit 3) as w;
  else
    select coalesce(jsonb_agg(r), '[]') into rooms from pra_store.reasons_of_room(it) as r;
  end if;
  if rooms is null then
    -- One of the reasons above.
  elsif fitting = (select sum((r -> 'small')::bigint) from jsonb_array_elements(rooms) as r) then
    return query select r ->> 'reason', r ->> 'detail' from jsonb_array_elements(rooms) as r;
  elsif it.gang then
    needed := pra_store.gang_size(it);
    return query select 'gang',
      format('its %s members start together; ', needed) || case
        when places < needed then format('it needs %s places, the fleet has %s', needed, places)
        else format('%s of the %s places of workers that fit are free', free, places) end;
    return query
      select r ->> 'reason', r ->> 'detail' from jsonb_array_elements(rooms) as r where r ->> 'reason' = 'no-room';
  else
    select g.* into gang from pra_store.gang_ahead(it) as g;
    if gang.id is not null then
      barrier := pra_store.gang_barrier(gang.id);
      return query select 'behind-gang',
        format('gang %s is ahead and waits for %s; a time limit that ends before it starts lets a job pass',
          gang.id, case when barrier.blocks then 'places' else (
            select 'slots of limit ' || string_agg(format('"%s"', l), ', ') from unnest(barrier.limits) as l
          ) end);
    end if;
    if brief then
      return query select case when free > 0 then 'in-line' else 'busy' end,
        format('%s of the %s places of workers that fit are free', free, places);
      return query select r ->> 'reason', r ->> 'detail' from jsonb_array_elements(rooms) as r;
      return;
    end if;
    lanes := array(select n.lane from pra_store.lanes_in_line() as n (lane));
    return query select case when free > 0 then 'in-line' else 'busy' end,
      format(
        '%s of the %s places of workers that fit are free; your share is %s of %s places, and shares go before age; in line for longer: %s',
        free, places, pra_store.share_of(it, places, lanes), places, pra_store.work_ahead(it, lanes));
    if free = 0 and pra_store.waits_for_its_training(it) then
      return query select 'busy',
        'its training holds the place, and previews are drawn beside it only where a worker has more than one: `pra worker --slots 2`';
    end if;
    return query select r ->> 'reason', r ->> 'detail' from jsonb_array_elements(rooms) as r;
  end if;
  return query
    select distinct 'host-blamed', format('host %s gets no work until %s: %s; `pra forgive %s` lifts that',
      b.host, date_trunc('second', b.until), b.reason, b.host)
    from pra_store.workers_serving(it) as w join pra_store.blamed_hosts as b on b.host = w.host
    where w.fits and w.is_blamed;
end
$$;


ALTER FUNCTION pra_store.reasons_among_workers(it pra_store.jobs, brief boolean) OWNER TO pra_owner;

--
-- Name: reasons_of_room(pra_store.jobs); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.reasons_of_room(it pra_store.jobs) RETURNS TABLE(reason text, detail text, small bigint)
    LANGUAGE plpgsql STABLE
    AS $$
begin
  return query
    with inputs as materialized (
      select i.* from pra_store.inputs_of(it) as i
    ),
    fitting as materialized (
      select w as worker, w.id, w.name, pra_store.host(w.labels, w.name) as host, w.room, m.bytes, m.digests,
        greatest(it.room_needed, m.bytes) as needed
      from pra_store.fitting_workers(it) as w
      cross join lateral (
        select coalesce(sum(i.size), 0)::bigint as bytes, coalesce(array_agg(i.sha256), '{}') as digests
        from inputs as i
        where (i.place is null or i.place <> all(w.store_places)) and not exists (
          select from pra_store.held_artifacts as h where h.worker_id = w.id and h.sha256 = i.sha256)
      ) as m
      where w.room is not null
    )
    select 'no-room', string_agg(
      format('it needs %s of scratch, and worker %s (%s) has %s', pra.size_text(s.needed), s.name, s.host,
        pra.size_text(s.room)), '; ' order by s.room desc, s.name) filter (where s.nth <= 3), count(*)
    from (
      select f.*, row_number() over (order by f.room desc, f.id) as nth from fitting as f where f.needed > f.room
    ) as s
    having count(*) > 0
    union all
    select * from (
      select 'bytes-elsewhere', format('%s of what it reads lie on %s (worker %s), to which it is left until %s',
        pra.size_text(b.held), b.host, b.name, to_char(b.until at time zone 'UTC', 'HH24:MI:SS UTC')), 0::bigint
      from fitting as f cross join lateral pra_store.better_placed(it, f.worker, f.bytes, f.digests) as b
      where f.bytes > 0
      order by b.held desc limit 1
    ) as b;
end
$$;


ALTER FUNCTION pra_store.reasons_of_room(it pra_store.jobs) OWNER TO pra_owner;

--
-- Name: record_event(text, bigint, bigint, bigint, bigint, jsonb); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.record_event(kind text, run_id bigint, job_id bigint, epoch bigint, worker_id bigint, detail jsonb DEFAULT '{}'::jsonb) RETURNS void
    LANGUAGE sql
    AS $$
  insert into pra_store.events (kind, run_id, job_id, epoch, worker_id, detail)
  values (kind, run_id, job_id, epoch, worker_id, detail);
$$;


ALTER FUNCTION pra_store.record_event(kind text, run_id bigint, job_id bigint, epoch bigint, worker_id bigint, detail jsonb) OWNER TO pra_owner;

--
-- Name: record_turns(bigint[]); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.record_turns(started bigint[]) RETURNS void
    LANGUAGE plpgsql
    AS $$
begin
  insert into pra_store.turns (number, run_id, owner)
  select max(nextval('pra_store.turn_numbers')), j.run_id, r.created_by
  from pra_store.jobs as j join pra_store.runs as r on r.id = j.run_id
  where j.id = any(started)
  group by j.run_id, r.created_by;
end
$$;


ALTER FUNCTION pra_store.record_turns(started bigint[]) OWNER TO pra_owner;

--
-- Name: release_dependents(bigint); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.release_dependents(parent bigint) RETURNS void
    LANGUAGE plpgsql
    AS $$
#variable_conflict use_column
declare
  released bigint;
begin
  if not exists (select from pra_store.job_dependencies where parent_id = parent) then
    return;
  end if;
  -- In the order of ids, as everybody locks.
  perform from pra_store.jobs as j
  where j.id in (select d.job_id from pra_store.job_dependencies as d where d.parent_id = parent)
  order by j.id for no key update;
  with freed as (
    update pra_store.jobs as j
    set unmet = j.unmet - 1,
        -- All elements of an array that follows its parent are cut already.
        state = case
          when j.state = 'blocked' and j.unmet = 1 and j.follows_id is not null then 'running'
          when j.state = 'blocked' and j.unmet = 1 then 'ready'
          else j.state end,
        -- Since then it waits for a worker.
        run_after = case
          when j.state = 'blocked' and j.unmet = 1 then greatest(j.run_after, clock_timestamp()) else j.run_after end
    from pra_store.job_dependencies as d
    where d.parent_id = parent and d.job_id = j.id and j.unmet > 0
    returning j.state
  )
  select count(*) into released from freed where state = 'ready';
  perform pra_store.settle_array(j.id)
  from pra_store.jobs as j where j.follows_id = parent and j.state = 'running';
  if released > 0 then
    perform pg_notify('pra_ready', '');
  end if;
end
$$;


ALTER FUNCTION pra_store.release_dependents(parent bigint) OWNER TO pra_owner;

--
-- Name: remedy(pra_store.jobs, text); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.remedy(it pra_store.jobs, reason text) RETURNS text
    LANGUAGE plpgsql STABLE
    AS $$
declare
  words text[] := string_to_array(reason, ', ');
  word text := coalesce(
    (select w from unnest(words) as w where w in ('run-paused', 'queue-paused') limit 1), words[1]);
begin
  return case word
    when 'dependency' then coalesce(
      (select format('`pra retry %s` runs it again', p.id)
       from pra_store.job_dependencies as d join pra_store.jobs as p on p.id = d.parent_id
       where d.job_id = it.id and p.state in ('failed', 'cancelled', 'quarantined') order by p.id limit 1),
      pra_store.first_to_end(array(
        select d.parent_id from pra_store.job_dependencies as d where d.job_id = it.id)),
      -- The detail of a group that waits for nothing else names these.
      case when cardinality(words) = 1 then
        pra_store.first_to_end(array(select p.id from pra_store.parents_at_work() as p)) end,
      'the end of those jobs')
    when 'run-paused' then format('`pra resume %s`', it.run_id)
    when 'queue-paused' then format('`pra resume --queue %s`', it.queue)
    when 'delayed' then format('time: not before %s', date_trunc('second', it.run_after))
    when 'limit' then coalesce(
      pra_store.first_to_end(array(
        select s.job_id from pra_store.limit_slots as s where s.limit_name = any (it.limits) and s.job_id is not null)),
      case when exists (
          select from pra_store.limit_slots as s where s.limit_name = any (it.limits) and s.job_id is not null)
        then 'the end of a job that holds it, or ' else '' end || format('`pra limits --set %s=N`', it.limits[1]))
    when 'no-worker' then format('`pra worker --queue %s` on a machine that runs jobs of kind %s', it.queue, it.kind)
    when 'no-matching-worker' then format('`pra worker` with %s', (
      select string_agg(format('--label %s=...', r ->> 'label'), ' ') from jsonb_array_elements(it.requirements) as r))
    when 'host-lacks' then 'the workers go on by themselves when their hosts have it'
    when 'no-time' then 'a worker that stays for longer (`pra worker --lifetime`)'
    when 'host-blamed' then 'a look at the crashes, then `pra forgive HOST`'
    when 'lost' then 'the next beat of a live worker puts it back in line'
    when 'no-room' then 'a host with more room, or less in its cache'
    when 'bytes-elsewhere' then 'a free place on the host that has its bytes'
    when 'in-line' then 'the next claim of a free worker'
    when 'gang' then 'as many free places at once'
    when 'behind-gang' then 'the start of the gang'
    when 'elements' then 'the end of its elements'
    else coalesce(
      pra_store.first_to_end(array(
        select j.id from pra_store.jobs as j where j.state = 'running' and j.queue = it.queue)),
      'more workers, or the end of jobs that run')
    end;
end
$$;


ALTER FUNCTION pra_store.remedy(it pra_store.jobs, reason text) OWNER TO pra_owner;

--
-- Name: remove_parts(bigint, text[], text[]); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.remove_parts(run bigint, parts text[], kinds text[]) RETURNS void
    LANGUAGE plpgsql
    AS $$
begin
  if 'checkpoints' = any(parts) then
    delete from pra_store.checkpoint_files as f using pra_store.checkpoints as c, pra_store.jobs as j
    where f.checkpoint_id = c.id and c.job_id = j.id and j.run_id = run;
    delete from pra_store.checkpoints as c using pra_store.jobs as j where c.job_id = j.id and j.run_id = run;
  end if;
  delete from pra_store.job_outputs as o using pra_store.jobs as j
  where o.job_id = j.id and j.run_id = run and j.kind = any(kinds);
  if 'images' = any(parts) then
    delete from pra_store.images as i using pra_store.jobs as j where i.job_id = j.id and j.run_id = run;
    delete from pra_store.image_sets as i using pra_store.jobs as j where i.job_id = j.id and j.run_id = run;
  end if;
  update pra_store.runs as r set removed = array(select distinct w from unnest(r.removed || parts) as w order by w)
  where r.id = run;
end
$$;


ALTER FUNCTION pra_store.remove_parts(run bigint, parts text[], kinds text[]) OWNER TO pra_owner;

--
-- Name: reopen_array(pra_store.jobs); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.reopen_array(whole pra_store.jobs) RETURNS void
    LANGUAGE plpgsql
    AS $$
begin
  update pra_store.jobs
  set state = case when follows_id is null and pra_store.next_element(whole) < array_end
        and whole.state = 'failed' then 'ready' else 'running' end::pra.job_state,
      finished_at = null, message = null, cancel_requested_at = null
  where id = whole.id;
end
$$;


ALTER FUNCTION pra_store.reopen_array(whole pra_store.jobs) OWNER TO pra_owner;

--
-- Name: require_operator(text); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.require_operator(what text) RETURNS void
    LANGUAGE plpgsql STABLE
    AS $$
begin
  if not pra_store.is_operator() then
    raise exception '%: % may not, this is for operators', what, pra_store.actor() using errcode = '42501',
      hint = format('The owner of the database, or a superuser, says in it: grant pra_operator to %I', pra_store.actor());
  end if;
end
$$;


ALTER FUNCTION pra_store.require_operator(what text) OWNER TO pra_owner;

--
-- Name: require_own_jobs(bigint[]); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.require_own_jobs(jobs bigint[]) RETURNS void
    LANGUAGE plpgsql STABLE
    AS $$
declare
  me text := pra_store.actor();
  other record;
begin
  select j.id, j.created_by into other
  from pra_store.jobs as j join pra_store.runs as r on r.id = j.run_id
  where j.id = any(require_own_jobs.jobs) and j.created_by <> me and r.created_by <> me
  order by j.id limit 1;
  if found and not pra_store.is_operator() then
    raise exception 'job: % was enqueued by %, who may do this, as may operators', other.id, other.created_by
      using errcode = '42501',
        hint = format('The owner of the database, or a superuser, says in it: grant pra_operator to %I', me);
  end if;
end
$$;


ALTER FUNCTION pra_store.require_own_jobs(jobs bigint[]) OWNER TO pra_owner;

--
-- Name: require_own_run(bigint); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.require_own_run(run bigint) RETURNS void
    LANGUAGE plpgsql STABLE
    AS $$
declare
  other text;
begin
  select r.created_by into other from pra_store.runs as r
  where r.id = require_own_run.run and r.created_by <> pra_store.actor();
  if found and not pra_store.is_operator() then
    raise exception 'run: % was created by %, who may do this, as may operators', run, other using errcode = '42501',
      hint = format('The owner of the database, or a superuser, says in it: grant pra_operator to %I', pra_store.actor());
  end if;
end
$$;


ALTER FUNCTION pra_store.require_own_run(run bigint) OWNER TO pra_owner;

--
-- Name: require_own_schedule(text); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.require_own_schedule(name text) RETURNS void
    LANGUAGE plpgsql STABLE
    AS $$
declare
  other text;
begin
  select s.created_by into other from pra_store.schedules as s
  where s.name = require_own_schedule.name and s.created_by <> pra_store.actor();
  if found and not pra_store.is_operator() then
    raise exception 'name: schedule "%" was set by %, who may do this, as may operators', name, other
      using errcode = '42501';
  end if;
end
$$;


ALTER FUNCTION pra_store.require_own_schedule(name text) OWNER TO pra_owner;

--
-- Name: retry_elements(pra_store.jobs); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.retry_elements(whole pra_store.jobs) RETURNS void
    LANGUAGE plpgsql
    AS $$
begin
  update pra_store.jobs
  set state = case when whole.gang then 'blocked' else 'ready' end::pra.job_state,
      run_after = clock_timestamp(), due = true,
      faults = 0, lost = 0, timeouts = 0, preemptions = 0, crash_hosts = '{}',
      host_faults = 0, avoided_host = null, avoided_until = null,
      cancel_requested_at = null, message = null, finished_at = null
  where array_id = whole.id and state in ('failed', 'cancelled', 'quarantined');
end
$$;


ALTER FUNCTION pra_store.retry_elements(whole pra_store.jobs) OWNER TO pra_owner;

--
-- Name: retry_job(bigint); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.retry_job(job bigint) RETURNS pra.job_state
    LANGUAGE plpgsql
    AS $$
#variable_conflict use_column
declare
  old pra_store.jobs;
  whole pra_store.jobs;
  unmet_parents integer;
  next_state pra.job_state;
  refusal text;
begin
  perform pra_store.reap_if_lost(job);
  -- Locks the parents first and by id, as every function does: no two calls wait for each other.
  perform from pra_store.jobs
  where id in (select parent_id from pra_store.job_dependencies where job_id = job)
  order by id for share;
  select * into old from pra_store.jobs where id = job for no key update;
  if not found then
    raise exception 'there is no job %', job using errcode = 'PR002';
  end if;
  if old.state in ('running', 'succeeded', 'blocked') then
    raise exception 'job % is %; only a failed, cancelled, quarantined or delayed job is retried',
      job, old.state using errcode = 'PR004';
  end if;
  refusal := pra_store.retry_refusal(old);
  if refusal is not null then
    raise exception '%', refusal using errcode = 'PR004';
  end if;
  if old.array_id is not null then
    select * into whole from pra_store.jobs where id = old.array_id for no key update;
    if whole.gang then
      raise exception 'job % is a member of gang %, which is retried whole', job, whole.id
        using errcode = 'PR004', hint = format('`pra retry %s` does that.', whole.id);
    end if;
  end if;
  unmet_parents := pra_store.unmet_parents(job);
  next_state := case
    when unmet_parents > 0 then 'blocked'
    when old.array_first is not null and not old.gang and (
      old.follows_id is not null or pra_store.next_element(old) >= old.array_end) then 'running'
    else 'ready' end;
  update pra_store.jobs
  set state = next_state, unmet = unmet_parents, run_after = clock_timestamp(), due = true,
      faults = 0, lost = 0, timeouts = 0, preemptions = 0, crash_hosts = '{}',
      host_faults = 0, avoided_host = null, avoided_until = null,
      cancel_requested_at = null, preempt_requested_at = null, message = null, finished_at = null
  where id = job;
  if old.array_first is not null then
    perform pra_store.retry_elements(old);
    if next_state = 'running' then
      perform pra_store.settle_array(job);
    end if;
  elsif whole.state in ('failed', 'cancelled') then
    perform pra_store.reopen_array(whole);
  end if;
  perform pra_store.record_event('job.retried', old.run_id, job, null, null);
  if next_state = 'ready' or old.array_first is not null then
    perform pg_notify('pra_ready', '');
  end if;
  return next_state;
end
$$;


ALTER FUNCTION pra_store.retry_job(job bigint) OWNER TO pra_owner;

--
-- Name: retry_jobs(bigint[]); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.retry_jobs(jobs bigint[]) RETURNS integer
    LANGUAGE plpgsql
    AS $$
#variable_conflict use_column
declare
  retried integer;
  others integer;
begin
  -- Parents first and by id, as every function locks.
  perform from pra_store.jobs
  where id in (select parent_id from pra_store.job_dependencies where job_id = any(retry_jobs.jobs))
  order by id for share;
  perform from pra_store.jobs as j
  where j.id = any(retry_jobs.jobs) and j.state in ('failed', 'cancelled', 'quarantined')
  order by j.id for no key update;
  with again as (
    update pra_store.jobs as j
    set state = case when pra_store.unmet_parents(j.id) > 0 then 'blocked' else 'ready' end::pra.job_state,
        unmet = pra_store.unmet_parents(j.id),
        run_after = clock_timestamp(), due = true,
        faults = 0, lost = 0, timeouts = 0, preemptions = 0, crash_hosts = '{}',
        host_faults = 0, avoided_host = null, avoided_until = null,
        cancel_requested_at = null, preempt_requested_at = null, message = null, finished_at = null
    where j.id = any(retry_jobs.jobs) and j.state in ('failed', 'cancelled', 'quarantined')
      and j.array_first is null and j.array_id is null and pra_store.retry_refusal(j) is null
    returning j.id, j.run_id
  ),
  said as (
    insert into pra_store.events (kind, run_id, job_id)
    select 'job.retried', a.run_id, a.id from again as a order by a.id
  )
  select count(*) into retried from again;
  -- Arrays and their parts, one by one; members of gangs come with their gang.
  select count(pra_store.retry_job(a.id)) into others
  from (
    select j.id from pra_store.jobs as j
    left join pra_store.jobs as whole on whole.id = j.array_id
    where j.id = any(retry_jobs.jobs) and j.state in ('failed', 'cancelled', 'quarantined')
      and (j.array_first is not null or j.array_id is not null and not whole.gang)
      and pra_store.retry_refusal(j) is null
    order by j.id
  ) as a;
  if retried > 0 then
    perform pg_notify('pra_ready', '');
  end if;
  return retried + others;
end
$$;


ALTER FUNCTION pra_store.retry_jobs(jobs bigint[]) OWNER TO pra_owner;

--
-- Name: retry_refusal(pra_store.jobs); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.retry_refusal(old pra_store.jobs) RETURNS text
    LANGUAGE plpgsql STABLE
    AS $$
declare
  stopping bigint;
  missing text;
begin
  if old.deadline <= clock_timestamp() then
    return format('job %s had to end by %s, which is over; enqueue it anew', old.id, old.deadline);
  end if;
  select min(l) into missing from unnest(old.limits) as l
  where not exists (select from pra_store.limits as known where known.name = l);
  if missing is not null then
    return format('job %s needs a slot of limit "%s", which is gone; `pra limits --set %s=SLOTS` makes it', old.id, missing, missing);
  end if;
  if old.array_first is not null then
    -- It would end as cancelled, and the array with it.
    select j.id into stopping from pra_store.jobs as j
    where j.array_id = old.id and j.state = 'running' and j.cancel_requested_at is not null order by j.id limit 1;
    if found then
      return format('job %s of array %s is being stopped; retry the array when it has ended', stopping, old.id);
    end if;
  end if;
  return null;
end
$$;


ALTER FUNCTION pra_store.retry_refusal(old pra_store.jobs) OWNER TO pra_owner;

--
-- Name: roll_up(bigint, bigint, bigint); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.roll_up(job bigint, from_step bigint, to_step bigint) RETURNS void
    LANGUAGE sql
    AS $$
  insert into pra_store.metric_rollups (
    job_id, name_id, bucket, points, not_finite, total, last_step, last_value, min_step, min_value, max_step,
    max_value)
  select
    roll_up.job, m.name_id, m.step / 256, count(*),
    count(*) filter (where m.value in ('NaN', 'Infinity', '-Infinity')),
    coalesce(sum(m.value) filter (where m.value not in ('NaN', 'Infinity', '-Infinity')), 0),
    max(m.step), (array_agg(m.value order by m.step desc, m.recorded_at desc))[1],
    (array_agg(m.step order by m.value, m.step) filter (where m.value <> 'NaN'))[1],
    min(m.value) filter (where m.value <> 'NaN'),
    (array_agg(m.step order by m.value desc, m.step) filter (where m.value <> 'NaN'))[1],
    max(m.value) filter (where m.value <> 'NaN')
  -- Series by series, as the index is ordered.
  from (
    select s.name_id from pra_store.metric_summaries as s where s.job_id = roll_up.job and roll_up.from_step > 0
    union
    select n.name_id from pra_store.metrics as n where n.job_id = roll_up.job and roll_up.from_step = 0
  ) as k
  join pra_store.metrics as m on m.job_id = roll_up.job and m.name_id = k.name_id
  join pra_store.metric_ranges as r
    on r.job_id = m.job_id and r.epoch = m.epoch and m.step >= r.from_step and m.step < r.to_step
  where m.step >= roll_up.from_step and m.step < roll_up.to_step
  group by m.name_id, m.step / 256;
$$;


ALTER FUNCTION pra_store.roll_up(job bigint, from_step bigint, to_step bigint) OWNER TO pra_owner;

--
-- Name: metric_rollups; Type: TABLE; Schema: pra_store; Owner: pra_owner
--

CREATE TABLE pra_store.metric_rollups (
    job_id bigint NOT NULL,
    name_id integer NOT NULL,
    bucket bigint NOT NULL,
    points bigint NOT NULL,
    not_finite bigint NOT NULL,
    total double precision NOT NULL,
    last_step bigint NOT NULL,
    last_value double precision NOT NULL,
    min_step bigint,
    min_value double precision,
    max_step bigint,
    max_value double precision
)
WITH (fillfactor='70');


ALTER TABLE pra_store.metric_rollups OWNER TO pra_owner;

--
-- Name: rollups_together(pra_store.metric_rollups[]); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.rollups_together(parts pra_store.metric_rollups[]) RETURNS SETOF pra_store.metric_summaries
    LANGUAGE sql STABLE
    AS $$
  select
    p.job_id, p.name_id, sum(p.points)::bigint, sum(p.not_finite)::bigint, max(p.last_step),
    (array_agg(p.last_value order by p.last_step desc))[1],
    (array_agg(p.min_step order by p.min_value, p.min_step) filter (where p.min_value is not null))[1],
    min(p.min_value),
    (array_agg(p.max_step order by p.max_value desc, p.max_step) filter (where p.max_value is not null))[1],
    max(p.max_value), clock_timestamp(), null::double precision, null::bigint
  from unnest(parts) as p
  group by p.job_id, p.name_id;
$$;


ALTER FUNCTION pra_store.rollups_together(parts pra_store.metric_rollups[]) OWNER TO pra_owner;

--
-- Name: schedules; Type: TABLE; Schema: pra_store; Owner: pra_owner
--

CREATE TABLE pra_store.schedules (
    name text NOT NULL,
    cron text NOT NULL,
    time_zone text NOT NULL,
    run_id bigint NOT NULL,
    kind text NOT NULL,
    arguments jsonb NOT NULL,
    queue text NOT NULL,
    priority integer NOT NULL,
    catch_up text NOT NULL,
    next_at timestamp with time zone NOT NULL,
    last_at timestamp with time zone,
    last_job bigint,
    paused_at timestamp with time zone,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    created_by text DEFAULT 
CASE
    WHEN pg_has_role(SESSION_USER, (to_regrole('pra_proxy'::text))::oid, 'member'::text) THEN (COALESCE(NULLIF(current_setting('pra.actor'::text, true), ''::text), (SESSION_USER)::text))::name
    ELSE SESSION_USER
END NOT NULL,
    overlap text DEFAULT 'queue'::text NOT NULL,
    last_error text,
    last_error_at timestamp with time zone,
    CONSTRAINT schedules_catch_up_check CHECK ((catch_up = ANY (ARRAY['all'::text, 'last'::text, 'none'::text]))),
    CONSTRAINT schedules_name_check CHECK ((name ~ '^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$'::text)),
    CONSTRAINT schedules_overlap_check CHECK ((overlap = ANY (ARRAY['skip'::text, 'queue'::text])))
);


ALTER TABLE pra_store.schedules OWNER TO pra_owner;

--
-- Name: run_schedule(pra_store.schedules); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.run_schedule(s pra_store.schedules) RETURNS integer
    LANGUAGE plpgsql
    AS $$
declare
  fires timestamptz := s.next_at;
  following timestamptz;
  count integer := 0;
begin
  for i in 1..1000 loop
    following := pra_store.cron_next(s.cron, s.time_zone, fires);
    -- A time that is less than a minute late does not count as missed.
    if s.catch_up = 'all' or following > clock_timestamp()
      and (s.catch_up = 'last' or fires > clock_timestamp() - interval '1 minute') then
      if s.overlap = 'skip' and exists (
        select from pra_store.jobs as j
        where j.id = s.last_job and j.state in ('blocked', 'ready', 'running')
      ) then
        perform pra_store.record_event('schedule.skipped', s.run_id, s.last_job, null, null,
          jsonb_build_object('schedule', s.name, 'at', fires));
      else
        begin
          s.last_job := pra.enqueue(
            kind => s.kind, run => s.run_id, arguments => s.arguments, queue => s.queue,
            priority => s.priority,
            idempotency_key => format('schedule %s %s', s.name,
              to_char(fires at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI"Z"')));
          -- A reaper is anybody; the job belongs to the login that set the schedule, whose secrets it may use.
          update pra_store.jobs as j set created_by = s.created_by where j.id = s.last_job;
          count := count + 1;
          s.last_error := null;
          s.last_error_at := null;
        exception
          when others then
            s.last_error := left(sqlerrm, 1000);
            s.last_error_at := clock_timestamp();
            perform pra_store.record_event('schedule.failed', s.run_id, null, null, null,
              jsonb_build_object('schedule', s.name, 'at', fires, 'message', sqlerrm));
        end;
      end if;
    end if;
    fires := following;
    exit when fires > clock_timestamp();
  end loop;
  update pra_store.schedules
  set next_at = fires, last_at = clock_timestamp(), last_job = s.last_job, last_error = s.last_error,
      last_error_at = s.last_error_at
  where name = s.name;
  return count;
end
$$;


ALTER FUNCTION pra_store.run_schedule(s pra_store.schedules) OWNER TO pra_owner;

--
-- Name: run_schedules(); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.run_schedules() RETURNS integer
    LANGUAGE plpgsql
    AS $$
declare
  s pra_store.schedules;
  count integer := 0;
begin
  for s in
    select * from pra_store.schedules
    where next_at <= clock_timestamp() and paused_at is null
      -- While its run is deleted it waits; it goes with the run.
      and not exists (select from pra_store.runs as r where r.id = run_id and r.deleted_at is not null)
    order by name for no key update skip locked
  loop
    begin
      count := count + pra_store.run_schedule(s);
    exception
      -- Agents call this at each heartbeat: one schedule whose calendar has gone must not stop the others.
      when others then
        update pra_store.schedules
        set next_at = clock_timestamp() + interval '1 hour', last_error = left(sqlerrm, 1000),
            last_error_at = clock_timestamp()
        where name = s.name;
    end;
  end loop;
  return count;
end
$$;


ALTER FUNCTION pra_store.run_schedules() OWNER TO pra_owner;

--
-- Name: satisfies(jsonb, jsonb); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.satisfies(labels jsonb, requirements jsonb) RETURNS boolean
    LANGUAGE sql IMMUTABLE
    AS $_$
  select coalesce(bool_and(
    case
      when has is null then op = '!='
      when has ~ '^-?[0-9]+(\.[0-9]+)?$' and wants ~ '^-?[0-9]+(\.[0-9]+)?$' then
        case op
          when '=' then has::numeric = wants::numeric
          when '!=' then has::numeric <> wants::numeric
          when '>=' then has::numeric >= wants::numeric
          when '<=' then has::numeric <= wants::numeric
          when '>' then has::numeric > wants::numeric
          when '<' then has::numeric < wants::numeric
        end
      when op = '=' then has = wants
      when op = '!=' then has <> wants
      else false
    end), true)
  from (
    select labels ->> (r ->> 'label') as has, r ->> 'op' as op, r ->> 'value' as wants
    from jsonb_array_elements(requirements) as r
  ) as asked;
$_$;


ALTER FUNCTION pra_store.satisfies(labels jsonb, requirements jsonb) OWNER TO pra_owner;

--
-- Name: seats_for(pra_store.jobs); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.seats_for(g pra_store.jobs) RETURNS TABLE(worker_id bigint, slots integer, free integer, missing bigint)
    LANGUAGE plpgsql STABLE
    AS $$
declare
  is_reading boolean := exists (
    select from pra_store.kinds as k where k.kind = g.kind and k.reads <> '{}');
  room_needed bigint := case when g.gang
    then (select max(m.room_needed) from pra_store.jobs as m where m.array_id = g.id) else g.room_needed end;
begin
  return query
    with inputs as materialized (
      select i.* from pra_store.inputs_of(g) as i where is_reading
    ),
    seats as (
      select w.id, w.slots, w.room, (
          w.slots - (select count(*) from pra_store.jobs as j
                     where j.worker_id = w.id and j.state = 'running'))::integer as free,
        (select coalesce(sum(i.size), 0)::bigint from inputs as i
         where (i.place is null or i.place <> all(w.store_places)) and not exists (
           select from pra_store.held_artifacts as h where h.worker_id = w.id and h.sha256 = i.sha256)) as missing
      from pra_store.workers as w
      where w.stopped_at is null and not w.draining and w.drain_requested_at is null
        and w.lack is null
        and pra_store.lease_end(w.lease_expires_at, w.lease) > clock_timestamp()
        and g.queue = any(w.queues) and g.kind = any(w.kinds)
        and pra_store.satisfies(w.labels, g.requirements)
        and pra_store.stays(w, g.time_limit)
        and not coalesce(
          g.avoided_until > clock_timestamp() and g.avoided_host = pra_store.host(w.labels, w.name), false)
        and not (
          exists (
            select from pra_store.blamed_hosts as b
            where b.host = pra_store.host(w.labels, w.name) and b.until > clock_timestamp())
          and pra_store.others_take(
            pra_store.host(w.labels, w.name), g.queue, g.kind, g.requirements))
    )
    select s.id, s.slots, s.free, s.missing from seats as s
    where s.room is null or greatest(s.missing, room_needed) <= s.room;
end
$$;


ALTER FUNCTION pra_store.seats_for(g pra_store.jobs) OWNER TO pra_owner;

--
-- Name: serve(pra_store.workers, pra_store.line_view, integer); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.serve(me pra_store.workers, line pra_store.line_view, free integer) RETURNS bigint[]
    LANGUAGE plpgsql
    AS $$
declare
  entries pra_store.line_entry[];
  entry pra_store.line_entry;
  -- Entries up to the next gang.
  part pra_store.line_entry[];
  taken bigint[] := '{}';
  members bigint[];
  -- The first gang that waits for places, and all that wait for slots: those in the line, and those that other
  -- workers serve.
  places pra_store.barrier;
  slots pra_store.barrier := row(false, '{}'::text[], 'infinity'::timestamptz, null);
  elsewhere pra_store.barrier;
  here pra_store.barrier;
  -- Whether any entry may have to wait for one of them.
  is_barred boolean := false;
  lanes integer[] := line.lanes;
  open integer := cardinality(lanes);
  depth integer := free + 16;
  seen integer;
  -- Entries for which this host is not the place, or this worker leaves too early. They are looked at one by one, so there is an end to it: at first no
  -- more of them than it takes.
  is_choosing boolean;
  suited record;
  is_cut boolean;
  unsuited integer := 0;
  is_first boolean := true;
begin
  if free = 0 then
    return taken;
  end if;
  is_choosing := me.room is not null and pra_store.may_not_suit(line.lanes, me);
  while line.lanes is not null loop
    entries := pra_store.next_in_line(line, free - cardinality(taken), depth);
    seen := cardinality(entries);
    is_cut := false;
    if me.leaves_at is not null then
      entries := pra_store.ending_in_time(entries, me);
    end if;
    if is_choosing then
      suited := pra_store.suited(entries, me, case when is_first then 2 * free else seen end);
      entries := suited.suiting;
      is_cut := suited.is_cut;
    end if;
    unsuited := seen - cardinality(entries);
    if not is_first then
      entries := pra_store.without_held(entries);
    end if;
    is_first := false;
    if elsewhere.limits is null and pra_store.have_limits(entries) then
      elsewhere := pra_store.gangs_elsewhere(lanes);
      is_barred := is_barred or elsewhere.limits <> '{}';
    end if;
    part := '{}';
    foreach entry in array entries loop
      continue when is_barred and pra_store.must_wait(entry, places, slots, elsewhere);
      if not entry.is_gang then
        part := part || entry;
        continue;
      end if;
      -- Gangs and arrays are locked by number, as everybody locks them. The entries before it go first.
      perform from pra_store.jobs as j
      where taken = '{}' and j.id = any(array(select e.id from unnest(entries) as e where e.is_array))
      order by j.id for no key update;
      taken := taken || pra_store.take_in_order(part, me.id, free - cardinality(taken));
      part := '{}';
      members := pra_store.place_gang(entry.id, me, free - cardinality(taken));
      if members is not null then
        taken := taken || members;
        continue;
      end if;
      here := pra_store.gang_barrier(entry.id);
      is_barred := true;
      if here.blocks then
        places := case when places.blocks then places else here end;
      elsif here.limits <> '{}' then
        slots := row(false, slots.limits || here.limits, least(slots.starts, here.starts), null);
      end if;
    end loop;
    taken := taken || pra_store.take_in_order(part, me.id, free - cardinality(taken));
    exit when cardinality(taken) = free;
    if elsewhere.limits is not null then
      line := pra_store.without_limits(
        line, slots.limits || elsewhere.limits || pra_store.full_limits_of(line.lanes));
    end if;
    if cardinality(line.lanes) = open then
      -- Other claims may hold all that was seen: then it looks further down the line.
      exit when seen < depth and not is_cut or places.blocks and depth > 1000
        or unsuited > 1000 and not is_cut;
      depth := 4 * depth;
    end if;
    open := cardinality(line.lanes);
  end loop;
  return taken;
end
$$;


ALTER FUNCTION pra_store.serve(me pra_store.workers, line pra_store.line_view, free integer) OWNER TO pra_owner;

--
-- Name: set_better(); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.set_better() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
  new.better := pra_store.better(new.name);
  return new;
end
$$;


ALTER FUNCTION pra_store.set_better() OWNER TO pra_owner;

--
-- Name: settle(bytea, bigint, text, bigint, integer, integer, boolean); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.settle(sha256 bytea, size bigint, media_type text, upload bigint, store integer, copy integer, checked boolean) RETURNS void
    LANGUAGE plpgsql
    AS $$
#variable_conflict use_column
declare
  kept record;
begin
  loop
    insert into pra_store.artifacts as a (sha256, size, media_type, upload_id, store_id, copy, unverified)
    values (settle.sha256, settle.size, settle.media_type, upload, store, settle.copy, not checked)
    on conflict (sha256) do nothing;
    exit when found;
    update pra_store.artifacts as a set touched_at = clock_timestamp()
    where a.sha256 = settle.sha256
    returning a.bytes is not null as is_inline, a.unverified, a.suspect_at is not null as is_suspect into kept;
    continue when not found;  -- garbage collection has deleted it meanwhile
    -- Others' bytes that are right stay, and of two in doubt the first one, until somebody has read it.
    if checked and (kept.unverified or kept.is_suspect) or kept.is_suspect and not kept.is_inline then
      update pra_store.artifacts as a set
        size = settle.size, bytes = null, upload_id = upload, store_id = store, copy = settle.copy,
        unverified = not checked, suspect_at = null, suspicion = null
      where a.sha256 = settle.sha256;
    end if;
    exit;
  end loop;
end
$$;


ALTER FUNCTION pra_store.settle(sha256 bytea, size bigint, media_type text, upload bigint, store integer, copy integer, checked boolean) OWNER TO pra_owner;

--
-- Name: settle_array(bigint); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.settle_array(array_job bigint) RETURNS void
    LANGUAGE plpgsql
    AS $$
declare
  a pra_store.jobs;
  bad bigint;
begin
  select * into a from pra_store.jobs where id = array_job for no key update;
  if a.state <> 'running' and not (a.gang and a.state in ('ready', 'blocked')) or exists (
    select from pra_store.jobs where array_id = array_job and state in ('blocked', 'ready', 'running')
  ) then
    return;
  end if;
  select coalesce(sum(element_end - element_first), 0) into bad
  from pra_store.jobs where array_id = array_job and state <> 'succeeded';
  if bad > 0 and not (a.gang_sizes is not null and exists (
    select from pra_store.jobs where array_id = array_job and state = 'succeeded'
  )) then
    update pra_store.jobs
    set state = 'failed', finished_at = clock_timestamp(),
        message = case when pra_store.has_series(a) then (
            select coalesce(t.message, 'its ranks did not succeed')
            from pra_store.attempts as t where t.job_id = a.id and t.epoch = a.epoch)
          else format('%s of %s elements did not succeed', bad, a.array_end - a.array_first) end
    where id = array_job;
    perform pra_store.record_event('array.failed', a.run_id, array_job, null, null);
  else
    update pra_store.jobs
    set state = 'succeeded', finished_at = clock_timestamp(), message = null,
        result = case when pra_store.has_series(a) then (
            select m.result from pra_store.jobs as m
            where m.array_id = a.id and m.result is not null order by m.id limit 1)
          else jsonb_build_object('elements', a.array_end - a.array_first) end
    where id = array_job;
    perform pra_store.record_event('array.succeeded', a.run_id, array_job, null, null);
    perform pra_store.release_dependents(array_job);
  end if;
end
$$;


ALTER FUNCTION pra_store.settle_array(array_job bigint) OWNER TO pra_owner;

--
-- Name: settle_cancelled(bigint); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.settle_cancelled(job bigint) RETURNS void
    LANGUAGE plpgsql
    AS $$
#variable_conflict use_column
begin
  update pra_store.jobs
  set state = 'cancelled', worker_id = null, finished_at = clock_timestamp(),
      cancel_requested_at = coalesce(cancel_requested_at, clock_timestamp())
  where id = job;
  perform pra_store.record_event(
    'job.cancelled', (select run_id from pra_store.jobs where id = job), job, null, null);
end
$$;


ALTER FUNCTION pra_store.settle_cancelled(job bigint) OWNER TO pra_owner;

--
-- Name: settle_gang(pra_store.jobs, pra_store.jobs); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.settle_gang(a pra_store.jobs, member pra_store.jobs) RETURNS void
    LANGUAGE plpgsql
    AS $$
begin
  if member.state = 'blocked' then
    with asked as (
      update pra_store.jobs set preempt_requested_at = clock_timestamp()
      where array_id = a.id and state = 'running' and preempt_requested_at is null
      returning id, epoch
    )
    insert into pra_store.preemptions (job_id, epoch, reason, deadline)
    select id, epoch, 'another member of its gang has left',
      clock_timestamp() + pra_store.time_to_follow(a, member)
    from asked
    on conflict (job_id, epoch) do nothing;
  elsif member.state <> 'succeeded' then
    update pra_store.jobs set state = 'cancelled', finished_at = clock_timestamp(),
      message = 'another member of its gang ended badly'
    where array_id = a.id and state = 'blocked';
    with asked as (
      update pra_store.jobs set cancel_requested_at = clock_timestamp()
      where array_id = a.id and state = 'running' and cancel_requested_at is null
      returning id, epoch
    )
    insert into pra_store.cancellations (job_id, epoch, deadline)
    select id, epoch, clock_timestamp() + interval '30 seconds' from asked
    on conflict (job_id) do update set epoch = excluded.epoch, deadline = excluded.deadline;
  end if;
  if exists (select from pra_store.jobs where array_id = a.id and state = 'running') then
    perform pg_notify('pra_ask', '');
  elsif a.gang_sizes is not null and exists (
    select from pra_store.jobs where array_id = a.id and state = 'succeeded'
  ) then
    -- One success is that of all: the others are of earlier starts, or were ended after the work was done.
    update pra_store.jobs set state = 'cancelled', finished_at = clock_timestamp(), message = 'its gang has succeeded'
    where array_id = a.id and state <> 'succeeded' and state <> 'cancelled';
    perform pra_store.end_start(a.id);
    perform pra_store.settle_array(a.id);
  elsif exists (select from pra_store.jobs where array_id = a.id and state = 'blocked') then
    perform pra_store.end_start(a.id);
    update pra_store.jobs
    set state = 'ready', run_after = greatest(run_after, member.run_after),
        due = greatest(run_after, member.run_after) <= clock_timestamp()
    where id = a.id and state = 'running';
    perform pg_notify('pra_ready', '');
  else
    perform pra_store.end_start(a.id);
    perform pra_store.settle_array(a.id);
  end if;
end
$$;


ALTER FUNCTION pra_store.settle_gang(a pra_store.jobs, member pra_store.jobs) OWNER TO pra_owner;

--
-- Name: settle_series(bigint); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.settle_series(job bigint) RETURNS void
    LANGUAGE sql
    AS $$
  update pra_store.metric_summaries as s
  set end_value = w.value, end_steps = w.steps
  from pra_store.metric_summaries as t
  cross join lateral pra_store.end_of_series(t.job_id, t.name_id) as w
  where t.job_id = settle_series.job and t.end_value is null and s.job_id = t.job_id and s.name_id = t.name_id;
$$;


ALTER FUNCTION pra_store.settle_series(job bigint) OWNER TO pra_owner;

--
-- Name: share_of(pra_store.jobs, integer, integer[]); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.share_of(it pra_store.jobs, places integer, lanes integer[]) RETURNS text
    LANGUAGE plpgsql STABLE
    AS $$
begin
  return (
    with active as (
      select r.id, r.created_by, r.weight, coalesce(u.weight, 1) as user_weight
      from pra_store.runs as r
      left join pra_store.users as u on u.name = r.created_by
      where r.id = it.run_id or r.id in (
        select l.run_id from pra_store.lanes as l where l.id = any(lanes) and l.queue = it.queue)
        or r.id in (
          select j.run_id from pra_store.jobs as j
          where j.state = 'running' and j.worker_id is not null and j.queue = it.queue)
    ),
    parts as (
      select a.id, a.weight / sum(a.weight) over (partition by a.created_by) * a.user_weight / (
        select sum(one.weight) from (select distinct b.created_by, b.user_weight as weight from active as b) as one
      ) as part
      from active as a
    )
    select rtrim(to_char(p.part * places, 'FM999999990.9'), '.') from parts as p where p.id = it.run_id);
end
$$;


ALTER FUNCTION pra_store.share_of(it pra_store.jobs, places integer, lanes integer[]) OWNER TO pra_owner;

--
-- Name: small_limits(pra_store.jobs); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.small_limits(g pra_store.jobs) RETURNS SETOF text
    LANGUAGE plpgsql STABLE
    AS $$
declare
  needed integer := pra_store.gang_size(g);
begin
  return query
    select case
      when l.slots < needed then format(
        'limit "%s" has %s slots, and its %s members need one each: `pra limits --set %s=%s` lets it start',
        l.name, l.slots, needed, l.name, needed)
      else format('limit "%s" has %s of %s slots free, and its %s members need one each', l.name,
        f.free, l.slots, needed)
      end
    from pra_store.limits as l
    cross join lateral (select pra_store.free_slots(array[l.name], needed) as free) as f
    where l.name = any(g.limits) and f.free < needed and (f.free > 0 or l.slots between 1 and needed - 1)
    order by l.name;
end
$$;


ALTER FUNCTION pra_store.small_limits(g pra_store.jobs) OWNER TO pra_owner;

--
-- Name: split(bigint[], integer[], bigint); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.split(arrays bigint[], wanted integer[], worker bigint) RETURNS bigint[]
    LANGUAGE plpgsql
    AS $$
declare
  a pra_store.jobs;
  next_first bigint;
  pieces integer;
  ids bigint[];
  cuts bigint[] := '{}';
  parents bigint[] := '{}';
  firsts bigint[] := '{}';
begin
  for a in
    select * from pra_store.jobs where id = any(arrays) order by id for no key update
  loop
    continue when a.state <> 'ready' or not a.due or a.deadline <= clock_timestamp();
    next_first := pra_store.next_element(a);
    pieces := least(
      wanted[array_position(arrays, a.id)], (a.array_end - next_first + a.pack - 1) / a.pack);
    if pieces > 0 then
      ids := array(select nextval('pra_store.jobs_id_seq') from generate_series(1, pieces));
      if a.limits <> '{}' then
        ids := ids[1 : pra_store.take_slots(ids, array_fill(1::bigint, array[pieces]), a.limits)];
      end if;
      pieces := cardinality(ids);
    end if;
    if pieces > 0 then
      cuts := cuts || ids;
      parents := parents || array_fill(a.id, array[pieces]);
      firsts := firsts
        || array(select next_first + i * a.pack from generate_series(0, pieces - 1) as i);
      next_first := next_first + pieces::bigint * a.pack;
    end if;
    if next_first >= a.array_end then
      update pra_store.jobs
      set state = 'running', started_at = coalesce(started_at, clock_timestamp()) where id = a.id;
    elsif a.started_at is null and pieces > 0 then
      update pra_store.jobs set started_at = clock_timestamp() where id = a.id;
    end if;
  end loop;
  if cuts <> '{}' then
    insert into pra_store.jobs (
      id, run_id, kind, queue, arguments, requirements, priority, state, run_after, epoch,
      worker_id, time_limit, fault_retries, lost_retries, timeout_retries, preemption_retries,
      created_by, started_at, lane_id, place, limits, deadline, array_id, element_first, element_end, token)
    overriding system value
    select c.id, p.run_id, p.kind, p.queue, '{}', p.requirements, p.priority, 'running',
      clock_timestamp(), 1, worker, p.time_limit, p.fault_retries, p.lost_retries,
      p.timeout_retries, p.preemption_retries, p.created_by, clock_timestamp(), p.lane_id,
      p.place, p.limits, p.deadline, p.id, c.first, least(c.first + p.pack, p.array_end),
      gen_random_uuid()
    from unnest(cuts, parents, firsts) as c (id, parent, first)
    join pra_store.jobs as p on p.id = c.parent;
  end if;
  return cuts;
end
$$;


ALTER FUNCTION pra_store.split(arrays bigint[], wanted integer[], worker bigint) OWNER TO pra_owner;

--
-- Name: state_after(pra_store.jobs, pra.attempt_outcome, text); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.state_after(held pra_store.jobs, how pra.attempt_outcome, cause text) RETURNS pra.job_state
    LANGUAGE plpgsql STABLE
    AS $$
begin
  return case
    when how = 'cancelled' then 'cancelled'
    when how = 'permanent' then 'failed'
    -- Bounded, since a job may fill any disk.
    when how = 'fault' and pra_store.is_host_lack(cause) and held.host_faults >= 20 then 'failed'
    when how = 'fault' and held.faults > held.fault_retries then 'failed'
    when how = 'timeout' and (held.timeouts > held.timeout_retries or cause = 'deadline') then 'failed'
    when how = 'preempted' and held.preemptions > held.preemption_retries then 'failed'
    when how = 'lost' and held.lost > held.lost_retries then 'quarantined'
    -- A member of a gang returns to the line together with all members.
    when held.array_id is not null and (
      select a.gang from pra_store.jobs as a where a.id = held.array_id) then 'blocked'
    else 'ready'
  end::pra.job_state;
end
$$;


ALTER FUNCTION pra_store.state_after(held pra_store.jobs, how pra.attempt_outcome, cause text) OWNER TO pra_owner;

--
-- Name: stays(pra_store.workers, interval); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.stays(w pra_store.workers, time_limit interval) RETURNS boolean
    LANGUAGE plpgsql STABLE
    AS $$
begin
  return coalesce(clock_timestamp() + time_limit <= w.leaves_at, true);
end
$$;


ALTER FUNCTION pra_store.stays(w pra_store.workers, time_limit interval) OWNER TO pra_owner;

--
-- Name: stored_artifact(text, text); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.stored_artifact(sha256 text, referrer text) RETURNS bytea
    LANGUAGE plpgsql STABLE
    AS $$
#variable_conflict use_column
declare
  digest bytea := pra_store.digest(sha256);
begin
  if not exists (select from pra_store.artifacts as a where a.sha256 = digest) then
    raise exception '%: there is no artifact %', referrer, stored_artifact.sha256
      using errcode = 'PR002';
  end if;
  return digest;
end
$$;


ALTER FUNCTION pra_store.stored_artifact(sha256 text, referrer text) OWNER TO pra_owner;

--
-- Name: string_misfit(jsonb, jsonb, text); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.string_misfit(given jsonb, schema jsonb, path text) RETURNS text
    LANGUAGE plpgsql IMMUTABLE
    AS $$
declare
  size integer := length(given #>> '{}');
begin
  if size < (schema ->> 'minLength')::integer then
    return pra_store.unexpected(given, path, (schema ->> 'minLength') || ' characters or more');
  elsif size > (schema ->> 'maxLength')::integer then
    return format('%s: found %s characters, expected at most %s', path, size,
      schema ->> 'maxLength');
  elsif schema ? 'pattern' and given #>> '{}' !~ (schema ->> 'pattern')
    -- The worker puts in the value of a reference, and checks it.
    and not (schema -> 'secret' = 'true' and given #>> '{}' ~ '^secret://') then
    return pra_store.unexpected(given, path, 'a text like ' || (schema ->> 'pattern'));
  end if;
  return null;
end
$$;


ALTER FUNCTION pra_store.string_misfit(given jsonb, schema jsonb, path text) OWNER TO pra_owner;

--
-- Name: suited(pra_store.line_entry[], pra_store.workers, integer); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.suited(entries pra_store.line_entry[], me pra_store.workers, most integer, OUT suiting pra_store.line_entry[], OUT is_cut boolean) RETURNS record
    LANGUAGE plpgsql STABLE
    AS $$
declare
  entry pra_store.line_entry;
begin
  suiting := '{}';
  is_cut := false;
  foreach entry in array entries loop
    if cardinality(suiting) >= most then
      is_cut := true;
      return;
    end if;
    if entry.is_gang or pra_store.suits(entry.id, me) then
      suiting := suiting || entry;
    end if;
  end loop;
end
$$;


ALTER FUNCTION pra_store.suited(entries pra_store.line_entry[], me pra_store.workers, most integer, OUT suiting pra_store.line_entry[], OUT is_cut boolean) OWNER TO pra_owner;

--
-- Name: suits(bigint, pra_store.workers); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.suits(job bigint, me pra_store.workers) RETURNS boolean
    LANGUAGE plpgsql STABLE
    AS $$
declare
  it pra_store.jobs;
  missing record;
begin
  select * into it from pra_store.jobs as j where j.id = job;
  if it.room_needed > me.room then
    return false;
  end if;
  if it.kind <> all(me.reading_kinds) then
    return true;
  end if;
  missing := pra_store.missing_on(it, me);
  if missing.bytes = 0 then
    return true;
  end if;
  return missing.bytes <= me.room and not exists (
    select from pra_store.better_placed(it, me, missing.bytes, missing.digests) as b);
end
$$;


ALTER FUNCTION pra_store.suits(job bigint, me pra_store.workers) OWNER TO pra_owner;

--
-- Name: summarize_batch(pra_store.jobs, bigint, bigint); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.summarize_batch(held pra_store.jobs, batch bigint, from_step bigint) RETURNS void
    LANGUAGE plpgsql
    AS $$
#variable_conflict use_column
declare
  added pra_store.metric_rollups[];
begin
  added := array(
    select row(
      held.id, n.id, p.step / 256, count(*),
      count(*) filter (where p.value in ('NaN', 'Infinity', '-Infinity')),
      coalesce(sum(p.value) filter (where p.value not in ('NaN', 'Infinity', '-Infinity')), 0),
      max(p.step), (array_agg(p.value order by p.step desc, p.place desc))[1],
      (array_agg(p.step order by p.value, p.step) filter (where p.value <> 'NaN'))[1],
      min(p.value) filter (where p.value <> 'NaN'),
      (array_agg(p.step order by p.value desc, p.step) filter (where p.value <> 'NaN'))[1],
      max(p.value) filter (where p.value <> 'NaN'))::pra_store.metric_rollups
    from pra_store.metric_staging as s
    join pra_store.metric_names as n on n.name = s.name
    cross join unnest(s.steps, s."values") with ordinality as p (step, value, place)
    where s.token = held.token and s.batch = summarize_batch.batch and p.step >= from_step
    group by n.id, p.step / 256);
  insert into pra_store.metric_rollups as r
  select a.* from unnest(added) as a order by a.name_id, a.bucket
  on conflict (job_id, name_id, bucket) do update
  set points = r.points + excluded.points,
      not_finite = r.not_finite + excluded.not_finite,
      total = r.total + excluded.total,
      last_step = greatest(r.last_step, excluded.last_step),
      last_value = case
        when excluded.last_step >= r.last_step then excluded.last_value else r.last_value end,
      min_step = case
        when r.min_value is null or excluded.min_value < r.min_value then excluded.min_step else r.min_step end,
      min_value = least(r.min_value, excluded.min_value),
      max_step = case
        when r.max_value is null or excluded.max_value > r.max_value then excluded.max_step else r.max_step end,
      max_value = greatest(r.max_value, excluded.max_value);
  -- In the order of names, in which every function locks the summaries.
  perform pra_store.add_to_summary(t) from pra_store.rollups_together(added) as t order by t.name_id;
end
$$;


ALTER FUNCTION pra_store.summarize_batch(held pra_store.jobs, batch bigint, from_step bigint) OWNER TO pra_owner;

--
-- Name: sweep_staged(); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.sweep_staged() RETURNS void
    LANGUAGE plpgsql
    AS $$
begin
  delete from pra_store.metric_staging as s
  where not exists (
    select from pra_store.jobs as j
    where j.id = s.job_id and j.token = s.token and j.state = 'running');
end
$$;


ALTER FUNCTION pra_store.sweep_staged() OWNER TO pra_owner;

--
-- Name: take(bigint[], bigint, integer); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.take(candidates bigint[], worker bigint, wanted integer) RETURNS bigint[]
    LANGUAGE plpgsql
    AS $$
declare
  part record;
  allowed bigint[] := '{}';
begin
  for part in
    -- Materialized: without the fence the planner may run the limited scan again and take too many.
    with mine as materialized (
      select j.id, j.epoch, j.limits, c.n
      from unnest(candidates) with ordinality as c (id, n)
      join pra_store.jobs as j on j.id = c.id
      where j.state = 'ready' and j.due
        and (j.deadline is null or j.deadline > clock_timestamp())
        and (j.avoided_host is null or j.avoided_until <= clock_timestamp() or j.avoided_host <> (
          select pra_store.host(w.labels, w.name) from pra_store.workers as w
          where w.id = take.worker))
      order by c.n
      limit wanted
      for no key update of j skip locked
    )
    select m.limits, array_agg(m.id order by m.n) as ids, array_agg(m.epoch + 1 order by m.n) as epochs
    from mine as m
    group by m.limits
    order by m.limits
  loop
    if part.limits = '{}' then
      allowed := allowed || part.ids;
    else
      allowed := allowed
        || part.ids[1 : pra_store.take_slots(part.ids, part.epochs, part.limits)];
    end if;
  end loop;
  if allowed <> '{}' then
    update pra_store.jobs as j
    set state = 'running', epoch = j.epoch + 1, token = gen_random_uuid(), worker_id = worker,
        started_at = coalesce(j.started_at, clock_timestamp()), preempt_requested_at = null
    where j.id = any(allowed);
  end if;
  return allowed;
end
$$;


ALTER FUNCTION pra_store.take(candidates bigint[], worker bigint, wanted integer) OWNER TO pra_owner;

--
-- Name: take_crashes_off(bigint); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.take_crashes_off(job bigint) RETURNS void
    LANGUAGE plpgsql
    AS $$
declare
  freed text;
begin
  delete from pra_store.crashes as c where c.job_id = take_crashes_off.job;
  for freed in
    delete from pra_store.blamed_hosts as b
    where b.until > clock_timestamp() and pra_store.crashed_jobs(b.host) < 3
    returning b.host
  loop
    perform pra_store.record_event('host.forgiven', null, take_crashes_off.job, null, null,
      jsonb_build_object('host', freed, 'because', 'the job crashes wherever it runs'));
    perform pg_notify('pra_ready', '');
  end loop;
end
$$;


ALTER FUNCTION pra_store.take_crashes_off(job bigint) OWNER TO pra_owner;

--
-- Name: take_in_order(pra_store.line_entry[], bigint, integer); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.take_in_order(entries pra_store.line_entry[], worker bigint, free integer) RETURNS bigint[]
    LANGUAGE plpgsql
    AS $$
declare
  entry pra_store.line_entry;
  unreserved integer := free;
  seats integer;
  singles bigint[] := '{}';
  arrays bigint[] := '{}';
  wanted integer[] := '{}';
  -- Entries that may take what others leave.
  late_singles bigint[] := '{}';
  late_arrays bigint[] := '{}';
  taken bigint[] := '{}';
begin
  if free <= 0 or entries = '{}' then
    return taken;
  end if;
  foreach entry in array entries loop
    seats := least(entry.seats, unreserved);
    unreserved := unreserved - seats;
    if entry.is_array then
      late_arrays := late_arrays || entry.id;
      if seats > 0 then
        arrays := arrays || entry.id;
        wanted := wanted || seats;
      end if;
    elsif seats > 0 then
      singles := singles || entry.id;
    else
      late_singles := late_singles || entry.id;
    end if;
  end loop;
  if singles <> '{}' then
    taken := pra_store.take(singles, worker, free);
  end if;
  if arrays <> '{}' then
    taken := taken || pra_store.split(arrays, wanted, worker);
  end if;
  if late_singles <> '{}' and cardinality(taken) < free then
    taken := taken || pra_store.take(late_singles, worker, free - cardinality(taken));
  end if;
  if late_arrays <> '{}' and cardinality(taken) < free then
    -- A session that holds arrays waits for no other.
    late_arrays := array(
      select j.id
      from unnest(late_arrays) with ordinality as l (id, n)
      join pra_store.jobs as j on j.id = l.id
      order by l.n
      for no key update of j skip locked);
    for i in 1..cardinality(late_arrays) loop
      exit when cardinality(taken) = free;
      taken := taken || pra_store.split(late_arrays[i : i], array[free - cardinality(taken)], worker);
    end loop;
  end if;
  return taken;
end
$$;


ALTER FUNCTION pra_store.take_in_order(entries pra_store.line_entry[], worker bigint, free integer) OWNER TO pra_owner;

--
-- Name: take_slots(bigint[], bigint[], text[]); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.take_slots(jobs bigint[], epochs bigint[], limits text[]) RETURNS integer
    LANGUAGE plpgsql
    AS $$
declare
  wanted text;
  allowed integer := cardinality(jobs);
  free bigint[];
begin
  -- Before any of its rows: a limit that is being changed is waited for here.
  lock table pra_store.limit_slots in row exclusive mode;
  -- By name, as everybody takes them.
  foreach wanted in array limits loop
    free := array(
      select s.ordinal from pra_store.limit_slots as s
      where s.limit_name = wanted and s.job_id is null
      order by s.ordinal limit allowed
      for update skip locked);
    update pra_store.limit_slots as s
    set job_id = jobs[array_position(free, s.ordinal)], epoch = epochs[array_position(free, s.ordinal)],
        taken_at = clock_timestamp()
    where s.limit_name = wanted and s.job_id is null and s.ordinal = any(free);
    if cardinality(free) < allowed then
      update pra_store.limit_slots as s set job_id = null, epoch = null, taken_at = null
      where s.job_id = any(jobs[cardinality(free) + 1 : allowed]) and s.limit_name = any(limits);
      allowed := cardinality(free);
      exit when allowed = 0;
    end if;
  end loop;
  return allowed;
end
$$;


ALTER FUNCTION pra_store.take_slots(jobs bigint[], epochs bigint[], limits text[]) OWNER TO pra_owner;

--
-- Name: time_to_follow(pra_store.jobs, pra_store.jobs); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.time_to_follow(a pra_store.jobs, member pra_store.jobs) RETURNS interval
    LANGUAGE sql STABLE
    AS $$
  select case
    when exists (select from pra_store.attempts as t where t.job_id = a.id and t.epoch = a.epoch)
      and not exists (
        select from pra_store.attempts as t
        where t.job_id = member.id and t.epoch = member.epoch and t.outcome in ('preempted', 'released')
          and t.cause is distinct from 'peer-lost')
    then interval '5 seconds' else interval '60 seconds' end;
$$;


ALTER FUNCTION pra_store.time_to_follow(a pra_store.jobs, member pra_store.jobs) OWNER TO pra_owner;

--
-- Name: unexpected(jsonb, text, text); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.unexpected(given jsonb, path text, expected text) RETURNS text
    LANGUAGE sql IMMUTABLE
    AS $$ select format('%s: found %s, expected %s', path, left(given::text, 60), expected); $$;


ALTER FUNCTION pra_store.unexpected(given jsonb, path text, expected text) OWNER TO pra_owner;

--
-- Name: unmet_dependencies(bigint); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.unmet_dependencies(job bigint) RETURNS SETOF text
    LANGUAGE sql STABLE
    AS $$
  select format('waits for job %s (%s), which is %s', p.id, p.kind, p.state)
    || case
      when p.state in ('failed', 'cancelled', 'quarantined')
        then format(': `pra retry %s` runs it again', p.id)
      else ''
    end
  from pra_store.job_dependencies as d join pra_store.jobs as p on p.id = d.parent_id
  where d.job_id = unmet_dependencies.job and p.state <> 'succeeded'
  order by p.id;
$$;


ALTER FUNCTION pra_store.unmet_dependencies(job bigint) OWNER TO pra_owner;

--
-- Name: unmet_parents(bigint); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.unmet_parents(job bigint) RETURNS integer
    LANGUAGE plpgsql STABLE
    AS $$
begin
  return (
    select count(*)
    from pra_store.job_dependencies as d
    cross join lateral (select p.state from pra_store.jobs as p where p.id = d.parent_id limit 1) as p
    where d.job_id = job and p.state <> 'succeeded');
end
$$;


ALTER FUNCTION pra_store.unmet_parents(job bigint) OWNER TO pra_owner;

--
-- Name: utc_offset(text, timestamp without time zone); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.utc_offset(time_zone text, moment timestamp without time zone) RETURNS interval
    LANGUAGE plpgsql STABLE
    AS $$
begin
  return moment at time zone 'UTC' at time zone time_zone - moment;
end
$$;


ALTER FUNCTION pra_store.utc_offset(time_zone text, moment timestamp without time zone) OWNER TO pra_owner;

--
-- Name: wait_bounds(); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.wait_bounds() RETURNS double precision[]
    LANGUAGE sql IMMUTABLE
    AS $$ select '{1,5,15,60,300,900,3600,14400,86400}'::double precision[]; $$;


ALTER FUNCTION pra_store.wait_bounds() OWNER TO pra_owner;

--
-- Name: waiting_groups(); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.waiting_groups() RETURNS TABLE(example bigint, jobs bigint, oldest timestamp with time zone, run_id bigint, queue text)
    LANGUAGE sql STABLE
    AS $$
  with line as materialized (
    -- One pass over the index of the line, in the order of its lanes, which reads nothing else.
    select j.lane_id, count(*) as jobs, min(j.id) as example,
      bool_or(j.gang or j.array_id is not null or j.epoch > 0) as is_mixed
    from pra_store.jobs as j
    where j.state = 'ready' and j.due
    group by j.lane_id
  ),
  heaps as materialized (
    -- Most lanes have jobs of one sort alone.
    select n.lane_id, 'ready'::pra.job_state as state, true as due, false as gang, false as part, false as lost,
      n.jobs, n.example
    from line as n where not n.is_mixed
    union all
    select j.lane_id, 'ready', true, j.gang, j.array_id is not null as part,
      j.epoch > 0 and exists (
        select from pra_store.attempts as a where a.job_id = j.id and a.epoch = j.epoch and a.outcome = 'lost') as lost,
      count(*), min(j.id)
    from line as n
    join pra_store.jobs as j on j.lane_id = n.lane_id
    where n.is_mixed and j.state = 'ready' and j.due
    group by j.lane_id, j.gang, 5, 6
    -- A delayed job is no obstacle to one that is due.
    union all
    select j.lane_id, 'ready', false, j.gang, j.array_id is not null as part,
      j.epoch > 0 and exists (
        select from pra_store.attempts as a where a.job_id = j.id and a.epoch = j.epoch and a.outcome = 'lost') as lost,
      count(*), min(j.id)
    from pra_store.jobs as j
    where j.state = 'ready' and not j.due
    group by j.lane_id, j.gang, 5, 6
    union all
    select j.lane_id, 'blocked', j.due, j.gang, j.array_id is not null as part, false, count(*), min(j.id)
    from pra_store.jobs as j
    -- All that the index has, so that it is used, and those that are blocked.
    where j.state in ('blocked', 'failed', 'cancelled', 'quarantined') and j.state = 'blocked'
    group by j.lane_id, j.due, j.gang, 5
  ),
  described as (
    select h.*, l.queue, l.kind, l.requirements, l.limits, l.run_id,
      l.run_id in (select r.id from pra_store.runs as r where r.paused_at is not null) as paused
    from heaps as h
    join pra_store.lanes as l on l.id = h.lane_id
  )
  select min(d.example), sum(d.jobs)::bigint,
    -- Numbers of jobs grow with time.
    (select j.created_at from pra_store.jobs as j where j.id = min(d.example)),
    case when min(d.run_id) = max(d.run_id) then min(d.run_id) end, d.queue
  from described as d
  group by d.queue, d.state, d.gang, d.part, d.lost, d.paused, case when d.paused then d.run_id end,
    case when d.state = 'ready' then d.kind end, case when d.state = 'ready' then d.requirements end,
    case when d.state = 'ready' then d.limits end, case when d.state = 'ready' then d.due end
  order by sum(d.jobs) desc limit 200;
$$;


ALTER FUNCTION pra_store.waiting_groups() OWNER TO pra_owner;

--
-- Name: waits_for_its_training(pra_store.jobs); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.waits_for_its_training(it pra_store.jobs) RETURNS boolean
    LANGUAGE sql STABLE
    AS $$
  select it.preview_of is not null
    and exists (select from pra_store.jobs as t where t.id = it.preview_of and t.state = 'running')
    and not exists (select from pra_store.workers_serving(it) as w where w.fits and w.slots > 1);
$$;


ALTER FUNCTION pra_store.waits_for_its_training(it pra_store.jobs) OWNER TO pra_owner;

--
-- Name: without_held(pra_store.line_entry[]); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.without_held(entries pra_store.line_entry[]) RETURNS pra_store.line_entry[]
    LANGUAGE plpgsql
    AS $$
declare
  held bigint[] := array(
    select j.id from pra_store.jobs as j
    where j.id = any(array(select e.id from unnest(entries) as e where e.is_array))
    order by j.id for no key update skip locked);
begin
  return array(
    select row(e.id, e.is_array, e.is_gang, e.time_limit, e.seats, e.limits)::pra_store.line_entry
    from unnest(entries) with ordinality as e (id, is_array, is_gang, time_limit, seats, limits, n)
    where not e.is_array or e.id = any(held) order by e.n);
end
$$;


ALTER FUNCTION pra_store.without_held(entries pra_store.line_entry[]) OWNER TO pra_owner;

--
-- Name: without_limits(pra_store.line_view, text[]); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.without_limits(line pra_store.line_view, closed text[]) RETURNS pra_store.line_view
    LANGUAGE plpgsql STABLE
    AS $$
begin
  select array_agg(v.lane order by v.n), array_agg(v.place order by v.n) into line.lanes, line.places
  from unnest(line.lanes, line.places) with ordinality as v (lane, place, n)
  join pra_store.lanes as l on l.id = v.lane
  where not l.limits && closed;
  return line;
end
$$;


ALTER FUNCTION pra_store.without_limits(line pra_store.line_view, closed text[]) OWNER TO pra_owner;

--
-- Name: work_ahead(pra_store.jobs, integer[]); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.work_ahead(it pra_store.jobs, lanes integer[]) RETURNS text
    LANGUAGE plpgsql STABLE
    AS $$
begin
  return (
    -- Rows of the line are counted in its index; arrays, which are few, once more by their elements.
    with counted as (
      select l.run_id, j.jobs as elements, false as is_array
      from pra_store.lanes as l
      cross join lateral (
        select count(*) as jobs from pra_store.jobs as j
        where j.lane_id = l.id and j.state = 'ready' and j.due and (j.place, j.id) < (it.place, it.id)
      ) as j
      where l.id = any(lanes) and l.queue = it.queue and j.jobs > 0
      union all
      select j.run_id, j.array_end - pra_store.next_element(j) - 1, true
      from pra_store.jobs as j
      where j.array_first is not null and j.state = 'ready' and j.queue = it.queue and j.due
        and (j.place, j.id) < (it.place, it.id)
    ),
    ahead as materialized (
      select c.run_id, sum(c.elements) as elements, bool_or(c.is_array) as has_arrays from counted as c group by c.run_id
    ),
    first as (
      select format('%s %s of run "%s"', a.elements, case
          when a.elements = 1 and not a.has_arrays then 'job'
          when a.has_arrays then 'elements' else 'jobs' end, r.name) as said,
        row_number() over (order by a.elements desc, a.run_id) as n
      from ahead as a join pra_store.runs as r on r.id = a.run_id
    )
    select coalesce(string_agg(f.said, ', ' order by f.n) filter (where f.n <= 3), 'nothing')
      || case when count(*) > 3 then format(' and more of %s other runs', count(*) - 3) else '' end
    from first as f);
end
$$;


ALTER FUNCTION pra_store.work_ahead(it pra_store.jobs, lanes integer[]) OWNER TO pra_owner;

--
-- Name: workers_serving(pra_store.jobs); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.workers_serving(it pra_store.jobs) RETURNS TABLE(host text, fits boolean, is_blamed boolean, free bigint, slots integer)
    LANGUAGE plpgsql STABLE
    AS $$
begin
  return query
    select
      pra_store.host(w.labels, w.name),
      pra_store.satisfies(w.labels, it.requirements),
      exists (
        select from pra_store.blamed_hosts as b
        where b.host = pra_store.host(w.labels, w.name) and b.until > clock_timestamp())
        and pra_store.others_take(
          pra_store.host(w.labels, w.name), it.queue, it.kind, it.requirements),
      case when w.lack is null then w.slots
        - (select count(*) from pra_store.jobs as j where j.worker_id = w.id and j.state = 'running')
        else 0 end,
      case when w.lack is null then w.slots else 0 end
    from pra_store.workers as w
    where w.stopped_at is null and not w.draining and w.drain_requested_at is null
      and pra_store.lease_end(w.lease_expires_at, w.lease) > clock_timestamp()
      and it.queue = any(w.queues) and it.kind = any(w.kinds);
end
$$;


ALTER FUNCTION pra_store.workers_serving(it pra_store.jobs) OWNER TO pra_owner;

--
-- Name: write_ranges(bigint, bigint); Type: FUNCTION; Schema: pra_store; Owner: pra_owner
--

CREATE FUNCTION pra_store.write_ranges(job bigint, head bigint) RETURNS void
    LANGUAGE plpgsql
    AS $$
#variable_conflict use_column
declare
  latest pra_store.attempts;
  before bigint;
begin
  delete from pra_store.metric_ranges where job_id = job;
  insert into pra_store.metric_ranges (job_id, epoch, from_step, to_step)
  with recursive chain (epoch, continues_epoch, from_step, to_step) as (
    select a.epoch, a.continues_epoch, a.from_step, 9223372036854775807
    from pra_store.attempts as a
    where a.job_id = job and a.epoch = head
    union all
    select a.epoch, a.continues_epoch, a.from_step, least(c.from_step, c.to_step)
    from chain as c
    join pra_store.attempts as a on a.job_id = job and a.epoch = c.continues_epoch
  )
  select job, epoch, from_step, to_step from chain where from_step < to_step;
  select * into latest from pra_store.attempts as a where a.job_id = job and a.epoch = head;
  -- The attempt whose series the rollups are of.
  select max(a.epoch) into before from pra_store.attempts as a
  where a.job_id = job and a.epoch < head and a.from_step is not null;
  if latest.continues_epoch is null then
    delete from pra_store.metric_rollups as r where r.job_id = job;
  elsif latest.continues_epoch = before then
    perform pra_store.cut_rollups(job, latest.from_step);
  else
    delete from pra_store.metric_rollups as r where r.job_id = job;
    perform pra_store.roll_up(job, 0, 9223372036854775807);
  end if;
  delete from pra_store.metric_summaries as s where s.job_id = job;
  insert into pra_store.metric_summaries
  select t.* from pra_store.rollups_together(
    array(select r from pra_store.metric_rollups as r where r.job_id = job)) as t;
end
$$;


ALTER FUNCTION pra_store.write_ranges(job bigint, head bigint) OWNER TO pra_owner;

--
-- Name: arrays; Type: VIEW; Schema: pra; Owner: pra_owner
--

CREATE VIEW pra.arrays AS
 SELECT a.id,
    a.run_id,
    a.kind,
    a.state,
    a.array_first,
    (a.array_end - 1) AS array_last,
    a.pack,
    a.gang,
    (a.array_end - a.array_first) AS elements,
    (((((a.array_end - a.array_first))::numeric - c.running) - c.bad) - c.succeeded) AS waiting,
    c.running,
    c.succeeded,
    c.bad AS ended_badly
   FROM (pra_store.jobs a
     CROSS JOIN LATERAL ( SELECT COALESCE(sum((c_1.element_end - c_1.element_first)) FILTER (WHERE (c_1.state = 'running'::pra.job_state)), (0)::numeric) AS running,
            COALESCE(sum((c_1.element_end - c_1.element_first)) FILTER (WHERE (c_1.state = ANY (ARRAY['failed'::pra.job_state, 'cancelled'::pra.job_state, 'quarantined'::pra.job_state]))), (0)::numeric) AS bad,
            COALESCE((
                CASE
                    WHEN (a.follows_id IS NULL) THEN ((max(c_1.element_end) - a.array_first))::numeric
                    ELSE sum((c_1.element_end - c_1.element_first))
                END - sum((c_1.element_end - c_1.element_first)) FILTER (WHERE (c_1.state <> 'succeeded'::pra.job_state))),
                CASE
                    WHEN (a.follows_id IS NULL) THEN ((max(c_1.element_end) - a.array_first))::numeric
                    ELSE sum((c_1.element_end - c_1.element_first))
                END, (0)::numeric) AS succeeded
           FROM pra_store.jobs c_1
          WHERE (c_1.array_id = a.id)) c)
  WHERE (a.array_first IS NOT NULL);


ALTER TABLE pra.arrays OWNER TO pra_owner;

--
-- Name: VIEW arrays; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON VIEW pra.arrays IS 'One row per array: its elements counted by state';


--
-- Name: COLUMN arrays.id; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.arrays.id IS 'number of the array, which is a job';


--
-- Name: COLUMN arrays.run_id; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.arrays.run_id IS 'run of the array';


--
-- Name: COLUMN arrays.kind; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.arrays.kind IS 'kind of its elements';


--
-- Name: COLUMN arrays.state; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.arrays.state IS 'ready while elements remain to be started, running while any have not ended';


--
-- Name: COLUMN arrays.array_first; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.arrays.array_first IS 'index of its first element';


--
-- Name: COLUMN arrays.array_last; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.arrays.array_last IS 'index of its last element';


--
-- Name: COLUMN arrays.pack; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.arrays.pack IS 'number of elements that one attempt does';


--
-- Name: COLUMN arrays.gang; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.arrays.gang IS 'true when the elements start together or not at all';


--
-- Name: COLUMN arrays.elements; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.arrays.elements IS 'number of elements';


--
-- Name: COLUMN arrays.waiting; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.arrays.waiting IS 'number of elements that have not started, or will start again';


--
-- Name: COLUMN arrays.running; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.arrays.running IS 'number of elements in running attempts';


--
-- Name: COLUMN arrays.succeeded; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.arrays.succeeded IS 'number of elements that succeeded';


--
-- Name: COLUMN arrays.ended_badly; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.arrays.ended_badly IS 'number of elements that failed, were cancelled or quarantined';


--
-- Name: artifacts; Type: TABLE; Schema: pra_store; Owner: pra_owner
--

CREATE TABLE pra_store.artifacts (
    sha256 bytea NOT NULL,
    size bigint NOT NULL,
    media_type text NOT NULL,
    bytes bytea,
    upload_id bigint,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    store_id integer,
    touched_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    copy integer,
    unverified boolean DEFAULT false NOT NULL,
    suspect_at timestamp with time zone,
    suspicion text,
    CONSTRAINT artifacts_check1 CHECK (((bytes IS NULL) OR (length(bytes) = size))),
    CONSTRAINT artifacts_media_type_check CHECK ((media_type ~ '^[a-z0-9.+-]+/[a-z0-9.+-]+$'::text)),
    CONSTRAINT artifacts_sha256_check CHECK ((length(sha256) = 32)),
    CONSTRAINT artifacts_size_check CHECK ((size >= 0)),
    CONSTRAINT bytes_lie_in_one_place CHECK (((num_nonnulls(bytes, upload_id, store_id) = 1) OR ((num_nonnulls(bytes, upload_id, store_id) = 0) AND (suspect_at IS NOT NULL)))),
    CONSTRAINT copy_belongs_to_store CHECK (((store_id IS NULL) = (copy IS NULL)))
);
ALTER TABLE ONLY pra_store.artifacts ALTER COLUMN bytes SET STORAGE EXTERNAL;


ALTER TABLE pra_store.artifacts OWNER TO pra_owner;

--
-- Name: stores; Type: TABLE; Schema: pra_store; Owner: pra_owner
--

CREATE TABLE pra_store.stores (
    id integer NOT NULL,
    location text NOT NULL,
    is_current boolean DEFAULT false NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    place text NOT NULL,
    mark uuid DEFAULT gen_random_uuid() NOT NULL,
    marked_at timestamp with time zone,
    CONSTRAINT stores_location_check CHECK ((location ~ '^(file:/|s3://[a-z0-9])'::text))
);


ALTER TABLE pra_store.stores OWNER TO pra_owner;

--
-- Name: artifacts; Type: VIEW; Schema: pra; Owner: pra_owner
--

CREATE VIEW pra.artifacts AS
 SELECT encode(a.sha256, 'hex'::text) AS sha256,
    a.size,
    a.media_type,
        CASE
            WHEN (a.store_id IS NOT NULL) THEN split_part(s.location, ':'::text, 1)
            WHEN (a.upload_id IS NOT NULL) THEN 'chunks'::text
            WHEN (a.bytes IS NOT NULL) THEN 'inline'::text
            ELSE 'lost'::text
        END AS storage,
        CASE
            WHEN (a.upload_id IS NOT NULL) THEN ((a.size + 1048575) / 1048576)
            WHEN (a.bytes IS NOT NULL) THEN (1)::bigint
            ELSE (0)::bigint
        END AS chunks,
    a.created_at,
    s.location,
    a.touched_at,
    (NOT a.unverified) AS verified,
    a.suspect_at,
    a.suspicion
   FROM (pra_store.artifacts a
     LEFT JOIN pra_store.stores s ON ((s.id = a.store_id)));


ALTER TABLE pra.artifacts OWNER TO pra_owner;

--
-- Name: VIEW artifacts; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON VIEW pra.artifacts IS 'One row per artifact: stored bytes, named by their SHA-256';


--
-- Name: COLUMN artifacts.sha256; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.artifacts.sha256 IS 'SHA-256 of the bytes, in hexadecimal';


--
-- Name: COLUMN artifacts.size; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.artifacts.size IS 'size in bytes';


--
-- Name: COLUMN artifacts.media_type; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.artifacts.media_type IS 'media type under which the bytes were first stored';


--
-- Name: COLUMN artifacts.storage; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.artifacts.storage IS 'inline or chunks (in the database), file or s3; lost when its store was forgotten';


--
-- Name: COLUMN artifacts.chunks; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.artifacts.chunks IS 'number of chunks that pra.artifact_chunk returns; 0 outside the database';


--
-- Name: COLUMN artifacts.created_at; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.artifacts.created_at IS 'time when the bytes were first stored';


--
-- Name: COLUMN artifacts.location; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.artifacts.location IS 'location of the store outside the database; null inside';


--
-- Name: COLUMN artifacts.touched_at; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.artifacts.touched_at IS 'time when the bytes were last stored or asked for by a writer';


--
-- Name: COLUMN artifacts.verified; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.artifacts.verified IS 'whether the server or a reader has checked the SHA-256; until then the bytes count for their owner alone';


--
-- Name: COLUMN artifacts.suspect_at; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.artifacts.suspect_at IS 'time when a reader found the bytes damaged or missing; stored again, or read again rightly, it is null';


--
-- Name: COLUMN artifacts.suspicion; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.artifacts.suspicion IS 'what that reader found';


--
-- Name: count_steps; Type: TABLE; Schema: pra_store; Owner: pra_owner
--

CREATE TABLE pra_store.count_steps (
    queue text NOT NULL,
    kind text NOT NULL,
    outcome text NOT NULL,
    bucket smallint DEFAULT '-1'::integer NOT NULL,
    number bigint NOT NULL,
    seconds double precision DEFAULT 0 NOT NULL
);


ALTER TABLE pra_store.count_steps OWNER TO pra_owner;

--
-- Name: counters; Type: TABLE; Schema: pra_store; Owner: pra_owner
--

CREATE TABLE pra_store.counters (
    queue text NOT NULL,
    kind text NOT NULL,
    outcome text NOT NULL,
    bucket smallint NOT NULL,
    number bigint NOT NULL,
    seconds double precision NOT NULL
);


ALTER TABLE pra_store.counters OWNER TO pra_owner;

--
-- Name: attempt_counters; Type: VIEW; Schema: pra; Owner: pra_owner
--

CREATE VIEW pra.attempt_counters AS
 SELECT c.queue,
    c.kind,
        CASE c.outcome
            WHEN ''::text THEN 'started'::text
            ELSE c.outcome
        END AS outcome,
    (sum(c.number))::bigint AS attempts
   FROM ( SELECT s.queue,
            s.kind,
            s.outcome,
            s.number
           FROM pra_store.count_steps s
        UNION ALL
         SELECT t.queue,
            t.kind,
            t.outcome,
            t.number
           FROM pra_store.counters t) c
  GROUP BY c.queue, c.kind, c.outcome;


ALTER TABLE pra.attempt_counters OWNER TO pra_owner;

--
-- Name: VIEW attempt_counters; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON VIEW pra.attempt_counters IS 'Attempts counted since the database is at version 117: numbers that only rise, also when history is pruned';


--
-- Name: COLUMN attempt_counters.queue; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.attempt_counters.queue IS 'queue of the jobs';


--
-- Name: COLUMN attempt_counters.kind; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.attempt_counters.kind IS 'kind of the jobs';


--
-- Name: COLUMN attempt_counters.outcome; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.attempt_counters.outcome IS 'started, or how the attempt ended: succeeded, fault, lost, timeout ...';


--
-- Name: COLUMN attempt_counters.attempts; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.attempt_counters.attempts IS 'number of attempts';


--
-- Name: attempts; Type: TABLE; Schema: pra_store; Owner: pra_owner
--

CREATE TABLE pra_store.attempts (
    job_id bigint NOT NULL,
    epoch bigint NOT NULL,
    worker_id bigint NOT NULL,
    started_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    ended_at timestamp with time zone,
    outcome pra.attempt_outcome,
    exit_code integer,
    exit_signal integer,
    message text,
    from_step bigint,
    continues_epoch bigint,
    metric_batch bigint DEFAULT 0 NOT NULL,
    metric_high_water bigint,
    cause text,
    batched boolean DEFAULT false NOT NULL,
    CONSTRAINT attempts_check CHECK (((ended_at IS NULL) = (outcome IS NULL))),
    CONSTRAINT attempts_check1 CHECK ((continues_epoch < epoch)),
    CONSTRAINT attempts_check2 CHECK (((continues_epoch IS NULL) OR (from_step IS NOT NULL))),
    CONSTRAINT attempts_epoch_check CHECK ((epoch > 0)),
    CONSTRAINT attempts_from_step_check CHECK ((from_step >= 0))
)
WITH (fillfactor='50');


ALTER TABLE pra_store.attempts OWNER TO pra_owner;

--
-- Name: attempts; Type: VIEW; Schema: pra; Owner: pra_owner
--

CREATE VIEW pra.attempts AS
 SELECT a.job_id,
    a.epoch,
    j.run_id,
    j.kind,
    a.worker_id,
    w.name AS worker_name,
    a.started_at,
    a.ended_at,
    a.outcome,
    a.exit_code,
    a.exit_signal,
    a.message,
    a.from_step,
    a.continues_epoch,
    a.metric_batch,
    a.metric_high_water,
    a.cause
   FROM ((pra_store.attempts a
     JOIN pra_store.jobs j ON ((j.id = a.job_id)))
     JOIN pra_store.workers w ON ((w.id = a.worker_id)));


ALTER TABLE pra.attempts OWNER TO pra_owner;

--
-- Name: VIEW attempts; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON VIEW pra.attempts IS 'One row per attempt: each claim of a job starts one';


--
-- Name: COLUMN attempts.job_id; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.attempts.job_id IS 'job of the attempt';


--
-- Name: COLUMN attempts.epoch; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.attempts.epoch IS 'number of the attempt, strictly increasing within the job';


--
-- Name: COLUMN attempts.run_id; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.attempts.run_id IS 'run of the job';


--
-- Name: COLUMN attempts.kind; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.attempts.kind IS 'kind of the job';


--
-- Name: COLUMN attempts.worker_id; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.attempts.worker_id IS 'worker that claimed the job';


--
-- Name: COLUMN attempts.worker_name; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.attempts.worker_name IS 'name of that worker';


--
-- Name: COLUMN attempts.started_at; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.attempts.started_at IS 'time of the claim';


--
-- Name: COLUMN attempts.ended_at; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.attempts.ended_at IS 'time of the end, of a lost one that of the last beat of its worker; null while it runs';


--
-- Name: COLUMN attempts.outcome; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.attempts.outcome IS 'succeeded, fault, permanent, lost, timeout, preempted, released or cancelled';


--
-- Name: COLUMN attempts.exit_code; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.attempts.exit_code IS 'exit code of the stage''s process';


--
-- Name: COLUMN attempts.exit_signal; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.attempts.exit_signal IS 'signal that ended the stage''s process';


--
-- Name: COLUMN attempts.message; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.attempts.message IS 'description of the failure';


--
-- Name: COLUMN attempts.from_step; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.attempts.from_step IS 'first step of its own metric series; null when it has none';


--
-- Name: COLUMN attempts.continues_epoch; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.attempts.continues_epoch IS 'attempt whose series precedes that step; null when it started from scratch';


--
-- Name: COLUMN attempts.metric_batch; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.attempts.metric_batch IS 'number of the last batch of metrics that was absorbed';


--
-- Name: COLUMN attempts.metric_high_water; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.attempts.metric_high_water IS 'highest step among its metrics';


--
-- Name: COLUMN attempts.cause; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.attempts.cause IS 'how its process ended: exit-code, signal, out-of-memory, time-limit, deadline, lease-lost, host-lost, not-started, host (it lacked something), peer-lost (another rank of its gang was) or asked';


--
-- Name: blamed_hosts; Type: TABLE; Schema: pra_store; Owner: pra_owner
--

CREATE TABLE pra_store.blamed_hosts (
    host text NOT NULL,
    blamed_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    until timestamp with time zone NOT NULL,
    reason text NOT NULL
);


ALTER TABLE pra_store.blamed_hosts OWNER TO pra_owner;

--
-- Name: blamed_hosts; Type: VIEW; Schema: pra; Owner: pra_owner
--

CREATE VIEW pra.blamed_hosts AS
 SELECT b.host,
    b.blamed_at,
    b.until,
    b.reason
   FROM pra_store.blamed_hosts b
  WHERE (b.until > statement_timestamp());


ALTER TABLE pra.blamed_hosts OWNER TO pra_owner;

--
-- Name: VIEW blamed_hosts; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON VIEW pra.blamed_hosts IS 'Hosts that get no work because several jobs crashed there';


--
-- Name: COLUMN blamed_hosts.host; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.blamed_hosts.host IS 'label host of its workers, else their name';


--
-- Name: COLUMN blamed_hosts.blamed_at; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.blamed_hosts.blamed_at IS 'time since which it gets no work';


--
-- Name: COLUMN blamed_hosts.until; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.blamed_hosts.until IS 'time when it gets work again; pra.forgive_host ends it earlier';


--
-- Name: COLUMN blamed_hosts.reason; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.blamed_hosts.reason IS 'description of the crashes';


--
-- Name: checkpoint_files; Type: TABLE; Schema: pra_store; Owner: pra_owner
--

CREATE TABLE pra_store.checkpoint_files (
    checkpoint_id bigint NOT NULL,
    name pra_store.logical_name NOT NULL,
    sha256 bytea NOT NULL
);


ALTER TABLE pra_store.checkpoint_files OWNER TO pra_owner;

--
-- Name: checkpoints; Type: TABLE; Schema: pra_store; Owner: pra_owner
--

CREATE TABLE pra_store.checkpoints (
    id bigint NOT NULL,
    job_id bigint NOT NULL,
    epoch bigint NOT NULL,
    step bigint NOT NULL,
    registered_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    since bigint NOT NULL,
    CONSTRAINT checkpoints_step_check CHECK ((step >= 0))
);


ALTER TABLE pra_store.checkpoints OWNER TO pra_owner;

--
-- Name: checkpoints; Type: VIEW; Schema: pra; Owner: pra_owner
--

CREATE VIEW pra.checkpoints AS
 SELECT c.id,
    c.job_id,
    j.run_id,
    c.epoch,
    c.step,
    c.registered_at,
    ( SELECT jsonb_agg(jsonb_build_object('name', f.name, 'sha256', encode(f.sha256, 'hex'::text), 'size', a.size, 'media_type', a.media_type) ORDER BY f.name) AS jsonb_agg
           FROM (pra_store.checkpoint_files f
             JOIN pra_store.artifacts a ON ((a.sha256 = f.sha256)))
          WHERE (f.checkpoint_id = c.id)) AS files
   FROM (pra_store.checkpoints c
     JOIN pra_store.jobs j ON ((j.id = c.job_id)));


ALTER TABLE pra.checkpoints OWNER TO pra_owner;

--
-- Name: VIEW checkpoints; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON VIEW pra.checkpoints IS 'One row per registered checkpoint';


--
-- Name: COLUMN checkpoints.id; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.checkpoints.id IS 'number of the checkpoint';


--
-- Name: COLUMN checkpoints.job_id; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.checkpoints.job_id IS 'job that wrote it';


--
-- Name: COLUMN checkpoints.run_id; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.checkpoints.run_id IS 'run of the job';


--
-- Name: COLUMN checkpoints.epoch; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.checkpoints.epoch IS 'attempt that wrote it';


--
-- Name: COLUMN checkpoints.step; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.checkpoints.step IS 'number of steps made, which is the number of the next step';


--
-- Name: COLUMN checkpoints.registered_at; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.checkpoints.registered_at IS 'time of registration';


--
-- Name: COLUMN checkpoints.files; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.checkpoints.files IS 'files of the checkpoint: [{name, sha256, size, media_type}]';


--
-- Name: compatibility; Type: TABLE; Schema: pra_store; Owner: pra_owner
--

CREATE TABLE pra_store.compatibility (
    is_single boolean DEFAULT true NOT NULL,
    reads_from integer NOT NULL,
    works_from integer NOT NULL,
    CONSTRAINT compatibility_check CHECK ((works_from >= reads_from)),
    CONSTRAINT compatibility_is_single_check CHECK (is_single),
    CONSTRAINT compatibility_reads_from_check CHECK ((reads_from > 0))
);


ALTER TABLE pra_store.compatibility OWNER TO pra_owner;

--
-- Name: compatibility; Type: VIEW; Schema: pra; Owner: pra_owner
--

CREATE VIEW pra.compatibility AS
 SELECT c.reads_from,
    c.works_from
   FROM pra_store.compatibility c;


ALTER TABLE pra.compatibility OWNER TO pra_owner;

--
-- Name: VIEW compatibility; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON VIEW pra.compatibility IS 'The oldest programs that the schema admits, in one row';


--
-- Name: COLUMN compatibility.reads_from; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.compatibility.reads_from IS 'version of the schema that a program must know, or a later one, to read';


--
-- Name: COLUMN compatibility.works_from; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.compatibility.works_from IS 'version of the schema that a program must know, or a later one, to submit and to work';


--
-- Name: demand; Type: VIEW; Schema: pra; Owner: pra_owner
--

CREATE VIEW pra.demand AS
 SELECT w.queue,
    w.kind,
    w.requirements,
    w.time_limit,
    w.places,
    w.possible,
    w.free,
    w.jobs,
    w.oldest
   FROM pra.wanted_places() w(queue, kind, requirements, time_limit, places, possible, free, jobs, oldest);


ALTER TABLE pra.demand OWNER TO pra_owner;

--
-- Name: VIEW demand; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON VIEW pra.demand IS 'Places of workers that jobs in line could take now: one row for what any worker judges alike';


--
-- Name: COLUMN demand.queue; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.demand.queue IS 'queue in which they stand';


--
-- Name: COLUMN demand.kind; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.demand.kind IS 'kind of the jobs';


--
-- Name: COLUMN demand.requirements; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.demand.requirements IS 'conditions on a worker''s labels: [{label, op, value}]';


--
-- Name: COLUMN demand.time_limit; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.demand.time_limit IS 'longest duration of an attempt; null for no limit';


--
-- Name: COLUMN demand.places; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.demand.places IS 'number of places wanted: one for a job, one for each part that an array may start, all of a gang; no more than its limits have slots free';


--
-- Name: COLUMN demand.possible; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.demand.possible IS 'whether live workers could take them, by queue, kind, labels, room and the time that they stay; not whether places are free';


--
-- Name: COLUMN demand.free; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.demand.free IS 'number of places of those workers that are free';


--
-- Name: COLUMN demand.jobs; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.demand.jobs IS 'number of jobs; an array counts as one';


--
-- Name: COLUMN demand.oldest; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.demand.oldest IS 'time since which the first of them is in line';


--
-- Name: evaluations; Type: TABLE; Schema: pra_store; Owner: pra_owner
--

CREATE TABLE pra_store.evaluations (
    job_id bigint NOT NULL,
    metric text NOT NULL,
    scope text NOT NULL,
    epoch bigint NOT NULL,
    value double precision NOT NULL,
    images bigint NOT NULL,
    details jsonb DEFAULT '{}'::jsonb NOT NULL,
    CONSTRAINT evaluations_images_check CHECK ((images >= 0))
);


ALTER TABLE pra_store.evaluations OWNER TO pra_owner;

--
-- Name: variants; Type: TABLE; Schema: pra_store; Owner: pra_owner
--

CREATE TABLE pra_store.variants (
    job_id bigint NOT NULL,
    variant text NOT NULL,
    seed bigint NOT NULL
);


ALTER TABLE pra_store.variants OWNER TO pra_owner;

--
-- Name: evaluations; Type: VIEW; Schema: pra; Owner: pra_owner
--

CREATE VIEW pra.evaluations AS
 SELECT j.run_id,
    r.name AS run_name,
    e.job_id,
    e.metric,
    e.scope,
    e.value,
    e.images,
    e.details,
    e.epoch,
    v.variant,
    v.seed,
    COALESCE(
        CASE
            WHEN (jsonb_typeof((e.details -> 'ruler'::text)) = 'object'::text) THEN (e.details -> 'ruler'::text)
            ELSE NULL::jsonb
        END,
        CASE
            WHEN (e.metric ~ '^(frechet|reconstruction)[.]'::text) THEN jsonb_build_object('images', e.images, 'data_set', "left"((d.result ->> 'fingerprint'::text), 12))
            ELSE NULL::jsonb
        END) AS ruler,
    drew.job_id AS sampling_job,
    COALESCE(((s.result ->> 'step'::text))::bigint, ( SELECT max(((p.result ->> 'step'::text))::bigint) AS max
           FROM pra_store.jobs p
          WHERE (p.array_id = s.id))) AS step,
    (s.arguments -> 'sampling'::text) AS sampling
   FROM (((((((pra_store.evaluations e
     JOIN pra_store.jobs j ON ((j.id = e.job_id)))
     LEFT JOIN pra_store.runs r ON ((r.id = j.run_id)))
     LEFT JOIN pra_store.variants v ON ((v.job_id = e.job_id)))
     LEFT JOIN pra_store.jobs d ON (((d.kind = 'ingest'::text) AND (d.id =
        CASE
            WHEN ((jsonb_typeof((j.arguments -> 'data'::text)) = 'number'::text) AND ((((j.arguments -> 'data'::text))::numeric >= (0)::numeric) AND (((j.arguments -> 'data'::text))::numeric <= '1000000000000000000'::numeric))) THEN (trunc(((j.arguments -> 'data'::text))::numeric))::bigint
            ELSE NULL::bigint
        END))))
     LEFT JOIN LATERAL ( SELECT
                CASE
                    WHEN (j.kind = 'sample'::text) THEN COALESCE(j.array_id, j.id)
                    ELSE ( SELECT max((trunc((n.value)::numeric))::bigint) AS max
                       FROM jsonb_path_query(j.arguments, '$."samples"[*]'::jsonpath) n(value)
                      WHERE ((jsonb_typeof(n.value) = 'number'::text) AND (((n.value)::numeric >= (0)::numeric) AND ((n.value)::numeric <= '1000000000000000000'::numeric))))
                END AS job_id) own ON (true))
     LEFT JOIN LATERAL ( SELECT COALESCE(own.job_id, ( SELECT max((trunc((n.value)::numeric))::bigint) AS max
                   FROM ((jsonb_path_query(j.arguments, '$."features"[0]'::jsonpath) f(value)
                     JOIN pra_store.jobs k ON ((k.id =
                        CASE
                            WHEN ((jsonb_typeof(f.value) = 'number'::text) AND (((f.value)::numeric >= (0)::numeric) AND ((f.value)::numeric <= '1000000000000000000'::numeric))) THEN (trunc((f.value)::numeric))::bigint
                            ELSE NULL::bigint
                        END)))
                     CROSS JOIN LATERAL jsonb_path_query(k.arguments, '$."samples"[*]'::jsonpath) n(value))
                  WHERE ((jsonb_typeof(n.value) = 'number'::text) AND (((n.value)::numeric >= (0)::numeric) AND ((n.value)::numeric <= '1000000000000000000'::numeric))))) AS job_id) drew ON (true))
     LEFT JOIN pra_store.jobs s ON ((s.id = drew.job_id)));


ALTER TABLE pra.evaluations OWNER TO pra_owner;

--
-- Name: VIEW evaluations; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON VIEW pra.evaluations IS 'One row per metric and scope that a job evaluated';


--
-- Name: COLUMN evaluations.run_id; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.evaluations.run_id IS 'run of the job';


--
-- Name: COLUMN evaluations.run_name; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.evaluations.run_name IS 'name of the run';


--
-- Name: COLUMN evaluations.job_id; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.evaluations.job_id IS 'job that evaluated it';


--
-- Name: COLUMN evaluations.metric; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.evaluations.metric IS 'name of the metric';


--
-- Name: COLUMN evaluations.scope; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.evaluations.scope IS 'overall, or the name of a class';


--
-- Name: COLUMN evaluations.value; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.evaluations.value IS 'value of the metric';


--
-- Name: COLUMN evaluations.images; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.evaluations.images IS 'number of images that it is based on';


--
-- Name: COLUMN evaluations.details; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.evaluations.details IS 'further figures of the metric';


--
-- Name: COLUMN evaluations.epoch; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.evaluations.epoch IS 'attempt that committed it';


--
-- Name: COLUMN evaluations.variant; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.evaluations.variant IS 'variant that was evaluated, in a run that compares variants';


--
-- Name: COLUMN evaluations.seed; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.evaluations.seed IS 'seed of its training, in a run that compares variants';


--
-- Name: COLUMN evaluations.ruler; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.evaluations.ruler IS 'conditions under which the figure was measured, as an object: figures with different ones are not compared';


--
-- Name: COLUMN evaluations.sampling_job; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.evaluations.sampling_job IS 'sampling job or array, of several the newest, whose images it is of; null where it is of no images';


--
-- Name: COLUMN evaluations.step; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.evaluations.step IS 'training step of the weights that drew the images';


--
-- Name: COLUMN evaluations.sampling; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.evaluations.sampling IS 'settings with which the images were drawn, as an object: weights, method, steps, guidance, scale, seed ...';


--
-- Name: events; Type: TABLE; Schema: pra_store; Owner: pra_owner
--

CREATE TABLE pra_store.events (
    id bigint NOT NULL,
    at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    kind text NOT NULL,
    run_id bigint,
    job_id bigint,
    epoch bigint,
    worker_id bigint,
    actor text DEFAULT 
CASE
    WHEN pg_has_role(SESSION_USER, (to_regrole('pra_proxy'::text))::oid, 'member'::text) THEN (COALESCE(NULLIF(current_setting('pra.actor'::text, true), ''::text), (SESSION_USER)::text))::name
    ELSE SESSION_USER
END NOT NULL,
    detail jsonb DEFAULT '{}'::jsonb NOT NULL
)
PARTITION BY RANGE (at);


ALTER TABLE pra_store.events OWNER TO pra_owner;

--
-- Name: events; Type: VIEW; Schema: pra; Owner: pra_owner
--

CREATE VIEW pra.events AS
 SELECT e.id,
    e.at,
    e.kind,
    e.run_id,
    e.job_id,
    e.epoch,
    e.worker_id,
    e.actor,
    e.detail
   FROM pra_store.events e
  WHERE (e.kind <> ALL (ARRAY['job.enqueued'::text, 'job.claimed'::text]))
UNION ALL
 SELECT NULL::bigint AS id,
    j.created_at AS at,
    'job.enqueued'::text AS kind,
    j.run_id,
    j.id AS job_id,
    NULL::bigint AS epoch,
    NULL::bigint AS worker_id,
    j.created_by AS actor,
    '{}'::jsonb AS detail
   FROM pra_store.jobs j
  WHERE (j.array_id IS NULL)
UNION ALL
 SELECT NULL::bigint AS id,
    a.started_at AS at,
    'job.claimed'::text AS kind,
    j.run_id,
    a.job_id,
    a.epoch,
    a.worker_id,
    w.login AS actor,
    '{}'::jsonb AS detail
   FROM ((pra_store.attempts a
     JOIN pra_store.jobs j ON ((j.id = a.job_id)))
     JOIN pra_store.workers w ON ((w.id = a.worker_id)))
UNION ALL
 SELECT NULL::bigint AS id,
    a.ended_at AS at,
    'attempt.succeeded'::text AS kind,
    j.run_id,
    a.job_id,
    a.epoch,
    a.worker_id,
    w.login AS actor,
    '{}'::jsonb AS detail
   FROM ((pra_store.attempts a
     JOIN pra_store.jobs j ON ((j.id = a.job_id)))
     JOIN pra_store.workers w ON ((w.id = a.worker_id)))
  WHERE (a.batched AND (a.outcome = 'succeeded'::pra.attempt_outcome));


ALTER TABLE pra.events OWNER TO pra_owner;

--
-- Name: VIEW events; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON VIEW pra.events IS 'Journal of the queue: one row per event';


--
-- Name: COLUMN events.id; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.events.id IS 'number of the event; null for job.enqueued, job.claimed and an attempt.succeeded of a batch';


--
-- Name: COLUMN events.at; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.events.at IS 'time of the event';


--
-- Name: COLUMN events.kind; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.events.kind IS 'kind of event, such as job.claimed or attempt.fault';


--
-- Name: COLUMN events.run_id; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.events.run_id IS 'run concerned';


--
-- Name: COLUMN events.job_id; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.events.job_id IS 'job concerned';


--
-- Name: COLUMN events.epoch; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.events.epoch IS 'attempt concerned';


--
-- Name: COLUMN events.worker_id; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.events.worker_id IS 'worker concerned';


--
-- Name: COLUMN events.actor; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.events.actor IS 'login of the session that caused it, where known';


--
-- Name: COLUMN events.detail; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.events.detail IS 'further facts';


--
-- Name: exports; Type: TABLE; Schema: pra_store; Owner: pra_owner
--

CREATE TABLE pra_store.exports (
    sha256 bytea NOT NULL,
    job_id bigint NOT NULL,
    step bigint NOT NULL,
    exported_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    exported_by text DEFAULT SESSION_USER NOT NULL,
    CONSTRAINT exports_sha256_check CHECK ((length(sha256) = 32)),
    CONSTRAINT exports_step_check CHECK ((step >= 0))
);


ALTER TABLE pra_store.exports OWNER TO pra_owner;

--
-- Name: exports; Type: VIEW; Schema: pra; Owner: pra_owner
--

CREATE VIEW pra.exports AS
 SELECT encode(e.sha256, 'hex'::text) AS sha256,
    j.run_id,
    r.name AS run_name,
    e.job_id,
    e.step,
    e.exported_at,
    e.exported_by
   FROM ((pra_store.exports e
     JOIN pra_store.jobs j ON ((j.id = e.job_id)))
     JOIN pra_store.runs r ON ((r.id = j.run_id)));


ALTER TABLE pra.exports OWNER TO pra_owner;

--
-- Name: VIEW exports; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON VIEW pra.exports IS 'One row per file into which a checkpoint was exported';


--
-- Name: COLUMN exports.sha256; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.exports.sha256 IS 'SHA-256 of the file';


--
-- Name: COLUMN exports.run_id; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.exports.run_id IS 'run that trained the weights';


--
-- Name: COLUMN exports.run_name; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.exports.run_name IS 'name of the run';


--
-- Name: COLUMN exports.job_id; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.exports.job_id IS 'train job of the checkpoint';


--
-- Name: COLUMN exports.step; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.exports.step IS 'step of the checkpoint';


--
-- Name: COLUMN exports.exported_at; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.exports.exported_at IS 'time of the first export of these bytes';


--
-- Name: COLUMN exports.exported_by; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.exports.exported_by IS 'login that exported them';


--
-- Name: image_sets; Type: TABLE; Schema: pra_store; Owner: pra_owner
--

CREATE TABLE pra_store.image_sets (
    job_id bigint NOT NULL,
    epoch bigint NOT NULL,
    first bigint NOT NULL,
    seed numeric(20,0) NOT NULL,
    sha256 bytea NOT NULL,
    place bigint NOT NULL,
    side integer NOT NULL,
    channels integer NOT NULL,
    labels integer[] NOT NULL,
    class_names text[] NOT NULL,
    digests bigint[] NOT NULL,
    CONSTRAINT image_sets_channels_check CHECK ((channels = ANY (ARRAY[1, 3]))),
    CONSTRAINT image_sets_check CHECK (((cardinality(labels) = cardinality(class_names)) AND (cardinality(labels) = cardinality(digests)))),
    CONSTRAINT image_sets_first_check CHECK ((first >= 0)),
    CONSTRAINT image_sets_place_check CHECK ((place >= 0)),
    CONSTRAINT image_sets_seed_check CHECK (((seed >= (0)::numeric) AND (seed <= '18446744073709551615'::numeric))),
    CONSTRAINT image_sets_side_check CHECK ((side > 0))
);


ALTER TABLE pra_store.image_sets OWNER TO pra_owner;

--
-- Name: images; Type: TABLE; Schema: pra_store; Owner: pra_owner
--

CREATE TABLE pra_store.images (
    job_id bigint NOT NULL,
    number bigint NOT NULL,
    epoch bigint NOT NULL,
    label integer NOT NULL,
    class_name text NOT NULL,
    seed numeric(20,0) NOT NULL,
    sha256 bytea NOT NULL,
    CONSTRAINT images_label_check CHECK ((label >= 0)),
    CONSTRAINT images_number_check CHECK ((number >= 0)),
    CONSTRAINT images_seed_check CHECK (((seed >= (0)::numeric) AND (seed <= '18446744073709551615'::numeric)))
);


ALTER TABLE pra_store.images OWNER TO pra_owner;

--
-- Name: images; Type: VIEW; Schema: pra; Owner: pra_owner
--

CREATE VIEW pra.images AS
 SELECT j.run_id,
    i.job_id,
    i.number,
    i.label,
    i.class_name,
    i.seed,
    encode(i.sha256, 'hex'::text) AS sha256,
    a.size,
    i.epoch,
    NULL::bigint AS place,
    NULL::integer AS side,
    NULL::integer AS channels,
    NULL::text AS digest
   FROM ((pra_store.images i
     JOIN pra_store.jobs j ON ((j.id = i.job_id)))
     JOIN pra_store.artifacts a ON ((a.sha256 = i.sha256)))
UNION ALL
 SELECT j.run_id,
    s.job_id,
    ((s.first + e.ordinal) - 1) AS number,
    e.label,
    e.class_name,
    s.seed,
    encode(s.sha256, 'hex'::text) AS sha256,
    (((s.side)::bigint * s.side) * s.channels) AS size,
    s.epoch,
    (s.place + ((((e.ordinal - 1) * s.side) * s.side) * s.channels)) AS place,
    s.side,
    s.channels,
    lpad(to_hex(e.digest), 16, '0'::text) AS digest
   FROM ((pra_store.image_sets s
     JOIN pra_store.jobs j ON ((j.id = s.job_id)))
     CROSS JOIN LATERAL UNNEST(s.labels, s.class_names, s.digests) WITH ORDINALITY e(label, class_name, digest, ordinal));


ALTER TABLE pra.images OWNER TO pra_owner;

--
-- Name: VIEW images; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON VIEW pra.images IS 'One row per sampled image';


--
-- Name: COLUMN images.run_id; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.images.run_id IS 'run of the job';


--
-- Name: COLUMN images.job_id; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.images.job_id IS 'job that sampled it';


--
-- Name: COLUMN images.number; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.images.number IS 'number of the image within the sampling run, from 0';


--
-- Name: COLUMN images.label; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.images.label IS 'number of its class';


--
-- Name: COLUMN images.class_name; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.images.class_name IS 'name of its class';


--
-- Name: COLUMN images.seed; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.images.seed IS 'sampling seed';


--
-- Name: COLUMN images.sha256; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.images.sha256 IS 'SHA-256 of the artifact that holds it: the packed set of its job, or a PNG of its own (before 0.2)';


--
-- Name: COLUMN images.size; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.images.size IS 'bytes of the image in that artifact';


--
-- Name: COLUMN images.epoch; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.images.epoch IS 'attempt that committed it';


--
-- Name: COLUMN images.place; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.images.place IS 'byte of the packed set at which its pixels begin, row by row; null for a PNG of its own';


--
-- Name: COLUMN images.side; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.images.side IS 'width and height in pixels; null for a PNG of its own';


--
-- Name: COLUMN images.channels; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.images.channels IS '3 for RGB, 1 for gray; null for a PNG of its own';


--
-- Name: COLUMN images.digest; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.images.digest IS 'first 16 hexadecimal digits of the SHA-256 of its pixels; null for a PNG of its own';


--
-- Name: element_arguments; Type: TABLE; Schema: pra_store; Owner: pra_owner
--

CREATE TABLE pra_store.element_arguments (
    array_id bigint NOT NULL,
    first bigint NOT NULL,
    arguments jsonb NOT NULL,
    CONSTRAINT element_arguments_arguments_check CHECK ((jsonb_typeof(arguments) = 'array'::text))
);


ALTER TABLE pra_store.element_arguments OWNER TO pra_owner;

--
-- Name: job_dependencies; Type: TABLE; Schema: pra_store; Owner: pra_owner
--

CREATE TABLE pra_store.job_dependencies (
    job_id bigint NOT NULL,
    parent_id bigint NOT NULL,
    CONSTRAINT job_dependencies_check CHECK ((job_id > parent_id))
);


ALTER TABLE pra_store.job_dependencies OWNER TO pra_owner;

--
-- Name: progress; Type: TABLE; Schema: pra_store; Owner: pra_owner
--

CREATE TABLE pra_store.progress (
    job_id bigint NOT NULL,
    epoch bigint NOT NULL,
    done bigint NOT NULL,
    total bigint NOT NULL,
    unit text NOT NULL,
    updated_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    rate double precision,
    CONSTRAINT progress_done_check CHECK ((done >= 0)),
    CONSTRAINT progress_rate_check CHECK ((rate >= (0)::double precision)),
    CONSTRAINT progress_total_check CHECK ((total >= 0)),
    CONSTRAINT progress_unit_check CHECK ((length(unit) <= 40))
)
WITH (fillfactor='50');


ALTER TABLE pra_store.progress OWNER TO pra_owner;

--
-- Name: jobs; Type: VIEW; Schema: pra; Owner: pra_owner
--

CREATE VIEW pra.jobs AS
 SELECT j.id,
    j.run_id,
    r.name AS run_name,
    j.kind,
    j.queue,
    j.state,
    j.priority,
        CASE
            WHEN (j.array_id IS NULL) THEN j.arguments
            ELSE ( SELECT
                    CASE
                        WHEN a.has_element_arguments THEN ( SELECT
                                CASE
                                    WHEN ((j.element_end - j.element_first) = 1) THEN (jsonb_agg(own.value) -> 0)
                                    ELSE jsonb_build_object('elements', jsonb_agg(own.value ORDER BY own.i))
                                END AS jsonb_build_object
                           FROM ( SELECT i.i,
                                    ( SELECT (e.arguments -> ((i.i - e.first))::integer)
   FROM pra_store.element_arguments e
  WHERE ((e.array_id = a.id) AND (e.first <= i.i))
  ORDER BY e.first DESC
 LIMIT 1) AS value
                                   FROM generate_series(j.element_first, (j.element_end - 1)) i(i)) own)
                        WHEN ((a.first_path IS NULL) AND (a.end_path IS NULL)) THEN a.arguments
                        WHEN (a.end_path IS NULL) THEN jsonb_set(a.arguments, a.first_path, to_jsonb(j.element_first))
                        WHEN (a.first_path IS NULL) THEN jsonb_set(a.arguments, a.end_path, to_jsonb(j.element_end))
                        ELSE jsonb_set(jsonb_set(a.arguments, a.first_path, to_jsonb(j.element_first)), a.end_path, to_jsonb(j.element_end))
                    END AS jsonb_set
               FROM pra_store.jobs a
              WHERE (a.id = j.array_id))
        END AS arguments,
    j.requirements,
    j.run_after,
    j.epoch,
    j.worker_id,
    w.name AS worker_name,
    ( SELECT array_agg(d.parent_id ORDER BY d.parent_id) AS array_agg
           FROM pra_store.job_dependencies d
          WHERE (d.job_id = j.id)) AS depends_on,
    j.unmet,
    j.time_limit,
    j.faults,
    j.fault_retries,
    j.lost,
    j.lost_retries,
    j.timeouts,
    j.timeout_retries,
    j.preemptions,
    j.preemption_retries,
    j.cancel_requested_at,
    j.preempt_requested_at,
    j.message,
    j.result,
    p.done AS progress_done,
    p.total AS progress_total,
    p.unit AS progress_unit,
    p.updated_at AS progress_at,
    j.idempotency_key,
    j.created_at,
    j.created_by,
    j.started_at,
    j.finished_at,
    j.limits,
    j.deadline,
    j.array_first,
    (j.array_end - 1) AS array_last,
    j.pack,
    j.gang,
    j.array_id,
    j.element_first,
    (j.element_end - 1) AS element_last,
    j.crash_hosts,
        CASE
            WHEN ((j.state = 'running'::pra.job_state) AND (w.stopped_at IS NULL) AND (GREATEST(w.lease_expires_at, (pg_postmaster_start_time() + w.lease)) <= statement_timestamp())) THEN GREATEST(w.lease_expires_at, (pg_postmaster_start_time() + w.lease))
            ELSE NULL::timestamp with time zone
        END AS worker_lost_at,
    p.rate AS progress_rate,
        CASE
            WHEN (p.unit ~~ 'bytes %'::text) THEN concat_ws(', '::text, (
            CASE p.unit
                WHEN 'bytes fetched'::text THEN 'fetching '::text
                WHEN 'bytes checked'::text THEN 'checking '::text
                ELSE 'storing '::text
            END || pra.size_text((p.done)::double precision, (p.total)::double precision)), (pra.size_text(p.rate) || '/s'::text))
            WHEN (p.total > 0) THEN concat_ws(', '::text, format('%s of %s %s'::text, p.done, p.total, p.unit), (trim_scale(round((p.rate)::numeric,
            CASE
                WHEN (p.rate < (10)::double precision) THEN 2
                ELSE 0
            END)) || '/s'::text))
            ELSE NULL::text
        END AS progress,
    j.preview_of
   FROM (((pra_store.jobs j
     LEFT JOIN pra_store.runs r ON ((r.id = j.run_id)))
     LEFT JOIN pra_store.workers w ON ((w.id = j.worker_id)))
     LEFT JOIN pra_store.progress p ON ((p.job_id = j.id)));


ALTER TABLE pra.jobs OWNER TO pra_owner;

--
-- Name: VIEW jobs; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON VIEW pra.jobs IS 'One row per job; an array is one, and so is each part of it that was started';


--
-- Name: COLUMN jobs.id; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.jobs.id IS 'number of the job';


--
-- Name: COLUMN jobs.run_id; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.jobs.run_id IS 'run of the job';


--
-- Name: COLUMN jobs.run_name; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.jobs.run_name IS 'name of the run';


--
-- Name: COLUMN jobs.kind; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.jobs.kind IS 'kind of work: ingest, train, sample, evaluate ...';


--
-- Name: COLUMN jobs.queue; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.jobs.queue IS 'queue in which it waits';


--
-- Name: COLUMN jobs.state; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.jobs.state IS 'blocked, ready, running, succeeded, failed, cancelled or quarantined';


--
-- Name: COLUMN jobs.priority; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.jobs.priority IS 'priority; higher is claimed first';


--
-- Name: COLUMN jobs.arguments; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.jobs.arguments IS 'arguments of the job, by the schema of its kind';


--
-- Name: COLUMN jobs.requirements; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.jobs.requirements IS 'conditions on a worker''s labels: [{label, op, value}]';


--
-- Name: COLUMN jobs.run_after; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.jobs.run_after IS 'earliest time of the next claim';


--
-- Name: COLUMN jobs.epoch; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.jobs.epoch IS 'number of its latest attempt; 0 when never claimed';


--
-- Name: COLUMN jobs.worker_id; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.jobs.worker_id IS 'worker that runs it';


--
-- Name: COLUMN jobs.worker_name; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.jobs.worker_name IS 'name of that worker';


--
-- Name: COLUMN jobs.depends_on; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.jobs.depends_on IS 'jobs that must succeed first';


--
-- Name: COLUMN jobs.unmet; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.jobs.unmet IS 'number of those that have not succeeded';


--
-- Name: COLUMN jobs.time_limit; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.jobs.time_limit IS 'longest duration of an attempt; null for no limit';


--
-- Name: COLUMN jobs.faults; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.jobs.faults IS 'number of faults since it was enqueued or last retried by hand';


--
-- Name: COLUMN jobs.fault_retries; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.jobs.fault_retries IS 'number of faults after which it still runs again';


--
-- Name: COLUMN jobs.lost; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.jobs.lost IS 'number of attempts lost with their worker';


--
-- Name: COLUMN jobs.lost_retries; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.jobs.lost_retries IS 'number of losses after which it still runs again; one more quarantines it';


--
-- Name: COLUMN jobs.timeouts; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.jobs.timeouts IS 'number of attempts over the time limit';


--
-- Name: COLUMN jobs.timeout_retries; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.jobs.timeout_retries IS 'number of time-outs after which it still runs again';


--
-- Name: COLUMN jobs.preemptions; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.jobs.preemptions IS 'number of preempted attempts';


--
-- Name: COLUMN jobs.preemption_retries; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.jobs.preemption_retries IS 'number of preemptions after which it still runs again; null for no limit';


--
-- Name: COLUMN jobs.cancel_requested_at; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.jobs.cancel_requested_at IS 'time when its cancellation was requested';


--
-- Name: COLUMN jobs.preempt_requested_at; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.jobs.preempt_requested_at IS 'time when its agent was asked to give it back';


--
-- Name: COLUMN jobs.message; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.jobs.message IS 'description of its latest failure';


--
-- Name: COLUMN jobs.result; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.jobs.result IS 'result that pra.finish stored';


--
-- Name: COLUMN jobs.progress_done; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.jobs.progress_done IS 'number of units done, by the attempt that reported last';


--
-- Name: COLUMN jobs.progress_total; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.jobs.progress_total IS 'number of units in all';


--
-- Name: COLUMN jobs.progress_unit; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.jobs.progress_unit IS 'name of the unit, such as steps';


--
-- Name: COLUMN jobs.progress_at; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.jobs.progress_at IS 'time of the latest progress report';


--
-- Name: COLUMN jobs.idempotency_key; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.jobs.idempotency_key IS 'key under which another enqueue returns this job';


--
-- Name: COLUMN jobs.created_at; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.jobs.created_at IS 'time when it was enqueued';


--
-- Name: COLUMN jobs.created_by; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.jobs.created_by IS 'login that enqueued it';


--
-- Name: COLUMN jobs.started_at; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.jobs.started_at IS 'time of its first claim';


--
-- Name: COLUMN jobs.finished_at; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.jobs.finished_at IS 'time when it reached its final state';


--
-- Name: COLUMN jobs.limits; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.jobs.limits IS 'limits of which each of its attempts takes a slot';


--
-- Name: COLUMN jobs.deadline; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.jobs.deadline IS 'time by which it must have ended';


--
-- Name: COLUMN jobs.array_first; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.jobs.array_first IS 'index of the first element of an array';


--
-- Name: COLUMN jobs.array_last; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.jobs.array_last IS 'index of the last element of an array';


--
-- Name: COLUMN jobs.pack; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.jobs.pack IS 'number of elements of an array that one attempt does';


--
-- Name: COLUMN jobs.gang; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.jobs.gang IS 'true when the elements of the array start together or not at all';


--
-- Name: COLUMN jobs.array_id; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.jobs.array_id IS 'array of which this job is a part';


--
-- Name: COLUMN jobs.element_first; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.jobs.element_first IS 'index of the first element that this part does';


--
-- Name: COLUMN jobs.element_last; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.jobs.element_last IS 'index of the last element that this part does';


--
-- Name: COLUMN jobs.crash_hosts; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.jobs.crash_hosts IS 'hosts on which it crashed; a second one quarantines it';


--
-- Name: COLUMN jobs.worker_lost_at; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.jobs.worker_lost_at IS 'time when the lease of the worker that runs it ran out, until somebody puts it back in line';


--
-- Name: COLUMN jobs.progress_rate; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.jobs.progress_rate IS 'number of units in a second, lately';


--
-- Name: COLUMN jobs.progress; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.jobs.progress IS 'the progress as a sentence, such as "fetching 31 of 252 GB, 420 MB/s" or "1200 of 3000 steps, 4.1/s"';


--
-- Name: COLUMN jobs.preview_of; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.jobs.preview_of IS 'training whose checkpoint it draws as a preview; null for every other job. Runs do not wait for previews';


--
-- Name: kept_results; Type: TABLE; Schema: pra_store; Owner: pra_owner
--

CREATE TABLE pra_store.kept_results (
    source bytea NOT NULL,
    what text NOT NULL,
    sha256 bytea NOT NULL,
    job_id bigint NOT NULL,
    kept_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT kept_results_what_check CHECK (((length(what) >= 1) AND (length(what) <= 500)))
);


ALTER TABLE pra_store.kept_results OWNER TO pra_owner;

--
-- Name: kept_results; Type: VIEW; Schema: pra; Owner: pra_owner
--

CREATE VIEW pra.kept_results AS
 SELECT encode(k.source, 'hex'::text) AS source,
    k.what,
    encode(k.sha256, 'hex'::text) AS sha256,
    a.size,
    a.media_type,
    k.job_id,
    k.kept_at
   FROM (pra_store.kept_results k
     JOIN pra_store.artifacts a ON ((a.sha256 = k.sha256)));


ALTER TABLE pra.kept_results OWNER TO pra_owner;

--
-- Name: VIEW kept_results; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON VIEW pra.kept_results IS 'One row per result that was computed once for an artifact and is kept for later jobs';


--
-- Name: COLUMN kept_results.source; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.kept_results.source IS 'SHA-256 of the artifact that it was computed from, such as a data set';


--
-- Name: COLUMN kept_results.what; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.kept_results.what IS 'computation, with everything else that it depends on';


--
-- Name: COLUMN kept_results.sha256; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.kept_results.sha256 IS 'SHA-256 of the result, an artifact';


--
-- Name: COLUMN kept_results.size; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.kept_results.size IS 'size of the result in bytes';


--
-- Name: COLUMN kept_results.media_type; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.kept_results.media_type IS 'media type of the result';


--
-- Name: COLUMN kept_results.job_id; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.kept_results.job_id IS 'job that computed it';


--
-- Name: COLUMN kept_results.kept_at; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.kept_results.kept_at IS 'time when it was kept';


--
-- Name: kinds; Type: TABLE; Schema: pra_store; Owner: pra_owner
--

CREATE TABLE pra_store.kinds (
    kind text NOT NULL,
    arguments jsonb NOT NULL,
    bytes_limit integer NOT NULL,
    set_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    reads jsonb DEFAULT '{}'::jsonb NOT NULL,
    CONSTRAINT kinds_arguments_check CHECK ((jsonb_typeof(arguments) = 'object'::text)),
    CONSTRAINT kinds_bytes_limit_check CHECK (((bytes_limit >= 2) AND (bytes_limit <= 1048576))),
    CONSTRAINT kinds_kind_check CHECK ((kind ~ '^[a-z][a-z0-9-]{0,62}$'::text))
);


ALTER TABLE pra_store.kinds OWNER TO pra_owner;

--
-- Name: kinds; Type: VIEW; Schema: pra; Owner: pra_owner
--

CREATE VIEW pra.kinds AS
 SELECT k.kind,
    k.arguments,
    k.bytes_limit,
    k.set_at
   FROM pra_store.kinds k;


ALTER TABLE pra.kinds OWNER TO pra_owner;

--
-- Name: VIEW kinds; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON VIEW pra.kinds IS 'One row per kind of job whose arguments the database checks';


--
-- Name: COLUMN kinds.kind; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.kinds.kind IS 'kind of job';


--
-- Name: COLUMN kinds.arguments; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.kinds.arguments IS 'JSON schema of its arguments';


--
-- Name: COLUMN kinds.bytes_limit; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.kinds.bytes_limit IS 'largest size of its arguments as text, in bytes';


--
-- Name: COLUMN kinds.set_at; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.kinds.set_at IS 'time of the latest change';


--
-- Name: limits; Type: VIEW; Schema: pra; Owner: pra_owner
--

CREATE VIEW pra.limits AS
SELECT
    NULL::text AS name,
    NULL::integer AS slots,
    NULL::bigint AS taken,
    NULL::bigint[] AS held_by,
    NULL::timestamp with time zone AS created_at;


ALTER TABLE pra.limits OWNER TO pra_owner;

--
-- Name: VIEW limits; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON VIEW pra.limits IS 'One row per limit on the number of jobs that run at once';


--
-- Name: COLUMN limits.name; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.limits.name IS 'name of the limit';


--
-- Name: COLUMN limits.slots; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.limits.slots IS 'number of jobs that may run under it at once';


--
-- Name: COLUMN limits.taken; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.limits.taken IS 'number of jobs that do';


--
-- Name: COLUMN limits.held_by; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.limits.held_by IS 'jobs that do, the longest first';


--
-- Name: COLUMN limits.created_at; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.limits.created_at IS 'time of creation';


--
-- Name: lineage; Type: VIEW; Schema: pra; Owner: pra_owner
--

CREATE VIEW pra.lineage AS
 SELECT j.run_id,
    j.id AS job_id,
    s.source,
    s.weights,
    s.restart,
    COALESCE(p.run_id, x.run_id) AS from_run,
    COALESCE(s.from_job, e.job_id) AS from_job,
        CASE
            WHEN (s.from_job IS NOT NULL) THEN s.from_step
            ELSE e.step
        END AS from_step
   FROM ((((pra_store.jobs j
     CROSS JOIN LATERAL ( SELECT (j.arguments #>> '{init,name}'::text[]) AS source,
            (j.arguments #>> '{init,weights,0}'::text[]) AS weights,
            ((j.arguments #>> '{init,restart}'::text[]))::boolean AS restart,
            NULLIF(((j.arguments #>> '{init,job}'::text[]))::bigint, 0) AS from_job,
            ((j.arguments #>> '{init,step}'::text[]))::bigint AS from_step) s)
     LEFT JOIN pra_store.jobs p ON ((p.id = s.from_job)))
     LEFT JOIN pra_store.exports e ON (((s.from_job IS NULL) AND (e.sha256 = decode(s.weights, 'hex'::text)))))
     LEFT JOIN pra_store.jobs x ON ((x.id = e.job_id)))
  WHERE ((j.kind = 'train'::text) AND (j.array_id IS NULL) AND (s.weights ~ '^[0-9a-f]{64}$'::text));


ALTER TABLE pra.lineage OWNER TO pra_owner;

--
-- Name: VIEW lineage; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON VIEW pra.lineage IS 'One row per train job that begins with weights of another one, or of a file';


--
-- Name: COLUMN lineage.run_id; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.lineage.run_id IS 'run that begins with the weights';


--
-- Name: COLUMN lineage.job_id; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.lineage.job_id IS 'its train job';


--
-- Name: COLUMN lineage.source; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.lineage.source IS 'name of the file or of the checkpoint';


--
-- Name: COLUMN lineage.weights; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.lineage.weights IS 'SHA-256 of the file, or of the first file of the checkpoint';


--
-- Name: COLUMN lineage.restart; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.lineage.restart IS 'true when training begins at step 0';


--
-- Name: COLUMN lineage.from_run; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.lineage.from_run IS 'run that trained the weights; null for a file that no known run has exported';


--
-- Name: COLUMN lineage.from_job; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.lineage.from_job IS 'its train job';


--
-- Name: COLUMN lineage.from_step; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.lineage.from_step IS 'step of its checkpoint';


--
-- Name: metric_names; Type: TABLE; Schema: pra_store; Owner: pra_owner
--

CREATE TABLE pra_store.metric_names (
    id integer NOT NULL,
    name text NOT NULL,
    better text NOT NULL,
    CONSTRAINT metric_names_name_check CHECK ((name ~ '^[A-Za-z0-9][A-Za-z0-9_./-]{0,199}$'::text))
);


ALTER TABLE pra_store.metric_names OWNER TO pra_owner;

--
-- Name: metric_rollups; Type: VIEW; Schema: pra; Owner: pra_owner
--

CREATE VIEW pra.metric_rollups AS
 SELECT j.run_id,
    r.name AS run_name,
    u.job_id,
    n.name,
    (u.bucket * 256) AS from_step,
    u.last_step,
    u.points,
    u.not_finite,
    (u.total / (NULLIF((u.points - u.not_finite), 0))::double precision) AS mean,
    u.min_value,
    u.max_value,
    u.last_value
   FROM (((pra_store.metric_rollups u
     JOIN pra_store.metric_names n ON ((n.id = u.name_id)))
     JOIN pra_store.jobs j ON ((j.id = u.job_id)))
     JOIN pra_store.runs r ON ((r.id = j.run_id)));


ALTER TABLE pra.metric_rollups OWNER TO pra_owner;

--
-- Name: VIEW metric_rollups; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON VIEW pra.metric_rollups IS 'One row per 256 steps of each effective metric series; rollups stay when points are thinned or dropped';


--
-- Name: COLUMN metric_rollups.run_id; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.metric_rollups.run_id IS 'run of the job';


--
-- Name: COLUMN metric_rollups.run_name; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.metric_rollups.run_name IS 'name of the run';


--
-- Name: COLUMN metric_rollups.job_id; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.metric_rollups.job_id IS 'job that measured it';


--
-- Name: COLUMN metric_rollups.name; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.metric_rollups.name IS 'name of the series';


--
-- Name: COLUMN metric_rollups.from_step; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.metric_rollups.from_step IS 'first of its 256 steps, a multiple of 256';


--
-- Name: COLUMN metric_rollups.last_step; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.metric_rollups.last_step IS 'highest step that has a point';


--
-- Name: COLUMN metric_rollups.points; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.metric_rollups.points IS 'number of points';


--
-- Name: COLUMN metric_rollups.not_finite; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.metric_rollups.not_finite IS 'number of points that are NaN or infinite';


--
-- Name: COLUMN metric_rollups.mean; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.metric_rollups.mean IS 'mean of the finite values; null when there are none';


--
-- Name: COLUMN metric_rollups.min_value; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.metric_rollups.min_value IS 'least value; null when all are NaN';


--
-- Name: COLUMN metric_rollups.max_value; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.metric_rollups.max_value IS 'greatest value; null when all are NaN';


--
-- Name: COLUMN metric_rollups.last_value; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.metric_rollups.last_value IS 'value at the highest step';


--
-- Name: metric_summaries; Type: VIEW; Schema: pra; Owner: pra_owner
--

CREATE VIEW pra.metric_summaries AS
 SELECT j.run_id,
    r.name AS run_name,
    s.job_id,
    n.name,
    n.better,
    s.points,
    s.not_finite,
    s.last_step,
    s.last_value,
        CASE n.better
            WHEN 'up'::text THEN s.max_step
            ELSE s.min_step
        END AS best_step,
        CASE n.better
            WHEN 'up'::text THEN s.max_value
            ELSE s.min_value
        END AS best_value,
    s.min_step,
    s.min_value,
    s.max_step,
    s.max_value,
    s.updated_at,
    s.end_value,
    s.end_steps
   FROM (((pra_store.metric_summaries s
     JOIN pra_store.metric_names n ON ((n.id = s.name_id)))
     JOIN pra_store.jobs j ON ((j.id = s.job_id)))
     JOIN pra_store.runs r ON ((r.id = j.run_id)));


ALTER TABLE pra.metric_summaries OWNER TO pra_owner;

--
-- Name: VIEW metric_summaries; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON VIEW pra.metric_summaries IS 'One row per effective metric series: its last, least, greatest and best value, kept up to date';


--
-- Name: COLUMN metric_summaries.run_id; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.metric_summaries.run_id IS 'run of the job';


--
-- Name: COLUMN metric_summaries.run_name; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.metric_summaries.run_name IS 'name of the run';


--
-- Name: COLUMN metric_summaries.job_id; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.metric_summaries.job_id IS 'job that measured it';


--
-- Name: COLUMN metric_summaries.name; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.metric_summaries.name IS 'name of the series';


--
-- Name: COLUMN metric_summaries.better; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.metric_summaries.better IS 'up where greater is better (psnr, accuracy, precision ... in the name), else down';


--
-- Name: COLUMN metric_summaries.points; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.metric_summaries.points IS 'number of points';


--
-- Name: COLUMN metric_summaries.not_finite; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.metric_summaries.not_finite IS 'number of points that are NaN or infinite';


--
-- Name: COLUMN metric_summaries.last_step; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.metric_summaries.last_step IS 'highest step';


--
-- Name: COLUMN metric_summaries.last_value; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.metric_summaries.last_value IS 'value at the highest step';


--
-- Name: COLUMN metric_summaries.best_step; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.metric_summaries.best_step IS 'step of the best value';


--
-- Name: COLUMN metric_summaries.best_value; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.metric_summaries.best_value IS 'best value, by the column better';


--
-- Name: COLUMN metric_summaries.min_step; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.metric_summaries.min_step IS 'first step of the least value';


--
-- Name: COLUMN metric_summaries.min_value; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.metric_summaries.min_value IS 'least value; null when all are NaN';


--
-- Name: COLUMN metric_summaries.max_step; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.metric_summaries.max_step IS 'first step of the greatest value';


--
-- Name: COLUMN metric_summaries.max_value; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.metric_summaries.max_value IS 'greatest value; null when all are NaN';


--
-- Name: COLUMN metric_summaries.updated_at; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.metric_summaries.updated_at IS 'time of the latest change';


--
-- Name: COLUMN metric_summaries.end_value; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.metric_summaries.end_value IS 'mean at its end, as of pra.metric_end; null while a job runs, and where the job ended before version 0.2.0';


--
-- Name: COLUMN metric_summaries.end_steps; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.metric_summaries.end_steps IS 'number of steps of which that is the mean';


--
-- Name: metric_ranges; Type: TABLE; Schema: pra_store; Owner: pra_owner
--

CREATE TABLE pra_store.metric_ranges (
    job_id bigint NOT NULL,
    epoch bigint NOT NULL,
    from_step bigint NOT NULL,
    to_step bigint DEFAULT '9223372036854775807'::bigint NOT NULL,
    CONSTRAINT metric_ranges_check CHECK ((from_step < to_step))
);


ALTER TABLE pra_store.metric_ranges OWNER TO pra_owner;

--
-- Name: metrics; Type: TABLE; Schema: pra_store; Owner: pra_owner
--

CREATE TABLE pra_store.metrics (
    recorded_at timestamp with time zone NOT NULL,
    job_id bigint NOT NULL,
    epoch bigint NOT NULL,
    name_id integer NOT NULL,
    step bigint NOT NULL,
    value double precision NOT NULL
)
PARTITION BY RANGE (recorded_at);


ALTER TABLE pra_store.metrics OWNER TO pra_owner;

--
-- Name: metrics; Type: VIEW; Schema: pra; Owner: pra_owner
--

CREATE VIEW pra.metrics AS
 SELECT j.run_id,
    r.name AS run_name,
    m.job_id,
    m.epoch,
    n.name,
    m.step,
    m.value,
    m.recorded_at
   FROM ((((pra_store.metrics m
     JOIN pra_store.metric_ranges s ON (((s.job_id = m.job_id) AND (s.epoch = m.epoch) AND (m.step >= s.from_step) AND (m.step < s.to_step))))
     JOIN pra_store.metric_names n ON ((n.id = m.name_id)))
     JOIN pra_store.jobs j ON ((j.id = m.job_id)))
     JOIN pra_store.runs r ON ((r.id = j.run_id)));


ALTER TABLE pra.metrics OWNER TO pra_owner;

--
-- Name: VIEW metrics; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON VIEW pra.metrics IS 'Effective metric series: of each step the point of the attempt that survived';


--
-- Name: COLUMN metrics.run_id; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.metrics.run_id IS 'run of the job';


--
-- Name: COLUMN metrics.run_name; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.metrics.run_name IS 'name of the run';


--
-- Name: COLUMN metrics.job_id; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.metrics.job_id IS 'job that measured it';


--
-- Name: COLUMN metrics.epoch; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.metrics.epoch IS 'attempt that measured it';


--
-- Name: COLUMN metrics.name; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.metrics.name IS 'name of the series';


--
-- Name: COLUMN metrics.step; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.metrics.step IS 'step of the point, from 0';


--
-- Name: COLUMN metrics.value; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.metrics.value IS 'value, which may be NaN or infinite';


--
-- Name: COLUMN metrics.recorded_at; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.metrics.recorded_at IS 'time when its batch arrived';


--
-- Name: metrics_raw; Type: VIEW; Schema: pra; Owner: pra_owner
--

CREATE VIEW pra.metrics_raw AS
 SELECT j.run_id,
    r.name AS run_name,
    m.job_id,
    m.epoch,
    n.name,
    m.step,
    m.value,
    m.recorded_at
   FROM (((pra_store.metrics m
     JOIN pra_store.metric_names n ON ((n.id = m.name_id)))
     JOIN pra_store.jobs j ON ((j.id = m.job_id)))
     JOIN pra_store.runs r ON ((r.id = j.run_id)));


ALTER TABLE pra.metrics_raw OWNER TO pra_owner;

--
-- Name: VIEW metrics_raw; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON VIEW pra.metrics_raw IS 'All metric points of all attempts';


--
-- Name: COLUMN metrics_raw.run_id; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.metrics_raw.run_id IS 'run of the job';


--
-- Name: COLUMN metrics_raw.run_name; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.metrics_raw.run_name IS 'name of the run';


--
-- Name: COLUMN metrics_raw.job_id; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.metrics_raw.job_id IS 'job that measured it';


--
-- Name: COLUMN metrics_raw.epoch; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.metrics_raw.epoch IS 'attempt that measured it';


--
-- Name: COLUMN metrics_raw.name; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.metrics_raw.name IS 'name of the series';


--
-- Name: COLUMN metrics_raw.step; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.metrics_raw.step IS 'step of the point, from 0';


--
-- Name: COLUMN metrics_raw.value; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.metrics_raw.value IS 'value, which may be NaN or infinite';


--
-- Name: COLUMN metrics_raw.recorded_at; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.metrics_raw.recorded_at IS 'time when its batch arrived';


--
-- Name: job_outputs; Type: TABLE; Schema: pra_store; Owner: pra_owner
--

CREATE TABLE pra_store.job_outputs (
    job_id bigint NOT NULL,
    name pra_store.logical_name NOT NULL,
    epoch bigint NOT NULL,
    sha256 bytea NOT NULL,
    media_type text NOT NULL,
    CONSTRAINT job_outputs_media_type_check CHECK ((media_type ~ '^[a-z0-9.+-]+/[a-z0-9.+-]+$'::text))
);


ALTER TABLE pra_store.job_outputs OWNER TO pra_owner;

--
-- Name: outputs; Type: VIEW; Schema: pra; Owner: pra_owner
--

CREATE VIEW pra.outputs AS
 SELECT o.job_id,
    j.run_id,
    j.kind,
    o.name,
    o.epoch,
    encode(o.sha256, 'hex'::text) AS sha256,
    a.size,
    o.media_type
   FROM ((pra_store.job_outputs o
     JOIN pra_store.jobs j ON ((j.id = o.job_id)))
     JOIN pra_store.artifacts a ON ((a.sha256 = o.sha256)));


ALTER TABLE pra.outputs OWNER TO pra_owner;

--
-- Name: VIEW outputs; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON VIEW pra.outputs IS 'One row per named output of a finished job';


--
-- Name: COLUMN outputs.job_id; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.outputs.job_id IS 'job that made it';


--
-- Name: COLUMN outputs.run_id; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.outputs.run_id IS 'run of the job';


--
-- Name: COLUMN outputs.kind; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.outputs.kind IS 'kind of the job';


--
-- Name: COLUMN outputs.name; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.outputs.name IS 'name of the output within the job';


--
-- Name: COLUMN outputs.epoch; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.outputs.epoch IS 'attempt that committed it';


--
-- Name: COLUMN outputs.sha256; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.outputs.sha256 IS 'SHA-256 of its bytes, an artifact';


--
-- Name: COLUMN outputs.size; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.outputs.size IS 'size in bytes';


--
-- Name: COLUMN outputs.media_type; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.outputs.media_type IS 'media type';


--
-- Name: preemptions; Type: TABLE; Schema: pra_store; Owner: pra_owner
--

CREATE TABLE pra_store.preemptions (
    id bigint NOT NULL,
    job_id bigint NOT NULL,
    epoch bigint NOT NULL,
    reason text,
    requested_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    requested_by text DEFAULT SESSION_USER NOT NULL,
    deadline timestamp with time zone NOT NULL,
    acknowledged_at timestamp with time zone,
    checkpoint_step bigint,
    checkpoint_at timestamp with time zone,
    released_at timestamp with time zone,
    outcome pra.attempt_outcome
);


ALTER TABLE pra_store.preemptions OWNER TO pra_owner;

--
-- Name: preemptions; Type: VIEW; Schema: pra; Owner: pra_owner
--

CREATE VIEW pra.preemptions AS
 SELECT p.id,
    p.job_id,
    p.epoch,
    p.reason,
    p.requested_at,
    p.requested_by,
    p.deadline,
    p.acknowledged_at,
    p.checkpoint_at,
    p.checkpoint_step,
    p.released_at,
    p.outcome,
        CASE
            WHEN (p.released_at IS NOT NULL) THEN 'released'::text
            WHEN (p.checkpoint_at IS NOT NULL) THEN 'checkpointed'::text
            WHEN (p.acknowledged_at IS NOT NULL) THEN 'acknowledged'::text
            ELSE 'requested'::text
        END AS state
   FROM pra_store.preemptions p;


ALTER TABLE pra.preemptions OWNER TO pra_owner;

--
-- Name: VIEW preemptions; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON VIEW pra.preemptions IS 'One row per request to a running job to give way';


--
-- Name: COLUMN preemptions.id; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.preemptions.id IS 'number of the request';


--
-- Name: COLUMN preemptions.job_id; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.preemptions.job_id IS 'job concerned';


--
-- Name: COLUMN preemptions.epoch; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.preemptions.epoch IS 'attempt concerned';


--
-- Name: COLUMN preemptions.reason; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.preemptions.reason IS 'reason of the request';


--
-- Name: COLUMN preemptions.requested_at; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.preemptions.requested_at IS 'time of the request';


--
-- Name: COLUMN preemptions.requested_by; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.preemptions.requested_by IS 'login that requested it';


--
-- Name: COLUMN preemptions.deadline; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.preemptions.deadline IS 'time after which the job is taken away';


--
-- Name: COLUMN preemptions.acknowledged_at; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.preemptions.acknowledged_at IS 'time of the heartbeat by which its agent learned of it';


--
-- Name: COLUMN preemptions.checkpoint_at; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.preemptions.checkpoint_at IS 'time of the latest checkpoint since the request';


--
-- Name: COLUMN preemptions.checkpoint_step; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.preemptions.checkpoint_step IS 'step of that checkpoint';


--
-- Name: COLUMN preemptions.released_at; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.preemptions.released_at IS 'time when the attempt ended';


--
-- Name: COLUMN preemptions.outcome; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.preemptions.outcome IS 'outcome of the attempt';


--
-- Name: COLUMN preemptions.state; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.preemptions.state IS 'requested, acknowledged, checkpointed or released';


--
-- Name: queues; Type: VIEW; Schema: pra; Owner: pra_owner
--

CREATE VIEW pra.queues AS
SELECT
    NULL::text AS name,
    NULL::timestamp with time zone AS paused_at,
    NULL::bigint AS blocked,
    NULL::bigint AS ready,
    NULL::bigint AS delayed,
    NULL::bigint AS running,
    NULL::timestamp with time zone AS oldest_ready_at,
    NULL::timestamp with time zone AS created_at;


ALTER TABLE pra.queues OWNER TO pra_owner;

--
-- Name: VIEW queues; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON VIEW pra.queues IS 'One row per queue: its waiting and running jobs counted';


--
-- Name: COLUMN queues.name; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.queues.name IS 'name of the queue';


--
-- Name: COLUMN queues.paused_at; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.queues.paused_at IS 'time since which nothing is claimed from it; null when not paused';


--
-- Name: COLUMN queues.blocked; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.queues.blocked IS 'number of jobs that wait for other jobs';


--
-- Name: COLUMN queues.ready; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.queues.ready IS 'number of jobs that may be claimed now';


--
-- Name: COLUMN queues.delayed; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.queues.delayed IS 'number of jobs that may be claimed later';


--
-- Name: COLUMN queues.running; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.queues.running IS 'number of running jobs';


--
-- Name: COLUMN queues.oldest_ready_at; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.queues.oldest_ready_at IS 'time since which the oldest claimable job waits';


--
-- Name: COLUMN queues.created_at; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.queues.created_at IS 'time of its first use';


--
-- Name: runs; Type: VIEW; Schema: pra; Owner: pra_owner
--

CREATE VIEW pra.runs AS
 SELECT r.id,
    r.name,
        CASE
            WHEN (j.jobs = 0) THEN 'empty'::text
            WHEN (j.running > 0) THEN 'running'::text
            WHEN ((r.paused_at IS NOT NULL) AND ((j.ready + j.blocked) > 0)) THEN 'paused'::text
            WHEN (j.ready > 0) THEN
            CASE
                WHEN (j.started_at IS NULL) THEN 'pending'::text
                ELSE 'running'::text
            END
            WHEN ((j.failed + j.quarantined) > 0) THEN 'failed'::text
            WHEN (j.cancelled > 0) THEN 'cancelled'::text
            WHEN (j.blocked > 0) THEN 'blocked'::text
            ELSE 'succeeded'::text
        END AS state,
    j.jobs,
    j.blocked,
    j.ready,
    j.running,
    j.succeeded,
    j.failed,
    j.cancelled,
    j.quarantined,
    r.configuration,
    r.code_version,
    ( SELECT (d.result ->> 'fingerprint'::text)
           FROM pra_store.jobs d
          WHERE (d.id = r.data_job)) AS data_fingerprint,
    r.idempotency_key,
    r.created_at,
    r.created_by,
    r.paused_at,
    j.started_at,
        CASE
            WHEN (j.unfinished = 0) THEN j.finished_at
            ELSE NULL::timestamp with time zone
        END AS finished_at,
    r.weight,
    r.removed,
    r.tags,
    r.note,
    r.archived_at,
    r.deleted_at,
    lost.at AS lost_at,
    r.data_fingerprint AS source_fingerprint,
    r.data_job
   FROM ((pra_store.runs r
     LEFT JOIN LATERAL ( SELECT count(*) AS jobs,
            count(*) FILTER (WHERE (j_1.state = 'blocked'::pra.job_state)) AS blocked,
            count(*) FILTER (WHERE (j_1.state = 'ready'::pra.job_state)) AS ready,
            count(*) FILTER (WHERE (j_1.state = 'running'::pra.job_state)) AS running,
            count(*) FILTER (WHERE (j_1.state = 'succeeded'::pra.job_state)) AS succeeded,
            count(*) FILTER (WHERE (j_1.state = 'failed'::pra.job_state)) AS failed,
            count(*) FILTER (WHERE (j_1.state = 'cancelled'::pra.job_state)) AS cancelled,
            count(*) FILTER (WHERE (j_1.state = 'quarantined'::pra.job_state)) AS quarantined,
            min(j_1.started_at) AS started_at,
            max(j_1.finished_at) AS finished_at,
            count(*) FILTER (WHERE (j_1.finished_at IS NULL)) AS unfinished
           FROM pra_store.jobs j_1
          WHERE ((j_1.run_id = r.id) AND (j_1.array_id IS NULL) AND (j_1.preview_of IS NULL))) j ON (true))
     LEFT JOIN LATERAL ( SELECT
                CASE
                    WHEN bool_and(((w.stopped_at IS NULL) AND (GREATEST(w.lease_expires_at, (pg_postmaster_start_time() + w.lease)) <= statement_timestamp()))) THEN max(GREATEST(w.lease_expires_at, (pg_postmaster_start_time() + w.lease)))
                    ELSE NULL::timestamp with time zone
                END AS at
           FROM (pra_store.jobs k
             JOIN pra_store.workers w ON ((w.id = k.worker_id)))
          WHERE ((j.running > 0) AND (k.run_id = r.id) AND (k.state = 'running'::pra.job_state) AND (k.array_first IS NULL))) lost ON (true));


ALTER TABLE pra.runs OWNER TO pra_owner;

--
-- Name: VIEW runs; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON VIEW pra.runs IS 'One row per run: an experiment and the state of its jobs; an array counts as one job, previews as none';


--
-- Name: COLUMN runs.id; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.runs.id IS 'number of the run';


--
-- Name: COLUMN runs.name; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.runs.name IS 'name given by its creator; need not be unique';


--
-- Name: COLUMN runs.state; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.runs.state IS 'empty, pending (nothing started), running, paused, failed, cancelled, blocked or succeeded';


--
-- Name: COLUMN runs.jobs; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.runs.jobs IS 'number of jobs';


--
-- Name: COLUMN runs.blocked; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.runs.blocked IS 'number of jobs that wait for other jobs';


--
-- Name: COLUMN runs.ready; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.runs.ready IS 'number of jobs in line';


--
-- Name: COLUMN runs.running; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.runs.running IS 'number of running jobs';


--
-- Name: COLUMN runs.succeeded; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.runs.succeeded IS 'number of jobs that succeeded';


--
-- Name: COLUMN runs.failed; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.runs.failed IS 'number of jobs that failed for good';


--
-- Name: COLUMN runs.cancelled; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.runs.cancelled IS 'number of cancelled jobs';


--
-- Name: COLUMN runs.quarantined; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.runs.quarantined IS 'number of jobs that lost too many workers or crashed on two hosts';


--
-- Name: COLUMN runs.configuration; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.runs.configuration IS 'complete resolved configuration';


--
-- Name: COLUMN runs.code_version; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.runs.code_version IS 'version of the code that created the run';


--
-- Name: COLUMN runs.data_fingerprint; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.runs.data_fingerprint IS 'fingerprint of the images it trains on, as in checkpoints and `pra data`; null until they are ingested';


--
-- Name: COLUMN runs.idempotency_key; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.runs.idempotency_key IS 'key under which another creation returns this run';


--
-- Name: COLUMN runs.created_at; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.runs.created_at IS 'time of creation';


--
-- Name: COLUMN runs.created_by; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.runs.created_by IS 'login that created it';


--
-- Name: COLUMN runs.paused_at; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.runs.paused_at IS 'time since which its jobs are not claimed; null when not paused';


--
-- Name: COLUMN runs.started_at; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.runs.started_at IS 'time of the first claim of its jobs';


--
-- Name: COLUMN runs.finished_at; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.runs.finished_at IS 'time when the last of its jobs ended; null while one may still run';


--
-- Name: COLUMN runs.weight; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.runs.weight IS 'weight in fair sharing between the runs of a user; 1 by default';


--
-- Name: COLUMN runs.removed; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.runs.removed IS 'what pra delete --only has taken from it: checkpoints (with features and references), images, data';


--
-- Name: COLUMN runs.tags; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.runs.tags IS 'words by which people find it';


--
-- Name: COLUMN runs.note; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.runs.note IS 'text that somebody keeps with it';


--
-- Name: COLUMN runs.archived_at; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.runs.archived_at IS 'time when it was archived; lists leave it out since';


--
-- Name: COLUMN runs.deleted_at; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.runs.deleted_at IS 'time when it was deleted; its rows go with pra.purge_runs, and pra.undelete_run brings it back before';


--
-- Name: COLUMN runs.lost_at; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.runs.lost_at IS 'time since which no worker that runs a job of it has beaten, until somebody puts the jobs back in line';


--
-- Name: COLUMN runs.source_fingerprint; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.runs.source_fingerprint IS 'digest of the archives that its images come from';


--
-- Name: COLUMN runs.data_job; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.runs.data_job IS 'ingest job of its images, perhaps of another run; the first one where its variants need several';


--
-- Name: samplings; Type: VIEW; Schema: pra; Owner: pra_owner
--

CREATE VIEW pra.samplings AS
 SELECT s.run_id,
    max(r.name) AS run_name,
    max(s.job_id) AS job_id,
    array_agg(DISTINCT s.job_id ORDER BY s.job_id) AS jobs,
    s.train AS train_job,
    max(v.variant) AS variant,
    max(v.seed) AS train_seed,
    max(s.step) AS step,
    (s.sampling ->> 'weights'::text) AS weights,
    (s.sampling ->> 'method'::text) AS method,
    ((s.sampling ->> 'steps'::text))::integer AS steps,
    (s.sampling ->> 'guidance'::text) AS guidance,
    ((s.sampling ->> 'scale'::text))::double precision AS scale,
    (s.sampling ->> 'seed'::text) AS seed,
    (sum(s.images))::bigint AS images,
    max(s.finished_at) AS drawn_at,
    s.preview
   FROM ((( SELECT j.run_id,
            COALESCE(j.array_id, j.id) AS job_id,
            (a.arguments -> 'train'::text) AS train,
            (a.arguments -> 'sampling'::text) AS sampling,
            (a.arguments -> 'count'::text) AS count,
            (a.preview_of IS NOT NULL) AS preview,
            ((j.result ->> 'step'::text))::bigint AS step,
            j.finished_at,
            (COALESCE(( SELECT cardinality(i.labels) AS cardinality
                   FROM pra_store.image_sets i
                  WHERE (i.job_id = j.id)), 0) + ( SELECT count(*) AS count
                   FROM pra_store.images i
                  WHERE (i.job_id = j.id))) AS images
           FROM (pra_store.jobs j
             JOIN pra_store.jobs a ON ((a.id = COALESCE(j.array_id, j.id))))
          WHERE ((j.kind = 'sample'::text) AND (j.state = 'succeeded'::pra.job_state) AND (j.array_first IS NULL))) s
     JOIN pra_store.runs r ON ((r.id = s.run_id)))
     LEFT JOIN pra_store.variants v ON ((v.job_id = s.job_id)))
  WHERE (s.images > 0)
  GROUP BY s.run_id, s.train, s.sampling, s.count, s.preview, s.step;


ALTER TABLE pra.samplings OWNER TO pra_owner;

--
-- Name: VIEW samplings; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON VIEW pra.samplings IS 'One row per sampling run: images that were drawn from one model with one setting';


--
-- Name: COLUMN samplings.run_id; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.samplings.run_id IS 'run of its jobs';


--
-- Name: COLUMN samplings.run_name; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.samplings.run_name IS 'name of the run';


--
-- Name: COLUMN samplings.job_id; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.samplings.job_id IS 'number by which it is named: its job or array, of several the newest';


--
-- Name: COLUMN samplings.jobs; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.samplings.jobs IS 'its jobs and arrays';


--
-- Name: COLUMN samplings.train_job; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.samplings.train_job IS 'training whose weights drew, a JSON number';


--
-- Name: COLUMN samplings.variant; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.samplings.variant IS 'variant of the training';


--
-- Name: COLUMN samplings.train_seed; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.samplings.train_seed IS 'seed of the training in a run that compares variants';


--
-- Name: COLUMN samplings.step; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.samplings.step IS 'training step of the weights';


--
-- Name: COLUMN samplings.weights; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.samplings.weights IS 'weights that drew: model, or an average such as ema-0.999';


--
-- Name: COLUMN samplings.method; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.samplings.method IS 'integrator: euler, heun or sde';


--
-- Name: COLUMN samplings.steps; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.samplings.steps IS 'steps of the integrator';


--
-- Name: COLUMN samplings.guidance; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.samplings.guidance IS 'guidance scale over the patches: linear or constant';


--
-- Name: COLUMN samplings.scale; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.samplings.scale IS 'guidance scale; 1 is none';


--
-- Name: COLUMN samplings.seed; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.samplings.seed IS 'seed of the sampling';


--
-- Name: COLUMN samplings.images; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.samplings.images IS 'number of images';


--
-- Name: COLUMN samplings.drawn_at; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.samplings.drawn_at IS 'time when the last of its jobs ended';


--
-- Name: COLUMN samplings.preview; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.samplings.preview IS 'whether the training drew it at a checkpoint, by preview in a run file';


--
-- Name: schedules; Type: VIEW; Schema: pra; Owner: pra_owner
--

CREATE VIEW pra.schedules AS
 SELECT s.name,
    s.cron,
    s.time_zone,
    s.catch_up,
    s.run_id,
    r.name AS run_name,
    s.kind,
    s.arguments,
    s.queue,
    s.priority,
    s.next_at,
    s.last_at,
    s.last_job,
    s.paused_at,
    s.created_at,
    s.created_by,
    s.overlap,
    s.last_error,
    s.last_error_at
   FROM (pra_store.schedules s
     JOIN pra_store.runs r ON ((r.id = s.run_id)));


ALTER TABLE pra.schedules OWNER TO pra_owner;

--
-- Name: VIEW schedules; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON VIEW pra.schedules IS 'One row per schedule';


--
-- Name: COLUMN schedules.name; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.schedules.name IS 'name of the schedule';


--
-- Name: COLUMN schedules.cron; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.schedules.cron IS 'minute, hour, day, month, weekday, as in crontab(5)';


--
-- Name: COLUMN schedules.time_zone; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.schedules.time_zone IS 'time zone of its calendar';


--
-- Name: COLUMN schedules.catch_up; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.schedules.catch_up IS 'missed times that are made up for: all, last or none';


--
-- Name: COLUMN schedules.run_id; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.schedules.run_id IS 'run that gets the jobs';


--
-- Name: COLUMN schedules.run_name; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.schedules.run_name IS 'name of that run';


--
-- Name: COLUMN schedules.kind; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.schedules.kind IS 'kind of the jobs';


--
-- Name: COLUMN schedules.arguments; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.schedules.arguments IS 'arguments of the jobs';


--
-- Name: COLUMN schedules.queue; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.schedules.queue IS 'queue of the jobs';


--
-- Name: COLUMN schedules.priority; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.schedules.priority IS 'priority of the jobs';


--
-- Name: COLUMN schedules.next_at; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.schedules.next_at IS 'time when it fires next';


--
-- Name: COLUMN schedules.last_at; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.schedules.last_at IS 'time when it fired last';


--
-- Name: COLUMN schedules.last_job; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.schedules.last_job IS 'latest job that it enqueued';


--
-- Name: COLUMN schedules.paused_at; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.schedules.paused_at IS 'time since which it does not fire; null when not paused';


--
-- Name: COLUMN schedules.created_at; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.schedules.created_at IS 'time of creation';


--
-- Name: COLUMN schedules.created_by; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.schedules.created_by IS 'login that created it';


--
-- Name: COLUMN schedules.overlap; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.schedules.overlap IS 'effect of a time while the job of the time before has not ended: skip or queue';


--
-- Name: COLUMN schedules.last_error; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.schedules.last_error IS 'reason why the last time made no job; null when it made one';


--
-- Name: COLUMN schedules.last_error_at; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.schedules.last_error_at IS 'time of that error';


--
-- Name: schema_files; Type: TABLE; Schema: pra_store; Owner: pra_owner
--

CREATE TABLE pra_store.schema_files (
    path text NOT NULL,
    sha256 bytea NOT NULL,
    applied_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT schema_files_sha256_check CHECK ((length(sha256) = 32))
);


ALTER TABLE pra_store.schema_files OWNER TO pra_owner;

--
-- Name: schema_files; Type: VIEW; Schema: pra; Owner: pra_owner
--

CREATE VIEW pra.schema_files AS
 SELECT f.path,
    encode(f.sha256, 'hex'::text) AS sha256,
    f.applied_at
   FROM pra_store.schema_files f;


ALTER TABLE pra.schema_files OWNER TO pra_owner;

--
-- Name: VIEW schema_files; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON VIEW pra.schema_files IS 'Current files of functions and views, as they were applied last';


--
-- Name: COLUMN schema_files.path; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.schema_files.path IS 'path of the file below migrations/';


--
-- Name: COLUMN schema_files.sha256; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.schema_files.sha256 IS 'SHA-256 of its text when it was applied';


--
-- Name: COLUMN schema_files.applied_at; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.schema_files.applied_at IS 'when it was applied';


--
-- Name: schema_objects; Type: TABLE; Schema: pra_store; Owner: pra_owner
--

CREATE TABLE pra_store.schema_objects (
    object text NOT NULL,
    sha256 bytea NOT NULL,
    server_version integer NOT NULL,
    CONSTRAINT schema_objects_sha256_check CHECK ((length(sha256) = 32))
);


ALTER TABLE pra_store.schema_objects OWNER TO pra_owner;

--
-- Name: schema_objects; Type: VIEW; Schema: pra; Owner: pra_owner
--

CREATE VIEW pra.schema_objects AS
 SELECT o.object,
    encode(o.sha256, 'hex'::text) AS sha256,
    o.server_version
   FROM pra_store.schema_objects o;


ALTER TABLE pra.schema_objects OWNER TO pra_owner;

--
-- Name: VIEW schema_objects; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON VIEW pra.schema_objects IS 'Functions, views and triggers as they were when the current files were applied';


--
-- Name: COLUMN schema_objects.object; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.schema_objects.object IS 'kind and name, such as function pra.reap()';


--
-- Name: COLUMN schema_objects.sha256; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.schema_objects.sha256 IS 'SHA-256 of its definition, owner, grants and comments';


--
-- Name: COLUMN schema_objects.server_version; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.schema_objects.server_version IS 'major version of the server that gave the definition';


--
-- Name: migrations; Type: TABLE; Schema: pra_store; Owner: pra_owner
--

CREATE TABLE pra_store.migrations (
    version integer NOT NULL,
    name text NOT NULL,
    sha256 bytea NOT NULL,
    applied_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    applied_by text DEFAULT SESSION_USER NOT NULL
);


ALTER TABLE pra_store.migrations OWNER TO pra_owner;

--
-- Name: schema_versions; Type: VIEW; Schema: pra; Owner: pra_owner
--

CREATE VIEW pra.schema_versions AS
 SELECT m.version,
    m.name,
    encode(m.sha256, 'hex'::text) AS sha256,
    m.applied_at
   FROM pra_store.migrations m;


ALTER TABLE pra.schema_versions OWNER TO pra_owner;

--
-- Name: VIEW schema_versions; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON VIEW pra.schema_versions IS 'One row per migration that was applied';


--
-- Name: COLUMN schema_versions.version; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.schema_versions.version IS 'number of the migration';


--
-- Name: COLUMN schema_versions.name; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.schema_versions.name IS 'file name of the migration';


--
-- Name: COLUMN schema_versions.sha256; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.schema_versions.sha256 IS 'SHA-256 of its text when it was applied';


--
-- Name: COLUMN schema_versions.applied_at; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.schema_versions.applied_at IS 'time when it was applied';


--
-- Name: sessions; Type: VIEW; Schema: pra; Owner: pra_owner
--

CREATE VIEW pra.sessions AS
 SELECT ( SELECT count(*) AS count
           FROM pg_stat_activity a
          WHERE (a.backend_type = 'client backend'::text)) AS used,
    LEAST((((current_setting('max_connections'::text))::integer - (current_setting('superuser_reserved_connections'::text))::integer) - COALESCE((current_setting('reserved_connections'::text, true))::integer, 0)), ( SELECT NULLIF(d.datconnlimit, '-1'::integer) AS "nullif"
           FROM pg_database d
          WHERE (d.datname = current_database())), ( SELECT NULLIF(r.rolconnlimit, '-1'::integer) AS "nullif"
           FROM pg_roles r
          WHERE (r.rolname = SESSION_USER))) AS places,
    count(*) AS workers,
    COALESCE(sum((3 + (2 * w.slots))), (0)::bigint) AS needed
   FROM pra_store.workers w
  WHERE ((w.stopped_at IS NULL) AND (GREATEST(w.lease_expires_at, (pg_postmaster_start_time() + w.lease)) > statement_timestamp()));


ALTER TABLE pra.sessions OWNER TO pra_owner;

--
-- Name: VIEW sessions; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON VIEW pra.sessions IS 'Sessions of the server, in one row';


--
-- Name: COLUMN sessions.used; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.sessions.used IS 'number of sessions that are open, of whatever program';


--
-- Name: COLUMN sessions.places; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.sessions.places IS 'number of sessions that the server, the database and this login allow, without those for superusers';


--
-- Name: COLUMN sessions.workers; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.sessions.workers IS 'number of live workers';


--
-- Name: COLUMN sessions.needed; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.sessions.needed IS 'number of sessions that they need while all their slots are busy: three each, and two for each slot; idle they need one';


--
-- Name: start_waits; Type: VIEW; Schema: pra; Owner: pra_owner
--

CREATE VIEW pra.start_waits AS
 SELECT c.queue,
    c.kind,
    b.le,
    (COALESCE(sum(c.number) FILTER (WHERE (c.bucket < b.bucket_end)), (0)::numeric))::bigint AS starts,
    sum(c.seconds) AS seconds
   FROM (( SELECT s.queue,
            s.kind,
            s.bucket,
            s.number,
            s.seconds
           FROM pra_store.count_steps s
          WHERE (s.outcome = ''::text)
        UNION ALL
         SELECT t.queue,
            t.kind,
            t.bucket,
            t.number,
            t.seconds
           FROM pra_store.counters t
          WHERE (t.outcome = ''::text)) c
     CROSS JOIN unnest('{1,5,15,60,300,900,3600,14400,86400,Infinity}'::double precision[]) WITH ORDINALITY b(le, bucket_end))
  GROUP BY c.queue, c.kind, b.le;


ALTER TABLE pra.start_waits OWNER TO pra_owner;

--
-- Name: VIEW start_waits; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON VIEW pra.start_waits IS 'Histogram of the time from ready to start, as Prometheus has it: rows whose numbers only rise';


--
-- Name: COLUMN start_waits.queue; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.start_waits.queue IS 'queue of the jobs';


--
-- Name: COLUMN start_waits.kind; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.start_waits.kind IS 'kind of the jobs';


--
-- Name: COLUMN start_waits.le; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.start_waits.le IS 'upper end of the waits that are counted, in seconds; Infinity in the last row';


--
-- Name: COLUMN start_waits.starts; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.start_waits.starts IS 'number of attempts that started after a wait of no more than that';


--
-- Name: COLUMN start_waits.seconds; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.start_waits.seconds IS 'sum of all waits of the queue and kind';


--
-- Name: stores; Type: VIEW; Schema: pra; Owner: pra_owner
--

CREATE VIEW pra.stores AS
SELECT
    NULL::text AS location,
    NULL::boolean AS is_current,
    NULL::bigint AS artifacts,
    NULL::bigint AS bytes,
    NULL::timestamp with time zone AS created_at,
    NULL::integer AS id,
    NULL::uuid AS mark,
    NULL::timestamp with time zone AS marked_at;


ALTER TABLE pra.stores OWNER TO pra_owner;

--
-- Name: VIEW stores; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON VIEW pra.stores IS 'One row per store of artifacts, the database among them';


--
-- Name: COLUMN stores.location; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.stores.location IS 'database, file:/folder or s3://bucket/prefix';


--
-- Name: COLUMN stores.is_current; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.stores.is_current IS 'true for the store that new large artifacts go to';


--
-- Name: COLUMN stores.artifacts; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.stores.artifacts IS 'number of artifacts';


--
-- Name: COLUMN stores.bytes; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.stores.bytes IS 'total size of the artifacts in bytes';


--
-- Name: COLUMN stores.created_at; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.stores.created_at IS 'time when it was first chosen; null for the database';


--
-- Name: COLUMN stores.id; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.stores.id IS 'number of the store; null for the database';


--
-- Name: COLUMN stores.mark; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.stores.mark IS 'the id that the mark in the store holds, beside the one of the database';


--
-- Name: COLUMN stores.marked_at; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.stores.marked_at IS 'time since when the mark is known to lie there; null before';


--
-- Name: sweep_runs; Type: TABLE; Schema: pra_store; Owner: pra_owner
--

CREATE TABLE pra_store.sweep_runs (
    sweep_id bigint NOT NULL,
    run_id bigint NOT NULL
);


ALTER TABLE pra_store.sweep_runs OWNER TO pra_owner;

--
-- Name: sweeps; Type: TABLE; Schema: pra_store; Owner: pra_owner
--

CREATE TABLE pra_store.sweeps (
    id bigint NOT NULL,
    name text NOT NULL,
    keys text[] NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    created_by text DEFAULT SESSION_USER NOT NULL,
    CONSTRAINT sweeps_name_check CHECK (((length(name) >= 1) AND (length(name) <= 200)))
);


ALTER TABLE pra_store.sweeps OWNER TO pra_owner;

--
-- Name: sweeps; Type: VIEW; Schema: pra; Owner: pra_owner
--

CREATE VIEW pra.sweeps AS
 SELECT s.id,
    s.name,
    s.keys,
    ARRAY( SELECT m.run_id
           FROM (pra_store.sweep_runs m
             JOIN pra_store.runs r ON ((r.id = m.run_id)))
          WHERE ((m.sweep_id = s.id) AND (r.deleted_at IS NULL))
          ORDER BY m.run_id) AS runs,
    s.created_at,
    s.created_by,
    ARRAY( SELECT m.run_id
           FROM (pra_store.sweep_runs m
             JOIN pra_store.runs r ON ((r.id = m.run_id)))
          WHERE ((m.sweep_id = s.id) AND (r.deleted_at IS NOT NULL) AND (r.purged_at IS NULL))
          ORDER BY m.run_id) AS deleted_runs
   FROM pra_store.sweeps s;


ALTER TABLE pra.sweeps OWNER TO pra_owner;

--
-- Name: VIEW sweeps; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON VIEW pra.sweeps IS 'One row per sweep: runs of one file that differ in some settings';


--
-- Name: COLUMN sweeps.id; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.sweeps.id IS 'number of the sweep';


--
-- Name: COLUMN sweeps.name; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.sweeps.name IS 'name given by its creator; of several with one name the newest counts';


--
-- Name: COLUMN sweeps.keys; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.sweeps.keys IS 'settings of which its runs have different values';


--
-- Name: COLUMN sweeps.runs; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.sweeps.runs IS 'numbers of its runs that are not deleted';


--
-- Name: COLUMN sweeps.created_at; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.sweeps.created_at IS 'time of creation';


--
-- Name: COLUMN sweeps.created_by; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.sweeps.created_by IS 'login that created it';


--
-- Name: COLUMN sweeps.deleted_runs; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.sweeps.deleted_runs IS 'numbers of its deleted runs that pra.undelete_run brings back';


--
-- Name: upkeep; Type: TABLE; Schema: pra_store; Owner: pra_owner
--

CREATE TABLE pra_store.upkeep (
    is_only boolean DEFAULT true NOT NULL,
    cron text NOT NULL,
    time_zone text NOT NULL,
    grace interval NOT NULL,
    keep_last integer,
    keep_best integer DEFAULT 0 NOT NULL,
    keep_every bigint,
    metric text DEFAULT 'loss'::text NOT NULL,
    thin bigint,
    thin_after interval DEFAULT '30 days'::interval NOT NULL,
    next_at timestamp with time zone NOT NULL,
    worker_id bigint,
    begun_at timestamp with time zone,
    ended_at timestamp with time zone,
    collected jsonb,
    last_error text,
    set_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    set_by text DEFAULT SESSION_USER NOT NULL,
    CONSTRAINT upkeep_check CHECK (((worker_id IS NULL) = (begun_at IS NULL))),
    CONSTRAINT upkeep_grace_check CHECK ((grace >= '00:00:00'::interval)),
    CONSTRAINT upkeep_is_only_check CHECK (is_only),
    CONSTRAINT upkeep_keep_best_check CHECK ((keep_best >= 0)),
    CONSTRAINT upkeep_keep_every_check CHECK ((keep_every >= 1)),
    CONSTRAINT upkeep_keep_last_check CHECK ((keep_last >= 0)),
    CONSTRAINT upkeep_thin_after_check CHECK ((thin_after >= '00:00:00'::interval)),
    CONSTRAINT upkeep_thin_check CHECK ((thin >= 2))
);


ALTER TABLE pra_store.upkeep OWNER TO pra_owner;

--
-- Name: upkeep; Type: VIEW; Schema: pra; Owner: pra_owner
--

CREATE VIEW pra.upkeep AS
 SELECT u.cron,
    u.time_zone,
    u.grace,
    u.keep_last,
    u.keep_best,
    u.keep_every,
    u.metric,
    u.thin,
    u.thin_after,
    u.next_at,
    u.begun_at AS last_at,
    w.name AS last_worker,
    u.ended_at AS last_ended_at,
    u.collected,
    u.last_error,
    u.set_at,
    u.set_by
   FROM (pra_store.upkeep u
     LEFT JOIN pra_store.workers w ON ((w.id = u.worker_id)));


ALTER TABLE pra.upkeep OWNER TO pra_owner;

--
-- Name: VIEW upkeep; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON VIEW pra.upkeep IS 'The rule by which workers collect garbage; no row where nobody has set one';


--
-- Name: COLUMN upkeep.cron; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.upkeep.cron IS 'minute, hour, day, month, weekday, as in crontab(5)';


--
-- Name: COLUMN upkeep.time_zone; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.upkeep.time_zone IS 'time zone of its calendar';


--
-- Name: COLUMN upkeep.grace; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.upkeep.grace IS 'age from which artifacts without references, and deleted runs, go';


--
-- Name: COLUMN upkeep.keep_last; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.upkeep.keep_last IS 'number of newest checkpoints of each job that stay; null when no checkpoint is dropped';


--
-- Name: COLUMN upkeep.keep_best; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.upkeep.keep_best IS 'number of best checkpoints of each job that stay';


--
-- Name: COLUMN upkeep.keep_every; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.upkeep.keep_every IS 'steps of which the first checkpoint at or after each multiple stays';


--
-- Name: COLUMN upkeep.metric; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.upkeep.metric IS 'series that says which checkpoint is best';


--
-- Name: COLUMN upkeep.thin; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.upkeep.thin IS 'step of which the multiples keep their metric points; null when all points stay';


--
-- Name: COLUMN upkeep.thin_after; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.upkeep.thin_after IS 'age from which points are thinned';


--
-- Name: COLUMN upkeep.next_at; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.upkeep.next_at IS 'time when it is due next';


--
-- Name: COLUMN upkeep.last_at; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.upkeep.last_at IS 'time when a worker began with it last';


--
-- Name: COLUMN upkeep.last_worker; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.upkeep.last_worker IS 'name of that worker';


--
-- Name: COLUMN upkeep.last_ended_at; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.upkeep.last_ended_at IS 'time when that worker was done; null while it deletes objects of stores';


--
-- Name: COLUMN upkeep.collected; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.upkeep.collected IS 'numbers of what went then, as an object; bytes in all';


--
-- Name: COLUMN upkeep.last_error; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.upkeep.last_error IS 'reason why it failed then, or what could not be collected';


--
-- Name: COLUMN upkeep.set_at; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.upkeep.set_at IS 'time when the rule was set';


--
-- Name: COLUMN upkeep.set_by; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.upkeep.set_by IS 'login that set it';


--
-- Name: variants; Type: VIEW; Schema: pra; Owner: pra_owner
--

CREATE VIEW pra.variants AS
 SELECT j.run_id,
    r.name AS run_name,
    v.variant,
    v.seed,
    v.job_id,
    j.kind
   FROM ((pra_store.variants v
     JOIN pra_store.jobs j ON ((j.id = v.job_id)))
     JOIN pra_store.runs r ON ((r.id = j.run_id)));


ALTER TABLE pra.variants OWNER TO pra_owner;

--
-- Name: VIEW variants; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON VIEW pra.variants IS 'One row per job of a run that compares variants';


--
-- Name: COLUMN variants.run_id; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.variants.run_id IS 'run of the job';


--
-- Name: COLUMN variants.run_name; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.variants.run_name IS 'name of the run';


--
-- Name: COLUMN variants.variant; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.variants.variant IS 'name under variants in the run file; the run''s name where only seeds differ';


--
-- Name: COLUMN variants.seed; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.variants.seed IS 'seed of the training';


--
-- Name: COLUMN variants.job_id; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.variants.job_id IS 'job of the variant';


--
-- Name: COLUMN variants.kind; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.variants.kind IS 'kind of the job';


--
-- Name: waiting; Type: VIEW; Schema: pra; Owner: pra_owner
--

CREATE VIEW pra.waiting AS
 SELECT w.reason,
    w.detail,
    w.jobs,
    w.oldest,
    w.example_job,
    w.remedy,
    w.run_id,
    w.queue
   FROM pra.waiting_jobs() w(reason, detail, jobs, oldest, example_job, remedy, run_id, queue);


ALTER TABLE pra.waiting OWNER TO pra_owner;

--
-- Name: VIEW waiting; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON VIEW pra.waiting IS 'One row per reason for which jobs wait, at most 200; each group is looked at through its first job';


--
-- Name: COLUMN waiting.reason; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.waiting.reason IS 'words of pra.why_pending of that job, separated by commas';


--
-- Name: COLUMN waiting.detail; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.waiting.detail IS 'the reason as a sentence';


--
-- Name: COLUMN waiting.jobs; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.waiting.jobs IS 'number of jobs; an array counts as one';


--
-- Name: COLUMN waiting.oldest; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.waiting.oldest IS 'time at which the oldest of them was enqueued';


--
-- Name: COLUMN waiting.example_job; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.waiting.example_job IS 'the first of them, which pra.why explains in full';


--
-- Name: COLUMN waiting.remedy; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.waiting.remedy IS 'the change that would let it run';


--
-- Name: COLUMN waiting.run_id; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.waiting.run_id IS 'run of all of them; null where they are of several';


--
-- Name: COLUMN waiting.queue; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.waiting.queue IS 'queue of all of them; null where they stand in several';


--
-- Name: held_artifacts; Type: TABLE; Schema: pra_store; Owner: pra_owner
--

CREATE TABLE pra_store.held_artifacts (
    worker_id bigint NOT NULL,
    sha256 bytea NOT NULL,
    CONSTRAINT held_artifacts_sha256_check CHECK ((length(sha256) = 32))
);


ALTER TABLE pra_store.held_artifacts OWNER TO pra_owner;

--
-- Name: workers; Type: VIEW; Schema: pra; Owner: pra_owner
--

CREATE VIEW pra.workers AS
 SELECT w.id,
    w.name,
    w.version,
    w.labels,
    w.queues,
    w.kinds,
    w.slots,
    ( SELECT count(*) AS count
           FROM pra_store.jobs j
          WHERE ((j.worker_id = w.id) AND (j.state = 'running'::pra.job_state))) AS running,
        CASE
            WHEN (w.stopped_at IS NOT NULL) THEN 'stopped'::text
            WHEN (GREATEST(w.lease_expires_at, (pg_postmaster_start_time() + w.lease)) <= statement_timestamp()) THEN 'lost'::text
            WHEN (w.draining OR (w.drain_requested_at IS NOT NULL)) THEN 'draining'::text
            WHEN (b.host IS NOT NULL) THEN 'blamed'::text
            WHEN (w.lack IS NOT NULL) THEN 'paused'::text
            ELSE 'live'::text
        END AS state,
    w.lease,
    GREATEST(w.lease_expires_at, (pg_postmaster_start_time() + w.lease)) AS lease_expires_at,
    w.registered_at,
    w.beat_at,
    w.stopped_at,
    w.stop_reason,
    w.drain_requested_at,
    w.lack,
    w.lack_since,
    b.until AS blamed_until,
    b.reason AS blame_reason,
    w.room,
    w.cache_bytes,
    w.cache_quota,
    ( SELECT count(*) AS count
           FROM pra_store.held_artifacts h
          WHERE (h.worker_id = w.id)) AS cached,
    w.leaves_at
   FROM (pra_store.workers w
     LEFT JOIN pra_store.blamed_hosts b ON (((w.stopped_at IS NULL) AND (b.host = COALESCE((w.labels ->> 'host'::text), w.name)) AND (b.until > statement_timestamp()))));


ALTER TABLE pra.workers OWNER TO pra_owner;

--
-- Name: VIEW workers; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON VIEW pra.workers IS 'One row per worker: an agent process that registered';


--
-- Name: COLUMN workers.id; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.workers.id IS 'number of the worker';


--
-- Name: COLUMN workers.name; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.workers.name IS 'name that the agent gave itself';


--
-- Name: COLUMN workers.version; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.workers.version IS 'version of its program';


--
-- Name: COLUMN workers.labels; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.workers.labels IS 'labels that requirements are compared with';


--
-- Name: COLUMN workers.queues; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.workers.queues IS 'queues that it serves';


--
-- Name: COLUMN workers.kinds; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.workers.kinds IS 'kinds of jobs that it runs';


--
-- Name: COLUMN workers.slots; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.workers.slots IS 'number of jobs that it runs at once';


--
-- Name: COLUMN workers.running; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.workers.running IS 'number of jobs that it runs now';


--
-- Name: COLUMN workers.state; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.workers.state IS 'live, paused (its host lacks something), draining, blamed (its host is), lost (its lease has expired, it was not reaped yet) or stopped';


--
-- Name: COLUMN workers.lease; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.workers.lease IS 'longest time between heartbeats';


--
-- Name: COLUMN workers.lease_expires_at; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.workers.lease_expires_at IS 'time when it counts as lost unless a heartbeat comes first';


--
-- Name: COLUMN workers.registered_at; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.workers.registered_at IS 'time of registration';


--
-- Name: COLUMN workers.beat_at; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.workers.beat_at IS 'time of its latest heartbeat';


--
-- Name: COLUMN workers.stopped_at; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.workers.stopped_at IS 'time when it left or was reaped';


--
-- Name: COLUMN workers.stop_reason; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.workers.stop_reason IS 'deregistered, lease lost or declared dead';


--
-- Name: COLUMN workers.drain_requested_at; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.workers.drain_requested_at IS 'time since which an operator wants it to give its work back';


--
-- Name: COLUMN workers.lack; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.workers.lack IS 'what its host lacks: room, a program, the store; it takes no jobs meanwhile';


--
-- Name: COLUMN workers.lack_since; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.workers.lack_since IS 'time since which it lacks something';


--
-- Name: COLUMN workers.blamed_until; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.workers.blamed_until IS 'time until which its host gets no work that another can take; null when it is not blamed';


--
-- Name: COLUMN workers.blame_reason; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.workers.blame_reason IS 'description of the crashes for which its host is blamed';


--
-- Name: COLUMN workers.room; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.workers.room IS 'bytes that a job may have on its host; null when it does not say';


--
-- Name: COLUMN workers.cache_bytes; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.workers.cache_bytes IS 'bytes in the cache of its host';


--
-- Name: COLUMN workers.cache_quota; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.workers.cache_quota IS 'most bytes of that cache';


--
-- Name: COLUMN workers.cached; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.workers.cached IS 'number of artifacts that its host need not fetch, besides those of its own stores';


--
-- Name: COLUMN workers.leaves_at; Type: COMMENT; Schema: pra; Owner: pra_owner
--

COMMENT ON COLUMN pra.workers.leaves_at IS 'time from which it drains; it gets nothing that would end later';


--
-- Name: artifact_chunks; Type: TABLE; Schema: pra_store; Owner: pra_owner
--

CREATE TABLE pra_store.artifact_chunks (
    upload_id bigint NOT NULL,
    ordinal integer NOT NULL,
    bytes bytea NOT NULL,
    CONSTRAINT artifact_chunks_bytes_check CHECK (((length(bytes) >= 1) AND (length(bytes) <= 1048576))),
    CONSTRAINT artifact_chunks_ordinal_check CHECK ((ordinal >= 0))
);
ALTER TABLE ONLY pra_store.artifact_chunks ALTER COLUMN bytes SET STORAGE EXTERNAL;


ALTER TABLE pra_store.artifact_chunks OWNER TO pra_owner;

--
-- Name: cancellations; Type: TABLE; Schema: pra_store; Owner: pra_owner
--

CREATE TABLE pra_store.cancellations (
    job_id bigint NOT NULL,
    epoch bigint NOT NULL,
    deadline timestamp with time zone NOT NULL
);


ALTER TABLE pra_store.cancellations OWNER TO pra_owner;

--
-- Name: checkpoints_id_seq; Type: SEQUENCE; Schema: pra_store; Owner: pra_owner
--

ALTER TABLE pra_store.checkpoints ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME pra_store.checkpoints_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Name: crashes; Type: TABLE; Schema: pra_store; Owner: pra_owner
--

CREATE TABLE pra_store.crashes (
    worker_id bigint NOT NULL,
    at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    job_id bigint NOT NULL,
    epoch bigint NOT NULL
);


ALTER TABLE pra_store.crashes OWNER TO pra_owner;

--
-- Name: events_id_seq1; Type: SEQUENCE; Schema: pra_store; Owner: pra_owner
--

ALTER TABLE pra_store.events ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME pra_store.events_id_seq1
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Name: events_other; Type: TABLE; Schema: pra_store; Owner: pra_owner
--

CREATE TABLE pra_store.events_other (
    id bigint NOT NULL,
    at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    kind text NOT NULL,
    run_id bigint,
    job_id bigint,
    epoch bigint,
    worker_id bigint,
    actor text DEFAULT 
CASE
    WHEN pg_has_role(SESSION_USER, (to_regrole('pra_proxy'::text))::oid, 'member'::text) THEN (COALESCE(NULLIF(current_setting('pra.actor'::text, true), ''::text), (SESSION_USER)::text))::name
    ELSE SESSION_USER
END NOT NULL,
    detail jsonb DEFAULT '{}'::jsonb NOT NULL
);


ALTER TABLE pra_store.events_other OWNER TO pra_owner;

--
-- Name: gang_meetings; Type: TABLE; Schema: pra_store; Owner: pra_owner
--

CREATE TABLE pra_store.gang_meetings (
    gang_id bigint NOT NULL,
    start bigint NOT NULL,
    rank integer NOT NULL,
    job_id bigint NOT NULL,
    key text NOT NULL,
    value bytea NOT NULL,
    CONSTRAINT gang_meetings_key_check CHECK ((length(key) <= 200)),
    CONSTRAINT gang_meetings_rank_check CHECK ((rank >= 0)),
    CONSTRAINT gang_meetings_start_check CHECK ((start > 0)),
    CONSTRAINT gang_meetings_value_check CHECK ((length(value) <= 65536))
);


ALTER TABLE pra_store.gang_meetings OWNER TO pra_owner;

--
-- Name: gang_members; Type: TABLE; Schema: pra_store; Owner: pra_owner
--

CREATE TABLE pra_store.gang_members (
    worker_id bigint NOT NULL,
    job_id bigint NOT NULL,
    epoch bigint NOT NULL,
    placed_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);


ALTER TABLE pra_store.gang_members OWNER TO pra_owner;

--
-- Name: identity; Type: TABLE; Schema: pra_store; Owner: pra_owner
--

CREATE TABLE pra_store.identity (
    is_one boolean DEFAULT true NOT NULL,
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    system_identifier bigint NOT NULL,
    database oid NOT NULL,
    folder text,
    CONSTRAINT identity_is_one_check CHECK (is_one)
);


ALTER TABLE pra_store.identity OWNER TO pra_owner;

--
-- Name: jobs_id_seq; Type: SEQUENCE; Schema: pra_store; Owner: pra_owner
--

ALTER TABLE pra_store.jobs ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME pra_store.jobs_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Name: keys; Type: TABLE; Schema: pra_store; Owner: pra_owner
--

CREATE TABLE pra_store.keys (
    key text NOT NULL
);


ALTER TABLE pra_store.keys OWNER TO pra_owner;

--
-- Name: lanes; Type: TABLE; Schema: pra_store; Owner: pra_owner
--

CREATE TABLE pra_store.lanes (
    id integer NOT NULL,
    run_id bigint NOT NULL,
    queue text NOT NULL,
    kind text NOT NULL,
    requirements jsonb NOT NULL,
    limits text[] NOT NULL,
    key text NOT NULL
);


ALTER TABLE pra_store.lanes OWNER TO pra_owner;

--
-- Name: lanes_id_seq; Type: SEQUENCE; Schema: pra_store; Owner: pra_owner
--

ALTER TABLE pra_store.lanes ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME pra_store.lanes_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Name: slot_order; Type: SEQUENCE; Schema: pra_store; Owner: pra_owner
--

CREATE SEQUENCE pra_store.slot_order
    START WITH 1000000
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


ALTER TABLE pra_store.slot_order OWNER TO pra_owner;

--
-- Name: limit_slots; Type: TABLE; Schema: pra_store; Owner: pra_owner
--

CREATE TABLE pra_store.limit_slots (
    limit_name text NOT NULL,
    ordinal bigint DEFAULT nextval('pra_store.slot_order'::regclass) NOT NULL,
    job_id bigint,
    epoch bigint,
    taken_at timestamp with time zone,
    CONSTRAINT limit_slots_check CHECK ((((job_id IS NULL) = (epoch IS NULL)) AND ((job_id IS NULL) = (taken_at IS NULL))))
)
WITH (fillfactor='50', autovacuum_vacuum_scale_factor='0', autovacuum_vacuum_threshold='1000');


ALTER TABLE pra_store.limit_slots OWNER TO pra_owner;

--
-- Name: limits; Type: TABLE; Schema: pra_store; Owner: pra_owner
--

CREATE TABLE pra_store.limits (
    name text NOT NULL,
    slots integer NOT NULL,
    excess integer DEFAULT 0 NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT limits_excess_check CHECK ((excess >= 0)),
    CONSTRAINT limits_name_check CHECK ((name ~ '^[A-Za-z0-9][A-Za-z0-9_.:-]{0,99}$'::text)),
    CONSTRAINT limits_slots_check CHECK (((slots >= 0) AND (slots <= 100000)))
);


ALTER TABLE pra_store.limits OWNER TO pra_owner;

--
-- Name: log_chunks; Type: TABLE; Schema: pra_store; Owner: pra_owner
--

CREATE TABLE pra_store.log_chunks (
    job_id bigint NOT NULL,
    epoch bigint NOT NULL,
    ordinal integer NOT NULL,
    at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    bytes bytea NOT NULL,
    CONSTRAINT log_chunks_bytes_check CHECK (((length(bytes) >= 1) AND (length(bytes) <= 1048576))),
    CONSTRAINT log_chunks_ordinal_check CHECK ((ordinal >= 0))
);


ALTER TABLE pra_store.log_chunks OWNER TO pra_owner;

--
-- Name: metric_names_id_seq; Type: SEQUENCE; Schema: pra_store; Owner: pra_owner
--

ALTER TABLE pra_store.metric_names ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME pra_store.metric_names_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Name: metric_staging; Type: TABLE; Schema: pra_store; Owner: pra_owner
--

CREATE UNLOGGED TABLE pra_store.metric_staging (
    job_id bigint NOT NULL,
    epoch bigint NOT NULL,
    batch bigint NOT NULL,
    name text NOT NULL,
    steps bigint[] NOT NULL,
    "values" double precision[] NOT NULL,
    token uuid,
    CONSTRAINT metric_staging_check CHECK (((cardinality(steps) = cardinality("values")) AND (cardinality(steps) > 0)))
)
WITH (autovacuum_vacuum_scale_factor='0', autovacuum_vacuum_threshold='2000');
ALTER TABLE ONLY pra_store.metric_staging ALTER COLUMN steps SET STORAGE EXTERNAL;
ALTER TABLE ONLY pra_store.metric_staging ALTER COLUMN "values" SET STORAGE EXTERNAL;


ALTER TABLE pra_store.metric_staging OWNER TO pra_owner;

--
-- Name: multipart_uploads; Type: TABLE; Schema: pra_store; Owner: pra_owner
--

CREATE TABLE pra_store.multipart_uploads (
    store_id integer NOT NULL,
    sha256 bytea NOT NULL,
    copy integer NOT NULL,
    upload text NOT NULL,
    begun_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    doomed boolean DEFAULT false NOT NULL,
    CONSTRAINT multipart_uploads_upload_check CHECK (((length(upload) >= 1) AND (length(upload) <= 2000)))
);


ALTER TABLE pra_store.multipart_uploads OWNER TO pra_owner;

--
-- Name: objects; Type: TABLE; Schema: pra_store; Owner: pra_owner
--

CREATE TABLE pra_store.objects (
    store_id integer NOT NULL,
    sha256 bytea NOT NULL,
    state text NOT NULL,
    size bigint NOT NULL,
    touched_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    copy integer DEFAULT 0 NOT NULL,
    owner text DEFAULT SESSION_USER,
    suspect_at timestamp with time zone,
    dropped_by bigint,
    CONSTRAINT objects_copy_check CHECK ((copy >= 0)),
    CONSTRAINT objects_sha256_check CHECK ((length(sha256) = 32)),
    CONSTRAINT objects_size_check CHECK ((size >= 0)),
    CONSTRAINT objects_state_check CHECK ((state = ANY (ARRAY['uploading'::text, 'stored'::text, 'deleting'::text])))
);


ALTER TABLE pra_store.objects OWNER TO pra_owner;

--
-- Name: pending_artifacts; Type: TABLE; Schema: pra_store; Owner: pra_owner
--

CREATE TABLE pra_store.pending_artifacts (
    job_id bigint NOT NULL,
    epoch bigint NOT NULL,
    sha256 bytea NOT NULL
);


ALTER TABLE pra_store.pending_artifacts OWNER TO pra_owner;

--
-- Name: preemptions_id_seq; Type: SEQUENCE; Schema: pra_store; Owner: pra_owner
--

ALTER TABLE pra_store.preemptions ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME pra_store.preemptions_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Name: queues; Type: TABLE; Schema: pra_store; Owner: pra_owner
--

CREATE TABLE pra_store.queues (
    name text NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    paused_at timestamp with time zone,
    CONSTRAINT queues_name_check CHECK ((name ~ '^[a-z0-9][a-z0-9_.-]{0,62}$'::text))
);


ALTER TABLE pra_store.queues OWNER TO pra_owner;

--
-- Name: runs_id_seq; Type: SEQUENCE; Schema: pra_store; Owner: pra_owner
--

ALTER TABLE pra_store.runs ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME pra_store.runs_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Name: stores_id_seq; Type: SEQUENCE; Schema: pra_store; Owner: pra_owner
--

ALTER TABLE pra_store.stores ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME pra_store.stores_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Name: sweeps_id_seq; Type: SEQUENCE; Schema: pra_store; Owner: pra_owner
--

ALTER TABLE pra_store.sweeps ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME pra_store.sweeps_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Name: turn_numbers; Type: SEQUENCE; Schema: pra_store; Owner: pra_owner
--

CREATE SEQUENCE pra_store.turn_numbers
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


ALTER TABLE pra_store.turn_numbers OWNER TO pra_owner;

--
-- Name: turns; Type: TABLE; Schema: pra_store; Owner: pra_owner
--

CREATE UNLOGGED TABLE pra_store.turns (
    number bigint NOT NULL,
    run_id bigint NOT NULL,
    owner text NOT NULL
)
WITH (autovacuum_vacuum_scale_factor='0', autovacuum_vacuum_threshold='10000');


ALTER TABLE pra_store.turns OWNER TO pra_owner;

--
-- Name: uploads; Type: TABLE; Schema: pra_store; Owner: pra_owner
--

CREATE TABLE pra_store.uploads (
    id bigint NOT NULL,
    sha256 bytea NOT NULL,
    size bigint NOT NULL,
    media_type text NOT NULL,
    job_id bigint,
    epoch bigint,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    owner text DEFAULT SESSION_USER,
    committed_at timestamp with time zone,
    suspect_at timestamp with time zone,
    CONSTRAINT uploads_check CHECK (((job_id IS NULL) = (epoch IS NULL))),
    CONSTRAINT uploads_media_type_check CHECK ((media_type ~ '^[a-z0-9.+-]+/[a-z0-9.+-]+$'::text)),
    CONSTRAINT uploads_sha256_check CHECK ((length(sha256) = 32)),
    CONSTRAINT uploads_size_check CHECK ((size >= 0))
);


ALTER TABLE pra_store.uploads OWNER TO pra_owner;

--
-- Name: uploads_id_seq; Type: SEQUENCE; Schema: pra_store; Owner: pra_owner
--

ALTER TABLE pra_store.uploads ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME pra_store.uploads_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Name: users; Type: TABLE; Schema: pra_store; Owner: pra_owner
--

CREATE TABLE pra_store.users (
    name text NOT NULL,
    weight double precision NOT NULL,
    CONSTRAINT users_weight_check CHECK (((weight >= (0.000001)::double precision) AND (weight <= ('1000000'::numeric)::double precision)))
);


ALTER TABLE pra_store.users OWNER TO pra_owner;

--
-- Name: workers_id_seq; Type: SEQUENCE; Schema: pra_store; Owner: pra_owner
--

ALTER TABLE pra_store.workers ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME pra_store.workers_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Name: events_other; Type: TABLE ATTACH; Schema: pra_store; Owner: pra_owner
--

ALTER TABLE ONLY pra_store.events ATTACH PARTITION pra_store.events_other DEFAULT;


--
-- Name: artifact_chunks artifact_chunks_pkey; Type: CONSTRAINT; Schema: pra_store; Owner: pra_owner
--

ALTER TABLE ONLY pra_store.artifact_chunks
    ADD CONSTRAINT artifact_chunks_pkey PRIMARY KEY (upload_id, ordinal);


--
-- Name: artifacts artifacts_pkey; Type: CONSTRAINT; Schema: pra_store; Owner: pra_owner
--

ALTER TABLE ONLY pra_store.artifacts
    ADD CONSTRAINT artifacts_pkey PRIMARY KEY (sha256);


--
-- Name: attempts attempts_pkey; Type: CONSTRAINT; Schema: pra_store; Owner: pra_owner
--

ALTER TABLE ONLY pra_store.attempts
    ADD CONSTRAINT attempts_pkey PRIMARY KEY (job_id, epoch);


--
-- Name: blamed_hosts blamed_hosts_pkey; Type: CONSTRAINT; Schema: pra_store; Owner: pra_owner
--

ALTER TABLE ONLY pra_store.blamed_hosts
    ADD CONSTRAINT blamed_hosts_pkey PRIMARY KEY (host);


--
-- Name: cancellations cancellations_pkey; Type: CONSTRAINT; Schema: pra_store; Owner: pra_owner
--

ALTER TABLE ONLY pra_store.cancellations
    ADD CONSTRAINT cancellations_pkey PRIMARY KEY (job_id);


--
-- Name: checkpoint_files checkpoint_files_pkey; Type: CONSTRAINT; Schema: pra_store; Owner: pra_owner
--

ALTER TABLE ONLY pra_store.checkpoint_files
    ADD CONSTRAINT checkpoint_files_pkey PRIMARY KEY (checkpoint_id, name);


--
-- Name: checkpoints checkpoints_job_id_step_epoch_key; Type: CONSTRAINT; Schema: pra_store; Owner: pra_owner
--

ALTER TABLE ONLY pra_store.checkpoints
    ADD CONSTRAINT checkpoints_job_id_step_epoch_key UNIQUE (job_id, step, epoch);


--
-- Name: checkpoints checkpoints_pkey; Type: CONSTRAINT; Schema: pra_store; Owner: pra_owner
--

ALTER TABLE ONLY pra_store.checkpoints
    ADD CONSTRAINT checkpoints_pkey PRIMARY KEY (id);


--
-- Name: compatibility compatibility_pkey; Type: CONSTRAINT; Schema: pra_store; Owner: pra_owner
--

ALTER TABLE ONLY pra_store.compatibility
    ADD CONSTRAINT compatibility_pkey PRIMARY KEY (is_single);


--
-- Name: counters counters_pkey; Type: CONSTRAINT; Schema: pra_store; Owner: pra_owner
--

ALTER TABLE ONLY pra_store.counters
    ADD CONSTRAINT counters_pkey PRIMARY KEY (queue, kind, outcome, bucket);


--
-- Name: crashes crashes_pkey; Type: CONSTRAINT; Schema: pra_store; Owner: pra_owner
--

ALTER TABLE ONLY pra_store.crashes
    ADD CONSTRAINT crashes_pkey PRIMARY KEY (worker_id, at, job_id);


--
-- Name: element_arguments element_arguments_pkey; Type: CONSTRAINT; Schema: pra_store; Owner: pra_owner
--

ALTER TABLE ONLY pra_store.element_arguments
    ADD CONSTRAINT element_arguments_pkey PRIMARY KEY (array_id, first);


--
-- Name: evaluations evaluations_pkey; Type: CONSTRAINT; Schema: pra_store; Owner: pra_owner
--

ALTER TABLE ONLY pra_store.evaluations
    ADD CONSTRAINT evaluations_pkey PRIMARY KEY (job_id, metric, scope);


--
-- Name: events events_pkey; Type: CONSTRAINT; Schema: pra_store; Owner: pra_owner
--

ALTER TABLE ONLY pra_store.events
    ADD CONSTRAINT events_pkey PRIMARY KEY (id, at);


--
-- Name: events_other events_other_pkey; Type: CONSTRAINT; Schema: pra_store; Owner: pra_owner
--

ALTER TABLE ONLY pra_store.events_other
    ADD CONSTRAINT events_other_pkey PRIMARY KEY (id, at);


--
-- Name: exports exports_pkey; Type: CONSTRAINT; Schema: pra_store; Owner: pra_owner
--

ALTER TABLE ONLY pra_store.exports
    ADD CONSTRAINT exports_pkey PRIMARY KEY (sha256);


--
-- Name: gang_meetings gang_meetings_pkey; Type: CONSTRAINT; Schema: pra_store; Owner: pra_owner
--

ALTER TABLE ONLY pra_store.gang_meetings
    ADD CONSTRAINT gang_meetings_pkey PRIMARY KEY (gang_id, start, rank, key);


--
-- Name: gang_members gang_members_pkey; Type: CONSTRAINT; Schema: pra_store; Owner: pra_owner
--

ALTER TABLE ONLY pra_store.gang_members
    ADD CONSTRAINT gang_members_pkey PRIMARY KEY (worker_id, job_id);


--
-- Name: held_artifacts held_artifacts_pkey; Type: CONSTRAINT; Schema: pra_store; Owner: pra_owner
--

ALTER TABLE ONLY pra_store.held_artifacts
    ADD CONSTRAINT held_artifacts_pkey PRIMARY KEY (worker_id, sha256);


--
-- Name: identity identity_pkey; Type: CONSTRAINT; Schema: pra_store; Owner: pra_owner
--

ALTER TABLE ONLY pra_store.identity
    ADD CONSTRAINT identity_pkey PRIMARY KEY (is_one);


--
-- Name: image_sets image_sets_pkey; Type: CONSTRAINT; Schema: pra_store; Owner: pra_owner
--

ALTER TABLE ONLY pra_store.image_sets
    ADD CONSTRAINT image_sets_pkey PRIMARY KEY (job_id);


--
-- Name: images images_pkey; Type: CONSTRAINT; Schema: pra_store; Owner: pra_owner
--

ALTER TABLE ONLY pra_store.images
    ADD CONSTRAINT images_pkey PRIMARY KEY (job_id, number);


--
-- Name: job_dependencies job_dependencies_pkey; Type: CONSTRAINT; Schema: pra_store; Owner: pra_owner
--

ALTER TABLE ONLY pra_store.job_dependencies
    ADD CONSTRAINT job_dependencies_pkey PRIMARY KEY (job_id, parent_id);


--
-- Name: job_outputs job_outputs_pkey; Type: CONSTRAINT; Schema: pra_store; Owner: pra_owner
--

ALTER TABLE ONLY pra_store.job_outputs
    ADD CONSTRAINT job_outputs_pkey PRIMARY KEY (job_id, name);


--
-- Name: jobs jobs_idempotency_key_key; Type: CONSTRAINT; Schema: pra_store; Owner: pra_owner
--

ALTER TABLE ONLY pra_store.jobs
    ADD CONSTRAINT jobs_idempotency_key_key UNIQUE (idempotency_key);


--
-- Name: jobs jobs_pkey; Type: CONSTRAINT; Schema: pra_store; Owner: pra_owner
--

ALTER TABLE ONLY pra_store.jobs
    ADD CONSTRAINT jobs_pkey PRIMARY KEY (id);


--
-- Name: kept_results kept_results_pkey; Type: CONSTRAINT; Schema: pra_store; Owner: pra_owner
--

ALTER TABLE ONLY pra_store.kept_results
    ADD CONSTRAINT kept_results_pkey PRIMARY KEY (source, what);


--
-- Name: keys keys_pkey; Type: CONSTRAINT; Schema: pra_store; Owner: pra_owner
--

ALTER TABLE ONLY pra_store.keys
    ADD CONSTRAINT keys_pkey PRIMARY KEY (key);


--
-- Name: kinds kinds_pkey; Type: CONSTRAINT; Schema: pra_store; Owner: pra_owner
--

ALTER TABLE ONLY pra_store.kinds
    ADD CONSTRAINT kinds_pkey PRIMARY KEY (kind);


--
-- Name: lanes lanes_pkey; Type: CONSTRAINT; Schema: pra_store; Owner: pra_owner
--

ALTER TABLE ONLY pra_store.lanes
    ADD CONSTRAINT lanes_pkey PRIMARY KEY (id);


--
-- Name: lanes lanes_run_id_queue_kind_key_key; Type: CONSTRAINT; Schema: pra_store; Owner: pra_owner
--

ALTER TABLE ONLY pra_store.lanes
    ADD CONSTRAINT lanes_run_id_queue_kind_key_key UNIQUE (run_id, queue, kind, key);


--
-- Name: limits limits_pkey; Type: CONSTRAINT; Schema: pra_store; Owner: pra_owner
--

ALTER TABLE ONLY pra_store.limits
    ADD CONSTRAINT limits_pkey PRIMARY KEY (name);


--
-- Name: log_chunks log_chunks_pkey; Type: CONSTRAINT; Schema: pra_store; Owner: pra_owner
--

ALTER TABLE ONLY pra_store.log_chunks
    ADD CONSTRAINT log_chunks_pkey PRIMARY KEY (job_id, epoch, ordinal);


--
-- Name: metric_names metric_names_name_key; Type: CONSTRAINT; Schema: pra_store; Owner: pra_owner
--

ALTER TABLE ONLY pra_store.metric_names
    ADD CONSTRAINT metric_names_name_key UNIQUE (name);


--
-- Name: metric_names metric_names_pkey; Type: CONSTRAINT; Schema: pra_store; Owner: pra_owner
--

ALTER TABLE ONLY pra_store.metric_names
    ADD CONSTRAINT metric_names_pkey PRIMARY KEY (id);


--
-- Name: metric_ranges metric_ranges_pkey; Type: CONSTRAINT; Schema: pra_store; Owner: pra_owner
--

ALTER TABLE ONLY pra_store.metric_ranges
    ADD CONSTRAINT metric_ranges_pkey PRIMARY KEY (job_id, epoch);


--
-- Name: metric_rollups metric_rollups_pkey; Type: CONSTRAINT; Schema: pra_store; Owner: pra_owner
--

ALTER TABLE ONLY pra_store.metric_rollups
    ADD CONSTRAINT metric_rollups_pkey PRIMARY KEY (job_id, name_id, bucket);


--
-- Name: metric_summaries metric_summaries_pkey; Type: CONSTRAINT; Schema: pra_store; Owner: pra_owner
--

ALTER TABLE ONLY pra_store.metric_summaries
    ADD CONSTRAINT metric_summaries_pkey PRIMARY KEY (job_id, name_id);


--
-- Name: migrations migrations_pkey; Type: CONSTRAINT; Schema: pra_store; Owner: pra_owner
--

ALTER TABLE ONLY pra_store.migrations
    ADD CONSTRAINT migrations_pkey PRIMARY KEY (version);


--
-- Name: multipart_uploads multipart_uploads_pkey; Type: CONSTRAINT; Schema: pra_store; Owner: pra_owner
--

ALTER TABLE ONLY pra_store.multipart_uploads
    ADD CONSTRAINT multipart_uploads_pkey PRIMARY KEY (store_id, sha256, copy, upload);


--
-- Name: objects objects_pkey; Type: CONSTRAINT; Schema: pra_store; Owner: pra_owner
--

ALTER TABLE ONLY pra_store.objects
    ADD CONSTRAINT objects_pkey PRIMARY KEY (store_id, sha256, copy);


--
-- Name: pending_artifacts pending_artifacts_pkey; Type: CONSTRAINT; Schema: pra_store; Owner: pra_owner
--

ALTER TABLE ONLY pra_store.pending_artifacts
    ADD CONSTRAINT pending_artifacts_pkey PRIMARY KEY (job_id, epoch, sha256);


--
-- Name: preemptions preemptions_job_id_epoch_key; Type: CONSTRAINT; Schema: pra_store; Owner: pra_owner
--

ALTER TABLE ONLY pra_store.preemptions
    ADD CONSTRAINT preemptions_job_id_epoch_key UNIQUE (job_id, epoch);


--
-- Name: preemptions preemptions_pkey; Type: CONSTRAINT; Schema: pra_store; Owner: pra_owner
--

ALTER TABLE ONLY pra_store.preemptions
    ADD CONSTRAINT preemptions_pkey PRIMARY KEY (id);


--
-- Name: progress progress_pkey; Type: CONSTRAINT; Schema: pra_store; Owner: pra_owner
--

ALTER TABLE ONLY pra_store.progress
    ADD CONSTRAINT progress_pkey PRIMARY KEY (job_id);


--
-- Name: queues queues_pkey; Type: CONSTRAINT; Schema: pra_store; Owner: pra_owner
--

ALTER TABLE ONLY pra_store.queues
    ADD CONSTRAINT queues_pkey PRIMARY KEY (name);


--
-- Name: runs runs_idempotency_key_key; Type: CONSTRAINT; Schema: pra_store; Owner: pra_owner
--

ALTER TABLE ONLY pra_store.runs
    ADD CONSTRAINT runs_idempotency_key_key UNIQUE (idempotency_key);


--
-- Name: runs runs_pkey; Type: CONSTRAINT; Schema: pra_store; Owner: pra_owner
--

ALTER TABLE ONLY pra_store.runs
    ADD CONSTRAINT runs_pkey PRIMARY KEY (id);


--
-- Name: schedules schedules_pkey; Type: CONSTRAINT; Schema: pra_store; Owner: pra_owner
--

ALTER TABLE ONLY pra_store.schedules
    ADD CONSTRAINT schedules_pkey PRIMARY KEY (name);


--
-- Name: schema_files schema_files_pkey; Type: CONSTRAINT; Schema: pra_store; Owner: pra_owner
--

ALTER TABLE ONLY pra_store.schema_files
    ADD CONSTRAINT schema_files_pkey PRIMARY KEY (path);


--
-- Name: schema_objects schema_objects_pkey; Type: CONSTRAINT; Schema: pra_store; Owner: pra_owner
--

ALTER TABLE ONLY pra_store.schema_objects
    ADD CONSTRAINT schema_objects_pkey PRIMARY KEY (object);


--
-- Name: stores stores_pkey; Type: CONSTRAINT; Schema: pra_store; Owner: pra_owner
--

ALTER TABLE ONLY pra_store.stores
    ADD CONSTRAINT stores_pkey PRIMARY KEY (id);


--
-- Name: stores stores_place_key; Type: CONSTRAINT; Schema: pra_store; Owner: pra_owner
--

ALTER TABLE ONLY pra_store.stores
    ADD CONSTRAINT stores_place_key UNIQUE (place);


--
-- Name: sweep_runs sweep_runs_pkey; Type: CONSTRAINT; Schema: pra_store; Owner: pra_owner
--

ALTER TABLE ONLY pra_store.sweep_runs
    ADD CONSTRAINT sweep_runs_pkey PRIMARY KEY (sweep_id, run_id);


--
-- Name: sweeps sweeps_pkey; Type: CONSTRAINT; Schema: pra_store; Owner: pra_owner
--

ALTER TABLE ONLY pra_store.sweeps
    ADD CONSTRAINT sweeps_pkey PRIMARY KEY (id);


--
-- Name: turns turns_pkey; Type: CONSTRAINT; Schema: pra_store; Owner: pra_owner
--

ALTER TABLE ONLY pra_store.turns
    ADD CONSTRAINT turns_pkey PRIMARY KEY (number);


--
-- Name: upkeep upkeep_pkey; Type: CONSTRAINT; Schema: pra_store; Owner: pra_owner
--

ALTER TABLE ONLY pra_store.upkeep
    ADD CONSTRAINT upkeep_pkey PRIMARY KEY (is_only);


--
-- Name: uploads uploads_pkey; Type: CONSTRAINT; Schema: pra_store; Owner: pra_owner
--

ALTER TABLE ONLY pra_store.uploads
    ADD CONSTRAINT uploads_pkey PRIMARY KEY (id);


--
-- Name: users users_pkey; Type: CONSTRAINT; Schema: pra_store; Owner: pra_owner
--

ALTER TABLE ONLY pra_store.users
    ADD CONSTRAINT users_pkey PRIMARY KEY (name);


--
-- Name: variants variants_pkey; Type: CONSTRAINT; Schema: pra_store; Owner: pra_owner
--

ALTER TABLE ONLY pra_store.variants
    ADD CONSTRAINT variants_pkey PRIMARY KEY (job_id);


--
-- Name: workers workers_pkey; Type: CONSTRAINT; Schema: pra_store; Owner: pra_owner
--

ALTER TABLE ONLY pra_store.workers
    ADD CONSTRAINT workers_pkey PRIMARY KEY (id);


--
-- Name: artifacts_of_size; Type: INDEX; Schema: pra_store; Owner: pra_owner
--

CREATE INDEX artifacts_of_size ON pra_store.artifacts USING btree (size);


--
-- Name: artifacts_suspect; Type: INDEX; Schema: pra_store; Owner: pra_owner
--

CREATE INDEX artifacts_suspect ON pra_store.artifacts USING btree (sha256) WHERE (suspect_at IS NOT NULL);


--
-- Name: attempts_of_worker; Type: INDEX; Schema: pra_store; Owner: pra_owner
--

CREATE INDEX attempts_of_worker ON pra_store.attempts USING btree (worker_id, started_at);


--
-- Name: checkpoint_files_by_artifact; Type: INDEX; Schema: pra_store; Owner: pra_owner
--

CREATE INDEX checkpoint_files_by_artifact ON pra_store.checkpoint_files USING btree (sha256);


--
-- Name: events_by_job; Type: INDEX; Schema: pra_store; Owner: pra_owner
--

CREATE INDEX events_by_job ON ONLY pra_store.events USING btree (job_id, id);


--
-- Name: events_by_run; Type: INDEX; Schema: pra_store; Owner: pra_owner
--

CREATE INDEX events_by_run ON ONLY pra_store.events USING btree (run_id, id);


--
-- Name: events_of_worker; Type: INDEX; Schema: pra_store; Owner: pra_owner
--

CREATE INDEX events_of_worker ON ONLY pra_store.events USING btree (worker_id, at) WHERE (kind = ANY (ARRAY['attempt.succeeded'::text, 'batch.succeeded'::text]));


--
-- Name: events_other_job_id_id_idx; Type: INDEX; Schema: pra_store; Owner: pra_owner
--

CREATE INDEX events_other_job_id_id_idx ON pra_store.events_other USING btree (job_id, id);


--
-- Name: events_other_run_id_id_idx; Type: INDEX; Schema: pra_store; Owner: pra_owner
--

CREATE INDEX events_other_run_id_id_idx ON pra_store.events_other USING btree (run_id, id);


--
-- Name: events_other_worker_id_at_idx; Type: INDEX; Schema: pra_store; Owner: pra_owner
--

CREATE INDEX events_other_worker_id_at_idx ON pra_store.events_other USING btree (worker_id, at) WHERE (kind = ANY (ARRAY['attempt.succeeded'::text, 'batch.succeeded'::text]));


--
-- Name: exports_by_job; Type: INDEX; Schema: pra_store; Owner: pra_owner
--

CREATE INDEX exports_by_job ON pra_store.exports USING btree (job_id);


--
-- Name: held_artifacts_by_digest; Type: INDEX; Schema: pra_store; Owner: pra_owner
--

CREATE INDEX held_artifacts_by_digest ON pra_store.held_artifacts USING btree (sha256);


--
-- Name: image_sets_by_artifact; Type: INDEX; Schema: pra_store; Owner: pra_owner
--

CREATE INDEX image_sets_by_artifact ON pra_store.image_sets USING btree (sha256);


--
-- Name: images_by_artifact; Type: INDEX; Schema: pra_store; Owner: pra_owner
--

CREATE INDEX images_by_artifact ON pra_store.images USING btree (sha256);


--
-- Name: job_dependencies_by_parent; Type: INDEX; Schema: pra_store; Owner: pra_owner
--

CREATE INDEX job_dependencies_by_parent ON pra_store.job_dependencies USING btree (parent_id);


--
-- Name: job_outputs_by_artifact; Type: INDEX; Schema: pra_store; Owner: pra_owner
--

CREATE INDEX job_outputs_by_artifact ON pra_store.job_outputs USING btree (sha256);


--
-- Name: jobs_arrays; Type: INDEX; Schema: pra_store; Owner: pra_owner
--

CREATE INDEX jobs_arrays ON pra_store.jobs USING btree (id) WHERE ((array_first IS NOT NULL) AND (state = ANY (ARRAY['ready'::pra.job_state, 'running'::pra.job_state])));


--
-- Name: jobs_by_run; Type: INDEX; Schema: pra_store; Owner: pra_owner
--

CREATE INDEX jobs_by_run ON pra_store.jobs USING btree (run_id, id);


--
-- Name: jobs_cut; Type: INDEX; Schema: pra_store; Owner: pra_owner
--

CREATE INDEX jobs_cut ON pra_store.jobs USING btree (array_id, element_end) WHERE (array_id IS NOT NULL);


--
-- Name: jobs_cut_unfinished; Type: INDEX; Schema: pra_store; Owner: pra_owner
--

CREATE INDEX jobs_cut_unfinished ON pra_store.jobs USING btree (array_id, state) WHERE ((array_id IS NOT NULL) AND (state <> 'succeeded'::pra.job_state));


--
-- Name: jobs_deadlines; Type: INDEX; Schema: pra_store; Owner: pra_owner
--

CREATE INDEX jobs_deadlines ON pra_store.jobs USING btree (deadline) WHERE ((deadline IS NOT NULL) AND (state = ANY (ARRAY['blocked'::pra.job_state, 'ready'::pra.job_state])));


--
-- Name: jobs_delayed; Type: INDEX; Schema: pra_store; Owner: pra_owner
--

CREATE INDEX jobs_delayed ON pra_store.jobs USING btree (run_after) WHERE ((state = 'ready'::pra.job_state) AND (NOT due));


--
-- Name: jobs_followers; Type: INDEX; Schema: pra_store; Owner: pra_owner
--

CREATE INDEX jobs_followers ON pra_store.jobs USING btree (follows_id) WHERE (follows_id IS NOT NULL);


--
-- Name: jobs_gangs; Type: INDEX; Schema: pra_store; Owner: pra_owner
--

CREATE INDEX jobs_gangs ON pra_store.jobs USING btree (place, id) WHERE (gang AND (state = 'ready'::pra.job_state) AND due);


--
-- Name: jobs_ingest; Type: INDEX; Schema: pra_store; Owner: pra_owner
--

CREATE INDEX jobs_ingest ON pra_store.jobs USING btree (id, ((arguments ->> 'source'::text))) WHERE (kind = 'ingest'::text);


--
-- Name: jobs_line; Type: INDEX; Schema: pra_store; Owner: pra_owner
--

CREATE INDEX jobs_line ON pra_store.jobs USING btree (lane_id, place, id) INCLUDE (array_id, epoch, gang) WHERE ((state = 'ready'::pra.job_state) AND due);


--
-- Name: jobs_needing_room; Type: INDEX; Schema: pra_store; Owner: pra_owner
--

CREATE INDEX jobs_needing_room ON pra_store.jobs USING btree (lane_id) WHERE ((room_needed IS NOT NULL) AND (state = 'ready'::pra.job_state));


--
-- Name: jobs_not_passed; Type: INDEX; Schema: pra_store; Owner: pra_owner
--

CREATE INDEX jobs_not_passed ON pra_store.jobs USING btree (run_id, id) WHERE (state = ANY (ARRAY['blocked'::pra.job_state, 'failed'::pra.job_state, 'cancelled'::pra.job_state, 'quarantined'::pra.job_state]));


--
-- Name: jobs_previews; Type: INDEX; Schema: pra_store; Owner: pra_owner
--

CREATE INDEX jobs_previews ON pra_store.jobs USING btree (run_id) WHERE (preview_of IS NOT NULL);


--
-- Name: jobs_running; Type: INDEX; Schema: pra_store; Owner: pra_owner
--

CREATE INDEX jobs_running ON pra_store.jobs USING btree (worker_id, id) WHERE (state = 'running'::pra.job_state);


--
-- Name: kept_results_by_artifact; Type: INDEX; Schema: pra_store; Owner: pra_owner
--

CREATE INDEX kept_results_by_artifact ON pra_store.kept_results USING btree (sha256);


--
-- Name: limit_slots_free; Type: INDEX; Schema: pra_store; Owner: pra_owner
--

CREATE UNIQUE INDEX limit_slots_free ON pra_store.limit_slots USING btree (limit_name, ordinal) WHERE (job_id IS NULL);


--
-- Name: limit_slots_held; Type: INDEX; Schema: pra_store; Owner: pra_owner
--

CREATE UNIQUE INDEX limit_slots_held ON pra_store.limit_slots USING btree (job_id, limit_name) WHERE (job_id IS NOT NULL);


--
-- Name: metric_staging_by_token; Type: INDEX; Schema: pra_store; Owner: pra_owner
--

CREATE INDEX metric_staging_by_token ON pra_store.metric_staging USING btree (token, batch);


--
-- Name: metrics_by_series; Type: INDEX; Schema: pra_store; Owner: pra_owner
--

CREATE INDEX metrics_by_series ON ONLY pra_store.metrics USING btree (job_id, name_id, step);


--
-- Name: objects_by_artifact; Type: INDEX; Schema: pra_store; Owner: pra_owner
--

CREATE INDEX objects_by_artifact ON pra_store.objects USING btree (sha256);


--
-- Name: objects_dropped; Type: INDEX; Schema: pra_store; Owner: pra_owner
--

CREATE INDEX objects_dropped ON pra_store.objects USING btree (dropped_by) WHERE (dropped_by IS NOT NULL);


--
-- Name: objects_in_work; Type: INDEX; Schema: pra_store; Owner: pra_owner
--

CREATE INDEX objects_in_work ON pra_store.objects USING btree (state) WHERE (state <> 'stored'::text);


--
-- Name: one_store_is_current; Type: INDEX; Schema: pra_store; Owner: pra_owner
--

CREATE UNIQUE INDEX one_store_is_current ON pra_store.stores USING btree (is_current) WHERE is_current;


--
-- Name: pending_artifacts_by_artifact; Type: INDEX; Schema: pra_store; Owner: pra_owner
--

CREATE INDEX pending_artifacts_by_artifact ON pra_store.pending_artifacts USING btree (sha256);


--
-- Name: preemptions_open; Type: INDEX; Schema: pra_store; Owner: pra_owner
--

CREATE INDEX preemptions_open ON pra_store.preemptions USING btree (deadline) WHERE (released_at IS NULL);


--
-- Name: runs_by_data; Type: INDEX; Schema: pra_store; Owner: pra_owner
--

CREATE INDEX runs_by_data ON pra_store.runs USING btree (data_job);


--
-- Name: runs_by_name; Type: INDEX; Schema: pra_store; Owner: pra_owner
--

CREATE INDEX runs_by_name ON pra_store.runs USING btree (name);


--
-- Name: runs_deleted; Type: INDEX; Schema: pra_store; Owner: pra_owner
--

CREATE INDEX runs_deleted ON pra_store.runs USING btree (deleted_at) WHERE (deleted_at IS NOT NULL);


--
-- Name: sweep_runs_by_run; Type: INDEX; Schema: pra_store; Owner: pra_owner
--

CREATE INDEX sweep_runs_by_run ON pra_store.sweep_runs USING btree (run_id);


--
-- Name: sweeps_by_name; Type: INDEX; Schema: pra_store; Owner: pra_owner
--

CREATE INDEX sweeps_by_name ON pra_store.sweeps USING btree (name);


--
-- Name: turns_of_owner; Type: INDEX; Schema: pra_store; Owner: pra_owner
--

CREATE INDEX turns_of_owner ON pra_store.turns USING btree (owner, number);


--
-- Name: turns_of_run; Type: INDEX; Schema: pra_store; Owner: pra_owner
--

CREATE INDEX turns_of_run ON pra_store.turns USING btree (run_id, number);


--
-- Name: uploads_by_artifact; Type: INDEX; Schema: pra_store; Owner: pra_owner
--

CREATE INDEX uploads_by_artifact ON pra_store.uploads USING btree (sha256);


--
-- Name: workers_live; Type: INDEX; Schema: pra_store; Owner: pra_owner
--

CREATE INDEX workers_live ON pra_store.workers USING btree (id) WHERE (stopped_at IS NULL);


--
-- Name: events_other_job_id_id_idx; Type: INDEX ATTACH; Schema: pra_store; Owner: pra_owner
--

ALTER INDEX pra_store.events_by_job ATTACH PARTITION pra_store.events_other_job_id_id_idx;


--
-- Name: events_other_pkey; Type: INDEX ATTACH; Schema: pra_store; Owner: pra_owner
--

ALTER INDEX pra_store.events_pkey ATTACH PARTITION pra_store.events_other_pkey;


--
-- Name: events_other_run_id_id_idx; Type: INDEX ATTACH; Schema: pra_store; Owner: pra_owner
--

ALTER INDEX pra_store.events_by_run ATTACH PARTITION pra_store.events_other_run_id_id_idx;


--
-- Name: events_other_worker_id_at_idx; Type: INDEX ATTACH; Schema: pra_store; Owner: pra_owner
--

ALTER INDEX pra_store.events_of_worker ATTACH PARTITION pra_store.events_other_worker_id_at_idx;


--
-- Name: limits _RETURN; Type: RULE; Schema: pra; Owner: pra_owner
--

CREATE OR REPLACE VIEW pra.limits AS
 SELECT l.name,
    l.slots,
    count(s.job_id) AS taken,
    array_agg(s.job_id ORDER BY s.taken_at) FILTER (WHERE (s.job_id IS NOT NULL)) AS held_by,
    l.created_at
   FROM (pra_store.limits l
     LEFT JOIN pra_store.limit_slots s ON ((s.limit_name = l.name)))
  GROUP BY l.name;


--
-- Name: queues _RETURN; Type: RULE; Schema: pra; Owner: pra_owner
--

CREATE OR REPLACE VIEW pra.queues AS
 SELECT q.name,
    q.paused_at,
    count(*) FILTER (WHERE (j.state = 'blocked'::pra.job_state)) AS blocked,
    count(*) FILTER (WHERE ((j.state = 'ready'::pra.job_state) AND (j.run_after <= statement_timestamp()))) AS ready,
    count(*) FILTER (WHERE ((j.state = 'ready'::pra.job_state) AND (j.run_after > statement_timestamp()))) AS delayed,
    count(*) FILTER (WHERE (j.state = 'running'::pra.job_state)) AS running,
    min(j.run_after) FILTER (WHERE ((j.state = 'ready'::pra.job_state) AND (j.run_after <= statement_timestamp()))) AS oldest_ready_at,
    q.created_at
   FROM (pra_store.queues q
     LEFT JOIN pra_store.jobs j ON (((j.queue = q.name) AND (j.state = ANY (ARRAY['blocked'::pra.job_state, 'ready'::pra.job_state, 'running'::pra.job_state])))))
  GROUP BY q.name;


--
-- Name: stores _RETURN; Type: RULE; Schema: pra; Owner: pra_owner
--

CREATE OR REPLACE VIEW pra.stores AS
 SELECT s.location,
    s.is_current,
    count(a.sha256) AS artifacts,
    (COALESCE(sum(a.size), (0)::numeric))::bigint AS bytes,
    s.created_at,
    s.id,
    s.mark,
    s.marked_at
   FROM (pra_store.stores s
     LEFT JOIN pra_store.artifacts a ON ((a.store_id = s.id)))
  GROUP BY s.id
UNION ALL
 SELECT 'database'::text AS location,
    (NOT (EXISTS ( SELECT
           FROM pra_store.stores
          WHERE stores.is_current))) AS is_current,
    count(*) AS artifacts,
    (COALESCE(sum(artifacts.size), (0)::numeric))::bigint AS bytes,
    NULL::timestamp with time zone AS created_at,
    NULL::integer AS id,
    NULL::uuid AS mark,
    NULL::timestamp with time zone AS marked_at
   FROM pra_store.artifacts
  WHERE (num_nonnulls(artifacts.bytes, artifacts.upload_id) = 1);


--
-- Name: metric_staging admit_staged; Type: TRIGGER; Schema: pra_store; Owner: pra_owner
--

CREATE TRIGGER admit_staged BEFORE INSERT ON pra_store.metric_staging FOR EACH ROW EXECUTE FUNCTION pra_store.admit_staged();


--
-- Name: jobs after_attempt; Type: TRIGGER; Schema: pra_store; Owner: pra_owner
--

CREATE TRIGGER after_attempt AFTER UPDATE ON pra_store.jobs FOR EACH ROW WHEN (((old.state IS DISTINCT FROM new.state) AND (((old.state = 'running'::pra.job_state) AND (new.limits <> '{}'::text[])) OR ((new.array_id IS NOT NULL) AND ((old.state = 'running'::pra.job_state) OR (new.state = ANY (ARRAY['failed'::pra.job_state, 'cancelled'::pra.job_state, 'quarantined'::pra.job_state]))))) AND (NOT (new.batched AND (new.state = 'succeeded'::pra.job_state))))) EXECUTE FUNCTION pra_store.after_attempt();


--
-- Name: workers forget_held; Type: TRIGGER; Schema: pra_store; Owner: pra_owner
--

CREATE TRIGGER forget_held AFTER UPDATE OF stopped_at ON pra_store.workers FOR EACH ROW WHEN ((new.stopped_at IS NOT NULL)) EXECUTE FUNCTION pra_store.forget_held();


--
-- Name: jobs give_lane; Type: TRIGGER; Schema: pra_store; Owner: pra_owner
--

CREATE TRIGGER give_lane BEFORE INSERT ON pra_store.jobs FOR EACH ROW WHEN ((new.lane_id IS NULL)) EXECUTE FUNCTION pra_store.give_lane();


--
-- Name: checkpoints note_checkpoint; Type: TRIGGER; Schema: pra_store; Owner: pra_owner
--

CREATE TRIGGER note_checkpoint AFTER INSERT ON pra_store.checkpoints FOR EACH ROW EXECUTE FUNCTION pra_store.note_checkpoint();


--
-- Name: attempts note_crash; Type: TRIGGER; Schema: pra_store; Owner: pra_owner
--

CREATE TRIGGER note_crash AFTER UPDATE ON pra_store.attempts FOR EACH ROW WHEN (pra_store.is_crash(new.outcome, new.cause, new.exit_signal)) EXECUTE FUNCTION pra_store.note_crash();


--
-- Name: workers prepare_events; Type: TRIGGER; Schema: pra_store; Owner: pra_owner
--

CREATE TRIGGER prepare_events AFTER INSERT ON pra_store.workers FOR EACH STATEMENT EXECUTE FUNCTION pra_store.prepare_events();


--
-- Name: metric_names set_better; Type: TRIGGER; Schema: pra_store; Owner: pra_owner
--

CREATE TRIGGER set_better BEFORE INSERT ON pra_store.metric_names FOR EACH ROW EXECUTE FUNCTION pra_store.set_better();


--
-- Name: artifact_chunks artifact_chunks_upload_id_fkey; Type: FK CONSTRAINT; Schema: pra_store; Owner: pra_owner
--

ALTER TABLE ONLY pra_store.artifact_chunks
    ADD CONSTRAINT artifact_chunks_upload_id_fkey FOREIGN KEY (upload_id) REFERENCES pra_store.uploads(id);


--
-- Name: artifacts artifacts_store_id_fkey; Type: FK CONSTRAINT; Schema: pra_store; Owner: pra_owner
--

ALTER TABLE ONLY pra_store.artifacts
    ADD CONSTRAINT artifacts_store_id_fkey FOREIGN KEY (store_id) REFERENCES pra_store.stores(id);


--
-- Name: artifacts artifacts_upload_id_fkey; Type: FK CONSTRAINT; Schema: pra_store; Owner: pra_owner
--

ALTER TABLE ONLY pra_store.artifacts
    ADD CONSTRAINT artifacts_upload_id_fkey FOREIGN KEY (upload_id) REFERENCES pra_store.uploads(id);


--
-- Name: attempts attempts_job_id_continues_epoch_fkey; Type: FK CONSTRAINT; Schema: pra_store; Owner: pra_owner
--

ALTER TABLE ONLY pra_store.attempts
    ADD CONSTRAINT attempts_job_id_continues_epoch_fkey FOREIGN KEY (job_id, continues_epoch) REFERENCES pra_store.attempts(job_id, epoch);


--
-- Name: checkpoint_files checkpoint_files_checkpoint_id_fkey; Type: FK CONSTRAINT; Schema: pra_store; Owner: pra_owner
--

ALTER TABLE ONLY pra_store.checkpoint_files
    ADD CONSTRAINT checkpoint_files_checkpoint_id_fkey FOREIGN KEY (checkpoint_id) REFERENCES pra_store.checkpoints(id);


--
-- Name: checkpoint_files checkpoint_files_sha256_fkey; Type: FK CONSTRAINT; Schema: pra_store; Owner: pra_owner
--

ALTER TABLE ONLY pra_store.checkpoint_files
    ADD CONSTRAINT checkpoint_files_sha256_fkey FOREIGN KEY (sha256) REFERENCES pra_store.artifacts(sha256);


--
-- Name: checkpoints checkpoints_job_id_fkey; Type: FK CONSTRAINT; Schema: pra_store; Owner: pra_owner
--

ALTER TABLE ONLY pra_store.checkpoints
    ADD CONSTRAINT checkpoints_job_id_fkey FOREIGN KEY (job_id) REFERENCES pra_store.jobs(id);


--
-- Name: evaluations evaluations_job_id_fkey; Type: FK CONSTRAINT; Schema: pra_store; Owner: pra_owner
--

ALTER TABLE ONLY pra_store.evaluations
    ADD CONSTRAINT evaluations_job_id_fkey FOREIGN KEY (job_id) REFERENCES pra_store.jobs(id);


--
-- Name: exports exports_job_id_fkey; Type: FK CONSTRAINT; Schema: pra_store; Owner: pra_owner
--

ALTER TABLE ONLY pra_store.exports
    ADD CONSTRAINT exports_job_id_fkey FOREIGN KEY (job_id) REFERENCES pra_store.jobs(id) ON DELETE CASCADE;


--
-- Name: gang_meetings gang_meetings_gang_id_fkey; Type: FK CONSTRAINT; Schema: pra_store; Owner: pra_owner
--

ALTER TABLE ONLY pra_store.gang_meetings
    ADD CONSTRAINT gang_meetings_gang_id_fkey FOREIGN KEY (gang_id) REFERENCES pra_store.jobs(id);


--
-- Name: gang_meetings gang_meetings_job_id_fkey; Type: FK CONSTRAINT; Schema: pra_store; Owner: pra_owner
--

ALTER TABLE ONLY pra_store.gang_meetings
    ADD CONSTRAINT gang_meetings_job_id_fkey FOREIGN KEY (job_id) REFERENCES pra_store.jobs(id);


--
-- Name: held_artifacts held_artifacts_worker_id_fkey; Type: FK CONSTRAINT; Schema: pra_store; Owner: pra_owner
--

ALTER TABLE ONLY pra_store.held_artifacts
    ADD CONSTRAINT held_artifacts_worker_id_fkey FOREIGN KEY (worker_id) REFERENCES pra_store.workers(id);


--
-- Name: image_sets image_sets_job_id_fkey; Type: FK CONSTRAINT; Schema: pra_store; Owner: pra_owner
--

ALTER TABLE ONLY pra_store.image_sets
    ADD CONSTRAINT image_sets_job_id_fkey FOREIGN KEY (job_id) REFERENCES pra_store.jobs(id);


--
-- Name: image_sets image_sets_sha256_fkey; Type: FK CONSTRAINT; Schema: pra_store; Owner: pra_owner
--

ALTER TABLE ONLY pra_store.image_sets
    ADD CONSTRAINT image_sets_sha256_fkey FOREIGN KEY (sha256) REFERENCES pra_store.artifacts(sha256);


--
-- Name: images images_job_id_fkey; Type: FK CONSTRAINT; Schema: pra_store; Owner: pra_owner
--

ALTER TABLE ONLY pra_store.images
    ADD CONSTRAINT images_job_id_fkey FOREIGN KEY (job_id) REFERENCES pra_store.jobs(id);


--
-- Name: images images_sha256_fkey; Type: FK CONSTRAINT; Schema: pra_store; Owner: pra_owner
--

ALTER TABLE ONLY pra_store.images
    ADD CONSTRAINT images_sha256_fkey FOREIGN KEY (sha256) REFERENCES pra_store.artifacts(sha256);


--
-- Name: job_dependencies job_dependencies_job_id_fkey; Type: FK CONSTRAINT; Schema: pra_store; Owner: pra_owner
--

ALTER TABLE ONLY pra_store.job_dependencies
    ADD CONSTRAINT job_dependencies_job_id_fkey FOREIGN KEY (job_id) REFERENCES pra_store.jobs(id);


--
-- Name: job_dependencies job_dependencies_parent_id_fkey; Type: FK CONSTRAINT; Schema: pra_store; Owner: pra_owner
--

ALTER TABLE ONLY pra_store.job_dependencies
    ADD CONSTRAINT job_dependencies_parent_id_fkey FOREIGN KEY (parent_id) REFERENCES pra_store.jobs(id);


--
-- Name: job_outputs job_outputs_job_id_fkey; Type: FK CONSTRAINT; Schema: pra_store; Owner: pra_owner
--

ALTER TABLE ONLY pra_store.job_outputs
    ADD CONSTRAINT job_outputs_job_id_fkey FOREIGN KEY (job_id) REFERENCES pra_store.jobs(id);


--
-- Name: job_outputs job_outputs_sha256_fkey; Type: FK CONSTRAINT; Schema: pra_store; Owner: pra_owner
--

ALTER TABLE ONLY pra_store.job_outputs
    ADD CONSTRAINT job_outputs_sha256_fkey FOREIGN KEY (sha256) REFERENCES pra_store.artifacts(sha256);


--
-- Name: kept_results kept_results_sha256_fkey; Type: FK CONSTRAINT; Schema: pra_store; Owner: pra_owner
--

ALTER TABLE ONLY pra_store.kept_results
    ADD CONSTRAINT kept_results_sha256_fkey FOREIGN KEY (sha256) REFERENCES pra_store.artifacts(sha256);


--
-- Name: lanes lanes_queue_fkey; Type: FK CONSTRAINT; Schema: pra_store; Owner: pra_owner
--

ALTER TABLE ONLY pra_store.lanes
    ADD CONSTRAINT lanes_queue_fkey FOREIGN KEY (queue) REFERENCES pra_store.queues(name);


--
-- Name: lanes lanes_run_id_fkey; Type: FK CONSTRAINT; Schema: pra_store; Owner: pra_owner
--

ALTER TABLE ONLY pra_store.lanes
    ADD CONSTRAINT lanes_run_id_fkey FOREIGN KEY (run_id) REFERENCES pra_store.runs(id);


--
-- Name: limit_slots limit_slots_limit_name_fkey; Type: FK CONSTRAINT; Schema: pra_store; Owner: pra_owner
--

ALTER TABLE ONLY pra_store.limit_slots
    ADD CONSTRAINT limit_slots_limit_name_fkey FOREIGN KEY (limit_name) REFERENCES pra_store.limits(name);


--
-- Name: log_chunks log_chunks_job_id_epoch_fkey; Type: FK CONSTRAINT; Schema: pra_store; Owner: pra_owner
--

ALTER TABLE ONLY pra_store.log_chunks
    ADD CONSTRAINT log_chunks_job_id_epoch_fkey FOREIGN KEY (job_id, epoch) REFERENCES pra_store.attempts(job_id, epoch);


--
-- Name: metric_ranges metric_ranges_job_id_fkey; Type: FK CONSTRAINT; Schema: pra_store; Owner: pra_owner
--

ALTER TABLE ONLY pra_store.metric_ranges
    ADD CONSTRAINT metric_ranges_job_id_fkey FOREIGN KEY (job_id) REFERENCES pra_store.jobs(id);


--
-- Name: metric_summaries metric_summaries_job_id_fkey; Type: FK CONSTRAINT; Schema: pra_store; Owner: pra_owner
--

ALTER TABLE ONLY pra_store.metric_summaries
    ADD CONSTRAINT metric_summaries_job_id_fkey FOREIGN KEY (job_id) REFERENCES pra_store.jobs(id);


--
-- Name: metric_summaries metric_summaries_name_id_fkey; Type: FK CONSTRAINT; Schema: pra_store; Owner: pra_owner
--

ALTER TABLE ONLY pra_store.metric_summaries
    ADD CONSTRAINT metric_summaries_name_id_fkey FOREIGN KEY (name_id) REFERENCES pra_store.metric_names(id);


--
-- Name: multipart_uploads multipart_uploads_store_id_sha256_copy_fkey; Type: FK CONSTRAINT; Schema: pra_store; Owner: pra_owner
--

ALTER TABLE ONLY pra_store.multipart_uploads
    ADD CONSTRAINT multipart_uploads_store_id_sha256_copy_fkey FOREIGN KEY (store_id, sha256, copy) REFERENCES pra_store.objects(store_id, sha256, copy);


--
-- Name: objects objects_store_id_fkey; Type: FK CONSTRAINT; Schema: pra_store; Owner: pra_owner
--

ALTER TABLE ONLY pra_store.objects
    ADD CONSTRAINT objects_store_id_fkey FOREIGN KEY (store_id) REFERENCES pra_store.stores(id);


--
-- Name: preemptions preemptions_job_id_fkey; Type: FK CONSTRAINT; Schema: pra_store; Owner: pra_owner
--

ALTER TABLE ONLY pra_store.preemptions
    ADD CONSTRAINT preemptions_job_id_fkey FOREIGN KEY (job_id) REFERENCES pra_store.jobs(id);


--
-- Name: progress progress_job_id_fkey; Type: FK CONSTRAINT; Schema: pra_store; Owner: pra_owner
--

ALTER TABLE ONLY pra_store.progress
    ADD CONSTRAINT progress_job_id_fkey FOREIGN KEY (job_id) REFERENCES pra_store.jobs(id);


--
-- Name: runs runs_data_job_fkey; Type: FK CONSTRAINT; Schema: pra_store; Owner: pra_owner
--

ALTER TABLE ONLY pra_store.runs
    ADD CONSTRAINT runs_data_job_fkey FOREIGN KEY (data_job) REFERENCES pra_store.jobs(id) ON DELETE SET NULL;


--
-- Name: schedules schedules_run_id_fkey; Type: FK CONSTRAINT; Schema: pra_store; Owner: pra_owner
--

ALTER TABLE ONLY pra_store.schedules
    ADD CONSTRAINT schedules_run_id_fkey FOREIGN KEY (run_id) REFERENCES pra_store.runs(id);


--
-- Name: sweep_runs sweep_runs_run_id_fkey; Type: FK CONSTRAINT; Schema: pra_store; Owner: pra_owner
--

ALTER TABLE ONLY pra_store.sweep_runs
    ADD CONSTRAINT sweep_runs_run_id_fkey FOREIGN KEY (run_id) REFERENCES pra_store.runs(id);


--
-- Name: sweep_runs sweep_runs_sweep_id_fkey; Type: FK CONSTRAINT; Schema: pra_store; Owner: pra_owner
--

ALTER TABLE ONLY pra_store.sweep_runs
    ADD CONSTRAINT sweep_runs_sweep_id_fkey FOREIGN KEY (sweep_id) REFERENCES pra_store.sweeps(id) ON DELETE CASCADE;


--
-- Name: uploads uploads_job_id_fkey; Type: FK CONSTRAINT; Schema: pra_store; Owner: pra_owner
--

ALTER TABLE ONLY pra_store.uploads
    ADD CONSTRAINT uploads_job_id_fkey FOREIGN KEY (job_id) REFERENCES pra_store.jobs(id);


--
-- Name: variants variants_job_id_fkey; Type: FK CONSTRAINT; Schema: pra_store; Owner: pra_owner
--

ALTER TABLE ONLY pra_store.variants
    ADD CONSTRAINT variants_job_id_fkey FOREIGN KEY (job_id) REFERENCES pra_store.jobs(id) ON DELETE CASCADE;


--
-- Name: SCHEMA pra; Type: ACL; Schema: -; Owner: pra_owner
--

GRANT USAGE ON SCHEMA pra TO pra_submit;
GRANT USAGE ON SCHEMA pra TO pra_worker;
GRANT USAGE ON SCHEMA pra TO pra_read;


--
-- Name: SCHEMA pra_store; Type: ACL; Schema: -; Owner: pra_owner
--

GRANT USAGE ON SCHEMA pra_store TO pra_worker;


--
-- Name: TYPE attempt_outcome; Type: ACL; Schema: pra; Owner: pra_owner
--

REVOKE ALL ON TYPE pra.attempt_outcome FROM PUBLIC;
GRANT ALL ON TYPE pra.attempt_outcome TO pra_submit;
GRANT ALL ON TYPE pra.attempt_outcome TO pra_worker;
GRANT ALL ON TYPE pra.attempt_outcome TO pra_read;


--
-- Name: TYPE job_state; Type: ACL; Schema: pra; Owner: pra_owner
--

REVOKE ALL ON TYPE pra.job_state FROM PUBLIC;
GRANT ALL ON TYPE pra.job_state TO pra_submit;
GRANT ALL ON TYPE pra.job_state TO pra_worker;
GRANT ALL ON TYPE pra.job_state TO pra_read;


--
-- Name: TYPE barrier; Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON TYPE pra_store.barrier FROM PUBLIC;


--
-- Name: TYPE line_entry; Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON TYPE pra_store.line_entry FROM PUBLIC;


--
-- Name: TYPE line_view; Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON TYPE pra_store.line_view FROM PUBLIC;


--
-- Name: TYPE logical_name; Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON TYPE pra_store.logical_name FROM PUBLIC;


--
-- Name: FUNCTION absorb_metrics(job bigint, epoch bigint, batch bigint, token uuid); Type: ACL; Schema: pra; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra.absorb_metrics(job bigint, epoch bigint, batch bigint, token uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION pra.absorb_metrics(job bigint, epoch bigint, batch bigint, token uuid) TO pra_worker;


--
-- Name: FUNCTION active_runs(); Type: ACL; Schema: pra; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra.active_runs() FROM PUBLIC;
GRANT ALL ON FUNCTION pra.active_runs() TO pra_submit;
GRANT ALL ON FUNCTION pra.active_runs() TO pra_worker;
GRANT ALL ON FUNCTION pra.active_runs() TO pra_read;


--
-- Name: FUNCTION append_log(job bigint, epoch bigint, ordinal integer, bytes bytea, token uuid); Type: ACL; Schema: pra; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra.append_log(job bigint, epoch bigint, ordinal integer, bytes bytea, token uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION pra.append_log(job bigint, epoch bigint, ordinal integer, bytes bytea, token uuid) TO pra_worker;


--
-- Name: FUNCTION archive_run(run bigint, archived boolean); Type: ACL; Schema: pra; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra.archive_run(run bigint, archived boolean) FROM PUBLIC;
GRANT ALL ON FUNCTION pra.archive_run(run bigint, archived boolean) TO pra_submit;


--
-- Name: FUNCTION artifact_chunk(sha256 text, ordinal integer, upload bigint); Type: ACL; Schema: pra; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra.artifact_chunk(sha256 text, ordinal integer, upload bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION pra.artifact_chunk(sha256 text, ordinal integer, upload bigint) TO pra_submit;
GRANT ALL ON FUNCTION pra.artifact_chunk(sha256 text, ordinal integer, upload bigint) TO pra_worker;
GRANT ALL ON FUNCTION pra.artifact_chunk(sha256 text, ordinal integer, upload bigint) TO pra_read;


--
-- Name: FUNCTION artifact_copies(sha256 text); Type: ACL; Schema: pra; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra.artifact_copies(sha256 text) FROM PUBLIC;
GRANT ALL ON FUNCTION pra.artifact_copies(sha256 text) TO pra_submit;
GRANT ALL ON FUNCTION pra.artifact_copies(sha256 text) TO pra_worker;
GRANT ALL ON FUNCTION pra.artifact_copies(sha256 text) TO pra_read;


--
-- Name: FUNCTION artifact_range(sha256 text, place bigint, length bigint); Type: ACL; Schema: pra; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra.artifact_range(sha256 text, place bigint, length bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION pra.artifact_range(sha256 text, place bigint, length bigint) TO pra_submit;
GRANT ALL ON FUNCTION pra.artifact_range(sha256 text, place bigint, length bigint) TO pra_worker;
GRANT ALL ON FUNCTION pra.artifact_range(sha256 text, place bigint, length bigint) TO pra_read;


--
-- Name: FUNCTION artifact_uses(sha256 text); Type: ACL; Schema: pra; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra.artifact_uses(sha256 text) FROM PUBLIC;
GRANT ALL ON FUNCTION pra.artifact_uses(sha256 text) TO pra_submit;
GRANT ALL ON FUNCTION pra.artifact_uses(sha256 text) TO pra_worker;
GRANT ALL ON FUNCTION pra.artifact_uses(sha256 text) TO pra_read;


--
-- Name: FUNCTION begin_artifact(job bigint, epoch bigint, sha256 text, size bigint, media_type text, token uuid); Type: ACL; Schema: pra; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra.begin_artifact(job bigint, epoch bigint, sha256 text, size bigint, media_type text, token uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION pra.begin_artifact(job bigint, epoch bigint, sha256 text, size bigint, media_type text, token uuid) TO pra_worker;


--
-- Name: FUNCTION begin_object(job bigint, epoch bigint, sha256 text, size bigint, token uuid); Type: ACL; Schema: pra; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra.begin_object(job bigint, epoch bigint, sha256 text, size bigint, token uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION pra.begin_object(job bigint, epoch bigint, sha256 text, size bigint, token uuid) TO pra_worker;


--
-- Name: FUNCTION begin_submission(sha256 text, size bigint, media_type text); Type: ACL; Schema: pra; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra.begin_submission(sha256 text, size bigint, media_type text) FROM PUBLIC;
GRANT ALL ON FUNCTION pra.begin_submission(sha256 text, size bigint, media_type text) TO pra_submit;


--
-- Name: FUNCTION begin_submitted_object(sha256 text, size bigint); Type: ACL; Schema: pra; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra.begin_submitted_object(sha256 text, size bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION pra.begin_submitted_object(sha256 text, size bigint) TO pra_submit;


--
-- Name: FUNCTION begin_upkeep(worker bigint, worker_token uuid); Type: ACL; Schema: pra; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra.begin_upkeep(worker bigint, worker_token uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION pra.begin_upkeep(worker bigint, worker_token uuid) TO pra_worker;


--
-- Name: FUNCTION better(name text); Type: ACL; Schema: pra; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra.better(name text) FROM PUBLIC;
GRANT ALL ON FUNCTION pra.better(name text) TO pra_submit;
GRANT ALL ON FUNCTION pra.better(name text) TO pra_worker;
GRANT ALL ON FUNCTION pra.better(name text) TO pra_read;


--
-- Name: FUNCTION cancel(job bigint, with_dependents boolean); Type: ACL; Schema: pra; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra.cancel(job bigint, with_dependents boolean) FROM PUBLIC;
GRANT ALL ON FUNCTION pra.cancel(job bigint, with_dependents boolean) TO pra_submit;


--
-- Name: FUNCTION cancel_many(jobs bigint[]); Type: ACL; Schema: pra; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra.cancel_many(jobs bigint[]) FROM PUBLIC;
GRANT ALL ON FUNCTION pra.cancel_many(jobs bigint[]) TO pra_submit;


--
-- Name: FUNCTION cancel_run(run bigint); Type: ACL; Schema: pra; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra.cancel_run(run bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION pra.cancel_run(run bigint) TO pra_submit;


--
-- Name: FUNCTION check_artifact_size(size bigint); Type: ACL; Schema: pra; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra.check_artifact_size(size bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION pra.check_artifact_size(size bigint) TO pra_submit;
GRANT ALL ON FUNCTION pra.check_artifact_size(size bigint) TO pra_worker;


--
-- Name: FUNCTION check_inline(after text); Type: ACL; Schema: pra; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra.check_inline(after text) FROM PUBLIC;


--
-- Name: FUNCTION claim(worker bigint, count integer, oldest bigint, worker_token uuid); Type: ACL; Schema: pra; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra.claim(worker bigint, count integer, oldest bigint, worker_token uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION pra.claim(worker bigint, count integer, oldest bigint, worker_token uuid) TO pra_worker;


--
-- Name: FUNCTION collect_garbage(grace interval, dry boolean); Type: ACL; Schema: pra; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra.collect_garbage(grace interval, dry boolean) FROM PUBLIC;


--
-- Name: FUNCTION commit_artifact(job bigint, epoch bigint, upload bigint, token uuid); Type: ACL; Schema: pra; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra.commit_artifact(job bigint, epoch bigint, upload bigint, token uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION pra.commit_artifact(job bigint, epoch bigint, upload bigint, token uuid) TO pra_worker;


--
-- Name: FUNCTION commit_object(job bigint, epoch bigint, store integer, sha256 text, size bigint, media_type text, copy integer, upload text, token uuid); Type: ACL; Schema: pra; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra.commit_object(job bigint, epoch bigint, store integer, sha256 text, size bigint, media_type text, copy integer, upload text, token uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION pra.commit_object(job bigint, epoch bigint, store integer, sha256 text, size bigint, media_type text, copy integer, upload text, token uuid) TO pra_worker;


--
-- Name: FUNCTION commit_submission(upload bigint); Type: ACL; Schema: pra; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra.commit_submission(upload bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION pra.commit_submission(upload bigint) TO pra_submit;


--
-- Name: FUNCTION commit_submitted_object(store integer, sha256 text, size bigint, media_type text, copy integer, upload text); Type: ACL; Schema: pra; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra.commit_submitted_object(store integer, sha256 text, size bigint, media_type text, copy integer, upload text) FROM PUBLIC;
GRANT ALL ON FUNCTION pra.commit_submitted_object(store integer, sha256 text, size bigint, media_type text, copy integer, upload text) TO pra_submit;


--
-- Name: FUNCTION confirm_artifact(job bigint, epoch bigint, sha256 text, upload bigint, store integer, copy integer, token uuid); Type: ACL; Schema: pra; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra.confirm_artifact(job bigint, epoch bigint, sha256 text, upload bigint, store integer, copy integer, token uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION pra.confirm_artifact(job bigint, epoch bigint, sha256 text, upload bigint, store integer, copy integer, token uuid) TO pra_worker;


--
-- Name: FUNCTION confirm_stored(sha256 text, upload bigint, store integer, copy integer); Type: ACL; Schema: pra; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra.confirm_stored(sha256 text, upload bigint, store integer, copy integer) FROM PUBLIC;


--
-- Name: FUNCTION continue_from(job bigint, epoch bigint, from_epoch bigint, step bigint, token uuid); Type: ACL; Schema: pra; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra.continue_from(job bigint, epoch bigint, from_epoch bigint, step bigint, token uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION pra.continue_from(job bigint, epoch bigint, from_epoch bigint, step bigint, token uuid) TO pra_worker;


--
-- Name: FUNCTION create_run(name text, configuration jsonb, code_version text, data_fingerprint text, idempotency_key text); Type: ACL; Schema: pra; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra.create_run(name text, configuration jsonb, code_version text, data_fingerprint text, idempotency_key text) FROM PUBLIC;
GRANT ALL ON FUNCTION pra.create_run(name text, configuration jsonb, code_version text, data_fingerprint text, idempotency_key text) TO pra_submit;


--
-- Name: FUNCTION create_sweep(name text, keys text[], runs bigint[]); Type: ACL; Schema: pra; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra.create_sweep(name text, keys text[], runs bigint[]) FROM PUBLIC;
GRANT ALL ON FUNCTION pra.create_sweep(name text, keys text[], runs bigint[]) TO pra_submit;


--
-- Name: FUNCTION current_store(); Type: ACL; Schema: pra; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra.current_store() FROM PUBLIC;
GRANT ALL ON FUNCTION pra.current_store() TO pra_submit;
GRANT ALL ON FUNCTION pra.current_store() TO pra_worker;
GRANT ALL ON FUNCTION pra.current_store() TO pra_read;


--
-- Name: FUNCTION declare_dead(worker bigint); Type: ACL; Schema: pra; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra.declare_dead(worker bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION pra.declare_dead(worker bigint) TO pra_submit;


--
-- Name: FUNCTION delete_runs(runs bigint[], parts text[], dry boolean); Type: ACL; Schema: pra; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra.delete_runs(runs bigint[], parts text[], dry boolean) FROM PUBLIC;
GRANT ALL ON FUNCTION pra.delete_runs(runs bigint[], parts text[], dry boolean) TO pra_submit;


--
-- Name: FUNCTION deregister_worker(worker bigint, worker_token uuid); Type: ACL; Schema: pra; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra.deregister_worker(worker bigint, worker_token uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION pra.deregister_worker(worker bigint, worker_token uuid) TO pra_worker;


--
-- Name: FUNCTION doubt_artifact(job bigint, epoch bigint, sha256 text, upload bigint, store integer, copy integer, reason text, token uuid); Type: ACL; Schema: pra; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra.doubt_artifact(job bigint, epoch bigint, sha256 text, upload bigint, store integer, copy integer, reason text, token uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION pra.doubt_artifact(job bigint, epoch bigint, sha256 text, upload bigint, store integer, copy integer, reason text, token uuid) TO pra_worker;


--
-- Name: FUNCTION drain(worker bigint, grace interval); Type: ACL; Schema: pra; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra.drain(worker bigint, grace interval) FROM PUBLIC;
GRANT ALL ON FUNCTION pra.drain(worker bigint, grace interval) TO pra_submit;


--
-- Name: FUNCTION drop_events(before timestamp with time zone, dry boolean); Type: ACL; Schema: pra; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra.drop_events(before timestamp with time zone, dry boolean) FROM PUBLIC;


--
-- Name: FUNCTION drop_metrics(before timestamp with time zone, dry boolean); Type: ACL; Schema: pra; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra.drop_metrics(before timestamp with time zone, dry boolean) FROM PUBLIC;


--
-- Name: FUNCTION end_upkeep(worker bigint, error text, worker_token uuid); Type: ACL; Schema: pra; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra.end_upkeep(worker bigint, error text, worker_token uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION pra.end_upkeep(worker bigint, error text, worker_token uuid) TO pra_worker;


--
-- Name: FUNCTION enqueue(kind text, run bigint, arguments jsonb, queue text, priority integer, delay interval, after bigint[], requirements text[], idempotency_key text, time_limit interval, fault_retries integer, lost_retries integer, timeout_retries integer, preemption_retries integer, limits text[], deadline timestamp with time zone, array_first bigint, array_last bigint, array_limit integer, pack integer, first_path text[], end_path text[], elementwise boolean, gang boolean); Type: ACL; Schema: pra; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra.enqueue(kind text, run bigint, arguments jsonb, queue text, priority integer, delay interval, after bigint[], requirements text[], idempotency_key text, time_limit interval, fault_retries integer, lost_retries integer, timeout_retries integer, preemption_retries integer, limits text[], deadline timestamp with time zone, array_first bigint, array_last bigint, array_limit integer, pack integer, first_path text[], end_path text[], elementwise boolean, gang boolean) FROM PUBLIC;
GRANT ALL ON FUNCTION pra.enqueue(kind text, run bigint, arguments jsonb, queue text, priority integer, delay interval, after bigint[], requirements text[], idempotency_key text, time_limit interval, fault_retries integer, lost_retries integer, timeout_retries integer, preemption_retries integer, limits text[], deadline timestamp with time zone, array_first bigint, array_last bigint, array_limit integer, pack integer, first_path text[], end_path text[], elementwise boolean, gang boolean) TO pra_submit;


--
-- Name: FUNCTION enqueue_many(kind text, run bigint, arguments jsonb[], queue text, priority integer, pack integer, requirements text[], limits text[], idempotency_key text, fault_retries integer, time_limit interval, array_limit integer); Type: ACL; Schema: pra; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra.enqueue_many(kind text, run bigint, arguments jsonb[], queue text, priority integer, pack integer, requirements text[], limits text[], idempotency_key text, fault_retries integer, time_limit interval, array_limit integer) FROM PUBLIC;
GRANT ALL ON FUNCTION pra.enqueue_many(kind text, run bigint, arguments jsonb[], queue text, priority integer, pack integer, requirements text[], limits text[], idempotency_key text, fault_retries integer, time_limit interval, array_limit integer) TO pra_submit;


--
-- Name: FUNCTION figure_names(); Type: ACL; Schema: pra; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra.figure_names() FROM PUBLIC;
GRANT ALL ON FUNCTION pra.figure_names() TO pra_submit;
GRANT ALL ON FUNCTION pra.figure_names() TO pra_worker;
GRANT ALL ON FUNCTION pra.figure_names() TO pra_read;


--
-- Name: FUNCTION find_store(given text); Type: ACL; Schema: pra; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra.find_store(given text) FROM PUBLIC;


--
-- Name: FUNCTION finish(job bigint, epoch bigint, outputs jsonb, images jsonb, evaluations jsonb, result jsonb, metric_batch bigint, token uuid); Type: ACL; Schema: pra; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra.finish(job bigint, epoch bigint, outputs jsonb, images jsonb, evaluations jsonb, result jsonb, metric_batch bigint, token uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION pra.finish(job bigint, epoch bigint, outputs jsonb, images jsonb, evaluations jsonb, result jsonb, metric_batch bigint, token uuid) TO pra_worker;


--
-- Name: FUNCTION finish_many(worker bigint, jobs bigint[], epochs bigint[], failures jsonb, tokens uuid[], worker_token uuid); Type: ACL; Schema: pra; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra.finish_many(worker bigint, jobs bigint[], epochs bigint[], failures jsonb, tokens uuid[], worker_token uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION pra.finish_many(worker bigint, jobs bigint[], epochs bigint[], failures jsonb, tokens uuid[], worker_token uuid) TO pra_worker;


--
-- Name: FUNCTION folder_stores(); Type: ACL; Schema: pra; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra.folder_stores() FROM PUBLIC;
GRANT ALL ON FUNCTION pra.folder_stores() TO pra_submit;
GRANT ALL ON FUNCTION pra.folder_stores() TO pra_worker;
GRANT ALL ON FUNCTION pra.folder_stores() TO pra_read;


--
-- Name: FUNCTION forget_dropped(job bigint, epoch bigint, store integer, sha256 text, copy integer, token uuid); Type: ACL; Schema: pra; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra.forget_dropped(job bigint, epoch bigint, store integer, sha256 text, copy integer, token uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION pra.forget_dropped(job bigint, epoch bigint, store integer, sha256 text, copy integer, token uuid) TO pra_worker;


--
-- Name: FUNCTION forget_object(store integer, sha256 text, copy integer); Type: ACL; Schema: pra; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra.forget_object(store integer, sha256 text, copy integer) FROM PUBLIC;


--
-- Name: FUNCTION forget_store(given text, lose boolean); Type: ACL; Schema: pra; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra.forget_store(given text, lose boolean) FROM PUBLIC;


--
-- Name: FUNCTION forget_upkeep_object(worker bigint, store integer, sha256 text, copy integer, worker_token uuid); Type: ACL; Schema: pra; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra.forget_upkeep_object(worker bigint, store integer, sha256 text, copy integer, worker_token uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION pra.forget_upkeep_object(worker bigint, store integer, sha256 text, copy integer, worker_token uuid) TO pra_worker;


--
-- Name: FUNCTION forgive_host(host text); Type: ACL; Schema: pra; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra.forgive_host(host text) FROM PUBLIC;
GRANT ALL ON FUNCTION pra.forgive_host(host text) TO pra_submit;


--
-- Name: FUNCTION heartbeat(worker bigint, running_jobs bigint[], running_epochs bigint[], draining boolean, running_tokens uuid[], worker_token uuid); Type: ACL; Schema: pra; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra.heartbeat(worker bigint, running_jobs bigint[], running_epochs bigint[], draining boolean, running_tokens uuid[], worker_token uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION pra.heartbeat(worker bigint, running_jobs bigint[], running_epochs bigint[], draining boolean, running_tokens uuid[], worker_token uuid) TO pra_worker;


--
-- Name: FUNCTION jobs_needed_elsewhere(run bigint); Type: ACL; Schema: pra; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra.jobs_needed_elsewhere(run bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION pra.jobs_needed_elsewhere(run bigint) TO pra_submit;
GRANT ALL ON FUNCTION pra.jobs_needed_elsewhere(run bigint) TO pra_read;


--
-- Name: FUNCTION join_gang(job bigint, epoch bigint, token uuid); Type: ACL; Schema: pra; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra.join_gang(job bigint, epoch bigint, token uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION pra.join_gang(job bigint, epoch bigint, token uuid) TO pra_worker;


--
-- Name: FUNCTION keep_result(job bigint, epoch bigint, source text, what text, sha256 text, token uuid); Type: ACL; Schema: pra; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra.keep_result(job bigint, epoch bigint, source text, what text, sha256 text, token uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION pra.keep_result(job bigint, epoch bigint, source text, what text, sha256 text, token uuid) TO pra_worker;


--
-- Name: FUNCTION lock_name(name text); Type: ACL; Schema: pra; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra.lock_name(name text) FROM PUBLIC;
GRANT ALL ON FUNCTION pra.lock_name(name text) TO pra_submit;


--
-- Name: FUNCTION mark_store(store integer); Type: ACL; Schema: pra; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra.mark_store(store integer) FROM PUBLIC;


--
-- Name: FUNCTION meet(job bigint, epoch bigint, key text, value bytea, token uuid); Type: ACL; Schema: pra; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra.meet(job bigint, epoch bigint, key text, value bytea, token uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION pra.meet(job bigint, epoch bigint, key text, value bytea, token uuid) TO pra_worker;


--
-- Name: FUNCTION met(job bigint, epoch bigint, key text, token uuid); Type: ACL; Schema: pra; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra.met(job bigint, epoch bigint, key text, token uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION pra.met(job bigint, epoch bigint, key text, token uuid) TO pra_worker;


--
-- Name: FUNCTION metric_bands(job bigint, name text, from_step bigint, to_step bigint, points integer); Type: ACL; Schema: pra; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra.metric_bands(job bigint, name text, from_step bigint, to_step bigint, points integer) FROM PUBLIC;
GRANT ALL ON FUNCTION pra.metric_bands(job bigint, name text, from_step bigint, to_step bigint, points integer) TO pra_submit;
GRANT ALL ON FUNCTION pra.metric_bands(job bigint, name text, from_step bigint, to_step bigint, points integer) TO pra_worker;
GRANT ALL ON FUNCTION pra.metric_bands(job bigint, name text, from_step bigint, to_step bigint, points integer) TO pra_read;


--
-- Name: FUNCTION metric_end(job bigint, name text); Type: ACL; Schema: pra; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra.metric_end(job bigint, name text) FROM PUBLIC;
GRANT ALL ON FUNCTION pra.metric_end(job bigint, name text) TO pra_submit;
GRANT ALL ON FUNCTION pra.metric_end(job bigint, name text) TO pra_worker;
GRANT ALL ON FUNCTION pra.metric_end(job bigint, name text) TO pra_read;


--
-- Name: FUNCTION metric_points(job bigint, name text, after bigint, most integer); Type: ACL; Schema: pra; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra.metric_points(job bigint, name text, after bigint, most integer) FROM PUBLIC;
GRANT ALL ON FUNCTION pra.metric_points(job bigint, name text, after bigint, most integer) TO pra_submit;
GRANT ALL ON FUNCTION pra.metric_points(job bigint, name text, after bigint, most integer) TO pra_worker;
GRANT ALL ON FUNCTION pra.metric_points(job bigint, name text, after bigint, most integer) TO pra_read;


--
-- Name: FUNCTION needs_room(job bigint, epoch bigint, bytes bigint, token uuid); Type: ACL; Schema: pra; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra.needs_room(job bigint, epoch bigint, bytes bigint, token uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION pra.needs_room(job bigint, epoch bigint, bytes bigint, token uuid) TO pra_worker;


--
-- Name: FUNCTION next_doomed(store integer, after text); Type: ACL; Schema: pra; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra.next_doomed(store integer, after text) FROM PUBLIC;


--
-- Name: FUNCTION next_dropped(job bigint, epoch bigint, token uuid); Type: ACL; Schema: pra; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra.next_dropped(job bigint, epoch bigint, token uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION pra.next_dropped(job bigint, epoch bigint, token uuid) TO pra_worker;


--
-- Name: FUNCTION note_run(run bigint, note text); Type: ACL; Schema: pra; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra.note_run(run bigint, note text) FROM PUBLIC;
GRANT ALL ON FUNCTION pra.note_run(run bigint, note text) TO pra_submit;


--
-- Name: FUNCTION note_submitted_upload(store integer, sha256 text, copy integer, upload text); Type: ACL; Schema: pra; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra.note_submitted_upload(store integer, sha256 text, copy integer, upload text) FROM PUBLIC;
GRANT ALL ON FUNCTION pra.note_submitted_upload(store integer, sha256 text, copy integer, upload text) TO pra_submit;


--
-- Name: FUNCTION note_upload(job bigint, epoch bigint, store integer, sha256 text, copy integer, upload text, token uuid); Type: ACL; Schema: pra; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra.note_upload(job bigint, epoch bigint, store integer, sha256 text, copy integer, upload text, token uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION pra.note_upload(job bigint, epoch bigint, store integer, sha256 text, copy integer, upload text, token uuid) TO pra_worker;


--
-- Name: FUNCTION pause_queue(queue text); Type: ACL; Schema: pra; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra.pause_queue(queue text) FROM PUBLIC;
GRANT ALL ON FUNCTION pra.pause_queue(queue text) TO pra_submit;


--
-- Name: FUNCTION pause_run(run bigint); Type: ACL; Schema: pra; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra.pause_run(run bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION pra.pause_run(run bigint) TO pra_submit;


--
-- Name: FUNCTION pause_schedule(name text, paused boolean); Type: ACL; Schema: pra; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra.pause_schedule(name text, paused boolean) FROM PUBLIC;
GRANT ALL ON FUNCTION pra.pause_schedule(name text, paused boolean) TO pra_submit;


--
-- Name: FUNCTION preempt(job bigint, grace interval, reason text); Type: ACL; Schema: pra; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra.preempt(job bigint, grace interval, reason text) FROM PUBLIC;
GRANT ALL ON FUNCTION pra.preempt(job bigint, grace interval, reason text) TO pra_submit;


--
-- Name: FUNCTION progress(job bigint, epoch bigint, done bigint, total bigint, unit text, token uuid, rate double precision); Type: ACL; Schema: pra; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra.progress(job bigint, epoch bigint, done bigint, total bigint, unit text, token uuid, rate double precision) FROM PUBLIC;
GRANT ALL ON FUNCTION pra.progress(job bigint, epoch bigint, done bigint, total bigint, unit text, token uuid, rate double precision) TO pra_worker;


--
-- Name: FUNCTION purge_runs(grace interval, dry boolean); Type: ACL; Schema: pra; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra.purge_runs(grace interval, dry boolean) FROM PUBLIC;


--
-- Name: FUNCTION put_artifact(job bigint, epoch bigint, sha256 text, media_type text, bytes bytea, token uuid); Type: ACL; Schema: pra; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra.put_artifact(job bigint, epoch bigint, sha256 text, media_type text, bytes bytea, token uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION pra.put_artifact(job bigint, epoch bigint, sha256 text, media_type text, bytes bytea, token uuid) TO pra_worker;


--
-- Name: FUNCTION put_artifact_chunk(job bigint, epoch bigint, upload bigint, ordinal integer, bytes bytea, token uuid); Type: ACL; Schema: pra; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra.put_artifact_chunk(job bigint, epoch bigint, upload bigint, ordinal integer, bytes bytea, token uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION pra.put_artifact_chunk(job bigint, epoch bigint, upload bigint, ordinal integer, bytes bytea, token uuid) TO pra_worker;


--
-- Name: FUNCTION rate_checkpoints(run bigint, metric text); Type: ACL; Schema: pra; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra.rate_checkpoints(run bigint, metric text) FROM PUBLIC;
GRANT ALL ON FUNCTION pra.rate_checkpoints(run bigint, metric text) TO pra_submit;
GRANT ALL ON FUNCTION pra.rate_checkpoints(run bigint, metric text) TO pra_read;


--
-- Name: FUNCTION read_log(job bigint, epoch bigint, after integer); Type: ACL; Schema: pra; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra.read_log(job bigint, epoch bigint, after integer) FROM PUBLIC;
GRANT ALL ON FUNCTION pra.read_log(job bigint, epoch bigint, after integer) TO pra_submit;
GRANT ALL ON FUNCTION pra.read_log(job bigint, epoch bigint, after integer) TO pra_worker;
GRANT ALL ON FUNCTION pra.read_log(job bigint, epoch bigint, after integer) TO pra_read;


--
-- Name: FUNCTION read_log_part(job bigint, epoch bigint, before integer, most integer); Type: ACL; Schema: pra; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra.read_log_part(job bigint, epoch bigint, before integer, most integer) FROM PUBLIC;
GRANT ALL ON FUNCTION pra.read_log_part(job bigint, epoch bigint, before integer, most integer) TO pra_submit;
GRANT ALL ON FUNCTION pra.read_log_part(job bigint, epoch bigint, before integer, most integer) TO pra_worker;
GRANT ALL ON FUNCTION pra.read_log_part(job bigint, epoch bigint, before integer, most integer) TO pra_read;


--
-- Name: FUNCTION reap(); Type: ACL; Schema: pra; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra.reap() FROM PUBLIC;
GRANT ALL ON FUNCTION pra.reap() TO pra_submit;
GRANT ALL ON FUNCTION pra.reap() TO pra_worker;


--
-- Name: FUNCTION record_export(sha256 text, job bigint, step bigint); Type: ACL; Schema: pra; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra.record_export(sha256 text, job bigint, step bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION pra.record_export(sha256 text, job bigint, step bigint) TO pra_submit;


--
-- Name: FUNCTION register_checkpoint(job bigint, epoch bigint, step bigint, files jsonb, token uuid, keep jsonb); Type: ACL; Schema: pra; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra.register_checkpoint(job bigint, epoch bigint, step bigint, files jsonb, token uuid, keep jsonb) FROM PUBLIC;
GRANT ALL ON FUNCTION pra.register_checkpoint(job bigint, epoch bigint, step bigint, files jsonb, token uuid, keep jsonb) TO pra_worker;


--
-- Name: FUNCTION register_worker(name text, labels jsonb, queues text[], kinds text[], slots integer, lease interval, version text, stays interval); Type: ACL; Schema: pra; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra.register_worker(name text, labels jsonb, queues text[], kinds text[], slots integer, lease interval, version text, stays interval) FROM PUBLIC;
GRANT ALL ON FUNCTION pra.register_worker(name text, labels jsonb, queues text[], kinds text[], slots integer, lease interval, version text, stays interval) TO pra_worker;


--
-- Name: FUNCTION release(job bigint, epoch bigint, message text, token uuid); Type: ACL; Schema: pra; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra.release(job bigint, epoch bigint, message text, token uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION pra.release(job bigint, epoch bigint, message text, token uuid) TO pra_worker;


--
-- Name: FUNCTION release_unheard(worker bigint, known uuid[], worker_token uuid); Type: ACL; Schema: pra; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra.release_unheard(worker bigint, known uuid[], worker_token uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION pra.release_unheard(worker bigint, known uuid[], worker_token uuid) TO pra_worker;


--
-- Name: FUNCTION remove_limit(name text); Type: ACL; Schema: pra; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra.remove_limit(name text) FROM PUBLIC;
GRANT ALL ON FUNCTION pra.remove_limit(name text) TO pra_submit;


--
-- Name: FUNCTION rename_run(run bigint, name text); Type: ACL; Schema: pra; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra.rename_run(run bigint, name text) FROM PUBLIC;
GRANT ALL ON FUNCTION pra.rename_run(run bigint, name text) TO pra_submit;


--
-- Name: FUNCTION report_exit(job bigint, epoch bigint, class pra.attempt_outcome, message text, exit_code integer, exit_signal integer, cause text, token uuid); Type: ACL; Schema: pra; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra.report_exit(job bigint, epoch bigint, class pra.attempt_outcome, message text, exit_code integer, exit_signal integer, cause text, token uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION pra.report_exit(job bigint, epoch bigint, class pra.attempt_outcome, message text, exit_code integer, exit_signal integer, cause text, token uuid) TO pra_worker;


--
-- Name: FUNCTION resume_queue(queue text); Type: ACL; Schema: pra; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra.resume_queue(queue text) FROM PUBLIC;
GRANT ALL ON FUNCTION pra.resume_queue(queue text) TO pra_submit;


--
-- Name: FUNCTION resume_run(run bigint); Type: ACL; Schema: pra; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra.resume_run(run bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION pra.resume_run(run bigint) TO pra_submit;


--
-- Name: FUNCTION retain_checkpoints(run bigint, keep_last integer, keep_best integer, metric text, keep_every bigint, dry boolean); Type: ACL; Schema: pra; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra.retain_checkpoints(run bigint, keep_last integer, keep_best integer, metric text, keep_every bigint, dry boolean) FROM PUBLIC;


--
-- Name: FUNCTION retry(job bigint); Type: ACL; Schema: pra; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra.retry(job bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION pra.retry(job bigint) TO pra_submit;


--
-- Name: FUNCTION retry_many(jobs bigint[]); Type: ACL; Schema: pra; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra.retry_many(jobs bigint[]) FROM PUBLIC;
GRANT ALL ON FUNCTION pra.retry_many(jobs bigint[]) TO pra_submit;


--
-- Name: FUNCTION run_figure(run bigint, name text); Type: ACL; Schema: pra; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra.run_figure(run bigint, name text) FROM PUBLIC;
GRANT ALL ON FUNCTION pra.run_figure(run bigint, name text) TO pra_submit;
GRANT ALL ON FUNCTION pra.run_figure(run bigint, name text) TO pra_worker;
GRANT ALL ON FUNCTION pra.run_figure(run bigint, name text) TO pra_read;


--
-- Name: FUNCTION run_figures(name text); Type: ACL; Schema: pra; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra.run_figures(name text) FROM PUBLIC;
GRANT ALL ON FUNCTION pra.run_figures(name text) TO pra_submit;
GRANT ALL ON FUNCTION pra.run_figures(name text) TO pra_worker;
GRANT ALL ON FUNCTION pra.run_figures(name text) TO pra_read;


--
-- Name: FUNCTION satisfies(labels jsonb, requirements jsonb); Type: ACL; Schema: pra; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra.satisfies(labels jsonb, requirements jsonb) FROM PUBLIC;
GRANT ALL ON FUNCTION pra.satisfies(labels jsonb, requirements jsonb) TO pra_submit;
GRANT ALL ON FUNCTION pra.satisfies(labels jsonb, requirements jsonb) TO pra_worker;
GRANT ALL ON FUNCTION pra.satisfies(labels jsonb, requirements jsonb) TO pra_read;


--
-- Name: FUNCTION schedule(name text, cron text, run bigint, kind text, arguments jsonb, time_zone text, catch_up text, queue text, priority integer, overlap text); Type: ACL; Schema: pra; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra.schedule(name text, cron text, run bigint, kind text, arguments jsonb, time_zone text, catch_up text, queue text, priority integer, overlap text) FROM PUBLIC;
GRANT ALL ON FUNCTION pra.schedule(name text, cron text, run bigint, kind text, arguments jsonb, time_zone text, catch_up text, queue text, priority integer, overlap text) TO pra_submit;


--
-- Name: FUNCTION secret_use(job bigint); Type: ACL; Schema: pra; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra.secret_use(job bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION pra.secret_use(job bigint) TO pra_worker;


--
-- Name: FUNCTION set_gang_sizes(job bigint, sizes integer[]); Type: ACL; Schema: pra; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra.set_gang_sizes(job bigint, sizes integer[]) FROM PUBLIC;
GRANT ALL ON FUNCTION pra.set_gang_sizes(job bigint, sizes integer[]) TO pra_submit;


--
-- Name: FUNCTION set_kind(kind text, arguments jsonb, bytes_limit integer); Type: ACL; Schema: pra; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra.set_kind(kind text, arguments jsonb, bytes_limit integer) FROM PUBLIC;


--
-- Name: FUNCTION set_limit(name text, slots integer); Type: ACL; Schema: pra; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra.set_limit(name text, slots integer) FROM PUBLIC;
GRANT ALL ON FUNCTION pra.set_limit(name text, slots integer) TO pra_submit;


--
-- Name: FUNCTION set_priority(job bigint, priority integer); Type: ACL; Schema: pra; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra.set_priority(job bigint, priority integer) FROM PUBLIC;
GRANT ALL ON FUNCTION pra.set_priority(job bigint, priority integer) TO pra_submit;


--
-- Name: FUNCTION set_priority_many(jobs bigint[], priority integer); Type: ACL; Schema: pra; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra.set_priority_many(jobs bigint[], priority integer) FROM PUBLIC;
GRANT ALL ON FUNCTION pra.set_priority_many(jobs bigint[], priority integer) TO pra_submit;


--
-- Name: FUNCTION set_run_data(run bigint, job bigint); Type: ACL; Schema: pra; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra.set_run_data(run bigint, job bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION pra.set_run_data(run bigint, job bigint) TO pra_submit;


--
-- Name: FUNCTION set_run_weight(run bigint, weight double precision); Type: ACL; Schema: pra; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra.set_run_weight(run bigint, weight double precision) FROM PUBLIC;
GRANT ALL ON FUNCTION pra.set_run_weight(run bigint, weight double precision) TO pra_submit;


--
-- Name: FUNCTION set_upkeep(cron text, time_zone text, grace interval, keep_last integer, keep_best integer, keep_every bigint, metric text, thin bigint, thin_after interval); Type: ACL; Schema: pra; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra.set_upkeep(cron text, time_zone text, grace interval, keep_last integer, keep_best integer, keep_every bigint, metric text, thin bigint, thin_after interval) FROM PUBLIC;


--
-- Name: FUNCTION set_user_weight(name text, weight double precision); Type: ACL; Schema: pra; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra.set_user_weight(name text, weight double precision) FROM PUBLIC;
GRANT ALL ON FUNCTION pra.set_user_weight(name text, weight double precision) TO pra_submit;


--
-- Name: FUNCTION set_variant(jobs bigint[], variant text, seed bigint); Type: ACL; Schema: pra; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra.set_variant(jobs bigint[], variant text, seed bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION pra.set_variant(jobs bigint[], variant text, seed bigint) TO pra_submit;


--
-- Name: FUNCTION shared_data_set(arguments jsonb); Type: ACL; Schema: pra; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra.shared_data_set(arguments jsonb) FROM PUBLIC;
GRANT ALL ON FUNCTION pra.shared_data_set(arguments jsonb) TO pra_submit;
GRANT ALL ON FUNCTION pra.shared_data_set(arguments jsonb) TO pra_read;


--
-- Name: FUNCTION size_text(bytes double precision, whole double precision); Type: ACL; Schema: pra; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra.size_text(bytes double precision, whole double precision) FROM PUBLIC;
GRANT ALL ON FUNCTION pra.size_text(bytes double precision, whole double precision) TO pra_submit;
GRANT ALL ON FUNCTION pra.size_text(bytes double precision, whole double precision) TO pra_worker;
GRANT ALL ON FUNCTION pra.size_text(bytes double precision, whole double precision) TO pra_read;


--
-- Name: FUNCTION store_folder(size bigint); Type: ACL; Schema: pra; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra.store_folder(size bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION pra.store_folder(size bigint) TO pra_submit;
GRANT ALL ON FUNCTION pra.store_folder(size bigint) TO pra_worker;


--
-- Name: FUNCTION submit_artifact(sha256 text, media_type text, bytes bytea); Type: ACL; Schema: pra; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra.submit_artifact(sha256 text, media_type text, bytes bytea) FROM PUBLIC;
GRANT ALL ON FUNCTION pra.submit_artifact(sha256 text, media_type text, bytes bytea) TO pra_submit;


--
-- Name: FUNCTION submit_chunk(upload bigint, ordinal integer, bytes bytea); Type: ACL; Schema: pra; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra.submit_chunk(upload bigint, ordinal integer, bytes bytea) FROM PUBLIC;
GRANT ALL ON FUNCTION pra.submit_chunk(upload bigint, ordinal integer, bytes bytea) TO pra_submit;


--
-- Name: FUNCTION submit_doubt(sha256 text, upload bigint, store integer, copy integer, reason text); Type: ACL; Schema: pra; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra.submit_doubt(sha256 text, upload bigint, store integer, copy integer, reason text) FROM PUBLIC;
GRANT ALL ON FUNCTION pra.submit_doubt(sha256 text, upload bigint, store integer, copy integer, reason text) TO pra_submit;


--
-- Name: FUNCTION tag_run(run bigint, add text[], remove text[]); Type: ACL; Schema: pra; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra.tag_run(run bigint, add text[], remove text[]) FROM PUBLIC;
GRANT ALL ON FUNCTION pra.tag_run(run bigint, add text[], remove text[]) TO pra_submit;


--
-- Name: FUNCTION thin_metrics(run bigint, every bigint, before timestamp with time zone, dry boolean); Type: ACL; Schema: pra; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra.thin_metrics(run bigint, every bigint, before timestamp with time zone, dry boolean) FROM PUBLIC;


--
-- Name: FUNCTION undelete_run(run bigint); Type: ACL; Schema: pra; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra.undelete_run(run bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION pra.undelete_run(run bigint) TO pra_submit;


--
-- Name: FUNCTION undrain(worker bigint); Type: ACL; Schema: pra; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra.undrain(worker bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION pra.undrain(worker bigint) TO pra_submit;


--
-- Name: FUNCTION unknown_objects(location text, names text[]); Type: ACL; Schema: pra; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra.unknown_objects(location text, names text[]) FROM PUBLIC;


--
-- Name: FUNCTION unschedule(name text); Type: ACL; Schema: pra; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra.unschedule(name text) FROM PUBLIC;
GRANT ALL ON FUNCTION pra.unschedule(name text) TO pra_submit;


--
-- Name: FUNCTION unset_upkeep(); Type: ACL; Schema: pra; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra.unset_upkeep() FROM PUBLIC;


--
-- Name: FUNCTION upkeep_object(worker bigint, store integer, after text, worker_token uuid); Type: ACL; Schema: pra; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra.upkeep_object(worker bigint, store integer, after text, worker_token uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION pra.upkeep_object(worker bigint, store integer, after text, worker_token uuid) TO pra_worker;


--
-- Name: FUNCTION use_store(location text, mark uuid); Type: ACL; Schema: pra; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra.use_store(location text, mark uuid) FROM PUBLIC;


--
-- Name: FUNCTION waiting_jobs(); Type: ACL; Schema: pra; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra.waiting_jobs() FROM PUBLIC;
GRANT ALL ON FUNCTION pra.waiting_jobs() TO pra_submit;
GRANT ALL ON FUNCTION pra.waiting_jobs() TO pra_worker;
GRANT ALL ON FUNCTION pra.waiting_jobs() TO pra_read;


--
-- Name: FUNCTION wanted_places(); Type: ACL; Schema: pra; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra.wanted_places() FROM PUBLIC;
GRANT ALL ON FUNCTION pra.wanted_places() TO pra_submit;
GRANT ALL ON FUNCTION pra.wanted_places() TO pra_worker;
GRANT ALL ON FUNCTION pra.wanted_places() TO pra_read;


--
-- Name: FUNCTION why(job bigint); Type: ACL; Schema: pra; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra.why(job bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION pra.why(job bigint) TO pra_submit;
GRANT ALL ON FUNCTION pra.why(job bigint) TO pra_worker;
GRANT ALL ON FUNCTION pra.why(job bigint) TO pra_read;


--
-- Name: FUNCTION why_pending(job bigint); Type: ACL; Schema: pra; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra.why_pending(job bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION pra.why_pending(job bigint) TO pra_submit;
GRANT ALL ON FUNCTION pra.why_pending(job bigint) TO pra_worker;
GRANT ALL ON FUNCTION pra.why_pending(job bigint) TO pra_read;


--
-- Name: FUNCTION work_is_coming(queues text[], kinds text[], lacking boolean, worker bigint); Type: ACL; Schema: pra; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra.work_is_coming(queues text[], kinds text[], lacking boolean, worker bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION pra.work_is_coming(queues text[], kinds text[], lacking boolean, worker bigint) TO pra_worker;


--
-- Name: FUNCTION worker_holds(worker bigint, room bigint, cache_bytes bigint, cache_quota bigint, artifacts text[], stores text[], worker_token uuid); Type: ACL; Schema: pra; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra.worker_holds(worker bigint, room bigint, cache_bytes bigint, cache_quota bigint, artifacts text[], stores text[], worker_token uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION pra.worker_holds(worker bigint, room bigint, cache_bytes bigint, cache_quota bigint, artifacts text[], stores text[], worker_token uuid) TO pra_worker;


--
-- Name: FUNCTION worker_lacks(worker bigint, lack text, worker_token uuid); Type: ACL; Schema: pra; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra.worker_lacks(worker bigint, lack text, worker_token uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION pra.worker_lacks(worker bigint, lack text, worker_token uuid) TO pra_worker;


--
-- Name: FUNCTION actor(); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.actor() FROM PUBLIC;


--
-- Name: FUNCTION add_to_summary(added pra_store.metric_summaries); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.add_to_summary(added pra_store.metric_summaries) FROM PUBLIC;


--
-- Name: FUNCTION admit_staged(); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.admit_staged() FROM PUBLIC;


--
-- Name: FUNCTION after_attempt(); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.after_attempt() FROM PUBLIC;


--
-- Name: FUNCTION after_batch(done bigint[], arrays bigint[]); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.after_batch(done bigint[], arrays bigint[]) FROM PUBLIC;


--
-- Name: FUNCTION apply_rule(job bigint, keep jsonb); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.apply_rule(job bigint, keep jsonb) FROM PUBLIC;


--
-- Name: FUNCTION arguments_of(array_job bigint, first bigint, last bigint); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.arguments_of(array_job bigint, first bigint, last bigint) FROM PUBLIC;


--
-- Name: FUNCTION array_misfit(given jsonb, schema jsonb, path text); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.array_misfit(given jsonb, schema jsonb, path text) FROM PUBLIC;


--
-- Name: FUNCTION array_progress(array_job bigint); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.array_progress(array_job bigint) FROM PUBLIC;


--
-- Name: FUNCTION avoid_host(held pra_store.jobs); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.avoid_host(held pra_store.jobs) FROM PUBLIC;


--
-- Name: FUNCTION await_reference(job bigint, epoch bigint, sha256 text); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.await_reference(job bigint, epoch bigint, sha256 text) FROM PUBLIC;


--
-- Name: FUNCTION awaited_artifacts(); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.awaited_artifacts() FROM PUBLIC;


--
-- Name: FUNCTION backoff(tries integer); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.backoff(tries integer) FROM PUBLIC;


--
-- Name: FUNCTION begin_object(sha256 text, size bigint); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.begin_object(sha256 text, size bigint) FROM PUBLIC;


--
-- Name: FUNCTION begin_start(gang_job bigint, members bigint[]); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.begin_start(gang_job bigint, members bigint[]) FROM PUBLIC;


--
-- Name: FUNCTION begin_upload(job bigint, epoch bigint, sha256 text, size bigint, media_type text); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.begin_upload(job bigint, epoch bigint, sha256 text, size bigint, media_type text) FROM PUBLIC;


--
-- Name: FUNCTION better(name text); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.better(name text) FROM PUBLIC;


--
-- Name: FUNCTION better_placed(it pra_store.jobs, me pra_store.workers, bytes bigint, digests bytea[]); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.better_placed(it pra_store.jobs, me pra_store.workers, bytes bigint, digests bytea[]) FROM PUBLIC;


--
-- Name: FUNCTION blame(host text); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.blame(host text) FROM PUBLIC;


--
-- Name: FUNCTION bytes_of(digests bytea[]); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.bytes_of(digests bytea[]) FROM PUBLIC;


--
-- Name: FUNCTION cancel_job(job bigint, with_dependents boolean); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.cancel_job(job bigint, with_dependents boolean) FROM PUBLIC;


--
-- Name: FUNCTION cancel_jobs(jobs bigint[]); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.cancel_jobs(jobs bigint[]) FROM PUBLIC;


--
-- Name: FUNCTION change_of_clocks(time_zone text, day date, early interval); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.change_of_clocks(time_zone text, day date, early interval) FROM PUBLIC;


--
-- Name: FUNCTION check_arguments(kind text, arguments jsonb, path text); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.check_arguments(kind text, arguments jsonb, path text) FROM PUBLIC;


--
-- Name: FUNCTION check_array(array_first bigint, array_last bigint, array_limit integer, pack integer, has_path boolean, elementwise boolean, gang boolean, parents integer); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.check_array(array_first bigint, array_last bigint, array_limit integer, pack integer, has_path boolean, elementwise boolean, gang boolean, parents integer) FROM PUBLIC;


--
-- Name: FUNCTION check_budgets(priority integer, idempotency_key text, time_limit interval, fault_retries integer, lost_retries integer, timeout_retries integer, preemption_retries integer); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.check_budgets(priority integer, idempotency_key text, time_limit interval, fault_retries integer, lost_retries integer, timeout_retries integer, preemption_retries integer) FROM PUBLIC;


--
-- Name: FUNCTION check_gang(members bigint, named text[]); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.check_gang(members bigint, named text[]) FROM PUBLIC;


--
-- Name: FUNCTION check_labels(labels jsonb); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.check_labels(labels jsonb) FROM PUBLIC;


--
-- Name: FUNCTION check_paths(arguments jsonb, first_path text[], end_path text[]); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.check_paths(arguments jsonb, first_path text[], end_path text[]) FROM PUBLIC;


--
-- Name: FUNCTION check_run(run bigint); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.check_run(run bigint) FROM PUBLIC;


--
-- Name: FUNCTION check_run_name(name text); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.check_run_name(name text) FROM PUBLIC;


--
-- Name: FUNCTION check_schema(schema jsonb, path text); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.check_schema(schema jsonb, path text) FROM PUBLIC;


--
-- Name: FUNCTION choice_misfit(given jsonb, schema jsonb, path text); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.choice_misfit(given jsonb, schema jsonb, path text) FROM PUBLIC;


--
-- Name: FUNCTION commit_object(store integer, sha256 text, size bigint, media_type text, copy integer, upload text); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.commit_object(store integer, sha256 text, size bigint, media_type text, copy integer, upload text) FROM PUBLIC;


--
-- Name: FUNCTION commit_upload(upload bigint, job bigint, epoch bigint); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.commit_upload(upload bigint, job bigint, epoch bigint) FROM PUBLIC;


--
-- Name: FUNCTION confirm(sha256 bytea, upload bigint, store integer, copy integer); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.confirm(sha256 bytea, upload bigint, store integer, copy integer) FROM PUBLIC;


--
-- Name: FUNCTION contradiction(requirements jsonb); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.contradiction(requirements jsonb) FROM PUBLIC;


--
-- Name: FUNCTION count_crash(held pra_store.jobs); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.count_crash(held pra_store.jobs) FROM PUBLIC;


--
-- Name: FUNCTION crashed_jobs(host text); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.crashed_jobs(host text) FROM PUBLIC;


--
-- Name: FUNCTION cron_field(field text, lowest integer, highest integer, names text[]); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.cron_field(field text, lowest integer, highest integer, names text[]) FROM PUBLIC;


--
-- Name: FUNCTION cron_next(cron text, time_zone text, after timestamp with time zone); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.cron_next(cron text, time_zone text, after timestamp with time zone) FROM PUBLIC;


--
-- Name: FUNCTION cut(a pra_store.jobs, made bigint, first bigint, last bigint, state pra.job_state, worker bigint, epoch bigint, wait interval); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.cut(a pra_store.jobs, made bigint, first bigint, last bigint, state pra.job_state, worker bigint, epoch bigint, wait interval) FROM PUBLIC;


--
-- Name: FUNCTION cut_failures(me pra_store.workers, jobs bigint[], epochs bigint[], tokens uuid[], failures jsonb); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.cut_failures(me pra_store.workers, jobs bigint[], epochs bigint[], tokens uuid[], failures jsonb) FROM PUBLIC;


--
-- Name: FUNCTION cut_rollups(job bigint, step bigint); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.cut_rollups(job bigint, step bigint) FROM PUBLIC;


--
-- Name: FUNCTION database_limit(); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.database_limit() FROM PUBLIC;


--
-- Name: FUNCTION default_cause(outcome pra.attempt_outcome, exit_code integer, exit_signal integer); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.default_cause(outcome pra.attempt_outcome, exit_code integer, exit_signal integer) FROM PUBLIC;


--
-- Name: FUNCTION digest(sha256 text); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.digest(sha256 text) FROM PUBLIC;


--
-- Name: FUNCTION digests_in(arguments jsonb); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.digests_in(arguments jsonb) FROM PUBLIC;


--
-- Name: FUNCTION doubt(sha256 bytea, upload bigint, store integer, copy integer, reason text); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.doubt(sha256 bytea, upload bigint, store integer, copy integer, reason text) FROM PUBLIC;


--
-- Name: FUNCTION draw_preview(held pra_store.jobs, step bigint, since bigint); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.draw_preview(held pra_store.jobs, step bigint, since bigint) FROM PUBLIC;


--
-- Name: FUNCTION drop_limits(names text[]); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.drop_limits(names text[]) FROM PUBLIC;


--
-- Name: FUNCTION dropped_objects(job bigint); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.dropped_objects(job bigint) FROM PUBLIC;


--
-- Name: FUNCTION earlier_job(key text, kind text, run bigint, arguments jsonb, array_first bigint, array_last bigint, has_element_arguments boolean); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.earlier_job(key text, kind text, run bigint, arguments jsonb, array_first bigint, array_last bigint, has_element_arguments boolean) FROM PUBLIC;


--
-- Name: FUNCTION element_arguments(array_job pra_store.jobs, first bigint, last bigint); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.element_arguments(array_job pra_store.jobs, first bigint, last bigint) FROM PUBLIC;


--
-- Name: FUNCTION end_attempt(held pra_store.jobs, outcome pra.attempt_outcome, message text, exit_code integer, exit_signal integer, cause text); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.end_attempt(held pra_store.jobs, outcome pra.attempt_outcome, message text, exit_code integer, exit_signal integer, cause text) FROM PUBLIC;


--
-- Name: FUNCTION end_of_series(job bigint, series integer); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.end_of_series(job bigint, series integer) FROM PUBLIC;


--
-- Name: FUNCTION end_overdue(worker bigint); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.end_overdue(worker bigint) FROM PUBLIC;


--
-- Name: FUNCTION end_start(gang_job bigint); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.end_start(gang_job bigint) FROM PUBLIC;


--
-- Name: FUNCTION ending_in_time(entries pra_store.line_entry[], me pra_store.workers); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.ending_in_time(entries pra_store.line_entry[], me pra_store.workers) FROM PUBLIC;


--
-- Name: FUNCTION ends_before(time_limit interval, moment timestamp with time zone); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.ends_before(time_limit interval, moment timestamp with time zone) FROM PUBLIC;


--
-- Name: FUNCTION ends_in(job bigint); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.ends_in(job bigint) FROM PUBLIC;


--
-- Name: FUNCTION enqueue(kind text, run bigint, arguments jsonb, has_element_arguments boolean, queue text, priority integer, delay interval, after bigint[], requirements text[], idempotency_key text, time_limit interval, fault_retries integer, lost_retries integer, timeout_retries integer, preemption_retries integer, limits text[], deadline timestamp with time zone, array_first bigint, array_last bigint, array_limit integer, pack integer, first_path text[], end_path text[], elementwise boolean, gang boolean); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.enqueue(kind text, run bigint, arguments jsonb, has_element_arguments boolean, queue text, priority integer, delay interval, after bigint[], requirements text[], idempotency_key text, time_limit interval, fault_retries integer, lost_retries integer, timeout_retries integer, preemption_retries integer, limits text[], deadline timestamp with time zone, array_first bigint, array_last bigint, array_limit integer, pack integer, first_path text[], end_path text[], elementwise boolean, gang boolean) FROM PUBLIC;


--
-- Name: FUNCTION ensure_event_partition(at timestamp with time zone); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.ensure_event_partition(at timestamp with time zone) FROM PUBLIC;


--
-- Name: FUNCTION ensure_metric_partition(at timestamp with time zone); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.ensure_metric_partition(at timestamp with time zone) FROM PUBLIC;


--
-- Name: FUNCTION fair_order(line pra_store.line_view, free integer, depth integer); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.fair_order(line pra_store.line_view, free integer, depth integer) FROM PUBLIC;


--
-- Name: FUNCTION fetch_members(worker bigint); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.fetch_members(worker bigint) FROM PUBLIC;


--
-- Name: FUNCTION first_of_day(day date, hours integer[], minutes integer[], time_zone text, after timestamp with time zone, by_elapsed_time boolean); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.first_of_day(day date, hours integer[], minutes integer[], time_zone text, after timestamp with time zone, by_elapsed_time boolean) FROM PUBLIC;


--
-- Name: FUNCTION first_to_end(jobs bigint[]); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.first_to_end(jobs bigint[]) FROM PUBLIC;


--
-- Name: FUNCTION fitting_workers(it pra_store.jobs); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.fitting_workers(it pra_store.jobs) FROM PUBLIC;


--
-- Name: FUNCTION fold_counts(); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.fold_counts() FROM PUBLIC;


--
-- Name: FUNCTION follow(follower bigint, first bigint, last bigint); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.follow(follower bigint, first bigint, last bigint) FROM PUBLIC;


--
-- Name: FUNCTION follow_cut(array_job bigint, cut bigint, element_first bigint, element_end bigint); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.follow_cut(array_job bigint, cut bigint, element_first bigint, element_end bigint) FROM PUBLIC;


--
-- Name: FUNCTION forget_held(); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.forget_held() FROM PUBLIC;


--
-- Name: FUNCTION forget_turns(); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.forget_turns() FROM PUBLIC;


--
-- Name: FUNCTION free(job bigint, digests bytea[]); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.free(job bigint, digests bytea[]) FROM PUBLIC;


--
-- Name: FUNCTION free_places(me pra_store.workers, wanted integer, oldest bigint); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.free_places(me pra_store.workers, wanted integer, oldest bigint) FROM PUBLIC;


--
-- Name: FUNCTION free_slots(limits text[], most integer); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.free_slots(limits text[], most integer) FROM PUBLIC;


--
-- Name: FUNCTION full_limits(limits text[]); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.full_limits(limits text[]) FROM PUBLIC;


--
-- Name: FUNCTION full_limits_of(lanes integer[]); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.full_limits_of(lanes integer[]) FROM PUBLIC;


--
-- Name: FUNCTION gang_ahead(it pra_store.jobs); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.gang_ahead(it pra_store.jobs) FROM PUBLIC;


--
-- Name: FUNCTION gang_barrier(gang_job bigint); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.gang_barrier(gang_job bigint) FROM PUBLIC;


--
-- Name: FUNCTION gang_fit(a pra_store.jobs); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.gang_fit(a pra_store.jobs) FROM PUBLIC;


--
-- Name: FUNCTION gang_size(a pra_store.jobs); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.gang_size(a pra_store.jobs) FROM PUBLIC;


--
-- Name: FUNCTION gangs_elsewhere(lanes integer[]); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.gangs_elsewhere(lanes integer[]) FROM PUBLIC;


--
-- Name: FUNCTION give_lane(); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.give_lane() FROM PUBLIC;


--
-- Name: FUNCTION give_slots(jobs bigint[]); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.give_slots(jobs bigint[]) FROM PUBLIC;


--
-- Name: FUNCTION groups_in_line(); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.groups_in_line() FROM PUBLIC;


--
-- Name: FUNCTION has(sha256 bytea); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.has(sha256 bytea) FROM PUBLIC;


--
-- Name: FUNCTION has_series(a pra_store.jobs); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.has_series(a pra_store.jobs) FROM PUBLIC;


--
-- Name: FUNCTION has_series(job bigint, metric text); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.has_series(job bigint, metric text) FROM PUBLIC;


--
-- Name: FUNCTION have_limits(entries pra_store.line_entry[]); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.have_limits(entries pra_store.line_entry[]) FROM PUBLIC;


--
-- Name: FUNCTION held_gang(held pra_store.jobs, token uuid); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.held_gang(held pra_store.jobs, token uuid) FROM PUBLIC;


--
-- Name: FUNCTION held_upkeep(worker bigint, token uuid); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.held_upkeep(worker bigint, token uuid) FROM PUBLIC;


--
-- Name: FUNCTION hold(job bigint, epoch bigint, exclusive boolean, token uuid); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.hold(job bigint, epoch bigint, exclusive boolean, token uuid) FROM PUBLIC;


--
-- Name: FUNCTION hold_parents(parents bigint[], elementwise boolean, array_first bigint, array_last bigint); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.hold_parents(parents bigint[], elementwise boolean, array_first bigint, array_last bigint) FROM PUBLIC;


--
-- Name: FUNCTION host(labels jsonb, name text); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.host(labels jsonb, name text) FROM PUBLIC;


--
-- Name: FUNCTION identity(); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.identity() FROM PUBLIC;


--
-- Name: FUNCTION inputs_of(it pra_store.jobs); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.inputs_of(it pra_store.jobs) FROM PUBLIC;


--
-- Name: FUNCTION insert_points(held pra_store.jobs, batch bigint); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.insert_points(held pra_store.jobs, batch bigint) FROM PUBLIC;


--
-- Name: FUNCTION is_asked_for(job bigint, step bigint); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.is_asked_for(job bigint, step bigint) FROM PUBLIC;


--
-- Name: FUNCTION is_crash(outcome pra.attempt_outcome, cause text, exit_signal integer); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.is_crash(outcome pra.attempt_outcome, cause text, exit_signal integer) FROM PUBLIC;


--
-- Name: FUNCTION is_host_lack(cause text); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.is_host_lack(cause text) FROM PUBLIC;


--
-- Name: FUNCTION is_lost(worker bigint); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.is_lost(worker bigint) FROM PUBLIC;


--
-- Name: FUNCTION is_needed(sha256 bytea, is_whole boolean, upload bigint, store integer, copy integer); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.is_needed(sha256 bytea, is_whole boolean, upload bigint, store integer, copy integer) FROM PUBLIC;


--
-- Name: FUNCTION is_operator(); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.is_operator() FROM PUBLIC;


--
-- Name: FUNCTION is_outdated_preview(held pra_store.jobs); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.is_outdated_preview(held pra_store.jobs) FROM PUBLIC;


--
-- Name: FUNCTION is_own_word(sha256 bytea, upload bigint, store integer, copy integer); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.is_own_word(sha256 bytea, upload bigint, store integer, copy integer) FROM PUBLIC;


--
-- Name: FUNCTION is_paused(j pra_store.jobs); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.is_paused(j pra_store.jobs) FROM PUBLIC;


--
-- Name: FUNCTION is_referred_to(sha256 bytea); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.is_referred_to(sha256 bytea) FROM PUBLIC;


--
-- Name: FUNCTION jobs_read_by_others(runs bigint[]); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.jobs_read_by_others(runs bigint[]) FROM PUBLIC;


--
-- Name: FUNCTION kinds_of_parts(parts text[]); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.kinds_of_parts(parts text[]) FROM PUBLIC;


--
-- Name: FUNCTION known_limits(limits text[]); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.known_limits(limits text[]) FROM PUBLIC;


--
-- Name: FUNCTION label_fault(label text, value text); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.label_fault(label text, value text) FROM PUBLIC;


--
-- Name: FUNCTION lacking(it pra_store.jobs, serving integer); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.lacking(it pra_store.jobs, serving integer) FROM PUBLIC;


--
-- Name: FUNCTION lane(run bigint, queue text, kind text, requirements jsonb, limits text[]); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.lane(run bigint, queue text, kind text, requirements jsonb, limits text[]) FROM PUBLIC;


--
-- Name: FUNCTION lanes_in_line(); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.lanes_in_line() FROM PUBLIC;


--
-- Name: FUNCTION lease_end(expires_at timestamp with time zone, lease interval); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.lease_end(expires_at timestamp with time zone, lease interval) FROM PUBLIC;


--
-- Name: FUNCTION leaving_workers(it pra_store.jobs); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.leaving_workers(it pra_store.jobs) FROM PUBLIC;


--
-- Name: FUNCTION live_run(run bigint); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.live_run(run bigint) FROM PUBLIC;


--
-- Name: FUNCTION live_worker(worker bigint, token uuid, locks boolean); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.live_worker(worker bigint, token uuid, locks boolean) FROM PUBLIC;


--
-- Name: FUNCTION lock_key(key text); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.lock_key(key text) FROM PUBLIC;


--
-- Name: FUNCTION look_at_line(me pra_store.workers); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.look_at_line(me pra_store.workers) FROM PUBLIC;


--
-- Name: FUNCTION loss(it pra_store.jobs); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.loss(it pra_store.jobs) FROM PUBLIC;


--
-- Name: FUNCTION made_by(run bigint, parts text[], kinds text[]); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.made_by(run bigint, parts text[], kinds text[]) FROM PUBLIC;


--
-- Name: FUNCTION make_due(); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.make_due() FROM PUBLIC;


--
-- Name: FUNCTION may_be_read(job bigint); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.may_be_read(job bigint) FROM PUBLIC;


--
-- Name: FUNCTION may_delete(run bigint, kinds text[], whole boolean); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.may_delete(run bigint, kinds text[], whole boolean) FROM PUBLIC;


--
-- Name: FUNCTION may_ever_run(me pra_store.workers, j pra_store.jobs); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.may_ever_run(me pra_store.workers, j pra_store.jobs) FROM PUBLIC;


--
-- Name: FUNCTION may_not_suit(lanes integer[], me pra_store.workers); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.may_not_suit(lanes integer[], me pra_store.workers) FROM PUBLIC;


--
-- Name: FUNCTION misfit(given jsonb, schema jsonb, path text); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.misfit(given jsonb, schema jsonb, path text) FROM PUBLIC;


--
-- Name: FUNCTION misplaced_secret(given jsonb, schema jsonb, path text); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.misplaced_secret(given jsonb, schema jsonb, path text) FROM PUBLIC;


--
-- Name: FUNCTION missing_on(it pra_store.jobs, me pra_store.workers, OUT bytes bigint, OUT digests bytea[]); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.missing_on(it pra_store.jobs, me pra_store.workers, OUT bytes bigint, OUT digests bytea[]) FROM PUBLIC;


--
-- Name: FUNCTION must_wait(entry pra_store.line_entry, places pra_store.barrier, slots pra_store.barrier, elsewhere pra_store.barrier); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.must_wait(entry pra_store.line_entry, places pra_store.barrier, slots pra_store.barrier, elsewhere pra_store.barrier) FROM PUBLIC;


--
-- Name: FUNCTION named_artifacts(but bigint[]); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.named_artifacts(but bigint[]) FROM PUBLIC;


--
-- Name: FUNCTION next_element(a pra_store.jobs); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.next_element(a pra_store.jobs) FROM PUBLIC;


--
-- Name: FUNCTION next_in_line(line pra_store.line_view, free integer, depth integer); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.next_in_line(line pra_store.line_view, free integer, depth integer) FROM PUBLIC;


--
-- Name: FUNCTION no_numbers(it pra_store.jobs); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.no_numbers(it pra_store.jobs) FROM PUBLIC;


--
-- Name: FUNCTION normal_location(given text, OUT location text, OUT place text); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.normal_location(given text, OUT location text, OUT place text) FROM PUBLIC;


--
-- Name: FUNCTION note_checkpoint(); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.note_checkpoint() FROM PUBLIC;


--
-- Name: FUNCTION note_crash(); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.note_crash() FROM PUBLIC;


--
-- Name: FUNCTION note_upload(store integer, sha256 text, copy integer, upload text); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.note_upload(store integer, sha256 text, copy integer, upload text) FROM PUBLIC;


--
-- Name: FUNCTION nth_end(jobs bigint[], n integer); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.nth_end(jobs bigint[], n integer) FROM PUBLIC;


--
-- Name: FUNCTION number_misfit(given jsonb, schema jsonb, path text); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.number_misfit(given jsonb, schema jsonb, path text) FROM PUBLIC;


--
-- Name: FUNCTION object_misfit(given jsonb, schema jsonb, path text); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.object_misfit(given jsonb, schema jsonb, path text) FROM PUBLIC;


--
-- Name: FUNCTION object_name(sha256 bytea, copy integer); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.object_name(sha256 bytea, copy integer) FROM PUBLIC;


--
-- Name: FUNCTION open_lanes(me pra_store.workers, among integer[]); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.open_lanes(me pra_store.workers, among integer[]) FROM PUBLIC;


--
-- Name: FUNCTION operates(login text); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.operates(login text) FROM PUBLIC;


--
-- Name: FUNCTION others_take(host text, queue text, kind text, requirements jsonb); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.others_take(host text, queue text, kind text, requirements jsonb) FROM PUBLIC;


--
-- Name: FUNCTION own_artifacts(runs bigint[], parts text[], kinds text[]); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.own_artifacts(runs bigint[], parts text[], kinds text[]) FROM PUBLIC;


--
-- Name: FUNCTION owner_of(upload bigint, store integer, sha256 bytea, copy integer); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.owner_of(upload bigint, store integer, sha256 bytea, copy integer) FROM PUBLIC;


--
-- Name: FUNCTION packs(own jsonb[], pack integer); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.packs(own jsonb[], pack integer) FROM PUBLIC;


--
-- Name: FUNCTION parents_at_work(); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.parents_at_work() FROM PUBLIC;


--
-- Name: FUNCTION parse_requirement(requirement text); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.parse_requirement(requirement text) FROM PUBLIC;


--
-- Name: FUNCTION parse_requirements(requirements text[]); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.parse_requirements(requirements text[]) FROM PUBLIC;


--
-- Name: FUNCTION paused_workers(it pra_store.jobs); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.paused_workers(it pra_store.jobs) FROM PUBLIC;


--
-- Name: FUNCTION place_gang(gang_job bigint, me pra_store.workers, free_here integer); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.place_gang(gang_job bigint, me pra_store.workers, free_here integer) FROM PUBLIC;


--
-- Name: FUNCTION places_of_gang(g pra_store.jobs, needed integer, me pra_store.workers, free_here integer); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.places_of_gang(g pra_store.jobs, needed integer, me pra_store.workers, free_here integer) FROM PUBLIC;


--
-- Name: FUNCTION preempt_job(job bigint, grace interval, reason text); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.preempt_job(job bigint, grace interval, reason text) FROM PUBLIC;


--
-- Name: FUNCTION prefers_rollups(job bigint, series integer, first bigint, behind bigint); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.prefers_rollups(job bigint, series integer, first bigint, behind bigint) FROM PUBLIC;


--
-- Name: FUNCTION prepare_events(); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.prepare_events() FROM PUBLIC;


--
-- Name: FUNCTION purge_jobs(gone bigint[]); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.purge_jobs(gone bigint[]) FROM PUBLIC;


--
-- Name: FUNCTION put_chunk(upload bigint, job bigint, epoch bigint, ordinal integer, bytes bytea); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.put_chunk(upload bigint, job bigint, epoch bigint, ordinal integer, bytes bytea) FROM PUBLIC;


--
-- Name: FUNCTION put_inline(sha256 text, media_type text, bytes bytea); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.put_inline(sha256 text, media_type text, bytes bytea) FROM PUBLIC;


--
-- Name: FUNCTION put_limit(name text, slots integer); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.put_limit(name text, slots integer) FROM PUBLIC;


--
-- Name: FUNCTION rated_checkpoints(run bigint, job bigint, metric text); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.rated_checkpoints(run bigint, job bigint, metric text) FROM PUBLIC;


--
-- Name: FUNCTION reap_arrays(); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.reap_arrays() FROM PUBLIC;


--
-- Name: FUNCTION reap_deadlines(); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.reap_deadlines() FROM PUBLIC;


--
-- Name: FUNCTION reap_if_lost(job bigint); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.reap_if_lost(job bigint) FROM PUBLIC;


--
-- Name: FUNCTION reap_late_attempts(); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.reap_late_attempts() FROM PUBLIC;


--
-- Name: FUNCTION reap_workers(); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.reap_workers() FROM PUBLIC;


--
-- Name: FUNCTION reasons(job bigint, brief boolean); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.reasons(job bigint, brief boolean) FROM PUBLIC;


--
-- Name: FUNCTION reasons_among_workers(it pra_store.jobs, brief boolean); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.reasons_among_workers(it pra_store.jobs, brief boolean) FROM PUBLIC;


--
-- Name: FUNCTION reasons_of_room(it pra_store.jobs); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.reasons_of_room(it pra_store.jobs) FROM PUBLIC;


--
-- Name: FUNCTION record_event(kind text, run_id bigint, job_id bigint, epoch bigint, worker_id bigint, detail jsonb); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.record_event(kind text, run_id bigint, job_id bigint, epoch bigint, worker_id bigint, detail jsonb) FROM PUBLIC;


--
-- Name: FUNCTION record_turns(started bigint[]); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.record_turns(started bigint[]) FROM PUBLIC;


--
-- Name: FUNCTION release_dependents(parent bigint); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.release_dependents(parent bigint) FROM PUBLIC;


--
-- Name: FUNCTION remedy(it pra_store.jobs, reason text); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.remedy(it pra_store.jobs, reason text) FROM PUBLIC;


--
-- Name: FUNCTION remove_parts(run bigint, parts text[], kinds text[]); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.remove_parts(run bigint, parts text[], kinds text[]) FROM PUBLIC;


--
-- Name: FUNCTION reopen_array(whole pra_store.jobs); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.reopen_array(whole pra_store.jobs) FROM PUBLIC;


--
-- Name: FUNCTION require_operator(what text); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.require_operator(what text) FROM PUBLIC;


--
-- Name: FUNCTION require_own_jobs(jobs bigint[]); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.require_own_jobs(jobs bigint[]) FROM PUBLIC;


--
-- Name: FUNCTION require_own_run(run bigint); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.require_own_run(run bigint) FROM PUBLIC;


--
-- Name: FUNCTION require_own_schedule(name text); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.require_own_schedule(name text) FROM PUBLIC;


--
-- Name: FUNCTION retry_elements(whole pra_store.jobs); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.retry_elements(whole pra_store.jobs) FROM PUBLIC;


--
-- Name: FUNCTION retry_job(job bigint); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.retry_job(job bigint) FROM PUBLIC;


--
-- Name: FUNCTION retry_jobs(jobs bigint[]); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.retry_jobs(jobs bigint[]) FROM PUBLIC;


--
-- Name: FUNCTION retry_refusal(old pra_store.jobs); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.retry_refusal(old pra_store.jobs) FROM PUBLIC;


--
-- Name: FUNCTION roll_up(job bigint, from_step bigint, to_step bigint); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.roll_up(job bigint, from_step bigint, to_step bigint) FROM PUBLIC;


--
-- Name: FUNCTION rollups_together(parts pra_store.metric_rollups[]); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.rollups_together(parts pra_store.metric_rollups[]) FROM PUBLIC;


--
-- Name: FUNCTION run_schedule(s pra_store.schedules); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.run_schedule(s pra_store.schedules) FROM PUBLIC;


--
-- Name: FUNCTION run_schedules(); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.run_schedules() FROM PUBLIC;


--
-- Name: FUNCTION satisfies(labels jsonb, requirements jsonb); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.satisfies(labels jsonb, requirements jsonb) FROM PUBLIC;


--
-- Name: FUNCTION seats_for(g pra_store.jobs); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.seats_for(g pra_store.jobs) FROM PUBLIC;


--
-- Name: FUNCTION serve(me pra_store.workers, line pra_store.line_view, free integer); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.serve(me pra_store.workers, line pra_store.line_view, free integer) FROM PUBLIC;


--
-- Name: FUNCTION set_better(); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.set_better() FROM PUBLIC;


--
-- Name: FUNCTION settle(sha256 bytea, size bigint, media_type text, upload bigint, store integer, copy integer, checked boolean); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.settle(sha256 bytea, size bigint, media_type text, upload bigint, store integer, copy integer, checked boolean) FROM PUBLIC;


--
-- Name: FUNCTION settle_array(array_job bigint); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.settle_array(array_job bigint) FROM PUBLIC;


--
-- Name: FUNCTION settle_cancelled(job bigint); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.settle_cancelled(job bigint) FROM PUBLIC;


--
-- Name: FUNCTION settle_gang(a pra_store.jobs, member pra_store.jobs); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.settle_gang(a pra_store.jobs, member pra_store.jobs) FROM PUBLIC;


--
-- Name: FUNCTION settle_series(job bigint); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.settle_series(job bigint) FROM PUBLIC;


--
-- Name: FUNCTION share_of(it pra_store.jobs, places integer, lanes integer[]); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.share_of(it pra_store.jobs, places integer, lanes integer[]) FROM PUBLIC;


--
-- Name: FUNCTION small_limits(g pra_store.jobs); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.small_limits(g pra_store.jobs) FROM PUBLIC;


--
-- Name: FUNCTION split(arrays bigint[], wanted integer[], worker bigint); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.split(arrays bigint[], wanted integer[], worker bigint) FROM PUBLIC;


--
-- Name: FUNCTION state_after(held pra_store.jobs, how pra.attempt_outcome, cause text); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.state_after(held pra_store.jobs, how pra.attempt_outcome, cause text) FROM PUBLIC;


--
-- Name: FUNCTION stays(w pra_store.workers, time_limit interval); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.stays(w pra_store.workers, time_limit interval) FROM PUBLIC;


--
-- Name: FUNCTION stored_artifact(sha256 text, referrer text); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.stored_artifact(sha256 text, referrer text) FROM PUBLIC;


--
-- Name: FUNCTION string_misfit(given jsonb, schema jsonb, path text); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.string_misfit(given jsonb, schema jsonb, path text) FROM PUBLIC;


--
-- Name: FUNCTION suited(entries pra_store.line_entry[], me pra_store.workers, most integer, OUT suiting pra_store.line_entry[], OUT is_cut boolean); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.suited(entries pra_store.line_entry[], me pra_store.workers, most integer, OUT suiting pra_store.line_entry[], OUT is_cut boolean) FROM PUBLIC;


--
-- Name: FUNCTION suits(job bigint, me pra_store.workers); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.suits(job bigint, me pra_store.workers) FROM PUBLIC;


--
-- Name: FUNCTION summarize_batch(held pra_store.jobs, batch bigint, from_step bigint); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.summarize_batch(held pra_store.jobs, batch bigint, from_step bigint) FROM PUBLIC;


--
-- Name: FUNCTION sweep_staged(); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.sweep_staged() FROM PUBLIC;


--
-- Name: FUNCTION take(candidates bigint[], worker bigint, wanted integer); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.take(candidates bigint[], worker bigint, wanted integer) FROM PUBLIC;


--
-- Name: FUNCTION take_crashes_off(job bigint); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.take_crashes_off(job bigint) FROM PUBLIC;


--
-- Name: FUNCTION take_in_order(entries pra_store.line_entry[], worker bigint, free integer); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.take_in_order(entries pra_store.line_entry[], worker bigint, free integer) FROM PUBLIC;


--
-- Name: FUNCTION take_slots(jobs bigint[], epochs bigint[], limits text[]); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.take_slots(jobs bigint[], epochs bigint[], limits text[]) FROM PUBLIC;


--
-- Name: FUNCTION time_to_follow(a pra_store.jobs, member pra_store.jobs); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.time_to_follow(a pra_store.jobs, member pra_store.jobs) FROM PUBLIC;


--
-- Name: FUNCTION unexpected(given jsonb, path text, expected text); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.unexpected(given jsonb, path text, expected text) FROM PUBLIC;


--
-- Name: FUNCTION unmet_dependencies(job bigint); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.unmet_dependencies(job bigint) FROM PUBLIC;


--
-- Name: FUNCTION unmet_parents(job bigint); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.unmet_parents(job bigint) FROM PUBLIC;


--
-- Name: FUNCTION utc_offset(time_zone text, moment timestamp without time zone); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.utc_offset(time_zone text, moment timestamp without time zone) FROM PUBLIC;


--
-- Name: FUNCTION wait_bounds(); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.wait_bounds() FROM PUBLIC;


--
-- Name: FUNCTION waiting_groups(); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.waiting_groups() FROM PUBLIC;


--
-- Name: FUNCTION waits_for_its_training(it pra_store.jobs); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.waits_for_its_training(it pra_store.jobs) FROM PUBLIC;


--
-- Name: FUNCTION without_held(entries pra_store.line_entry[]); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.without_held(entries pra_store.line_entry[]) FROM PUBLIC;


--
-- Name: FUNCTION without_limits(line pra_store.line_view, closed text[]); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.without_limits(line pra_store.line_view, closed text[]) FROM PUBLIC;


--
-- Name: FUNCTION work_ahead(it pra_store.jobs, lanes integer[]); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.work_ahead(it pra_store.jobs, lanes integer[]) FROM PUBLIC;


--
-- Name: FUNCTION workers_serving(it pra_store.jobs); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.workers_serving(it pra_store.jobs) FROM PUBLIC;


--
-- Name: FUNCTION write_ranges(job bigint, head bigint); Type: ACL; Schema: pra_store; Owner: pra_owner
--

REVOKE ALL ON FUNCTION pra_store.write_ranges(job bigint, head bigint) FROM PUBLIC;


--
-- Name: TABLE arrays; Type: ACL; Schema: pra; Owner: pra_owner
--

GRANT SELECT ON TABLE pra.arrays TO pra_submit;
GRANT SELECT ON TABLE pra.arrays TO pra_worker;
GRANT SELECT ON TABLE pra.arrays TO pra_read;


--
-- Name: TABLE artifacts; Type: ACL; Schema: pra; Owner: pra_owner
--

GRANT SELECT ON TABLE pra.artifacts TO pra_submit;
GRANT SELECT ON TABLE pra.artifacts TO pra_worker;
GRANT SELECT ON TABLE pra.artifacts TO pra_read;


--
-- Name: TABLE attempt_counters; Type: ACL; Schema: pra; Owner: pra_owner
--

GRANT SELECT ON TABLE pra.attempt_counters TO pra_submit;
GRANT SELECT ON TABLE pra.attempt_counters TO pra_worker;
GRANT SELECT ON TABLE pra.attempt_counters TO pra_read;


--
-- Name: TABLE attempts; Type: ACL; Schema: pra; Owner: pra_owner
--

GRANT SELECT ON TABLE pra.attempts TO pra_submit;
GRANT SELECT ON TABLE pra.attempts TO pra_worker;
GRANT SELECT ON TABLE pra.attempts TO pra_read;


--
-- Name: TABLE blamed_hosts; Type: ACL; Schema: pra; Owner: pra_owner
--

GRANT SELECT ON TABLE pra.blamed_hosts TO pra_submit;
GRANT SELECT ON TABLE pra.blamed_hosts TO pra_worker;
GRANT SELECT ON TABLE pra.blamed_hosts TO pra_read;


--
-- Name: TABLE checkpoints; Type: ACL; Schema: pra; Owner: pra_owner
--

GRANT SELECT ON TABLE pra.checkpoints TO pra_submit;
GRANT SELECT ON TABLE pra.checkpoints TO pra_worker;
GRANT SELECT ON TABLE pra.checkpoints TO pra_read;


--
-- Name: TABLE compatibility; Type: ACL; Schema: pra; Owner: pra_owner
--

GRANT SELECT ON TABLE pra.compatibility TO pra_submit;
GRANT SELECT ON TABLE pra.compatibility TO pra_worker;
GRANT SELECT ON TABLE pra.compatibility TO pra_read;


--
-- Name: TABLE demand; Type: ACL; Schema: pra; Owner: pra_owner
--

GRANT SELECT ON TABLE pra.demand TO pra_submit;
GRANT SELECT ON TABLE pra.demand TO pra_worker;
GRANT SELECT ON TABLE pra.demand TO pra_read;


--
-- Name: TABLE evaluations; Type: ACL; Schema: pra; Owner: pra_owner
--

GRANT SELECT ON TABLE pra.evaluations TO pra_submit;
GRANT SELECT ON TABLE pra.evaluations TO pra_worker;
GRANT SELECT ON TABLE pra.evaluations TO pra_read;


--
-- Name: TABLE events; Type: ACL; Schema: pra; Owner: pra_owner
--

GRANT SELECT ON TABLE pra.events TO pra_submit;
GRANT SELECT ON TABLE pra.events TO pra_worker;
GRANT SELECT ON TABLE pra.events TO pra_read;


--
-- Name: TABLE exports; Type: ACL; Schema: pra; Owner: pra_owner
--

GRANT SELECT ON TABLE pra.exports TO pra_submit;
GRANT SELECT ON TABLE pra.exports TO pra_worker;
GRANT SELECT ON TABLE pra.exports TO pra_read;


--
-- Name: TABLE images; Type: ACL; Schema: pra; Owner: pra_owner
--

GRANT SELECT ON TABLE pra.images TO pra_submit;
GRANT SELECT ON TABLE pra.images TO pra_worker;
GRANT SELECT ON TABLE pra.images TO pra_read;


--
-- Name: TABLE jobs; Type: ACL; Schema: pra; Owner: pra_owner
--

GRANT SELECT ON TABLE pra.jobs TO pra_submit;
GRANT SELECT ON TABLE pra.jobs TO pra_worker;
GRANT SELECT ON TABLE pra.jobs TO pra_read;


--
-- Name: TABLE kept_results; Type: ACL; Schema: pra; Owner: pra_owner
--

GRANT SELECT ON TABLE pra.kept_results TO pra_submit;
GRANT SELECT ON TABLE pra.kept_results TO pra_worker;
GRANT SELECT ON TABLE pra.kept_results TO pra_read;


--
-- Name: TABLE kinds; Type: ACL; Schema: pra; Owner: pra_owner
--

GRANT SELECT ON TABLE pra.kinds TO pra_submit;
GRANT SELECT ON TABLE pra.kinds TO pra_worker;
GRANT SELECT ON TABLE pra.kinds TO pra_read;


--
-- Name: TABLE limits; Type: ACL; Schema: pra; Owner: pra_owner
--

GRANT SELECT ON TABLE pra.limits TO pra_submit;
GRANT SELECT ON TABLE pra.limits TO pra_worker;
GRANT SELECT ON TABLE pra.limits TO pra_read;


--
-- Name: TABLE lineage; Type: ACL; Schema: pra; Owner: pra_owner
--

GRANT SELECT ON TABLE pra.lineage TO pra_submit;
GRANT SELECT ON TABLE pra.lineage TO pra_worker;
GRANT SELECT ON TABLE pra.lineage TO pra_read;


--
-- Name: TABLE metric_rollups; Type: ACL; Schema: pra; Owner: pra_owner
--

GRANT SELECT ON TABLE pra.metric_rollups TO pra_submit;
GRANT SELECT ON TABLE pra.metric_rollups TO pra_worker;
GRANT SELECT ON TABLE pra.metric_rollups TO pra_read;


--
-- Name: TABLE metric_summaries; Type: ACL; Schema: pra; Owner: pra_owner
--

GRANT SELECT ON TABLE pra.metric_summaries TO pra_submit;
GRANT SELECT ON TABLE pra.metric_summaries TO pra_worker;
GRANT SELECT ON TABLE pra.metric_summaries TO pra_read;


--
-- Name: TABLE metrics; Type: ACL; Schema: pra; Owner: pra_owner
--

GRANT SELECT ON TABLE pra.metrics TO pra_submit;
GRANT SELECT ON TABLE pra.metrics TO pra_worker;
GRANT SELECT ON TABLE pra.metrics TO pra_read;


--
-- Name: TABLE metrics_raw; Type: ACL; Schema: pra; Owner: pra_owner
--

GRANT SELECT ON TABLE pra.metrics_raw TO pra_submit;
GRANT SELECT ON TABLE pra.metrics_raw TO pra_worker;
GRANT SELECT ON TABLE pra.metrics_raw TO pra_read;


--
-- Name: TABLE outputs; Type: ACL; Schema: pra; Owner: pra_owner
--

GRANT SELECT ON TABLE pra.outputs TO pra_submit;
GRANT SELECT ON TABLE pra.outputs TO pra_worker;
GRANT SELECT ON TABLE pra.outputs TO pra_read;


--
-- Name: TABLE preemptions; Type: ACL; Schema: pra; Owner: pra_owner
--

GRANT SELECT ON TABLE pra.preemptions TO pra_submit;
GRANT SELECT ON TABLE pra.preemptions TO pra_worker;
GRANT SELECT ON TABLE pra.preemptions TO pra_read;


--
-- Name: TABLE queues; Type: ACL; Schema: pra; Owner: pra_owner
--

GRANT SELECT ON TABLE pra.queues TO pra_submit;
GRANT SELECT ON TABLE pra.queues TO pra_worker;
GRANT SELECT ON TABLE pra.queues TO pra_read;


--
-- Name: TABLE runs; Type: ACL; Schema: pra; Owner: pra_owner
--

GRANT SELECT ON TABLE pra.runs TO pra_submit;
GRANT SELECT ON TABLE pra.runs TO pra_worker;
GRANT SELECT ON TABLE pra.runs TO pra_read;


--
-- Name: TABLE samplings; Type: ACL; Schema: pra; Owner: pra_owner
--

GRANT SELECT ON TABLE pra.samplings TO pra_submit;
GRANT SELECT ON TABLE pra.samplings TO pra_worker;
GRANT SELECT ON TABLE pra.samplings TO pra_read;


--
-- Name: TABLE schedules; Type: ACL; Schema: pra; Owner: pra_owner
--

GRANT SELECT ON TABLE pra.schedules TO pra_submit;
GRANT SELECT ON TABLE pra.schedules TO pra_worker;
GRANT SELECT ON TABLE pra.schedules TO pra_read;


--
-- Name: TABLE schema_files; Type: ACL; Schema: pra; Owner: pra_owner
--

GRANT SELECT ON TABLE pra.schema_files TO pra_submit;
GRANT SELECT ON TABLE pra.schema_files TO pra_worker;
GRANT SELECT ON TABLE pra.schema_files TO pra_read;


--
-- Name: TABLE schema_objects; Type: ACL; Schema: pra; Owner: pra_owner
--

GRANT SELECT ON TABLE pra.schema_objects TO pra_submit;
GRANT SELECT ON TABLE pra.schema_objects TO pra_worker;
GRANT SELECT ON TABLE pra.schema_objects TO pra_read;


--
-- Name: TABLE schema_versions; Type: ACL; Schema: pra; Owner: pra_owner
--

GRANT SELECT ON TABLE pra.schema_versions TO pra_submit;
GRANT SELECT ON TABLE pra.schema_versions TO pra_worker;
GRANT SELECT ON TABLE pra.schema_versions TO pra_read;


--
-- Name: TABLE sessions; Type: ACL; Schema: pra; Owner: pra_owner
--

GRANT SELECT ON TABLE pra.sessions TO pra_submit;
GRANT SELECT ON TABLE pra.sessions TO pra_worker;
GRANT SELECT ON TABLE pra.sessions TO pra_read;


--
-- Name: TABLE start_waits; Type: ACL; Schema: pra; Owner: pra_owner
--

GRANT SELECT ON TABLE pra.start_waits TO pra_submit;
GRANT SELECT ON TABLE pra.start_waits TO pra_worker;
GRANT SELECT ON TABLE pra.start_waits TO pra_read;


--
-- Name: TABLE stores; Type: ACL; Schema: pra; Owner: pra_owner
--

GRANT SELECT ON TABLE pra.stores TO pra_submit;
GRANT SELECT ON TABLE pra.stores TO pra_worker;
GRANT SELECT ON TABLE pra.stores TO pra_read;


--
-- Name: TABLE sweeps; Type: ACL; Schema: pra; Owner: pra_owner
--

GRANT SELECT ON TABLE pra.sweeps TO pra_submit;
GRANT SELECT ON TABLE pra.sweeps TO pra_worker;
GRANT SELECT ON TABLE pra.sweeps TO pra_read;


--
-- Name: TABLE upkeep; Type: ACL; Schema: pra; Owner: pra_owner
--

GRANT SELECT ON TABLE pra.upkeep TO pra_submit;
GRANT SELECT ON TABLE pra.upkeep TO pra_worker;
GRANT SELECT ON TABLE pra.upkeep TO pra_read;


--
-- Name: TABLE variants; Type: ACL; Schema: pra; Owner: pra_owner
--

GRANT SELECT ON TABLE pra.variants TO pra_submit;
GRANT SELECT ON TABLE pra.variants TO pra_worker;
GRANT SELECT ON TABLE pra.variants TO pra_read;


--
-- Name: TABLE waiting; Type: ACL; Schema: pra; Owner: pra_owner
--

GRANT SELECT ON TABLE pra.waiting TO pra_submit;
GRANT SELECT ON TABLE pra.waiting TO pra_worker;
GRANT SELECT ON TABLE pra.waiting TO pra_read;


--
-- Name: TABLE workers; Type: ACL; Schema: pra; Owner: pra_owner
--

GRANT SELECT ON TABLE pra.workers TO pra_submit;
GRANT SELECT ON TABLE pra.workers TO pra_worker;
GRANT SELECT ON TABLE pra.workers TO pra_read;


--
-- Name: TABLE metric_staging; Type: ACL; Schema: pra_store; Owner: pra_owner
--

GRANT INSERT ON TABLE pra_store.metric_staging TO pra_worker;


--
-- Name: DEFAULT PRIVILEGES FOR TYPES; Type: DEFAULT ACL; Schema: -; Owner: pra_owner
--

ALTER DEFAULT PRIVILEGES FOR ROLE pra_owner REVOKE ALL ON TYPES  FROM PUBLIC;


--
-- Name: DEFAULT PRIVILEGES FOR FUNCTIONS; Type: DEFAULT ACL; Schema: -; Owner: pra_owner
--

ALTER DEFAULT PRIVILEGES FOR ROLE pra_owner REVOKE ALL ON FUNCTIONS  FROM PUBLIC;


--
-- PostgreSQL database dump complete
--


