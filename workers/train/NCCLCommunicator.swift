// The calls between ranks whose tensors lie on GPUs, by NCCL.

import FoundationEssentials
import StageInputs
import StageKit
import Tensor
import Training

/// Ranks whose GPUs exchange tensors by NCCL. All else goes over their sockets, which also tell of a rank that is gone: NCCL
/// waits for it for ever.
final class NCCLCommunicator: Communicator {
  private let sockets: GlooCommunicator
  private let link: DeviceRanks
  let rank: Int
  let size: Int

  private init(_ sockets: GlooCommunicator, _ link: DeviceRanks) {
    (self.sockets, self.link, rank, size) = (sockets, link, sockets.rank, sockets.size)
  }

  /// Connects the GPUs of all ranks where each has one of its own and the same version of NCCL; otherwise the sockets carry
  /// tensors as well, to the same bits.
  /// - Throws: `PeerLost`, or `NoExchange` where NCCL fails
  static func connect(_ sockets: GlooCommunicator, on device: Device, cards: [RankCard]) throws
    -> any Communicator
  {
    let mine = LinkCard(device)
    let links = try sockets.allGather(mine.bytes).map(LinkCard.init)
    // Nobody is told of a network of GPUs who trains on processors.
    guard links.contains(where: { !$0.place.isEmpty }) else { return sockets }
    if let reason = LinkCard.hindrance(links, cards) {
      say("exchanges tensors over sockets: \(reason)")
      return sockets
    }
    // Only the first rank's counts; all zeros where it has none.
    let none = [UInt8](repeating: 0, count: DeviceRanks.idBytes)
    let made = Result { sockets.rank == 0 ? try DeviceRanks.makeID() : none }
    let id = try sockets.allGather((try? made.get()) ?? none)[0]
    if case .failure(let error) = made { throw NoExchange(error, sockets) }
    guard id != none else { throw PeerLost("\(cards[0].name(rank: 0)) has made no id of NCCL") }
    let link = try sockets.whileWaiting("the connection of their GPUs") {
      try DeviceRanks(on: device, id: id, rank: sockets.rank, size: sockets.size) {
        sockets.gone != nil
      }
    }
    say("exchanges tensors between GPUs by NCCL \(mine.version)")
    return NCCLCommunicator(sockets, link)
  }

  func allToAll(_ from: Tensor, _ to: Tensor) throws {
    try sockets.whileWaiting(Self.exchange) { try link.allToAll(from, to, among: size) }
  }

  func allGather(_ from: Tensor, _ to: Tensor) throws {
    try sockets.whileWaiting(Self.exchange) { try link.allGather(from, to) }
  }

  func allGather(_ bytes: [UInt8]) throws -> [[UInt8]] { try sockets.allGather(bytes) }

  func abort() { sockets.abort() }

  private static let exchange = "an exchange between GPUs"
}

/// NCCL has failed on this rank while all others were there.
struct NoExchange: Error, CustomStringConvertible {
  let description: String

  init(_ error: any Error, _ sockets: GlooCommunicator) {
    description =
      "training.ranks: \(sockets.name) cannot exchange tensors between GPUs: \(error); PRA_NCCL=0 on its worker lets all "
      + "ranks use sockets"
  }
}

/// The facts about a rank's GPU that it tells the others before they connect.
struct LinkCard: Equatable {
  /// Version of NCCL, as 2.27.3; empty without it.
  let version: String
  /// Host and bus of the GPU; empty on a processor.
  let place: String
  /// Why there is no NCCL.
  let reason: String

  private static let room = 512

  init(version: String, place: String, reason: String) {
    (self.version, self.place, self.reason) = (version, place, reason)
  }

  init(_ device: Device) {
    // One id for each start of a host's system: names of hosts may be equal.
    let boot =
      (try? String(contentsOfFile: "/proc/sys/kernel/random/boot_id", encoding: .utf8)) ?? ""
    let found = DeviceRanks.version
    self.init(
      version: found.version, place: device.bus.map { "\(boot.prefix(36)) \($0)" } ?? "",
      reason: found.reason)
  }

  /// As many bytes on every rank.
  var bytes: [UInt8] {
    let text = Array([version, place, reason].joined(separator: "\n").utf8.prefix(Self.room))
    return text + [UInt8](repeating: 0, count: Self.room - text.count)
  }

  init(_ bytes: [UInt8]) {
    let parts = String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self).split(
      separator: "\n", maxSplits: 2, omittingEmptySubsequences: false
    ).map(String.init)
    self.init(version: parts[0], place: parts[1], reason: parts[2])
  }

  /// Why these ranks cannot use NCCL; nil if they can.
  static func hindrance(_ links: [LinkCard], _ cards: [RankCard]) -> String? {
    func name(_ rank: Int) -> String { cards[rank].name(rank: rank) }
    for (rank, link) in links.enumerated() {
      if link.place.isEmpty { return "\(name(rank)) trains on a processor" }
      if link.version.isEmpty { return "\(name(rank)) has no NCCL (\(link.reason))" }
      if link.version != links[0].version {
        return "\(name(rank)) has NCCL \(link.version), and \(name(0)) NCCL \(links[0].version)"
      }
      if let other = links[..<rank].firstIndex(where: { $0.place == link.place }) {
        return "\(name(rank)) and \(name(other)) use one GPU"
      }
    }
    return nil
  }
}
