// Rules about the length of files, the import of Foundation, operations that nothing runs, and memory.

import Testing

@Suite struct HouseTests {
  private func allSources() throws -> [SourceFile] {
    try ["Sources", "Tests", "workers", "ops", "migrations", "python"].flatMap {
      try Repository.files(under: $0, suffixes: [".swift", ".c", ".h", ".sql", ".py"])
        + Repository.scripts(under: $0)
    }
  }

  @Test func noFileIsLongerThan500Lines() throws {
    let files = try allSources()
    #expect(files.count > 50)
    #expect(files.contains { $0.path == "ops/chaos/queue" }, "a script without a suffix")
    // The golden schema is what pg_dump writes.
    for file in files where !file.path.hasPrefix("Tests/Golden/schema/") {
      #expect(file.lines.count <= 500, "\(file.path)")
    }
  }

  @Test func workersDoNotLinkFoundation() throws {
    for file in try allSources()
    where !file.path.hasPrefix("Sources/pra/") && !file.path.hasPrefix("Tests/")
      && !file.path.hasPrefix("ops/")
    {
      #expect(
        !file.lines.contains { $0 == "import Foundation" },
        "\(file.path): FoundationEssentials keeps workers small")
    }
  }

  /// Every row of operations.h is run by Swift, and no folder above Tensor sees an address as memory.
  @Test func everyOperationIsRun() throws {
    let header = try #require(
      try Repository.files(
        under: "Sources/Compute/CKernels/include", suffixes: ["operations.h"]
      ).first)
    let names = header.text.matches(of: /X\([a-z_0-9]+, ([A-Za-z0-9]+),/).map {
      String($0.output.1)
    }
    #expect(names.count > 60)
    let callers = try ["Sources/Compute", "Sources/Model"].flatMap {
      try Repository.files(under: $0, suffixes: [".swift"])
    }.map(\.text).joined()
    for name in names {
      #expect(callers.contains(".\(name)("), "nothing runs \(name)")
    }
  }

  @Test func onlyTensorsSeeMemory() throws {
    let folders = [
      "Compute/Autodiff", "Compute/NeuralNetwork", "Model/PRAModel", "Model/Training",
      "Model/Sampling",
    ]
    for folder in folders {
      let files = try Repository.files(under: "Sources/\(folder)", suffixes: [".swift"])
      #expect(!files.isEmpty)
      for file in files {
        for word in ["assumingMemoryBound", "UnsafeMutable", "__memory"] {
          #expect(!file.text.contains(word), "\(file.path): \(word)")
        }
      }
    }
  }
}
