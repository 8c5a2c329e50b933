// The queue beside others: enqueues and works through the functions that every client uses.
//
//   bench-queue setup URL                       an empty database gets the schema
//   bench-queue info URL                        prints a statement that counts unfinished jobs
//   bench-queue fill URL N                      N jobs, in bulk
//   bench-queue enqueue URL N single|bulk|sleep prints `seconds X`
//   bench-queue latency URL N                   N jobs, 50 ms apart
//   bench-queue work URL                        a worker; see Work.swift
//   bench-queue floor URL N, floor-work URL     the least that a queue can do; see Floor.swift

import Glibc
import JobQueue
import Postgres
import Threads

@main struct Contender {
  /// Number of jobs per statement of a bulk enqueue, and per attempt.
  static let bulk = 10_000
  static let pack = 100

  static func main() {
    do {
      try run(Array(CommandLine.arguments.dropFirst()))
    } catch {
      fail(error)
    }
  }

  private static func run(_ words: [String]) throws {
    guard words.count >= 2 else { throw Usage() }
    let url = try DatabaseURL(words[1])
    let count = words.count > 2 ? Int(words[2]) : nil
    switch (words[0], words.count) {
    case ("setup", 2):
      try Migrator(Connection(url, name: "bench migrate")).migrate()
      _ = try SubmitQueue(Connection(url, role: .submit)).createRun(
        name: "bench", idempotencyKey: "bench")
    case ("info", 2): print(unfinished)
    case ("fill", 3):
      guard let count else { throw Usage() }
      try enqueueBulk(count, url)
    case ("enqueue", 4):
      guard let count else { throw Usage() }
      let submit = try Submitter(url)
      let start = monotonicSeconds()
      switch words[3] {
      case "single": for i in 0..<count { try submit.one("noop", "{\"i\":\(i)}") }
      case "bulk": try enqueueBulk(count, url)
      case "sleep": for i in 0..<count { try submit.one("sleep", "{\"i\":\(i)}") }
      default: throw Usage()
      }
      print("seconds \(monotonicSeconds() - start)")
    case ("latency", 3):
      guard let count else { throw Usage() }
      let submit = try Submitter(url)
      for _ in 0..<count {
        usleep(50_000)
        try submit.one("timed", "{\"t\":\(microseconds())}")
      }
    case ("work", 2): try Work(url).run()
    case ("floor", 3):
      guard let count else { throw Usage() }
      try Floor(url).enqueue(count)
    case ("floor-work", 2): try Floor(url).work()
    default: throw Usage()
    }
  }

  private static func enqueueBulk(_ count: Int, _ url: DatabaseURL) throws {
    let submit = try Submitter(url)
    for first in stride(from: 0, to: count, by: bulk) {
      let arguments = (first..<min(first + bulk, count)).map { "{\"i\":\($0)}" }
      _ = try submit.queue.enqueueMany(
        kind: "noop", run: submit.run, arguments: "[\(arguments.joined(separator: ","))]",
        pack: pack)
    }
  }

  /// Number of unclaimed elements, of elements in running parts and of jobs that have not ended.
  private static let unfinished = """
    select coalesce(sum(case when j.array_first is null then coalesce(j.element_end - j.element_first, 1) \
    when j.state = 'running' then 0 else j.array_end - coalesce((select max(c.element_end) from \
    pra_store.jobs as c where c.array_id = j.id), j.array_first) end), 0) \
    from pra_store.jobs as j where j.state in ('blocked', 'ready', 'running')
    """

  /// The time of a clock that all processes of the machine share.
  static func microseconds() -> Int64 {
    var now = timespec()
    clock_gettime(CLOCK_REALTIME, &now)
    return Int64(now.tv_sec) * 1_000_000 + Int64(now.tv_nsec) / 1000
  }
}

struct Usage: Error, CustomStringConvertible {
  let description =
    "setup|info|fill|enqueue|latency|work|floor|floor-work URL [N] [single|bulk|sleep]"
}

/// A session that enqueues, in a run of its own.
struct Submitter {
  let queue: SubmitQueue
  let run: Int64

  init(_ url: DatabaseURL) throws {
    queue = SubmitQueue(try Connection(url, role: .submit, name: "bench submit"))
    run = try queue.createRun(name: "bench", idempotencyKey: "bench")
  }

  func one(_ kind: String, _ arguments: String) throws {
    _ = try queue.enqueue(NewJob(kind: kind, run: run, arguments: arguments))
  }
}

func fail(_ error: any Error) -> Never {
  let line = Array("bench-queue: \(error)\n".utf8)
  _ = write(STDERR_FILENO, line, line.count)
  exit(1)
}
