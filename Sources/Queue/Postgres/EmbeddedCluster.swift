import Glibc

/// The private server under PRA_HOME; only its owner reaches it, and only by a Unix socket.
///
///     <home>/postgres/data     the cluster
///     <home>/postgres/socket   the folder of its socket, if its path is short enough
///     <home>/postgres/host     where the server runs
///     <home>/postgres/log      the server's log
///     <home>/postgres/lock     held while somebody starts or stops it
///
/// If no server may run under the home, /var/lib/pra/<name> takes its place.
package struct EmbeddedCluster: Sendable {
  private let base: String
  private let path: String?
  private let here: ServerHost

  /// - Parameters:
  ///   - home: PRA_HOME, an absolute path
  ///   - path: PATH
  ///   - here: where this process runs
  package init(home: String, path: String?, here: ServerHost = .current) {
    let own = "\(home)/postgres"
    // The account postgres cannot enter root's home, and a container may forbid user namespaces:
    // then the cluster lies where that account may go, in a folder named after this home. It stays
    // where it was made.
    let other = "/var/lib/pra/\(Self.shortName(own))/postgres"
    let isThere = { (base: String) in access("\(base)/data/PG_VERSION", F_OK) == 0 }
    if !isThere(own), geteuid() == 0 && isThere(other) || !ServerPrograms.canServe(own, path: path)
    {
      base = other
    } else {
      base = own
    }
    self.path = path
    self.here = here
  }

  private var data: String { "\(base)/data" }
  private var log: ServerLog { ServerLog(path: "\(base)/log") }
  private var mark: HostMark { HostMark(in: base, here: here) }

  /// The file to look into when the server behaves oddly.
  package var logPath: String { log.path }

  package enum Change: Sendable, Equatable {
    case created, started, alreadyRunning
    /// It was stopped and started, for this reason.
    case restarted(String)
  }

  /// Creates and starts the server if needed, also after a call that was interrupted. A server whose
  /// programs were upgraded under it, or whose socket was deleted, is started anew: its clients take
  /// that for an outage.
  /// - Parameter takingOver: a person says that the machine where it was started is gone
  package func up(takingOver: Bool = false) throws -> (url: DatabaseURL, change: Change) {
    try checkPath()
    try makeFolders()
    let lock = try lock()
    defer { close(lock) }
    var change = Change.alreadyRunning
    var folder = SocketFolder(of: base)
    if try !mark.isElsewhere(), let server = try running() {
      try mark.adopt()
      if let reason = try reasonToRestart(server) {
        try server.stop()
        // Its clients know this place.
        folder = SocketFolder(at: server.socketFolder)
        change = .restarted(reason)
      }
    } else {
      try mark.requireFree(
        hasServerFile: access("\(data)/postmaster.pid", F_OK) == 0, takingOver: takingOver)
      change = .started
    }
    if change != .alreadyRunning {
      if try cluster() == nil { change = .created }
      try start(folder)
    }
    let url = try url()
    let connection = try Connection(url.with("dbname", "postgres"))
    let exists = try connection.query("select from pg_database where datname = 'pra'")
    if exists.isEmpty { try connection.run("create database pra") }
    return (url, change)
  }

  /// Stops the server; false if it does not run.
  @discardableResult
  package func down() throws -> Bool {
    guard try cluster() != nil else { return false }
    let lock = try lock()
    defer { close(lock) }
    guard try !mark.isElsewhere(), let server = ServerProcess(in: data) else {
      try mark.requireFree(
        hasServerFile: access("\(data)/postmaster.pid", F_OK) == 0, takingOver: false)
      return false
    }
    try server.stop()
    mark.remove()
    // The folder is empty now; the next start creates it again.
    SocketFolder(at: server.socketFolder).remove()
    return true
  }

  /// The address of the server when it runs.
  package func url() throws -> DatabaseURL {
    let server = ServerProcess(in: data)
    return DatabaseURL(
      socketDirectory: server.flatMap { $0.socketFolder.isEmpty ? nil : $0.socketFolder }
        ?? SocketFolder(of: base).path, user: "pra", database: "pra", port: server?.port ?? "5432")
  }

  /// Whether there is a cluster, which the first call of `up` makes.
  package func exists() throws -> Bool { try cluster() != nil }

  // MARK: a running server

  /// The server of this place, once it answers; nil if none runs here.
  private func running() throws -> ServerProcess? {
    let end = ContinuousClock.now + .seconds(60)
    while let server = ServerProcess(in: data) {
      if !server.socketFolder.isEmpty {
        if access(server.socket, F_OK) != 0 { return server }
        let url = DatabaseURL(
          socketDirectory: server.socketFolder, user: "pra", database: "postgres",
          port: server.port)
        if Connection.answers(url) { return server }
      }
      // Another call has started it, or it recovers from a crash, or it is about to end.
      guard ContinuousClock.now < end else {
        throw ClusterError("the private server has not answered for 60 s; see \(log.path)")
      }
      usleep(20_000)
    }
    return nil
  }

  /// Why a running server must be started anew; nil if it need not.
  private func reasonToRestart(_ server: ServerProcess) throws -> String? {
    if access(server.socket, F_OK) != 0 {
      guard !server.seesItsSocket else {
        throw ClusterError(
          "the private server's socket \(server.socket) cannot be seen from here, as this process "
            + "has another \(server.socketFolder); choose a PRA_HOME with a shorter path")
      }
      return "its socket \(server.socket) was gone"
    }
    // Without its programs it can run, but not be started again.
    guard let cluster = try cluster(),
      let folder = try? ServerPrograms.folder(path: path, major: cluster.major),
      !server.mayRun("\(folder)/postgres"),
      let installed = try? ServerPrograms.version(in: folder)
    else { return nil }
    let version = try Connection(try url().with("dbname", "postgres"))
      .query("show server_version").single().text(at: 0)
    return version == installed
      ? nil : "PostgreSQL was upgraded from \(version ?? "?") to \(installed)"
  }

  // MARK: starting one

  /// Marks this place, makes the data if there are none, and starts a server on them.
  private func start(_ folder: SocketFolder) throws {
    // Marked before the data are made, as two hosts may want to make them.
    let held = try mark.claim()
    let (server, logStart): (DatabaseURL, Int)
    do {
      // From then on the server alone holds the lock.
      defer { close(held) }
      if try cluster() == nil { try initialize() }
      (server, logStart) = try launch(folder, held: held)
    } catch {
      mark.remove()
      throw error
    }
    let end = ContinuousClock.now + .seconds(60)
    while !Connection.answers(server) {
      if try !mark.isHeld() {
        mark.remove()
        throw ClusterError("the private server does not start: \(log.reason(since: logStart))")
      }
      guard ContinuousClock.now < end else {
        throw ClusterError("the private server has not answered for 60 s; see \(log.path)")
      }
      usleep(10_000)
    }
  }

  /// - Parameter held: a descriptor of the mark, which the server inherits
  /// - Returns: its address, and the length of the log before
  private func launch(_ wanted: SocketFolder, held: Int32) throws -> (DatabaseURL, Int) {
    let programs = try programs()
    try programs.adopt(base)
    var folder = wanted
    do {
      try folder.make(for: programs)
    } catch {
      // A folder of a session that is over, as in /run/user.
      folder = SocketFolder(of: base)
      guard folder.path != wanted.path else { throw error }
      try folder.make(for: programs)
    }
    // Left by a killed server: its process number may belong to another process by now, and then a
    // new server would refuse to start.
    unlink("\(data)/postmaster.pid")
    folder.removeSocket()
    try waitForOrphans()
    let (output, length) = try log.open(for: programs.owner)
    defer { close(output) }
    // Its default of 100 is used up by 50 idle workers, which hold two sessions each.
    let sessions = max(500, Int(try programs.setting("max_connections", of: data) ?? "") ?? 0)
    try programs.start(
      [
        ("listen_addresses", ""), ("port", "5432"), ("unix_socket_directories", folder.setting),
        ("unix_socket_permissions", "0700"), ("max_connections", "\(sessions)"),
        ("cluster_name", try clusterName()),
      ], on: data, log: output, held: held)
    let url = DatabaseURL(socketDirectory: folder.path, user: "pra", database: "postgres")
    return (url, length)
  }

  /// The name of the folder by which `pra_store.identity` knows it from a copy of it: its inode.
  private func clusterName() throws -> String {
    var folder = stat()
    guard stat(data, &folder) == 0 else {
      throw ClusterError("cannot look at \(data): \(systemError())")
    }
    return "pra-folder-\(folder.st_ino)"
  }

  /// A cluster appears under its name when it is complete.
  private func initialize() throws {
    let unfinished = "\(base)/data.unfinished"
    _ = try Command.run(["rm", "-rf", unfinished])
    if access(data, F_OK) == 0, rmdir(data) != 0 {
      // No cluster of ours, which has a PG_VERSION from its first moment on. It is kept, as it may
      // be somebody's history that was damaged.
      guard access("\(data)/global/pg_control", F_OK) != 0 else {
        throw ClusterError(
          "\(data) has no PG_VERSION, but the other files of a cluster: put back what is missing, "
            + "from a backup; it is left as it is")
      }
      guard rename(data, "\(base)/data.incomplete-\(time(nil))") == 0 else {
        throw ClusterError("\(data) is no cluster, and cannot be set aside: \(systemError())")
      }
    }
    let programs = try programs()
    try programs.adopt(base)
    try programs.run(
      "initdb",
      [
        "-D", unfinished, "-A", "trust", "-U", "pra", "--no-locale", "-E", "UTF8",
        "--no-instructions",
      ]
    )
    guard rename(unfinished, data) == 0 else {
      throw ClusterError("\(unfinished) cannot be renamed to data: \(systemError())")
    }
  }

  /// Waits for the children of a killed server, which soon end by themselves; until then a new
  /// server refuses to share their memory.
  private func waitForOrphans() throws {
    let end = ContinuousClock.now + .seconds(20)
    while !ServerProcess.all(in: data).isEmpty {
      guard ContinuousClock.now < end else {
        throw ClusterError("processes of a server that was killed still run in \(data)")
      }
      usleep(20_000)
    }
  }

  // MARK: details

  /// Owner and version of the cluster; nil if there is none. An error when it cannot be told, as
  /// then nothing may be made in its place.
  private func cluster() throws -> (owner: uid_t, group: gid_t, major: String)? {
    let file = "\(data)/PG_VERSION"
    var status = stat()
    guard stat(file, &status) == 0 else {
      guard errno == ENOENT else { throw ClusterError("\(file) cannot be read: \(systemError())") }
      return nil
    }
    guard let major = lines(of: file)?.first?.split(whereSeparator: \.isWhitespace).first else {
      throw ClusterError("\(file) cannot be read, or holds no version; put it back from a backup")
    }
    return (status.st_uid, status.st_gid, String(major))
  }

  private func programs() throws -> ServerPrograms {
    try ServerPrograms(for: base, cluster: try cluster(), path: path)
  }

  private func checkPath() throws {
    guard !base.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F }) else {
      throw ClusterError(
        "PRA_HOME: the path of a folder without line breaks and control characters")
    }
    // PostgreSQL has 1,024 bytes for a path, of which its own files need some.
    guard base.utf8.count <= 900 else {
      throw ClusterError(
        "PRA_HOME: the path of a folder has at most 880 bytes here, not \(base.utf8.count)")
    }
  }

  private func makeFolders() throws {
    var made = ""
    for part in base.split(separator: "/") {
      made += "/\(part)"
      guard mkdir(made, made == base ? 0o700 : 0o755) == 0 || errno == EEXIST else {
        throw ClusterError("\(made) cannot be created: \(systemError())")
      }
    }
  }

  /// Waits for other calls that start or stop the server; closing the descriptor releases the lock.
  private func lock() throws -> Int32 {
    let descriptor = open("\(base)/lock", O_CREAT | O_RDWR | O_CLOEXEC, 0o600)
    guard descriptor >= 0, giveToOwner(of: base, descriptor) else {
      throw ClusterError("\(base)/lock cannot be opened: \(systemError())")
    }
    while flock(descriptor, LOCK_EX) != 0 {
      guard errno == EINTR else {
        close(descriptor)
        throw ClusterError("\(base)/lock cannot be locked: \(systemError())")
      }
    }
    return descriptor
  }

  /// FNV-1a, 64 bits; only to tell folders apart.
  static func shortName(_ text: String) -> String {
    let hash = text.utf8.reduce(0xcbf2_9ce4_8422_2325 as UInt64) {
      ($0 ^ UInt64($1)) &* 0x100_0000_01b3
    }
    return String(hash, radix: 36)
  }
}
