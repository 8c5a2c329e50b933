// A stage as the kernel sees it: a process group with one channel in and one out.

import Glibc
import Synchronization
import Threads

/// A child process that leads its own group.
///
/// Its standard input is a socket of which only this object holds the other end: however the agent
/// dies, the child then reads the end of file. Standard output and error share another socket.
/// These are sockets, not pipes, because they can be created closed to other children.
final class ChildProcess: Sendable {
  let processID: pid_t
  /// The read end of the child's output; the reader closes it.
  let output: Int32
  private let control: Int32
  private let outOfMemoryBefore: Int
  /// The folder by which the processes that it started are known, whatever group they are in.
  private let scratch: String?
  /// Whether the process was waited for, after which its number may belong to another process.
  private let reaped = Mutex(false)

  /// Starts the process.
  /// - Parameter environment: all of it; nothing is inherited
  init(
    executable: String, arguments: [String] = [], environment: [String: String]
  ) throws(AgentError) {
    var input: [Int32] = [-1, -1]
    var output: [Int32] = [-1, -1]
    let kind = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
    guard socketpair(AF_UNIX, kind, 0, &input) == 0 else {
      throw AgentError("socketpair: \(systemError())")
    }
    guard socketpair(AF_UNIX, kind, 0, &output) == 0 else {
      let error = systemError()
      for end in input { close(end) }
      throw AgentError("socketpair: \(error)")
    }
    defer {
      close(input[1])
      close(output[1])
    }

    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_adddup2(&actions, input[1], STDIN_FILENO)
    posix_spawn_file_actions_adddup2(&actions, output[1], STDOUT_FILENO)
    posix_spawn_file_actions_adddup2(&actions, output[1], STDERR_FILENO)

    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var signals = sigset_t()
    sigemptyset(&signals)
    posix_spawnattr_setsigmask(&attributes, &signals)
    sigfillset(&signals)
    posix_spawnattr_setsigdefault(&attributes, &signals)
    posix_spawnattr_setpgroup(&attributes, 0)
    posix_spawnattr_setflags(
      &attributes,
      Int16(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))

    let words = ([executable] + arguments).map { strdup($0) } + [nil]
    let settings = environment.map { strdup("\($0.key)=\($0.value)") } + [nil]
    defer { for word in words + settings { free(word) } }
    outOfMemoryBefore = OutOfMemory.kills()
    scratch = environment["PRA_SCRATCH"]
    var process = pid_t()
    let failure = Self.living.withLock { living in
      let failure = posix_spawn(&process, executable, &actions, &attributes, words, settings)
      if failure == 0 { living.insert(process) }
      return failure
    }
    guard failure == 0 else {
      close(input[0])
      close(output[0])
      throw AgentError("\(executable) does not start: \(String(cString: strerror(failure)))")
    }
    processID = process
    control = input[0]
    self.output = output[0]
  }

  deinit { close(control) }

  /// Asks the stage to save a checkpoint and end.
  func requestStop() { say("stop") }

  /// Sends a line to the child's standard input. It is no error if the child has already ended.
  func say(_ line: String) {
    let line: [UInt8] = Array("\(line)\n".utf8)
    _ = send(control, line, line.count, Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT))
  }

  /// Kills the whole group, and what the process has started outside it.
  func kill() {
    reaped.withLock { reaped in
      guard !reaped else { return }
      let rest = ProcessTree.below(processID)
      _ = Glibc.kill(-processID, SIGKILL)
      for process in rest { _ = Glibc.kill(process, SIGKILL) }
    }
  }

  /// Waits for the process to end, and kills what it leaves behind.
  func wait() -> ProcessEnd {
    // Without reaping it, so that its number stays its own until the group has been killed.
    var information = siginfo_t()
    while waitid(P_PID, id_t(processID), &information, WEXITED | WNOWAIT) < 0 && errno == EINTR {}
    var status: Int32 = 0
    var used = rusage()
    reaped.withLock { reaped in
      _ = Glibc.kill(-processID, SIGKILL)
      Self.living.withLock { living in
        while wait4(processID, &status, 0, &used) < 0 && errno == EINTR {}
        living.remove(processID)
      }
      reaped = true
    }
    endOrphans()
    let signal = status & 0x7F
    guard signal != 0 else { return .code((status >> 8) & 0xFF) }
    if signal == SIGKILL && OutOfMemory.kills() > outOfMemoryBefore { return .outOfMemory }
    if [SIGXCPU, SIGKILL].contains(signal), let limit = ProcessorTime.limit,
      ProcessorTime.seconds(of: used) >= limit
    {
      return .outOfProcessorTime(seconds: limit)
    }
    return .signal(signal)
  }

  // MARK: orphans

  /// Processes that were started here and not waited for.
  private static let living = Mutex<Set<pid_t>>([])

  /// Kills processes that have left the group: they became children of the agent when their parents
  /// ended (`ProcessTree.adoptOrphans`), and their environment names the attempt's folder.
  private func endOrphans() {
    guard let scratch else { return }
    ProcessTree.kill {
      Self.adopted().filter { ProcessTree.variable("PRA_SCRATCH", of: $0) == scratch }
        .flatMap { [$0] + ProcessTree.below($0) }
    }
    // Their ends are asked for, or they would stay in the table of processes. A program that this
    // process runs otherwise is in its own group and has somebody who waits for it.
    for process in Self.adopted() {
      guard let entry = ProcessTree.entry(of: process), entry.hasEnded, entry.group != getpgrp()
      else { continue }
      var status: Int32 = 0
      waitpid(process, &status, WNOHANG)
    }
  }

  private static func adopted() -> [pid_t] {
    let children = ProcessTree.children(of: getpid())
    return living.withLock { living in children.filter { !living.contains($0) } }
  }
}

/// The end of a process.
enum ProcessEnd: Sendable, Equatable {
  case code(Int32)
  case signal(Int32)
  /// Killed by signal 9 while the kernel's count of out-of-memory kills rose.
  case outOfMemory
  /// Killed by the limit of a process's processor time, which stages inherit from their agent.
  case outOfProcessorTime(seconds: Int)
}

/// The limit of processor time that this process and its children have: getrlimit(2), RLIMIT_CPU.
private enum ProcessorTime {
  /// In seconds; nil without a limit.
  static var limit: Int? {
    var most = rlimit()
    guard getrlimit(__rlimit_resource_t(RLIMIT_CPU.rawValue), &most) == 0 else { return nil }
    return Int(exactly: min(most.rlim_cur, most.rlim_max)).flatMap { $0 == Int.max ? nil : $0 }
  }

  static func seconds(of used: rusage) -> Int {
    used.ru_utime.tv_sec + used.ru_stime.tv_sec
      + (used.ru_utime.tv_usec + used.ru_stime.tv_usec + 500_000) / 1_000_000
  }
}

/// The kernel's count of out-of-memory kills: in this control group, or on the whole machine if
/// there is none.
enum OutOfMemory {
  static func kills() -> Int {
    // cgroups(7): a line "0::/path" names the group below the mount.
    let group = lines(of: "/proc/self/cgroup").first { $0.hasPrefix("0::") }?.dropFirst(3) ?? ""
    for path in ["/sys/fs/cgroup\(group)/memory.events", "/proc/vmstat"] {
      for line in lines(of: path) where line.hasPrefix("oom_kill ") {
        if let count = Int(line.dropFirst(9)) { return count }
      }
    }
    return 0
  }

  private static func lines(of path: String) -> [String] {
    guard let file = fopen(path, "re") else { return [] }
    defer { fclose(file) }
    var lines: [String] = []
    var buffer = [CChar](repeating: 0, count: 4096)
    while fgets(&buffer, Int32(buffer.count), file) != nil {
      let bytes = buffer.prefix { $0 != 0 && $0 != 10 }.map { UInt8(bitPattern: $0) }
      lines.append(String(decoding: bytes, as: UTF8.self))
    }
    return lines
  }
}

/// The reason why the agent cannot work, in one sentence.
package struct AgentError: Error, Sendable, Equatable, CustomStringConvertible {
  package let description: String

  init(_ description: String) { self.description = description }
}

func systemError() -> String { String(cString: strerror(errno)) }
