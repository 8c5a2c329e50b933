// Jobs that are stopped while they fetch what they read.

import DatabaseTesting
import Foundation
import JobQueue
import ObjectServer
import Postgres
import RunStore
import Testing
import Threads

@testable import Agent

@Suite struct FetchTests {
  private let world: World
  private let server: ObjectServer
  private let content: [UInt8]
  private let sha256: String
  private let keys = ["AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"]

  /// An artifact of 24 MB in a bucket.
  init() throws {
    world = try World()
    server = try ObjectServer()
    content = storedBytes(24_000_000)
    try world.admin.query(
      "select pra.use_store($1)", [.text("s3://bucket?endpoint=\(server.endpoint)")])
    var store = ArtifactStore(
      RetryingConnection(
        url: world.url, role: .owner, name: "test", giveUp: { true }, report: { _ in }),
      environment: keys)
    sha256 = try store.store(
      bytes: content, name: "data.bin", mediaType: "application/octet-stream", owner: .submitter
    ).sha256
  }

  private func agent(_ name: String, _ settings: String...) throws -> AgentProcess {
    try AgentProcess(
      world.settings(name, ["cache=1000000000", "drain=20"] + settings),
      environment: world.environment.merging(keys) { $1 })
  }

  /// Lets bytes come so slowly that a fetch from the first byte on takes 12 s.
  private func crawl() {
    server.answer { [content, sha256] request, _ in
      guard request.method == "GET", request.path.hasSuffix(sha256),
        request.headers["range"] == nil
      else { return nil }
      var slow = ObjectServer.Answer(200, body: content)
      slow.pace = 200_000
      return slow
    }
  }

  private var partial: Int {
    let folder = "\(world.folder)/pra-cache-\(getuid())"
    let size = try? FileManager.default.attributesOfItem(atPath: "\(folder)/\(sha256).partial")[
      .size]
    return size as? Int ?? 0
  }

  /// The first byte of each request for the bytes.
  private var starts: [Int] {
    server.requests.filter { $0.method == "GET" && $0.path.hasSuffix(sha256) }.map {
      Int($0.headers["range"]?.dropFirst("bytes=".count).dropLast() ?? "0") ?? -1
    }
  }

  @Test(
    "preempted in the middle of a fetch: released at once, and the next attempt goes on behind it")
  func preempted() throws {
    crawl()
    let job = try world.enqueue(#"{"act": "fetch", "artifact": "\#(sha256)"}"#)
    let agent = try agent("first")
    try wait { partial > 3 << 20 }
    try wait {
      try world.text("select progress from pra.jobs")?.wholeMatch(
        of: /fetching [0-9.]+ of 24 MB, [0-9.]+ MB\/s/) != nil
    }
    let asked = monotonicSeconds()
    try world.admin.query("select pra.preempt($1)", [.integer(job)])
    try wait { try world.end(job) != "" }
    let seconds = monotonicSeconds() - asked
    #expect(try world.end(job) == "preempted 75 preempted")
    #expect(seconds < 2, "released after \(seconds) s")
    try wait { try world.state(job) == "succeeded" }
    try #require(starts.count == 2)
    #expect(starts[0] == 0 && starts[1] > 3 << 20)
    #expect(try world.text("select preemptions || ' ' || faults from pra.jobs") == "1 0")
    agent.signal(SIGTERM)
    #expect(try agent.end() == .code(0))
  }

  @Test("what a killed stage had fetched stays, and the next attempt goes on behind it")
  func killed() throws {
    crawl()
    let job = try world.enqueue(#"{"act": "fetch", "artifact": "\#(sha256)"}"#)
    let agent = try agent("first")
    try wait { partial > 2 << 20 }
    kill(try world.process(job), SIGKILL)
    try wait { try world.end(job) != "" }
    try world.admin.run(
      "update pra_store.jobs set run_after = now(), due = true where state = 'ready'")
    try wait { try world.state(job) == "succeeded" }
    try #require(starts.count == 2)
    #expect(starts[0] == 0 && starts[1] > 2 << 20)
    // Another job of the machine fetches nothing.
    let second = try world.enqueue(#"{"act": "fetch", "artifact": "\#(sha256)"}"#)
    try wait { try world.state(second) == "succeeded" }
    #expect(starts.count == 2)
    agent.signal(SIGTERM)
    #expect(try agent.end() == .code(0))
  }
}
