// `pra-train --profile`: a step's time, operation by operation, without a queue.

import Foundation
import Testing

@Suite struct ProfileTests {
  private let folder: String
  private let program = URL(filePath: Outcome.executable).deletingLastPathComponent()
    .appending(path: "pra-train").path(percentEncoded: false)

  init() throws {
    folder = FileManager.default.temporaryDirectory
      .appending(path: "pra-profile-\(UUID().uuidString)").path(percentEncoded: false)
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
  }

  private func profile(_ arguments: String...) throws -> Outcome {
    try """
    name: tiny
    data: {source: images.tar}
    config:
      image: {size: 8, patch: 4}
      trunk: {width: 16, layers: 1, heads: 2, class_tokens: 1}
      head: {width: 8, blocks: 1}
      encoder: {width: 8, head_dim: 4}
      decoder: {width: 8, head_dim: 4}
      training: {batch: 4}
    variants: {plain: {}, fed: {method: teacher-forced}}
    """.write(toFile: "\(folder)/tiny.yaml", atomically: false, encoding: .utf8)
    return try Outcome(arguments, program: program, environment: [:], in: folder)
  }

  @Test func everyOperationStandsBesideTheLimits() throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let outcome = try profile(
      "--profile", "\(folder)/tiny.yaml", "--threads", "1", "--steps", "2", "--set",
      "training.precision=bf16")
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(outcome.output.contains("plain, the first of 2 configurations: pra, "))
    #expect(outcome.output.contains("2 steps of 4 random images of 8 x 8"))
    #expect(outcome.output.contains("GF/s (bf16), copies "))
    for name in ["matrix_product", "attention_gradient", "adamw", "clip_step", "philox"] {
      let line = try #require(
        outcome.output.split(separator: "\n").first { $0.hasPrefix("\(name) ") }, "\(name)")
      #expect(line.split(separator: " ").count == 14, "\(line)")
    }
    #expect(outcome.output.contains(/all operations .*100.0 %/))
  }

  @Test(arguments: [
    (["--profile"], "expected pra-train --profile FILE"),
    (["--profile", "none.yaml"], "none.yaml: there is no such file"),
    (["--profile", "a", "b"], "b: a second file"),
    (["--profile", "a", "--steps", "0"], "--steps: found '0', expected a number from 1 to 100000"),
    (["--profile", "a", "--threads"], "--threads: has no value"),
    (["--profile", "a", "--batch", "3"], "--batch: unknown option"),
    (["--benchmark"], "--benchmark: unknown option; expected --profile"),
  ])
  func badUsageIsNamed(_ given: (words: [String], message: String)) throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let outcome = try Outcome(given.words, program: program, environment: [:], in: folder)
    #expect(outcome.status == 2 && outcome.output.isEmpty)
    #expect(outcome.errors.hasPrefix("error: ") && outcome.errors.contains(given.message))
    #expect(outcome.errors.split(separator: "\n").count == 1, "\(outcome.errors)")
  }
}
