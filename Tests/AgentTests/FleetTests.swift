// A fleet on a server with few sessions.

import DatabaseTesting
import Foundation
import JobQueue
import Postgres
import Testing

@testable import Agent

@Suite struct FleetTests {
  /// Fifty processes, with which the server is full when each has two sessions; then each gets work.
  @Test("fifty workers leave a server of default size to people, idle and at work")
  func fifty() throws {
    let server = try TestServer(connections: 100)
    try Migrator(try Connection(server.url)).migrate()
    let world = try World(server.url)
    func sessions() throws -> Int {
      Int(
        try world.text(
          "select count(*) from pg_stat_activity where application_name like 'pra %'") ?? "") ?? 0
    }
    func seeJobs() throws {
      let outcome = try pra(world, "jobs", "--limit", "3")
      #expect(outcome.status == 0, "\(outcome.text)")
    }
    let agents = try (0..<50).map { try world.agent("a\($0)", "lease=60", "beat=5") }
    try wait { try world.text("select count(*) from pra.workers where state = 'live'") == "50" }
    try wait { try sessions() == 50 }
    try seeJobs()
    let jobs = try (0..<120).map { _ in try world.enqueue(#"{"act": "succeed"}"#) }
    for done in stride(from: 20, through: jobs.count, by: 20) {
      try wait(seconds: 240) {
        try world.text("select count(*) >= \(done) from pra.jobs where state = 'succeeded'")
          == "true"
      }
      try seeJobs()
    }
    #expect(try world.text("select count(*) from pra.attempts where outcome <> 'succeeded'") == "0")
    let doctor = try pra(world, "doctor")
    #expect(doctor.text.contains("50 workers may need 250"), "\(doctor.text)")
    for agent in agents { agent.signal(SIGTERM) }
    #expect(try agents.allSatisfy { try $0.end() == .code(0) })
  }

  /// The command line, as a person would call it now.
  private func pra(_ world: World, _ words: String...) throws -> (status: Int32, text: String) {
    let process = Process()
    process.executableURL = URL(filePath: "\(World.products)/pra")
    process.arguments = words
    process.environment = world.environment.merging([
      "PRA_DATABASE_URL": world.url.conninfo, "HOME": world.folder,
    ]) { $1 }
    let pipe = Pipe()
    (process.standardOutput, process.standardError) = (pipe, pipe)
    try process.run()
    let text = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return (process.terminationStatus, String(decoding: text, as: UTF8.self))
  }
}
