import Glibc

/// The folder of the private server's socket: one for each home, whoever calls.
///
/// A socket's path has at most 107 bytes (unix(7)), and libpq takes a comma in it for the end of a
/// host's name. Where the home's path does not fit, a folder of /tmp that is named after it does.
struct SocketFolder {
  let path: String

  init(of base: String) {
    let own = "\(base)/socket"
    let isShort = "\(own)/.s.PGSQL.5432".utf8.count <= 107
    path =
      isShort && !own.contains(",") && own.hasPrefix("/")
      ? own : "/tmp/pra-\(EmbeddedCluster.shortName(base))"
  }

  /// The folder where a server's socket was, whose clients look for it there.
  init(at path: String) { self.path = path }

  /// Makes the folder, for the account of the programs alone.
  func make(for programs: ServerPrograms) throws {
    guard mkdir(path, 0o700) == 0 || errno == EEXIST else {
      throw ClusterError("\(path) cannot be created: \(systemError())")
    }
    var status = stat()
    let owners = [geteuid(), programs.owner?.user ?? geteuid()]
    guard lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR,
      owners.contains(status.st_uid)
    else {
      throw ClusterError(
        "\(path) should be a folder of this account for the private server's socket, and belongs to "
          + "another; choose a PRA_HOME with a shorter path, which needs no folder there, or have "
          + "that one removed")
    }
    try programs.adopt(path)
  }

  /// The value of unix_socket_directories: a list, of which a quoted name is one element.
  var setting: String { "\"\(path.replacing("\"", with: "\"\""))\"" }

  func removeSocket() {
    unlink("\(path)/.s.PGSQL.5432.lock")
    unlink("\(path)/.s.PGSQL.5432")
  }

  func remove() { rmdir(path) }
}
