// Help is part of the interface: it is compared with golden files, and has an example of every
// verb.
//
// PRA_UPDATE_GOLDEN=1 writes the files anew.

import Foundation
import Testing

@Suite struct HelpTests {
  static let verbs = [
    "", "up", "down", "migrate", "doctor", "run", "enqueue", "worker", "runs", "jobs", "job", "why",
    "logs", "watch", "workers", "cancel", "retry", "pause", "resume", "preempt", "images", "plot",
    "compare", "evaluations", "export", "export checkpoint", "export images", "export npz",
    "export tensorboard", "export csv", "export comparison", "export outputs", "sql", "store", "gc",
    "completion",
    "sweep", "schedule", "limits", "schedules", "drain", "weight", "data",
  ]

  @Test(arguments: verbs)
  func helpIsFrozen(_ verb: String) throws {
    let folder = FileManager.default.temporaryDirectory
      .appending(path: "pra-help-\(UUID().uuidString)").path(percentEncoded: false)
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let outcome = try Outcome(
      verb.split(separator: " ").map(String.init) + ["--help"], environment: ["COLUMNS": "80"],
      in: folder)
    #expect(outcome.status == 0 && outcome.errors.isEmpty)
    if !verb.isEmpty { #expect(outcome.output.contains("Example: ")) }

    let name = verb.isEmpty ? "pra" : verb.replacing(" ", with: "-")
    let golden = "\(Repository.root)/Tests/Golden/help/\(name).txt"
    if ProcessInfo.processInfo.environment["PRA_UPDATE_GOLDEN"] == "1" {
      try outcome.output.write(toFile: golden, atomically: true, encoding: .utf8)
    }
    #expect(outcome.output == (try String(contentsOfFile: golden, encoding: .utf8)))
  }

  /// A verb without a golden file would escape the test above.
  @Test func everyVerbIsFrozen() throws {
    let text = try String(
      contentsOfFile: "\(Repository.root)/Tests/Golden/help/pra.txt", encoding: .utf8)
    let listed = text.split(separator: "\n").compactMap { line -> String? in
      guard line.hasPrefix("  "), let word = line.dropFirst(2).split(separator: " ").first,
        line.dropFirst(2).first?.isLetter == true, !line.contains("pra help")
      else { return nil }
      return String(word)
    }
    #expect(listed.sorted() == Self.verbs.filter { !$0.isEmpty && !$0.contains(" ") }.sorted())
  }
}
