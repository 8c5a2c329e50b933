// How old the answers are that several pages share.

import DatabaseTesting
import Pages
import Postgres
import Testing

@testable import pra_dashboard

@Suite struct SnapshotTests {
  /// An answer that took 50 ms is read again after some seconds, an open page's question; a page that is opened is at
  /// most a second old.
  @Test func openPagesKeepToTheirShare() throws {
    let database = try TestDatabase.create()
    let opened = Snapshots(database.url)
    var polled = opened
    polled.isPolled = true
    let dear = Question("select clock_timestamp() as at, pg_sleep(0.05)")
    let cheap = Question("select clock_timestamp() as at")
    func time(_ question: Question, _ snapshots: Snapshots) throws -> String {
      try snapshots.answer(question).table.records[0].text("at")
    }
    let (first, second) = (try time(dear, opened), try time(cheap, opened))
    // Then more than a second has passed.
    try wait { try time(cheap, opened) != second }
    #expect(try time(dear, polled) == first)
    #expect(try time(dear, opened) != first)
    let third = try time(dear, polled)
    #expect(third != first, "all pages share one answer")
    try wait { try time(dear, polled) != third }
  }

  @Test func anAnswerOfTheSameVersionIsAsGoodAsANewOne() throws {
    let database = try TestDatabase.create()
    let snapshots = Snapshots(database.url)
    let (question, other) = (
      Question("select clock_timestamp() as at, 1"), Question("select clock_timestamp() as at, 2")
    )
    func time(_ question: Question, _ version: String? = nil) throws -> String {
      try snapshots.answer(question, version: version).table.records[0].text("at")
    }
    let (first, second) = (try time(question, "a"), try time(other))
    try wait { try time(other) != second }
    #expect(try time(question, "a") == first)
    #expect(try time(question, "b") != first)
  }
}
