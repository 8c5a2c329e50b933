import Foundation
import Testing

/// Agents, stages and sessions that live for long.
@Suite struct SoakTests {
  /// A thread that is neither joined nor detached keeps two mappings, of which a process has 65,530.
  @Test func nothingIsKeptOfWhatIsOver() throws {
    let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    let process = Process()
    process.executableURL = root.appending(path: "ops/chaos/soak")
    process.arguments = ["--short", "--programs", World.products]
    let said = Pipe()
    process.standardError = said
    process.standardOutput = FileHandle.nullDevice
    try process.run()
    let text = String(decoding: said.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    #expect(process.terminationStatus == 0, "\(text)")
    #expect(text.contains("held: agent") && text.contains("held: stage"), "\(text)")
  }
}
