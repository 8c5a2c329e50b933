// Ranks on hosts with a network of their own, whose link is cut.

import DatabaseTesting
import Foundation
import Postgres
import Testing

/// Two hosts, each a network namespace of this machine, and the link between them.
private final class Hosts {
  let names: [String]
  static let addresses = ["10.77.0.1", "10.77.0.2"]

  init() throws {
    let mark = UUID().uuidString.prefix(8)
    names = ["pra-\(mark)-a", "pra-\(mark)-b"]
    for name in names { try Self.ip("netns add \(name)") }
    try Self.ip("-n \(names[0]) link add link0 type veth peer name link0 netns \(names[1])")
    for (name, address) in zip(names, Self.addresses) {
      try Self.ip("-n \(name) addr add \(address)/24 dev link0")
      try Self.ip("-n \(name) link set lo up")
      try Self.ip("-n \(name) link set link0 up")
    }
  }

  deinit { for name in names { try? Self.ip("netns del \(name)") } }

  func link(_ state: String) throws { try Self.ip("-n \(names[0]) link set link0 \(state)") }

  /// Whether this user may make namespaces here.
  static let areAllowed: Bool = {
    let name = "pra-try-\(UUID().uuidString.prefix(8))"
    defer { try? ip("netns del \(name)") }
    return (try? ip("netns add \(name)")) != nil && (try? ip("-n \(name) link set lo up")) != nil
  }()

  private struct Refused: Error { let words: String }

  private static func ip(_ words: String) throws {
    let outcome = try Outcome(
      words.split(separator: " ").map(String.init), program: "/usr/sbin/ip", environment: [:],
      in: FileManager.default.temporaryDirectory.path(percentEncoded: false))
    if outcome.status != 0 { throw Refused(words: "ip \(words): \(outcome.errors)") }
  }
}

@Suite(.enabled(if: Hosts.areAllowed, "the tests may make network namespaces (root, iproute2)"))
struct RankNetworkTests {
  private let hosts: Hosts
  private let ranks: RankWorld

  init() throws {
    hosts = try Hosts()
    ranks = try RankWorld()
  }

  /// The database is reached by its socket, which no network ends.
  private func workers() throws {
    for (name, address) in zip(hosts.names, Hosts.addresses) {
      _ = try ranks.worker(address: address, namespace: name, "--ports", "7100-7109")
    }
  }

  @Test func aLinkThatIsCutEndsTheRanksAndCostsNothing() throws {
    try workers()
    let run = try ranks.run("cut", ranks: "2", total: 160)
    try ranks.reach(run, steps: 42)
    try hosts.link("down")
    try wait { try ranks.history(run).contains { $0.contains("is cut") } }
    try hosts.link("up")
    try ranks.awaitSuccess(run)
    let history = try ranks.history(run)
    let whole = try ranks.run("whole", ranks: "1", total: 160)
    try ranks.awaitSuccess(whole)
    #expect(try ranks.weights(run) == ranks.weights(whole), "\(history)")
    #expect(try ranks.series(run) == ranks.series(whole), "\(history)")
    #expect(
      try ranks.world.rows(
        "select sum(faults), sum(lost) from pra.jobs where run_id = \(run) and array_id is not null"
      )
        == ["0 0"], "\(history)")
  }

  @Test func hostsThatCannotReachEachOtherSayWhichAndWhatToLookAt() throws {
    try hosts.link("down")
    try workers()
    let run = try ranks.run("apart", ranks: "2")
    try wait {
      try ranks.history(run).contains {
        $0.contains("training.ranks: rank ") && $0.contains(") is not connected to rank ")
          && $0.contains(", 10.77.0.1)") && $0.contains(", 10.77.0.2)")
          && $0.contains("--interface")
      }
    }
    _ = try ranks.world.answer("cancel", "--run", run)
    try wait {
      try ranks.world.rows(
        "select count(*) from pra.jobs where state in ('running', 'ready', 'blocked')") == ["0"]
    }
  }
}
