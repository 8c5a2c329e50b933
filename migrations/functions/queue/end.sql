-- Attempts that end without success: classes, budgets, quarantine.

create or replace function pra.report_exit(
  job bigint, epoch bigint, class pra.attempt_outcome, message text default null,
  exit_code integer default null, exit_signal integer default null, cause text default null,
  token uuid default null
) returns pra.job_state
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
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

grant execute on function pra.report_exit to pra_worker;

comment on function pra.report_exit is
'Ends an attempt that did not succeed, and returns the next state of its job.
class: fault, permanent, timeout, released, cancelled or lost; the budget of that class decides
whether the job runs again. A job whose cancellation was asked for is cancelled, whatever the class.
message: what went wrong, cut to 4000 characters. cause: exit-code, signal, out-of-memory, time-limit,
lease-lost, not-started, host, peer-lost (another member of its gang was) or asked; by default derived from class, exit_code and exit_signal.
A fault of cause host or not-started, where the host lacked something, spends no try, twenty times; then it
fails the job. Another host is preferred for the next attempt.
Raises PR001 when the attempt has lost its lease, PR003 for a class or cause not listed here.';

create or replace function pra.release(
  job bigint, epoch bigint, message text default null, token uuid default null
) returns pra.job_state
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  return pra.report_exit(job, epoch, 'released', message, token => release.token);
end
$$;

grant execute on function pra.release to pra_worker;

comment on function pra.release is
'Gives a running job back to the queue and returns its next state. No budget is spent, but that of
preemptions when a preemption was asked for.
Raises PR001 when the attempt has lost its lease.';

-- Ends the attempt of a running job that the caller holds: writes the attempt, counts it against its
-- budget and moves the job to its next state, which it returns.
create or replace function pra_store.end_attempt(
  held pra_store.jobs, outcome pra.attempt_outcome, message text, exit_code integer,
  exit_signal integer, cause text default null
) returns pra.job_state
language plpgsql
as $$
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

-- Cause of an end that was reported without one.
create or replace function pra_store.default_cause(
  outcome pra.attempt_outcome, exit_code integer, exit_signal integer
) returns text
language plpgsql immutable
as $$
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

-- State of a job after an attempt that its counters have counted: out of line where a budget is spent.
create or replace function pra_store.state_after(
  held pra_store.jobs, how pra.attempt_outcome, cause text
) returns pra.job_state
language plpgsql stable
as $$
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

-- Returns the hosts on which the job has crashed. One counts against the host, two against the job.
create or replace function pra_store.count_crash(held pra_store.jobs) returns text[]
language plpgsql
as $$
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

-- Whether an attempt ended for want of something on its host.
create or replace function pra_store.is_host_lack(cause text) returns boolean
language plpgsql immutable
as $$ begin return coalesce(cause in ('host', 'not-started'), false); end $$;

-- Lets a job avoid the host of its worker for a minute, if another host could take it.
create or replace function pra_store.avoid_host(held pra_store.jobs) returns pra_store.jobs
language plpgsql
as $$
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

-- Delay before another try: 2 s, 4 s, 8 s ... to 10 minutes, a quarter more or less so that jobs that
-- failed together do not return together.
create or replace function pra_store.backoff(tries integer) returns interval
language sql
as $$
  select least(600, 2 ^ least(tries, 10)) * (0.75 + 0.5 * random()) * interval '1 second';
$$;

-- Cancels a job that is not running. The caller holds its row.
create or replace function pra_store.settle_cancelled(job bigint) returns void
language plpgsql
as $$
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
