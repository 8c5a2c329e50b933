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

  /// Gives the training a checkpoint of one file.
  private func register() throws {
    try world.admin.run(
      """
      select pra.put_artifact(1, 1, encode(sha256('weights'), 'hex'), 'application/octet-stream', 'weights');
      select pra.register_checkpoint(1, 1, 1, jsonb_build_array(jsonb_build_object(
        'name', 'model.safetensors', 'sha256', encode(sha256('weights'), 'hex'))))
      """)
  }

  @Test func theUmaskSaysWhoMayReadWhatIsWritten() throws {
    try register()
    for (mask, mode) in [("027", 0o640), ("002", 0o664), ("077", 0o600)] {
      let outcome = try Outcome.shell(
        """
        cd '\(world.folder)'; umask \(mask)
        "$PRA" export checkpoint 1 -o files-\(mask) && "$PRA" export csv 1 -o \(mask).csv
        """, environment: ["PRA_DATABASE_URL": world.database.url.conninfo], in: world.folder)
      #expect(outcome.status == 0, "\(outcome)")
      for name in ["files-\(mask)/model.safetensors", "\(mask).csv"] {
        let found = try FileManager.default.attributesOfItem(atPath: "\(world.folder)/\(name)")
        #expect(found[.posixPermissions] as? Int == mode, "\(name)")
      }
    }
  }

  @Test(arguments: [
    ("/proc", "error: it needs 7 bytes, and /proc has 0 bytes\n"),
    ("/proc/x.safetensors", "error: /proc/x.safetensors: cannot be made a folder: "),
  ])
  func errorsNameWhatWasAskedFor(output: String, words: String) throws {
    try register()
    let outcome = try world.pra("export", "checkpoint", "1", "-o", output)
    #expect(outcome.status == 1 && outcome.errors.hasPrefix(words), "\(outcome.errors)")
    #expect(!outcome.errors.contains(".part"), "\(outcome.errors)")
  }

  @Test("a file that may grow no further is named, in one sentence", arguments: verbs)
  func aLimitOfSizeIsAnError(_ verb: [String]) throws {
    // The outputs of the test's own are files, too, which the limit would close.
    let outcome = try Outcome.shell(
      """
      cd '\(world.folder)'; (ulimit -f 0; "$PRA" \(verb.joined(separator: " ")) -o 'large.\(verb[0] == "plot" ? "svg" : "csv")'; \
      echo "rc $?"; "$PRA" jobs > jobs.txt; echo "rc $?") 2>&1 | cat
      """, environment: ["PRA_DATABASE_URL": world.database.url.conninfo], in: world.folder)
    #expect(
      outcome.output.wholeMatch(
        of:
          /error: large\.(csv|svg): cannot be written: File too large\nrc 1\nerror: standard output: File too large\nrc 1\n/
      ) != nil, "\(outcome)")
    #expect(
      try FileManager.default.contentsOfDirectory(atPath: world.folder).allSatisfy {
        !$0.contains("large")
      })
  }

  @Test func severalFilesNeedAFolder() throws {
    let outcome = try Outcome(
      ["export", "tensorboard", "1", "-o", "-"],
      environment: ["PRA_DATABASE_URL": world.database.url.conninfo], in: world.folder)
    #expect(outcome.status == 2 && outcome.errors.contains("-o -"), "\(outcome)")
  }
}
