import Glibc

/// Runs a program, of which no shell reads the arguments.
enum Command {
  /// Runs it to its end.
  /// - Returns: the exit status, 128 + the number for a signal, and what the program printed on both
  ///   channels, without the last line break
  static func run(_ words: [String]) throws -> (status: Int32, output: String) {
    var ends: [Int32] = [0, 0]
    // A pair of sockets, not a pipe: it can be created closed to other children.
    let kind = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
    guard socketpair(AF_UNIX, kind, 0, &ends) == 0 else {
      throw ClusterError("socketpair: \(systemError())")
    }
    defer { close(ends[0]) }
    let process: pid_t
    do {
      defer { close(ends[1]) }
      process = try spawn(words, output: ends[1])
    }
    var output: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 4096)
    while true {
      let count = read(ends[0], &buffer, buffer.count)
      if count > 0 { output += buffer[..<count] }
      if count == 0 || (count < 0 && errno != EINTR) { break }
    }
    let status = end(of: process)
    while output.last == UInt8(ascii: "\n") { output.removeLast() }
    return (status, String(decoding: output, as: UTF8.self))
  }

  /// Starts it in a session of its own, as a child of nobody here.
  /// - Parameters:
  ///   - log: takes both of its output channels
  ///   - held: a descriptor that it inherits
  static func detach(_ words: [String], log: Int32, holding held: Int32) throws {
    let status = end(of: try spawn(["setsid", "--fork"] + words, output: log, holding: held))
    guard status == 0 else { throw ClusterError("setsid failed (\(status)): util-linux is needed") }
  }

  private static func end(of process: pid_t) -> Int32 {
    var status: Int32 = 0
    while waitpid(process, &status, 0) < 0 && errno == EINTR {}
    let signal = status & 0x7F
    return signal == 0 ? (status >> 8) & 0xFF : 128 + signal
  }

  private static func spawn(_ words: [String], output: Int32, holding held: Int32? = nil) throws
    -> pid_t
  {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_adddup2(&actions, output, 1)
    posix_spawn_file_actions_adddup2(&actions, output, 2)
    // The same number twice clears the flag that would close it.
    if let held { posix_spawn_file_actions_adddup2(&actions, held, held) }

    // The server's programs look up their working folder, and their account may not see the
    // caller's.
    let arguments: [UnsafeMutablePointer<CChar>?] =
      (["env", "-C", "/"] + words).map { strdup($0) } + [nil]
    defer { for argument in arguments { free(argument) } }
    var process = pid_t()
    let failure = posix_spawnp(&process, "env", &actions, nil, arguments, environ)
    guard failure == 0 else {
      throw ClusterError("env does not start: \(String(cString: strerror(failure)))")
    }
    return process
  }
}
