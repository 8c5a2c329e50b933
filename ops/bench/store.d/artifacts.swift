// Artifacts: bytes a second into a store and out of it, beside what the disk and COPY do alone.

import Foundation
import Postgres
import RunStore

func text(_ name: String) -> String? {
  let words = CommandLine.arguments
  return words.firstIndex(of: "--\(name)").map { words[$0 + 1] }
}

/// Highest resident memory of this process so far, in MiB.
func peakMemory() -> Int {
  let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
  let line = status.split(separator: "\n").first { $0.hasPrefix("VmHWM") } ?? ""
  return (Int(line.split(whereSeparator: \.isWhitespace).dropFirst().first ?? "") ?? 0) / 1024
}

/// A file of bytes that no compression or deduplication makes smaller.
func makeFile(_ path: String, megabytes: Int) throws {
  _ = FileManager.default.createFile(atPath: path, contents: nil)
  let file = try FileHandle(forWritingTo: URL(filePath: path))
  var state = UInt64(getpid()) &* 0x9E37_79B9_7F4A_7C15 | 1
  var block = [UInt64](repeating: 0, count: 1 << 17)
  for _ in 0..<megabytes {
    for i in block.indices {
      state ^= state << 13
      state ^= state >> 7
      state ^= state << 17
      block[i] = state
    }
    try block.withUnsafeBytes { try file.write(contentsOf: Data($0)) }
  }
  try file.synchronize()
  try file.close()
}

/// Stores a file and fetches it, in the store `--store` (database where it is left out).
func benchArtifacts(megabytes: Int) throws {
  let world = try BenchWorld()
  defer { try? world.end() }
  let location = text("store") ?? "database"
  try world.admin.query(
    "select pra.use_store($1)",
    [.text(location == "file" ? "file:\(world.folder)/artifacts" : location)])
  if location == "file" {
    try FileManager.default.createDirectory(
      atPath: "\(world.folder)/artifacts", withIntermediateDirectories: true)
  }
  let source = "\(world.folder)/source"
  try makeFile(source, megabytes: megabytes)
  let session = try world.session(ProcessInfo.processInfo.environment)
  func rate(_ time: Double) -> String { "\(Int(Double(megabytes) / time)) MiB/s" }

  // What the same disk, or COPY into the same table, takes for the same bytes.
  var plain = 0.0
  if location == "database" {
    try world.admin.run(
      "create table plain (n int8, bytes bytea); alter table plain alter bytes set storage external"
    )
    plain = try seconds {
      let file = try FileHandle(forReadingFrom: URL(filePath: source))
      var number: Int64 = 0
      while let bytes = try file.read(upToCount: 1 << 20), !bytes.isEmpty {
        var copy = BinaryCopy()
        copy.row(columns: 2)
        copy.append(number)
        copy.append(bytes: [UInt8](bytes))
        number += 1
        try world.admin.transaction {
          try world.admin.run("set local synchronous_commit = off")
          try world.admin.copy("copy plain from stdin (format binary)", copy)
        }
      }
      try world.admin.run("insert into plain values (-1, null)")
    }
    try world.admin.run("drop table plain; checkpoint")
  } else if location == "file" {
    plain = try seconds {
      let from = try FileHandle(forReadingFrom: URL(filePath: source))
      _ = FileManager.default.createFile(atPath: "\(world.folder)/copy", contents: nil)
      let to = try FileHandle(forWritingTo: URL(filePath: "\(world.folder)/copy"))
      while let bytes = try from.read(upToCount: 1 << 20), !bytes.isEmpty {
        try to.write(contentsOf: bytes)
      }
      try to.synchronize()
    }
    try FileManager.default.removeItem(atPath: "\(world.folder)/copy")
  }
  var sha256 = ""
  let store = try seconds {
    sha256 = try session.storeArtifact(
      file: source, name: "weights.bin", mediaType: "application/octet-stream"
    ).sha256
  }
  try FileManager.default.removeItem(atPath: source)
  let fetch = try seconds {
    try session.fetchArtifact(sha256: sha256, to: "\(world.folder)/fetched")
  }
  print(
    "artifacts: \(location.prefix(40)): \(megabytes) MiB stored at \(rate(store)), fetched at "
      + "\(rate(fetch))" + (plain > 0 ? ", a plain write alone \(rate(plain))" : "")
      + "; peak memory \(peakMemory()) MiB")
  try session.finish(outputs: [:])
}

/// How long a training loop stands still for a checkpoint: its copy, while the rest goes on beside it.
func benchCheckpoint(megabytes: Int) throws {
  let world = try BenchWorld()
  defer { try? world.end() }
  let session = try world.session()
  let count = megabytes << 20
  let state = UnsafeMutableRawPointer.allocate(byteCount: count, alignment: 4096)
  let snapshot = Block(UnsafeMutableRawPointer.allocate(byteCount: count, alignment: 4096))
  memset(state, 1, count)
  memset(snapshot.address, 2, count)
  for i in 0..<megabytes { state.storeBytes(of: i, toByteOffset: i << 20, as: Int.self) }
  let copy = seconds { memcpy(snapshot.address, state, count) }
  let begin = try seconds {
    try session.beginCheckpoint(step: 1) { folder in
      let file = FileManager.default.createFile(atPath: "\(folder)/weights", contents: nil)
      precondition(file)
      let handle = try FileHandle(forWritingTo: URL(filePath: "\(folder)/weights"))
      for i in 0..<megabytes {
        try handle.write(
          contentsOf: Data(
            bytesNoCopy: snapshot.address + i << 20, count: 1 << 20, deallocator: .none))
      }
      try handle.synchronize()
      return [(name: "weights.bin", path: "\(folder)/weights")]
    }
  }
  let rest = try seconds { try session.waitForCheckpoint() }
  print(
    "checkpoint: \(megabytes) MiB: the loop stands still for \(Int(copy * 1000)) ms (copy) + "
      + "\(String(format: "%.1f", begin * 1000)) ms (begin); durable \(String(format: "%.1f", rest)) s later"
  )
  try session.finish(outputs: [:])
}

/// Sendable: written before the thread that reads it begins.
struct Block: @unchecked Sendable {
  let address: UnsafeMutableRawPointer
  init(_ address: UnsafeMutableRawPointer) { self.address = address }
}
