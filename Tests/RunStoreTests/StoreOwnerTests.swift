// A store belongs to one database, and each store has one name.

import DatabaseTesting
import Dispatch
import Foundation
import JobQueue
import Postgres
import RunStore
import StageKit
import Synchronization
import Testing

@Suite struct StoreOwnerTests {
  let attempt: Attempt
  let folder: String

  init() throws {
    attempt = try Attempt(try TestDatabase.create().url)
    folder = "\(attempt.folder)/store"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
  }

  private static func owner(_ url: DatabaseURL) -> ArtifactStore {
    ArtifactStore(
      RetryingConnection(
        url: url, role: .owner, name: "test", giveUp: { true }, report: { _ in }),
      patience: .probe(), reader: .administrator)
  }

  /// Does the same as `pra store LOCATION`.
  private static func choose(
    _ url: DatabaseURL, _ location: String, takingOver: Bool = false
  ) throws {
    var store = owner(url)
    let mark = try store.claim(location, takingOver: takingOver)
    try Connection(url).query(
      "select pra.use_store($1, $2::uuid)", [.text(location), .text(mark)])
  }

  private func owner(_ url: DatabaseURL) -> ArtifactStore { Self.owner(url) }

  private func choose(_ url: DatabaseURL, _ location: String, takingOver: Bool = false) throws {
    try Self.choose(url, location, takingOver: takingOver)
  }

  private func put(_ session: StageSession, _ seed: UInt8) throws -> Artifact {
    try session.storeArtifact(
      bytes: [UInt8](repeating: seed, count: 2_000_000), name: "weights.bin",
      mediaType: "application/octet-stream")
  }

  private func objects() throws -> Int {
    (FileManager.default.enumerator(atPath: folder)?.compactMap { $0 as? String } ?? [])
      .filter { $0.split(separator: "/").last!.count >= 64 }.count
  }

  @Test(
    "one store, however it is written",
    arguments: [
      ("file:/p", "file:/p/"), ("file:/p", "file:///p"), ("file:/p/q", "file:/p//./q/."),
      ("s3://b/x", "s3://b/x/"), ("s3://b/x", "s3://b//x?region=eu-west-1"),
      ("s3://b", "s3://b?endpoint=https://s3.eu-west-1.amazonaws.com"),
      ("s3://b/x?endpoint=https://minio.lab", "s3://b/x?region=eu&endpoint=HTTPS://MinIO.lab:443/"),
      ("s3://b/x?endpoint=http://h:9000/Base", "s3://b/x/?endpoint=http://h:9000/Base/"),
      ("s3://b/x?endpoint=http://h", "s3://b/x?endpoint=http://h:80"),
    ]) func oneName(first: String, second: String) throws
  {
    for location in [first, "database", second] {
      try attempt.admin.query("select pra.use_store($1)", [.text(location)])
    }
    #expect(try attempt.count("select count(*) from pra_store.stores") == 1)
  }

  @Test("rows that denote one store become one when the schema is migrated")
  func merged() throws {
    let database = try TestDatabase.create(migrated: false)
    let admin = try database.connect()
    try Migrator(admin).migrate(upTo: 70)
    // The migrator reads this view, which a whole migration makes.
    try admin.run(
      """
      set role pra_owner;
      create view pra.schema_versions as
      select m.version, m.name, encode(m.sha256, 'hex') as sha256, m.applied_at
      from pra_store.migrations as m;
      reset role;
      insert into pra_store.stores (location, is_current) values
        ('file:/p', false), ('file:/p/', true), ('file:///p/.', false), ('file:/q', false),
        ('s3://b/x', false), ('s3://b/x/?region=eu', false), ('s3://b/x?endpoint=http://h/', false);
      insert into pra_store.objects (store_id, sha256, state, size) values
        (1, sha256('a'), 'deleting', 1), (2, sha256('a'), 'stored', 1), (3, sha256('b'), 'stored', 1),
        (4, sha256('a'), 'deleting', 1);
      insert into pra_store.artifacts (sha256, size, media_type, store_id) values
        (sha256('a'), 1, 'a/b', 2), (sha256('b'), 1, 'a/b', 3)
      """)
    try Migrator(admin).migrate()
    func rows(_ sql: String) throws -> [String] {
      try admin.query(sql).map { try $0.string("row") }
    }
    #expect(
      try rows("select location || ' ' || is_current as row from pra.stores order by id limit 4")
        == [
          "file:/p true", "file:/q false", "s3://b/x false", "s3://b/x?endpoint=http://h false",
        ])
    // The artifact keeps its object, though the collector had marked it under another name.
    #expect(
      try rows(
        "select store_id || ' ' || state as row from pra_store.objects order by store_id, state desc"
      ) == ["1 stored", "1 stored", "4 deleting"])
    #expect(
      try rows("select distinct store_id || ' ' || copy as row from pra_store.artifacts") == ["1 0"]
    )
  }

  @Test(
    "different stores stay different",
    arguments: [
      ("file:/p", "file:/p/q"), ("s3://b/x", "s3://b/y"), ("s3://b/x", "s3://c/x"),
      ("s3://b/x?endpoint=http://h:9000", "s3://b/x?endpoint=http://h:9001"),
      ("s3://b/x?endpoint=http://h", "s3://b/x?endpoint=https://h"),
    ]) func twoNames(first: String, second: String) throws
  {
    for location in [first, second] {
      try attempt.admin.query("select pra.use_store($1)", [.text(location)])
    }
    #expect(try attempt.count("select count(*) from pra_store.stores") == 2)
  }

  @Test("another database may neither choose, nor write, nor collect")
  func twoDatabases() throws {
    try choose(attempt.url, "file:\(folder)")
    let session = try attempt.open()
    let kept = try put(session, 1)
    try session.finish(outputs: ["weights": kept])

    let other = try Attempt(try TestDatabase.create().url)
    let refused = #expect(throws: StoreError.self) { try choose(other.url, "file:\(folder)") }
    #expect(
      refused?.description.contains("belongs to another database") == true
        && refused?.description.contains("--take-over") == true, "\(refused?.description ?? "")")
    // Its owner goes around `pra store`.
    try other.admin.query("select pra.use_store($1)", [.text("file:\(folder)/")])
    let stranger = try other.open()
    #expect(throws: StoreError.self) { try put(stranger, 1) }
    let path = try other.write([UInt8](repeating: 1, count: 2_000_000), to: "file")
    #expect(throws: StoreError.self) {
      try stranger.storeArtifact(file: path, name: "a", mediaType: "a/b")
    }
    stranger.close()
    // A collection that was killed leaves this.
    try other.admin.run("update pra_store.objects set state = 'deleting'")
    var collector = owner(other.url)
    #expect(throws: StoreError.self) { try collector.collectGarbage(grace: 0, dry: false) }
    #expect(try objects() == 1)
    var reader = owner(attempt.url)
    #expect(try reader.bytes(sha256: kept.sha256).count == 2_000_000)
  }

  /// A staging copy of a database on its store.
  @Test func aCloneIsAnotherDatabase() throws {
    try choose(attempt.url, "file:\(folder)")
    let session = try attempt.open()
    let artifact = try put(session, 1)
    try session.finish(outputs: ["weights": artifact])
    let name = "clone_" + UUID().uuidString.lowercased().replacing("-", with: "")
    let server = try Connection(attempt.url.with("dbname", "postgres"))
    let original = try attempt.admin.query("select current_database()::text as name").single()
      .string("name")
    try server.run(
      """
      select pg_terminate_backend(pid) from pg_stat_activity where datname = '\(original)'
      """)
    try server.run("create database \(name) template \(original)")
    let clone = attempt.url.with("dbname", name)
    // It reads what is there, and deletes and writes nothing.
    var copy = owner(clone)
    #expect(try copy.bytes(sha256: artifact.sha256).count == 2_000_000)
    try Connection(clone).run("delete from pra_store.job_outputs")
    #expect(throws: StoreError.self) { try copy.collectGarbage(grace: 0, dry: false) }
    #expect(try objects() == 1)
    #expect(throws: StoreError.self) { try choose(clone, "file:\(folder)") }
    // It takes the original's place, which may write no longer.
    try choose(clone, "file:\(folder)", takingOver: true)
    #expect(throws: StoreError.self) { try choose(attempt.url, "file:\(folder)") }
    _ = try copy.collectGarbage(grace: 0, dry: false)
    #expect(try objects() == 0)
  }

  @Test("of two databases at once exactly one gets the store")
  func race() throws {
    let urls = try [attempt.url] + (0..<3).map { _ in try TestDatabase.create().url }
    let won = Mutex(0)
    let location = "file:\(folder)"
    DispatchQueue.concurrentPerform(iterations: urls.count) { number in
      if (try? Self.choose(urls[number], location)) != nil { won.withLock { $0 += 1 } }
    }
    #expect(won.withLock { $0 } == 1)
  }

  @Test(
    "folders of the system and of others are refused",
    arguments: [
      "/", "/etc", "/usr/local", "/usr/lib", "/var", "/proc/self", "/dev/shm", "/tmp",
      "/usr/../etc/.",
    ]) func systemFolders(path: String) throws
  {
    let error = #expect(throws: StoreError.self) { try choose(attempt.url, "file:\(path)") }
    let words = error?.description ?? ""
    #expect(words.contains("folder of the system") || words.contains("absolute path"), "\(words)")
    #expect(try attempt.count("select count(*) from pra_store.stores") == 0)
  }

  @Test func aFolderThatIsInUseIsRefused() throws {
    func refusal(_ path: String) -> String {
      var words = ""
      do { try choose(attempt.url, "file:\(path)") } catch { words = "\(error)" }
      return words
    }
    let used = "\(attempt.folder)/used"
    try FileManager.default.createDirectory(atPath: used, withIntermediateDirectories: false)
    try Data().write(to: URL(filePath: "\(used)/thesis.tex"))
    #expect(refusal(used).contains("not empty (thesis.tex)"))
    try Data().write(to: URL(filePath: "\(used)/PG_VERSION"))
    #expect(refusal(used).contains("PostgreSQL server"))
    let link = "\(attempt.folder)/link"
    symlink("/etc", link)
    #expect(refusal(link).contains("folder of the system"))
    #expect(refusal("\(attempt.folder)/none").contains("no such folder"))
    if geteuid() == 0 {
      let foreign = "\(attempt.folder)/foreign"
      try FileManager.default.createDirectory(atPath: foreign, withIntermediateDirectories: false)
      chown(foreign, 12345, 12345)
      #expect(refusal(foreign).contains("belongs to user 12345"))
    }
    try choose(attempt.url, "file:\(folder)")
    let inner = "\(folder)/inner"
    try FileManager.default.createDirectory(atPath: inner, withIntermediateDirectories: false)
    #expect(refusal(inner).contains("within the store"))
    // The same folder under another name.
    symlink(folder, "\(attempt.folder)/alias")
    #expect(refusal("\(attempt.folder)/alias").contains("under another name"))
  }

  @Test("a folder that is not mounted is away, and nothing in it is lost")
  func notMounted() throws {
    try choose(attempt.url, "file:\(folder)")
    let session = try attempt.open()
    defer { session.close() }
    let artifact = try put(session, 1)
    let elsewhere = "\(attempt.folder)/elsewhere"
    try FileManager.default.moveItem(atPath: folder, toPath: elsewhere)
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
    var store = owner(attempt.url)
    #expect(throws: StoreAway.self) { try store.bytes(sha256: artifact.sha256) }
    #expect(
      try attempt.count("select count(*) from pra.artifacts where suspect_at is not null") == 0)
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder).isEmpty)
    try FileManager.default.removeItem(atPath: folder)
    try FileManager.default.moveItem(atPath: elsewhere, toPath: folder)
    #expect(try store.bytes(sha256: artifact.sha256).count == 2_000_000)
  }

  /// A store of the version before, with objects and without a mark.
  @Test func aStoreWithoutAMarkGetsOneAtItsNextUse() throws {
    try attempt.admin.query("select pra.use_store($1)", [.text("file:\(folder)")])
    try Data().write(to: URL(filePath: "\(folder)/of the version before"))
    let session = try attempt.open()
    defer { session.close() }
    _ = try put(session, 1)
    let other = try TestDatabase.create().url
    #expect(throws: StoreError.self) { try choose(other, "file:\(folder)") }
    try choose(attempt.url, "file:\(folder)")
  }

  // MARK: garbage and dead stores

  /// A store that has gone, with garbage in it, beside one that works.
  private func deadStore() throws -> (dead: String, artifact: Artifact) {
    let dead = "\(attempt.folder)/dead"
    try FileManager.default.createDirectory(atPath: dead, withIntermediateDirectories: false)
    try choose(attempt.url, "file:\(dead)")
    let session = try attempt.open()
    _ = try put(session, 1)
    let kept = try put(session, 2)
    try choose(attempt.url, "file:\(folder)")
    _ = try put(session, 3)
    try session.finish(outputs: ["weights": kept])
    try FileManager.default.removeItem(atPath: dead)
    return (dead, kept)
  }

  @Test("a store that is away does not keep others from being collected")
  func oneStoreAway() throws {
    let (dead, _) = try deadStore()
    var store = owner(attempt.url)
    var failed: [String] = []
    _ = try store.collectGarbage(grace: 0, dry: false) { location, _ in failed.append(location) }
    #expect(failed == ["file:\(dead)"])
    #expect(try objects() == 0)
    #expect(
      try attempt.count("select count(*) from pra_store.objects where state = 'deleting'") == 1)
  }

  @Test("a dead store is forgotten, and what it held comes back when it is stored again")
  func forgotten() throws {
    let (dead, kept) = try deadStore()
    let forget = "select artifacts, bytes, jobs from pra.forget_store($1, $2)"
    let refused = #expect(throws: PostgresError.self) {
      try attempt.admin.query(forget, [.text("file:\(dead)/"), .boolean(false)])
    }
    #expect(refused?.sqlState == "PR006")
    #expect(throws: PostgresError.self) {
      try attempt.admin.query(forget, [.text("file:\(folder)"), .boolean(true)])
    }
    let lost = try attempt.admin.query(forget, [.text("file:\(dead)/"), .boolean(true)]).single()
    #expect(try lost.integer("artifacts") == 1)
    #expect(try lost.integer("jobs") == 1)
    #expect(try attempt.count("select count(*) from pra_store.stores") == 1)
    var store = owner(attempt.url)
    let error = #expect(throws: DamagedArtifact.self) { try store.bytes(sha256: kept.sha256) }
    #expect(error?.description.contains("was forgotten") == true)
    #expect(try store.verify().suspects.map(\.sha256) == [kept.sha256])
    let next = try Attempt(attempt.url)
    let session = try next.open()
    defer { session.close() }
    #expect(try put(session, 2) == kept)
    #expect(try store.bytes(sha256: kept.sha256).count == 2_000_000)
    #expect(try store.verify().suspects.isEmpty)
  }
}
