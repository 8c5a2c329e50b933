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

  static let currentStore = """
    select location, database, mark, is_marked from pra.current_store()
    """

  static let storeFolder = """
    select location, database, mark, is_marked from pra.store_folder(size => $1)
    """

  static let needsRoom = """
    select pra.needs_room(job => $1, epoch => $2, token => $3, bytes => $4)
    """

  static let checkArtifactSize = "select pra.check_artifact_size(size => $1)"

  static let folderStores = "select location, mark from pra.folder_stores()"

  static let beginObject = """
    select store, location, object, copy, has, database, mark, is_marked
    from pra.begin_object(job => $1, epoch => $2, token => $3, sha256 => $4, size => $5)
    """

  static let noteUpload = """
    select pra.note_upload(
      job => $1, epoch => $2, token => $3, store => $4, sha256 => $5, copy => $6, upload => $7)
    """

  static let commitObject = """
    select pra.commit_object(
      job => $1, epoch => $2, token => $3, store => $4, sha256 => $5, size => $6, media_type => $7,
      copy => $8, upload => $9)
    """

  static let beginSubmittedObject = """
    select store, location, object, copy, has, database, mark, is_marked
    from pra.begin_submitted_object(sha256 => $1, size => $2)
    """

  static let noteSubmittedUpload = """
    select pra.note_submitted_upload(store => $1, sha256 => $2, copy => $3, upload => $4)
    """

  static let commitSubmittedObject = """
    select pra.commit_submitted_object(
      store => $1, sha256 => $2, size => $3, media_type => $4, copy => $5, upload => $6)
    """

  // MARK: stores

  static let findStore = """
    select id, location, database, mark, is_marked from pra.find_store(given => $1)
    """

  static let storeOfMark = "select location from pra.stores where mark = $1::uuid"

  static let stores = "select id, location from pra.stores where id is not null order by id"

  static let markStore = "select pra.mark_store(store => $1)"

  // MARK: garbage

  static let retainCheckpoints = """
    select job_id, epoch, step, kept, reason
    from pra.retain_checkpoints(
      run => $1, keep_last => $2, keep_best => $3, metric => $4, keep_every => $5, dry => $6)
    """

  static let nextDropped = """
    select store, location, database, mark, is_marked, sha256, object, copy
    from pra.next_dropped(job => $1, epoch => $2, token => $3)
    """

  static let forgetDropped = """
    select pra.forget_dropped(
      job => $1, epoch => $2, token => $3, store => $4, sha256 => $5, copy => $6)
    """

  static let collectGarbage = """
    select what, number, bytes
    from pra.collect_garbage(grace => make_interval(secs => $1), dry => $2)
    """

  static let nextDoomed = """
    select sha256, object, copy, is_doomed, array_to_string(uploads, E'\n') as uploads
    from pra.next_doomed(store => $1, after => $2)
    """

  static let forgetObject = "select pra.forget_object(store => $1, sha256 => $2, copy => $3)"

  static let beginUpkeep = """
    select pra.begin_upkeep(worker => $1, worker_token => $2)::text as collected
    """
  static let upkeepObject = """
    select location, database, mark, is_marked, sha256, object, copy, is_doomed,
      array_to_string(uploads, E'\n') as uploads
    from pra.upkeep_object(worker => $1, worker_token => $2, store => $3, after => $4)
    """
  static let forgetUpkeepObject = """
    select pra.forget_upkeep_object(
      worker => $1, worker_token => $2, store => $3, sha256 => $4, copy => $5)
    """
  static let endUpkeep = "select pra.end_upkeep(worker => $1, worker_token => $2, error => $3)"

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

  // MARK: reading

  static let copies = """
    select a.sha256, c.upload, c.store, c.location, c.object, c.copy, c.size, c.chunks, c.certain, c.mark
    from unnest($1::text[]) as a (sha256)
    cross join lateral (
      -- In the order of the function: the best copy first.
      select *, row_number() over () as n from pra.artifact_copies(sha256 => a.sha256)) as c
    order by a.sha256, c.n
    """

  static let artifact = "select suspicion from pra.artifacts where sha256 = $1"

  static let artifactChunk = """
    select pra.artifact_chunk(sha256 => $1, ordinal => $2, upload => $3)
    """

  static let artifactRange = """
    select pra.artifact_range(sha256 => $1, place => $2, length => $3)
    """

  static let doubt = """
    select pra.doubt_artifact(
      job => $1, epoch => $2, token => $3, sha256 => $4, upload => $5, store => $6, copy => $7,
      reason => $8)
    """

  static let submitDoubt = """
    select pra.submit_doubt(sha256 => $1, upload => $2, store => $3, copy => $4, reason => $5)
    """

  static let confirm = """
    select pra.confirm_artifact(
      job => $1, epoch => $2, token => $3, sha256 => $4, upload => $5, store => $6, copy => $7)
    """

  static let confirmStored = """
    select pra.confirm_stored(sha256 => $1, upload => $2, store => $3, copy => $4)
    """

  // MARK: verification

  static let checkInline = "select sha256, number from pra.check_inline(after => $1)"

  static let storedOutside = """
    select sha256, size, location from pra.artifacts
    where storage not in ('inline', 'lost')
    order by location nulls first, sha256
    """

  static let unknownObjects = """
    select name from pra.unknown_objects(location => $1, names => $2) as name
    """

  static let suspects = """
    select sha256, size, coalesce(location, 'database') as location, suspicion
    from pra.artifacts where suspect_at is not null order by sha256
    """

  static let uses = """
    select u.run, r.name, u.job, u.kind, u.use
    from pra.artifact_uses(sha256 => $1) as u left join pra.runs as r on r.id = u.run
    """

  // MARK: logs

  static let log = """
    select epoch, ordinal, bytes
    from pra.read_log(job => $1, epoch => $2, after => $3)
    """
}
