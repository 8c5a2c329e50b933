import DatabaseTesting
import JobQueue
import Postgres
import Testing

/// A worker with a session of its own, whose memory can be read.
struct Claimer {
  let session: Connection
  let queue: WorkerQueue
  let worker: Int64

  init(_ database: TestDatabase) throws {
    session = try database.connect(.worker)
    queue = WorkerQueue(session)
    worker = try queue.register(name: "w", kinds: ["train"], slots: 100)
  }

  func claim(_ count: Int = 1) throws -> [ClaimedJob] {
    try queue.claim(worker: worker, count: count)
  }

  /// Claims and finishes five jobs at a time until three claims find nothing; returns their number.
  func drain(with team: Team) throws -> Int {
    var done = 0
    var misses = 0
    while misses < 3 && team.goesOn {
      let claimed = try claim(5).map(\.lease)
      done += try queue.finishMany(worker: worker, claimed).count
      misses = claimed.isEmpty ? misses + 1 : 0
    }
    return done
  }

  /// Claims and finishes two jobs, between which the session is told that they are the forty-ninth
  /// and fiftieth of a period that does not end soon.
  func makeBusy(words: Int = 10) throws {
    #expect(try queue.finishMany(worker: worker, claim().map(\.lease)).count == 1)
    #expect(try memory().count == 6)
    try remember { ($0[2], $0[3]) = ("1000", "49") }
    #expect(try queue.finishMany(worker: worker, claim().map(\.lease)).count == 1)
    #expect(try memory().count == words)
  }

  /// The session's memory: six words while it only counts claims, ten when it also remembers its
  /// position, eleven when only arrays share and it also remembers whose turn it is.
  func memory() throws -> [Substring] {
    try session.query("select current_setting('pra.line', true) as line").single().text(at: 0)?
      .split(separator: " ") ?? []
  }

  func remember(_ change: (inout [Substring]) -> Void) throws {
    var words = try memory()
    change(&words)
    try session.query(
      "select set_config('pra.line', $1, false)", [.text(words.joined(separator: " "))])
  }
}
