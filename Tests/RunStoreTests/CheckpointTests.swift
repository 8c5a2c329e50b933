// Checkpoints written in the background, and killed at every stage of that.

import DatabaseTesting
import Foundation
import Postgres
import RunStore
import StageKit
import Testing
import Threads

@Suite struct CheckpointTests {
  @Test func theLoopGoesOnWhileACheckpointIsWritten() throws {
    let attempt = try Attempt(try TestDatabase.create().url)
    let session = try attempt.open()
    let gate = Monitor(false)
    let registered = Monitor(false)
    try session.beginCheckpoint(step: 1) { folder in
      _ = gate.wait { $0 ? true : nil }
      try Data([1]).write(to: URL(filePath: "\(folder)/state"))
      return [CheckpointPart(name: "state", path: "\(folder)/state")]
    } registered: {
      registered.update { $0 = true }
    }
    session.record([MetricPoint(name: "loss", step: 1, value: 1)])
    #expect(try attempt.count("select count(*) from pra.checkpoints") == 0)
    gate.update { $0 = true }
    try session.waitForCheckpoint()
    #expect(registered.read { $0 })
    #expect(try attempt.count("select count(*) from pra.checkpoints") == 1)
    #expect(try FileManager.default.contentsOfDirectory(atPath: attempt.folder).isEmpty)
    session.close()
  }

  @Test func aFailureIsThrownAtTheNextAndNothingIsVisible() throws {
    let attempt = try Attempt(try TestDatabase.create().url)
    let session = try attempt.open()
    try session.beginCheckpoint(step: 1) { _ in throw StoreError("the disk is full") }
    let error = #expect(throws: StoreError.self) { try session.finish(outputs: [:]) }
    #expect(error?.description == "the disk is full")
    #expect(try attempt.count("select count(*) from pra.checkpoints") == 0)
    try session.finish(outputs: [:])
  }

  /// The table whose lock the writer of a checkpoint waits for when it is killed.
  enum Stage: String, CaseIterable {
    case upload = "uploads"
    case chunk = "artifact_chunks"
    case artifact = "artifacts"
    case checkpoint = "checkpoints"
    case files = "checkpoint_files"
    case event = "events"
  }

  @Test(arguments: Stage.allCases)
  func killedWhileWritingACheckpointLeavesTheOneBefore(stage: Stage) throws {
    let attempt = try Attempt(
      try TestDatabase.create().url,
      arguments: #"{"act": "train", "count": 6, "every": 2, "hold": 3, "weight": 2500000}"#)
    let first = try Child(attempt)
    // It waits before step 3; a request to stop before that would find nothing new to write.
    try wait { try attempt.count("select count(*) from pra.checkpoints") == 1 }
    try wait { try attempt.count("select max(done) from pra_store.progress") == 3 }
    let before = try attempt.count("select max(step) from pra.checkpoints")
    let artifacts = try attempt.count("select count(*) from pra.artifacts")
    let locker = try Connection(attempt.url)
    try locker.run(
      """
      set idle_in_transaction_session_timeout = 0; begin;
      lock table pra_store.\(stage.rawValue) in share row exclusive mode
      """)
    first.ask("stop")
    try wait {
      try attempt.count(
        """
        select count(*) from pg_stat_activity
        where wait_event_type = 'Lock' and application_name like '%checkpoint'
          and datname = current_database()
        """) == 1
    }
    first.kill()
    // A server notices a dead client when it next sends to it; until then the last statement would
    // run and be committed. Here the session ends with its client.
    try attempt.admin.run(
      """
      select pg_terminate_backend(pid, 60000) from pg_stat_activity
      where application_name like 'pra stage%' and datname = current_database()
      """)
    try locker.run("rollback")
    // The server ends the session of a process that is gone, and rolls back its transaction.
    try wait {
      try attempt.count(
        """
        select count(*) from pg_stat_activity
        where application_name like 'pra stage%' and datname = current_database()
        """) == 0
    }
    #expect(try attempt.count("select count(*) from pra.checkpoints") == 1)
    #expect(try attempt.count("select max(step) from pra.checkpoints") == before)
    let added = stage == .upload || stage == .chunk || stage == .artifact ? 0 : 2
    #expect(try attempt.count("select count(*) from pra.artifacts") == artifacts + Int64(added))

    try attempt.claim()
    let second = try Child(attempt)
    #expect(second.end() == 0)
    #expect(try attempt.series("loss").count == 6)
    #expect(try attempt.count("select max(step) from pra.checkpoints") == 6)
  }

  /// The disk is full while the files are written: one sentence, nothing visible, and the next
  /// checkpoint succeeds.
  @Test func aFullDiskStopsACheckpointAndNothingElse() throws {
    let attempt = try Attempt(try TestDatabase.create().url)
    let session = try attempt.open()
    try session.beginCheckpoint(step: 1) { folder in
      // Every write to /dev/full fails as on a full disk.
      let descriptor = open("/dev/full", O_WRONLY)
      defer { close(descriptor) }
      guard write(descriptor, "x", 1) == 1 else {
        throw StoreError("cannot write \(folder)/state: \(String(cString: strerror(errno)))")
      }
      return []
    }
    let error = #expect(throws: StoreError.self) { try session.waitForCheckpoint() }
    #expect(error?.description.hasSuffix("No space left on device") == true)
    let path = try attempt.write([1], to: "state")
    try session.registerCheckpoint(step: 1, files: [CheckpointPart(name: "state", path: path)])
    try session.finish(outputs: [:])
    #expect(try attempt.count("select count(*) from pra.checkpoints") == 1)
  }
}

/// A stage in a process of its own.
private final class Child {
  private let process: pid_t
  private let channel: Int32

  init(_ attempt: Attempt) throws {
    var ends: [Int32] = [-1, -1]
    socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0, &ends)
    channel = ends[0]
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_adddup2(&actions, ends[1], 0)
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0)
    posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0)
    let path = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath()
      .deletingLastPathComponent().appending(path: "pra-test").path(percentEncoded: false)
    let words: [UnsafeMutablePointer<CChar>?] = [strdup(path), nil]
    let settings: [UnsafeMutablePointer<CChar>?] =
      attempt.environment.map { strdup("\($0.key)=\($0.value)") } + [nil]
    defer { for text in words + settings { free(text) } }
    var process = pid_t()
    let failure = posix_spawn(&process, path, &actions, nil, words, settings)
    close(ends[1])
    guard failure == 0 else { throw POSIXError(POSIXErrorCode(rawValue: failure) ?? .EIO) }
    self.process = process
    ask("token \(attempt.token)")
  }

  deinit { close(channel) }

  func ask(_ word: String) { _ = Glibc.write(channel, "\(word)\n", word.utf8.count + 1) }

  func kill() {
    Glibc.kill(process, SIGKILL)
    _ = end()
  }

  /// The exit code, or 128 plus the signal.
  func end() -> Int32 {
    var status: Int32 = 0
    while waitpid(process, &status, 0) < 0 && errno == EINTR {}
    return status & 0x7F == 0 ? (status >> 8) & 0xFF : 128 + status & 0x7F
  }
}
