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

  package init(name: String, machine: String, boot: String, namespace: String) {
    (self.name, self.machine, self.boot, self.namespace) = (name, machine, boot, namespace)
  }

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
      name: name, machine: firstWord(of: "/etc/machine-id"),
      boot: firstWord(of: "/proc/sys/kernel/random/boot_id"),
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

  private static func firstWord(of path: String) -> String {
    lines(of: path)?.first?.split(whereSeparator: \.isWhitespace).first.map(String.init) ?? ""
  }
}

/// The lines of a short file; nil if it cannot be read or is empty.
func lines(of path: String) -> [String]? {
  guard let file = fopen(path, "r") else { return nil }
  defer { fclose(file) }
  var bytes = [UInt8](repeating: 0, count: 8192)
  let count = fread(&bytes, 1, bytes.count, file)
  guard count > 0 else { return nil }
  return String(decoding: bytes.prefix(count), as: UTF8.self)
    .split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
}
