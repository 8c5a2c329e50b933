// Deletion of runs, or of what they have made.

import ArgumentParser
import Files
import Postgres

struct Delete: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Delete runs, or with --only some of what they have made.",
    discussion: """
      A run whose jobs have ended goes with its jobs, metrics, logs, checkpoints, images and evaluations. It \
      leaves the lists at once; --undo brings it back until a pra gc after the grace period takes it. What \
      another run refers to stays, and so do jobs that another run reads.
      --only checkpoints (with features and references), images or data (data sets, and the archives and weights \
      that the run was made from) takes these alone, and cannot be undone; metrics, evaluations, logs and the \
      history of jobs stay.
      Example: pra delete toy-1 toy-2 --dry-run
      Example: pra delete emoji-old --only checkpoints --only images
      """)

  enum Part: String, ExpressibleByArgument, CaseIterable { case checkpoints, images, data }

  @OptionGroup var targets: RunTargets
  @Option(help: "Delete this alone; may be repeated.") var only: [Part] = []
  @Flag(help: "Bring deleted runs back.") var undo = false
  @Flag(help: "Only print what would be deleted.") var dryRun = false
  @Flag(help: "Print JSON.") var json = false

  func validate() throws {
    try targets.requireSome()
    guard !undo || only.isEmpty && !dryRun else {
      throw ValidationError("--only and --dry-run have no effect with --undo")
    }
  }

  func run() throws {
    let connection = try Database.connect(.submit)
    if undo { return try bringBack(connection) }
    let runs = try connection.runs(named: targets.names)
    let rows = try connection.query(
      Queries.deleteRuns,
      [
        .integers(runs.map(\.id)), only.isEmpty ? .null : .texts(only.map(\.rawValue)),
        .boolean(dryRun),
      ]
    ).map { try Deleted($0) }
    for run in runs {
      let parts = rows.filter { $0.run == run.id }
      if json {
        printExactly(document(run, parts))
      } else {
        print(parts.isEmpty ? try nothing(run, connection) : sentence(run, parts))
      }
    }
    if !json, only.isEmpty || only.contains(.checkpoints) { try sayHolders(runs, connection) }
    let freed = rows.last { $0.run == nil }
    guard !json, let freed else { return }
    print(
      "\(dryRun ? "would free" : "frees") \(ByteCount.words(freed.bytes)) in \(counted(freed.number, "artifact")) that nothing else "
        + "refers to, with the next pra gc after its grace period (--grace, 24 hours by default)")
  }

  /// Names the runs that began with weights of these: their files stay.
  private func sayHolders(_ runs: [NamedRun], _ connection: Connection) throws {
    let rows = try connection.query(RunQueries.begunWith, [.integers(runs.map(\.id))])
    guard !rows.isEmpty else { return }
    let names = try rows.prefix(5).map { "\(try $0.string("id")) (\(try $0.string("name")))" }
    print(
      "weights with which run\(rows.count == 1 ? "" : "s") \(names.joined(separator: ", "))"
        + (rows.count > 5 ? " and \(rows.count - 5) more" : "") + " began stay in the store")
  }

  /// Another run of the name is only named: nobody asked to delete from that.
  private func nothing(_ run: NamedRun, _ connection: Connection) throws -> String {
    let wanted = only.first { $0 != .data }.map { $0 == .images ? RunContent.images : .checkpoints }
    let others = try wanted.map { try connection.others(like: run, with: $0) } ?? ""
    return "run \(run.id) (\(run.name)): nothing to delete\(others)"
  }

  private func sentence(_ run: NamedRun, _ parts: [Deleted]) -> String {
    let name = "run \(run.id) (\(run.name))"
    let list = parts.map {
      "\($0.number) \($0.noun)" + ($0.bytes > 0 ? " (\(ByteCount.words($0.bytes)))" : "")
    }
    return "\(name): \(dryRun ? "would delete" : "deleted") \(list.joined(separator: ", "))"
      + (dryRun || !only.isEmpty ? "" : "; pra delete --undo \(run.id) brings it back")
  }

  private func document(_ run: NamedRun, _ parts: [Deleted]) -> String {
    JSONText.object(
      JSONText.members(of: run) + [
        ("dry", String(dryRun)),
        ("deleted", JSONText.array(parts.map(\.json))),
      ])
  }

  private func bringBack(_ connection: Connection) throws {
    // All of them or none.
    let back = try connection.transaction {
      try targets.names.flatMap { try connection.deletedRuns(named: $0) }.map { id in
        try connection.query(RunQueries.undelete, [.integer(id)])
        return try connection.run(named: "id=\(id)")
      }
    }
    for run in back { print("run \(run.id) (\(run.name)) is back") }
  }
}

/// One kind of rows that a run loses.
private struct Deleted {
  let run: Int64?
  let what: String
  let number: Int64
  let bytes: Int64

  /// The word in the number that is meant, as in "1 piece of logs".
  var noun: String {
    guard number == 1 else { return what }
    return what.hasPrefix("pieces of ")
      ? what.replacing("pieces of ", with: "piece of ") : String(what.dropLast())
  }

  init(_ row: Row) throws {
    run = try row.optionalInteger("run")
    (what, number) = (try row.string("what"), try row.integer("number"))
    bytes = try row.integer("bytes")
  }

  var json: String {
    JSONText.object([
      ("what", JSONText.string(what)), ("number", String(number)), ("bytes", String(bytes)),
    ])
  }
}
