// Rules about the length of files, the import of Foundation, and kernels that nothing calls.

import Testing

@Suite struct HouseTests {
  private func allSources() throws -> [SourceFile] {
    try ["Sources", "Tests", "workers", "ops", "migrations"].flatMap {
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

  /// Every function of the kernel table is called by a wrapper, which conformance tests run.
  @Test func everyKernelIsWrappedAndFilled() throws {
    let header = try #require(
      try Repository.files(under: "Sources/Compute/CKernels/include", suffixes: ["kernels.h"]).first
    )
    let names = header.text.matches(of: /\(\*([a-z_]+)\)\(/).map { String($0.output.1) }
    #expect(names.count > 30)
    let table = try #require(
      try Repository.files(under: "Sources/Compute/CKernels/cpu", suffixes: ["table.inc.h"]).first)
    let wrappers = try ["Sources/Compute/Tensor", "Sources/Compute/Autodiff"].flatMap {
      try Repository.files(under: $0, suffixes: [".swift"])
    }.map(\.text).joined()
    for name in names {
      #expect(table.text.contains(".\(name) = \(name),"), "no device fills \(name)")
      #expect(
        wrappers.contains("pointee.\(name)!") || wrappers.contains("kernels.\(name)!"),
        "nothing calls \(name)")
    }
  }
}
