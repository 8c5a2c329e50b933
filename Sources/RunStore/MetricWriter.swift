// Metrics and progress on their way to the database, beside the compute loop and not in it.

import JobQueue
import Postgres

/// One value of a series.
package struct MetricPoint: Sendable, Equatable {
  package let name: String
  /// Of the series, from 0.
  package let step: Int64
  /// May be NaN or infinite.
  package let value: Double

  /// - Parameter name: letters, digits and `_ . / -`, 200 at most, such as `loss/flow`
  package init(name: String, step: Int64, value: Double) {
    precondition(Self.isName(name), "MetricPoint: \"\(name)\" is not the name of a series")
    precondition(step >= 0, "MetricPoint: \(name) at step \(step)")
    self.name = name
    self.step = step
    self.value = value
  }

  /// The check of pra_store.metric_names: a name that it refuses would stop the series for good.
  private static func isName(_ name: String) -> Bool {
    var first = true
    for byte in name.utf8 {
      switch byte {
      case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "a")...UInt8(ascii: "z"):
        break
      case UInt8(ascii: "_"), UInt8(ascii: "."), UInt8(ascii: "/"), UInt8(ascii: "-"):
        if first { return false }
      default: return false
      }
      first = false
    }
    return !first && name.utf8.count <= 200
  }
}

/// A thread with its own session that sends what `record` and `progress` leave with it.
///
/// Batches are numbered and sent by COPY, one transaction each time, without waiting for the
/// server's disk. They are kept until a later commit did wait: a server that crashed and lost them
/// gets them again, one that had them drops them by their number. Nothing is lost, nothing twice (G8).
final class MetricWriter: Sendable {
  private struct Batch {
    let number: Int64
    let points: [MetricPoint]
  }

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
    var failure: (any Error)?
    var closing = false
  }

  /// A batch leaves when it is this old or this full; MLflow's clients send every second as well.
  private static let batchAge = 1.0
  private static let batchSize = 4096
  private static let progressAge = 0.5
  /// Sent batches that wait for a commit on disk; then one commit waits for it.
  private static let unconfirmedLimit = 32

  private let inbox = Monitor(Inbox())
  private let job: Int64
  private let epoch: Int64
  private let onLeaseLost: @Sendable (LeaseLost) -> Void

  init(job: Int64, epoch: Int64, onLeaseLost: @escaping @Sendable (LeaseLost) -> Void) {
    self.job = job
    self.epoch = epoch
    self.onLeaseLost = onLeaseLost
  }

  func start(
    url: DatabaseURL, giveUp: @escaping @Sendable () -> Bool,
    report: @escaping @Sendable (String) -> Void
  ) -> DedicatedThread {
    DedicatedThread("metrics") { self.send(url: url, giveUp: giveUp, report: report) }
  }

  func record(_ points: [MetricPoint]) {
    guard !points.isEmpty else { return }
    inbox.update { $0.points += points }
  }

  func progress(done: Int64, total: Int64, unit: String) {
    inbox.update { $0.progress = Progress(done: done, total: total, unit: unit) }
  }

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

  /// Lets the thread end when it has sent what it has.
  func close() { inbox.update { $0.closing = true } }

  // MARK: the thread

  private func send(
    url: DatabaseURL, giveUp: @escaping @Sendable () -> Bool,
    report: @escaping @Sendable (String) -> Void
  ) {
    // A new session may be one of a server that forgot what it had not written: all is sent again.
    let sessions = Monitor(0)
    var connection = RetryingConnection(
      url: url, role: .worker, name: "pra stage \(job) metrics", giveUp: giveUp, report: report,
      prepare: { _ in sessions.update { $0 += 1 } })
    var unconfirmed: [Batch] = []
    var sent = 0
    var session = 0
    var lastBatch: Int64 = 0
    var nextPoints = 0.0
    var nextProgress = 0.0

    while true {
      let work = take(pointsAt: nextPoints, progressAt: nextProgress)
      for start in stride(from: 0, to: work.points.count, by: Self.batchSize) {
        lastBatch += 1
        let end = min(start + Self.batchSize, work.points.count)
        unconfirmed.append(Batch(number: lastBatch, points: Array(work.points[start..<end])))
      }
      let confirm =
        work.flushesWanted > work.flushesDone || unconfirmed.count > Self.unconfirmedLimit
      do {
        if !work.points.isEmpty || (confirm && !unconfirmed.isEmpty) {
          try connection.run { connection in
            if session != sessions.read({ $0 }) {
              session = sessions.read { $0 }
              sent = 0
            }
            try connection.transaction {
              if !confirm { try connection.run(Queries.commitLater) }
              for batch in unconfirmed[sent...] { try absorb(batch, connection) }
              // Something must be written for the commit to wait for the disk.
              if confirm, sent == unconfirmed.count, let last = unconfirmed.last {
                try absorb(Batch(number: last.number, points: []), connection)
              }
            }
            sent = unconfirmed.count
          }
          nextPoints = monotonicSeconds() + Self.batchAge
          if confirm {
            unconfirmed = []
            sent = 0
          }
        }
        if let progress = work.progress {
          try connection.run {
            try $0.query(
              Queries.progress,
              [
                .integer(job), .integer(epoch), .integer(progress.done), .integer(progress.total),
                .text(progress.unit),
              ])
          }
          nextProgress = monotonicSeconds() + Self.progressAge
        }
      } catch {
        // Told before a flush can fail: whoever sees the failure knows that the loss was reported.
        if let lost = error as? LeaseLost { onLeaseLost(lost) }
        inbox.update { $0.failure = error }
        return
      }
      inbox.update {
        $0.lastBatch = lastBatch
        $0.flushesDone = work.flushesWanted
      }
      if work.closing { return }
    }
  }

  /// Waits until something is due and takes everything there is.
  private func take(pointsAt: Double, progressAt: Double) -> Inbox {
    func urgent(_ inbox: Inbox) -> Bool {
      inbox.closing || inbox.flushesWanted > inbox.flushesDone
        || inbox.points.count >= Self.batchSize
    }
    while true {
      let due: Double = inbox.wait { inbox in
        if urgent(inbox) { return 0 }
        if inbox.points.isEmpty && inbox.progress == nil { return nil }
        return min(
          inbox.points.isEmpty ? .infinity : pointsAt,
          inbox.progress == nil ? .infinity : progressAt)
      }!
      let work: Inbox? = inbox.wait(until: due) { inbox in
        let now = monotonicSeconds()
        var work = inbox
        if !urgent(inbox) {
          if now < pointsAt { work.points = [] }
          if now < progressAt { work.progress = nil }
          if work.points.isEmpty && work.progress == nil { return nil }
        }
        if !work.points.isEmpty { inbox.points = [] }
        if work.progress != nil { inbox.progress = nil }
        return work
      }
      if let work { return work }
    }
  }

  private func absorb(_ batch: Batch, _ connection: Connection) throws {
    if !batch.points.isEmpty {
      var rows = BinaryCopy()
      for point in batch.points {
        rows.row(columns: 6)
        rows.append(job)
        rows.append(epoch)
        rows.append(batch.number)
        rows.append(point.name)
        rows.append(point.step)
        rows.append(point.value)
      }
      try connection.copy(Queries.stageMetrics, rows)
    }
    try connection.query(
      Queries.absorbMetrics, [.integer(job), .integer(epoch), .integer(batch.number)])
  }
}
