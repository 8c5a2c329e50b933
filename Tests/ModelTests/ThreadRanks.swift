// Ranks of a training as threads of one process.

import Foundation
import Tensor

@testable import Training

/// Ranks that exchange memory of one process.
final class ThreadRanks: @unchecked Sendable {  // the state is behind the condition
  struct Gone: Error {}

  let size: Int
  private let condition = NSCondition()
  private var given: [[Float]?]
  private var taken = 0
  private var isGone = false

  init(_ size: Int) {
    self.size = size
    given = Array(repeating: nil, count: size)
  }

  /// Ends when every rank has given its numbers and taken those of all.
  func exchange(_ numbers: [Float], of rank: Int) throws -> [[Float]] {
    condition.lock()
    defer { condition.unlock() }
    while given[rank] != nil, !isGone { condition.wait() }
    given[rank] = numbers
    condition.broadcast()
    while given.contains(where: { $0 == nil }), !isGone { condition.wait() }
    if isGone { throw Gone() }
    let all = given.map { $0! }
    taken += 1
    if taken == size {
      (given, taken) = (Array(repeating: nil, count: size), 0)
      condition.broadcast()
    } else {
      while taken > 0, !isGone { condition.wait() }
    }
    return all
  }

  func leave() {
    condition.lock()
    isGone = true
    condition.broadcast()
    condition.unlock()
  }
}

final class ThreadCommunicator: Communicator {
  let rank: Int
  private let ranks: ThreadRanks
  /// Called behind each gathering of numbers.
  var gathered: () -> Void = {}
  var size: Int { ranks.size }

  init(_ rank: Int, of ranks: ThreadRanks) { (self.rank, self.ranks) = (rank, ranks) }

  func allToAll(_ from: Tensor, _ to: Tensor) throws {
    let sent = from.readOnHost { Array($0) }
    let each = sent.count / size
    let all = try ranks.exchange(sent, of: rank)
    to.writeOnHost { to in
      for other in 0..<size {
        for i in 0..<each { to[other * each + i] = all[other][rank * each + i] }
      }
    }
  }

  func allGather(_ from: Tensor, _ to: Tensor) throws {
    let all = try ranks.exchange(from.readOnHost { Array($0) }, of: rank).flatMap { $0 }
    to.writeOnHost { to in
      for i in all.indices { to[i] = all[i] }
    }
    gathered()
  }

  func allGather(_ bytes: [UInt8]) throws -> [[UInt8]] {
    try ranks.exchange(bytes.map(Float.init), of: rank).map { $0.map { UInt8($0) } }
  }

  func abort() { ranks.leave() }
}

/// Runs ranks on threads; returns what each of them did.
/// - Parameter folder: in which checkpoints are gathered
func onRanks<Value: Sendable>(
  _ size: Int, bucketBytes: Int = 1 << 10, folder: String = "",
  _ body: @escaping @Sendable (RankTeam) throws -> Value
) -> [Result<Value, any Error>] {
  let ranks = ThreadRanks(size)
  let lock = NSLock()
  nonisolated(unsafe) var results: [Int: Result<Value, any Error>] = [:]
  let group = DispatchGroup()
  for rank in 0..<size {
    group.enter()
    Thread.detachNewThread {
      let team = RankTeam(
        ThreadCommunicator(rank, of: ranks), folder: folder, bucketBytes: bucketBytes)
      let result = Result { try body(team) }
      if case .failure = result { team.communicator.abort() }
      lock.withLock { results[rank] = result }
      group.leave()
    }
  }
  group.wait()
  return (0..<size).map { results[$0]! }
}
