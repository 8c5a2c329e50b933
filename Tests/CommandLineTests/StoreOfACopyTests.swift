// A private database whose folder is copied: its store stays the original's.

import Foundation
import Testing

@Suite struct StoreOfACopyTests {
  @Test func theCopyIsRefusedByTheStoreAndTheOriginalIsNot() throws {
    let folder = "/tmp/pra-copy-\(UUID().uuidString)"
    let (original, copy, artifacts) = ("\(folder)/home", "\(folder)/copy", "\(folder)/artifacts")
    // The account that the server runs as must be able to reach it.
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
    try FileManager.default.createDirectory(atPath: artifacts, withIntermediateDirectories: false)
    func pra(_ home: String, _ arguments: String...) throws -> Outcome {
      try Outcome(arguments, environment: ["PRA_HOME": home], in: folder)
    }
    defer {
      for home in [original, copy] { _ = try? pra(home, "down") }
      try? FileManager.default.removeItem(atPath: folder)
    }
    #expect(try pra(original, "store", "file:\(artifacts)").status == 0)
    #expect(try pra(original, "down").status == 0)
    let copied = try Outcome(
      ["-a", original, copy], program: "/bin/cp", environment: [:], in: folder)
    #expect(copied.status == 0, "\(copied.errors)")
    let refused = try pra(copy, "store", "file:\(artifacts)")
    #expect(refused.errors.contains("belongs to another database"), "\(refused)")
    #expect(try pra(original, "gc").status == 0)
  }
}
