import Glibc

/// The programs of an installed PostgreSQL server, and how to run them here.
///
/// A server refuses to run as root. As root its programs run as the account `postgres` where that can
/// reach the folder, else in a user namespace in which root is an ordinary user; both need
/// util-linux. As an ordinary user they run as they are.
package struct ServerPrograms: Sendable {
  /// The folder of initdb, pg_ctl and postgres.
  package let folder: String
  /// The words before the program's own.
  package let prefix: [String]
  /// The owner that the server's files must have; nil for whoever calls.
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
  ///   - ownedBy: the owner of the cluster that is there; it stays with its account
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

  /// Whether a server can run on a folder, or has run there. Only root, whose server is another
  /// account, has folders where none can.
  static func canServe(_ base: String, path: String?) -> Bool {
    guard geteuid() == 0, access("\(base)/data/PG_VERSION", F_OK) != 0 else { return true }
    if let account = getpwnam("postgres"),
      isReachable(base, by: account.pointee.pw_uid, group: account.pointee.pw_gid)
    {
      return true
    }
    return (try? Command.run(asOrdinaryUser + ["true"]))?.status == 0
  }

  /// Root of a user namespace of its own is no root to PostgreSQL.
  private static let asOrdinaryUser = [
    "unshare", "--user", "--map-user=1000", "--map-group=1000", "--",
  ]

  /// Runs one of the programs to its end; throws with its output when it fails.
  package func run(_ program: String, _ arguments: [String]) throws {
    let result = try Command.run(prefix + ["\(folder)/\(program)"] + arguments)
    guard result.status == 0 else {
      throw ClusterError("\(program) failed (\(result.status)): \(result.output)")
    }
  }

  /// Gives a folder to the owner the server runs as, and closes it to all others.
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
      // Folders that are not there yet will be made, open to be passed through.
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

/// What keeps a private server from running, and the remedy.
package struct ClusterError: Error, CustomStringConvertible, Equatable {
  package let description: String
  package init(_ description: String) { self.description = description }
}

func systemError() -> String { String(cString: strerror(errno)) }
