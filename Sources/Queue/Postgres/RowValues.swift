// Typed values of a row. The plain functions refuse null, the `optional` ones return nil for it;
// all throw `.unexpected` if the value has another type.

extension Row {
  package func string(_ column: String) throws(PostgresError) -> String {
    try require(try text(column), column)
  }

  package func integer(_ column: String) throws(PostgresError) -> Int64 {
    try require(try optionalInteger(column), column)
  }

  package func optionalInteger(_ column: String) throws(PostgresError) -> Int64? {
    try convert(column, to: "an integer") { Int64($0) }
  }

  package func double(_ column: String) throws(PostgresError) -> Double {
    try require(try optionalDouble(column), column)
  }

  package func optionalDouble(_ column: String) throws(PostgresError) -> Double? {
    try convert(column, to: "a number") { Double($0) }
  }

  package func boolean(_ column: String) throws(PostgresError) -> Bool {
    try require(
      try convert(column, to: "a boolean") { ["t": true, "f": false][$0] }, column)
  }

  package func bytes(_ column: String) throws(PostgresError) -> [UInt8] {
    try require(
      try convert(column, to: "bytes") { text in
        guard text.hasPrefix("\\x") else { return nil }
        return hexadecimal(text.utf8.dropFirst(2))
      }, column)
  }

  private func require<Value>(_ value: Value?, _ column: String) throws(PostgresError) -> Value {
    guard let value else {
      throw PostgresError(
        .unexpected, sqlState: "22004", message: "column \"\(column)\" is null")
    }
    return value
  }

  private func convert<Value>(_ column: String, to type: String, _ body: (String) -> Value?)
    throws(PostgresError) -> Value?
  {
    guard let text = try text(column) else { return nil }
    guard let value = body(text) else {
      throw PostgresError(
        .unexpected, sqlState: "22P02", message: "column \"\(column)\" is \"\(text)\", not \(type)")
    }
    return value
  }
}

private func hexadecimal(_ digits: Substring.UTF8View) -> [UInt8]? {
  func value(_ digit: UInt8) -> UInt8? {
    switch digit {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
    default: nil
    }
  }
  var bytes: [UInt8] = []
  bytes.reserveCapacity(digits.count / 2)
  var high: UInt8?
  for digit in digits {
    guard let nibble = value(digit) else { return nil }
    if let first = high {
      bytes.append(first << 4 | nibble)
      high = nil
    } else {
      high = nibble
    }
  }
  return high == nil ? bytes : nil
}
