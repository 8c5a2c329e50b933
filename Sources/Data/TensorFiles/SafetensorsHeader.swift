// The JSON header of a safetensors file, checked completely before any data are read.

import Files

/// One tensor of a file.
struct TensorRecord: Equatable {
  /// The element type as the file names it, such as `F32`.
  let typeName: String
  let shape: [Int]
  /// Range of its bytes in the data section.
  let range: Range<Int>

  /// The element type, if it can be read.
  var type: StoredType? { StoredType(rawValue: typeName) }
}

/// Element types that can be read; all become float32.
enum StoredType: String {
  case float64 = "F64"
  case float32 = "F32"
  case float16 = "F16"
  case bfloat16 = "BF16"

  /// Sizes in bytes of the format's types: others stand in files beside weights, as counters of steps.
  static let sizes = [
    "F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "U64": 8, "I32": 4, "U32": 4, "I16": 2,
    "U16": 2,
    "I8": 1, "U8": 1, "BOOL": 1, "F8_E4M3": 1, "F8_E5M2": 1, "F8_E8M0": 1, "C64": 8,
  ]

  var size: Int { Self.sizes[rawValue]! }
}

/// A parser for the JSON of headers alone. It reads each byte once and builds no tree.
struct SafetensorsHeader {
  private(set) var tensors: [String: TensorRecord] = [:]
  private(set) var metadata: [String: String] = [:]
  /// Largest name in bytes; a longer one would fill the error message that refuses it.
  static let longestName = 1000
  private let path: String
  private let bytes: UnsafeRawBufferPointer
  private var offset = 0

  /// - Parameters:
  ///   - bytes: the header without its length
  ///   - dataSize: number of bytes after the header
  /// - Throws: `FileError`
  init(path: String, bytes: UnsafeRawBufferPointer, dataSize: Int) throws {
    self.path = path
    self.bytes = bytes
    var names: Set<String> = []
    try members { header, name in
      guard names.insert(name).inserted else {
        throw header.broken("'\(name)' is given twice")
      }
      if name == "__metadata__" {
        var metadata: [String: String] = [:]
        try header.members { inner, key in
          let value = try inner.string()
          guard metadata.updateValue(value, forKey: key) == nil else {
            throw inner.broken("'\(key)' is given twice in __metadata__")
          }
        }
        header.metadata = metadata
      } else {
        header.tensors[name] = try header.tensor(name, dataSize: dataSize)
      }
    }
    skipSpace()
    guard offset == bytes.count else { throw broken("text after its end") }
    try checkCoverage(dataSize: dataSize)
  }

  /// Checks that tensors cover each byte of the data section exactly once, as the format demands.
  private func checkCoverage(dataSize: Int) throws {
    var end = 0
    let sorted = tensors.sorted {
      ($0.value.range.lowerBound, $0.value.range.upperBound, $0.key)
        < ($1.value.range.lowerBound, $1.value.range.upperBound, $1.key)
    }
    for (name, record) in sorted {
      guard record.range.lowerBound == end else {
        throw FileError(
          "\(path): tensor '\(name)' begins at byte \(record.range.lowerBound) of the data, "
            + "\(record.range.lowerBound < end ? "inside another; " : "after a hole; ")expected \(end)"
        )
      }
      end = record.range.upperBound
    }
    guard end == dataSize else {
      throw FileError(
        "\(path): \(dataSize) bytes of data, but its tensors cover \(end): truncated or too long")
    }
  }

  private mutating func tensor(_ name: String, dataSize: Int) throws -> TensorRecord {
    var type: String?
    var shape: [Int]?
    var offsets: [Int]?
    try members { header, key in
      switch key {
      case "dtype" where type == nil: type = try header.string(within: Self.longestName)
      case "shape" where shape == nil: shape = try header.integers()
      case "data_offsets" where offsets == nil: offsets = try header.integers()
      default:
        throw header.broken("tensor '\(name)' has a repeated or unknown key '\(key)'")
      }
    }
    guard let type, let shape, let offsets else {
      throw broken("tensor '\(name)' lacks dtype, shape or data_offsets")
    }
    guard offsets.count == 2, offsets[0] <= offsets[1], offsets[1] <= dataSize else {
      throw FileError(
        "\(path): tensor '\(name)' has data_offsets \(offsets), but the file holds \(dataSize) "
          + "bytes of data")
    }
    // A type that is not known here is refused when its tensor is read.
    guard let size = StoredType.sizes[type] else {
      return TensorRecord(typeName: type, shape: shape, range: offsets[0]..<offsets[1])
    }
    var count = size
    for side in shape {
      let (product, overflow) = count.multipliedReportingOverflow(by: side)
      guard !overflow else { throw broken("tensor '\(name)' has an impossible shape \(shape)") }
      count = product
    }
    guard count == offsets[1] - offsets[0] else {
      throw FileError(
        "\(path): tensor '\(name)' of shape \(shape) in \(type) needs \(count) bytes, its "
          + "data_offsets hold \(offsets[1] - offsets[0])")
    }
    return TensorRecord(typeName: type, shape: shape, range: offsets[0]..<offsets[1])
  }

  private func broken(_ what: String) -> FileError {
    FileError("\(path): damaged safetensors header at byte \(offset + 8): \(what)")
  }

  private mutating func skipSpace() {
    while offset < bytes.count, [32, 9, 10, 13].contains(bytes[offset]) { offset += 1 }
  }

  private mutating func take(_ character: Character) -> Bool {
    skipSpace()
    guard offset < bytes.count, bytes[offset] == character.asciiValue else { return false }
    offset += 1
    return true
  }

  private mutating func expect(_ character: Character) throws {
    guard take(character) else { throw broken("expected '\(character)'") }
  }

  /// Reads an object; `read` consumes each key's value.
  private mutating func members(_ read: (inout Self, String) throws -> Void) throws {
    try expect("{")
    if take("}") { return }
    repeat {
      let key = try string(within: Self.longestName)
      try expect(":")
      try read(&self, key)
    } while take(",")
    try expect("}")
  }

  private mutating func integers() throws -> [Int] {
    try expect("[")
    var values: [Int] = []
    if take("]") { return values }
    repeat {
      skipSpace()
      let start = offset
      while offset < bytes.count, (48...57).contains(bytes[offset]) { offset += 1 }
      guard let value = Int(String(decoding: bytes[start..<offset], as: UTF8.self)),
        values.count < 64
      else { throw broken("expected a number of bytes or elements") }
      values.append(value)
    } while take(",")
    try expect("]")
    return values
  }

  private mutating func string(within limit: Int = .max) throws -> String {
    try expect("\"")
    var units: [UInt8] = []
    while true {
      guard offset < bytes.count else { throw broken("a text without end") }
      guard units.count <= limit else { throw broken("a name of more than \(limit) bytes") }
      let byte = bytes[offset]
      offset += 1
      switch byte {
      case UInt8(ascii: "\""):
        guard let text = String(validating: units, as: UTF8.self) else {
          throw broken("a text that is not UTF-8")
        }
        return text
      case UInt8(ascii: "\\"): units += try escape()
      case 0..<32: throw broken("a control character in a text")
      default: units.append(byte)
      }
    }
  }

  private mutating func escape() throws -> [UInt8] {
    guard offset < bytes.count else { throw broken("a text without end") }
    let byte = bytes[offset]
    offset += 1
    switch byte {
    case UInt8(ascii: "n"): return [10]
    case UInt8(ascii: "t"): return [9]
    case UInt8(ascii: "r"): return [13]
    case UInt8(ascii: "b"): return [8]
    case UInt8(ascii: "f"): return [12]
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return [byte]
    case UInt8(ascii: "u"):
      var unit = UInt32(try hexadecimalUnit())
      if (0xD800..<0xDC00).contains(unit) {
        guard offset + 2 <= bytes.count, bytes[offset] == UInt8(ascii: "\\"),
          bytes[offset + 1] == UInt8(ascii: "u")
        else { throw broken("half a surrogate pair") }
        offset += 2
        let low = UInt32(try hexadecimalUnit())
        guard (0xDC00..<0xE000).contains(low) else { throw broken("half a surrogate pair") }
        unit = 0x10000 + (unit - 0xD800) << 10 + (low - 0xDC00)
      }
      guard let scalar = Unicode.Scalar(unit) else { throw broken("half a surrogate pair") }
      return Array(String(Character(scalar)).utf8)
    default: throw broken("an unknown escape")
    }
  }

  private mutating func hexadecimalUnit() throws -> UInt16 {
    guard offset + 4 <= bytes.count,
      bytes[offset..<offset + 4].allSatisfy({
        Character(Unicode.Scalar($0)).isHexDigit && $0 < 128
      }),
      let unit = UInt16(String(decoding: bytes[offset..<offset + 4], as: UTF8.self), radix: 16)
    else { throw broken("an escape that is no number") }
    offset += 4
    return unit
  }
}
