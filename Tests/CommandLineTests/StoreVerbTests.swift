// `pra store` and `pra gc`: the place of artifacts, and the deletion of those that nobody needs.

import Foundation
import Postgres
import Testing

@Suite struct StoreVerbTests {
  private let world: World

  init() throws { world = try World() }

  @Test func aFolderBecomesTheStore() throws {
    #expect(try world.answer("store").contains("database"))
    let folder = "\(world.folder)/artifacts"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
    _ = try world.answer("store", "file:\(folder)")
    #expect(
      try world.rows("select location from pra.stores where is_current") == ["file:\(folder)"])
    // The probe of the folder leaves nothing behind but the mark.
    let left = try FileManager.default.subpathsOfDirectory(atPath: folder).filter {
      var isFolder: ObjCBool = false
      _ = FileManager.default.fileExists(atPath: "\(folder)/\($0)", isDirectory: &isFolder)
      return !isFolder.boolValue
    }
    #expect(left == ["pra-store.json"])
    _ = try world.answer("store", "database")
    #expect(try world.rows("select location from pra.stores where is_current") == ["database"])
  }

  @Test(
    "a store that does not work is refused and nothing changes",
    arguments: [
      ("file:/proc/none", "/proc/none"), ("s3://b?endpoint=http://127.0.0.1:1", "127.0.0.1"),
    ])
  func badStore(location: String, named: String) throws {
    let outcome = try world.pra(
      "store", location,
      environment: ["AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"])
    #expect(outcome.status == 1)
    #expect(outcome.errors.contains(named), "\(outcome.errors)")
    #expect(try world.rows("select location from pra.stores where is_current") == ["database"])
  }

  @Test(
    "a text that is no location is bad usage, with the forms that are",
    arguments: ["", " ", "file:relative", "ftp://a/b", "file:", "s3:/b"])
  func noLocation(text: String) throws {
    for verb in ["use", "forget"] {
      let outcome = try world.pra("store", verb, text)
      #expect(outcome.status == 2)
      #expect(
        outcome.errors.contains("'\(text)': expected database, file:/folder or s3://bucket/prefix"),
        "\(outcome.errors)")
    }
  }

  @Test("months of metrics and of events are dropped as a whole, only on request")
  func months() throws {
    try world.admin.run(
      """
      select pra_store.ensure_metric_partition('2020-01-15'),
        pra_store.ensure_metric_partition('2020-02-15');
      insert into pra_store.metrics (recorded_at, job_id, epoch, name_id, step, value)
      values ('2020-01-15', 1, 1, 1, 1, 1), ('2020-02-15', 1, 1, 1, 2, 1);
      insert into pra_store.events (at, kind) values ('2020-01-15', 'old'), ('2020-02-15', 'newer')
      """)
    func left() throws -> [String] {
      try world.rows(
        """
        select (select count(*) from pra_store.metrics where recorded_at < '2021-01-01'),
          (select string_agg(kind, ',' order by at) from pra.events where at < '2021-01-01')
        """)
    }
    let words = ["--drop-metrics-before", "2020-02-01", "--drop-events-before", "2020-02-01"]
    #expect(try world.answer("gc").contains("no garbage"))
    let dry = try world.answer("gc", words[0], words[1], words[2], words[3], "--dry-run")
    #expect(dry.contains("metrics of 202001: 1,") && dry.contains("would be deleted"), "\(dry)")
    #expect(try left() == ["2 old,newer"])
    let done = try world.answer("gc", words[0], words[1], words[2], words[3])
    #expect(
      done.contains("metrics of 202001: 1,") && done.contains("events of 202001: 1,")
        && !done.contains("202002"), "\(done)")
    #expect(try left() == ["1 newer"])
    #expect(try world.pra("gc", "--drop-metrics-before", "soon").status == 2)
    #expect(try world.pra("gc", "--drop-metrics-before", "2020-02-29", "--dry-run").status == 0)
  }

  @Test(
    "impossible rules are refused",
    arguments: [
      ["gc", "--keep-last=-1"], ["gc", "--keep-best", "-1"], ["gc", "--grace", "-1"],
      ["gc", "somebody"],
    ])
  func badRule(words: [String]) throws {
    let outcome =
      try words.count == 2 ? world.pra(words[0], words[1]) : world.pra(words[0], words[1], words[2])
    #expect(outcome.status == 2, "\(outcome.errors)")
  }
}
