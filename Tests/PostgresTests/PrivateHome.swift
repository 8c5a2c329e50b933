import Foundation
import Postgres
import Testing

/// The home of one private server, which is stopped and removed at the end.
final class PrivateHome {
  let folder: String
  let path: String
  let cluster: EmbeddedCluster

  /// - Parameters:
  ///   - name: of the home within a folder of its own; nil for that folder itself
  ///   - programs: the value of PATH; by default the test's
  init(named name: String? = nil, programs: String? = nil) throws {
    var template = Array("/tmp/pra-home-XXXXXX".utf8CString)
    folder = String(cString: try #require(mkdtemp(&template)))
    // The account postgres must be able to pass through the folder.
    chmod(folder, 0o755)
    path = name.map { [folder] in "\(folder)/\($0)" } ?? folder
    cluster = EmbeddedCluster(home: path, path: programs ?? Self.pathVariable)
  }

  static let pathVariable = ProcessInfo.processInfo.environment["PATH"]

  /// The same home as another place sees it.
  func cluster(at place: ServerHost) -> EmbeddedCluster {
    EmbeddedCluster(home: path, path: Self.pathVariable, here: place)
  }

  /// Runs a script, of which "$0" is the home.
  func shell(_ script: String) throws {
    let words: [UnsafeMutablePointer<CChar>?] =
      (["sh", "-c", script, path] as [String]).map { strdup($0) } + [nil]
    defer { for word in words { free(word) } }
    var process = pid_t()
    #expect(posix_spawnp(&process, "sh", nil, nil, words, environ) == 0)
    var status: Int32 = 0
    while waitpid(process, &status, 0) < 0 && errno == EINTR {}
    #expect(status == 0, "\(script)")
  }

  /// Kills the server and its children, as when the machine is gone.
  func kill() {
    var data = stat()
    guard stat("\(path)/postgres/data", &data) == 0 else { return }
    while true {
      let alive = (try? FileManager.default.contentsOfDirectory(atPath: "/proc"))?
        .compactMap { pid_t($0) }.filter { process in
          var folder = stat()
          return stat("/proc/\(process)/cwd", &folder) == 0 && folder.st_ino == data.st_ino
            && folder.st_dev == data.st_dev
        }
      guard let alive, !alive.isEmpty else { return }
      for process in alive { Foundation.kill(process, SIGKILL) }
      usleep(2000)
    }
  }

  /// The message with which a call refuses.
  func refusal<Value>(_ body: () throws -> Value) -> String {
    do {
      _ = try body()
      return ""
    } catch {
      return "\(error)"
    }
  }

  deinit {
    _ = try? cluster.down()
    kill()
    try? FileManager.default.removeItem(atPath: folder)
  }
}
