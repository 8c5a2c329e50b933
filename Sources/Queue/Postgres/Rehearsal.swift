// Statements that are tried and rolled back.

extension Connection {
  /// Runs `body` in a transaction that is rolled back: it tells what would happen.
  package func rehearsal<Value>(_ body: () throws -> Value) throws -> Value {
    try run("begin")
    // A session that failed has nothing to roll back.
    defer { try? run("rollback") }
    return try body()
  }
}
