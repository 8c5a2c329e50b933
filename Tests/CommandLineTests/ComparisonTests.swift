// Several runs side by side: compare, plot, images, watch; and exports for other tools.

import Foundation
import Postgres
import Raster
import Testing

@Suite struct ComparisonTests {
  let world: World

  /// Two runs of one train job each that drew images of two classes; `b` has another learning rate.
  init() throws {
    world = try World()
    let admin = world.admin
    for (number, run) in ["a", "b"].enumerated() {
      let job = number + 1
      try admin.query(
        "select pra.create_run($1, $2::jsonb, 'v1', 'data')",
        [
          .text(run),
          .text(#"{"config": {"training": {"lr": 0.00\#(job), "batch": 8}}, "evaluate": true}"#),
        ])
      try admin.run(
        "select pra.enqueue('sample', \(job), '{\"sampling\": {\"weights\": \"ema\"}}')")
      try world.claimFirst()
      try admin.run(
        """
        insert into pra_store.metric_staging (job_id, epoch, batch, name, steps, "values")
        values (\(job), 1, 1, 'loss', '{0,1,2,3}', '{4,2,NaN,\(job)}');
        select pra.absorb_metrics(\(job), 1, 1)
        """)
      var images: [String] = []
      for image in 0..<4 {
        let picture = Picture(
          width: 2, height: 2, channels: 3,
          pixels: [UInt8](repeating: UInt8(100 * job + image), count: 12))
        let bytes = try picture.png()
        let sha256 = try admin.query(
          "select encode(sha256($1::bytea), 'hex') as sha256", [.bytes(bytes)]
        ).single().string("sha256")
        try admin.query(
          "select pra.put_artifact($1, 1, $2, 'image/png', $3)",
          [.integer(Int64(job)), .text(sha256), .bytes(bytes)])
        images.append(
          """
          {"number": \(image), "label": \(1 - image % 2), "class": "\(image % 2 == 0 ? "sky" : "sea")",
           "seed": 1, "sha256": "\(sha256)"}
          """)
      }
      try admin.query(
        """
        select pra.finish(
          $1, 1, images => $2::jsonb, result => $3::jsonb, metric_batch => 1,
          evaluations => $4::jsonb)
        """,
        [
          .integer(Int64(job)), .text("[\(images.joined(separator: ","))]"),
          .text("{\"step\": \(job * 10)}"),
          .text(
            """
            [{"metric": "frechet.random", "scope": "overall", "value": \(job).5, "images": 4}]
            """),
        ])
    }
  }

  private func picture(_ name: String) throws -> Picture {
    try Picture(
      png: [UInt8](try Data(contentsOf: URL(filePath: "\(world.folder)/\(name)"))), channels: 3)
  }

  @Test func onlyWhatDiffersIsCompared() throws {
    let text = try world.answer("compare", "a", "b")
    let lines = text.split(separator: "\n").map { $0.split(separator: " ").joined(separator: " ") }
    #expect(lines[0] == "a (1) b (2)")
    #expect(lines.contains("training.lr 0.001 0.002"))
    #expect(!text.contains("batch") && !text.contains("code"))
    #expect(lines.contains("loss at its best 1 * 2"))
    #expect(lines.contains("frechet.random 1.5 * 2.5"))
    #expect(try world.answer("compare", "a", "b", "--all").contains("batch"))
    #expect(try world.answer("compare", "a", "a").hasPrefix("the runs have the same settings"))
  }

  /// A run that goes on from another has one line for its beginning; means of 1 and 2 steps have no best.
  @Test func whatCannotBeComparedHasNoStar() throws {
    try world.admin.run(
      """
      select pra.create_run('longer', '{"config": {}, "init": {"name": "run 1, step 10", "job": 1, "step": 10,
        "files": ["a.safetensors"], "weights": ["0123"], "restart": false}}'::jsonb, 'v1', 'data');
      select pra.enqueue('sample', 3, '{}')
      """)
    try world.claimFirst()
    try world.admin.run(
      """
      insert into pra_store.metric_staging (job_id, epoch, batch, name, steps, "values")
      select 3, 1, 1, 'loss', array_agg(s), array_agg(0.5::float8) from generate_series(0, 19) as s;
      select pra.absorb_metrics(3, 1, 1), pra.finish(3, 1, metric_batch => 1)
      """)
    let text = try world.answer("compare", "a", "longer")
    let lines = text.split(separator: "\n").map { $0.split(separator: " ").joined(separator: " ") }
    #expect(lines.filter { $0.hasPrefix("init") } == ["init.name - run 1, step 10"], "\(text)")
    #expect(lines.contains("loss at its end: mean of so many steps 1 2"), "\(text)")
    #expect(lines.contains("loss at its end 1 0.5") && lines.contains("loss at its best 1 0.5 *"))
  }

  @Test func aComparisonIsJSON() throws {
    let text = try world.answer("compare", "a", "b", "--json")
    let runs = try #require(
      try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [[String: Any]])
    #expect((runs[1]["settings"] as? [String: Any])?["training.lr"] as? Double == 0.002)
    #expect((runs[0]["evaluations"] as? [String: Any])?["frechet.random"] as? Double == 1.5)
    #expect((runs[0]["metrics"] as? [String: Any])?["loss at its end"] as? Double == 1)
  }

  @Test func runsAreCurvesOfOnePlot() throws {
    let path = "\(world.folder)/both.svg"
    let answer = try world.answer(
      "plot", "a", "b", "-o", path, "--smooth", "0.5", "--json")
    #expect(answer.contains(#""runs":[1,2]"#) && answer.contains(#""name":"a (1)""#))
    let svg = try String(contentsOfFile: path, encoding: .utf8)
    #expect(svg.contains("loss of 2 runs") && svg.contains("stroke-opacity=\"0.22\""))
    let wrong = try world.pra("plot", "a", "--smooth", "1")
    #expect(wrong.status == 2 && wrong.errors.contains("--smooth 1.0"))
  }

  @Test func rowsOfAGridAreClasses() throws {
    let path = "\(world.folder)/classes.png"
    let answer = try world.answer("images", "a", "-o", path, "--by", "class", "--json")
    // Class 0 first; two images of 2 x 2 pixels each, magnified to 4 x 4, in rows of 16.
    #expect(answer.contains(#""rows":["sea","sky"]"#))
    let grid = try picture("classes.png")
    #expect(grid.height == 2 * 17 + 1)
    let last = (17 * grid.width + grid.width - 3) * 3
    #expect(
      grid.pixels[3 * (2 * grid.width - 3)] == 103 && grid.pixels[last + 3 * grid.width] == 102)
  }

  @Test func rowsOfAGridAreStepsWeightsOrRuns() throws {
    let path = "\(world.folder)/grid.png"
    for (arguments, rows) in [
      (["a", "--by", "step"], #"["step 10"]"#), (["b", "--by", "weights"], #"["ema"]"#),
      (["a", "b"], #"["a (1)","b (2)"]"#),
      (["a", "b", "--class", "sky", "--columns", "1"], #"["a (1)","b (2)"]"#),
    ] {
      let outcome = try Outcome(
        ["images"] + arguments + ["-o", path, "--json"],
        environment: ["PRA_DATABASE_URL": world.database.url.conninfo], in: world.folder)
      #expect(outcome.output.contains("\"rows\":\(rows)"), "\(outcome.output)\(outcome.errors)")
    }
    #expect(try world.pra("images", "a", "--class", "sun", "-o", path).status == 3)
    #expect(try world.pra("images", "a", "b", "--by", "class", "-o", path).status == 2)
  }

  @Test func severalRunsAreWatched() throws {
    let outcome = try world.pra("watch", "a", "b", "--json")
    #expect(outcome.status == 0)
    #expect(outcome.output.split(separator: "\n").count == 2)
    #expect(outcome.output.contains(#"{"run":2,"run_name":"b","job":2,"#))
    let idle = try world.pra("watch")
    #expect(idle.status == 0 && idle.errors == "pra: no run is at work\n")
  }

  /// `arr_0` as read by the ADM evaluator: a header as in the format, followed by the pixels.
  @Test func imagesBecomeAnArchive() throws {
    let path = "\(world.folder)/samples.npz"
    _ = try world.answer("export", "npz", "a", "-o", path)
    let bytes = [UInt8](try Data(contentsOf: URL(filePath: path)))
    let text = String(decoding: bytes, as: UTF8.self)
    #expect(text.contains("arr_0.npy") && text.contains("'descr': '|u1'"))
    #expect(text.contains("'shape': (4, 2, 2, 3,)"))
    let start = 30 + 9 + 20 + 128
    #expect(
      Array(bytes[start..<start + 24]) == [UInt8](repeating: 100, count: 12)
        + [UInt8](repeating: 101, count: 12))
    #expect(try world.pra("export", "npz", "a", "-o", "/nowhere/x.npz").status == 1)
  }

  @Test func metricsBecomeEventFiles() throws {
    let answer = try world.answer(
      "export", "tensorboard", "a", "b", "-o", "\(world.folder)/board", "--json")
    let files = try #require(
      try JSONSerialization.jsonObject(with: Data(answer.utf8)) as? [[String: Any]])
    #expect(files.map { $0["points"] as? Int } == [5, 5])
    #expect(
      (files[0]["file"] as? String)?.contains("/board/a-1/sample-1/events.out.tfevents.") == true)
  }

  @Test func aShellLearnsToComplete() throws {
    let script = try world.answer("completion", "bash")
    try world.write("pra.bash", script)
    let program = """
      source \(world.folder)/pra.bash
      COMP_WORDS=(pra comp); COMP_CWORD=1; COMP_LINE='pra comp'; COMP_POINT=8
      $(complete -p pra | sed 's/.*-F \\([^ ]*\\).*/\\1/') pra comp pra
      echo "${COMPREPLY[@]}"
      """
    try world.write("try.bash", program)
    let base = "\(world.folder)/shell"
    for name in ["in", "out", "err"] { try world.write("shell.\(name)", "") }
    let status = try Outcome.run(
      ["/bin/bash", "\(world.folder)/try.bash"], ["PATH=/usr/bin:/bin"], channels: base)
    let output = try String(contentsOfFile: "\(base).out", encoding: .utf8)
    #expect(status == 0 && output.contains("compare") && output.contains("completion"))
    #expect(try world.answer("completion", "zsh").hasPrefix("#compdef pra"))
    #expect(try world.answer("completion", "fish").contains("complete -c 'pra'"))
  }
}
