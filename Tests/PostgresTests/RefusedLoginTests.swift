// A server that answers and refuses is told apart from one that is away, by the words that libpq has.

import Testing

@testable import Postgres

@Suite struct RefusedLoginTests {
  @Test(arguments: [
    (
      "connection to server at \"db\", port 5432 failed: FATAL:  password authentication failed for user \"ann\"",
      "28P01"
    ),
    (
      "connection to server on socket \"/run/x\" failed: FATAL:  role \"ann\" does not exist",
      "28000"
    ),
    ("failed: FATAL:  no pg_hba.conf entry for host \"10.0.0.1\", user \"ann\"", "28000"),
    ("failed: FATAL:  Peer authentication failed for user \"ann\"", "28000"),
    ("failed: FATAL:  database \"runs\" does not exist", "3D000"),
    ("failed: FATAL:  the database system is starting up", "08001"),
    ("failed: FATAL:  sorry, too many clients already", "53300"),
    ("failed: Connection refused\n\tIs the server running on that host?", "08001"),
  ])
  func theWordsTellTheState(_ message: String, _ state: String) {
    #expect(PostgresError.state(ofConnecting: message, asksPassword: false) == state)
  }

  @Test func aPasswordThatIsMissingIsALoginThatIsRefused() {
    let error = PostgresError(
      .unreachable,
      sqlState: PostgresError.state(
        ofConnecting: "fe_sendauth: no password supplied", asksPassword: true),
      message: "fe_sendauth: no password supplied")
    #expect(error.refusesLogin && !error.lacksDatabase)
    // A worker waits for the server to let it in again, as it does in an outage.
    #expect(error.isUnreachable)
  }
}
