// A statement with its values, which a page asks and shows.

import Pages
import Postgres

/// One panel's question to the database.
struct Question: Hashable {
  let sql: String
  let parameters: [Parameter]

  init(_ sql: String, _ parameters: [Parameter] = []) {
    self.sql = sql
    self.parameters = parameters
  }

  static func == (left: Question, right: Question) -> Bool {
    left.sql == right.sql && left.parameters == right.parameters
  }

  func hash(into hasher: inout Hasher) { hasher.combine(key) }

  private var key: String {
    sql
      + parameters.map { if case .text(let text) = $0 { "\u{1}\(text)" } else { "\u{2}" } }.joined()
  }

  /// The statement with its values as literals, ready for `pra sql`.
  var literal: String {
    var text = ""
    var rest = sql[...]
    while let start = rest.firstIndex(of: "$") {
      text += rest[..<start]
      let digits = rest[rest.index(after: start)...].prefix { $0.isASCII && $0.isNumber }
      if let number = Int(digits), parameters.indices.contains(number - 1) {
        text += Self.quoted(parameters[number - 1])
      } else {
        text += "$" + digits
      }
      rest = rest[digits.endIndex...]
    }
    return text + rest
  }

  private static func quoted(_ parameter: Parameter) -> String {
    guard case .text(let text) = parameter else { return "null" }
    return "'" + text.replacing("'", with: "''") + "'"
  }
}

extension Table {
  init(_ rows: Rows) {
    let columns = rows.columns
    self.init(
      columns: columns, rows: rows.map { row in columns.indices.map { row.text(at: $0) } })
  }
}
