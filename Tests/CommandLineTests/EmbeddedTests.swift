// Without PRA_DATABASE_URL, a private database is created and started when needed.

import Foundation
import Testing

@Suite struct EmbeddedTests {
  @Test func aPrivateDatabaseAppearsAndGoes() throws {
    let folder = "/tmp/pra-home-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
    // The account that the server runs as must be able to reach it.
    let home = ["PRA_HOME": "\(folder)/a home"]
    func pra(_ arguments: String...) throws -> Outcome {
      try Outcome(arguments, environment: home, in: folder)
    }
    defer {
      _ = try? pra("down")
      try? FileManager.default.removeItem(atPath: folder)
    }

    let first = try pra("runs")
    #expect(first.status == 0, "\(first.errors)")
    #expect(first.errors == "pra: created a private database under \(folder)/a home\n")
    #expect(try pra("runs").errors.isEmpty)
    #expect(try pra("down").output == "stopped\n")
    #expect(try pra("down").output == "was not running\n")
    #expect(try pra("jobs").errors == "pra: started the private database under \(folder)/a home\n")

    let doctor = try pra("doctor", "--json")
    #expect(doctor.output.contains(#"{"check":"database","ok":true"#))
    let up = try pra("up")
    if let socket = up.output.firstMatch(of: /host='([^']+)'/) {
      _ = try pra("down")
      try? FileManager.default.removeItem(atPath: String(socket.1))
    }
  }
}
