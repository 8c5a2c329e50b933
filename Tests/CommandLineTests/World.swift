// A database and a folder for one test, and the built `pra` as a process that uses them.

import DatabaseTesting
import Dispatch
import Foundation
import Postgres
import Testing

final class World {
  let database: TestDatabase
  private(set) var admin: Connection
  let folder: String

  /// - Parameter migrated: false for an empty database
  convenience init(migrated: Bool = true) throws {
    try self.init(on: try TestDatabase.create(migrated: migrated))
  }

  init(on database: TestDatabase) throws {
    self.database = database
    admin = try database.connect()
    folder = FileManager.default.temporaryDirectory
      .appending(path: "pra-cli-\(UUID().uuidString)").path(percentEncoded: false)
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
  }

  deinit { try? FileManager.default.removeItem(atPath: folder) }

  /// Opens the session anew, after a restart of the server.
  func reconnect() throws { admin = try database.connect() }

  /// Runs `pra` to its end on this world's database.
  func pra(_ arguments: String..., input: String = "", environment: [String: String] = [:]) throws
    -> Outcome
  {
    var all = ["PRA_DATABASE_URL": database.url.conninfo]
    all.merge(environment) { $1 }
    return try Outcome(arguments, input: input, environment: all, in: folder)
  }

  /// Credentials of the bucket that a long test was given.
  static let credentials = ProcessInfo.processInfo.environment.filter { $0.key.hasPrefix("AWS_") }

  /// The output of `pra`, which must succeed.
  func answer(_ arguments: String...) throws -> String { try answer(arguments) }

  func answer(_ arguments: [String]) throws -> String {
    let outcome = try Outcome(
      arguments,
      environment: ["PRA_DATABASE_URL": database.url.conninfo].merging(Self.credentials) { $1 },
      in: folder)
    #expect(outcome.status == 0, "\(arguments): \(outcome.errors)")
    return outcome.output.trimmingCharacters(in: .newlines)
  }

  /// The rows of a query, with their values separated by blanks.
  func rows(_ sql: String) throws -> [String] {
    let rows = try admin.query(sql)
    return rows.map { row in
      rows.columns.indices.map { row.text(at: $0) ?? "-" }.joined(separator: " ")
    }
  }

  /// Writes a file into the world's folder; returns its path.
  @discardableResult
  func write(_ name: String, _ text: String) throws -> String {
    try text.write(toFile: "\(folder)/\(name)", atomically: false, encoding: .utf8)
    return "\(folder)/\(name)"
  }

  /// A run file over the demo's data; `settings` are further lines.
  func runFile(_ settings: String = "sample: {count: 10, shards: 3}\nevaluate: true") throws
    -> String
  {
    try write(
      "run.yaml",
      """
      name: emoji
      data: {source: \(Repository.root)/ops/demo.d/emoji-32.tar}
      config: {preset: nano, method: pra}
      \(settings)

      """)
  }
}

/// The exit status and the output of a process.
struct Outcome {
  let status: Int32
  let output: String
  let errors: String

  /// - Parameters:
  ///   - program: `pra` unless another is named
  ///   - given: what is its standard output, in the place of a file whose text is `output`
  ///   - folder: holds files for its output channels
  init(
    _ arguments: [String], program: String = Outcome.executable, input: String = "",
    output given: String? = nil, environment: [String: String], in folder: String
  ) throws {
    let base = "\(folder)/process-\(UUID().uuidString)"
    try input.write(toFile: "\(base).in", atomically: false, encoding: .utf8)
    for name in ["out", "err"] {
      try "".write(toFile: "\(base).\(name)", atomically: false, encoding: .utf8)
    }
    let settings = [
      "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": folder,
      "PRA_HOME": "\(folder)/home", "TMPDIR": folder,
    ].merging(environment) { $1 }
    status = try Self.run(
      [program] + arguments, settings.map { "\($0.key)=\($0.value)" }, channels: base, output: given
    )
    output = try String(contentsOfFile: "\(base).out", encoding: .utf8)
    errors = try String(contentsOfFile: "\(base).err", encoding: .utf8)
  }

  /// Used because Foundation's Process waits for every process that inherits its sockets, such as a
  /// database server.
  static func run(
    _ words: [String], _ environment: [String], channels base: String, output: String? = nil
  ) throws -> Int32 {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 0, "\(base).in", O_RDONLY, 0)
    posix_spawn_file_actions_addopen(&actions, 1, output ?? "\(base).out", O_WRONLY, 0)
    posix_spawn_file_actions_addopen(&actions, 2, "\(base).err", O_WRONLY, 0)
    let arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
    let settings: [UnsafeMutablePointer<CChar>?] = environment.map { strdup($0) } + [nil]
    defer { for word in arguments + settings { free(word) } }
    var process = pid_t()
    let failure = posix_spawn(&process, words[0], &actions, nil, arguments, settings)
    guard failure == 0 else { throw POSIXError(POSIXErrorCode(rawValue: failure) ?? .EIO) }
    // A command that waits for ever must fail its own test, and hide no other.
    let child = process
    let guardian = DispatchWorkItem { kill(child, SIGKILL) }
    DispatchQueue.global().asyncAfter(deadline: .now() + 1200, execute: guardian)
    defer { guardian.cancel() }
    var status: Int32 = 0
    while waitpid(process, &status, 0) < 0 && errno == EINTR {}
    return status & 0x7F == 0 ? (status >> 8) & 0xFF : 128 + status & 0x7F
  }

  /// Runs a line of a shell, in which `$PRA` is the program.
  static func shell(_ line: String, environment: [String: String], in folder: String) throws
    -> Outcome
  {
    try Outcome(
      ["-c", line], program: "/bin/sh",
      environment: environment.merging(["PRA": executable]) { $1 },
      in: folder)
  }

  static let executable = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath()
    .deletingLastPathComponent().appending(path: "pra").path(percentEncoded: false)
}

enum Repository {
  static let root = URL(filePath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent().path(percentEncoded: false)
    .replacing(/\/$/, with: "")
}
