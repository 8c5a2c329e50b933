// Reading npz archives of npy arrays: numpy.lib.format, versions 1 to 3.

import Files

/// The arrays of an npz file by their names without `.npy`.
final class NumpyArchive: TensorSource {
  let path: String
  let names: [String]
  private let archive: ZipArchive

  init(_ archive: ZipArchive) throws {
    self.archive = archive
    path = archive.path
    names = archive.entries.map(\.name).filter { $0.hasSuffix(".npy") }
      .map { String($0.dropLast(4)) }
      .sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    guard !names.isEmpty else {
      throw FileError(
        "\(path): is a zip without arrays (.npy), as an npz has them, and without a torch state")
    }
  }

  func shape(of name: String) throws -> [Int] { try array(name).shape }

  func read(_ name: String) throws -> [Float] {
    let array = try array(name)
    return try archive.withBytes(array.entry) { bytes in
      let data = UnsafeRawBufferPointer(rebasing: bytes[array.start...])
      return (0..<data.count / array.encoding.size).map { array.encoding.value(data, $0) }
    }
  }

  /// Calls `body` with an array's type, its shape, and its elements as stored.
  ///
  /// Stored elements are the file's own bytes and are valid while the archive lives; others were
  /// inflated for this call alone.
  func withElements<T>(
    of name: String,
    _ body: (ElementEncoding, [Int], UnsafeRawBufferPointer, _ areStored: Bool) throws -> T
  ) throws -> T {
    let array = try array(name)
    return try archive.withBytes(array.entry) { bytes in
      try body(
        array.encoding, array.shape, UnsafeRawBufferPointer(rebasing: bytes[array.start...]),
        array.entry.method == 0)
    }
  }

  private struct Header {
    let encoding: ElementEncoding
    let shape: [Int]
  }

  /// One array whose header was read; it has as many bytes as its shape needs.
  private struct Record {
    let entry: ZipArchive.Entry
    let encoding: ElementEncoding
    let shape: [Int]
    /// Offset of the data in the entry's bytes.
    let start: Int
  }

  /// Largest size of a header: NumPy refuses more than 10,000 bytes (numpy.lib.format,
  /// max_header_size).
  private static let longestHeader = 10_000

  private func array(_ name: String) throws -> Record {
    guard let entry = archive.entry("\(name).npy") else {
      throw FileError("\(path): holds no array '\(name)'; it has \(names.count) others")
    }
    let place = "\(path): \(entry.name)"
    return try archive.prefix(of: entry, 12 + Self.longestHeader).withUnsafeBytes { bytes in
      guard bytes.count >= 10, bytes.starts(with: [0x93] + Array("NUMPY".utf8)) else {
        throw FileError("\(place): is no npy array")
      }
      let reader = ByteReader(bytes, path: place)
      let (start, length) =
        bytes[6] == 1 ? (10, Int(try reader.u16(8))) : (12, Int(try reader.u32(8)))
      guard length <= Self.longestHeader else {
        throw FileError(
          "\(place): an npy header of \(length) bytes; at most \(Self.longestHeader) are read")
      }
      let header = try Self.parse(
        String(decoding: try reader.slice(start, length), as: UTF8.self), place)
      let data = entry.size - start - length
      guard let count = elementCount(header.shape),
        !count.multipliedReportingOverflow(by: header.encoding.size).overflow,
        count * header.encoding.size == data
      else {
        throw FileError("\(place): shape \(header.shape) does not fit its \(data) bytes of data")
      }
      return Record(
        entry: entry, encoding: header.encoding, shape: header.shape, start: start + length)
    }
  }

  /// Parses `{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }`.
  private static func parse(_ text: String, _ place: String) throws -> Header {
    guard
      let descr = text.firstMatch(of: /'descr': *'([^']{1,16})'/)?.1,
      let order = text.firstMatch(of: /'fortran_order': *(True|False)/)?.1,
      let sides = text.firstMatch(of: /'shape': *\(([0-9, ]*)\)/)?.1
    else { throw FileError("\(place): damaged npy header '\(text.prefix(80))'") }
    guard order == "False" else {
      throw FileError("\(place): is in Fortran's order; save it with numpy.ascontiguousarray")
    }
    guard let encoding = ElementEncoding(numpy: String(descr)) else {
      throw FileError(
        "\(place): has type \(descr); <f8, <f4, <f2, <i8, <i4, <i2, |i1, |u1 and |b1 are read")
    }
    let shape = try sides.split(separator: ",").map { side -> Int in
      guard let number = Int(side.filter { $0 != " " }) else {
        throw FileError("\(place): impossible shape (\(sides))")
      }
      return number
    }
    return Header(encoding: encoding, shape: shape)
  }
}
