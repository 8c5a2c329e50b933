// Every statement fits the schema; statements that only read are prepared as the reader.

import DatabaseTesting
import Testing

@testable import pra

@Suite struct QueryTests {
  @Test func everyStatementPrepares() throws {
    let connection = try TestDatabase.create().connect()
    for query in Queries.all {
      #expect(throws: Never.self, "\(query)") { try connection.prepare(query) }
    }
    #expect(Queries.all.count == Set(Queries.all).count)
  }
}
