// Element types of torch storages and NumPy arrays; all are read as float32.

/// Encodings of numbers in a file, little-endian.
enum ElementEncoding {
  case float64, float32, float16, bfloat16, int64, int32, int16, int8, uint8, bool

  /// Reads the name of a torch storage, such as `FloatStorage`.
  init?(storage name: String) {
    switch name {
    case "DoubleStorage": self = .float64
    case "FloatStorage": self = .float32
    case "HalfStorage": self = .float16
    case "BFloat16Storage": self = .bfloat16
    case "LongStorage": self = .int64
    case "IntStorage": self = .int32
    case "ShortStorage": self = .int16
    case "CharStorage": self = .int8
    case "ByteStorage": self = .uint8
    case "BoolStorage": self = .bool
    default: return nil
    }
  }

  /// Reads the name of a torch dtype, such as `float32`.
  init?(dtype name: String) {
    switch name {
    case "float64", "double": self = .float64
    case "float32", "float": self = .float32
    case "float16", "half": self = .float16
    case "bfloat16": self = .bfloat16
    case "int64", "long": self = .int64
    case "int32", "int": self = .int32
    case "int16", "short": self = .int16
    case "int8": self = .int8
    case "uint8": self = .uint8
    case "bool": self = .bool
    default: return nil
    }
  }

  /// Reads NumPy's `descr`.
  init?(numpy text: String) {
    switch text {
    case "<f8": self = .float64
    case "<f4": self = .float32
    case "<f2": self = .float16
    case "<i8": self = .int64
    case "<i4": self = .int32
    case "<i2": self = .int16
    case "|i1": self = .int8
    case "|u1": self = .uint8
    case "|b1": self = .bool
    default: return nil
    }
  }

  var size: Int {
    switch self {
    case .float64, .int64: 8
    case .float32, .int32: 4
    case .float16, .bfloat16, .int16: 2
    case .int8, .uint8, .bool: 1
    }
  }

  /// Element i of bytes, which need not be aligned.
  func value(_ bytes: UnsafeRawBufferPointer, _ i: Int) -> Float {
    let at = i * size
    switch self {
    case .float64: return Float(bytes.loadUnaligned(fromByteOffset: at, as: Double.self))
    case .float32: return bytes.loadUnaligned(fromByteOffset: at, as: Float.self)
    case .float16: return Float(bytes.loadUnaligned(fromByteOffset: at, as: Float16.self))
    case .bfloat16:
      let half = bytes.loadUnaligned(fromByteOffset: at, as: UInt16.self)
      return Float(bitPattern: UInt32(half) << 16)
    case .int64: return Float(bytes.loadUnaligned(fromByteOffset: at, as: Int64.self))
    case .int32: return Float(bytes.loadUnaligned(fromByteOffset: at, as: Int32.self))
    case .int16: return Float(bytes.loadUnaligned(fromByteOffset: at, as: Int16.self))
    case .int8: return Float(bytes.loadUnaligned(fromByteOffset: at, as: Int8.self))
    case .uint8, .bool: return Float(bytes[at])
    }
  }
}

/// The product of all dimensions; nil if one is negative or the product overflows.
func elementCount(_ shape: [Int]) -> Int? {
  var count = 1
  for side in shape {
    guard side >= 0 else { return nil }
    let (product, overflow) = count.multipliedReportingOverflow(by: side)
    guard !overflow else { return nil }
    count = product
  }
  return count
}
