// Pages over a real history: what stands on them, and that their SQL says the same.

import DatabaseTesting
import Foundation
import JobQueue
import Postgres
import Testing

@Suite struct SiteTests {
  let world: DashboardWorld
  let server: Server

  init() throws {
    world = try DashboardWorld()
    server = try Server(world.database.url)
  }

  @Test func aRunIsShownWithItsCurve() throws {
    let (run, lease) = try world.training("emoji <script>")
    try world.series(
      "loss", of: lease.job, steps: 5000,
      value: "case step when 3000 then 'NaN' else 1 / (1 + step / 1000.0) end")
    let page = try server.page("/runs/\(run)").body
    #expect(page.contains("emoji &lt;script&gt;") && !page.contains("emoji <script>"))
    #expect(page.contains("s-training") && page.contains("training.lr") && page.contains("0.002"))
    let list = try server.page("/runs").body
    #expect(list.contains("href=\"runs/\(run)\"") && list.contains("lr=<b>0.002</b>"))
    #expect(try server.page("/runs?find=lr%3E0.001+emoji").body.contains("href=\"runs/\(run)\""))
    #expect(try !server.page("/runs?find=lr%3E0.01").body.contains("href=\"runs/\(run)\""))
    #expect(try server.page("/runs?sort=loss").body.contains("href=\"runs/\(run)\""))
    let data = try server.page("/series.json?runs=\(run)&metric=loss").body
    let json = try #require(
      try JSONSerialization.jsonObject(with: Data(data.utf8)) as? [String: Any])
    let curve = try #require((json["series"] as? [[String: Any]])?.first)
    // Each value, and how often it stands there.
    let (bad, counts) = try (
      #require(curve["bad_runs"] as? [Int]), #require(curve["n_runs"] as? [Int])
    )
    func sum(_ runs: [Int]) -> Int {
      stride(from: 0, to: runs.count, by: 2).reduce(0) { $0 + runs[$1] * runs[$1 + 1] }
    }
    #expect(sum(bad) == 1 && sum(counts) == 5000)
    #expect(try server.page("/chart.svg?runs=\(run)&metric=loss&smooth=0.9").body.hasPrefix("<svg"))
  }

  @Test func aSeriesOfNaNOnlyIsShownAsNone() throws {
    let (run, lease) = try world.training("nan")
    try world.series("loss", of: lease.job, steps: 30, value: "'NaN'")
    #expect(try server.page("/runs/\(run)").status == 200)
    let missing = try server.page("/runs/\(run)?metrics=loss,none")
    #expect(
      missing.status == 404
        && missing.body.contains("metrics=none: there is no such series; there are loss"))
    #expect(try server.page("/chart.svg?runs=\(run)").body.contains("no data"))
    #expect(try server.page("/series.json?runs=\(run)").body.contains("\"mean\":[null"))
  }

  /// Each statement is run as it is shown, and its answer compared with the panel's figures.
  @Test func theSQLOfEveryPanelGivesItsFigures() throws {
    let (run, lease) = try world.training("it's")
    try world.series("loss", of: lease.job, steps: 300)
    _ = try world.submit.enqueue(NewJob(kind: "probe", run: run))
    let reader = try world.database.connect(.read)
    let panels = [
      "/runs": ["runs", "changes"],
      "/queue": ["waiting", "running", "failed", "limits", "schedules", "preemptions"],
      "/runs/\(run)": [
        "run", "series", "jobs", "settings", "samplings", "evaluations", "checkpoints",
      ],
      "/compare?runs=\(run)": ["settings", "figures", "seeds", "series"],
      "/workers": ["workers", "untaken", "hosts", "lost"],
      "/jobs/\(lease.job)": ["job", "attempts", "why", "files"],
      "/images?runs=\(run)": ["samplings", "steps"],
    ]
    for (page, names) in panels {
      for name in names {
        let address = "\(page)\(page.contains("?") ? "&" : "?")panel=\(name)&form="
        let sql = try server.page("\(address)sql").body.trimmingCharacters(in: ["\n", ";"])
        let csv = try server.page("\(address)csv").body.split(separator: "\r\n")
        let rows = try reader.query(sql)
        #expect(
          csv.first.map(String.init) == rows.columns.joined(separator: ","), "\(page) \(name)")
        #expect(csv.count == rows.count + 1 || csv.joined().contains("\n"), "\(page) \(name)")
        for (line, row) in zip(csv.dropFirst(), rows)
        where !line.contains("\"") && !csv.joined().contains("\n") {
          let values = rows.columns.indices.map { row.text(at: $0) ?? "" }
          for (column, value) in zip(rows.columns, values)
          where !["seconds", "oldest_seconds", "beat_seconds", "after_seconds"].contains(column) {
            #expect(value.isEmpty || line.contains(value), "\(page) \(name) \(column)")
          }
        }
      }
    }
    let chart = try server.page("/chart.sql?runs=\(run)&metric=loss").body
    #expect(try reader.query(chart.trimmingCharacters(in: ["\n", ";"])).count > 100)
  }

  @Test func waitingJobsAreGroupedWithWhatWouldChangeThem() throws {
    let run = try world.submit.createRun(name: "paused")
    for _ in 0..<4 { _ = try world.submit.enqueue(NewJob(kind: "train", run: run)) }
    try world.submit.pause(run: run)
    let page = try server.page("/queue").body
    #expect(page.contains("<td class=\"n\">4</td><td><b>run-paused"), "\(page)")
    #expect(
      page.contains("pra resume \(run)") && !page.contains("<button>resume"),
      "the server only reads")
  }

  /// No worker lives that could reap the job, and nobody else does.
  @Test func aLostWorkerIsSeenBeforeAnybodyReapsIt() throws {
    let worker = try world.worker()
    let (run, _) = try world.training("lost", worker: worker)
    try world.admin.run(
      """
      update pra_store.workers set lease = interval '1 second', lease_expires_at = clock_timestamp() - interval '1 hour'
      where id = \(worker.worker);
      select pg_sleep(greatest(0, extract(epoch from
        pg_postmaster_start_time() + interval '1.01 seconds' - clock_timestamp())));
      """)
    for path in ["/queue", "/runs/\(run)"] {
      #expect(try server.page(path).body.contains("no beat"), "\(path)")
    }
    for path in ["/runs", "/workers"] {
      #expect(try server.page(path).body.contains("class=\"state s-lost\""), "\(path)")
    }
  }

  @Test func aJobAndItsLogAreShownFromTheirEnd() throws {
    let (_, lease) = try world.training("logged")
    let megabyte = String(repeating: "0123456789abcde\n", count: 65_536)
    let session = try world.database.connect(.worker)
    for ordinal in 0..<4 {
      try session.query(
        "select pra.append_log(job => $1, epoch => $2, ordinal => $3, bytes => $4, token => $5)",
        [
          .integer(lease.job), .integer(lease.epoch), .integer(ordinal),
          .bytes(Array(ordinal == 3 ? "\u{1B}[31mthe <end>\u{1B}[0m\n".utf8 : megabyte.utf8)),
          .text(lease.token),
        ])
    }
    let page = try server.page("/jobs/\(lease.job)/log").body
    #expect(page.contains("the &lt;end&gt;") && page.utf8.count < 300_000)
    #expect(page.contains("before=3"))
    #expect(try server.page("/jobs/\(lease.job)/log?find=END").body.contains("1 line with"))
    #expect(
      try server.page("/jobs/\(lease.job)/log?form=text").body.contains("\u{1B}[31mthe <end>"))
    let job = try server.page("/jobs/\(lease.job)").body
    #expect(job.contains("a7") && !job.contains("not-pending"))
  }

  /// A type that a browser would show is not passed on.
  @Test func aFileIsFetchedByItsDigest() throws {
    let (run, lease) = try world.training("files")
    let bytes = (0..<700_000).map { UInt8(truncatingIfNeeded: $0 &* 2_654_435_761 >> 7) }
    let sha = try world.admin.query(
      """
      insert into pra_store.artifacts (sha256, size, media_type, bytes) select sha256($1), length($1), 'text/html', $1
      returning encode(sha256, 'hex') as sha
      """, [.bytes(bytes)]
    ).single().string("sha")
    try world.admin.query(
      """
      insert into pra_store.job_outputs (job_id, name, epoch, sha256, media_type)
      values ($1, 'report.html', 1, decode($2, 'hex'), 'text/html')
      """, [.integer(lease.job), .text(sha)])
    #expect(try server.page("/jobs/\(lease.job)").body.contains("files/\(sha)?job=\(lease.job)"))
    let reply = try server.page("/files/\(sha)?job=\(lease.job)")
    #expect(reply.status == 200 && reply.header("Content-Length") == "700000")
    #expect(reply.bytes == bytes)
    #expect(reply.header("Content-Type") == "application/octet-stream")
    #expect(
      reply.header("Content-Disposition") == "attachment; filename=\"job-\(lease.job)-report.html\""
    )
    // Another job's file, and one that is none.
    let (_, other) = try world.training("others")
    #expect(try server.page("/files/\(sha)?job=\(other.job)").status == 404)
    #expect(
      try server.page("/files/\(String(repeating: "0", count: 64))?job=\(lease.job)").status == 404)
    #expect(try server.page("/files/..%2fetc?job=\(lease.job)").status == 404)
    #expect(run > 0)
    // Bytes that are others break off before their end.
    try world.admin.run(
      "update pra_store.artifacts set bytes = overlay(bytes placing '\\xff'::bytea from 1)")
    let damaged = try server.page("/files/\(sha)?job=\(lease.job)")
    #expect(damaged.bytes.count < bytes.count)
  }

  @Test func anOutageShowsTheLastFiguresAndTheirAge() throws {
    let own = try TestServer()
    let admin = try Connection(own.url)
    try Migrator(admin).migrate()
    let server = try Server(own.url)
    #expect(try server.page("/workers").body.contains("id=\"stale\" hidden"))
    try own.stop(mode: "immediate")
    // Figures of less than a second ago count as new.
    var page = ""
    try wait {
      page = try server.page("/workers").body
      return page.contains("The database is away")
    }
    #expect(page.contains("No worker is registered"))
    #expect(try server.page("/queue").status == 503, "no one has looked at it before")
    #expect(try server.page("/healthz").status == 503)
    try own.start()
    try wait { try server.page("/queue").status == 200 }
  }
}
