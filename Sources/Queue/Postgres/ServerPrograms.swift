import Glibc

/// The programs of an installed PostgreSQL server, and the account that they run as.
///
/// A server refuses to run as root. For root, its programs run as the account `postgres` if that
/// can reach the folder, otherwise in a user namespace in which root is an ordinary user; both need
/// util-linux. For an ordinary user they run directly.
package struct ServerPrograms: Sendable {
  /// The folder of initdb, pg_ctl and postgres.
  package let folder: String
  /// The words of the command line before the program's own.
  package let prefix: [String]
  /// The owner that the server's files must have; nil for the caller.
  package let owner: (user: uid_t, group: gid_t)?

  /// Finds the programs: the newest of /usr/lib/postgresql, then PATH.
  package static func folder(path: String?) throws -> String {
    let root = "/usr/lib/postgresql"
    let versions = entries(of: root).compactMap { Int($0) }.sorted(by: >)
    let candidates =
      versions.map { "\(root)/\($0)/bin" } + (path ?? "").split(separator: ":").map(String.init)
    let complete = candidates.first { folder in
      ["initdb", "pg_ctl", "postgres"].allSatisfy { access("\(folder)/\($0)", X_OK) == 0 }
    }
    guard let complete else {
      throw ClusterError(
        "no PostgreSQL server is installed: initdb, pg_ctl and postgres are neither in "
          + "\(root)/*/bin nor on PATH; install PostgreSQL 15 or newer (Debian: postgresql), "
          + "or set PRA_DATABASE_URL")
    }
    return complete
  }

  /// - Parameters:
  ///   - data: an existing folder that the server shall own
  ///   - ownedBy: the owner of an existing cluster, which stays with its account
  ///   - path: the value of PATH
  package init(for data: String, ownedBy: uid_t? = nil, path: String?) throws {
    folder = try Self.folder(path: path)
    guard geteuid() == 0 else {
      prefix = []
      owner = nil
      return
    }
    if let account = getpwnam("postgres") {
      let (user, group) = (account.pointee.pw_uid, account.pointee.pw_gid)
      let asPostgres = [
        "setpriv", "--reuid=\(user)", "--regid=\(group)", "--init-groups", "--",
      ]
      if ownedBy ?? user == user, Self.isReachable(data, by: user, group: group),
        try Command.run(asPostgres + ["true"]).status == 0
      {
        prefix = asPostgres
        owner = (user, group)
        return
      }
    }
    prefix = Self.asOrdinaryUser
    owner = nil
    let trial = try Command.run(prefix + ["true"])
    guard trial.status == 0 else {
      throw ClusterError(
        "PostgreSQL does not run as root, the account postgres cannot reach \(data), and user "
          + "namespaces are not allowed here (\(trial.output)); run as an ordinary user, choose a "
          + "PRA_HOME that the account postgres can reach, or set PRA_DATABASE_URL")
    }
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

  /// Gives a folder to the account that the server runs as, and closes it to all others.
  package func adopt(_ path: String) throws {
    if let owner, chown(path, owner.user, owner.group) != 0 {
      throw ClusterError("\(path): cannot be given to the account postgres: \(systemError())")
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
