/// Every statement of the queue, whole. SchemaFileTests prepare each on the migrated schema.
package enum Queries {
  package static let createRun = """
    select pra.create_run($1, $2::jsonb, $3, $4, $5) as id
    """
  package static let enqueue = """
    select pra.enqueue(
      kind => $1, run => $2, arguments => $3::jsonb, queue => $4, priority => $5, delay => $6,
      after => $7, requirements => $8, idempotency_key => $9, time_limit => $10, limits => $11,
      deadline => clock_timestamp() + $12::interval, array_first => $13, array_last => $14,
      array_limit => $15, pack => $16, first_path => $17, end_path => $18, elementwise => $19,
      gang => $20) as id
    """
  /// A shorter call for a plain job: parameters that are not sent need no parsing.
  package static let enqueuePlain = """
    select pra.enqueue(kind => $1, run => $2, arguments => $3::jsonb, queue => $4, priority => $5) as id
    """
  package static let enqueueMany = """
    select pra.enqueue_many(
      kind => $1, run => $2,
      arguments => array(select value from jsonb_array_elements($3::jsonb)), queue => $4,
      priority => $5, pack => $6, requirements => $7, limits => $8, idempotency_key => $9) as id
    """
  package static let setLimit = "select pra.set_limit($1, $2)"
  package static let setGangSizes = "select pra.set_gang_sizes($1, $2::integer[])"
  package static let setVariant = "select pra.set_variant($1, $2, $3)"
  package static let schedule = """
    select pra.schedule(
      name => $1, cron => $2, run => $3, kind => $4, arguments => $5::jsonb, time_zone => $6,
      catch_up => $7, queue => $8, priority => $9, overlap => $10) as next_at
    """
  package static let unschedule = "select pra.unschedule($1)"
  package static let pauseSchedule = "select pra.pause_schedule($1, $2)"
  package static let drain = "select pra.drain($1, $2) as count"
  package static let declareDead = "select pra.declare_dead($1) as count"
  package static let undrain = "select pra.undrain($1)"
  package static let forgiveHost = "select pra.forgive_host($1)"
  package static let setRunWeight = "select pra.set_run_weight($1, $2)"
  package static let setUserWeight = "select pra.set_user_weight($1, $2)"
  package static let cancel = "select pra.cancel($1, $2) as count"
  package static let cancelMany = "select pra.cancel_many($1) as count"
  package static let retryMany = "select pra.retry_many($1) as count"
  package static let cancelRun = "select pra.cancel_run($1) as count"
  package static let retry = "select pra.retry($1) as state"
  package static let preempt = "select pra.preempt($1, $2, $3)"
  package static let setPriority = "select pra.set_priority($1, $2)"
  package static let pauseRun = "select pra.pause_run($1)"
  package static let resumeRun = "select pra.resume_run($1)"
  package static let pauseQueue = "select pra.pause_queue($1)"
  package static let resumeQueue = "select pra.resume_queue($1)"
  package static let whyPending = "select reason, detail from pra.why_pending($1)"
  package static let why = "select pra.why($1) as why"
  package static let jobState = "select state from pra.jobs where id = $1"

  package static let registerWorker = """
    select worker, token
    from pra.register_worker(
      name => $1, labels => $2::jsonb, queues => $3, kinds => $4, slots => $5, lease => $6,
      version => $7, stays => $8)
    """
  package static let heartbeat = """
    select job, epoch, token, ask, seconds
    from pra.heartbeat(
      worker => $1, worker_token => $2, running_jobs => $3, running_epochs => $4,
      running_tokens => $5, draining => $6)
    """
  package static let claim = """
    select job, epoch, token, run, run_name, kind, queue, arguments, array_job, element_first,
      element_end
    from pra.claim(worker => $1, worker_token => $2, count => $3, oldest => $4)
    """
  package static let releaseUnheard = """
    select job from pra.release_unheard(worker => $1, worker_token => $2, known => $3)
    """
  package static let workerHolds = """
    select pra.worker_holds(
      worker => $1, worker_token => $2, room => $3, cache_bytes => $4, cache_quota => $5, artifacts => $6,
      stores => $7)
    """
  package static let workerLacks = """
    select pra.worker_lacks(worker => $1, worker_token => $2, lack => $3)
    """
  package static let reportExit = """
    select pra.report_exit(
      job => $1, epoch => $2, token => $3, class => $4, message => $5, exit_code => $6,
      exit_signal => $7, cause => $8) as state
    """
  package static let release = """
    select pra.release(job => $1, epoch => $2, token => $3, message => $4) as state
    """
  package static let appendLog = """
    select pra.append_log(job => $1, epoch => $2, token => $3, ordinal => $4, bytes => $5)
    """
  package static let progress = """
    select pra.progress(job => $1, epoch => $2, token => $3, done => $4, total => $5, unit => $6,
      rate => $7)
    """
  package static let finish = """
    select pra.finish(
      job => $1, epoch => $2, token => $3, outputs => $4::jsonb, images => $5::jsonb,
      evaluations => $6::jsonb, result => $7::jsonb, metric_batch => $8) as committed
    """
  package static let finishMany = """
    select job
    from pra.finish_many(
      worker => $1, worker_token => $2, jobs => $3, epochs => $4, tokens => $5,
      failures => $6::jsonb) as job
    """
  package static let deregisterWorker = """
    select pra.deregister_worker(worker => $1, worker_token => $2)
    """
  /// Sessions that the login can still open, as the server, the database and the login allow.
  package static let freeSessions = """
    select least(
      current_setting('max_connections')::integer - current_setting('superuser_reserved_connections')::integer
        - coalesce(current_setting('reserved_connections', true)::integer, 0) - count(*),
      (select nullif(d.datconnlimit, -1) from pg_database as d where d.datname = current_database())
        - count(*) filter (where a.datname = current_database()),
      (select nullif(r.rolconnlimit, -1) from pg_roles as r where r.rolname = session_user)
        - count(*) filter (where a.usename = session_user)) as free
    from pg_stat_activity as a where a.backend_type = 'client backend'
    """
  package static let reap = "select pra.reap() as count"
}
