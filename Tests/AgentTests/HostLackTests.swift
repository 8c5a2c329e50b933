import DatabaseTesting
import Foundation
import Testing

@testable import Agent

/// A host that lacks what a stage needs: the job waits at no cost, and the agent looks again.
@Suite struct HostLackTests {
  private func lack(_ world: World) throws -> String? {
    try world.text("select lack from pra.workers where stopped_at is null")
  }

  private func attempts(_ world: World) throws -> String? {
    try world.text(
      "select string_agg(concat_ws(' ', outcome, cause), ', ' order by epoch) from pra.attempts")
  }

  @Test("a program that is missing or cannot run pauses the agent until it is there")
  func program() throws {
    let world = try World()
    let job = try world.enqueue(#"{"act": "succeed"}"#, "fault_retries => 0")
    let stages = "\(world.folder)/stages"
    try FileManager.default.createDirectory(atPath: stages, withIntermediateDirectories: false)
    let agent = try world.agent("a", "idle=true", "stages=\(stages)")
    try wait { try lack(world) == "\(stages)/pra-test cannot be run: No such file or directory" }
    #expect(try attempts(world) == nil)
    #expect(try world.text("select reason from pra.why_pending(\(job))") == "host-lacks")
    // No program, but something that the system tries to run: found only at the start.
    try Data("no program".utf8).write(to: URL(filePath: "\(stages)/pra-test"))
    chmod("\(stages)/pra-test", 0o755)
    try wait { try attempts(world)?.hasPrefix("fault not-started") == true }
    try wait { try lack(world)?.contains("pra-test does not start: Exec format error") == true }
    #expect(try world.state(job) == "ready")
    unlink("\(stages)/pra-test")
    try FileManager.default.createSymbolicLink(
      atPath: "\(stages)/pra-test", withDestinationPath: "\(World.products)/pra-test")
    #expect(try agent.end() == .code(0))
    #expect(try world.state(job) == "succeeded")
    #expect(agent.output.contains("takes no jobs"))
    #expect(agent.output.contains("takes jobs again"))
  }

  @Test("a program whose library is missing is not the job's fault")
  func library() throws {
    let world = try World()
    let job = try world.enqueue(#"{"act": "succeed"}"#, "fault_retries => 0")
    let stages = "\(world.folder)/stages"
    try FileManager.default.createDirectory(atPath: stages, withIntermediateDirectories: false)
    // The dynamic linker prints this and ends so.
    let words = "pra-test: error while loading shared libraries: libnone.so: cannot open"
    try "#!/bin/sh\necho '\(words)' >&2\nexit 127\n".write(
      toFile: "\(stages)/pra-test", atomically: false, encoding: .utf8)
    chmod("\(stages)/pra-test", 0o755)
    let agent = try world.agent("a", "stages=\(stages)")
    try wait { try lack(world) == words }
    // The end is reported by another session.
    try wait { try attempts(world)?.hasPrefix("fault not-started") == true }
    #expect(try world.state(job) == "ready")
    agent.signal(SIGTERM)
    #expect(try agent.end() == .code(0))
  }

  @Test(
    "a stage that met a full disk, a used-up quota or a read-only folder gives its job back",
    arguments: [ENOSPC, EDQUOT, EROFS, EMFILE, ENOMEM])
  func disk(code: Int32) throws {
    let world = try World()
    let job = try world.enqueue(#"{"act": "lack", "count": \#(code)}"#, "fault_retries => 0")
    let agent = try world.agent("a")
    try wait { try attempts(world) == "fault host" }
    let message = "cannot write /scratch/x: \(String(cString: strerror(code)))"
    #expect(try world.end(job) == "fault 71 \(message)")
    #expect(try world.state(job) == "ready")
    try wait { try lack(world) == message }
    #expect(try world.text("select state from pra.workers") == "paused")
    agent.signal(SIGTERM)
    #expect(try agent.end() == .code(0))
  }

  @Test(
    "a stage that gets no more memory gives its job back, with a sentence",
    arguments: [(6_000_000, Int64(8) << 30), (nil, Int64(1) << 46)] as [(Int?, Int64)])
  func memory(limit: Int?, count: Int64) throws {
    let world = try World()
    let job = try world.enqueue(#"{"act": "hoard", "count": \#(count)}"#, "fault_retries => 0")
    let agent = try AgentProcess(
      [
        "-c", #"ulimit -v \#(limit.map(String.init) ?? "unlimited"); exec "$0" "$@""#,
        "\(World.products)/test-agent",
      ]
        + world.settings("a", []), environment: world.environment, executable: "/bin/sh")
    try wait { try attempts(world) == "fault host" }
    let words = limit.map { ": ulimit -v allows \($0 >> 10) MiB in all" } ?? ""
    #expect(try world.end(job) == "fault 71 out of memory\(words)")
    #expect(try world.state(job) == "ready")
    agent.signal(SIGTERM)
    #expect(try agent.end() == .code(0))
  }

  @Test func aStageThatUsesUpItsProcessorTimeGivesItsJobBack() throws {
    let world = try World()
    let job = try world.enqueue(#"{"act": "burn"}"#, "fault_retries => 0")
    let agent = try AgentProcess(
      ["-c", #"ulimit -t 3; exec "$0" "$@""#, "\(World.products)/test-agent"]
        + world.settings("a", []), environment: world.environment, executable: "/bin/sh")
    try wait { try attempts(world) == "fault host" }
    #expect(
      try world.end(job)
        == "fault signal 9 the stage used the 3 s of processor time that this worker's processes may have (ulimit -t)"
    )
    #expect(try world.state(job) == "ready")
    #expect(try world.text("select count(*) from pra.blamed_hosts") == "0")
    agent.signal(SIGTERM)
    #expect(try agent.end() == .code(0))
  }

  @Test("a trap for another reason stays a crash")
  func trap() throws {
    let world = try World()
    let job = try world.enqueue(#"{"act": "trap"}"#, "fault_retries => 0")
    let agent = try world.agent("a", "idle=true")
    #expect(try agent.end() == .code(0))
    #expect(try world.text("select cause from pra.attempts") == "signal")
    #expect(try world.state(job) == "failed")
  }

  /// The limit of the agent's process is lowered to what it has open, and raised again.
  @Test func anAgentWithoutDescriptorsKeepsItsJobs() throws {
    let world = try World()
    let agent = try world.agent("a")
    try wait { try world.text("select state from pra.workers") == "live" }
    func limit(_ count: UInt64) throws {
      let process = Process()
      process.executableURL = URL(filePath: "/usr/bin/env")
      process.arguments = [
        "prlimit", "--pid", "\(agent.child.processID)", "--nofile=\(count):",
      ]
      try process.run()
      process.waitUntilExit()
      #expect(process.terminationStatus == 0)
    }
    let open = Set(
      try FileManager.default.contentsOfDirectory(atPath: "/proc/\(agent.child.processID)/fd"))
    // One more may be opened; a stage needs five.
    try limit(UInt64((0...).first { !open.contains(String($0)) }! + 1))
    let job = try world.enqueue(#"{"act": "succeed"}"#, "fault_retries => 0")
    try wait { try lack(world)?.contains("Too many open files") == true }
    #expect(try world.state(job) == "ready")
    try limit(4096)
    try wait { try world.state(job) == "succeeded" }
    agent.signal(SIGTERM)
    #expect(try agent.end() == .code(0))
  }

  private static let mayMount: Bool = {
    let folder = NSTemporaryDirectory() + "pra-mount-\(UUID().uuidString)"
    mkdir(folder, 0o700)
    defer { rmdir(folder) }
    guard mount("none", folder, "tmpfs", 0, nil) == 0 else { return false }
    umount(folder)
    return true
  }()

  @Test("scratch space is looked at before a claim", .enabled(if: HostLackTests.mayMount))
  func scratch() throws {
    let world = try World()
    let disk = "\(world.folder)/disk"
    mkdir(disk, 0o700)
    #expect(mount("none", disk, "tmpfs", 0, "size=24m,mode=700") == 0)
    defer { umount2(disk, Int32(MNT_DETACH)) }
    func fill(_ count: Int) throws {
      try Data(count: count).write(to: URL(filePath: "\(disk)/filler"))
    }
    try fill(20 << 20)
    let job = try world.enqueue(#"{"act": "succeed"}"#)
    let agent = try world.agent("a", "idle=true", environment: ["TMPDIR": disk])
    try wait { try lack(world)?.contains("KiB are free") == true }
    #expect(try attempts(world) == nil)
    try fill(0)
    #expect(try agent.end() == .code(0))
    #expect(try world.state(job) == "succeeded")
  }
}
