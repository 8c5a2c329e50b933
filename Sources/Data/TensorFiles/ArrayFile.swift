// One array of an npz file, read in place, for arrays larger than memory.

import Files

/// Element types of an array; a stage that needs one of these refuses NumPy's other types.
package enum ArrayElement: String, Sendable {
  case uint8 = "|u1"
  case float32 = "<f4"
  case float64 = "<f8"

  fileprivate init?(_ encoding: ElementEncoding) {
    switch encoding {
    case .uint8: self = .uint8
    case .float32: self = .float32
    case .float64: self = .float64
    default: return nil
    }
  }
}

/// The elements of one array, row-major and little-endian. A stored array is mapped, not read.
package final class ArrayFile {
  package let path: String
  package let name: String
  package let shape: [Int]
  /// The elements; valid while this object lives.
  package let bytes: UnsafeRawBufferPointer
  private let archive: NumpyArchive
  private let inflated: Copy?

  private typealias Copy = UnsafeMutableRawBufferPointer

  /// Names of the arrays in an npz file.
  /// - Throws: `FileError`
  package static func names(in path: String) throws -> [String] { try open(path).names }

  /// The elements of an array of floating-point numbers of any width, as float64: statistics are often
  /// saved in the width of the features that they come from.
  /// - Throws: `FileError` naming file, array, and what would be right
  package static func doubles(
    in path: String, array name: String, dimensions: Int
  ) throws -> (shape: [Int], values: [Double]) {
    try open(path).withElements(of: name) { encoding, shape, data, _ in
      guard shape.count == dimensions else {
        throw wrongShape(path, name, shape, dimensions)
      }
      let count = data.count / encoding.size
      switch encoding {
      case .float64:
        return (
          shape,
          (0..<count).map { data.loadUnaligned(fromByteOffset: 8 * $0, as: Double.self) }
        )
      case .float32, .float16: return (shape, (0..<count).map { Double(encoding.value(data, $0)) })
      default:
        throw FileError(
          "\(path): array '\(name)' has elements that are no floating-point numbers; convert it with "
            + "numpy.astype('f8')")
      }
    }
  }

  private static func wrongShape(
    _ path: String, _ name: String, _ shape: [Int], _ dimensions: Int
  ) -> FileError {
    FileError(
      "\(path): array '\(name)' has shape \(shape), expected \(dimensions) "
        + (dimensions == 1 ? "dimension" : "dimensions"))
  }

  /// - Parameters:
  ///   - element: the type needed
  ///   - dimensions: the number of dimensions needed
  /// - Throws: `FileError` naming file, array, and what would be right
  package init(
    path: String, array name: String, of element: ArrayElement, dimensions: Int
  ) throws {
    (self.path, self.name) = (path, name)
    archive = try Self.open(path)
    let found = try archive.withElements(of: name) { encoding, shape, data, areStored in
      guard !areStored else {
        return (encoding: encoding, shape: shape, data: data, copy: Copy?.none)
      }
      let copy = Copy.allocate(byteCount: data.count, alignment: 64)
      copy.copyMemory(from: data)
      return (encoding, shape, UnsafeRawBufferPointer(copy), copy)
    }
    (shape, bytes, inflated) = (found.shape, found.data, found.copy)
    guard ArrayElement(found.encoding) == element else {
      throw FileError(
        "\(path): array '\(name)' has elements of another type than \(element.rawValue), which is "
          + "needed; convert it with numpy.astype")
    }
    guard shape.count == dimensions else { throw Self.wrongShape(path, name, shape, dimensions) }
  }

  deinit { inflated?.deallocate() }

  /// The bytes of rows of the first dimension.
  package func rows(_ range: Range<Int>) -> UnsafeRawBufferPointer {
    let size = shape[0] == 0 ? 0 : bytes.count / shape[0]
    return UnsafeRawBufferPointer(
      rebasing: bytes[range.lowerBound * size..<range.upperBound * size])
  }

  private static func open(_ path: String) throws -> NumpyArchive {
    let file = try MappedFile(path)
    guard file.bytes.prefix(4).elementsEqual([0x50, 0x4B, 0x03, 0x04]) else {
      throw FileError(
        "\(path): \(Compression.remark(on: file.bytes) ?? "is no npz file, as numpy.savez writes it")"
      )
    }
    return try NumpyArchive(ZipArchive(file))
  }
}
