// Every statement of the run store. A repeated call of one of the functions counts once.

enum Queries {
  static let job = """
    select run_id, arguments::text as arguments, state::text as state, epoch
    from pra.jobs
    where id = $1
    """

  static let progress = """
    select pra.progress(job => $1, epoch => $2, done => $3, total => $4, unit => $5)
    """

  // MARK: metrics

  // A batch is sent again until its commit is known to be on the server's disk, so the commit
  // itself need not wait for the disk.
  static let commitLater = "set local synchronous_commit = off"

  static let stageMetrics = """
    copy pra_store.metric_staging (job_id, epoch, batch, name, steps, "values")
    from stdin (format binary)
    """

  static let absorbMetrics = """
    select pra.absorb_metrics(job => $1, epoch => $2, batch => $3)
    """

  static let continueFrom = """
    select pra.continue_from(job => $1, epoch => $2, from_epoch => $3, step => $4)
    """

  // MARK: artifacts

  static let putArtifact = """
    select pra.put_artifact(job => $1, epoch => $2, sha256 => $3, media_type => $4, bytes => $5)
    """

  static let beginArtifact = """
    select pra.begin_artifact(
      job => $1, epoch => $2, sha256 => $3, size => $4, media_type => $5) as upload
    """

  static let putArtifactChunk = """
    select pra.put_artifact_chunk(
      job => $1, epoch => $2, upload => $3, ordinal => $4, bytes => $5)
    """

  static let commitArtifact = """
    select pra.commit_artifact(job => $1, epoch => $2, upload => $3)
    """

  static let storeFolders = "select location from pra.stores where location like 'file:%'"

  static let storeFolder = "select pra.store_folder(size => $1) as folder"

  static let beginObject = """
    select store, location from pra.begin_object(job => $1, epoch => $2, sha256 => $3, size => $4)
    """

  static let commitObject = """
    select pra.commit_object(
      job => $1, epoch => $2, store => $3, sha256 => $4, size => $5, media_type => $6)
    """

  static let beginSubmittedObject = """
    select store, location from pra.begin_submitted_object(sha256 => $1, size => $2)
    """

  static let commitSubmittedObject = """
    select pra.commit_submitted_object(store => $1, sha256 => $2, size => $3, media_type => $4)
    """

  // MARK: garbage

  static let retainCheckpoints = """
    select job_id, epoch, step, kept, reason
    from pra.retain_checkpoints(
      run => $1, keep_last => $2, keep_best => $3, metric => $4, keep_every => $5, dry => $6)
    """

  static let collectGarbage = """
    select what, number, bytes
    from pra.collect_garbage(grace => make_interval(secs => $1), dry => $2)
    """

  static let nextDoomed = "select store, location, sha256 from pra.next_doomed(after => $1)"

  static let forgetObject = "select pra.forget_object(store => $1, sha256 => $2)"

  static let submitArtifact = """
    select pra.submit_artifact(sha256 => $1, media_type => $2, bytes => $3)
    """

  static let beginSubmission = """
    select pra.begin_submission(sha256 => $1, size => $2, media_type => $3) as upload
    """

  static let submitChunk = """
    select pra.submit_chunk(upload => $1, ordinal => $2, bytes => $3)
    """

  static let commitSubmission = """
    select pra.commit_submission(upload => $1)
    """

  static let artifact = """
    select size, chunks, location
    from pra.artifacts
    where sha256 = $1
    """

  static let artifactChunk = """
    select pra.artifact_chunk(sha256 => $1, ordinal => $2)
    """

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

  // MARK: checkpoints and the end

  // The newest attempt that has a checkpoint comes first, even if an earlier one made more steps:
  // it may have started from scratch.
  static let latestCheckpoint = """
    select id, epoch, step
    from pra.checkpoints
    where job_id = $1
    order by epoch desc, step desc
    limit 1
    """

  static let checkpointFiles = """
    select f ->> 'name' as name, f ->> 'sha256' as sha256, f ->> 'size' as size,
      f ->> 'media_type' as media_type
    from pra.checkpoints as c cross join jsonb_array_elements(c.files) as f
    where c.id = $1
    """

  static let registerCheckpoint = """
    select pra.register_checkpoint(job => $1, epoch => $2, step => $3, files => $4)
    """

  static let finish = """
    select pra.finish(
      job => $1, epoch => $2, outputs => $3, images => $4, evaluations => $5, result => $6,
      metric_batch => $7)
    """

  // MARK: logs

  static let log = """
    select epoch, ordinal, bytes
    from pra.read_log(job => $1, epoch => $2, after => $3)
    """
}
