// Drawn images that lie in packed sets, beside PNGs of the version before.

import DatabaseTesting
import Digest
import Foundation
import Raster
import TensorFiles
import Testing

@Suite struct DrawnImageTests {
  private let world: World
  private let side = 4

  init() throws { world = try World() }

  private func pixels(_ number: Int, channels: Int) -> [UInt8] {
    (0..<side * side * channels).map { UInt8(truncatingIfNeeded: $0 * 7 + number * 31) }
  }

  /// A finished job that has drawn `count` images from `first` on.
  private func draw(
    _ job: Int, first: Int, count: Int, channels: Int = 3, spoiling spoilt: Int? = nil,
    arguments: String = "{}", result: String = "{}"
  ) throws {
    if job == 1 { try world.admin.query("select pra.create_run('drawn')") }
    try world.admin.query("select pra.enqueue('sample', 1, $1::jsonb)", [.text(arguments)])
    try world.claimFirst()
    let images = (first..<first + count).map { pixels($0, channels: channels) }
    let bytes = [UInt8](repeating: 9, count: 5) + images.flatMap { $0 }
    let sha256 = SHA256.hexadecimal(of: bytes)
    try world.admin.query(
      "select pra.put_artifact($1, 1, $2, 'application/octet-stream', $3)",
      [.integer(Int64(job)), .text(sha256), .bytes(bytes)])
    let digests = images.enumerated().map { number, pixels in
      String(SHA256.leading64(of: pixels) &+ (number == spoilt ? 1 : 0))
    }
    try world.admin.query(
      "select pra.finish($1, 1, result => $3::jsonb, images => $2::jsonb)",
      [
        .integer(Int64(job)),
        .text(
          """
          [{"first": \(first), "seed": 3, "sha256": "\(sha256)", "place": 5, "side": \(side),
            "channels": \(channels),
            "labels": [\((0..<count).map { String($0 % 2) }.joined(separator: ","))],
            "classes": [\((0..<count).map { $0 % 2 == 0 ? "\"sky\"" : "\"sea\"" }.joined(separator: ","))],
            "digests": [\(digests.joined(separator: ","))]}]
          """), .text(result),
      ])
  }

  private func file(_ path: String) throws -> [UInt8] {
    [UInt8](try Data(contentsOf: URL(filePath: "\(world.folder)/\(path)")))
  }

  @Test func theyAreCutOutOfTheirSets() throws {
    try draw(1, first: 0, count: 3)
    try draw(2, first: 3, count: 2)
    _ = try world.answer("export", "images", "drawn", "-o", "\(world.folder)/out")
    for number in 0..<5 {
      let picture = try Picture(png: try file("out/00000\(number).png"), channels: 3)
      #expect(picture.pixels == pixels(number, channels: 3))
    }
    _ = try world.answer("export", "npz", "drawn", "-o", "\(world.folder)/out.npz")
    let array = try ArrayFile(
      path: "\(world.folder)/out.npz", array: "arr_0", of: .uint8, dimensions: 4)
    #expect(array.shape == [5, 4, 4, 3])
    #expect(Array(array.bytes) == (0..<5).flatMap { pixels($0, channels: 3) })
    let rows = try world.answer(
      "images", "drawn", "-o", "\(world.folder)/grid.png", "--by", "class", "--json")
    #expect(rows.contains(#""images":5"#) && rows.contains(#""rows":["sky","sea"]"#))
    let one = try world.answer(
      "images", "drawn", "-o", "\(world.folder)/grid.png", "--limit", "2", "--scale", "1", "--json")
    #expect(one.contains(#""images":2"#))
    #expect(
      try world.rows(
        "select number, label, class_name, place, size from pra.images where number = 4")
        == ["4 1 sea 53 48"])
  }

  @Test func theImagesOfOtherRunsAreNotRead() throws {
    try draw(1, first: 0, count: 3)
    try world.admin.run(
      """
      select count(pra.enqueue('sample', r.id, '{}'))
      from (select pra.create_run('others') as id) as r, generate_series(1, 3000);
      insert into pra_store.image_sets (job_id, epoch, first, seed, sha256, place, side, channels, labels, class_names, digests)
      select j.id, 1, s.first, s.seed, s.sha256, s.place, s.side, s.channels, s.labels, s.class_names, s.digests
      from pra_store.jobs as j, pra_store.image_sets as s where j.run_id = 2;
      analyze pra_store.jobs, pra_store.image_sets;
      """)
    let read = """
      select seq_tup_read, idx_scan from pg_stat_user_tables where relname = 'image_sets' and schemaname = 'pra_store'
      """
    // The counts of this session, too.
    try world.admin.run("select pg_stat_force_next_flush()")
    let before = try world.rows(read)
    _ = try world.answer("images", "drawn", "-o", "\(world.folder)/grid.png")
    try wait { try world.rows(read) != before }
    // Whether there are any is found by the first.
    let rows = [before[0], try world.rows(read)[0]].map { Int($0.split(separator: " ")[0])! }
    #expect(rows[1] - rows[0] < 100)
  }

  /// A row is of one sampling run, with the numbers that all have; what a grid leaves out is said.
  @Test func samplingRunsOfOneStepAreRowsOfTheirOwn() throws {
    for (job, count, scale) in [(1, 16, "2.0"), (2, 64, "4.0"), (3, 5, "2.0")] {
      try draw(
        job, first: 0, count: count,
        arguments: #"{"sampling": {"scale": \#(scale), "weights": "model"}}"#,
        result: #"{"step": \#(job == 3 ? 60 : 50)}"#)
    }
    func grid(_ arguments: String...) throws -> Outcome {
      try Outcome(
        ["images", "drawn", "-o", "\(world.folder)/grid.png"] + arguments,
        environment: ["PRA_DATABASE_URL": world.database.url.conninfo], in: world.folder)
    }
    let steps = try grid("--by", "step", "--json")
    #expect(
      steps.output.contains(
        #""rows":["step 50, job 1, scale 2","step 50, job 2, scale 4","step 60"]"#),
      "\(steps.output)")
    #expect(steps.output.contains(#""images":15,"of":85,"#), "\(steps.output)")
    #expect(
      steps.errors.contains(
        "pra: 70 images not shown: rows show the image numbers that all of them have"),
      "\(steps.errors)")
    let two = try grid("--by", "weights", "--job", "1", "--job", "2")
    #expect(two.output.contains("grid.png: 32 of 80 images of run 1, drawn at step 50, "))
    let classes = try grid("--by", "class", "--job", "2", "--class", "sky")
    #expect(
      classes.output.contains("18 of 32 images")
        && classes.errors.contains("--columns makes rows longer than 18"), "\(classes.errors)")
    // 64 images fill four rows of 16 pictures: 16 * (4 pixels + 1) + 1.
    let all = try grid("--job", "2", "--scale", "1", "--json")
    #expect(all.output.contains(#""images":64,"of":64,"#) && all.output.contains(#""width":81,"#))
    #expect(
      try grid("--job", "2", "--limit", "9").errors.contains("not shown: --limit 64 shows all"))
  }

  @Test func grayOnesBecomeGrayPNGsAndRGBArrays() throws {
    try draw(1, first: 0, count: 2, channels: 1)
    _ = try world.answer("export", "images", "drawn", "-o", "\(world.folder)/out")
    #expect(
      try Picture(png: try file("out/000001.png"), channels: 1).pixels == pixels(1, channels: 1))
    _ = try world.answer("export", "npz", "drawn", "-o", "\(world.folder)/out.npz")
    let array = try ArrayFile(
      path: "\(world.folder)/out.npz", array: "arr_0", of: .uint8, dimensions: 4)
    #expect(Array(array.rows(0..<1)) == pixels(0, channels: 1).flatMap { [$0, $0, $0] })
  }

  @Test func aPNGOfItsOwnIsShownBesideThem() throws {
    try draw(1, first: 0, count: 1)
    try world.admin.run("select pra.enqueue('sample', 1, '{}')")
    try world.claimFirst()
    let png = try Picture(width: 4, height: 4, channels: 3, pixels: pixels(9, channels: 3)).png()
    let sha256 = SHA256.hexadecimal(of: png)
    try world.admin.query(
      "select pra.put_artifact(2, 1, $1, 'image/png', $2)", [.text(sha256), .bytes(png)])
    try world.admin.query(
      "select pra.finish(2, 1, images => $1::jsonb)",
      [.text(#"[{"number": 9, "label": 0, "class": "sky", "seed": 1, "sha256": "\#(sha256)"}]"#)])
    _ = try world.answer("export", "images", "drawn", "-o", "\(world.folder)/out")
    #expect(try file("out/000009.png") == png)
    #expect(try Picture(png: try file("out/000000.png")).pixels == pixels(0, channels: 3))
    #expect(try world.answer("images", "drawn", "-o", "\(world.folder)/g.png").contains("2 images"))
  }

  /// G12 for a part of an artifact, whose own SHA-256 nobody computes.
  @Test func aDamagedImageIsNamedAndNotWritten() throws {
    try draw(1, first: 0, count: 3, spoiling: 1)
    let outcome = try world.pra("export", "images", "drawn", "-o", "\(world.folder)/out")
    #expect(outcome.status == 1)
    #expect(outcome.errors.contains("is damaged: bytes 53 to 100"), "\(outcome.errors)")
    #expect(
      try FileManager.default.contentsOfDirectory(atPath: "\(world.folder)/out") == ["000000.png"])
  }
}
