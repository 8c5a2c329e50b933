// Sources that were read before, and those that are folders.

import DatabaseTesting
import Digest
import Foundation
import Testing

@Suite struct SourceTests {
  let world: World
  private let source: String

  init() throws {
    world = try World()
    source = "\(world.folder)/emoji.tar"
    try FileManager.default.copyItem(
      atPath: "\(Repository.root)/ops/demo.d/emoji-32.tar", toPath: source)
    // A file of this moment may still change without a trace in its times.
    try age(source)
  }

  /// Makes a file look as if it had been there for an hour: of the last change the system alone sets the time,
  /// and two seconds later it is old enough.
  private func age(_ path: String) throws {
    try wait {
      var status = stat()
      guard stat(path, &status) == 0 else { return false }
      return status.st_ctim.tv_sec + 3 < time(nil)
    }
  }

  private var remembered: [String] {
    let folder = "\(world.folder)/.cache/pra/digests"
    return ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).map {
      "\(folder)/\($0)"
    }
  }

  private func run(_ name: String, _ data: String, environment: [String: String] = [:]) throws
    -> String
  {
    let file = try world.write(
      "\(name).yaml", "name: \(name)\ndata: {\(data)}\nconfig: {preset: nano, method: pra}\n")
    let outcome = try world.pra("run", file, environment: environment)
    #expect(outcome.status == 0, "\(outcome.errors)")
    return try world.rows(
      """
      select j.arguments->>'source' from pra.jobs as j join pra.runs as r on r.data_job = j.id
      where r.id = \(outcome.output.trimmingCharacters(in: .newlines))
      """)[0]
  }

  @Test func aSourceIsHashedOnceUntilItChanges() throws {
    let first = try run("first", "source: emoji.tar")
    #expect(remembered.count == 1)
    // A command that remembers reads nothing: another digest that is stored is taken without a look.
    let other = try world.answer("enqueue", "ingest", "--file", "source=\(try small())")
    let stored = try world.rows("select arguments->>'source' from pra.jobs where id = \(other)")[0]
    for path in remembered { try Data("\(stored)\n".utf8).write(to: URL(filePath: path)) }
    #expect(try run("again", "source: emoji.tar") == stored)
    // A file that was written to is read.
    let bytes = try Data(contentsOf: URL(filePath: source))
    try bytes.write(to: URL(filePath: source))
    #expect(try run("written", "source: emoji.tar") == first)
    // A file of this moment is not remembered; on a slow machine it is older by now.
    var status = stat()
    #expect(stat(source, &status) == 0)
    #expect(remembered.count <= 2 || time(nil) > status.st_ctim.tv_sec + 1)
  }

  /// A small archive.
  private func small() throws -> String {
    let folder = "\(world.folder)/small"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    try Data("x".utf8).write(to: URL(filePath: "\(folder)/x.txt"))
    return folder
  }

  @Test func aSweepReadsItsSourceOnce() throws {
    let file = try world.write(
      "sweep.yaml", "name: sweep\ndata: {source: emoji.tar}\nconfig: {preset: nano, method: pra}\n")
    let listed = try world.answer("sweep", file, "--set", "training.lr=1e-4,2e-4,3e-4")
    #expect(listed.split(separator: "\n").count == 3)
    let sources = try world.rows(
      "select count(*), count(distinct arguments->>'source') from pra.jobs where kind = 'ingest'")
    #expect(sources == ["1 1"])
    #expect(remembered.count == 1)
  }

  @Test func aFolderMayBeCalledAsAnArchiveIs() throws {
    for name in ["photos.tar/cats.tar", "photos.tar/dogs.tar"] {
      let folder = "\(world.folder)/\(name)"
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
      try FileManager.default.copyItem(
        atPath: "\(Repository.root)/ops/demo.d/drawn.png", toPath: "\(folder)/1.png")
    }
    let file = try world.write(
      "tars.yaml",
      "name: tars\ndata: {source: photos.tar}\nconfig: {preset: nano, method: pra}\n")
    _ = try world.answer("run", file)
    _ = try world.pra("worker", "--until-idle", "--kind", "ingest")
    #expect(
      try world.rows(
        """
        select arguments ->> 'source_name', result ->> 'images', result ->> 'classes'
        from pra.jobs where kind = 'ingest'
        """) == ["photos.tar 2 2"])
  }

  @Test(arguments: [
    ("loss", "{lpips: 1, lpips_file: vgg.tar.gz}", "loss.lpips_file"),
    ("evaluate", "{inception: vgg.tar.gz}", "evaluate.inception"),
  ])
  func weightsThatAreCompressedAreRefusedAtOnce(key: String, value: String, named: String) throws {
    try Data([0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 0]).write(
      to: URL(filePath: "\(world.folder)/vgg.tar.gz"))
    let config = key == "loss" ? "preset: nano, loss: \(value)" : "preset: nano"
    let file = try world.write(
      "weights.yaml",
      """
      name: weights
      data: {source: emoji.tar}
      config: {\(config)}
      sample: {count: 2}
      \(key == "evaluate" ? "evaluate: \(value)" : "evaluate: false")

      """)
    let outcome = try world.pra("run", file)
    #expect(outcome.status == 2)
    #expect(
      outcome.errors.contains("\(named): ")
        && outcome.errors.contains("vgg.tar.gz: is compressed by gzip"), "\(outcome.errors)")
    #expect(try world.rows("select count(*) from pra.runs") == ["0"])
  }

  @Test func aFolderIsStoredWithoutATarOnDisk() throws {
    let folder = "\(world.folder)/images"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
    let unpack = Process()
    unpack.executableURL = URL(filePath: "/bin/tar")
    unpack.arguments = ["-xf", source, "-C", folder]
    try unpack.run()
    unpack.waitUntilExit()
    let store = "\(world.folder)/store"
    try FileManager.default.createDirectory(atPath: store, withIntermediateDirectories: false)
    _ = try world.answer("store", "file:\(store)")
    let digest = try run(
      "folder", "source: images", environment: ["TMPDIR": "\(world.folder)/nowhere"])
    // The artifact is the tar of the folder, as tar reads it.
    let tar = "\(store)/sha256/\(digest.prefix(2))/\(digest.dropFirst(2).prefix(2))/\(digest)"
    #expect(SHA256.hexadecimal(of: Array(try Data(contentsOf: URL(filePath: tar)))) == digest)
    let list = Process()
    list.executableURL = URL(filePath: "/bin/sh")
    list.arguments = ["-c", "test $(tar -tf '\(tar)' | grep -c png) = 1870"]
    try list.run()
    list.waitUntilExit()
    #expect(list.terminationStatus == 0)
  }
}
