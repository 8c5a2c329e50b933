import Glibc

/// The programs of an installed PostgreSQL server, and the account that they run as.
///
/// A server refuses to run as root. For root, its programs run as the account `postgres` if that
/// can reach the folder, otherwise in a user namespace in which root is an ordinary user; both need
/// util-linux. For an ordinary user they run directly.
package struct ServerPrograms: Sendable {
  /// The folder of initdb and postgres.
  package let folder: String
  /// The words of the command line before the program's own.
  package let prefix: [String]
  /// The owner that the server's files must have; nil for the caller.
  package let owner: (user: uid_t, group: gid_t)?

  /// Finds the programs: the newest of /usr/lib/postgresql, then PATH.
  package static func folder(path: String?) throws -> String {
    guard let complete = candidates(path: path).first else {
      throw ClusterError(
        "no PostgreSQL server is installed: initdb and postgres are neither in \(root)/*/bin nor "
          + "on PATH; install PostgreSQL 15 or newer (Debian: postgresql), or set PRA_DATABASE_URL")
    }
    return complete
  }

  /// Finds the programs of an existing cluster, which no other major version can read.
  /// - Parameter major: the content of PG_VERSION
  package static func folder(path: String?, major: String) throws -> String {
    let all = candidates(path: path)
    let own = "\(root)/\(major)/bin"
    let found = all.first { folder in
      folder == own
        || folder.hasPrefix(root + "/") == false
          && (try? version(in: folder))?.split(separator: ".").first.map(String.init) == major
    }
    guard let found else {
      throw ClusterError(
        "the private database is of PostgreSQL \(major), whose programs are not installed "
          + "(\(all.isEmpty ? "there are none" : all.joined(separator: ", "))): install them "
          + "(Debian: postgresql-\(major)); its data stay as they are")
    }
    return found
  }

  /// The version of the installed server, as `server_version` of a running one shows it.
  static func version(in folder: String) throws -> String {
    let result = try Command.run(["\(folder)/postgres", "--version"])
    let name = "postgres (PostgreSQL) "
    guard result.status == 0, result.output.hasPrefix(name) else {
      throw ClusterError("\(folder)/postgres does not tell its version: \(result.output)")
    }
    return String(result.output.dropFirst(name.count))
  }

  private static let root = "/usr/lib/postgresql"

  private static func candidates(path: String?) -> [String] {
    let versions = entries(of: root).compactMap { Int($0) }.sorted(by: >)
    return
      (versions.map { "\(root)/\($0)/bin" } + (path ?? "").split(separator: ":").map(String.init))
      .filter { folder in
        ["initdb", "postgres"].allSatisfy { access("\(folder)/\($0)", X_OK) == 0 }
      }
  }

  /// - Parameters:
  ///   - data: an existing folder that the server shall own
  ///   - cluster: owner and major version of an existing cluster, which keeps both
  ///   - path: the value of PATH
  ///   - folder: the folder of the programs, where it is not to be found by PATH
  package init(
    for data: String, cluster: (owner: uid_t, group: gid_t, major: String)? = nil, path: String?,
    folder given: String? = nil
  ) throws {
    folder =
      try given ?? cluster.map { try Self.folder(path: path, major: $0.major) }
      ?? Self.folder(path: path)
    guard geteuid() == 0 else {
      (prefix, owner) = ([], nil)
      return
    }
    if let cluster, cluster.owner != 0 {
      // The server stays with the account that has made it: postgres, or a user whose home this is.
      (prefix, owner) = (
        Self.asAccount(cluster.owner, cluster.group), (cluster.owner, cluster.group)
      )
      return
    }
    if cluster == nil, let account = getpwnam("postgres") {
      let (user, group) = (account.pointee.pw_uid, account.pointee.pw_gid)
      if Self.isReachable(data, by: user, group: group),
        Self.isReachable("\(folder)/postgres", by: user, group: group),
        try Command.run(Self.asAccount(user, group) + ["true"]).status == 0
      {
        (prefix, owner) = (Self.asAccount(user, group), (user, group))
        return
      }
    }
    (prefix, owner) = (Self.asOrdinaryUser, nil)
    let trial = try Command.run(prefix + ["true"])
    guard trial.status == 0 else {
      throw ClusterError(
        "PostgreSQL does not run as root, the account postgres cannot reach \(data), and user "
          + "namespaces are not allowed here (\(trial.output)); run as an ordinary user, or move the "
          + "folder, history and all, to a place that the account postgres can reach, and name it in "
          + "PRA_HOME")
    }
  }

  private static func asAccount(_ user: uid_t, _ group: gid_t) -> [String] {
    let groups = getpwuid(user) == nil ? "--clear-groups" : "--init-groups"
    return ["setpriv", "--reuid=\(user)", "--regid=\(group)", groups, "--"]
  }

  /// Whether a server can run on a folder, or has run there. It matters for root alone, whose
  /// server runs as another account.
  static func canServe(_ base: String, path: String?) -> Bool {
    guard geteuid() == 0, access("\(base)/data/PG_VERSION", F_OK) != 0 else { return true }
    if let account = getpwnam("postgres"),
      isReachable(base, by: account.pointee.pw_uid, group: account.pointee.pw_gid)
    {
      return true
    }
    return (try? Command.run(asOrdinaryUser + ["true"]))?.status == 0
  }

  /// Maps root to an ordinary user in a user namespace, so that the server does not see root.
  private static let asOrdinaryUser = [
    "unshare", "--user", "--map-user=1000", "--map-group=1000", "--",
  ]

  /// Runs one of the programs to its end; throws its output if it fails.
  package func run(_ program: String, _ arguments: [String]) throws {
    let result = try Command.run(prefix + ["\(folder)/\(program)"] + arguments)
    guard result.status == 0 else {
      throw ClusterError("\(program) failed (\(result.status)): \(result.output)")
    }
  }

  /// Starts a server in the background.
  /// - Parameter held: a descriptor that all its processes inherit
  func start(_ settings: [(name: String, value: String)], on data: String, log: Int32, held: Int32)
    throws
  {
    try Command.detach(
      prefix + ["\(folder)/postgres", "-D", data]
        + settings.flatMap { ["-c", "\($0.name)=\($0.value)"] }, log: log, holding: held)
  }

  /// The value that a setting has in the files of a cluster that does not run.
  func setting(_ name: String, of data: String) throws -> String? {
    let result = try Command.run(prefix + ["\(folder)/postgres", "-D", data, "-C", name])
    return result.status == 0 ? result.output : nil
  }

  /// Gives a folder to the account that the server runs as, and closes it to all others.
  package func adopt(_ path: String) throws {
    if let owner, chown(path, owner.user, owner.group) != 0 {
      throw ClusterError("\(path): cannot be given to the server's account: \(systemError())")
    }
    guard chmod(path, 0o700) == 0 else {
      throw ClusterError("\(path): its mode cannot be set to 0700: \(systemError())")
    }
  }

  private static func isReachable(_ path: String, by user: uid_t, group: gid_t) -> Bool {
    var parent = Substring(path)
    while let slash = parent.lastIndex(of: "/") {
      parent = parent[..<slash]
      var status = stat()
      // Missing folders will be created with permission to pass through.
      guard stat(parent.isEmpty ? "/" : String(parent), &status) == 0 else {
        guard errno == ENOENT else { return false }
        continue
      }
      let mine = status.st_uid == user && status.st_mode & 0o100 != 0
      let ours = status.st_gid == group && status.st_mode & 0o010 != 0
      guard mine || ours || status.st_mode & 0o001 != 0 else { return false }
    }
    return true
  }

  static func entries(of folder: String) -> [String] {
    guard let directory = opendir(folder) else { return [] }
    defer { closedir(directory) }
    var names: [String] = []
    while let entry = readdir(directory) {
      names.append(
        withUnsafeBytes(of: &entry.pointee.d_name) {
          String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
        })
    }
    return names
  }
}

/// The reason why a private server cannot run, and the remedy.
package struct ClusterError: Error, CustomStringConvertible, Equatable {
  package let description: String
  package init(_ description: String) { self.description = description }
}

func systemError() -> String { String(cString: strerror(errno)) }
