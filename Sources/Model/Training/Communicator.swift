// The calls between the ranks of a training.

import Tensor

/// Ranks that train one model together, each with a share of the parts of every batch. All make the same calls in the same
/// order; a call ends when every rank has made it, or throws as soon as one is gone. Used by one thread at a time. The devices
/// of tensors have done all operations on them before a call, and its callers see to that (`Device.wait`).
package protocol Communicator: AnyObject {
  /// From 0 on.
  var rank: Int { get }
  var size: Int { get }
  /// Sends the r-th of `size` equal pieces of `from` to rank r; the piece that came from rank r becomes the r-th of `to`.
  func allToAll(_ from: Tensor, _ to: Tensor) throws
  /// Sends `from` to all ranks; that of rank r becomes the r-th of `size` equal pieces of `to`.
  func allGather(_ from: Tensor, _ to: Tensor) throws
  /// Sends some bytes to all ranks, as many as each other rank; returns those of all by rank.
  func allGather(_ bytes: [UInt8]) throws -> [[UInt8]]
  /// Lets the calls of all others fail at once, as all later ones here.
  func abort()
}

extension Communicator {
  /// Waits until every rank has come here.
  package func meet() throws { _ = try allGather([UInt8(0)]) }

  /// Some numbers of each rank, as many of all.
  func allGather(_ numbers: [Double]) throws -> [[Double]] {
    let bytes = numbers.flatMap { number in
      (0..<8).map { UInt8(truncatingIfNeeded: number.bitPattern >> (8 * UInt64($0))) }
    }
    return try allGather(bytes).map { bytes in
      numbers.indices.map { place in
        Double(
          bitPattern: (0..<8).reduce(0) { $0 | UInt64(bytes[8 * place + $1]) << (8 * UInt64($1)) })
      }
    }
  }

  /// A text of the last rank, which has at most so many bytes, for all ranks.
  func textOfLast(_ text: String, most: Int) throws -> String {
    precondition(text.utf8.count <= most, "textOfLast: \(text.utf8.count) bytes")
    let padded = Array(text.utf8) + [UInt8](repeating: 0, count: most - text.utf8.count)
    return String(decoding: try allGather(padded)[size - 1].prefix { $0 != 0 }, as: UTF8.self)
  }
}

/// Adds the sums that ranks have made of their parts as one rank would have: neighbours first, then pairs of neighbours.
/// - Parameter add: adds the sum of the second place to that of the first
func byHalves(_ count: Int, add: (_ to: Int, _ from: Int) -> Void) {
  var step = 1
  while step < count {
    for to in stride(from: 0, to: count - step, by: 2 * step) { add(to, to + step) }
    step *= 2
  }
}
