import DatabaseTesting
import Foundation
import Testing

@testable import Agent

/// One child process, its output and its folder, without a database.
@Suite struct ProcessTests {
  private func shell(_ script: String) throws -> ChildProcess {
    try ChildProcess(
      executable: "/bin/sh", arguments: ["-c", script], environment: ["PATH": "/usr/bin:/bin"])
  }

  /// Everything that the child prints until its end.
  private func output(_ child: ChildProcess) -> String {
    defer { close(child.output) }
    return String(
      decoding: FileHandle(fileDescriptor: child.output).readDataToEndOfFile(), as: UTF8.self)
  }

  @Test func codesAndSignalsAreToldApart() throws {
    #expect(try shell("exit 65").wait() == .code(65))
    #expect(try shell("kill -TERM $$").wait() == .signal(SIGTERM))
    #expect(try shell("kill -KILL $$").wait() == .signal(SIGKILL))
  }

  @Test func bothOutputsAreOne() throws {
    let child = try shell("echo one; echo two >&2; echo three")
    #expect(output(child) == "one\ntwo\nthree\n")
    #expect(child.wait() == .code(0))
  }

  @Test func theStopLineArrives() throws {
    let child = try shell("read line; echo \"$line\"")
    child.requestStop()
    #expect(output(child) == "stop\n")
    #expect(child.wait() == .code(0))
    child.requestStop()  // the process has ended: nothing happens
  }

  @Test func theEnvironmentIsThatOfTheCaller() throws {
    let child = try ChildProcess(
      executable: "/usr/bin/env", environment: ["PRA_JOB": "7"])
    #expect(output(child) == "PRA_JOB=7\n")
    #expect(child.wait() == .code(0))
  }

  @Test func theWholeGroupDies() throws {
    let child = try shell("sleep 1000 & echo $!; wait")
    var line = [UInt8](repeating: 0, count: 32)
    let count = read(child.output, &line, 32)
    let grandchild = try #require(
      pid_t(String(decoding: line[..<count], as: UTF8.self).dropLast()))
    #expect(isAlive(grandchild))
    child.kill()
    #expect(child.wait() == .signal(SIGKILL))
    try wait { !isAlive(grandchild) }
    child.kill()  // must do nothing: the number may be another process's by now
  }

  @Test func whatAChildLeavesBehindDiesWithIt() throws {
    let child = try shell("sleep 1000 & echo $!")
    #expect(child.wait() == .code(0))
    shutdown(child.output, Int32(SHUT_RD))
    let grandchild = try #require(pid_t(output(child).dropLast()))
    try wait { !isAlive(grandchild) }
  }

  @Test(arguments: [
    (ProcessEnd.code(65), StopReason?.none, String?("bad file"), "permanent bad file"),
    (.code(1), nil, nil, "fault the stage ended with code 1"),
    (
      .code(75), nil, nil,
      "released the stage was asked to stop by a signal that its agent did not send"
    ),
    (.signal(15), nil, nil, "released the stage was stopped by signal 15 (termination)"),
    (.signal(1), nil, nil, "released the stage was stopped by signal 1 (hang-up)"),
    (.signal(15), .drained, nil, "released the worker was asked to leave"),
    (.signal(2), .preempted, nil, "released preempted"),
    (.signal(11), .drained, nil, "fault the stage was ended by signal 11 (segmentation fault)"),
    (.code(76), nil, nil, "lost the stage lost its lease"),
    (
      .outOfMemory, nil, "earlier",
      "fault the stage was killed because the machine ran out of memory"
    ),
    (.code(75), .drained, nil, "released the worker was asked to leave"),
    (.code(75), .preempted, nil, "released preempted"),
    (.code(70), .drained, "no space left", "fault no space left"),
    (.signal(9), .cancelled, nil, "cancelled cancelled while it ran"),
    (.code(75), .timedOut, nil, "timeout over its time limit"),
    (.code(0), .lost, nil, "lost the worker's lease was over"),
  ])
  func endsAreClassified(end: ProcessEnd, reason: StopReason?, error: String?, report: String) {
    let made = ExitReport(end: end, reason: reason, error: error)
    #expect("\(made.class.rawValue) \(made.message ?? "")" == report)
  }
}

@Suite struct LogSpoolTests {
  private let path = NSTemporaryDirectory() + "pra-spool-\(UUID().uuidString)"

  private func append(_ text: String, to spool: LogSpool) { spool.append(Array(text.utf8)[...]) }

  @Test func aPieceIsTheSameUntilItIsConfirmed() throws {
    let spool = try LogSpool(path: path)
    #expect(try spool.next() == nil)
    append(String(repeating: "x", count: LogSpool.chunkSize + 1), to: spool)
    let first = try #require(try spool.next())
    #expect(first.bytes.count == LogSpool.chunkSize)
    append("more", to: spool)
    let again = try #require(try spool.next())
    #expect((again.ordinal, again.bytes.count) == (0, LogSpool.chunkSize))
    spool.confirm(again)
    let second = try #require(try spool.next())
    #expect((second.ordinal, second.bytes) == (1, Array("xmore".utf8)))
    spool.confirm(second)
    #expect(try spool.next() == nil)
    #expect(!FileManager.default.fileExists(atPath: path), "nothing to clean up after a crash")
  }

  @Test func theLastErrorLineIsKept() throws {
    let spool = try LogSpool(path: path)
    append("error: first\nnoise error: not at the start\nerr", to: spool)
    #expect(spool.error == "first")
    append("or: the real one\nand some words", to: spool)
    #expect(spool.error == "the real one")
    append("\nerror: without a line break", to: spool)
    spool.end()
    #expect(spool.error == "without a line break")
  }
}

@Suite struct ScratchFolderTests {
  @Test func aLivingAgentsFolderStaysAndADeadOnesGoes() throws {
    let home = NSTemporaryDirectory() + "pra-scratch-test-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: home) }
    let living = try ScratchFolder(environment: ["PRA_HOME": home])
    let kept = try living.makeFolder(named: "1-1")
    // Left by a killed agent: a folder, and a lock file that nobody has locked.
    let root = "\(home)/scratch"
    try FileManager.default.createDirectory(
      atPath: "\(root)/agent-1-0/2-1", withIntermediateDirectories: true)
    try Data().write(to: URL(filePath: "\(root)/agent-1-0.lock"))

    // After a restore from a backup there may be two attempts of one job and epoch.
    let attempts = try (0..<3).map { _ in try living.makeFolder(named: "7-1") }
    #expect(Set(attempts).count == 3)
    let other = try ScratchFolder(environment: ["PRA_HOME": home])
    #expect(other.path != living.path)
    #expect(FileManager.default.fileExists(atPath: kept))
    #expect(!FileManager.default.fileExists(atPath: "\(root)/agent-1-0"))
    #expect(!FileManager.default.fileExists(atPath: "\(root)/agent-1-0.lock"))
  }

  @Test func aFolderThatOthersMayWriteToIsRefused() throws {
    let home = NSTemporaryDirectory() + "pra-scratch-test-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: home) }
    try FileManager.default.createDirectory(
      atPath: "\(home)/scratch", withIntermediateDirectories: true)
    chmod("\(home)/scratch", 0o777)
    #expect(throws: AgentError.self) { try ScratchFolder(environment: ["PRA_HOME": home]) }
  }
}
