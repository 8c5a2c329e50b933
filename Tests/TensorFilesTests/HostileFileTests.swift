// Files made to exhaust memory: the memory for reading them is measured in a process of its own.

import Foundation
import Testing

/// KiB beyond the file's own size. The most expensive pickle found, a million values of one element
/// each, takes 103 MiB.
private let bound = 160 << 10

@Suite struct HostileFileTests {
  let scratch: Scratch

  init() throws { scratch = try Scratch() }

  /// Reads a file and checks the peak of resident memory.
  /// - Returns: the program's output
  private func read(_ path: String, _ more: String...) throws -> String {
    let process = Process()
    process.executableURL = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath()
      .deletingLastPathComponent().appending(path: "read-weights")
    process.arguments = [path] + more
    let output = Pipe()
    process.standardOutput = output
    try process.run()
    let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    #expect(process.terminationStatus == 0, "\(path): \(text)")
    let peak = try #require(text.firstMatch(of: /peak: ([0-9]+)/).flatMap { Int($0.1) })
    let size = try FileManager.default.attributesOfItem(atPath: path)[.size] as? Int ?? 0
    #expect(peak > 1000 && peak < bound + size >> 10, "\(path): \(peak) KiB, file \(size >> 10)")
    #expect(text.utf8.count < 4000, "a message fills the log")
    return text
  }

  // MARK: pickles

  /// A legacy torch file around a pickle.
  private func legacy(_ name: String, _ pickle: [UInt8]) throws -> String {
    let magic: [UInt8] = [
      0x80, 2, 0x8A, 10, 0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19, 0x2E,
    ]
    let version: [UInt8] = [0x80, 2, 0x4D, 0xE9, 0x03, 0x2E]
    let sizes: [UInt8] = [0x80, 2, 0x7D, 0x2E]
    return try scratch.file(
      "\(name).pth", magic + version + sizes + pickle + [0x80, 2, 0x5D, 0x2E])
  }

  private func repeated(_ bytes: [UInt8], _ count: Int) -> [UInt8] {
    var all: [UInt8] = []
    all.reserveCapacity(bytes.count * count)
    for _ in 0..<count { all += bytes }
    return all
  }

  @Test func valuesAreCounted() throws {
    // Tuples of one value each take the most memory per byte.
    let path = try legacy("values", [0x80, 2, 0x4E] + repeated([0x85], 1_100_000) + [0x2E])
    #expect(try read(path).contains("values.pth: damaged or hostile pickle at byte"))
  }

  @Test func theMemoIsCounted() throws {
    var puts: [UInt8] = []
    for key in 0..<1_100_000 {
      puts += [0x72] + withUnsafeBytes(of: UInt32(key).littleEndian) { Array($0) }
    }
    let path = try legacy("memo", [0x80, 2, 0x4E] + puts + [0x2E])
    #expect(try read(path).contains("more than 1000000 values"))
  }

  @Test func theStackIsCounted() throws {
    let path = try legacy(
      "stack", [0x80, 2, 0x4E, 0x71, 0] + repeated([0x68, 0], 1_100_000) + [0x2E])
    #expect(try read(path).contains("more than 1000000 values"))
  }

  /// One list of 100,000 pairs, given to 5,000 calls, would take 8 GB.
  @Test func aListGivenToManyCallsIsCounted() throws {
    let ordered = [0x63] + Array("collections\nOrderedDict\n".utf8)
    let pair: [UInt8] = [0x4E, 0x4E, 0x86, 0x71, 1]
    let list = [0x5D, 0x71, 2, 0x28] + repeated([0x68, 1], 100_000) + [0x65]
    let call: [UInt8] = [0x68, 3, 0x68, 2, 0x85, 0x52]
    let path = try legacy(
      "calls", [0x80, 2] + pair + ordered + [0x71, 3] + list + repeated(call, 5000) + [0x2E])
    #expect(try read(path).contains("more than 1000000 values"))
  }

  @Test func aLengthBeyondTheFileTakesNothing() throws {
    let path = try legacy("text", [0x80, 2, 0x58, 0xFF, 0xFF, 0xFF, 0x7F, 0x2E])
    #expect(try read(path).contains("text.pth: pickle: truncated: 2147483647 bytes"))
  }

  /// A view of stride 0 turns one element into a thousand million.
  @Test func aTensorIsNoLargerThanItsStorage() throws {
    func text(_ text: String) -> [UInt8] {
      [0x58, UInt8(text.utf8.count), 0, 0, 0] + Array(text.utf8)
    }
    let many: [UInt8] = [0x4A, 0, 0, 0, 0x40]
    let storage =
      [0x28] + text("storage") + [0x63] + Array("torch\nFloatStorage\n".utf8) + text("0")
      + text("cpu") + many + [0x74, 0x51]
    let tensor =
      [0x63] + Array("torch._utils\n_rebuild_tensor_v2\n".utf8) + [0x28] + storage + [0x4B, 0]
      + many + [0x85, 0x4B, 0, 0x85, 0x89, 0x4E, 0x74, 0x52]
    let pickle = [0x80, 2, 0x7D] + text("w") + tensor + [0x73, 0x2E]
    let whole = try zip(
      "view.pt",
      [
        Entry("a/data.pkl", pickle, method: 0), Entry("a/data/0", [0, 0, 128, 63], method: 0),
      ])
    #expect(try read(whole).contains("tensor 'w' claims 1073741824 elements in a storage of 1"))
  }

  // MARK: archives

  private struct Entry {
    let name: String
    let bytes: [UInt8]
    let method: UInt16
    /// The size in the directory; nil for the true one.
    let size: Int?

    init(_ name: String, _ bytes: [UInt8], method: UInt16, size: Int? = nil) {
      (self.name, self.bytes, self.method, self.size) = (name, bytes, method, size)
    }
  }

  /// A zip archive by APPNOTE.TXT 4.3; the checks of stored entries are right.
  private func zip(_ name: String, _ entries: [Entry]) throws -> String {
    func le<T: FixedWidthInteger>(_ value: T) -> [UInt8] {
      withUnsafeBytes(of: value.littleEndian) { Array($0) }
    }
    var (file, directory): ([UInt8], [UInt8]) = ([], [])
    for entry in entries {
      let sizes =
        le(crc(entry.bytes)) + le(UInt32(entry.bytes.count))
        + le(UInt32(entry.size ?? entry.bytes.count))
      let fields = le(UInt16(20)) + le(UInt16(0)) + le(entry.method) + le(UInt32(0)) + sizes
      let names = le(UInt16(entry.name.utf8.count)) + le(UInt16(0))
      directory +=
        le(UInt32(0x0201_4B50)) + le(UInt16(20)) + fields + names + le(UInt16(0)) + le(UInt64(0))
        + le(UInt32(file.count)) + Array(entry.name.utf8)
      file += le(UInt32(0x0403_4B50)) + fields + names + Array(entry.name.utf8) + entry.bytes
    }
    let end =
      le(UInt32(0x0605_4B50)) + le(UInt32(0)) + le(UInt16(entries.count))
      + le(UInt16(entries.count)) + le(UInt32(directory.count)) + le(UInt32(file.count))
      + le(UInt16(0))
    return try scratch.file(name, file + directory + end)
  }

  private func crc(_ bytes: [UInt8]) -> UInt32 {
    guard bytes.count < 10_000 else { return 0 }
    var crc: UInt32 = 0xFFFF_FFFF
    for byte in bytes {
      crc ^= UInt32(byte)
      for _ in 0..<8 { crc = crc & 1 == 1 ? crc >> 1 ^ 0xEDB8_8320 : crc >> 1 }
    }
    return ~crc
  }

  /// Deflate (RFC 1951) of a text followed by 258 * `matches` copies of its last byte, 13 bits per
  /// match.
  private func deflated(_ text: [UInt8], matches: Int) -> [UInt8] {
    var (bytes, bits, held): ([UInt8], UInt64, Int) = ([], 0, 0)
    func put(_ value: UInt64, _ count: Int) {
      bits |= value << held
      held += count
      while held >= 8 {
        bytes.append(UInt8(bits & 0xFF))
        (bits, held) = (bits >> 8, held - 8)
      }
    }
    // Huffman codes are written from their highest bit.
    func code(_ value: UInt64, _ count: Int) {
      for i in (0..<count).reversed() { put(value >> i & 1, 1) }
    }
    put(0b011, 3)
    for byte in text {
      if byte < 144 { code(0x30 + UInt64(byte), 8) } else { code(0x190 + UInt64(byte) - 144, 9) }
    }
    for _ in 0..<matches {
      code(0b1100_0101, 8)
      code(0, 5)
    }
    code(0, 7)
    put(0, 7)
    return bytes
  }

  /// 300 KB that inflate to 45 MB: an entry is inflated only as far as a tensor needs.
  @Test func anArchiveIsInflatedAsFarAsItsTensorGoes() throws {
    let elements = 11_610_000
    let dictionary = "{'descr': '<f4', 'fortran_order': False, 'shape': (\(elements),), }"
    let padded = dictionary + String(repeating: " ", count: 117 - dictionary.utf8.count) + "\n"
    let header = [0x93] + Array("NUMPY".utf8) + [1, 0, 118, 0] + Array(padded.utf8)
    let size = header.count + elements * 4
    let zeros = [UInt8](repeating: 0, count: 258)
    let bomb = deflated(header + zeros, matches: elements * 4 / 258 - 1)
    let path = try zip("bomb.npz", [Entry("w.npy", bomb, method: 8, size: size)])
    #expect(
      try read(path, "w", "2").contains(
        "bomb.npz: tensor 'w' has shape [\(elements)], expected [2]"))

    let claims = try zip("claims.npz", [Entry("w.npy", bomb, method: 8, size: 4_000_000_000)])
    #expect(try read(claims, "w", "2").contains("w.npy: shape [\(elements)] does not fit its"))
  }

  @Test func smallPartsOfATorchFileStaySmall() throws {
    let order = deflated([108], matches: 800_000)
    let path = try zip(
      "order.pt",
      [
        Entry("a/data.pkl", [0x80, 2, 0x7D, 0x2E], method: 0),
        Entry("a/byteorder", order, method: 8, size: 206_400_001),
      ])
    #expect(try read(path).contains("order.pt: byteorder takes 206400001 bytes"))
    let pickle = try zip(
      "pickle.pt", [Entry("a/data.pkl", order, method: 8, size: 206_400_001)])
    #expect(try read(pickle).contains("a pickle of 206400001 bytes; no weights have one"))
    let lies = try zip("lies.pt", [Entry("a/data.pkl", order, method: 8, size: 6)])
    #expect(try read(lies).contains("'a/data.pkl' does not inflate to its size"))
  }

  // MARK: safetensors

  private func safetensors(_ name: String, _ header: String, length: UInt64? = nil) throws -> String
  {
    let size = length ?? UInt64(header.utf8.count)
    return try scratch.file(
      "\(name).safetensors",
      withUnsafeBytes(of: size.littleEndian) { Array($0) } + Array(header.utf8))
  }

  @Test func aHeaderIsNoLargerThanItsFile() throws {
    let path = try safetensors("length", "{}", length: 1 << 62)
    #expect(try read(path).contains("a header of 4611686018427387904 bytes in a file of 10"))
  }

  @Test func aNameOfMegabytesIsRefusedBriefly() throws {
    let name = String(repeating: "n", count: 4 << 20)
    let path = try safetensors("name", #"{"\#(name)":{"dtype":"F32"}}"#)
    #expect(try read(path).contains("a name of more than 1000 bytes"))
  }

  /// A valid header of 7 MB: a hundred thousand empty tensors.
  @Test func manyTensorsTakeWhatTheirNamesTake() throws {
    let members = (0..<100_000).map {
      #""t\#($0)":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}"#
    }
    let path = try safetensors("many", "{\(members.joined(separator: ","))}")
    #expect(try read(path).contains("tensors: 100000"))
  }
}
