// Statements of a stage's session besides the calls of the queue. Each counts a repeated call once.

enum Queries {
  static let job = """
    select run_id, arguments::text as arguments, state::text as state, epoch
    from pra.jobs
    where id = $1
    """

  // MARK: gangs

  static let joinGang = """
    select gang, start, rank, size, host(inet_client_addr()) as address
    from pra.join_gang(job => $1, epoch => $2, token => $3)
    """

  static let meet = "select pra.meet(job => $1, epoch => $2, token => $3, key => $4, value => $5)"

  static let met = """
    select rank, value from pra.met(job => $1, epoch => $2, token => $3, key => $4)
    """

  static let secretUse = "select login, kind, misplaced from pra.secret_use($1)"

  // MARK: metrics

  // A batch is numbered and sent again until its commit is known to be on the server's disk, so that
  // the commit itself need not wait for the disk.
  static let commitLater = "set local synchronous_commit = off"

  static let stageMetrics = """
    copy pra_store.metric_staging (job_id, epoch, token, batch, name, steps, "values")
    from stdin (format binary)
    """

  static let absorbMetrics = """
    select pra.absorb_metrics(job => $1, epoch => $2, token => $3, batch => $4)
    """

  static let continueFrom = """
    select pra.continue_from(job => $1, epoch => $2, token => $3, from_epoch => $4, step => $5)
    """

  // MARK: outputs of other jobs

  static let outputs = """
    select name, sha256, size, media_type
    from pra.outputs
    where job_id = $1
    """

  // One job, or the parts of an array in the order of their elements.
  static let finishedJobs = """
    select id, arguments::text as arguments
    from pra.jobs
    where (id = $1 and array_first is null or array_id = $1) and state = 'succeeded'
    order by element_first, id
    """

  static let keptResult = """
    select k.sha256, k.size, k.media_type
    from pra.kept_results as k join pra.artifacts as a on a.sha256 = k.sha256
    where k.source = $1 and k.what = $2 and a.suspect_at is null
    """

  static let keepResult = """
    select pra.keep_result(
      job => $1, epoch => $2, token => $3, source => $4, what => $5, sha256 => $6)
    """

  // MARK: checkpoints and the end

  // The newest attempt that has a checkpoint comes first, even if an earlier one made more steps:
  // it may have started from scratch.
  static let checkpoints = """
    select id, epoch, step
    from pra.checkpoints
    where job_id = $1 and ($3::bigint is null or step = $3)
    order by epoch desc, step desc
    limit $2
    """

  static let checkpointFiles = """
    select f ->> 'name' as name, f ->> 'sha256' as sha256, f ->> 'size' as size,
      f ->> 'media_type' as media_type
    from pra.checkpoints as c cross join jsonb_array_elements(c.files) as f
    where c.id = $1
    """

  static let registerCheckpoint = """
    select dropped from pra.register_checkpoint(
      job => $1, epoch => $2, token => $3, step => $4, files => $5, keep => $6)
    """
}
