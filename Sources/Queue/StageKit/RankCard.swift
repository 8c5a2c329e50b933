// The card that a rank shows the others before they train together.

import Files

/// A rank's host, and what must be the same on all of them.
package struct RankCard: Sendable, Equatable {
  package let host: String
  package let address: String
  package let version: String
  /// Fingerprint of the data set.
  package let data: String

  package init(host: String, address: String, version: String, data: String) {
    (self.host, self.address, self.version, self.data) = (host, address, version, data)
  }

  package var bytes: [UInt8] { Array([host, address, version, data].joined(separator: "\n").utf8) }

  /// - Throws: `PermanentFailure` for bytes of another version
  package init(_ bytes: [UInt8]) throws {
    let parts = String(decoding: bytes, as: UTF8.self).split(
      separator: "\n", omittingEmptySubsequences: false
    ).map(String.init)
    guard parts.count == 4 else {
      throw PermanentFailure(
        "training.ranks: the ranks run different versions of pra; install one on all workers")
    }
    self.init(host: parts[0], address: parts[1], version: parts[2], data: parts[3])
  }

  /// As in "rank 2 (host b7, 10.0.0.7)".
  package func name(rank: Int) -> String { "rank \(rank) (\(host), \(address))" }

  /// Why these ranks cannot train together, in one sentence that is the same on all of them; nil if they can.
  package static func disagreement(_ cards: [RankCard]) -> String? {
    let first = cards[0]
    for (rank, card) in cards.enumerated() {
      if card.version != first.version {
        return "training.ranks: \(card.name(rank: rank)) runs version \(card.version) of pra, and "
          + "\(first.name(rank: 0)) version \(first.version); install the same on all workers"
      }
      if card.data != first.data {
        return
          "training.ranks: \(card.name(rank: rank)) reads data set \(card.data.prefix(12)), and "
          + "\(first.name(rank: 0)) data set \(first.data.prefix(12)); all must read the same"
      }
    }
    return nil
  }
}
