// Every statement of the run store. Each function that it calls counts a repeated call once.

enum Queries {
  // MARK: artifacts

  // The commit that ends an upload waits for the server's disk, and for the chunks before it with it.
  static let commitLater = "set local synchronous_commit = off"

  static let putArtifact = """
    select pra.put_artifact(
      job => $1, epoch => $2, token => $3, sha256 => $4, media_type => $5, bytes => $6)
    """

  static let beginArtifact = """
    select pra.begin_artifact(
      job => $1, epoch => $2, token => $3, sha256 => $4, size => $5, media_type => $6) as upload
    """

  static let putArtifactChunk = """
    select pra.put_artifact_chunk(
      job => $1, epoch => $2, token => $3, upload => $4, ordinal => $5, bytes => $6)
    """

  static let commitArtifact = """
    select pra.commit_artifact(job => $1, epoch => $2, token => $3, upload => $4)
    """

  static let storeFolders = "select location from pra.stores where location like 'file:%'"

  static let storeFolder = "select pra.store_folder(size => $1) as folder"

  static let beginObject = """
    select store, location
    from pra.begin_object(job => $1, epoch => $2, token => $3, sha256 => $4, size => $5)
    """

  static let commitObject = """
    select pra.commit_object(
      job => $1, epoch => $2, token => $3, store => $4, sha256 => $5, size => $6, media_type => $7)
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

  // MARK: logs

  static let log = """
    select epoch, ordinal, bytes
    from pra.read_log(job => $1, epoch => $2, after => $3)
    """
}
