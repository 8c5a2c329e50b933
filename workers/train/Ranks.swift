// The ranks of a training on several machines: how they find one another, agree and part.

import Configuration
import Files
import Glibc
import StageInputs
import StageKit
import Tensor
import Threads
import Training

/// This stage among the ranks of its gang.
final class Ranks {
  let gang: Gang
  let team: RankTeam
  private let meeting: GangMeeting

  /// Waits for the other ranks and connects them; nil for a stage that works alone.
  /// - Parameters:
  ///   - data: fingerprint of the data set
  ///   - device: that of the model
  init?(
    _ session: StageSession, _ configuration: ModelConfiguration, data: String, on device: Device
  ) throws {
    guard let gang = session.gang, gang.size > 1 else { return nil }
    self.gang = gang
    GlooCommunicator.load()
    let network = try RankNetwork(session)
    let meeting = session.meeting(gang)
    self.meeting = meeting
    let card = RankCard(
      host: network.host, address: network.address, version: codeVersion, data: data)
    try meeting.put("card", card.bytes)
    let isStopped = session.stopWatch
    guard
      let told = try meeting.values("card", of: gang.size, within: .infinity, isStopped: isStopped)
    else { throw Released() }
    let cards = try (0..<gang.size).map { try RankCard(told[$0]!) }
    if let fault = RankCard.disagreement(cards) { throw PermanentFailure(fault) }
    guard TrainingConfiguration.share(of: configuration.training.parts, among: gang.size) != nil
    else {
      throw PermanentFailure(
        "training.ranks: \(counted(gang.size, "rank")) cannot share the \(counted(configuration.training.parts, "part")) of a batch"
      )
    }
    let sockets = try GlooCommunicator(
      meeting, cards: cards, ports: network.ports, isStopped: isStopped)
    try PeerWatch(meeting, cards: cards, traffic: sockets, silence: network.silence).start()
    team = RankTeam(
      try NCCLCommunicator.connect(sockets, on: device, cards: cards), folder: session.scratch)
    say(
      "rank \(gang.rank) of \(gang.size) of gang \(gang.job), start \(gang.start), at \(network.address)"
    )
  }

  /// Lets the others fail at once where this rank has.
  func abort() { team.communicator.abort() }

  /// Whether all have agreed to stop.
  var stops: Bool { team.stops }

  /// Waits until every rank has come here.
  func meet() throws { try team.communicator.meet() }

  /// Goes on from the checkpoint that rank 0 has chosen.
  /// - Parameter choose: goes on from the newest checkpoint that reads; called by rank 0 alone
  /// - Returns: whether there is one
  func resume(
    _ session: StageSession, choose: () throws -> Checkpoint?, fetch: (Checkpoint) throws -> Void
  ) throws -> Bool {
    if team.isFirst {
      let chosen = try choose()
      try meeting.put("resume", Array((chosen.map { "\($0.epoch) \($0.step)" } ?? "").utf8))
      return chosen != nil
    }
    guard
      let told = try meeting.values(
        "resume", of: 1, within: .infinity, isStopped: session.stopWatch)?[0]
    else { throw Released() }
    let numbers = String(decoding: told, as: UTF8.self).split(separator: " ").compactMap {
      Int64($0)
    }
    guard numbers.count == 2 else { return false }
    guard let checkpoint = try session.checkpoint(ofJob: gang.job, step: numbers[1]),
      checkpoint.epoch == numbers[0]
    else { throw PeerLost("rank 0 goes on from step \(numbers[1]), whose checkpoint is gone") }
    try fetch(checkpoint)
    return true
  }
}

/// Where other hosts reach this one.
private struct RankNetwork {
  let host: String
  let address: String
  let ports: ClosedRange<Int>?
  /// Seconds after which a silent rank counts as gone: the lease of the worker.
  let silence: Double

  init(_ session: StageSession) throws {
    func variable(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }
    var name = [CChar](repeating: 0, count: 256)
    gethostname(&name, 255)
    host = name.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
    address = variable("PRA_ADDRESS") ?? session.seenAddress ?? "127.0.0.1"
    let range = variable("PRA_PORTS")?.split(separator: "-").compactMap { Int($0) }
    ports = range.flatMap { $0.count == 2 && $0[0] <= $0[1] ? $0[0]...$0[1] : nil }
    silence = variable("PRA_LEASE").flatMap(Double.init) ?? 30
    guard HostAddress.isLocal(address) else {
      Stage.end(
        isHostLack: true,
        saying: "training.ranks: \(address) is no address of host \(host), which has "
          + "\(HostAddress.all.map(\.text).joined(separator: ", ")); give --address or --interface to its pra worker"
      )
    }
  }
}
