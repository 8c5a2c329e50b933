import Glibc

/// Runs a program to its end.
enum Command {
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
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_adddup2(&actions, ends[1], 1)
    posix_spawn_file_actions_adddup2(&actions, ends[1], 2)

    // The server's programs look up their working folder, and their account may not see the
    // caller's.
    let arguments: [UnsafeMutablePointer<CChar>?] =
      (["env", "-C", "/"] + words).map { strdup($0) } + [nil]
    defer { for argument in arguments { free(argument) } }
    var process = pid_t()
    let failure = posix_spawnp(&process, "env", &actions, nil, arguments, environ)
    close(ends[1])
    guard failure == 0 else {
      throw ClusterError("env does not start: \(String(cString: strerror(failure)))")
    }

    var output: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 4096)
    while true {
      let count = read(ends[0], &buffer, buffer.count)
      if count > 0 { output += buffer[..<count] }
      if count == 0 || (count < 0 && errno != EINTR) { break }
    }
    var status: Int32 = 0
    while waitpid(process, &status, 0) < 0 && errno == EINTR {}
    while output.last == UInt8(ascii: "\n") { output.removeLast() }
    let signal = status & 0x7F
    return (
      signal == 0 ? (status >> 8) & 0xFF : 128 + signal, String(decoding: output, as: UTF8.self)
    )
  }
}
