// The bytes that each kind of job fetches from a bucket: what it reads, and nothing else.

import Foundation
import ObjectServer
import Raster
import Testing

@Suite struct FetchedBytesTests {
  private let world: World
  private let server: ObjectServer
  private let keys = ["AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"]

  init() throws {
    world = try World()
    server = try ObjectServer()
    let chosen = try world.pra(
      "store", "s3://bucket/test?endpoint=\(server.endpoint)", environment: keys)
    #expect(chosen.status == 0, "\(chosen.errors)")
  }

  /// Bytes that a worker of one kind fetches while it does all jobs of that kind, on a machine of its own.
  private func fetched(by kind: String, on machine: String? = nil) throws -> Int {
    server.answer { _, _ in nil }
    let home = "\(world.folder)/machine-\(machine ?? kind)"
    try FileManager.default.createDirectory(atPath: home, withIntermediateDirectories: true)
    let worker = try world.pra(
      "worker", "--until-idle", "--threads", "1", "--kind", kind,
      environment: keys.merging(["PRA_HOME": home, "TMPDIR": home]) { $1 })
    #expect(worker.status == 0, "\(worker.errors)")
    #expect(
      try world.rows("select distinct state from pra.jobs where kind = '\(kind)'") == ["succeeded"])
    let objects = server.objects
    return server.requests.filter { $0.method == "GET" && $0.path.contains("/sha256/") }.reduce(0) {
      $0 + (objects[String($1.path.split(separator: "/").last!)]?.count ?? 0)
    }
  }

  private func size(_ query: String) throws -> Int {
    try #require(Int(world.rows(query)[0]), "\(query)")
  }

  /// Noise, so that the archive is as large as the pixels: a mebibyte and more, which is not stored inline.
  private func drawPictures() throws {
    var state: UInt32 = 1
    for number in 0..<300 {
      let folder = "\(world.folder)/pictures/\(number % 2 == 0 ? "even" : "odd")"
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
      let pixels = (0..<64 * 64 * 3).map { _ in
        state = state &* 1_664_525 &+ 1_013_904_223
        return UInt8(state >> 24)
      }
      let picture = Picture(width: 64, height: 64, channels: 3, pixels: pixels)
      try Data(try picture.png()).write(to: URL(filePath: "\(folder)/\(number).png"))
    }
  }

  @Test func noKindFetchesWhatItDoesNotRead() throws {
    try drawPictures()
    let path = try world.write(
      "run.yaml",
      """
      name: counted
      data: {source: pictures}
      config:
        image: {size: 64, patch: 16}
        trunk: {width: 128, layers: 2, heads: 2}
        training: {batch: 4, total: 2, warmup: 1}
        sampling: {steps: 2}
      sample: {count: 4, shards: 2}
      evaluate: true

      """)
    let run = try world.pra("run", path, environment: keys)
    #expect(run.status == 0, "\(run.errors)")
    let source = try size(
      """
      select a.size from pra.jobs as j join pra.artifacts as a on a.sha256 = j.arguments ->> 'source'
      """)
    #expect(source > 1 << 20)
    #expect(try fetched(by: "ingest") == source)
    let data = try size(
      "select sum(size)::bigint as size from pra.outputs where name like 'data-%.packed'")
    #expect(data > 1 << 20)
    #expect(try fetched(by: "train") == data)
    let weights = try size(
      """
      select f ->> 'size' from pra.checkpoints, jsonb_array_elements(files) as f
      where f ->> 'name' = 'ema-0.999.safetensors'
      """)
    #expect(weights > 1 << 20)
    // Two shards on one machine, which keeps what the first has fetched: the weights that they draw with, once; 0
    // bytes of the data set, of moments, of other weights.
    #expect(try fetched(by: "sample") == weights)
    #expect(try fetched(by: "evaluate") == data + weights)
    for (kind, settings) in [
      ("probe", ["train=2", "splits=1", "epochs=1", "warmup_epochs=0", "optimizer=adamw"]),
      ("neighbours", ["data=1", "samples=[3]"]),
    ] {
      _ = try world.answer(["enqueue", kind] + settings.flatMap { ["--set", $0] })
    }
    #expect(try fetched(by: "probe") == data + weights)
    #expect(try fetched(by: "neighbours") == data)
    // A checkpoint of the version before does not name the classes: the manifest of the data set does.
    try world.admin.run("delete from pra_store.checkpoint_files where name = 'classes.json'")
    _ = try world.answer("enqueue", "sample", "--set", "train=2", "--set", "count=1")
    #expect(try fetched(by: "sample") == 0)
    try evaluateInRanges()
  }

  /// The first evaluation needs every image for the features of the data set, a later one the features and the ranges
  /// alone that it rebuilds.
  private func evaluateInRanges() throws {
    let source = try world.rows(
      "select arguments ->> 'source' from pra.jobs where kind = 'ingest'")[0]
    let job = try world.answer(
      ["enqueue", "ingest"]
        + ["source=\(source)", "image.size=64", "checkpoint_every=100"].flatMap { ["--set", $0] })
    #expect(try fetched(by: "ingest") == 0)
    let ranges = try world.rows(
      "select size from pra.outputs where job_id = \(job) and name like 'data-%.packed' order by name"
    ).map { try #require(Int($0)) }
    #expect(ranges.count == 3 && ranges.allSatisfy { $0 > 1 << 20 })
    let weights = try size(
      """
      select f ->> 'size' from pra.checkpoints, jsonb_array_elements(files) as f
      where f ->> 'name' = 'ema-0.999.safetensors'
      """)
    let settings = ["train=2", "data=\(job)", "samples=[3]", "reconstruct=100"]
    func evaluated(on machine: String) throws -> Int {
      _ = try world.answer(["enqueue", "evaluate"] + settings.flatMap { ["--set", $0] })
      return try fetched(by: "evaluate", on: machine)
    }
    #expect(try evaluated(on: "first") == ranges.reduce(0, +) + weights)
    let kept = try size(
      """
      select k.size from pra.kept_results as k join pra.outputs as o on o.sha256 = k.source
      where o.job_id = \(job) and o.name = 'data.json'
      """)
    #expect(try evaluated(on: "second") == ranges[0] + weights + kept)
    try computeFeatures(of: job, ranges: ranges)
    // Both have measured the same.
    #expect(
      try world.rows(
        """
        select count(*), count(distinct (metric, scope, value, images)) * 2, max(images) filter
          (where metric = 'reconstruction.psnr')
        from pra.evaluations where job_id > \(job)
        """
      )[0].wholeMatch(of: /([0-9]+) \1 100/) != nil)
  }

  /// A part of the features reads the ranges of its images, the reference the features of all parts and no images.
  private func computeFeatures(of job: String, ranges: [Int]) throws {
    let weights = "\(Repository.root)/Tests/Golden/inception/narrow.pth"
    let file = try #require(
      try FileManager.default.attributesOfItem(atPath: weights)[.size] as? Int)
    var parts: [String] = []
    for part in 0..<3 {
      let answer = try world.pra(
        "enqueue", "features", "--file", "weights=\(weights)", "--set", "data=\(job)", "--set",
        "part=\(part)", "--set", "parts=3", environment: keys)
      #expect(answer.status == 0, "\(answer.errors)")
      parts.append(answer.output.trimmingCharacters(in: .whitespacesAndNewlines))
      #expect(try fetched(by: "features", on: "part-\(part)") == ranges[part] + file)
    }
    // Computed before: neither images nor weights.
    _ = try world.pra(
      "enqueue", "features", "--file", "weights=\(weights)", "--set", "data=\(job)", "--set",
      "part=1", "--set", "parts=3", environment: keys)
    #expect(try fetched(by: "features", on: "again") == 0)
    let numbers = parts.joined(separator: ",")
    let features = try size(
      """
      select sum(size)::bigint as size from pra.outputs where name = 'features.npz' and job_id in (\(numbers))
      """)
    _ = try world.answer("enqueue", "reference", "--set", "features=[\(numbers)]")
    #expect(try fetched(by: "reference") == features)
  }
}
