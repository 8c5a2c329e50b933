// The cache of artifacts of a machine.

import DatabaseTesting
import Digest
import Foundation
import Glibc
import JobQueue
import ObjectServer
import Postgres
import StageKit
import Testing
import Threads

@testable import RunStore

@Suite struct CacheTests {
  let attempt: Attempt
  let folder: String
  private static let size = 3_500_000

  init() throws {
    attempt = try Attempt(try TestDatabase.create().url)
    folder = "\(attempt.folder)/cache"
    try FileManager.default.createDirectory(
      atPath: "\(attempt.folder)/store", withIntermediateDirectories: false)
  }

  private func bytes(_ seed: Int, _ count: Int = CacheTests.size) -> [UInt8] {
    storedBytes(count, seed)
  }

  /// A session whose machine has a cache.
  private func open(
    quota: Int = 100_000_000, _ further: [String: String] = [:]
  ) throws -> StageSession {
    try attempt.open(
      ["PRA_CACHE": folder, "PRA_CACHE_BYTES": String(quota)].merging(further) { $1 })
  }

  private func put(_ session: StageSession, _ bytes: [UInt8]) throws -> String {
    try session.storeArtifact(
      bytes: bytes, name: "data.bin", mediaType: "application/octet-stream"
    ).sha256
  }

  private func fetch(_ session: StageSession, _ sha256: String, _ name: String = "copy") throws
    -> [UInt8]
  {
    let path = "\(attempt.folder)/\(name)"
    try session.fetchArtifact(sha256: sha256, to: path)
    return try Array(Data(contentsOf: URL(filePath: path)))
  }

  /// Makes every further reading of the database's chunks fail.
  private func loseChunks(_ condition: String = "true") throws {
    try attempt.admin.run("delete from pra_store.artifact_chunks where \(condition)")
  }

  private var kept: [String] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    return names.filter { $0.count == 64 }.sorted()
  }

  private func status(_ path: String) throws -> stat {
    var status = stat()
    try #require(stat(path, &status) == 0, "\(path)")
    return status
  }

  @Test func whatWasFetchedOnceIsNotFetchedAgain() throws {
    let first = try open()
    let sha256 = try put(first, bytes(1))
    #expect(try fetch(first, sha256) == bytes(1))
    #expect(kept == [sha256])
    first.close()
    try attempt.claim()
    try loseChunks()
    let second = try open()
    defer { second.close() }
    #expect(try fetch(second, sha256) == bytes(1))
    // A second use in one process, which discards the first.
    second.discard("\(attempt.folder)/copy")
    #expect(try fetch(second, sha256, "other") == bytes(1))
  }

  @Test("small artifacts do not come into the cache, nor does anything without one")
  func withoutCache() throws {
    let session = try open()
    #expect(try fetch(session, try put(session, [1, 2, 3])) == [1, 2, 3])
    session.close()
    let bare = try attempt.open()
    defer { bare.close() }
    #expect(try fetch(bare, try put(bare, bytes(1))) == bytes(1))
    #expect(kept == [])
  }

  @Test("a fetch goes on behind what an earlier process has left, and reads that once")
  func resumed() throws {
    let session = try open()
    defer { session.close() }
    let sha256 = try put(session, bytes(1))
    let partial = "\(folder)/\(sha256).partial"
    try Data(bytes(1)[..<2_500_000]).write(to: URL(filePath: partial))
    try loseChunks("ordinal < 2")
    #expect(try fetch(session, sha256) == bytes(1))
    #expect(!FileManager.default.fileExists(atPath: partial))
  }

  @Test(
    "what an earlier process has left wrong is fetched anew, and nobody is called damaged",
    arguments: [2_500_000, 3_500_000, 4_000_000])
  func wrongPartial(size: Int) throws {
    let session = try open()
    defer { session.close() }
    let sha256 = try put(session, bytes(1))
    try Data(bytes(2, size)).write(to: URL(filePath: "\(folder)/\(sha256).partial"))
    #expect(try fetch(session, sha256) == bytes(1))
    #expect(
      try attempt.count("select count(*) from pra.artifacts where suspect_at is not null") == 0)
  }

  @Test func anEntryThatChangedIsFetchedAnew() throws {
    let session = try open()
    let sha256 = try put(session, bytes(1))
    #expect(try fetch(session, sha256) == bytes(1))
    try Data(bytes(2)).write(to: URL(filePath: "\(folder)/\(sha256)"))
    let second = try open()
    defer { second.close() }
    // It is in use: the bytes are fetched beside it.
    #expect(try fetch(second, sha256, "beside") == bytes(1))
    #expect(try Data(contentsOf: URL(filePath: "\(folder)/\(sha256)")) == Data(bytes(2)))
    session.discard("\(attempt.folder)/copy")
    #expect(try fetch(second, sha256) == bytes(1))
    #expect(try Data(contentsOf: URL(filePath: "\(folder)/\(sha256)")) == Data(bytes(1)))
    session.close()
  }

  @Test func damagedBytesLeaveNothing() throws {
    let session = try open()
    defer { session.close() }
    let sha256 = try put(session, bytes(1))
    try attempt.admin.run(
      "update pra_store.artifact_chunks set bytes = set_byte(bytes, 5, 255 - get_byte(bytes, 5))")
    #expect(throws: DamagedArtifact.self) { try fetch(session, sha256) }
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder).sorted() == [".room"])
  }

  // MARK: stores on this machine

  @Test("bytes of a store on this machine are linked, and go with the store's object")
  func linked() throws {
    let store = "\(attempt.folder)/store"
    try attempt.admin.query("select pra.use_store($1)", [.text("file:\(store)")])
    let session = try open(quota: 1)
    let sha256 = try put(session, bytes(1))
    let path = "\(store)/sha256/\(sha256.prefix(2))/\(sha256.dropFirst(2).prefix(2))/\(sha256)"
    #expect(try fetch(session, sha256) == bytes(1))
    #expect(try status("\(attempt.folder)/copy").st_ino == status(path).st_ino)
    let cache = try ArtifactCache(folder: folder, quota: 1)
    #expect(cache.contents().whole == [sha256])
    #expect(cache.contents().bytes == 0)
    cache.sweep()
    #expect(kept == [sha256])
    unlink(path)
    // In use.
    cache.sweep()
    #expect(kept == [sha256])
    session.discard("\(attempt.folder)/copy")
    cache.sweep()
    #expect(kept == [])
    session.close()
  }

  @Test("bytes of a store on another file system of this machine stay there")
  func elsewhere() throws {
    let store = "/dev/shm/pra-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: store, withIntermediateDirectories: false)
    defer { try? FileManager.default.removeItem(atPath: store) }
    guard try status(store).st_dev != status(attempt.folder).st_dev else { return }
    try attempt.admin.query("select pra.use_store($1)", [.text("file:\(store)")])
    let session = try open(quota: 1)
    defer { session.close() }
    let sha256 = try put(session, bytes(1))
    #expect(try fetch(session, sha256) == bytes(1))
    #expect(try status("\(attempt.folder)/copy").st_dev == status(store).st_dev)
    let cache = try ArtifactCache(folder: folder, quota: 1)
    #expect(kept == [])
    #expect(cache.contents().whole == [sha256])
  }

  @Test(
    "a file that a stage gives away is linked into the store and into the cache",
    arguments: [true, false])
  func givenAway(inFolder: Bool) throws {
    let store = "\(attempt.folder)/store"
    if inFolder { try attempt.admin.query("select pra.use_store($1)", [.text("file:\(store)")]) }
    let session = try open()
    defer { session.close() }
    let path = try attempt.write(bytes(1), to: "data.packed")
    let artifact = try session.storeArtifact(
      givenAway: path, name: "data.packed", mediaType: "application/octet-stream")
    #expect(artifact.sha256 == SHA256.hexadecimal(of: bytes(1)))
    let inode = try status(path).st_ino
    #expect(try status("\(folder)/\(artifact.sha256)").st_ino == inode)
    unlink(path)
    #expect(try fetch(session, artifact.sha256) == bytes(1))
    #expect(try status("\(attempt.folder)/copy").st_ino == inode)
    let objects = FileManager.default.enumerator(atPath: store)?.compactMap { $0 as? String } ?? []
    let object = objects.first { $0.hasSuffix(artifact.sha256) }
    #expect(try object.map { try status("\(store)/\($0)").st_ino } == (inFolder ? inode : nil))
    let own = try ArtifactCache(folder: folder, quota: 1).contents().bytes
    #expect(inFolder ? own == 0 : own >= Int64(Self.size))
  }

  // MARK: room

  @Test("the quota holds: what was used least recently goes first, and nothing that is in use")
  func quota() throws {
    let session = try open(quota: 8_000_000)
    let names = try (0..<4).map { try put(session, bytes($0)) }
    _ = try fetch(session, names[0], "first")
    _ = try fetch(session, names[1], "second")
    // Both are in use: there is no room for a third, which is fetched beside the cache.
    #expect(try fetch(session, names[2], "third") == bytes(2))
    #expect(kept == names[..<2].sorted())
    session.discard("\(attempt.folder)/second")
    session.discard("\(attempt.folder)/first")
    // The second is the one that was used longer ago, and goes.
    try FileManager.default.setAttributes(
      [.modificationDate: Date(timeIntervalSinceNow: -60)],
      ofItemAtPath: "\(folder)/\(names[1]).entry")
    _ = try fetch(session, names[3], "fourth")
    #expect(kept == [names[0], names[3]].sorted())
    session.close()
    let cache = try ArtifactCache(folder: folder, quota: 8_000_000)
    let contents = cache.contents()
    #expect(contents.whole.sorted() == kept)
    #expect((7_000_000...8_000_000).contains(contents.bytes))
    // An artifact that is larger than the quota is fetched beside it, too.
    try attempt.claim()
    let small = try open(quota: 3_000_000)
    defer { small.close() }
    #expect(try fetch(small, names[1], "beside") == bytes(1))
    #expect(kept == [names[0], names[3]].sorted())
  }

  @Test func aJobThatNeedsTheRoomGetsIt() throws {
    let session = try open()
    let sha256 = try put(session, bytes(1))
    _ = try fetch(session, sha256)
    let cache = try ArtifactCache(folder: folder, quota: 100_000_000)
    let free = try #require(FileSystem.room(folder)).free
    #expect(!cache.free(free * 2))
    #expect(kept == [sha256])
    session.discard("\(attempt.folder)/copy")
    #expect(cache.free(1))
    #expect(kept == [sha256])
    #expect(cache.free(try #require(FileSystem.room(folder)).free + 1_000_000))
    #expect(kept == [])
    session.close()
  }

  // MARK: several at once

  @Test("of two that want the same bytes one fetches them, and the other waits")
  func together() throws {
    let world = try BucketWorld()
    try attempt.admin.query("select pra.use_store($1)", [.text(world.location)])
    let first = try open(world.environment)
    let sha256 = try put(first, bytes(1))
    let second = try open(world.environment)
    let begun = Monitor(false)
    let done = Monitor<[UInt8]?>(nil)
    nonisolated(unsafe) let waiting = second
    let other = try DedicatedThread("other") { [path = "\(attempt.folder)/b"] in
      begun.wait { $0 ? () : nil }
      try? waiting.fetchArtifact(sha256: sha256, to: path)
      done.update { $0 = (try? Data(contentsOf: URL(filePath: path))).map { Array($0) } ?? [] }
    }
    world.server.answer { [content = bytes(1)] request, _ in
      guard request.method == "GET" else { return nil }
      begun.update { $0 = true }
      var slow = ObjectServer.Answer(200, body: content)
      slow.pace = 1_000_000
      return slow
    }
    #expect(try fetch(first, sha256, "a") == bytes(1))
    other.join()
    #expect(done.read { $0 } == bytes(1))
    #expect(world.server.requests.count { $0.method == "GET" } == 1)
    first.close()
    second.close()
  }

  // MARK: stops

  @Test("a stop ends a fetch within a second, and the next goes on behind it")
  func stopped() throws {
    let world = try BucketWorld()
    try attempt.admin.query("select pra.use_store($1)", [.text(world.location)])
    let session = try open(world.environment)
    let content = bytes(1, 12_000_000)
    let sha256 = try put(session, content)
    let begun = Monitor(false)
    let asked = Monitor(0.0)
    world.server.answer { request, _ in
      guard request.method == "GET" else { return nil }
      begun.update { $0 = true }
      var slow = ObjectServer.Answer(200, body: content)
      slow.pace = 300_000
      return slow
    }
    let partial = "\(folder)/\(sha256).partial"
    let stopping = try DedicatedThread("stop") { [channel = attempt.channel] in
      begun.wait { $0 ? () : nil }
      var status = stat()
      while stat(partial, &status) != 0 || status.st_size < 1 << 20 { usleep(1000) }
      asked.update { $0 = monotonicSeconds() }
      Glibc.write(channel, "stop\n", 5)
    }
    #expect(throws: CopyStopped.self) { try fetch(session, sha256) }
    #expect(monotonicSeconds() - asked.read { $0 } < 1)
    stopping.join()
    session.close()
    let there = try Int(status("\(folder)/\(sha256).partial").st_size)
    #expect(there >= 1 << 20 && there < content.count)

    try attempt.claim()
    let next = try open(world.environment)
    defer { next.close() }
    world.server.answer { _, _ in nil }
    #expect(try fetch(next, sha256) == content)
    #expect(world.server.requests.map { $0.headers["range"] } == ["bytes=\(there)-"])
  }

  @Test("a stop ends a fetch of which nothing comes, too")
  func stalled() throws {
    let world = try BucketWorld()
    try attempt.admin.query("select pra.use_store($1)", [.text(world.location)])
    let session = try open(world.environment)
    let sha256 = try put(session, bytes(1))
    let begun = Monitor(false)
    world.server.answer { [content = bytes(1)] request, _ in
      guard request.method == "GET" else { return nil }
      begun.update { $0 = true }
      var slow = ObjectServer.Answer(200, body: content)
      slow.pace = 1
      return slow
    }
    let stopping = try DedicatedThread("stop") { [channel = attempt.channel] in
      begun.wait { $0 ? () : nil }
      Glibc.write(channel, "stop\n", 5)
    }
    let start = monotonicSeconds()
    #expect(throws: CopyStopped.self) { try fetch(session, sha256) }
    #expect(monotonicSeconds() - start < 3)
    stopping.join()
    session.close()
  }

  @Test("a stop ends a copy to a store, unless it is all but done")
  func stoppedStoring() throws {
    let session = try open()
    defer { session.close() }
    Glibc.write(attempt.channel, "stop\n", 5)
    try wait { session.stopRequested }
    let path = try attempt.write(bytes(1), to: "small")
    _ = try session.storeArtifact(file: path, name: "small", mediaType: "a/b")
    #expect(try attempt.count("select count(*) from pra.artifacts") == 1)
    // A second is not enough for a terabyte.
    let meter = CopyMeter(CopyWatch(isStopped: { true }), .storing, total: 1 << 40)
    #expect(throws: CopyStopped.self) { try meter.moved(to: 1 << 20) }
  }
}
