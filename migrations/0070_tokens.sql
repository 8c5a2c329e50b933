-- Tokens: random numbers of registrations and attempts, made by the server, which every call of a worker and of a
-- stage carries. Numbers and epochs go back when a database is restored from a backup; tokens do not come again.
--
-- A worker that registered under 0.1.0 has no token; neither it nor its attempts are asked for one.

set local role pra_owner;

alter table pra_store.workers add column token uuid;

alter table pra_store.workers drop constraint workers_stop_reason_check;
alter table pra_store.workers add constraint workers_stop_reason_check
  check (stop_reason in ('deregistered', 'lease lost', 'declared dead'));

-- The token of the latest attempt.
alter table pra_store.jobs add column token uuid;
update pra_store.jobs set token = gen_random_uuid() where state = 'running';

alter table pra_store.metric_staging add column token uuid;
drop index pra_store.metric_staging_by_attempt;
create index metric_staging_by_token on pra_store.metric_staging (token, batch);

-- Attempts that were asked to stop by a cancellation, until the reaper finds them ended or ends them. An index of
-- pra_store.jobs would cost each claim and each finish.
create table pra_store.cancellations (
  job_id bigint primary key,
  epoch bigint not null,
  deadline timestamptz not null
);

-- They get a parameter more, or return more.
do $$
declare
  object text;
begin
  for object in
    select format('drop function %s', p.oid::regprocedure) from pg_proc as p
    where p.pronamespace = 'pra'::regnamespace and p.proname in (
      'register_worker', 'deregister_worker', 'claim', 'heartbeat', 'finish', 'finish_many', 'report_exit', 'release',
      'progress', 'continue_from', 'absorb_metrics', 'append_log', 'put_artifact', 'begin_artifact',
      'put_artifact_chunk', 'commit_artifact', 'begin_object', 'commit_object', 'register_checkpoint')
  loop
    execute object;
  end loop;
end
$$;
