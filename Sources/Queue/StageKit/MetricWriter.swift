// Sends metrics and progress to the database, outside the training loop.

import Glibc
import JobQueue
import Postgres
import RunStore
import Threads

/// A thread with its own session that sends what `record` and `progress` hand to it.
///
/// Batches are numbered and sent by COPY, several per transaction, in commits that do not wait for
/// the server's disk. Each is kept until a later commit has waited. A server that crashed and lost
/// batches gets them again; one that has them ignores them by their number. While the database is
/// away they collect in a file in the attempt's folder. Nothing is lost and nothing is stored twice
/// (G8).
final class MetricWriter: Sendable {
  private struct Progress {
    let done: Int64
    let total: Int64
    let unit: String
  }

  private struct Inbox {
    var points: [MetricPoint] = []
    var progress: Progress?
    var flushesWanted = 0
    var flushesDone = 0
    var lastBatch: Int64 = 0
    /// Points in batches that are not known to be on the server's disk.
    var backlog = 0
    var failure: (any Error)?
    /// Whether the last attempt to send found the server unavailable.
    var isAway = false
    /// Deadline for sending the rest; nil while the session is open.
    var closeUntil: Double?
  }

  /// A batch is sent at this age or size; MLflow's clients also send every second.
  private static let batchAge = 1.0
  private static let batchSize = 4096
  private static let progressAge = 0.5
  /// Batches per transaction, and the number of sent batches after which a commit waits for the
  /// disk.
  private static let batchesAtOnce = 32
  /// Bytes of batches in memory before the disk is used: about 400,000 points.
  private static let memoryLimit = 8 << 20
  /// Bytes of batches in memory if the disk cannot be used.
  private static let lastResort = 512 << 20

  private let inbox = Monitor(Inbox())
  private let lease: Lease
  private let folder: String
  private let onLeaseLost: @Sendable (LeaseLost) -> Void

  /// - Parameter folder: the attempt's folder, for batches that wait for the server
  init(
    lease: Lease, folder: String, onLeaseLost: @escaping @Sendable (LeaseLost) -> Void
  ) {
    self.lease = lease
    self.folder = folder
    self.onLeaseLost = onLeaseLost
  }

  func start(
    url: DatabaseURL, report: @escaping @Sendable (String) -> Void
  ) throws(ThreadError) -> DedicatedThread {
    try DedicatedThread("metrics") { Sender(self, url: url, report: report).run() }
  }

  /// Wakes the thread if it had nothing to send, and when a batch is full.
  func record(_ points: [MetricPoint]) {
    guard !points.isEmpty else { return }
    inbox.updateAndWake { inbox in
      let before = inbox.points.count
      inbox.points += points
      return before == 0 || (before < Self.batchSize && inbox.points.count >= Self.batchSize)
    }
  }

  func progress(done: Int64, total: Int64, unit: String) {
    inbox.updateAndWake { inbox in
      defer { inbox.progress = Progress(done: done, total: total, unit: unit) }
      return inbox.progress == nil
    }
  }

  /// Points that are not known to be on the server's disk.
  var backlog: Int { inbox.read { $0.points.count + $0.backlog } }

  /// Whether the database was unavailable at the last attempt to send.
  var isAway: Bool { inbox.read { $0.isAway } }

  /// Waits until everything recorded before is on the server's disk.
  /// - Returns: the number of the last batch, 0 when there was none
  func flush() throws -> Int64 {
    let wanted = inbox.update { inbox in
      inbox.flushesWanted += 1
      return inbox.flushesWanted
    }
    let outcome: Result<Int64, any Error>? = inbox.wait { inbox in
      if let failure = inbox.failure { return .failure(failure) }
      return inbox.flushesDone >= wanted ? .success(inbox.lastBatch) : nil
    }
    return try outcome!.get()
  }

  /// Lets the thread end when it has sent everything.
  /// - Parameter seconds: time limit, after which unsent points are given up
  func close(within seconds: Double = .infinity) {
    inbox.update { $0.closeUntil = monotonicSeconds() + seconds }
  }

  /// The state that belongs to the thread.
  private final class Sender {
    private enum Step {
      case sleep(until: Double)
      case work(Inbox)
    }

    private let writer: MetricWriter
    private let report: @Sendable (String) -> Void
    private let spool: MetricSpool
    private let sessions = Monitor(0)
    private var connection: RetryingConnection
    /// The number of the session in which the first `sent` batches of the spool were sent. A new
    /// session may be that of a server that lost them in a crash: all are sent again.
    private var session = 0
    private var sent = 0
    private var lastBatch: Int64 = 0
    private var progress: Progress?
    private var rates = ProgressRate()
    private var sealAt = 0.0
    private var progressAt = 0.0
    private var retryAt = 0.0
    private var toldOfDisk = false
    private var points: [Int] = []

    init(_ writer: MetricWriter, url: DatabaseURL, report: @escaping @Sendable (String) -> Void) {
      self.writer = writer
      self.report = report
      spool = MetricSpool(folder: writer.folder, memoryLimit: MetricWriter.memoryLimit)
      let sessions = sessions
      connection = RetryingConnection(
        url: url, role: .worker, name: "pra stage \(writer.lease.job) metrics", report: report,
        prepare: { connection in
          try connection.leaveSessionsToPeople()
          sessions.update { $0 += 1 }
        })
    }

    func run() {
      while true {
        let work = next()
        if let until = work.closeUntil, monotonicSeconds() > until {
          fail(StoreError("metrics of the last moments were not sent: no database"))
          return
        }
        do {
          try seal(work.points)
          if let latest = work.progress {
            progress = latest
            rates.add(latest.done, latest.unit, at: monotonicSeconds())
          }
          let isFlush = work.flushesWanted > work.flushesDone
          let isClosing = work.closeUntil != nil
          try send(confirming: isFlush || isClosing)
          try sendProgress(now: isFlush || isClosing)
          let isEmpty = spool.count == 0
          writer.inbox.update {
            $0.lastBatch = lastBatch
            $0.backlog = points.reduce(0, +)
            if isFlush && isEmpty { $0.flushesDone = work.flushesWanted }
          }
          if isClosing && isEmpty && (progress == nil || retryAt == 0) { return }
        } catch {
          // Reported before `flush` can throw, so that its caller knows that the loss was reported.
          if let lost = error as? LeaseLost { writer.onLeaseLost(lost) }
          fail(error)
          return
        }
      }
    }

    private func fail(_ error: any Error) { writer.inbox.update { $0.failure = error } }

    /// Waits until something is due and returns it.
    private func next() -> Inbox {
      var deadline = Double.infinity
      while true {
        let step: Step? = writer.inbox.wait(until: deadline) { inbox in
          let now = monotonicSeconds()
          let urgent = inbox.closeUntil != nil || inbox.flushesWanted > inbox.flushesDone
          var due = Double.infinity
          var work = inbox
          var isDue = false
          /// Whether a time has come; if not, it limits the wait.
          func isTime(_ time: Double) -> Bool {
            if now >= time { return true }
            due = min(due, time)
            return false
          }
          if inbox.points.count >= MetricWriter.batchSize || urgent && !inbox.points.isEmpty
            || !inbox.points.isEmpty && isTime(self.sealAt)
          {
            isDue = true
            // Points that leave the inbox are not on the server's disk yet.
            inbox.backlog += inbox.points.count
            inbox.points = []
          } else {
            work.points = []
          }
          if inbox.progress != nil || self.progress != nil {
            // The last progress is sent with a flush, after which the job may end.
            if isTime(urgent ? self.retryAt : max(self.progressAt, self.retryAt)) {
              isDue = true
              inbox.progress = nil
            } else {
              work.progress = nil
            }
          }
          if (urgent || self.spool.count > self.sent) && isTime(self.retryAt) { isDue = true }
          if isDue { return .work(work) }
          return due < deadline ? .sleep(until: due) : nil
        }
        switch step {
        case .work(let work): return work
        case .sleep(let until): deadline = until
        case nil: deadline = .infinity
        }
      }
    }

    /// Makes batches of points.
    private func seal(_ recorded: [MetricPoint]) throws {
      guard !recorded.isEmpty else { return }
      for start in stride(from: 0, to: recorded.count, by: MetricWriter.batchSize) {
        let end = min(start + MetricWriter.batchSize, recorded.count)
        lastBatch += 1
        spool.append(
          number: lastBatch,
          BinaryCopy(
            metrics: recorded[start..<end], of: writer.lease, batch: lastBatch))
        points.append(end - start)
      }
      sealAt = monotonicSeconds() + MetricWriter.batchAge
      if let failure = spool.diskFailure {
        if !toldOfDisk { report("metrics wait in memory: \(failure)") }
        toldOfDisk = true
        guard spool.bytesInMemory <= MetricWriter.lastResort else {
          throw StoreError(
            "metrics cannot be kept any longer without a database: \(failure)", code: ENOSPC)
        }
      }
    }

    /// Sends what is due, unless the pause after a transient error is not over.
    private func send(confirming: Bool) throws {
      while spool.count > sent || confirming && spool.count > 0 {
        if monotonicSeconds() < retryAt { return }
        let confirm =
          confirming && spool.count - sent <= MetricWriter.batchesAtOnce
          || sent >= MetricWriter.batchesAtOnce
        do {
          try connection.attempt { try sendRound($0, confirm: confirm) }
          retryAt = 0
          writer.inbox.update { $0.isAway = false }
        } catch let error as PostgresError where error.mayPass {
          retryAt = monotonicSeconds() + connection.pause
          writer.inbox.update { $0.isAway = true }
          return
        }
        if confirm {
          spool.removeFirst(sent)
          points.removeFirst(sent)
          sent = 0
        }
      }
    }

    private func sendRound(_ connection: Connection, confirm: Bool) throws {
      if session != sessions.read({ $0 }) {
        session = sessions.read { $0 }
        sent = 0
      }
      let end = min(spool.count, sent + MetricWriter.batchesAtOnce)
      try connection.transaction {
        if !confirm { try connection.run(Queries.commitLater) }
        for index in sent..<end {
          let (number, rows) = try spool.batch(index)
          try connection.copy(Queries.stageMetrics, rows)
          try absorb(number, connection)
        }
        // A commit waits for the disk only if its transaction wrote something.
        if confirm && sent == end { try absorb(spool.number(end - 1), connection) }
      }
      sent = end
    }

    private func absorb(_ number: Int64, _ connection: Connection) throws {
      try connection.query(
        Queries.absorbMetrics, writer.lease.parameters + [.integer(number)])
    }

    private func sendProgress(now: Bool) throws {
      guard let latest = progress, monotonicSeconds() >= retryAt else { return }
      guard now || monotonicSeconds() >= progressAt else { return }
      do {
        try connection.attempt {
          try WorkerQueue($0).progress(
            writer.lease, done: latest.done, total: latest.total, unit: latest.unit,
            rate: rates.rate)
        }
        progress = nil
        retryAt = 0
        progressAt = monotonicSeconds() + MetricWriter.progressAge
      } catch let error as PostgresError where error.mayPass {
        retryAt = monotonicSeconds() + connection.pause
      }
    }
  }
}

extension BinaryCopy {
  /// A batch for pra_store.metric_staging: one row per series, its points in their order.
  init(metrics points: ArraySlice<MetricPoint>, of lease: Lease, batch: Int64) {
    var series: [(name: String, steps: [Int64], values: [Double])] = []
    var places: [String: Int] = [:]
    var last = -1
    for point in points {
      // Steps report the same names in the same order, so the next series is usually the right one.
      var place = last + 1 < series.count ? last + 1 : 0
      if series.isEmpty || series[place].name != point.name {
        place = places[point.name] ?? series.count
        if place == series.count {
          places[point.name] = place
          series.append((point.name, [], []))
        }
      }
      series[place].steps.append(point.step)
      series[place].values.append(point.value)
      last = place
    }
    self.init()
    for one in series {
      row(columns: 7)
      append(lease.job)
      append(lease.epoch)
      append(uuid: lease.token)
      append(batch)
      append(one.name)
      append(one.steps)
      append(one.values)
    }
  }
}
