// Clients of the queue that log every answer, for a checker that reads the logs afterwards.
//
//   chaos-client work URL LOG SEED NAME       claims, writes and ends attempts until its input ends
//   chaos-client submit URL LOG SEED COUNT    enqueues COUNT jobs, disturbs them, and sees them end
//   chaos-client session URL ROLE ROUNDS RUN  makes the calls of a role in one session (ops/chaos/soak)
//
// A line is a JSON object, written before anything else is done. A call that was sent but not answered has
// no line: both outcomes are right. `asked` and `told` are the moments before and after the call, on the clock that
// all processes of the machine share.

import Glibc
import JobQueue
import Postgres
import Threads

@main struct Client {
  static func main() {
    let words = CommandLine.arguments
    do {
      guard words.count == 6, let seed = UInt64(words[4]) else { throw Usage() }
      // No child may outlive the run.
      try DedicatedThread("leash") {
        var byte: UInt8 = 0
        while read(STDIN_FILENO, &byte, 1) > 0 {}
        _exit(0)
      }
      let url = try DatabaseURL(words[2])
      switch words[1] {
      case "work": ChaosWorker(url, try Log(words[3]), seed, words[5]).run()
      case "submit":
        try ChaosSubmitter(url, try Log(words[3]), seed, Int(words[5]) ?? 0).run()
      case "session":
        try LongSession(url, role: words[3], run: words[5]).call(rounds: Int(seed))
      default: throw Usage()
      }
    } catch {
      let line = Array("chaos-client: \(error)\n".utf8)
      _ = write(STDERR_FILENO, line, line.count)
      exit(1)
    }
  }
}

struct Usage: Error, CustomStringConvertible {
  let description =
    "chaos-client work URL LOG SEED NAME | submit URL LOG SEED COUNT | session URL ROLE ROUNDS RUN"
}

/// Appends whole lines.
final class Log: Sendable {
  let path: String
  private let descriptor: Int32

  init(_ path: String) throws {
    self.path = path
    descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND, 0o644)
    guard descriptor >= 0 else { throw Usage() }
  }

  /// - Parameter asked: the moment before the call, of `monotonicSeconds()`
  func say(_ what: String, asked: Double, _ members: [(String, String)]) {
    let rest = members.map { ", \"\($0.0)\": \($0.1)" }.joined()
    let times = "\"asked\": \(asked), \"told\": \(monotonicSeconds())"
    let line = Array("{\"what\": \"\(what)\", \(times)\(rest)}\n".utf8)
    _ = write(descriptor, line, line.count)
  }
}

/// SplitMix64, Steele et al. 2014: the seed repeats a run as far as the timing of processes allows.
struct Dice: RandomNumberGenerator {
  private var state: UInt64

  init(_ seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  mutating func percent() -> Int { Int.random(in: 0..<100, using: &self) }
}

extension Error {
  var isPassing: Bool { (self as? PostgresError)?.mayPass ?? false }
}
