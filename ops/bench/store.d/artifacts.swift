// Artifacts: bytes per second into a store and out of it, beside what the disk and COPY alone
// achieve.

import Files
import Foundation
import Postgres

/// Highest resident memory of this process so far in MiB.
func peakMemory() -> Int {
  let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
  let line = status.split(separator: "\n").first { $0.hasPrefix("VmHWM") } ?? ""
  return (Int(line.split(whereSeparator: \.isWhitespace).dropFirst().first ?? "") ?? 0) / 1024
}

/// Makes a file of bytes that neither compression nor deduplication makes smaller.
func makeFile(_ path: String, megabytes: Int, seed: Int) throws {
  _ = FileManager.default.createFile(atPath: path, contents: nil)
  let file = try FileHandle(forWritingTo: URL(filePath: path))
  var state = UInt64(Int(getpid()) + seed << 32) &* 0x9E37_79B9_7F4A_7C15 | 1
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
  // A size of its own, since a file of a size that is stored already is hashed first.
  try file.write(contentsOf: Data(repeating: 7, count: seed + 1))
  try file.synchronize()
  try file.close()
}

/// Stores and fetches files in the store `--store` (default: database), in turns with the disk, or
/// with COPY into a table of the same kind, for the same bytes.
func benchArtifacts(megabytes: Int, rounds: Int) throws {
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
  let (source, copy) = ("\(world.folder)/source", "\(world.folder)/copy")
  let session = try world.session(ProcessInfo.processInfo.environment)
  var (plainIn, stored, plainOut, fetched): ([Double], [Double], [Double], [Double]) = (
    [], [], [], []
  )
  var direct: [Double] = []
  // The database's peer holds its rows in memory, and freed memory may be used again.
  let isAlone = CommandLine.arguments.contains("--alone")
  func put() throws -> String {
    try session.storeArtifact(
      file: source, name: "weights.bin", mediaType: "application/octet-stream"
    ).sha256
  }
  for round in 0...rounds {
    try makeFile(source, megabytes: megabytes, seed: round)
    // Other programs' unwritten pages are synced first, and the two sides take turns in being
    // first.
    func plain() throws -> Double? {
      guard !isAlone else { return nil }
      sync()
      defer { unlink(copy) }
      switch location {
      case "database": return try copyIn(source, world)
      case "file": return try copyFile(source, to: copy, synced: true)
      default: return nil
      }
    }
    var (before, sha256) = (round % 2 == 0 ? try plain() : nil, "")
    sync()
    let storing = try seconds { sha256 = try put() }
    before = try before ?? plain()
    if location == "file" && !isAlone && round > 0 {
      sync()
      direct.append(try copyFileDirectly(source, to: copy))
      unlink(copy)
    }
    unlink(source)
    let folder =
      "\(world.folder)/artifacts/sha256/\(sha256.prefix(2))/\(sha256.dropFirst(2).prefix(2))"
    func plainRead() throws -> Double? {
      guard !isAlone else { return nil }
      defer { unlink(copy) }
      switch location {
      case "database": return try copyOut(to: copy, world)
      case "file":
        try forget("\(folder)/\(sha256)")
        return try copyFile("\(folder)/\(sha256)", to: copy, synced: false)
      default: return nil
      }
    }
    var read = round % 2 == 0 ? try plainRead() : nil
    // Both sides read from the disk.
    if location == "file" { try forget("\(folder)/\(sha256)") }
    let fetching = try seconds { try session.fetchArtifact(sha256: sha256, to: copy) }
    unlink(copy)
    read = try read ?? plainRead()
    // In the first round the page cache gets its memory.
    guard round > 0 else { continue }
    stored.append(storing)
    fetched.append(fetching)
    if let before { plainIn.append(before) }
    if let read { plainOut.append(read) }
  }
  func line(_ what: String, _ times: [Double], _ plain: [Double]) -> String {
    let rate = "\(what) at \(Int(Double(megabytes) / median(times))) MiB/s"
    guard !plain.isEmpty else { return rate }
    let shares = zip(plain, times).map { Int((100 * $0 / $1).rounded()) }
    return
      "\(rate), \(Int(100 * median(plain) / median(times))) % of \(Int(Double(megabytes) / median(plain))) "
      + "(turns: \(shares.map { "\($0) %" }.joined(separator: ", ")))"
  }
  print(
    "artifacts: \(location.prefix(40)), \(rounds) times \(megabytes) MiB: "
      + line("stored", stored, plainIn)
      + (direct.isEmpty
        ? ""
        : ", "
          + "\(Int(100 * median(direct) / median(stored))) % of \(Int(Double(megabytes) / median(direct))) past the page cache")
      + "; " + line("fetched", fetched, plainOut)
      + "; peak memory \(peakMemory()) MiB")
  let place = String(location.prefix { $0 != ":" })
  func rate(_ times: [Double]) -> String { "\(Int(Double(megabytes) / median(times))) MiB/s" }
  func rows(_ what: String, _ times: [Double], _ plain: [Double], of peer: String) {
    if plain.isEmpty {
      row("\(place): \(what)", times.map { Double(megabytes) / $0 }, "MiB/s")
    } else {
      let shares = zip(plain, times).map { 100 * $0 / $1 }
      row("\(place): \(what), of \(peer)", shares, "%", note: rate(times))
    }
  }
  rows("stored", stored, plainIn, of: place == "file" ? "a plain write" : "COPY")
  rows("fetched", fetched, plainOut, of: place == "file" ? "a plain read" : "COPY")
  row(
    "\(place): memory at \(megabytes) MiB", [Double(peakMemory())], "MiB",
    note: "stored at \(rate(stored)), fetched at \(rate(fetched))")
  try session.finish(outputs: [:])
}

/// Seconds of `dd bs=1M`, with conv=fsync if it is synced.
func copyFile(_ from: String, to: String, synced: Bool) throws -> Double {
  try seconds {
    let (input, output) = (open(from, O_RDONLY), open(to, O_WRONLY | O_CREAT | O_EXCL, 0o600))
    defer {
      close(input)
      close(output)
    }
    var buffer = [UInt8](repeating: 0, count: 1 << 20)
    while true {
      let count = read(input, &buffer, buffer.count)
      if count == 0 { break }
      guard count > 0, write(output, buffer, count) == count else {
        throw Failure("copying \(from)")
      }
    }
    guard !synced || fsync(output) == 0 else { throw Failure("syncing \(to)") }
  }
}

/// Seconds of `dd bs=4M oflag=direct conv=fsync`.
private func copyFileDirectly(_ from: String, to: String) throws -> Double {
  try seconds {
    let (input, output) = (open(from, O_RDONLY), open(to, O_WRONLY | O_CREAT | O_EXCL, 0o600))
    defer {
      close(input)
      close(output)
    }
    var writer = DirectWriter(descriptor: output)
    var buffer = [UInt8](repeating: 0, count: 1 << 20)
    while true {
      let count = read(input, &buffer, buffer.count)
      if count == 0 { break }
      guard count == buffer.count else {
        try writer.write(Array(buffer[..<max(0, count)]))
        continue
      }
      try writer.write(buffer)
    }
    try writer.sync()
  }
}

/// Drops a file from the page cache (posix_fadvise(2)).
func forget(_ path: String) throws {
  let file = open(path, O_RDONLY)
  defer { close(file) }
  guard fsync(file) == 0, posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED) == 0 else {
    throw Failure("forgetting \(path)")
  }
}

/// Seconds until one COPY of a file, in rows of 1 MiB like an artifact's chunks, is on disk.
func copyIn(_ path: String, _ world: BenchWorld) throws -> Double {
  try world.admin.run(
    """
    drop table if exists public.plain; create table public.plain (n int8, bytes bytea);
    alter table public.plain alter bytes set storage external; checkpoint
    """)
  var copy = BinaryCopy()
  let file = try FileHandle(forReadingFrom: URL(filePath: path))
  var number: Int64 = 0
  while let bytes = try file.read(upToCount: 1 << 20), !bytes.isEmpty {
    copy.row(columns: 2)
    copy.append(number)
    copy.append(bytes: [UInt8](bytes))
    number += 1
  }
  return try seconds { try world.admin.copy("copy public.plain from stdin (format binary)", copy) }
}

/// Seconds of a COPY of those rows into a file.
func copyOut(to path: String, _ world: BenchWorld) throws -> Double {
  let psql = Process()
  psql.executableURL = URL(filePath: "/usr/bin/psql")
  psql.arguments = [
    "-q", world.url.conninfo, "-c",
    "\\copy (select bytes from public.plain order by n) to '\(path)' (format binary)",
  ]
  return try seconds {
    try psql.run()
    psql.waitUntilExit()
    guard psql.terminationStatus == 0 else { throw Failure("psql") }
  }
}

struct Failure: Error {
  let what: String
  init(_ what: String) { self.what = what }
}
