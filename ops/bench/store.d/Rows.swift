// Rows of results for ops/bench/store.py, which adds the command, the commit and the machine.

import Foundation

/// A quantity and its runs, as `Results.add` of ops/bench/rig/rows.py takes them.
private struct Row: Encodable {
  let name: String
  let values: [Double]
  let unit: String
  let wanted: String?
  let note: String
}

/// Prints a row as one line of JSON where `--rows` is given.
/// - Parameter wanted: an operator and a number, as in "<= 100"
func row(
  _ name: String, _ values: [Double], _ unit: String, wanted: String? = nil, note: String = ""
) {
  guard CommandLine.arguments.contains("--rows") else { return }
  let encoder = JSONEncoder()
  encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
  let row = Row(name: name, values: values, unit: unit, wanted: wanted, note: note)
  print(String(decoding: try! encoder.encode(row), as: UTF8.self))  // no member can fail to encode
}
