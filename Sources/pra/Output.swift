// Tables, JSON and progress bars.

import ArgumentParser
import Foundation
import Postgres

/// The options of every verb that reads.
struct OutputOptions: ParsableArguments {
  @Flag(help: "Print JSON instead of a table.")
  var json = false
}

extension Connection {
  /// Prints a result: whole rows as one JSON array, or a table for people.
  func show(
    _ query: String, rows: String, _ parameters: [Parameter] = [], _ options: OutputOptions,
    omittingEmpty: Bool = false
  ) throws {
    if options.json {
      print(try jsonText(rows, parameters))
    } else {
      print(Table(try self.query(query, parameters), omittingEmpty: omittingEmpty).text)
    }
  }

  /// A query's rows as a JSON array of objects, made by the server.
  func jsonText(_ query: String, _ parameters: [Parameter] = []) throws -> String {
    try self.query(
      "select coalesce(json_agg(rows), '[]')::text as json from (\n\(query)\n) as rows",
      parameters
    ).single().string("json")
  }
}

/// A result in aligned columns: numbers to the right, all else to the left.
struct Table {
  private let header: [String]
  private let rows: [[String]]

  /// - Parameter omittingEmpty: leaves out columns that are empty in every row
  init(_ result: Rows, omittingEmpty: Bool = false) {
    let width = result.columns.count
    let cells = result.map { row in
      (0..<width).map { (row.text(at: $0) ?? "").replacing("\n", with: " ") }
    }
    let shown = (0..<width).filter { column in
      !omittingEmpty || cells.isEmpty || cells.contains { !$0[column].isEmpty }
    }
    header = shown.map { result.columns[$0] }
    rows = cells.map { row in shown.map { row[$0] } }
  }

  init(header: [String], rows: [[String]]) {
    self.header = header
    self.rows = rows
  }

  var text: String {
    let widths = header.indices.map { i in
      ([header] + rows).map { $0[i].count }.max() ?? 0
    }
    let isNumber = header.indices.map { i in
      rows.contains { !$0[i].isEmpty } && rows.allSatisfy { $0[i].isEmpty || Double($0[i]) != nil }
    }
    func line(_ cells: [String]) -> String {
      let padded = cells.indices.map { i in
        let space = String(repeating: " ", count: widths[i] - cells[i].count)
        return isNumber[i] ? space + cells[i] : cells[i] + space
      }
      return padded.joined(separator: "  ").trimmingSuffix(" ")
    }
    let rule = widths.map { String(repeating: "-", count: $0) }.joined(separator: "  ")
    return ([line(header), rule] + rows.map(line)).joined(separator: "\n")
  }
}

extension String {
  fileprivate func trimmingSuffix(_ character: Character) -> String {
    var text = self
    while text.last == character { text.removeLast() }
    return text
  }
}

/// The abilities of the terminal.
enum Terminal {
  static let isInteractive = isatty(STDOUT_FILENO) == 1
  /// no-color.org: set and not empty.
  private static let hasColors =
    isInteractive && (ProcessInfo.processInfo.environment["NO_COLOR"] ?? "").isEmpty

  /// The size in characters; 24 by 80 if the terminal does not say.
  static var size: (rows: Int, columns: Int) {
    var size = winsize()
    guard ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0, size.ws_row > 0
    else {
      return (24, 80)
    }
    return (Int(size.ws_row), Int(size.ws_col))
  }

  /// A state in its colour.
  static func colored(_ state: String, padded width: Int) -> String {
    let text = state.padding(toLength: max(width, state.count), withPad: " ", startingAt: 0)
    guard hasColors else { return text }
    let code =
      switch state {
      case "succeeded": 32
      case "running": 36
      case "failed", "quarantined": 31
      case "cancelled": 33
      default: 90
      }
    return "\u{1B}[\(code)m\(text)\u{1B}[0m"
  }

  /// A bar such as `#####.....`.
  static func bar(_ done: Int64, of total: Int64, width: Int = 24) -> String {
    let filled = total > 0 ? Int(min(done, total)) * width / Int(total) : 0
    return String(repeating: "#", count: filled) + String(repeating: ".", count: width - filled)
  }
}
