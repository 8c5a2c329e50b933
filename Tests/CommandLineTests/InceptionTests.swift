// References and evaluation by Inception features through the queue, with a network that has a
// sixteenth of the channels.

import Files
import Foundation
import Raster
import TensorFiles
import Testing

@Suite struct InceptionTests {
  let world: World
  private let weights = "\(Repository.root)/Tests/Golden/inception/narrow.pth"

  init() throws {
    world = try World()
    for (number, kind) in ["red", "blue"].enumerated() {
      let folder = "\(world.folder)/pictures/\(kind)"
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
      for i in 0..<5 {
        try Data(picture(10 * number + i).png()).write(to: URL(filePath: "\(folder)/\(i).png"))
      }
    }
  }

  private func picture(_ number: Int) -> Picture {
    let pixels = (0..<16 * 16 * 3).map { UInt8(($0 * (7 + number) + 40 * number) % 256) }
    return Picture(width: 16, height: 16, channels: 3, pixels: pixels)
  }

  private func runFile(_ name: String, _ evaluate: String) throws -> String {
    try world.write(
      "\(name).yaml",
      """
      name: \(name)
      data: {source: pictures}
      config:
        image: {size: 16, patch: 8}
        trunk: {width: 32, layers: 1, heads: 1}
        head: {width: 32, blocks: 1}
        encoder: {width: 32, blocks: 1, head_dim: 32}
        decoder: {width: 32, blocks: 1, head_dim: 32}
        training: {batch: 4, total: 2, warmup: 1, checkpoint_every: 2}
        sampling: {steps: 2}
      sample: {count: 12, shards: 2}
      evaluate: \(evaluate)

      """)
  }

  private func work() throws {
    let worker = try world.pra("worker", "--until-idle", "--threads", "1")
    #expect(worker.status == 0, "\(worker.errors)")
  }

  private func message(_ job: String) throws -> String {
    try world.rows("select message from pra.jobs where id = \(job)")[0]
  }

  /// The figures of a run, to the last digit, by metric.
  private func figures(_ run: String) throws -> [String] {
    try world.rows(
      """
      select metric, value from pra.evaluations
      where run_name = '\(run)' and metric not like 'f%random%' and metric not like '%psnr'
      order by 1
      """)
  }

  @Test func aRunsFiguresDoNotDependOnShards() throws {
    for (name, shards) in [("one", 1), ("three", 3), ("five", 5)] {
      let file = try runFile(name, "{inception: \(weights), shards: \(shards)}")
      _ = try world.answer("run", file, "--set", "sample.shards=\(shards)")
    }
    try work()
    let whole = try figures("one")
    #expect(
      whole.map { $0.split(separator: " ")[0] } == [
        "fid.adm", "fid.torch-fidelity", "is.adm", "is.torch-fidelity", "precision.adm",
        "precision.torch-fidelity", "recall.adm", "recall.torch-fidelity", "sfid.adm",
      ])
    #expect(try figures("three") == whole)
    #expect(try figures("five") == whole)
    let rulers = try world.rows(
      """
      select distinct details #>> '{ruler,convention}', details #>> '{ruler,images}',
        details #>> '{ruler,labels}', details #>> '{ruler,rounding}',
        length(details #>> '{ruler,weights}'),
        details #>> '{ruler,reference}' = (
          select result ->> 'hash' from pra.jobs where kind = 'reference' limit 1),
        details #>> '{ruler,reference_images}'
      from pra.evaluations where metric = 'fid.adm'
      """)
    #expect(rulers == ["adm 12 balanced half-up 64 t 10"])
    #expect(try world.answer("evaluations", "one").contains("sfid.adm"))

    // Figures with equal rulers are compared, others are refused in a sentence.
    let same = try world.answer("compare", "one", "three")
    #expect(same.contains("fid.adm") && !same.contains("not compared"))
    let fewer = try runFile("fewer", "{inception: \(weights)}")
    _ = try world.answer("run", fewer, "--set", "sample.count=11")
    try work()
    let other = try world.answer("compare", "one", "fewer")
    #expect(
      other.contains(
        "fid.adm is not compared, its figures were measured with different rulers: images 12 in run"
      ), "\(other)")
    #expect(try world.answer("compare", "one", "fewer", "--json").contains("\"not_compared\""))
    // The features of the data set and the reference are those of the first run; its own images are new.
    let log = try world.answer("logs", "--run", "fewer")
    #expect(log.contains("features of images 0 to 9 were computed before"), "\(log)")
    #expect(log.contains("the reference was computed before"))
    #expect(
      try world.rows(
        """
        select count(*), count(distinct o.sha256) from pra.outputs as o join pra.jobs as j on j.id = o.job_id
        where o.name = 'reference.npz' and j.run_name in ('one', 'fewer')
        """) == ["2 1"])
  }

  /// The same images drawn by one job, by an array of twelve and by one in packs, with features
  /// computed in one, three and twelve parts: the same figure, to the last digit.
  @Test func aFigureDoesNotDependOnArrays() throws {
    _ = try world.answer("run", try runFile("whole", "{inception: \(weights), shards: 1}"))
    try work()
    let figures = """
      select metric, value from pra.evaluations where details ? 'ruler' and job_id =
      """
    let ids = try ["train", "reference", "evaluate"].map { kind in
      try world.rows(
        """
        select max(id) from pra.jobs where kind = '\(kind)'
          and (kind <> 'evaluate' or arguments ->> 'reference' <> '0')
        """)[0]
    }
    let whole = try world.rows("\(figures) \(ids[2]) order by 1")
    #expect(whole.count == 9)
    var jobs: [String] = []
    for (pack, parts) in [(1, 3), (5, 1), (5, 12)] {
      let samples = try world.answer(
        "enqueue", "sample", "--set", "train=\(ids[0])", "--set", "count=12", "--array", "0-11",
        "--pack", "\(pack)")
      let array =
        parts == 1
        ? [] : ["--set", "parts=\(parts)", "--array", "0-\(parts - 1)", "--element", "part"]
      let outcome = try Outcome(
        ["enqueue", "features", "--file", "weights=\(weights)", "--set", "samples=[\(samples)]"]
          + array, environment: ["PRA_DATABASE_URL": world.database.url.conninfo],
        in: world.folder)
      #expect(outcome.status == 0, "\(outcome.errors)")
      let features = outcome.output.trimmingCharacters(in: .newlines)
      jobs.append(
        try world.answer(
          "enqueue", "evaluate", "--set", "reference=\(ids[1])", "--set", "features=[\(features)]"))
    }
    try work()
    for job in jobs { #expect(try world.rows("\(figures) \(job) order by 1") == whole) }
  }

  /// The arms of a comparison share a reference; the chart shows FID.
  @Test func armsAreComparedByFID() throws {
    let file = try runFile("arms", "{inception: \(weights), conventions: [adm]}")
    _ = try world.answer("run", file, "--set", "seeds=[0, 1]")
    try work()
    #expect(
      try world.rows("select count(*) from pra.jobs where kind = 'reference'") == ["1"])
    _ = try world.answer("export", "comparison", "arms", "-o", "\(world.folder)/comparison")
    let chart = try String(
      contentsOfFile: "\(world.folder)/comparison/comparison.svg", encoding: .utf8)
    #expect(chart.contains("fid.adm"))
  }

  // MARK: files in the place of a run

  private func archive(_ name: String, _ fill: (NPZWriter) throws -> Void) throws -> String {
    let path = "\(world.folder)/\(name)"
    let writer = try NPZWriter(path)
    try fill(writer)
    try writer.commit()
    return path
  }

  private func images(_ name: String, _ numbers: Range<Int>) throws -> String {
    try archive(name) { writer in
      try writer.begin("arr_0", type: "|u1", width: 1, shape: [numbers.count, 16, 16, 3])
      for number in numbers { try writer.append(picture(number).pixels) }
    }
  }

  private func statistics(_ name: String, _ width: Int, spatial: Bool = false) throws -> String {
    try archive(name) { writer in
      func write(_ mean: String, _ covariance: String, _ d: Int) throws {
        try writer.begin(mean, type: "<f8", width: 8, shape: [d])
        try writer.append([UInt8](repeating: 0, count: 8 * d))
        try writer.begin(covariance, type: "<f8", width: 8, shape: [d, d])
        try writer.append([UInt8](repeating: 0, count: 8 * d * d))
      }
      try write("mu", "sigma", width)
      if spatial { try write("mu_s", "sigma_s", 17 * 17 * 7) }
    }
  }

  private func features(_ more: String...) throws -> String {
    let outcome = try Outcome(
      ["enqueue", "features", "--file", "weights=\(weights)"] + more,
      environment: ["PRA_DATABASE_URL": world.database.url.conninfo], in: world.folder)
    #expect(outcome.status == 0, "\(outcome.errors)")
    return outcome.output.trimmingCharacters(in: .newlines)
  }

  /// A folder of PNG files and an npz of the same images give the same features, also in parts.
  @Test func foldersAndArchivesAreInputs() throws {
    let npz = try images("a.npz", 0..<7)
    let folder = "\(world.folder)/drawn"
    try FileManager.default.createDirectory(
      atPath: "\(folder)/x", withIntermediateDirectories: true)
    for i in 0..<7 {
      try Data(picture(i).png()).write(to: URL(filePath: "\(folder)/x/00000\(i).png"))
    }
    let parts = try features(
      "--file", "archive=\(npz)", "--set", "parts=3", "--array", "0-2", "--element", "part")
    let whole = try features("--file", "folder=\(folder)")
    let packed = try Outcome.shell(
      "cd '\(folder)' && python3 -m zipfile -c ../drawn.zip x",
      environment: ["PATH": "/usr/bin:/bin"],
      in: world.folder)
    #expect(packed.status == 0, "\(packed)")
    let zipped = try features("--file", "folder=\(world.folder)/drawn.zip")
    let reference = try world.answer(
      "enqueue", "reference", "--set", "features=[\(parts)]", "--set", "keep=5")
    let jobs = try [parts, whole, zipped].map {
      try world.answer(
        "enqueue", "evaluate", "--set", "reference=\(reference)", "--set", "features=[\($0)]")
    }
    try work()
    for job in jobs {
      #expect(try world.rows("select state from pra.jobs where id = \(job)") == ["succeeded"])
    }
    let found = try world.rows(
      """
      select count(distinct value), count(*), bool_and(value < 1e-6) from pra.evaluations
      where metric = 'fid.adm'
      """)
    #expect(found == ["1 3 t"])
    #expect(
      try world.rows(
        "select result ->> 'images', result ->> 'kept' from pra.jobs where id = \(reference)")
        == ["7 5"])
  }

  /// ADM's reference batches: statistics of more images than the file holds.
  @Test func aReferenceMayBeAFile() throws {
    let path = try statistics("reference.npz", 128, spatial: true)
    let file = try runFile("npz", "{inception: \(weights), reference: reference.npz}")
    _ = try world.answer("run", file)
    try work()
    #expect(
      try figures("npz").map { $0.split(separator: " ")[0] } == [
        "fid.adm", "fid.torch-fidelity", "is.adm", "is.torch-fidelity", "sfid.adm",
      ])
    let digest = try world.rows(
      "select distinct arguments ->> 'statistics' from pra.jobs where kind = 'reference'")
    #expect(
      try world.rows(
        """
        select distinct details #>> '{ruler,reference}', details #>> '{ruler,reference_images}'
        from pra.evaluations where metric = 'fid.adm'
        """) == ["\(digest[0]) -"])
    #expect(FileManager.default.fileExists(atPath: path))
  }

  /// The mean of features of float32 has their type, as clean-fid saves it.
  @Test func statisticsOfFloat32AreTakenAndOtherMatricesRefused() throws {
    func statistics(_ name: String, variance: Float, corner: Float = 0) throws -> String {
      try archive(name) { writer in
        let sigma: [Float] = (0..<9).map { $0 % 4 == 0 ? variance : $0 == 2 ? corner : 0 }
        try writer.begin("mu", type: "<f4", width: 4, shape: [3])
        try writer.append([Float](repeating: 0.25, count: 3).withUnsafeBytes { Array($0) })
        try writer.begin("sigma", type: "<f4", width: 4, shape: [3, 3])
        try writer.append(sigma.withUnsafeBytes { Array($0) })
      }
    }
    let jobs = try [
      statistics("good.npz", variance: 2), statistics("negative.npz", variance: -2),
      statistics("skew.npz", variance: 2, corner: 1),
    ].map { try world.answer("enqueue", "reference", "--file", "statistics=\($0)") }
    try work()
    #expect(
      try jobs.map { try world.rows("select state from pra.jobs where id = \($0)")[0] }
        == ["succeeded", "failed", "failed"])
    #expect(
      try message(jobs[1]).contains(
        "negative.npz: array 'sigma' is no covariance: element [0, 0] is -2.0 and not a variance"))
    #expect(try message(jobs[2]).contains("it is not symmetric: [2, 0] is 0.0, [0, 2] 1.0"))
  }

  @Test func badInputsAreNamed() throws {
    let other = try archive("other.npz") { writer in
      try writer.begin("arr_0", type: "<f4", width: 4, shape: [1, 2, 2, 3])
      try writer.append([UInt8](repeating: 0, count: 48))
      try writer.begin("mu", type: "<f8", width: 8, shape: [3])
      try writer.append([UInt8](repeating: 0, count: 24))
    }
    let flat = try archive("flat.npz") { writer in
      try writer.begin("arr_0", type: "|u1", width: 1, shape: [4, 12])
      try writer.append([UInt8](repeating: 0, count: 48))
    }
    let lossy = "\(world.folder)/lossy"
    try FileManager.default.createDirectory(atPath: lossy, withIntermediateDirectories: true)
    try Data([0xFF, 0xD8, 0xFF, 0xE0]).write(to: URL(filePath: "\(lossy)/a.jpg"))
    // Figures of the PNG files alone would be taken for those of all.
    let others: [(name: String, bytes: [UInt8], said: String)] = [
      ("b.webp", Array("RIFFxxxxWEBPVP8 ".utf8), "'b.webp' is a WebP"),
      ("b.bmp", Array("BM".utf8), "'b.bmp' is a BMP"),
      ("b.gif", Array("GIF89a".utf8), "'b.gif' is a GIF"),
      ("b.tgz", [0x1F, 0x8B, 8], "'b.tgz' is compressed by gzip"),
      ("b.tar", [0], "'b.tar' is an archive"),
    ]
    let mixed: [(String, String)] = try others.enumerated().map { number, other in
      let folder = "\(world.folder)/mixed-\(number)"
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
      try Data(picture(1).png()).write(to: URL(filePath: "\(folder)/a.png"))
      try Data(other.bytes).write(to: URL(filePath: "\(folder)/\(other.name)"))
      return (try features("--file", "folder=\(folder)"), other.said)
    }
    func moments(_ name: String, _ mean: [Double]) throws -> String {
      let path = try archive(name) { writer in
        try writer.begin("mu", type: "<f8", width: 8, shape: [mean.count])
        try writer.append(mean.withUnsafeBytes { Array($0) })
        try writer.begin("sigma", type: "<f8", width: 8, shape: [mean.count, mean.count])
        try writer.append([UInt8](repeating: 0, count: 8 * mean.count * mean.count))
      }
      return try world.answer("enqueue", "reference", "--file", "statistics=\(path)")
    }
    let good = try features("--file", "archive=\(try images("good.npz", 0..<5))")
    let wrong: [(String, String)] =
      try [
        (moments("empty.npz", []), "empty.npz: array 'mu' is empty"),
        (moments("vast.npz", [1e200, 1]), "vast.npz: element 0 of array 'mu' is 1e+200"),
        (
          features("--file", "archive=\(other)"),
          "other.npz: array 'arr_0' has elements of another type"
        ),
        (features("--file", "archive=\(flat)"), "flat.npz: array 'arr_0' has shape [4, 12]"),
        (features("--file", "folder=\(lossy)"), "'a.jpg' is a JPEG"),
        (
          features("--file", "archive=\(world.folder)/good.npz", "--file", "weights=\(flat)"),
          "flat.npz: no tensor 'Conv2d_1a_3x3.conv.weight'"
        ),
        (
          world.answer("enqueue", "reference", "--file", "statistics=\(flat)"),
          "flat.npz: has no arrays mu and sigma; it has arr_0"
        ),
        (
          world.answer("enqueue", "reference", "--file", "statistics=\(other)"),
          "holds no array 'sigma'"
        ),
        (
          world.answer(
            "enqueue", "reference", "--set", "features=[\(good)]", "--file",
            "statistics=\(try statistics("narrow.npz", 64))"),
          "narrow.npz: array 'mu' has 64 numbers, the features have 128"
        ),
      ]
    let reference = try world.answer(
      "enqueue", "reference", "--file", "statistics=\(try statistics("wide.npz", 2048))")
    let evaluate = try world.answer(
      "enqueue", "evaluate", "--set", "reference=\(reference)", "--set", "features=[\(good)]")
    try work()
    for (job, expected) in mixed + wrong {
      let found = try message(job)
      #expect(found.contains(expected), "\(found)")
      #expect(try world.rows("select state from pra.jobs where id = \(job)") == ["failed"])
    }
    #expect(
      try message(evaluate).contains(
        "mu of wide.npz has 2048 numbers, the features of the images have 128"))

    let missing = try world.pra("enqueue", "features", "--file", "weights=\(weights)")
    #expect(missing.errors.contains("data, samples, archive, folder: all missing"))
    let unstored = try world.pra("enqueue", "features", "--set", "data=1")
    #expect(unstored.errors.contains("--file weights=PATH stores the file"), "\(unstored.errors)")
    let typo = try world.pra("run", try runFile("typo", "{inception: x, convention: adm}"))
    #expect(
      typo.status == 2 && typo.errors.contains("did you mean 'evaluate.conventions'?"),
      "\(typo.errors)")
  }
}
