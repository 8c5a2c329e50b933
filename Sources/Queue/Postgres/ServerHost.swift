import Glibc

/// The place where a server's processes can be seen: a machine since its last start, and in it a
/// namespace of process numbers, of which each container has one.
package struct ServerHost: Sendable, Equatable {
  package var name: String
  /// /etc/machine-id, machine-id(5); empty where there is none.
  package var machine: String
  /// A number that the kernel draws at its start, random(4).
  package var boot: String
  /// The namespace's number, pid_namespaces(7).
  package var namespace: String

  /// Where this process runs.
  package static let current: ServerHost = {
    var names = utsname()
    uname(&names)
    let name = withUnsafeBytes(of: &names.nodename) {
      String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
    }
    var link = [UInt8](repeating: 0, count: 64)
    let length = readlink("/proc/self/ns/pid", &link, link.count)
    return ServerHost(
      name: name, machine: firstLine(of: "/etc/machine-id"),
      boot: firstLine(of: "/proc/sys/kernel/random/boot_id"),
      namespace: String(decoding: link.prefix(max(length, 0)), as: UTF8.self))
  }()

  package enum Relation: Sendable, Equatable {
    /// Its processes are ours to see.
    case here
    /// Another container on this kernel: file locks are shared, process numbers are not.
    case otherContainer
    /// This machine before its last start: nothing of it runs any more.
    case beforeRestart
    case otherMachine
  }

  /// The relation of `other` to this place.
  package func relation(to other: ServerHost) -> Relation {
    if boot == other.boot { return namespace == other.namespace ? .here : .otherContainer }
    return name == other.name && machine == other.machine ? .beforeRestart : .otherMachine
  }

  private static func firstLine(of path: String) -> String {
    guard let file = fopen(path, "r") else { return "" }
    defer { fclose(file) }
    var line = [CChar](repeating: 0, count: 256)
    guard fgets(&line, Int32(line.count), file) != nil else { return "" }
    return String(cString: line).split(whereSeparator: \.isWhitespace).first.map(String.init) ?? ""
  }
}
