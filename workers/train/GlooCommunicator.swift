// The calls between ranks, by Gloo.

import CGloo
import FoundationEssentials
import StageKit
import Synchronization
import Tensor
import Threads
import Training

/// Ranks that are connected by Gloo.
final class GlooCommunicator: Communicator, RankTraffic {
  let rank: Int
  let size: Int
  private let cards: [RankCard]
  private nonisolated(unsafe) let handle: UnsafeMutableRawPointer
  private let begun = Atomic(0)
  private let isWaiting = Atomic(false)

  /// Seconds within which all ranks must be connected.
  private static let connectTime = 30.0
  /// Bytes of a reason.
  private static let longest = 1024

  /// Opens Gloo, or ends the attempt for want of it on this host.
  static func load() {
    let program =
      (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
    let folder = program.split(separator: "/", omittingEmptySubsequences: false).dropLast()
      .joined(separator: "/")
    if let lack = gloo_engine_load(folder) {
      Stage.end(isHostLack: true, saying: "training.ranks: \(String(cString: lack))")
    }
  }

  /// Waits for all ranks and connects them.
  /// - Parameters:
  ///   - ports: at which this rank listens; nil for any
  /// - Throws: `RanksApart`
  init(
    _ meeting: GangMeeting, cards: [RankCard], ports: ClosedRange<Int>?,
    isStopped: @escaping @Sendable () -> Bool
  ) throws {
    let gang = meeting.gang
    (rank, size, self.cards) = (gang.rank, gang.size, cards)
    let caller = MeetingCaller(meeting, within: Self.connectTime, isStopped)
    var why = [CChar](repeating: 0, count: Self.longest)
    let made = cards[gang.rank].address.withCString { address in
      var place = gloo_place(
        rank: Int32(gang.rank), size: Int32(gang.size), address: address,
        first_port: Int32(ports?.lowerBound ?? 0), last_port: Int32(ports?.upperBound ?? 0),
        connect_seconds: Self.connectTime)
      var face = caller.face
      return gloo_engine_open(&place, &face, &why, Self.longest)
    }
    withExtendedLifetime(caller) {}
    if let error = caller.failure { throw error }
    guard let made else {
      if isStopped() { throw Released() }
      throw RanksApart(words(why), cards: cards, rank: gang.rank)
    }
    handle = made
  }

  func allToAll(_ from: Tensor, _ to: Tensor) throws {
    try from.readOnHost { from in
      try to.writeOnHost { to in
        let bytes = from.count * MemoryLayout<Float>.size / size
        try call { gloo_engine_all_to_all(handle, from.baseAddress, to.baseAddress, bytes, $0, $1) }
      }
    }
  }

  func allGather(_ from: Tensor, _ to: Tensor) throws {
    try from.readOnHost { from in
      try to.writeOnHost { to in
        let bytes = from.count * MemoryLayout<Float>.size
        try call { gloo_engine_all_gather(handle, from.baseAddress, to.baseAddress, bytes, $0, $1) }
      }
    }
  }

  func allGather(_ bytes: [UInt8]) throws -> [[UInt8]] {
    var all = [UInt8](repeating: 0, count: bytes.count * size)
    try bytes.withUnsafeBytes { from in
      try all.withUnsafeMutableBytes { to in
        try call {
          gloo_engine_all_gather(handle, from.baseAddress, to.baseAddress, from.count, $0, $1)
        }
      }
    }
    return (0..<size).map { Array(all[$0 * bytes.count..<($0 + 1) * bytes.count]) }
  }

  func abort() { gloo_engine_abort(handle) }

  /// Number of the call in which this rank waits for the others; nil while it computes. For any thread.
  var present: Int? {
    isWaiting.load(ordering: .acquiring) ? begun.load(ordering: .acquiring) : nil
  }

  /// Bytes that have come and gone, which grow while all wait. For any thread.
  var moved: UInt64 { gloo_engine_moved(handle) }

  /// As in "rank 2 (host b7, 10.0.0.7)".
  var name: String { cards[rank].name(rank: rank) }

  /// The least rank whose connection is gone; nil while all stand. For any thread.
  var gone: Int? {
    let rank = Int(gloo_engine_gone(handle))
    return rank < 0 ? nil : rank
  }

  /// Makes a call between the ranks' GPUs, as one of these ranks.
  /// - Throws: `PeerLost` where a rank is gone, `NoExchange` where GPUs or NCCL have failed here
  func whileWaiting<Result>(_ what: String, _ body: () throws -> Result) throws -> Result {
    begun.add(1, ordering: .releasing)
    isWaiting.store(true, ordering: .releasing)
    defer { isWaiting.store(false, ordering: .releasing) }
    do {
      return try body()
    } catch let error as DeviceRanks.Failure {
      guard error.isParted || gone != nil else { throw NoExchange(error, self) }
      throw lost("\(what): \(error)")
    }
  }

  private func call(_ body: (UnsafeMutablePointer<CChar>, Int) -> Bool) throws {
    var why = [CChar](repeating: 0, count: 512)
    begun.add(1, ordering: .releasing)
    isWaiting.store(true, ordering: .releasing)
    defer { isWaiting.store(false, ordering: .releasing) }
    let isDone = why.withUnsafeMutableBufferPointer { body($0.baseAddress!, $0.count) }
    if !isDone { throw lost(words(why)) }
  }

  /// The sentence about the rank that is gone, or about another where its connection still stands.
  private func lost(_ why: String) -> PeerLost {
    let whom = gone.map { cards[$0].name(rank: $0) } ?? "another rank"
    return PeerLost("\(whom) is gone, seen by rank \(rank) of \(size): \(why)")
  }
}

/// The text in a C string, without the place in Gloo's code.
private func words(_ text: [CChar]) -> String {
  text.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
    .replacing(#/\[\./gloo[^\]]*\] /#, with: "")
}

/// Two ranks do not reach one another.
struct RanksApart: Error, CustomStringConvertible {
  let description: String

  init(_ why: String, cards: [RankCard], rank: Int) {
    let match = why.firstMatch(of: /^rank ([0-9]+): (.*)/)
    let other = match.flatMap { Int($0.1) }.flatMap { cards.indices.contains($0) ? $0 : nil }
    let whom = other.map { cards[$0].name(rank: $0) } ?? "the others"
    description =
      "training.ranks: \(cards[rank].name(rank: rank)) is not connected to \(whom): "
      + "\(match.map { String($0.2) } ?? why); check --address, --interface and --ports of pra worker on both hosts"
  }
}

/// Lets Gloo's code, which is not Swift, use the meeting.
private final class MeetingCaller {
  private let meeting: GangMeeting
  private let seconds: Double
  private let isStopped: @Sendable () -> Bool
  private(set) var failure: (any Error)?

  init(_ meeting: GangMeeting, within seconds: Double, _ isStopped: @escaping @Sendable () -> Bool)
  {
    (self.meeting, self.seconds, self.isStopped) = (meeting, seconds, isStopped)
  }

  var face: gloo_meeting {
    gloo_meeting(
      context: Unmanaged.passUnretained(self).toOpaque(),
      put: { context, key, bytes, count in
        Unmanaged<MeetingCaller>.fromOpaque(context!).takeUnretainedValue().put(
          String(cString: key!), Array(UnsafeRawBufferPointer(start: bytes, count: count)))
      },
      get: { context, key, bytes, room, count in
        let caller = Unmanaged<MeetingCaller>.fromOpaque(context!).takeUnretainedValue()
        guard let found = caller.get(String(cString: key!)), found.count <= room else {
          return false
        }
        UnsafeMutableRawBufferPointer(start: bytes, count: room).copyBytes(from: found)
        count!.pointee = found.count
        return true
      })
  }

  private func put(_ key: String, _ value: [UInt8]) -> Bool {
    do {
      try meeting.put(key, value)
      return true
    } catch {
      failure = error
      return false
    }
  }

  private func get(_ key: String) -> [UInt8]? {
    do {
      return try meeting.values(key, of: 1, within: seconds, isStopped: isStopped)?.first?.value
    } catch {
      failure = error
      return nil
    }
  }
}
