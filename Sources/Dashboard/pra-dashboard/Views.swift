// The pages, each as the questions it asks.

import JobQueue
import Pages
import Postgres

extension Site {
  /// - Throws: `BadRequest` for an address that is none
  func view(_ path: [String], _ query: Query, _ frame: Frame) throws -> View {
    switch (path.first, path.count) {
    case ("runs", 1): return try runs(query)
    case ("runs", 2): return try run(path[1], query)
    case ("compare", 1): return try compare(query)
    case ("images", 1): return try images(query)
    case ("queue", 1): return queue()
    case ("jobs", 2): return try job(path[1])
    case ("workers", 1): return workers()
    default:
      throw BadRequest(404, "no such page", "there is no page \(path.joined(separator: "/"))")
    }
  }

  func number(_ text: String, of what: String) throws -> Int64 {
    guard let number = Int64(text), number > 0 else {
      throw BadRequest(404, "no such \(what)", "\(text): expected the number of a \(what)")
    }
    return number
  }

  /// Numbers of at most 200 runs, each once.
  func runNumbers(_ query: Query) throws -> [Int64] {
    var numbers: [Int64] = []
    for text in query.list("runs") {
      guard let number = Int64(text), number > 0 else {
        throw BadRequest("no such run", "runs=\(text): expected numbers of runs, as in runs=1,2")
      }
      if !numbers.contains(number) { numbers.append(number) }
    }
    guard numbers.count <= 200 else {
      throw BadRequest("too many runs", "runs: \(numbers.count) are named; at most 200 are shown")
    }
    return numbers
  }

  private func runs(_ query: Query) throws -> View {
    let filter: RunFilter
    do {
      filter = try RunFilter(query, snapshots)
    } catch let error as FilterFault {
      return View(panels: []) { frame, _ in
        frame.runsPage(Tables(["runs": .none, "changes": .none]), error: error.message)
      }
    }
    let found = try snapshots.answer(filter.question).table.records.compactMap { $0.integer("id") }
    let ids = Array(found.prefix(RunFilter.page))
    var more: Query?
    if found.count > RunFilter.page {
      more =
        filter.isSorted
        ? query.with("offset", String(filter.offset + Int64(RunFilter.page)))
        : query.with("before", String(ids.last!))
    }
    return View(panels: [
      ("runs", Question(RunsQueries.runs, [.integers(ids)])),
      ("changes", Question(RunsQueries.changes, [.integers(ids), .text(presetSettings)])),
    ]) { [more] frame, tables in frame.runsPage(tables, more: more) }
  }

  /// - Throws: `BadRequest` for a metric of the address that no run has
  private func requireMetrics(_ query: Query, of series: Question) throws {
    let asked = query.list("metrics")
    guard !asked.isEmpty else { return }
    let known = Set(try snapshots.answer(series).table.records.map { $0.text("name") })
    guard let missing = asked.first(where: { !known.contains($0) }) else { return }
    throw BadRequest(
      404, "no such series",
      "metrics=\(missing): there is no such series; there are \(known.sorted().joined(separator: ", "))"
    )
  }

  private func run(_ text: String, _ query: Query) throws -> View {
    let id = try number(text, of: "run")
    let question = Question(RunQueries.run, [.integer(id)])
    guard try !snapshots.answer(question).table.rows.isEmpty else {
      throw BadRequest(404, "no such run", "there is no run \(id)")
    }
    let series = Question(RunQueries.series, [.integers([id])])
    try requireMetrics(query, of: series)
    return View(panels: [
      ("run", question), ("why", Question(RunQueries.why, [.integer(id)])), ("series", series),
      ("jobs", Question(RunQueries.jobs, [.integer(id)])),
      ("settings", Question(RunsQueries.changes, [.integers([id]), .text(presetSettings)])),
      ("samplings", Question(RunQueries.samplings, [.integers([id])])),
      ("evaluations", Question(RunQueries.evaluations, [.integer(id)])),
      ("checkpoints", Question(RunQueries.checkpoints, [.integer(id)])),
    ]) { frame, tables in frame.runPage(tables) }
  }

  private func compare(_ query: Query) throws -> View {
    let ids = try runNumbers(query)
    let compared = Question(RunQueries.compared, [.integers(ids)])
    let known = Set(try snapshots.answer(compared).table.records.compactMap { $0.integer("id") })
    if let missing = ids.first(where: { !known.contains($0) }) {
      throw BadRequest(404, "no such run", "runs: there is no run \(missing)")
    }
    let series = Question(RunQueries.series, [.integers(ids)])
    try requireMetrics(query, of: series)
    return View(panels: [
      ("runs", compared), ("settings", Question(RunSearchQueries.settings, [.integers(ids)])),
      ("figures", Question(RunQueries.figures, [.integers(ids)])),
      ("seeds", Question(RunQueries.seeds, [.integers(ids)])), ("series", series),
    ]) { frame, tables in frame.comparePage(tables) }
  }

  private func images(_ query: Query) throws -> View {
    let ids = try runNumbers(query)
    let by = query["by"] ?? "run"
    guard ["run", "step", "weights", "variant"].contains(by) else {
      throw BadRequest("no such order", "by=\(by): expected run, step, weights or variant")
    }
    func number(_ name: String) throws -> Int64? {
      guard let text = query[name] else { return nil }
      guard let number = Int64(text), number >= 0 else {
        throw BadRequest("no such number", "\(name)=\(text): expected 0 or more")
      }
      return number
    }
    let (at, image) = (try number("at"), try number("image"))
    _ = try number("first")
    let question =
      by == "run"
      ? Question(RunQueries.newestSamplings, [.integers(ids), .optional(at) { .integer($0) }])
      : Question(RunQueries.samplings, [.integers(ids)])
    let classes = try snapshots.answer(Question(RunQueries.classes, [.integers(ids)])).table
    let nearest = try image.map { number in
      let shown = try snapshots.answer(question).table.records.prefix(Frame.mostRowsOfImages)
      return try sheets.nearest(
        Int(clamping: number), of: shown.compactMap { $0.integer("job_id") }, snapshots)
    }
    return View(panels: [
      ("samplings", question), ("steps", Question(RunQueries.drawnSteps, [.integers(ids)])),
    ]) { frame, tables in
      frame.imagesPage(
        tables, by: by, classes: classes.records.map { $0.text("class_name") },
        nearest: nearest ?? [])
    }
  }

  private func queue() -> View {
    View(panels: [
      ("counts", Question(QueueQueries.counts)), ("waiting", Question(QueueQueries.waiting)),
      ("running", Question(QueueQueries.running)), ("failed", Question(QueueQueries.failed)),
      ("limits", Question(QueueQueries.limits)),
      ("preemptions", Question(QueueQueries.preemptions)),
      ("schedules", Question(QueueQueries.schedules)),
    ]) { frame, tables in frame.queuePage(tables) }
  }

  private func job(_ text: String) throws -> View {
    let id = try number(text, of: "job")
    let question = Question(QueueQueries.job, [.integer(id)])
    guard try !snapshots.answer(question).table.rows.isEmpty else {
      throw BadRequest(404, "no such job", "there is no job \(id)")
    }
    return View(panels: [
      ("job", question), ("why", Question(QueueQueries.why, [.integer(id)])),
      ("attempts", Question(QueueQueries.attempts, [.integer(id)])),
      ("files", Question(QueueQueries.files, [.integer(id)])),
    ]) { frame, tables in frame.jobPage(tables) }
  }

  private func workers() -> View {
    let version = version
    return View(panels: [
      ("workers", Question(QueueQueries.workers)), ("hosts", Question(QueueQueries.hosts)),
      ("lost", Question(QueueQueries.lostTime)),
      // The question of the queue's page, so that it is answered once for both.
      ("untaken", Question(QueueQueries.waiting)),
    ]) { frame, tables in frame.workersPage(tables, version: version) }
  }

  /// The end of a log, or the part before a chunk; read from its end, however long it is.
  func log(_ text: String, _ query: Query, _ frame: Frame) throws -> Reply {
    let id = try number(text, of: "job")
    let job = try snapshots.answer(Question(QueueQueries.job, [.integer(id)])).table.records
    guard let job = job.first else { throw BadRequest(404, "no such job", "there is no job \(id)") }
    let latest = job.integer("attempt") ?? 0
    let attempt = try query["attempt"].map { try number($0, of: "attempt") } ?? latest
    guard attempt <= latest else {
      throw BadRequest(404, "no such attempt", "attempt=\(attempt): job \(id) has \(latest)")
    }
    let before = try query["before"].map { try number($0, of: "chunk of the log") }
    let rows = try snapshots.session {
      try $0.query(
        QueueQueries.logPart,
        [.integer(id), .integer(attempt), .optional(before) { .integer($0) }, .integer(262_144)]
      ).map { (ordinal: try $0.integer("ordinal"), bytes: try $0.bytes("bytes")) }
    }
    let bytes = Array(rows.map(\.bytes).joined())
    if query["form"] == "text" { return Reply(type: "text/plain; charset=utf-8", bytes) }
    let first = rows.first.map(\.ordinal) ?? 0
    return html(
      200,
      frame.logPage(
        job: job, text: String(decoding: bytes, as: UTF8.self), attempt: attempt, attempts: latest,
        before: first > 0 ? first : nil, isAtEnd: before == nil, bytes: Int64(bytes.count)))
  }
}

extension Table {
  fileprivate static let none = Table(columns: [], rows: [])
}
