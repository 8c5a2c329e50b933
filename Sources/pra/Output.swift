// Tables, JSON and progress bars, and the one way to standard output and standard error.

import ArgumentParser
import Files
import Foundation
import Glibc
import Postgres

/// The options of every verb that reads.
struct OutputOptions: ParsableArguments {
  @Flag(help: "Print JSON instead of a table.")
  var json = false
}

/// Prints a line for people, in place of the library's function of this name: characters that a
/// terminal would obey are shown as escapes, and a line that cannot be written ends the program.
func print(_ line: some CustomStringConvertible) {
  printExactly(line.description.shown)
}

func print(_ table: Table) { printExactly(table.text) }

/// Prints text for programs as it is: JSON, CSV, SQL.
func printExactly(_ text: String) { StandardOutput.write(Array((text + "\n").utf8)) }

/// Prints what was written to `output`; on standard error where that is standard output itself.
/// - Parameter isJSON: whether the line is for programs
func report(_ line: String, of output: String, isJSON: Bool = false) {
  if (try? OutputTarget(output)) == .descriptor(STDOUT_FILENO) {
    complain(line)
  } else {
    isJSON ? printExactly(line) : print(line)
  }
}

/// Writes one line to standard error.
func complain(_ line: String) {
  var line = line
  if LogFormat.current == .json {
    let isError = line.hasPrefix("error: ")
    let words =
      isError ? line.dropFirst(7) : line.hasPrefix("pra: ") ? line.dropFirst(5) : line[...]
    line = LogFormat.line(isError ? "error" : "notice", String(words))
  }
  _ = writeWhole(Array((line.shown + "\n").utf8)[...], to: STDERR_FILENO)
}

/// Standard output, of which every byte must arrive.
enum StandardOutput {
  /// The outcome that the verb is about to print, for the message of an output that fails: nobody would know of it
  /// otherwise. Verbs run on one thread.
  nonisolated(unsafe) static var done: String?

  /// Writes bytes as they are. Ends the program with an error if that fails; a reader that is gone ends
  /// it in silence, as `head` expects.
  static func write(_ bytes: [UInt8]) {
    guard let code = writeWhole(bytes[...], to: STDOUT_FILENO) else { return }
    fail(code)
  }

  /// A file system may report only now that the bytes found no room.
  static func close() {
    guard Glibc.close(STDOUT_FILENO) != 0, errno != EBADF else { return }
    fail(errno)
  }

  /// Opens descriptors that the caller has closed, so that nothing else is opened under their
  /// numbers: the wrong way round, so that using them fails.
  static func occupy() {
    for (number, mode) in [
      (STDIN_FILENO, O_WRONLY), (STDOUT_FILENO, O_RDONLY), (STDERR_FILENO, O_RDWR),
    ]
    where fcntl(number, F_GETFD) < 0 {
      _ = open("/dev/null", mode)  // the lowest free number
    }
  }

  private static func fail(_ code: Int32) -> Never {
    if code == EPIPE {
      if let done { complain("pra: \(done)") }
      signal(SIGPIPE, SIG_DFL)
      raise(SIGPIPE)
    }
    let outcome = done.map { "; \($0)" } ?? ""
    complain("error: standard output: \(String(cString: strerror(code)))\(outcome)")
    _exit(ExitStatus.failed.rawValue)
  }
}

/// Standard input up to its end, as text without a byte order mark.
func readStandardInput() throws -> String {
  var bytes: [UInt8] = []
  var buffer = [UInt8](repeating: 0, count: 1 << 16)
  while true {
    let count = read(STDIN_FILENO, &buffer, buffer.count)
    if count < 0 && errno == EINTR { continue }
    guard count >= 0 else {
      throw Failure(message: "standard input: \(String(cString: strerror(errno)))")
    }
    if count == 0 { break }
    bytes += buffer[..<count]
  }
  guard !bytes.contains(0) else {
    throw ValidationError("standard input: holds a zero byte; expected text")
  }
  let mark: [UInt8] = [0xEF, 0xBB, 0xBF]
  return String(decoding: bytes.starts(with: mark) ? bytes[3...] : bytes[...], as: UTF8.self)
}

extension Connection {
  /// Prints a result: whole rows as one JSON array, or a table for people.
  /// - Parameter subject: what `id` numbers in the rows
  func show(
    _ query: String, rows: String, _ parameters: [Parameter] = [], of subject: Subject? = nil,
    _ options: OutputOptions, omittingEmpty: Bool = false
  ) throws {
    if options.json {
      printExactly(try documents(rows, parameters, of: subject))
    } else {
      print(
        Table(
          try self.query(query, parameters), omittingEmpty: omittingEmpty, shorteningNames: true))
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

/// A result in aligned columns: numbers to the right, all else to the left. Cells are shown with
/// escapes.
struct Table {
  private static let widest = 60
  private static let names: Set = ["name", "run", "worker", "source", "labels"]

  private let header: [String]
  private let rows: [[String]]

  /// - Parameters:
  ///   - omittingEmpty: leaves out columns that are empty in every row
  ///   - shorteningNames: cuts names of strangers that would push the other columns out of sight
  init(_ result: Rows, omittingEmpty: Bool = false, shorteningNames: Bool = false) {
    let width = result.columns.count
    let cells = result.map { row in
      (0..<width).map { row.text(at: $0) ?? "" }
    }
    let shown = (0..<width).filter { column in
      !omittingEmpty || cells.isEmpty || cells.contains { !$0[column].isEmpty }
    }
    let header = shown.map { result.columns[$0] }
    self.init(
      header: header,
      rows: cells.map { row in
        zip(header, shown).map { column, place in
          shorteningNames && Self.names.contains(column) ? Self.short(row[place]) : row[place]
        }
      })
  }

  init(header: [String], rows: [[String]]) {
    self.header = header.map(\.shown)
    self.rows = rows.map { $0.map(\.shown) }
  }

  private static func short(_ name: String) -> String {
    name.count > widest ? name.prefix(widest - 3) + "..." : name
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
