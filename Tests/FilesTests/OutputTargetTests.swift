// Outputs that a person names: links are followed, what is no file is written to.

import Foundation
import Testing

@testable import Files

@Suite struct OutputTargetTests {
  private func write(_ text: String, to path: String) throws {
    let file = try DurableFile(path)
    try file.write(Array(text.utf8))
    try file.commit()
  }

  private func kind(_ path: String) -> mode_t {
    var status = stat()
    return lstat(path, &status) == 0 ? status.st_mode & S_IFMT : 0
  }

  @Test("the file behind a link is replaced, and the link stays", arguments: [true, false])
  func links(exists: Bool) throws {
    let scratch = try Scratch()
    try FileManager.default.createDirectory(
      atPath: "\(scratch.path)/data", withIntermediateDirectories: false)
    if exists { _ = try scratch.file("data/real", Array("old".utf8)) }
    #expect(symlink("data/near", "\(scratch.path)/far") == 0)
    #expect(symlink("real", "\(scratch.path)/data/near") == 0)
    try write("new", to: "\(scratch.path)/far")
    #expect(try scratch.bytes("data/real") == Array("new".utf8))
    #expect(kind("\(scratch.path)/far") == S_IFLNK && kind("\(scratch.path)/data/near") == S_IFLNK)
    #expect(
      try FileManager.default.contentsOfDirectory(atPath: "\(scratch.path)/data").sorted()
        == ["near", "real"])
  }

  @Test func aFileKeepsItsMode() throws {
    let scratch = try Scratch()
    let path = try scratch.file("private", [1])
    #expect(chmod(path, 0o600) == 0)
    try write("new", to: path)
    var status = stat()
    #expect(stat(path, &status) == 0 && status.st_mode & 0o777 == 0o600)
  }

  @Test func aDeviceStaysADevice() throws {
    try write("nothing", to: "/dev/null")
    #expect(kind("/dev/null") == S_IFCHR)
    let error = #expect(throws: FileError.self) { try write("x", to: "/dev/full") }
    #expect(error?.description == "/dev/full: cannot be written: No space left on device")
    #expect(kind("/dev/full") == S_IFCHR)
  }

  @Test func aPipeIsWrittenTo() throws {
    let scratch = try Scratch()
    let pipe = "\(scratch.path)/pipe"
    #expect(mkfifo(pipe, 0o600) == 0)
    let reader = open(pipe, O_RDONLY | O_NONBLOCK)
    defer { close(reader) }
    try write("through", to: pipe)
    var buffer = [UInt8](repeating: 0, count: 16)
    let count = read(reader, &buffer, buffer.count)
    #expect(String(decoding: buffer[..<max(0, count)], as: UTF8.self) == "through")
    #expect(kind(pipe) == S_IFIFO)
  }

  @Test func aSocketIsWrittenTo() throws {
    let scratch = try Scratch()
    let path = "\(scratch.path)/s"
    let server = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(server) }
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
    let isBound = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(server, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    #expect(isBound == 0 && listen(server, 1) == 0)
    try write("hello", to: path)
    let client = accept(server, nil, nil)
    defer { close(client) }
    var buffer = [UInt8](repeating: 0, count: 16)
    let count = read(client, &buffer, buffer.count)
    #expect(String(decoding: buffer[..<max(0, count)], as: UTF8.self) == "hello")
    #expect(kind(path) == S_IFSOCK)
  }

  @Test func whatCannotBeWrittenIsNamedAsItWasGiven() throws {
    let scratch = try Scratch()
    #expect(symlink("b", "\(scratch.path)/a") == 0 && symlink("a", "\(scratch.path)/b") == 0)
    for path in ["\(scratch.path)/a", scratch.path, "\(scratch.path)/none/x"] {
      let error = #expect(throws: FileError.self) { try write("x", to: path) }
      #expect(error?.description.hasPrefix("\(path): ") == true, "\(String(describing: error))")
    }
  }

  @Test(arguments: [
    ("plain ünï 漢 👩‍💻 می‌خواهم", "plain ünï 漢 👩‍💻 می‌خواهم"), ("a\u{1B}[31mb", #"a\x1b[31mb"#),
    ("a\nb\rc\td\0", #"a\nb\rc\td\x00"#), ("\u{7F}\u{9B}31m", #"\x7f\x9b31m"#),
    ("x\u{202E}gpj\u{2066}", #"x\u{202e}gpj\u{2066}"#),
    ("z\u{200B}\u{FEFF}\u{2028}\u{00AD}", #"z\u{200b}\u{feff}\u{2028}\xad"#),
  ])
  func whatATerminalObeysIsShownAsEscapes(text: String, shown: String) {
    #expect(text.shown == shown)
  }
}
