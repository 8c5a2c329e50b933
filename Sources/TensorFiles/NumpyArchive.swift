// Reading npz archives of npy arrays: numpy.lib.format, versions 1 to 3.

import Files

/// The arrays of an npz file under their names without `.npy`.
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
      throw FileError("\(path): a zip without arrays (.npy) and without data.pkl: no weights")
    }
  }

  /// Whether the array's bytes are in the file as they are.
  func isStored(_ name: String) -> Bool { archive.entry("\(name).npy")?.method == 0 }

  func shape(of name: String) throws -> [Int] {
    try withArray(name) { header, _ in header.shape }
  }

  func read(_ name: String) throws -> [Float] {
    try withArray(name) { header, data in
      (0..<data.count / header.encoding.size).map { header.encoding.value(data, $0) }
    }
  }

  struct Header {
    let encoding: ElementEncoding
    let shape: [Int]
  }

  /// Calls body with an array's header and its elements as they lie; a stored array's bytes are the
  /// file's and stay as long as the archive.
  func withArray<T>(
    _ name: String, _ body: (Header, UnsafeRawBufferPointer) throws -> T
  ) throws -> T {
    guard let entry = archive.entry("\(name).npy") else {
      throw FileError("\(path): holds no array '\(name)'; it has \(names.count) others")
    }
    return try archive.withBytes(entry) { bytes in
      let place = "\(path): \(entry.name)"
      guard bytes.count >= 10, bytes.starts(with: [0x93] + Array("NUMPY".utf8)) else {
        throw FileError("\(place): is no npy array")
      }
      let reader = ByteReader(bytes, path: place)
      let (start, length) =
        bytes[6] == 1 ? (10, Int(try reader.u16(8))) : (12, Int(try reader.u32(8)))
      let text = String(decoding: try reader.slice(start, length), as: UTF8.self)
      let header = try Self.parse(text, place)
      let data = UnsafeRawBufferPointer(rebasing: bytes[(start + length)...])
      guard let count = elementCount(header.shape),
        !count.multipliedReportingOverflow(by: header.encoding.size).overflow,
        count * header.encoding.size == data.count
      else {
        throw FileError(
          "\(place): shape \(header.shape) does not fit its \(data.count) bytes of data")
      }
      return try body(header, data)
    }
  }

  /// `{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }`
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
