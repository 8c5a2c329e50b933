// Files that once crashed a reader, and the seeds, read by the program that ops/fuzz runs.

import Foundation
import Testing

/// The program that reads single files in a process of its own.
let fuzzReaders = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath()
  .deletingLastPathComponent().appending(path: "fuzz-readers")

@Suite struct FuzzRegressionTests {
  private static let folder = URL(filePath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent().appending(path: "ops/fuzz")

  private func files(_ folder: String, of reader: String) throws -> [String] {
    let base = Self.folder.appending(path: folder).path()
    let names = try FileManager.default.contentsOfDirectory(atPath: base).sorted()
    return names.filter { folder != "regressions" || $0.hasPrefix("\(reader)-") }
      .map { "\(base)/\($0)" }
  }

  @Test(arguments: [
    "jpeg", "png", "tar", "zip", "source", "weights", "dataset", "record", "blocks", "journal",
  ])
  func noKnownInputTrapsAReader(reader: String) throws {
    let inputs = try files("seeds/\(reader)", of: reader) + files("regressions", of: reader)
    #expect(inputs.count >= 3)
    let process = Process()
    process.executableURL = fuzzReaders
    process.arguments = [reader] + inputs
    try process.run()
    process.waitUntilExit()
    #expect(process.terminationReason == .exit && process.terminationStatus == 0)
  }
}
