// Help is part of the interface: it is compared with golden files, and has an example of every
// verb.
//
// PRA_UPDATE_GOLDEN=1 writes the files anew.

import Foundation
import Testing

@Suite struct HelpTests {
  static let verbs = [
    "", "up", "down", "database", "migrate", "doctor", "run", "enqueue", "worker", "runs", "jobs",
    "job", "why",
    "logs", "watch", "workers", "dashboard", "cancel", "retry", "pause", "resume", "preempt",
    "priority",
    "demand",
    "images", "plot",
    "compare", "evaluations", "export", "export checkpoint", "export images", "export npz",
    "export tensorboard", "export csv", "export comparison", "export outputs", "sql", "store", "gc",
    "rename", "tag", "note", "archive", "delete", "sweep make", "sweep show",
    "completion",
    "sample", "evaluate", "probe", "neighbours", "continue", "checkpoints", "config", "keys",
    "presets",
    "sweep", "schedule", "limits", "schedules", "drain", "forgive", "weight", "data", "help",
  ]

  @Test(arguments: verbs)
  func helpIsFrozen(_ verb: String) throws {
    try withFolder { folder in
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
  }

  @Test(arguments: [
    [], ["run"], ["export", "csv"], ["help"], ["limits"],
  ])
  func helpOnAVerbIsTheVerbsHelp(_ words: [String]) throws {
    try withFolder { folder in
      let help = try Outcome(["help"] + words, environment: ["COLUMNS": "80"], in: folder)
      let same = try Outcome(words + ["--help"], environment: ["COLUMNS": "80"], in: folder)
      #expect(help.status == 0 && help.errors.isEmpty && help.output == same.output)
      #expect(help.output.contains("USAGE: pra \(words.joined(separator: " "))"))
    }
  }

  @Test func keysArePrintedWithTypeDefaultAndMeaning() throws {
    try withFolder { folder in
      let keys = try Outcome(["keys", "sampling"], environment: [:], in: folder)
      #expect(keys.status == 0 && keys.errors.isEmpty)
      #expect(
        keys.output.contains(
          """
          sampling.steps  integer from 1 to 4095; default 25 (100 in pra-s, pra-b, pra-l)
              Steps of the integrator for each patch.

          """))
      let names = keys.output.matches(of: /(?m)^(\S+)/).map { String($0.1) }
      #expect(
        names == [
          "sampling", "sampling.method", "sampling.steps", "sampling.guidance", "sampling.scale",
          "sampling.labels", "sampling.rounding", "sampling.weights", "sampling.seed",
        ])
      let json = try Outcome(["keys", "--json"], environment: [:], in: folder)
      let all = try JSONSerialization.jsonObject(with: Data(json.output.utf8)) as? [Any]
      #expect(all?.count ?? 0 > 90)
    }
  }

  @Test(arguments: [
    (["keys", "samplng"], "error: samplng: unknown key; did you mean 'sampling'?"),
    (["keys", "lr"], "error: lr: unknown key; did you mean 'training.lr'?"),
    (["keys", "splts", "--kind", "probe"], "error: splts: unknown key; did you mean 'splits'?"),
    (["keys", "--kind", "prob"], "error: kind: 'prob' is unknown; did you mean 'probe'?"),
    (["help", "rnu"], "error: help rnu: there is no verb 'rnu'; did you mean 'run'?"),
  ])
  func badTopicsEndWithTwo(_ words: [String], _ message: String) throws {
    try withFolder { folder in
      let outcome = try Outcome(words, environment: [:], in: folder)
      #expect(outcome.status == 2 && outcome.output.isEmpty)
      #expect(outcome.errors == message + "\n")
    }
  }

  @Test func argumentsOfAKindArePrintedToo() throws {
    try withFolder { folder in
      let keys = try Outcome(["keys", "holdout", "--kind", "probe"], environment: [:], in: folder)
      #expect(
        keys.output == """
          holdout  number above 0 to 0.9; default 0.2
              Share of each class of `data` that is held out where there is no
              `validation`.

          """)
      let train = try Outcome(["keys", "--kind", "train"], environment: [:], in: folder)
      #expect(train.output.contains("data  integer from 1; required"))
      #expect(!train.output.contains("config.training"))
    }
  }

  @Test func presetsAreListedWithTheirSizes() throws {
    try withFolder { folder in
      let table = try Outcome(["presets"], environment: [:], in: folder)
      #expect(table.status == 0)
      #expect(table.output.contains(/micro +\d+\.\dM +64x64x3/))
      let json = try Outcome(
        ["presets", "--json", "--classes", "10"], environment: [:], in: folder)
      let all = try #require(
        try JSONSerialization.jsonObject(with: Data(json.output.utf8)) as? [[String: Any]])
      let nano = try #require(all.first { $0["preset"] as? String == "nano" })
      let parameters = try #require(nano["parameters"] as? Int)
      // Weights, gradients, two moments and one average of four bytes each.
      #expect(nano["memory_bytes"] as? Int == 20 * parameters)
      #expect(nano["image_size"] as? Int == 32 && nano["steps"] as? Int == 1500)
    }
  }

  /// A shell proposes keys from the table that reads them.
  @Test func settingsAreCompleted() throws {
    try withFolder { folder in
      let script = try Outcome(["completion", "bash"], environment: [:], in: folder)
      #expect(script.output.contains("training.lr="))
      #expect(script.output.contains("perturb.t_min="))
    }
  }

  /// The parser adds a `help` to scripts, which must not be there twice.
  @Test(arguments: ["bash", "zsh"]) func completionHasOneHelp(_ shell: String) throws {
    try withFolder { folder in
      let script = try Outcome(["completion", shell], environment: [:], in: folder)
      #expect(script.output.matches(of: /(?m)^_pra_help\(\)/).count == 1)
    }
  }

  private func withFolder(_ body: (String) throws -> Void) throws {
    let folder = FileManager.default.temporaryDirectory
      .appending(path: "pra-help-\(UUID().uuidString)").path(percentEncoded: false)
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try body(folder)
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
