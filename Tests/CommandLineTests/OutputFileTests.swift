// `-o` of every verb that writes one file: links are followed, what is no file is written to.

import Foundation
import Testing

@Suite struct OutputFileTests {
  let world: World

  /// A run with two points of a metric and an image.
  init() throws {
    world = try World()
    try world.admin.run(
      """
      select pra.enqueue('train', pra.create_run('drawn'), '{}');
      """)
    try world.claimFirst()
    try world.admin.run("select pra.continue_from(1, 1)")
    try world.admin.run(
      """
      insert into pra_store.metric_staging (job_id, epoch, batch, name, steps, "values")
      select 1, 1, 1, name, '{0,1}', array[1, 0.5]
      from unnest('{loss,loss.flow,loss.rec}'::text[]) as name;
      select pra.absorb_metrics(1, 1, 1)
      """)
  }

  private static let verbs = [["export", "csv", "1"], ["plot", "1"]]

  private func kind(_ path: String) -> mode_t {
    var status = stat()
    return lstat(path, &status) == 0 ? status.st_mode & S_IFMT : 0
  }

  @Test(arguments: verbs) func aMinusIsStandardOutput(_ verb: [String]) throws {
    let outcome = try Outcome(
      verb + ["-o", "-"], environment: ["PRA_DATABASE_URL": world.database.url.conninfo],
      in: world.folder)
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(outcome.output.hasPrefix(verb[0] == "plot" ? "<svg" : "run,name"), "\(outcome.output)")
    #expect(!FileManager.default.fileExists(atPath: "\(world.folder)/-"))
  }

  @Test(arguments: verbs) func aPipeGetsTheBytesAndStays(_ verb: [String]) throws {
    let outcome = try Outcome.shell(
      """
      cd '\(world.folder)'; mkfifo pipe && cat pipe > read & \
      while [ ! -p pipe ]; do :; done; "$PRA" \(verb.joined(separator: " ")) -o pipe > said; wait; cat read
      """, environment: ["PRA_DATABASE_URL": world.database.url.conninfo], in: world.folder)
    #expect(outcome.output.hasPrefix(verb[0] == "plot" ? "<svg" : "run,name"), "\(outcome)")
    #expect(kind("\(world.folder)/pipe") == S_IFIFO)
  }

  @Test(arguments: verbs) func aLinkStaysAndItsFileIsReplaced(_ verb: [String]) throws {
    let ending = verb[0] == "plot" ? ".svg" : ".csv"
    try world.write("real\(ending)", "old")
    #expect(symlink("real\(ending)", "\(world.folder)/link\(ending)") == 0)
    _ = try world.answer(verb + ["-o", "\(world.folder)/link\(ending)"])
    #expect(kind("\(world.folder)/link\(ending)") == S_IFLNK)
    let text = try String(contentsOfFile: "\(world.folder)/real\(ending)", encoding: .utf8)
    #expect(text.hasPrefix(verb[0] == "plot" ? "<svg" : "run,name"))
  }

  @Test(arguments: verbs) func aFullDeviceIsAnErrorAndStays(_ verb: [String]) throws {
    let outcome = try Outcome(
      verb + ["-o", "/dev/full"], environment: ["PRA_DATABASE_URL": world.database.url.conninfo],
      in: world.folder)
    #expect(outcome.status == 1)
    #expect(outcome.errors == "error: /dev/full: cannot be written: No space left on device\n")
    #expect(kind("/dev/full") == S_IFCHR)
  }

  @Test func severalFilesNeedAFolder() throws {
    let outcome = try Outcome(
      ["export", "tensorboard", "1", "-o", "-"],
      environment: ["PRA_DATABASE_URL": world.database.url.conninfo], in: world.folder)
    #expect(outcome.status == 2 && outcome.errors.contains("-o -"), "\(outcome)")
  }
}
