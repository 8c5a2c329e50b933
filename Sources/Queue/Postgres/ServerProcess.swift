import Glibc

/// A running server as its postmaster.pid tells it; PostgreSQL's source, pidfile.h, has the lines.
struct ServerProcess {
  let data: String
  let number: pid_t
  let port: String
  /// The folder of its socket; empty until the server has made it.
  let socketFolder: String

  /// Our folder's running server; nil if there is none, or if another process inherited the number.
  init?(in data: String) {
    guard let lines = lines(of: "\(data)/postmaster.pid"), let number = pid_t(lines[0]),
      number > 0, Self.works(number, in: data)
    else { return nil }
    self.data = data
    self.number = number
    port = lines.count > 3 && !lines[3].isEmpty ? lines[3] : "5432"
    socketFolder = lines.count > 4 ? lines[4] : ""
  }

  /// The file of the socket.
  var socket: String { "\(socketFolder)/.s.PGSQL.\(port)" }

  var isRunning: Bool { Self.works(number, in: data) }

  /// Whether the socket is there for the server, though not for us, whose /tmp may be another.
  var seesItsSocket: Bool { access("/proc/\(number)/root\(socket)", F_OK) == 0 }

  /// Whether the program that runs is the file at `path`, or may be: an upgrade replaces that file.
  func mayRun(_ path: String) -> Bool {
    var running = stat()
    var installed = stat()
    guard stat("/proc/\(number)/exe", &running) == 0, stat(path, &installed) == 0 else {
      return false
    }
    return running.st_ino == installed.st_ino && running.st_dev == installed.st_dev
  }

  /// Stops the server, which ends its sessions (fast shutdown), and waits until it is gone.
  func stop() throws {
    guard kill(number, SIGINT) == 0 || errno == ESRCH else {
      throw ClusterError("the private server in \(data) cannot be stopped: \(systemError())")
    }
    let end = ContinuousClock.now + .seconds(60)
    while isRunning {
      guard ContinuousClock.now < end else {
        throw ClusterError("the private server in \(data) has not stopped within 60 s")
      }
      usleep(10_000)
    }
  }

  /// The processes that work in a data folder: its server and the server's children, as nothing else
  /// does.
  static func all(in data: String) -> [pid_t] {
    ServerPrograms.entries(of: "/proc").compactMap { pid_t($0) }.filter { works($0, in: data) }
  }

  // MARK: details

  /// A server's working folder is its data folder.
  private static func works(_ process: pid_t, in data: String) -> Bool {
    var folder = stat()
    var mine = stat()
    return stat("/proc/\(process)/cwd", &folder) == 0 && stat(data, &mine) == 0
      && folder.st_ino == mine.st_ino && folder.st_dev == mine.st_dev
  }
}
