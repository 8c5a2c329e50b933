// `pra sql`: queries of the run history.

import ArgumentParser
import Files
import Foundation
import Postgres

struct SQL: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "sql", abstract: "Run one SQL query on the views of schema pra, read-only.",
    discussion: """
      The query is an argument or standard input. It can change nothing, unless the login in \
      PRA_DATABASE_URL is a superuser.
      Example: pra sql "select name, count(*) from pra.metrics group by name"
      """)

  @Argument(help: "The query.") var query: String?
  @Flag(help: "Print comma-separated values with a header.") var csv = false
  @OptionGroup var output: OutputOptions

  func validate() throws {
    guard !(csv && output.json) else { throw ValidationError("--csv or --json, one of the two") }
  }

  func run() throws {
    let query = try text()
    let (connection, warning) = try session()
    try connection.run("set default_transaction_read_only = on")
    try answer(query, connection)
    if let warning { complain(warning) }
  }

  private func answer(_ query: String, _ connection: Connection) throws {
    if output.json {
      printExactly(try json(query, connection))
      return
    }
    let rows = try connection.query(query)
    if rows.columns.isEmpty { return }
    csv ? printExactly(commaSeparated(rows)) : print(Table(rows))
  }

  /// A session that has no other rights than to read, as a query could take back those of its login;
  /// otherwise with a warning.
  private func session() throws -> (Connection, warning: String?) {
    let connection = try Database.connect(.read)
    let row = try connection.query(Queries.login).single()
    guard try row.boolean("superuser") else { return (connection, nil) }
    // The address that `pra up` prints is that of the private server's superuser.
    let reader = try Database.url(.read).with("user", PrivateLogin.name(for: .read))
    if reader["host"]?.hasPrefix("/") ?? false,
      let session = try? Connection(reader, role: .read, name: "pra")
    {
      return (session, nil)
    }
    return (
      connection,
      "pra: \(try row.string("login")) is a superuser, whose rights a query can take; use a login that "
        + "is in pra_read alone"
    )
  }

  private func text() throws -> String {
    if query == nil && isatty(STDIN_FILENO) == 1 { complain("reading a query up to end of file") }
    let given = try query ?? readStandardInput()
    let ends = CharacterSet.whitespacesAndNewlines.union(CharacterSet(charactersIn: ";"))
    let trimmed = given.trimmingCharacters(in: ends)
    guard !trimmed.isEmpty else { throw ValidationError("no query given") }
    return trimmed
  }

  /// Typed by the server; for statements that are no query, such as `show`, every value is text.
  private func json(_ query: String, _ connection: Connection) throws -> String {
    do {
      return try connection.jsonText(query)
    } catch let error as PostgresError where error.sqlState == "42601" {  // syntax_error
      let rows = try connection.query(query)
      let columns = rows.columns
      return JSONText.array(
        rows.map { row in
          JSONText.object(
            columns.indices.map {
              (columns[$0], row.text(at: $0).map(JSONText.string) ?? "null")
            })
        })
    }
  }
}

/// CSV as in RFC 4180, but with line feeds only.
func commaSeparated(_ rows: Rows) -> String {
  func line(_ cells: [String]) -> String { cells.map(commaSeparated).joined(separator: ",") }
  let width = rows.columns.count
  let lines = rows.map { row in line((0..<width).map { row.text(at: $0) ?? "" }) }
  return ([line(rows.columns)] + lines).joined(separator: "\n")
}

/// One cell of a CSV.
func commaSeparated(_ cell: String) -> String {
  cell.contains { $0 == "," || $0 == "\"" || $0 == "\n" || $0 == "\r" }
    ? "\"\(cell.replacing("\"", with: "\"\""))\"" : cell
}
