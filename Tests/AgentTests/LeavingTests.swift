// Agents that end by themselves, and what they tell a service manager.

import DatabaseTesting
import Foundation
import Glibc
import Testing

@testable import Agent

@Suite struct LeavingTests {
  @Test func anAgentWithoutWorkEndsAfterItsIdleTime() throws {
    let world = try World()
    let job = try world.enqueue(#"{"act": "succeed"}"#)
    let agent = try world.agent("a", "rest=0.5")
    #expect(try agent.end() == .code(0))
    #expect(try world.state(job) == "succeeded")
    #expect(agent.output.contains("has had nothing to do for 0.5 s, and ends"), "\(agent.output)")
    #expect(try world.text("select stop_reason from pra.workers") == "deregistered")
  }

  @Test func itsLifetimeOverItDrainsAndTheJobGoesOnElsewhere() throws {
    let world = try World()
    let job = try world.enqueue(#"{"act": "train", "count": 300, "pace": 20000}"#)
    let agent = try world.agent("a", "lifetime=4", "drain=2")
    #expect(try agent.end() == .code(0))
    #expect(agent.output.contains("its lifetime is over: it drains"), "\(agent.output)")
    #expect(try world.end(job)?.hasPrefix("released") == true)
    #expect(try world.text("select fault_retries - faults from pra.jobs where id = \(job)") == "3")
  }

  @Test func nothingIsTakenThatMayEndLater() throws {
    let world = try World()
    let long = try world.enqueue(#"{"act": "succeed"}"#, "time_limit => '1 hour'")
    let short = try world.enqueue(#"{"act": "succeed"}"#, "time_limit => '10 seconds'")
    let agent = try world.agent("a", "lifetime=60", "drain=1", "idle=true")
    #expect(try agent.end() == .code(0))
    #expect(try world.state(short) == "succeeded" && world.state(long) == "ready")
    let keeper = try world.agent("b", "lifetime=60", "drain=1")
    try wait { try world.text("select reason from pra.why_pending(\(long))") == "no-time" }
    keeper.signal(SIGTERM)
    #expect(try keeper.end() == .code(0))
  }

  @Test func anAgentEndsAfterSoManyJobs() throws {
    let world = try World()
    let jobs = try (0..<5).map { _ in try world.enqueue(#"{"act": "succeed"}"#) }
    let agent = try world.agent("a", "jobs=3", "slots=2")
    #expect(try agent.end() == .code(0))
    #expect(try jobs.count { try world.state($0) == "succeeded" } == 3)
    #expect(try world.text("select count(*) from pra.attempts") == "3")
  }

  @Test("an agent that has nothing to do waits for no job that it could not run")
  func othersWork() throws {
    let world = try World()
    let theirs = try world.enqueue(#"{"act": "hang"}"#, "requirements => '{gpu=H200}'")
    let other = try world.agent("other", "label.gpu=H200", "lease=60", "beat=20")
    try wait { try world.state(theirs) == "running" }
    #expect(try world.agent("a", "idle=true").end() == .code(0))
    #expect(try world.state(theirs) == "running")
    other.signal(SIGTERM)
    #expect(try other.end() == .code(0))
  }

  @Test("an idle agent has one session, and claims what comes", arguments: [1, 2])
  func sessions(slots: Int) throws {
    let world = try World()
    let agent = try world.agent("a", "slots=\(slots)", "lease=60", "beat=20")
    func sessions() throws -> String? {
      try world.text(
        "select count(*) from pg_stat_activity where application_name like 'pra worker a %'")
    }
    try wait { agent.output.contains("registered as worker") }
    for _ in 0..<2 {
      let jobs = try (0..<3).map { _ in try world.enqueue(#"{"act": "succeed"}"#) }
      try wait { try jobs.allSatisfy { try world.state($0) == "succeeded" } }
      try wait { try sessions() == "1" }
    }
    agent.signal(SIGTERM)
    #expect(try agent.end() == .code(0))
    #expect(try world.text("select count(*) from pra.attempts where outcome = 'succeeded'") == "6")
  }

  @Test(
    "a service manager is told of the start, of beats and of the end", arguments: [false, true])
  func manager(isAbstract: Bool) throws {
    let world = try World()
    let name = isAbstract ? "@pra-\(UUID().uuidString)" : "\(world.folder)/notify"
    let socket = try Listener(name)
    let job = try world.enqueue(#"{"act": "hang"}"#)
    let agent = try world.agent("a", environment: ["NOTIFY_SOCKET": name, "WATCHDOG_USEC": "1"])
    var heard = ""
    try wait {
      heard += socket.receive()
      return heard.contains("WATCHDOG=1")
    }
    #expect(heard.hasPrefix("READY=1\nSTATUS=worker 1"), "\(heard)")
    let environment = try String(
      contentsOfFile: "/proc/\(try world.process(job))/environ", encoding: .utf8)
    #expect(environment.contains("PRA_JOB=") && !environment.contains("NOTIFY_SOCKET"))
    agent.signal(SIGUSR1)
    #expect(try agent.end() == .code(0))
    heard += socket.receive()
    #expect(heard.contains("STOPPING=1"), "\(heard)")
  }
}

/// A datagram socket, as that of a service manager.
private final class Listener {
  private let descriptor: Int32

  init(_ name: String) throws {
    descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_NONBLOCK.rawValue), 0)
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    var path = Array(name.utf8)
    if path[0] == UInt8(ascii: "@") { path[0] = 0 }
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path) }
    let length = MemoryLayout<sockaddr_un>.offset(of: \.sun_path)! + path.count
    let result = withUnsafePointer(to: address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(descriptor, $0, socklen_t(length))
      }
    }
    try #require(result == 0)
  }

  deinit { close(descriptor) }

  /// All that has come.
  func receive() -> String {
    var text = ""
    var buffer = [UInt8](repeating: 0, count: 4096)
    while true {
      let count = recv(descriptor, &buffer, buffer.count, 0)
      guard count > 0 else { return text }
      text += String(decoding: buffer[..<count], as: UTF8.self)
    }
  }
}
