// The processes below this one: those that it started, and those that they started.

import CProcess
import Glibc

/// Processes of this machine as /proc shows them (proc(5)).
package enum ProcessTree {
  /// Makes this process the parent of orphans among its descendants (PR_SET_CHILD_SUBREAPER of
  /// prctl(2)), so that none leaves the tree. A kernel before Linux 3.4 cannot, and nothing else
  /// depends on it.
  package static func adoptOrphans() { _ = adopt_orphans() }

  /// Lets processes end with this one, however it ends: those that were started with the variable at
  /// a value that begins so. To be called before `adoptOrphans`, or the process that sees to it would
  /// be a child of this one.
  /// - Returns: false where the machine gives no process for it
  package static func endWithThis(_ variable: String, beginningWith value: String) -> Bool {
    start_warden("\(variable)=\(value)") == 0
  }

  /// Kills every process below this one, however it has left its process group or session.
  package static func killBelow() { kill { below(getpid()) } }

  /// Kills processes until there are none: what is killed may have started another one just before.
  package static func kill(all find: () -> [pid_t]) {
    for _ in 0..<rounds {
      let found = find().filter { entry(of: $0)?.hasEnded == false }
      if found.isEmpty { return }
      for process in found { _ = Glibc.kill(process, SIGKILL) }
      usleep(pause)
    }
  }

  /// At most a second: a process that waits for a disk does not end before that answers.
  private static let rounds = 500
  private static let pause: UInt32 = 2000

  package struct Entry: Sendable {
    package let parent: pid_t
    package let group: pid_t
    /// Whether it waits for its parent to ask how it ended (states Z and X).
    package let hasEnded: Bool
  }

  /// - Returns: nil if there is no such process
  package static func entry(of process: pid_t) -> Entry? {
    // The name stands in parentheses and may hold anything.
    guard let bytes = contents(of: "/proc/\(process)/stat"),
      let end = bytes.lastIndex(of: UInt8(ascii: ")"))
    else { return nil }
    let fields = words(bytes[(end + 1)...])
    guard fields.count > 2, let parent = pid_t(fields[1]), let group = pid_t(fields[2]) else {
      return nil
    }
    return Entry(parent: parent, group: group, hasEnded: ["Z", "X"].contains(fields[0]))
  }

  /// The processes below one, without itself.
  package static func below(_ root: pid_t) -> [pid_t] {
    var found: [pid_t] = []
    var front = [root]
    while let next = front.popLast() {
      let own = children(of: next).filter { !found.contains($0) }
      found += own
      front += own
    }
    return found
  }

  /// The processes whose parent is this one.
  package static func children(of process: pid_t) -> [pid_t] {
    var found: [pid_t] = []
    for thread in numbers(in: "/proc/\(process)/task") {
      guard let list = contents(of: "/proc/\(process)/task/\(thread)/children") else {
        // The thread has ended, or the kernel was built without this list.
        if entry(of: thread) == nil { continue }
        return numbers(in: "/proc").filter { entry(of: $0)?.parent == process }
      }
      found += words(list[...]).compactMap { pid_t($0) }
    }
    return found
  }

  /// The value of a variable in the environment with which a process was started; nil if there is
  /// none, or if it may not be read.
  package static func variable(_ name: String, of process: pid_t) -> String? {
    let start = Array("\(name)=".utf8)
    return contents(of: "/proc/\(process)/environ")?.split(separator: 0)
      .first { $0.starts(with: start) }
      .map { String(decoding: $0.dropFirst(start.count), as: UTF8.self) }
  }

  /// Starts a program below this one, without a shell: with an empty standard input, this process's output, and no
  /// other file of it.
  /// - Parameters:
  ///   - arguments: all words, the program's name first
  ///   - environment: all of it; nothing is inherited
  ///   - folder: where it runs
  /// - Returns: its number, or the `errno` for which it does not start
  package static func start(
    _ path: String, arguments: [String], environment: [String: String], in folder: String
  ) -> (process: pid_t, error: Int32) {
    let words = arguments.map { strdup($0) } + [nil]
    let settings = environment.map { strdup("\($0.key)=\($0.value)") } + [nil]
    defer { for word in words + settings { free(word) } }
    var process: Int32 = 0
    let error = start_program(path, words, settings, folder, &process)
    return (process, error)
  }

  // MARK: details

  private static func words(_ bytes: ArraySlice<UInt8>) -> [String] {
    bytes.split { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\n") }
      .map { String(decoding: $0, as: UTF8.self) }
  }

  private static func numbers(in path: String) -> [pid_t] {
    guard let folder = opendir(path) else { return [] }
    defer { closedir(folder) }
    var found: [pid_t] = []
    while let item = readdir(folder) {
      let name = withUnsafeBytes(of: &item.pointee.d_name) { bytes in
        String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      if let number = pid_t(name) { found.append(number) }
    }
    return found
  }

  private static func contents(of path: String) -> [UInt8]? {
    let file = open(path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { return nil }
    defer { close(file) }
    var all: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 4096)
    while true {
      let count = read(file, &buffer, buffer.count)
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else { return all }
      all += buffer[..<count]
    }
  }
}
