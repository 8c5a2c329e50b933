// Runs that drew images more than once: a figure and a picture are of one sampling run, which is named.

import Foundation
import Raster
import Testing

@Suite struct SamplingTests {
  let world: World

  /// Run `a` drew 4 images with its average (job 1), later 2 with its model (job 3); run `b` drew 4 (job 2).
  init() throws {
    world = try World()
    for (job, run, weights, images, value) in [
      (1, "a", "ema-0.999", 4, 1.5), (2, "b", "ema-0.999", 4, 2.5), (3, "a", "model", 2, 0.5),
    ] {
      try world.admin.query(
        """
        insert into pra_store.runs (name, configuration)
        select $1, '{"config": {"method": "pra", "training": {"lr": 0.001}}}'
        where not exists (select from pra_store.runs where name = $1)
        """, [.text(run)])
      try world.admin.query(
        """
        select pra.enqueue('sample', (select id from pra.runs where name = $1), jsonb_build_object(
          'train', 7, 'count', $3::integer, 'sampling', jsonb_build_object(
            'weights', $2::text, 'method', 'euler', 'steps', 4, 'scale', 2, 'seed', 5)))
        """, [.text(run), .text(weights), .integer(images)])
      for number in 0..<images {
        let bytes = try Picture(
          width: 2, height: 2, channels: 3,
          pixels: [UInt8](repeating: UInt8(50 * job + number), count: 12)
        ).png()
        try world.admin.query(
          """
          insert into pra_store.artifacts (sha256, size, media_type, bytes)
          values (sha256($1::bytea), length($1::bytea), 'image/png', $1::bytea)
          """, [.bytes(bytes)])
        try world.admin.query(
          """
          insert into pra_store.images (job_id, number, epoch, label, class_name, seed, sha256)
          values ($2, $3, 1, 0, 'sky', 5, sha256($1::bytea))
          """, [.bytes(bytes), .integer(job), .integer(number)])
      }
      try world.admin.run(
        """
        insert into pra_store.evaluations (job_id, metric, scope, epoch, value, images)
        values (\(job), 'frechet.random', 'overall', 1, \(value), \(images));
        update pra_store.jobs
        set state = 'succeeded', finished_at = now(), result = '{"step": \(job * 10)}' where id = \(job)
        """)
    }
  }

  private func lines(_ text: String) -> [String] {
    text.split(separator: "\n").map { $0.split(separator: " ").joined(separator: " ") }
  }

  @Test func aShareOfNearDuplicatesDoesNotChooseTheSamplingRun() throws {
    try world.admin.run(
      """
      delete from pra_store.evaluations where job_id = 3;
      with near as (select pra.enqueue('neighbours', 1, '{"data": 1, "samples": [3]}') as id)
      insert into pra_store.evaluations (job_id, metric, scope, epoch, value, images)
      select id, 'near_duplicates.share', 'overall', 1, 0.5, 2 from near
      """)
    let compared = lines(try world.answer("compare", "a", "b"))
    #expect(compared.contains("images of job 1 2"), "\(compared)")
    let chosen = lines(try world.answer("compare", "a", "b", "--job", "3"))
    #expect(chosen.contains("images of job 3 2"), "\(chosen)")
  }

  @Test func figuresAreOfOneSamplingRunAndOfOneRuler() throws {
    let newest = try world.pra("compare", "a", "b")
    #expect(newest.status == 0, "\(newest.errors)")
    #expect(
      newest.output.contains(
        "frechet.random is not compared, its figures were measured with different rulers: "
          + "images 2 in run 1, 4 in run 2"), "\(newest.output)")
    #expect(
      newest.errors.contains("run 1: figures of the images of job 3; --job chooses those of 1"),
      "\(newest.errors)")
    let chosen = lines(try world.answer("compare", "a", "b", "--job", "1"))
    #expect(chosen.contains("frechet.random 1.5 * 2.5"), "\(chosen)")
    for line in [
      "images of job 1 2", "images 4 4", "step of the weights 10 20",
      "weights ema-0.999 ema-0.999", "guidance scale 2 2", "seed of the images 5 5",
      "integrator euler 4 euler 4",
    ] { #expect(chosen.contains(line), "\(line): \(chosen)") }
    #expect(try world.pra("compare", "a", "b", "--job", "9").status == 3)
  }

  @Test func evaluationsSayWhatTheyAreOf() throws {
    let text = try world.answer("evaluations", "a")
    #expect(text.contains("step 30, model, euler 4, scale 2, seed 5"), "\(text)")
    #expect(text.contains("step 10, ema-0.999, euler 4, scale 2, seed 5"), "\(text)")
    let one = try world.answer("evaluations", "a", "--job", "1", "--json")
    #expect(one.contains("\"sampling_job\":1") && !one.contains("\"sampling_job\":3"), "\(one)")
    #expect(one.contains(#""ruler":{"images": 4"#), "\(one)")
  }

  @Test func aGridIsOfOneSamplingRun() throws {
    let path = "\(world.folder)/grid.png"
    let newest = try world.pra("images", "a", "-o", path, "--json")
    #expect(newest.output.contains("\"images\":2"), "\(newest.output)")
    #expect(
      newest.errors.contains("shows job 3: step 30, model")
        && newest.errors.contains("--job chooses another: job 1: step 10, ema-0.999"),
      "\(newest.errors)")
    #expect(
      try world.answer("images", "a", "-o", path, "--json", "--job", "1").contains("\"images\":4"))
    #expect(
      try world.answer("images", "a", "-o", path, "--json", "--by", "weights").contains(
        #""rows":["ema-0.999","model"]"#))
    #expect(try world.pra("images", "a", "-o", path, "--job", "2").status == 3)
  }

  @Test func everySamplingRunIsExported() throws {
    let folder = "\(world.folder)/out"
    func names(_ folder: String) throws -> [String] {
      try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
    }
    _ = try world.answer("export", "images", "a", "-o", folder)
    #expect(try names(folder) == ["000000.png", "000001.png"])
    _ = try world.answer("export", "images", "a", "-o", "\(folder)-1", "--job", "1")
    #expect(try names("\(folder)-1").count == 4)
    _ = try world.answer("export", "images", "a", "-o", "\(folder)-all", "--all")
    #expect(try names("\(folder)-all") == ["job-1", "job-3"])
    #expect(try names("\(folder)-all/job-1").count == 4)
    let archive = try world.answer(
      "export", "npz", "a", "-o", "\(world.folder)/a.npz", "--job", "1", "--json")
    #expect(archive.contains("\"images\":4"))
  }

  /// The mean of the last tenth of the steps; no star for fewer steps, between means of different numbers of steps, nor
  /// between losses of two methods.
  @Test func theEndOfALossSaysWhatItIs() throws {
    for (job, run) in [(4, 1), (5, 2)] {
      try world.admin.run(
        "select pra.enqueue('train', \(run), '{}')")
      try world.claimFirst()
      try world.admin.run(
        """
        insert into pra_store.metric_staging (job_id, epoch, batch, name, steps, "values")
        select \(job), 1, 1, 'loss', array_agg(i), array_agg(case when i < \(job * 9) then 9 else \(job) end)
        from generate_series(0, \(job * 10 - 1)) as i;
        select pra.absorb_metrics(\(job), 1, 1);
        select pra.finish(\(job), 1, metric_batch => 1)
        """)
    }
    let same = lines(try world.answer("compare", "a", "b"))
    #expect(same.contains("loss at its end 4 5"), "\(same)")
    #expect(same.contains("loss at its end: mean of so many steps 4 5"), "\(same)")
    #expect(same.contains("loss steps 40 50"), "\(same)")
    try world.admin.run(
      """
      update pra_store.runs
      set configuration = jsonb_set(configuration, '{config,method}', '"clean-input"')
        || jsonb_build_object('arms', array(select 'arm ' || i from generate_series(1, 1000) as i))
      where id = 2
      """)
    let other = try world.answer("compare", "a", "b")
    #expect(lines(other).contains("loss at its end 4 5"), "\(other)")
    #expect(other.split(separator: "\n").allSatisfy { $0.count < 200 })
    #expect(try world.answer("compare", "a", "b", "--json").contains("arm 1000"))
  }
}

extension SamplingTests {
  /// The name of the run is that of the file; a picture of another format would be a PNG under a false name.
  @Test func aPictureIsNamedAfterItsRunAndIsAPNG() throws {
    let named = try Outcome.shell(
      "cd \(world.folder) && $PRA images b --json",
      environment: ["PRA_DATABASE_URL": world.database.url.conninfo], in: world.folder)
    #expect(named.output.contains("\"file\":\"b.png\""), "\(named.output)\(named.errors)")
    #expect(FileManager.default.fileExists(atPath: "\(world.folder)/b.png"))
    let wrong = try world.pra("images", "b", "-o", "\(world.folder)/b.jpg")
    #expect(
      wrong.status == 2 && wrong.errors.contains("expected a name that ends in .png"),
      "\(wrong.errors)")
    #expect(!FileManager.default.fileExists(atPath: "\(world.folder)/b.jpg"))
  }

  /// script(1) is a terminal; the file is written all the same.
  @Test(arguments: [
    ("kitty", "\u{1B}_Ga=T,f=100,m=0;iVBOR"), ("iterm", "\u{1B}]1337;File=inline=1;size="),
    ("sixel", "\u{1B}Pq\"1;1;"),
  ])
  func aTerminalThatCanShowsThePicture(way: String, start: String) throws {
    func shown(_ environment: [String: String]) throws -> String {
      try Outcome.shell(
        "cd \(world.folder) && script -qec \"$PRA images b\" /dev/null",
        environment: ["PRA_DATABASE_URL": world.database.url.conninfo].merging(environment) { $1 },
        in: world.folder
      ).output
    }
    let text = try shown(["PRA_PREVIEW": way])
    #expect(text.contains(start) && text.contains("b.png: 4 images of run 2"), "\(text)")
    #expect(try !shown(["PRA_PREVIEW": "off"]).contains("\u{1B}"))
    #expect(try !shown(["TERM": "xterm"]).contains("\u{1B}"))
    #expect(FileManager.default.fileExists(atPath: "\(world.folder)/b.png"))
  }
}
