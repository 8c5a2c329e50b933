// A worker in the background, for tests that kill its stages.

import Foundation

/// `pra worker` in the background; it is ended when this object is freed.
final class WorkerProcess {
  let process = Process()

  /// - Parameters:
  ///   - limit: a limit of the shell that starts it, as in `ulimit -f 40`
  ///   - environment: for the worker and its stages, in addition to the variables that find
  ///   the database
  init(
    _ world: World, arguments: [String] = [], limit: String = ":",
    environment: [String: String] = [:]
  ) throws {
    process.executableURL = URL(filePath: "/bin/sh")
    process.arguments =
      ["-c", "\(limit); exec \"$0\" \"$@\"", Self.executable.path(percentEncoded: false)]
      + ["worker", "--threads", "1", "--beat", "1", "--lease", "5"] + arguments
    process.environment = [
      "PATH": "/usr/bin:/bin", "HOME": world.folder, "TMPDIR": world.folder,
      "PRA_DATABASE_URL": world.database.url.conninfo,
    ].merging(environment) { $1 }
    process.standardError = FileHandle.nullDevice
    process.standardOutput = FileHandle.nullDevice
    try process.run()
  }

  deinit {
    kill(process.processIdentifier, SIGKILL)
    process.waitUntilExit()
  }

  /// The process of the stage that it runs, by the program's name.
  func stage(_ program: String) -> pid_t? {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
    return names.compactMap(pid_t.init).first { pid in
      guard let text = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8),
        text.contains("(\(program)) "), let end = text.lastIndex(of: ")")
      else { return false }
      let fields = text[end...].split(separator: " ")
      return fields[1] != "Z" && pid_t(fields[2]) == process.processIdentifier
    }
  }

  private static let executable = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath()
    .deletingLastPathComponent().appending(path: "pra")
}
