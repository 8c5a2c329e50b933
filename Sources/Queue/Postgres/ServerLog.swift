import Glibc

/// The log of the private server, to which it appends.
struct ServerLog {
  let path: String

  /// Opens the log for a server that is about to start.
  /// - Parameter owner: the account that the server runs as; nil for the caller
  /// - Returns: an open descriptor, and the length so far
  func open(for owner: (user: uid_t, group: gid_t)?) throws -> (descriptor: Int32, length: Int) {
    let descriptor = Glibc.open(path, O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0o600)
    var status = stat()
    guard descriptor >= 0, fstat(descriptor, &status) == 0,
      owner.map({ fchown(descriptor, $0.user, $0.group) == 0 }) ?? true
    else {
      let reason = systemError()
      if descriptor >= 0 { close(descriptor) }
      throw ClusterError("\(path) cannot be opened: \(reason)")
    }
    return (descriptor, Int(status.st_size))
  }

  /// Why a server ended: its last fatal message since `start`, otherwise its last line.
  func reason(since start: Int) -> String {
    guard let file = fopen(path, "r") else { return "its log \(path) cannot be read" }
    defer { fclose(file) }
    var bytes = [UInt8](repeating: 0, count: 65_536)
    guard fseek(file, start, SEEK_SET) == 0 else { return "see \(path)" }
    let count = fread(&bytes, 1, bytes.count, file)
    let lines = String(decoding: bytes.prefix(count), as: UTF8.self).split(separator: "\n")
    let fatal = lines.last { $0.contains("PANIC:") || $0.contains("FATAL:") }
    guard let line = fatal ?? lines.last else { return "it has written nothing to \(path)" }
    // A line begins with the time and the number of the process.
    let words = line.firstRange(of: "PANIC:") ?? line.firstRange(of: "FATAL:")
    let text = words.map { line[$0.upperBound...] } ?? line
    return text.drop(while: \.isWhitespace) + " (\(path))"
  }
}
