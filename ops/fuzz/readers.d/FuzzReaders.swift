// One program for two uses: libFuzzer calls a function, a person names files.

import Glibc

#if FUZZING
  /// The reader named by PRA_FUZZ.
  private let reader: Reader = {
    guard let name = getenv("PRA_FUZZ"), let reader = Reader(rawValue: String(cString: name)) else {
      fatalError("PRA_FUZZ: expected one of \(Reader.allCases.map(\.rawValue))")
    }
    return reader
  }()

  @_cdecl("LLVMFuzzerTestOneInput")
  public func fuzzOneInput(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    reader.read(UnsafeRawBufferPointer(start: bytes, count: count))
    return 0
  }

  @_silgen_name("LLVMFuzzerRunDriver")
  private func runDriver(
    _ count: UnsafeMutablePointer<CInt>,
    _ words: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?>,
    _ body: @convention(c) (UnsafePointer<UInt8>?, Int) -> CInt
  ) -> CInt

  /// The function that the package manager takes for the program's main function.
  @_cdecl("fuzz_readers_main")
  public func fuzzReadersMain(
    _ count: CInt, _ words: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
  ) -> CInt {
    var (count, words) = (count, words)
    return runDriver(&count, &words, fuzzOneInput)
  }
#else
  /// `fuzz-readers READER FILE...` reads each file once; it traps if a reader does.
  @main
  struct FuzzReaders {
    static func main() throws {
      let words = CommandLine.arguments
      guard words.count > 2, let reader = Reader(rawValue: words[1]) else {
        print(
          "usage: fuzz-readers \(Reader.allCases.map(\.rawValue).joined(separator: "|")) FILE...")
        exit(2)
      }
      for path in words.dropFirst(2) {
        guard let file = fopen(path, "r") else {
          print("\(path): \(String(cString: strerror(errno)))")
          exit(1)
        }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65536)
        while case let count = fread(&buffer, 1, buffer.count, file), count > 0 {
          bytes += buffer[..<count]
        }
        fclose(file)
        bytes.withUnsafeBytes { reader.read($0) }
      }
    }
  }
#endif
