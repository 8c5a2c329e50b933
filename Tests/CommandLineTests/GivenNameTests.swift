// A stage's message names the argument and the file as they were given.

import Foundation
import TensorFiles
import Testing

@Suite struct GivenNameTests {
  let world: World

  init() throws { world = try World() }

  /// The end of a job that one worker has run.
  private func message(_ job: String) throws -> String {
    _ = try world.pra("worker", "--until-idle")
    return try world.rows("select state || ' ' || message from pra.jobs where id = \(job)")[0]
  }

  @Test("a file of statistics that is none", arguments: [nil, "the team's/stats.npz"])
  func statistics(name: String?) throws {
    let file = try world.write("my-stats.npz", "this is no archive at all")
    let job = try world.answer(
      ["enqueue", "reference", "--file", "statistics=\(file)"]
        + (name.map { ["--set", "statistics_name=\($0)"] } ?? []))
    let end = try message(job)
    #expect(end.hasPrefix("failed statistics: \(name ?? "my-stats.npz"): "), "\(end)")
    #expect(!end.contains("scratch") && !end.contains(world.folder), "\(end)")
  }

  @Test func weightsThatAreNone() throws {
    let file = try world.write("inception.pth", "no weights")
    let images = try world.write("drawn.npz", "no images")
    let refused = try world.pra(
      "enqueue", "features", "--file", "archive=\(images)", "--file", "weights=\(file)")
    #expect(
      refused.status == 2
        && refused.errors.contains("--file weights: \(file): is neither safetensors, npz"),
      "\(refused)")
    let weights = "\(world.folder)/none.safetensors"
    try SafetensorsWriter.write(path: weights, tensors: [])
    let job = try world.answer(
      "enqueue", "features", "--file", "archive=\(images)", "--file", "weights=\(weights)")
    let end = try message(job)
    #expect(end.hasPrefix("failed archive: drawn.npz: "), "\(end)")
    #expect(!end.contains(world.folder), "\(end)")
  }

  @Test func aFolderThatIsPackedIsNamedAsItWasGiven() throws {
    let folder = "\(world.folder)/pictures"
    try FileManager.default.createDirectory(
      atPath: "\(folder)/\(String(repeating: "a", count: 200))", withIntermediateDirectories: true)
    #expect(symlink("nowhere", "\(folder)/link.png") == 0)
    let outcome = try world.pra("enqueue", "ingest", "--file", "source=\(folder)")
    #expect(outcome.status == 2 && outcome.errors.contains("pictures/link.png"), "\(outcome)")
    #expect(!outcome.errors.contains("pra-source-"))
  }
}
