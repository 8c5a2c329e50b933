import Foundation
import Testing

@testable import Agent

/// The attacks of ops/chaos/attack: each tries to break a promise of security, and ends with 0 if all held.
@Suite struct AttackTests {
  private static let folder = URL(filePath: #filePath).deletingLastPathComponent()
    .appending(path: "../../ops/chaos/attack").standardizedFileURL.path(percentEncoded: false)

  /// The executable files of the folder.
  private static let names = ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [])
    .filter { name in
      var isFolder: ObjCBool = false
      return FileManager.default.fileExists(atPath: "\(folder)/\(name)", isDirectory: &isFolder)
        && !isFolder.boolValue && FileManager.default.isExecutableFile(atPath: "\(folder)/\(name)")
    }.sorted()

  @Test("an attack is repelled", arguments: names)
  func attack(name: String) throws {
    // PRA_* would name another database or home.
    var environment = ProcessInfo.processInfo.environment.filter { !$0.key.hasPrefix("PRA_") }
    // The script ends with this process, and its server with it.
    environment["LEASH"] = "stdin"
    let script = try ChildProcess(
      executable: "\(Self.folder)/\(name)", arguments: ["--programs", World.products],
      environment: environment)
    defer { close(script.output) }
    let said = String(
      decoding: FileHandle(fileDescriptor: script.output).readDataToEndOfFile(), as: UTF8.self)
    #expect(script.wait() == .code(0), "\(name): \(said)")
    #expect(said.contains("held: "), "\(name) tried nothing: \(said)")
    #expect(!said.contains("BROKEN: "), "\(name): \(said)")
  }

  @Test func thereAreAttacks() { #expect(!Self.names.isEmpty) }
}
