// A worker of the benchmark: claims, does nothing, and finishes, in batches.

import Glibc
import JobQueue
import Postgres
import Threads

/// Prints `ready`, waits for a line, then works for ever. It prints `done TOTAL` at most every 50
/// ms, `lat MICROSECONDS` when a job that carries a time starts, and `start I` when a sleeping job
/// starts.
struct Work {
  /// The agent's default; shorter for measuring how soon the jobs of a dead worker start again.
  private let lease: Double
  private let beat: Double
  private let url: DatabaseURL

  /// Number of attempts per claim: parts of arrays, with a hundred jobs each, and single jobs.
  private static let parts = 5
  private static let singles = 100
  /// Whether it claims one job at a time.
  private let isOneByOne = getenv("BENCH_ONE") != nil
  /// Whether it prints `claim MICROSECONDS` and `reap MICROSECONDS` for each call.
  private let timesCalls = getenv("BENCH_TIMES") != nil
  /// Whether it tells its room, as the agent does, so that claims look at bytes.
  private let tellsRoom = getenv("BENCH_ROOM") != nil

  init(_ url: DatabaseURL) {
    self.url = url
    lease = getenv("BENCH_LEASE").flatMap { Double(String(cString: $0)) } ?? 30
    beat = min(10, lease / 3)
  }

  func run() throws {
    let connection = try Connection(url, role: .worker, name: "bench work")
    let queue = WorkerQueue(connection)
    try connection.listen("pra_ready")
    let worker = try queue.register(
      name: "bench-\(getpid())", kinds: ["noop", "timed", "sleep"], slots: 10_000,
      lease: .seconds(lease))
    if tellsRoom {
      try queue.holds(
        worker: worker, room: 1 << 40, cacheBytes: 0, cacheQuota: 1 << 40, artifacts: [], stores: []
      )
    }
    let asleep = Monitor<[Lease]>([])
    try beatInBackground(worker, asleep)
    print("ready")
    fflush(nil)
    guard readLine() != nil else { return }

    var total = 0
    var said = 0
    var saidAt = 0.0
    var oldest: Int64 = 0
    var count = isOneByOne ? 1 : Self.parts
    var nextReap = 0.0
    while true {
      // The agent also reaps between two claims.
      if monotonicSeconds() >= nextReap {
        let asked = monotonicSeconds()
        _ = try queue.reap()
        if timesCalls { print("reap \(Int((monotonicSeconds() - asked) * 1e6))") }
        nextReap = monotonicSeconds() + beat
      }
      let asked = monotonicSeconds()
      let jobs = try queue.claim(worker: worker, count: count, oldest: oldest)
      if timesCalls { print("claim \(Int((monotonicSeconds() - asked) * 1e6))") }
      var leases: [Lease] = []
      var done = 0
      for job in jobs {
        switch job.kind {
        case "sleep":
          print("start \(number(after: "\"i\":", in: job.arguments))")
          asleep.update { $0.append(job.lease) }
          continue
        case "timed":
          print("lat \(Contender.microseconds() - number(after: "\"t\":", in: job.arguments))")
        default: break
        }
        leases.append(job.lease)
        done += job.count
      }
      if !leases.isEmpty {
        guard try queue.finishMany(worker: worker, leases).count == leases.count else {
          throw LeaseLost(description: "not every attempt was accepted")
        }
        total += done
        if !isOneByOne { count = done > leases.count ? Self.parts : Self.singles }
        // Sleeping jobs stay, so the lowest of their numbers still matters.
        oldest = asleep.read { $0.map(\.job).min() } ?? leases.map(\.job).min()!
      }
      let now = monotonicSeconds()
      if total > said, now - saidAt >= 0.05 || jobs.isEmpty {
        print("done \(total)")
        (said, saidAt) = (total, now)
      }
      fflush(nil)
      _ = try connection.wait(jobs.isEmpty ? .milliseconds(Int.random(in: 500...1000)) : .zero)
    }
  }

  /// Reads JSON that Contender.swift or the server has written.
  private func number(after key: String, in text: String) -> Int64 {
    let compact = text.filter { $0 != " " }
    guard let range = compact.firstRange(of: key) else { return 0 }
    return Int64(compact[range.upperBound...].prefix { $0.isNumber }) ?? 0
  }

  private func beatInBackground(_ worker: Registration, _ asleep: Monitor<[Lease]>) throws {
    try DedicatedThread("beat") { [url, beat] in
      do {
        let queue = WorkerQueue(try Connection(url, role: .worker, name: "bench beat"))
        while true {
          _ = try queue.heartbeat(worker: worker, running: asleep.read { $0 })
          usleep(UInt32(beat * 1e6))
        }
      } catch {
        fail(error)
      }
    }
  }
}
