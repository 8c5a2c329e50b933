// Rows of the database, as plain values.

/// The result of a query. A page is a function of such tables.
package struct Table: Sendable, Equatable {
  package let columns: [String]
  package let rows: [[String?]]

  package init(columns: [String], rows: [[String?]]) {
    self.columns = columns
    self.rows = rows
  }

  package var records: [Record] { rows.map { Record(columns: columns, values: $0) } }

  /// RFC 4180, with a head; null is empty.
  package var csv: String {
    func field(_ text: String) -> String {
      guard text.contains(where: { ",\"\n\r".contains($0) || $0.isNewline }) else { return text }
      return "\"" + text.replacing("\"", with: "\"\"") + "\""
    }
    return ([columns] + rows.map { $0.map { $0 ?? "" } })
      .map { $0.map(field).joined(separator: ",") + "\r\n" }.joined()
  }
}

/// One row, its values by the names of their columns as PostgreSQL writes them.
package struct Record: Sendable {
  private let columns: [String]
  private let values: [String?]

  init(columns: [String], values: [String?]) {
    self.columns = columns
    self.values = values
  }

  /// Nil for null.
  package subscript(column: String) -> String? {
    guard let place = columns.firstIndex(of: column) else {
      preconditionFailure("there is no column \(column) among \(columns)")
    }
    return values[place]
  }

  package func text(_ column: String) -> String { self[column] ?? "" }
  package func integer(_ column: String) -> Int64? { self[column].flatMap { Int64($0) } }
  package func number(_ column: String) -> Double? { self[column].flatMap { Double($0) } }
  package func isTrue(_ column: String) -> Bool { self[column] == "t" }
}
