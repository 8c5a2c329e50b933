// The needs of stages that this host does not meet: meanwhile the agent claims no jobs.

import Glibc
import JobQueue
import Logging
import Postgres
import RunStore
import Threads

/// The agent's knowledge of its host.
struct HostState: Sendable {
  /// Whether the first look is over: nothing is claimed before.
  var isKnown = false
  /// A sentence about what is lacking; nil if nothing is.
  private(set) var lack: String?
  /// Deadline in `monotonicSeconds()`, at which somebody looks again.
  private(set) var nextLook = 0.0
  /// Looks in a row that found something lacking.
  private var looks = 0
  /// Pauses in a row after attempts that ended for want of something, with no success in between.
  private var pauses = 0

  /// Seconds between looks while nothing is lacking.
  private static let interval = 60.0
  private static let longestLookPause = 60.0
  private static let longestPause = 600.0

  var isAble: Bool { isKnown && lack == nil }

  /// Takes the result of a look.
  mutating func found(_ lack: String?, at now: Double) {
    isKnown = true
    self.lack = lack
    looks = lack == nil ? 0 : looks + 1
    let pause =
      lack == nil ? Self.interval : min(Self.longestLookPause, Double(1 << min(looks, 6)))
    nextLook = now + pause * Double.random(in: 0.75...1.25)
  }

  /// Notes that an attempt ended for want of something. Others that end during the pause found the
  /// same.
  mutating func learned(_ lack: String, at now: Double) {
    guard self.lack == nil else { return }
    self.lack = lack
    pauses += 1
    let pause = min(Self.longestPause, 2.5 * Double(1 << min(pauses, 8)))
    nextLook = now + pause * Double.random(in: 0.75...1.25)
  }

  mutating func succeeded() { pauses = 0 }
}

extension Agent {
  /// Looks at the host from time to time, until the agent leaves.
  /// - Parameters:
  ///   - scratch: the agent's folder
  ///   - cache: gives up what its stores have deleted, and room where there is none
  func watchHost(_ scratch: String, _ cache: ArtifactCache?) {
    while true {
      let due = state.read { $0.host.nextLook }
      let isDone: Bool? = state.wait(until: due) { state in
        if state.phase > .working { return true }
        return state.host.nextLook != due ? false : nil
      }
      if isDone == true { return }
      if isDone == false { continue }
      cache?.sweep()
      let lack = self.lack(scratch, cache)
      let before = state.update { state -> String?? in
        // An attempt has ended for want of something since: that pause comes first.
        guard state.host.nextLook == due else { return nil }
        defer { state.host.found(lack, at: monotonicSeconds()) }
        return .some(state.host.lack)
      }
      if let before, before != lack {
        if let lack {
          logger.warning("takes no jobs: \(lack)")
        } else if before != nil {
          logger.notice("takes jobs again")
        }
      }
      wake()
    }
  }

  /// Notes that an attempt ended for want of something, and pauses.
  func pause(for lack: String) {
    state.update { $0.host.learned(lack, at: monotonicSeconds()) }
    logger.warning("takes no jobs for a while: \(lack)")
    wake()
  }

  private func lack(_ scratch: String, _ cache: ArtifactCache?) -> String? {
    cache?.free(Int64(ScratchFolder.least))
    if let lack = ScratchFolder.lack(of: scratch, trying: true) { return lack }
    for kind in configuration.kinds {
      let program = "\(configuration.stageFolder)/pra-\(kind)"
      if access(program, X_OK) != 0 { return "\(program) cannot be run: \(systemError())" }
    }
    do {
      try configuration.storeProbe?()
    } catch let error as PostgresError {
      // The store is not known, and the database is nothing of this host.
      logger.debug("the store is not looked at: \(error)")
    } catch {
      return "the store cannot be used: \(error)"
    }
    return nil
  }
}

extension ScratchFolder {
  /// Bytes without which no stage can begin: its log, its first files.
  static let least: UInt64 = 8 << 20

  /// Says in one sentence what a folder of attempts lacks; nil if nothing.
  /// - Parameter trying: whether a file is written, which also shows a quota that is used up
  static func lack(of folder: String, trying: Bool) -> String? {
    // Something on the host may clear folders for temporary files.
    if trying && access(folder, F_OK) != 0 {
      let parent = folder.split(separator: "/").dropLast().joined(separator: "/")
      mkdir("/\(parent)", 0o700)
      mkdir(folder, 0o700)
    }
    var status = statvfs()
    guard statvfs(folder, &status) == 0 else { return "\(folder): \(systemError())" }
    if status.f_flag & UInt(ST_RDONLY) != 0 { return "\(folder): its file system is read-only" }
    let free = UInt64(status.f_bavail) * UInt64(status.f_frsize)
    if free < least {
      return "\(folder): \(free >> 10) KiB are free, and a job needs \(least >> 10) KiB at least"
    }
    if status.f_files > 0 && status.f_favail == 0 {
      return "\(folder): its file system has no room for another file"
    }
    guard trying else { return nil }
    let path = "\(folder)/.look"
    unlink(path)
    let file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    guard file >= 0 else { return "\(path): cannot be created: \(systemError())" }
    defer {
      close(file)
      unlink(path)
    }
    let page = [UInt8](repeating: 0, count: 4096)
    // A write that stops short does not say why; the next one does.
    var done = 0
    while done < page.count {
      let count = page.withUnsafeBytes { write(file, $0.baseAddress! + done, page.count - done) }
      guard count > 0 else { return "\(path): cannot be written: \(systemError())" }
      done += count
    }
    return nil
  }
}
