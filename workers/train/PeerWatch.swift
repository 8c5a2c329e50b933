// Notices what no call between ranks ends: a process that was stopped, a machine that hangs, a link that is cut.

import StageKit
import Threads

/// The state of a rank's calls, for any thread.
protocol RankTraffic: AnyObject, Sendable {
  /// Number of the call in which this rank waits for the others; nil while it computes.
  var present: Int? { get }
  /// Bytes that have come and gone, which grow while all ranks wait in one call.
  var moved: UInt64 { get }
}

/// Ends this stage when another rank has not been heard of for the time of a lease, or when for so long all have waited for one
/// another in one call and no byte has come.
final class PeerWatch: Sendable {
  private let meeting: GangMeeting
  private let cards: [RankCard]
  private let traffic: any RankTraffic
  private let silence: Double

  init(_ meeting: GangMeeting, cards: [RankCard], traffic: any RankTraffic, silence: Double) {
    (self.meeting, self.cards, self.traffic, self.silence) = (meeting, cards, traffic, silence)
  }

  /// The last words of all ranks.
  private struct Heard {
    var texts: [Int: [UInt8]] = [:]
    /// Since when each rank has said nothing else, by this host's clock.
    var since: [Int: Double] = [:]
    /// The call in which all wait, the bytes that had come, and since when that is so.
    var stall: (call: Int, moved: UInt64, since: Double)?
  }

  func start() throws {
    try DedicatedThread("ranks") {
      var heard = Heard()
      var number = 0
      let clock = Monitor(0)
      while true {
        let begun = monotonicSeconds()
        number += 1
        let call = self.traffic.present
        guard let told = try? self.exchange("\(number) \(call.map(String.init) ?? "-")") else {
          return
        }
        let now = monotonicSeconds()
        // An outage of the database says nothing about the others.
        if now - begun > self.silence / 3 { heard = Heard() }
        if let fault = self.fault(told, call, now, &heard) { Stage.endAsPeerLost(saying: fault) }
        let _: Bool? = clock.wait(until: now + self.silence / 3) { _ in nil }
      }
    }
  }

  /// The sentence with which this rank ends; nil while all is well.
  private func fault(_ told: [Int: [UInt8]], _ call: Int?, _ now: Double, _ heard: inout Heard)
    -> String?
  {
    for (rank, text) in told where heard.texts[rank] != text {
      (heard.texts[rank], heard.since[rank]) = (text, now)
    }
    let silent = heard.since.filter { $0.key != meeting.gang.rank && now - $0.value > silence }
    if let rank = silent.keys.min() {
      return "\(cards[rank].name(rank: rank)) has not been heard of for \(Int(silence)) s"
    }
    let all = told.values.map { String(decoding: $0, as: UTF8.self).split(separator: " ").last }
    guard let call, all.count == meeting.gang.size, all.allSatisfy({ $0 == "\(call)" }) else {
      heard.stall = nil
      return nil
    }
    let moved = traffic.moved
    guard let stall = heard.stall, stall.call == call, stall.moved == moved else {
      heard.stall = (call, moved, now)
      return nil
    }
    guard now - stall.since > silence else { return nil }
    let names = cards.enumerated().map { $1.name(rank: $0) }.joined(separator: ", ")
    return
      "no byte has come for \(Int(silence)) s while all ranks wait for one another: a link between \(names) is cut"
  }

  private func exchange(_ words: String) throws -> [Int: [UInt8]] {
    try meeting.put("beat", Array(words.utf8))
    return try meeting.values("beat")
  }
}
