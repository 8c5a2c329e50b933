// Artifacts that are fetched while a stage works: those that it waits for come first.

import DatabaseTesting
import Foundation
import RunStore
import StageKit
import Testing
import Threads

@Suite struct BackgroundFetchTests {
  let database: TestDatabase
  let attempt: Attempt
  let session: StageSession

  init() throws {
    database = try TestDatabase.create()
    attempt = try Attempt(database.url)
    session = try attempt.open()
  }

  private func items(_ count: Int) throws -> [BackgroundFetcher.Item] {
    try (0..<count).map { number in
      let artifact = try session.storeArtifact(
        bytes: [UInt8(number)], name: "range-\(number)", mediaType: "application/octet-stream")
      return BackgroundFetcher.Item(
        sha256: artifact.sha256, path: "\(attempt.folder)/range-\(number)")
    }
  }

  @Test func theItemsThatSomebodyWaitsForComeFirst() throws {
    defer { session.close() }
    let items = try items(6)
    let order = Monitor<(begun: [Int], mayGoOn: Bool)>(([], false))
    let fetcher = try session.beginFetching(items) { number in
      order.update { $0.begun.append(number) }
      // The first one lasts until somebody waits for others.
      if number == 0 { _ = order.wait { $0.mayGoOn ? () : nil } }
    }
    _ = order.wait { $0.begun == [0] ? () : nil }
    // A wait that is stopped has said what is wanted.
    #expect(try fetcher.require([4, 2]) { true } == false)
    order.update { $0.mayGoOn = true }
    #expect(try fetcher.require([4, 2]) { false })
    #expect(order.read { Array($0.begun.prefix(3)) } == [0, 4, 2])
    #expect(FileManager.default.contents(atPath: "\(attempt.folder)/range-4") == Data([4]))
    // Others are fetched without being asked for.
    _ = order.wait { $0.begun.count == 6 ? () : nil }
    #expect(order.read { $0.begun } == [0, 4, 2, 1, 3, 5])
    #expect(try fetcher.require(0..<6) { false })
  }

  @Test func anErrorReachesThoseThatWait() throws {
    defer { session.close() }
    var items = try items(2)
    items.append(
      BackgroundFetcher.Item(
        sha256: String(repeating: "0", count: 64), path: "\(attempt.folder)/none"))
    let fetcher = try session.beginFetching(items) { _ in }
    #expect(try fetcher.require([0]) { false })
    #expect(throws: (any Error).self) { try fetcher.require([2]) { false } }
  }
}
