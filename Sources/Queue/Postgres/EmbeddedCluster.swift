import Glibc

/// The private server under PRA_HOME; only its owner reaches it, and only by a Unix socket.
///
///     <home>/postgres/data     the cluster
///     <home>/postgres/log      the server's log
///     <home>/postgres/lock     held while somebody starts or stops it
///
/// If no server may run under the home, /var/lib/pra/<name> takes its place.
package struct EmbeddedCluster: Sendable {
  private let base: String
  private let path: String?
  private let runtimeFolder: String?

  /// - Parameters:
  ///   - home: PRA_HOME, an absolute path
  ///   - path: PATH
  ///   - runtimeFolder: XDG_RUNTIME_DIR
  package init(home: String, path: String?, runtimeFolder: String?) {
    let own = "\(home)/postgres"
    // The account postgres cannot enter root's home, and a container may forbid user namespaces:
    // then the cluster lies where that account may go, in a folder named after this home.
    base =
      ServerPrograms.canServe(own, path: path)
      ? own : "/var/lib/pra/\(Self.shortName(own))/postgres"
    self.path = path
    self.runtimeFolder = runtimeFolder
  }

  private var data: String { "\(base)/data" }
  private var log: String { "\(base)/log" }

  package enum Change: Sendable { case created, started, alreadyRunning }

  /// Creates and starts the server if needed, also after a call that was interrupted.
  package func up() throws -> (url: DatabaseURL, change: Change) {
    try makeFolders()
    let lock = try lock()
    defer { close(lock) }

    let programs = try programs()
    try programs.adopt(base)
    let socket = try socketFolder(programs)
    let server = DatabaseURL(socketDirectory: socket, user: "pra", database: "postgres")
    var change = Change.alreadyRunning

    if access("\(data)/PG_VERSION", F_OK) != 0 {
      try initialize(programs)
      change = .created
    }
    if try !isAnswering(server) {
      if livingServer() == nil {
        // Left by a killed server: its process number may belong to another process by now, and
        // then a new server would refuse to start.
        unlink("\(data)/postmaster.pid")
        unlink("\(socket)/.s.PGSQL.5432.lock")
        unlink("\(socket)/.s.PGSQL.5432")
        try waitForOrphans()
        try programs.run(
          "pg_ctl",
          [
            "-D", data, "-l", log, "-w", "-t", "60", "-s", "-o",
            "-c listen_addresses='' -c port=5432 -c unix_socket_directories='\(socket)' "
              + "-c unix_socket_permissions=0700", "start",
          ])
        if case .alreadyRunning = change { change = .started }
      } else {
        try waitUntilAnswering(server)
      }
    }

    let connection = try Connection(server)
    let exists = try connection.query("select from pg_database where datname = 'pra'")
    if exists.isEmpty { try connection.run("create database pra") }
    return (try url(), change)
  }

  /// Stops the server; false if it does not run.
  @discardableResult
  package func down() throws -> Bool {
    guard access("\(data)/PG_VERSION", F_OK) == 0 else { return false }
    let lock = try lock()
    defer { close(lock) }
    guard livingServer() != nil else { return false }
    try programs().run(
      "pg_ctl", ["-D", data, "-m", "fast", "-w", "-t", "60", "-s", "stop"])
    // The folder is empty now; the next start creates it again.
    rmdir(socketPath())
    return true
  }

  /// The address of the server when it runs.
  package func url() throws -> DatabaseURL {
    DatabaseURL(socketDirectory: socketPath(), user: "pra", database: "pra")
  }

  // MARK: details

  private func programs() throws -> ServerPrograms {
    var status = stat()
    let exists = stat("\(data)/PG_VERSION", &status) == 0
    return try ServerPrograms(for: base, ownedBy: exists ? status.st_uid : nil, path: path)
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
    guard descriptor >= 0 else {
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

  /// A cluster appears under its name when it is complete.
  private func initialize(_ programs: ServerPrograms) throws {
    let unfinished = "\(base)/data.unfinished"
    for leftover in [unfinished, data] {
      _ = try Command.run(["rm", "-rf", leftover])
    }
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

  /// The process number of our folder's running server; nil if another process inherited the
  /// number.
  private func livingServer() -> pid_t? {
    guard let file = fopen("\(data)/postmaster.pid", "r") else { return nil }
    defer { fclose(file) }
    var process: Int32 = 0
    var line = [CChar](repeating: 0, count: 64)
    guard fgets(&line, Int32(line.count), file) != nil else { return nil }
    process = atoi(line)
    guard process > 0 else { return nil }
    // A server's working folder is its data folder.
    var status = stat()
    var mine = stat()
    guard stat("/proc/\(process)/cwd", &status) == 0, stat(data, &mine) == 0,
      status.st_ino == mine.st_ino, status.st_dev == mine.st_dev
    else { return nil }
    return process
  }

  private func isAnswering(_ server: DatabaseURL) throws -> Bool {
    do {
      _ = try Connection(server)
      return true
    } catch let error where error.isUnreachable {
      return false
    }
  }

  /// Waits for the children of a killed server, which soon end by themselves; until then a new
  /// server refuses to share their memory.
  private func waitForOrphans() throws {
    var mine = stat()
    guard stat(data, &mine) == 0 else { return }
    let end = ContinuousClock.now + .seconds(20)
    while processes().contains(where: { process in
      var status = stat()
      return stat("/proc/\(process)/cwd", &status) == 0 && status.st_ino == mine.st_ino
        && status.st_dev == mine.st_dev
    }) {
      guard ContinuousClock.now < end else {
        throw ClusterError("processes of a server that was killed still run in \(data)")
      }
      usleep(20_000)
    }
  }

  private func processes() -> [pid_t] {
    ServerPrograms.entries(of: "/proc").compactMap { pid_t($0) }
  }

  /// Waits for a server that another call started, or that recovers from a crash.
  private func waitUntilAnswering(_ server: DatabaseURL) throws {
    let end = ContinuousClock.now + .seconds(60)
    while try !isAnswering(server) {
      guard ContinuousClock.now < end, livingServer() != nil else {
        throw ClusterError("the private server does not answer; see \(log)")
      }
      usleep(50_000)
    }
  }

  /// A path in a short folder named after ours, as a socket's path has at most 107 bytes.
  private func socketPath() -> String {
    // The server of root runs as another account, which cannot enter root's runtime folder.
    let parent = geteuid() == 0 ? "/tmp" : runtimeFolder ?? "/tmp"
    return "\(parent)/pra-\(Self.shortName(base))"
  }

  private func socketFolder(_ programs: ServerPrograms) throws -> String {
    let folder = socketPath()
    guard mkdir(folder, 0o700) == 0 || errno == EEXIST else {
      throw ClusterError("\(folder) cannot be created: \(systemError())")
    }
    var status = stat()
    let owners = [geteuid(), programs.owner?.user ?? geteuid()]
    guard lstat(folder, &status) == 0, status.st_mode & S_IFMT == S_IFDIR,
      owners.contains(status.st_uid)
    else {
      throw ClusterError("\(folder) is not a folder of ours; remove it")
    }
    try programs.adopt(folder)
    return folder
  }

  /// FNV-1a, 64 bits; only to tell folders apart.
  private static func shortName(_ text: String) -> String {
    let hash = text.utf8.reduce(0xcbf2_9ce4_8422_2325 as UInt64) {
      ($0 ^ UInt64($1)) &* 0x100_0000_01b3
    }
    return String(hash, radix: 36)
  }
}
