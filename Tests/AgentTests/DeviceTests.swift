// Devices that stages have to themselves.

import DatabaseTesting
import Foundation
import Testing

@testable import Agent

@Suite struct DeviceTests {
  /// Two jobs at once have a device each, and a third one that which is free again.
  @Test func stagesThatRunTogetherHaveDifferentDevices() throws {
    let world = try World()
    let jobs = try (0..<2).map { _ in try world.enqueue(#"{"act": "hang"}"#) }
    let agent = try world.agent("a", "slots=2", "devices=cuda:0,cuda:1")
    func device(_ job: Int64) throws -> String? {
      let stage = try world.process(job)
      let text = try String(contentsOfFile: "/proc/\(stage)/environ", encoding: .utf8)
      return text.split(separator: "\0").first { $0.hasPrefix("PRA_DEVICE=") }.map(String.init)
    }
    let first = try jobs.map(device)
    #expect(Set(first) == ["PRA_DEVICE=cuda:0", "PRA_DEVICE=cuda:1"])
    let next = try world.enqueue(#"{"act": "hang"}"#)
    _ = try world.text("select pra.cancel(\(jobs[0]))")
    try wait { try world.state(next) == "running" }
    #expect(try device(next) == first[0])
    _ = agent
  }
}
