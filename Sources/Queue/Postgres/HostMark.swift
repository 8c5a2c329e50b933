import Glibc

/// The file beside a cluster's data that says where its server runs.
///
/// It is written, durably, before a server starts. A home may lie on a disk that several machines
/// or containers see, and PostgreSQL's own postmaster.pid tells a process number only, which says
/// nothing elsewhere: two servers on one data folder destroy it.
///
/// Every process of the server holds the file locked (flock(2)), as it inherits the descriptor. So
/// a held lock proves that the server lives, wherever it is. A free one proves that it is gone only
/// on the kernel that it ran on, since not every file server passes locks on.
struct HostMark {
  private let base: String
  private let here: ServerHost
  private var path: String { "\(base)/host" }

  init(in base: String, here: ServerHost) {
    self.base = base
    self.here = here
  }

  private struct Content {
    var host: ServerHost
    /// False for a server that a former version or a person started: it holds no lock.
    var isLocked: Bool
    /// In seconds since 1970, by the clock of the file's machine.
    var written: Int
    var isHeld: Bool
  }

  /// Whether the server was started where its processes cannot be seen from here.
  func isElsewhere() throws -> Bool {
    try read().map { [.otherContainer, .otherMachine].contains(here.relation(to: $0.host)) }
      ?? false
  }

  /// Throws unless a server may be started: none of another machine or container can be running.
  /// - Parameters:
  ///   - hasServerFile: whether the data folder holds a postmaster.pid, which a clean end removes
  ///   - takingOver: a person says that the machine named in the mark is gone
  func requireFree(hasServerFile: Bool, takingOver: Bool) throws {
    guard let mark = try read() else {
      guard hasServerFile, !takingOver else { return }
      throw ClusterError(
        "the private database in \(base) was started by an older version of pra or by hand, and "
          + "was not stopped: run `pra down` where it runs; if it runs nowhere any more, "
          + "`pra up --take-over`")
    }
    let relation = here.relation(to: mark.host)
    if relation == .here { return }
    if mark.isHeld {
      throw ClusterError(
        "the private database in \(base) runs \(place(of: mark.host, relation)): "
          + "\(Self.remedy)"
          + (takingOver
            ? "; it cannot be taken over while \(path) is locked, as its server lives" : ""))
    }
    if takingOver { return }
    switch relation {
    case .here, .beforeRestart: return
    case .otherContainer where mark.isLocked: return
    // A server that has ended removes its file. One that is just being started has none yet, and a
    // file server may show it late: by a minute where NFS caches what a folder does not hold.
    case .otherMachine where !hasServerFile:
      if let now = try timeOfFiles(), now - mark.written > Self.startTime { return }
    case .otherContainer, .otherMachine: break
    }
    throw ClusterError(
      "the private database in \(base) runs \(place(of: mark.host, relation)): \(Self.remedy); "
        + "if that machine is gone for good, `pra up --take-over` here")
  }

  private static let startTime = 120
  private static let remedy =
    "use it from here by PRA_DATABASE_URL, or run `pra down` there"

  private func place(of host: ServerHost, _ relation: ServerHost.Relation) -> String {
    relation == .otherContainer
      ? "in another container of this machine (\(host.name))" : "on host \(host.name)"
  }

  /// Writes that the server runs here.
  /// - Returns: an open descriptor that holds the lock, for the server to inherit
  func claim() throws -> Int32 { try write(isLocked: true) }

  /// Marks a running server of this place that holds no lock.
  func adopt() throws {
    if let mark = try read(), mark.isHeld || (mark.host == here && !mark.isLocked) { return }
    close(try write(isLocked: false))
  }

  func remove() { unlink(path) }

  /// Whether a process of the server lives.
  func isHeld() throws -> Bool { try read()?.isHeld ?? false }

  // MARK: details

  private func write(isLocked: Bool) throws -> Int32 {
    let text = """
      host \(here.name)
      machine \(here.machine)
      boot \(here.boot)
      namespace \(here.namespace)
      locked \(isLocked ? "yes" : "no")

      """
    let bytes = Array(text.utf8)
    let unfinished = "\(path).unfinished"
    unlink(unfinished)
    let descriptor = open(unfinished, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0o600)
    let folder = open(base, O_RDONLY | O_CLOEXEC)
    defer { if folder >= 0 { close(folder) } }
    // Locked before it has its name, when nobody else can have opened it.
    guard descriptor >= 0, folder >= 0, giveToOwner(of: base, descriptor),
      !isLocked || flock(descriptor, LOCK_EX | LOCK_NB) == 0,
      Glibc.write(descriptor, bytes, bytes.count) == bytes.count, fsync(descriptor) == 0,
      rename(unfinished, path) == 0, fsync(folder) == 0
    else {
      let reason = systemError()
      if descriptor >= 0 { close(descriptor) }
      unlink(unfinished)
      throw ClusterError("\(path): cannot be written: \(reason)")
    }
    return descriptor
  }

  private func read() throws -> Content? {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else {
      if errno == ENOENT { return nil }
      throw ClusterError("\(path): cannot be read: \(systemError())")
    }
    defer { close(descriptor) }
    var status = stat()
    var bytes = [UInt8](repeating: 0, count: 2048)
    let count = Glibc.read(descriptor, &bytes, bytes.count)
    guard count >= 0, fstat(descriptor, &status) == 0 else {
      throw ClusterError("\(path): cannot be read: \(systemError())")
    }
    var values: [String: String] = [:]
    for line in String(decoding: bytes.prefix(count), as: UTF8.self).split(separator: "\n") {
      let words = line.split(separator: " ", maxSplits: 1, omittingEmptySubsequences: false)
      values[String(words[0])] = words.count > 1 ? String(words[1]) : ""
    }
    guard let name = values["host"], let boot = values["boot"], let space = values["namespace"]
    else {
      throw ClusterError(
        "\(path): is no mark of a host; it should say where the private database runs: if it runs "
          + "nowhere, delete this file")
    }
    let isHeld = flock(descriptor, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK
    return Content(
      host: ServerHost(
        name: name, machine: values["machine"] ?? "", boot: boot, namespace: space),
      isLocked: values["locked"] == "yes", written: status.st_mtim.tv_sec,
      isHeld: isHeld)
  }

  /// The time by the clock that stamps files beside the mark.
  private func timeOfFiles() throws -> Int? {
    let probe = "\(path).time"
    let descriptor = open(probe, O_CREAT | O_RDWR | O_TRUNC | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { return nil }
    defer {
      close(descriptor)
      unlink(probe)
    }
    var status = stat()
    guard Glibc.write(descriptor, "x", 1) == 1, fsync(descriptor) == 0,
      fstat(descriptor, &status) == 0
    else { return nil }
    return status.st_mtim.tv_sec
  }
}

/// Gives a file that root has made to the owner of the folder that it lies in, who may be an ordinary
/// account and must be able to open it later.
func giveToOwner(of folder: String, _ descriptor: Int32) -> Bool {
  guard geteuid() == 0 else { return true }
  var status = stat()
  return stat(folder, &status) == 0 && fchown(descriptor, status.st_uid, status.st_gid) == 0
}
