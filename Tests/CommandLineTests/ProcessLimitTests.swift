// Limits of a worker's process (`ulimit`): what they refuse is a lack of the host, told in a sentence, and no try of a job.

import DatabaseTesting
import Foundation
import Testing

@Suite struct ProcessLimitTests {
  let world: World

  init() throws { world = try World() }

  private func ends() throws -> [String] {
    try world.rows(
      "select outcome, cause, exit_code, message from pra.attempts where outcome is not null order by job_id, epoch"
    )
  }

  @Test("a worker that may write no file says so and takes no jobs")
  func noFiles() throws {
    _ = try world.answer("run", try world.runFile())
    let worker = try WorkerProcess(world, limit: "ulimit -f 1")
    try wait {
      try world.rows("select lack from pra.workers").first?.contains("File too large") ?? false
    }
    #expect(worker.process.isRunning)
    #expect(try world.rows("select count(*) from pra.attempts") == ["0"])
  }

  @Test("a stage that may write no large file names the file, and its job waits at no cost")
  func smallFiles() throws {
    _ = try world.answer("run", try world.runFile())
    let worker = try WorkerProcess(world, arguments: ["--cache", "0"], limit: "ulimit -f 40")
    try wait { try !ends().isEmpty }
    let end = try ends()[0]
    #expect(end.hasPrefix("fault host 71 ") && end.contains("File too large"), "\(end)")
    #expect(end.contains("emoji-32.tar"), "\(end)")
    #expect(try world.rows("select state, faults from pra.jobs where id = 1") == ["ready 0"])
    #expect(worker.process.isRunning)
  }

  @Test("a training that gets no more memory says how much it needs, and its job waits at no cost")
  func memory() throws {
    _ = try world.answer(
      "run", try world.runFile(), "--set", "training.batch=1024", "--set", "sample=null", "--set",
      "evaluate=false")
    let worker = try WorkerProcess(world, limit: "ulimit -v 2500000")
    try wait { try ends().count > 1 }
    let end = try ends()[1]
    #expect(
      end.wholeMatch(
        of:
          /fault host 71 out of memory: [0-9]+ bytes more are needed, where ulimit -v allows 2441 MiB in all/
      )
        != nil, "\(end)")
    #expect(try world.rows("select state, faults from pra.jobs where id = 2") == ["ready 0"])
    #expect(worker.process.isRunning)
  }
}
