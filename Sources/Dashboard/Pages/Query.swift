// The part of an address behind its question mark, in which everything stands that changes what is seen.

/// Names and values in their order.
package struct Query: Sendable, Equatable {
  package private(set) var items: [(name: String, value: String)] = []

  package init() {}

  /// - Parameter text: as in `state=failed&find=a%20b`; a name or value that is no UTF-8 is left out
  package init(parsing text: Substring) {
    for part in text.split(separator: "&").prefix(300) {
      let sides = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      guard let name = decoded(sides[0]), let value = decoded(sides.count > 1 ? sides[1] : ""),
        !name.isEmpty
      else { continue }
      items.append((name, value))
    }
  }

  package static func == (left: Query, right: Query) -> Bool { left.text == right.text }

  package subscript(name: String) -> String? {
    items.first { $0.name == name && !$0.value.isEmpty }?.value
  }

  package func all(_ name: String) -> [String] {
    items.filter { $0.name == name && !$0.value.isEmpty }.map(\.value)
  }

  /// Values of a list, as in `runs=1,2` or `runs=1&runs=2`.
  package func list(_ name: String) -> [String] {
    all(name).flatMap { $0.split(separator: ",").map(String.init) }
  }

  /// The query with another value of a name, at its end; without the name for nil.
  package func with(_ name: String, _ value: String?) -> Query {
    var other = self
    other.items.removeAll { $0.name == name }
    if let value { other.items.append((name, value)) }
    return other
  }

  package func without(_ names: [String]) -> Query {
    names.reduce(self) { $0.with($1, nil) }
  }

  /// As it stands in an address, with its question mark; "?" alone for none, which a browser reads as this page
  /// without a query.
  package var text: String {
    "?" + items.map { "\(encoded($0.name))=\(encoded($0.value))" }.joined(separator: "&")
  }
}

/// A text as a part of an address: everything but letters, digits and - . _ ~ , : / is written by its bytes (RFC 3986).
package func encoded(_ text: String) -> String {
  var out = ""
  for byte in text.utf8 {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."),
      UInt8(ascii: "_"),
      UInt8(ascii: "~"), UInt8(ascii: ","):
      out.unicodeScalars.append(Unicode.Scalar(byte))
    default:
      let digits = String(byte, radix: 16, uppercase: true)
      out += "%" + (digits.count == 1 ? "0" : "") + digits
    }
  }
  return out
}

/// The text that a part of an address means; nil where it is no UTF-8 or holds a zero byte.
package func decoded(_ text: Substring) -> String? {
  var bytes: [UInt8] = []
  var rest = Array(text.utf8)[...]
  while let byte = rest.popFirst() {
    if byte == UInt8(ascii: "+") {
      bytes.append(UInt8(ascii: " "))
    } else if byte == UInt8(ascii: "%") {
      guard rest.count >= 2,
        let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16)
      else { return nil }
      bytes.append(value)
      rest.removeFirst(2)
    } else {
      bytes.append(byte)
    }
  }
  guard !bytes.contains(0), let decoded = String(validating: bytes, as: UTF8.self) else {
    return nil
  }
  return decoded
}
