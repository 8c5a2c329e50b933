import Foundation
import Testing

@testable import Agent

/// Agents, stages and sessions that live for long.
@Suite struct SoakTests {
  /// A thread that is neither joined nor detached keeps two mappings, of which a process has 65,530.
  @Test func nothingIsKeptOfWhatIsOver() throws {
    let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    // The script ends with this process, and its server with it.
    let environment = ProcessInfo.processInfo.environment.merging(["LEASH": "stdin"]) { $1 }
    let script = try ChildProcess(
      executable: root.appending(path: "ops/chaos/soak").path(percentEncoded: false),
      arguments: ["--short", "--programs", World.products], environment: environment)
    defer { close(script.output) }
    let text = String(
      decoding: FileHandle(fileDescriptor: script.output).readDataToEndOfFile(), as: UTF8.self)
    #expect(script.wait() == .code(0), "\(text)")
    #expect(text.contains("held: agent") && text.contains("held: stage"), "\(text)")
  }
}
