// Files of any name, and folders that hold more than pictures, through the real programs.

import Foundation
import Raster
import Testing

@Suite struct EverydayNameTests {
  let world: World

  init() throws { world = try World() }

  private func png(_ shade: UInt8) throws -> Data {
    Data(
      try Picture(
        width: 16, height: 16, channels: 1, pixels: [UInt8](repeating: shade, count: 256)
      ).png())
  }

  /// Runs a line of a shell in the world's folder.
  private func shell(_ line: String) throws {
    let process = Process()
    process.executableURL = URL(filePath: "/bin/sh")
    process.arguments = ["-ec", "cd '\(world.folder)'; \(line)"]
    try process.run()
    process.waitUntilExit()
    try #require(process.terminationStatus == 0)
  }

  private func makeClasses(_ names: String..., in folder: String) throws {
    for (i, name) in names.enumerated() {
      let path = "\(world.folder)/\(folder)/\(name)"
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
      try png(UInt8(i)).write(to: URL(filePath: "\(path)/x.png"))
    }
  }

  @Test(
    "a source of any name is stored, and called by it",
    arguments: [
      "my folder", "my data (1).tar", "b\u{e4}se", "_base", ".base", "two..dots.tar",
    ])
  func source(_ name: String) throws {
    try makeClasses("cat", "dog", in: "made")
    try shell(name.hasSuffix(".tar") ? "tar -C made -cf '\(name)' cat dog" : "mv made '\(name)'")
    let run = try world.write(
      "run.yaml", "name: any\ndata: {source: '\(name)'}\nconfig: {image: {size: 16, patch: 8}}\n")
    _ = try world.answer("run", run, "--dry-run")
    _ = try world.answer("run", run)
    _ = try world.answer("enqueue", "ingest", "--file", "source=\(world.folder)/\(name)")
    #expect(
      try world.rows(
        "select distinct arguments ->> 'source_name' from pra.jobs where kind = 'ingest'")
        == [name.hasSuffix(".tar") ? name : "\(name).tar"])
  }

  @Test("a folder of archives, its tar and its parts beside a README have the same classes")
  func archivesBesideOtherFiles() throws {
    try makeClasses("n1", "n2.v1", in: "made")
    try shell(
      """
      mkdir both
      tar -C made/n1 -cf both/n1.tar x.png; tar -C made/n2.v1 -cf both/n2.v1.tar x.png
      cp -r both noted; echo text > noted/README.md
      tar -C both -cf both.tar n1.tar n2.v1.tar
      """)
    for source in ["both", "noted", "both.tar"] {
      let run = try world.write(
        "run.yaml",
        "name: any\ndata: {source: \(source)}\nconfig: {image: {size: 16, patch: 8}, training: {total: 1, batch: 2, warmup: 1}, trunk: {width: 32, layers: 1, heads: 1}, head: {width: 32, blocks: 1}, encoder: {width: 32, blocks: 1, head_dim: 32}, decoder: {width: 32, blocks: 1, head_dim: 32}}\n"
      )
      _ = try world.answer("run", run, "--set", "name=\(source)")
      _ = try world.answer(
        "enqueue", "ingest", "--file", "source=\(world.folder)/\(source)", "--set", "image.size=16")
    }
    _ = try world.answer("worker", "--until-idle", "--threads", "1")
    #expect(
      try world.rows(
        """
        select coalesce(result ->> 'classes', message) from pra.jobs where kind = 'ingest' order by id
        """) == [String](repeating: "2", count: 6))
  }

  @Test(
    "a run file may be a pipe, of which a sweep reads as well",
    arguments: [
      #"cat run.yaml | "$PRA" run /dev/stdin"#, #"mkfifo p; cat run.yaml > p & "$PRA" run p"#,
      #"cat run.yaml | "$PRA" sweep /dev/stdin --set seed=0,1"#,
    ])
  func pipe(_ line: String) throws {
    try makeClasses("cat", "dog", in: "made")
    try world.write(
      "run.yaml", "name: any\ndata: {source: made}\nconfig: {image: {size: 16, patch: 8}}\n")
    let outcome = try Outcome.shell(
      "cd '\(world.folder)'; \(line)",
      environment: ["PRA_DATABASE_URL": world.database.url.conninfo], in: world.folder)
    #expect(outcome.status == 0, "\(outcome)")
    let runs = try world.rows("select count(*) from pra.runs")
    #expect(runs == [line.contains("sweep") ? "2" : "1"])
  }

  @Test(arguments: ["n2.tar.gz", "sub/n2.tgz", "README.tar.gz"])
  func anArchiveThatNobodyReadsIsRefusedAtOnce(_ name: String) throws {
    try makeClasses("cat", "sub", in: "made")
    try shell("tar -C made -c cat | gzip > 'made/\(name)'; echo text > made/NOTES")
    let run = try world.write(
      "run.yaml", "name: any\ndata: {source: made}\nconfig: {image: {size: 16, patch: 8}}\n")
    for words in [
      ["run", run], ["run", run, "--dry-run"],
      ["enqueue", "ingest", "--file", "source=\(world.folder)/made"],
    ] {
      let outcome = try Outcome(
        words, environment: ["PRA_DATABASE_URL": world.database.url.conninfo], in: world.folder)
      #expect(outcome.status == 2, "\(outcome)")
      #expect(outcome.errors.contains("made/\(name): is compressed by gzip"), "\(outcome.errors)")
    }
    #expect(try world.rows("select count(*) from pra.jobs") == ["0"])
  }
}
