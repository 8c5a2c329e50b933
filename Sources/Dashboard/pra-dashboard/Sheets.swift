// Drawn images as one PNG, made of their pixels: no byte of an artifact is sent as it is.

import Digest
import Pages
import Postgres
import Raster
import RunStore
import Threads

/// Sheets of drawn images, and those that were made lately.
final class Sheets: Sendable {
  private struct State {
    var made: [String: (bytes: [UInt8], usedAt: Double)] = [:]
    var readers: [Reader] = []
  }

  /// One thread's ways into the store.
  final class Reader {
    var store: ArtifactStore
    var ranges: ArtifactRanges

    fileprivate init(_ store: () -> ArtifactStore) {
      self.store = store()
      ranges = ArtifactRanges(store())
    }
  }

  private let state = Monitor(State())
  private let makeStore: @Sendable () -> ArtifactStore
  /// Bytes of sheets that are kept.
  private static let room = 32 << 20

  init(_ makeStore: @escaping @Sendable () -> ArtifactStore) { self.makeStore = makeStore }

  /// - Throws: `BadRequest` for a sheet of no images, or of more than 64 of one sampling run
  func sheet(_ query: Query, _ snapshots: Snapshots) throws -> Reply {
    func number(_ name: String, _ range: ClosedRange<Int64>, _ usual: Int64) throws -> Int64 {
      guard let text = query[name] else { return usual }
      guard let number = Int64(text), range.contains(number) else {
        throw BadRequest(
          "no such sheet", "\(name)=\(text): expected \(range.lowerBound) to \(range.upperBound)")
      }
      return number
    }
    let samplings = query.list("samplings").prefix(200).compactMap { Int64($0) }
    let count = try number("count", 1...64, 64)
    let first = try number("first", 0...(1 << 40), 0)
    let columns = try number("columns", 1...64, 8)
    let side = try number("side", 64...512, 64)
    let jobs = try snapshots.answer(Question(RunQueries.samplingJobs, [.integers(samplings)])).table
      .records
      .flatMap { $0.text("jobs").split(separator: ",").compactMap { Int64($0) } }
    let asked: [Parameter] = [
      .integers(jobs), .integer(first), .optional(query["class"]) { .text($0) },
      .integer(count * Int64(max(1, samplings.count))),
    ]
    let rows = try snapshots.answer(Question(RunQueries.sheet, asked)).table.records
    guard !rows.isEmpty else { throw BadRequest(404, "no images", "there are no such images") }
    let key =
      "\(columns) \(side) "
      + rows.map { "\($0.text("sha256")):\($0.text("place"))" }.joined(separator: " ")
    let known = state.update { state -> [UInt8]? in
      state.made[key]?.usedAt = monotonicSeconds()
      return state.made[key]?.bytes
    }
    let bytes = try known ?? make(rows, columns: Int(columns), side: Int(side))
    if known == nil { keep(key, bytes) }
    return Reply(type: "image/png", bytes)
  }

  /// Runs a body with a way into the store that no other thread uses.
  func reading<Value>(_ body: (Reader) throws -> Value) throws -> Value {
    let reader = state.update { $0.readers.popLast() } ?? Reader(makeStore)
    let value = try body(reader)
    state.update { $0.readers.append(reader) }
    return value
  }

  private func make(_ rows: [Record], columns: Int, side: Int) throws -> [UInt8] {
    let pictures = try reading { reader in try rows.map { try Self.picture($0, reader) } }
    let (width, height) = (pictures[0].width, pictures[0].height)
    guard pictures.allSatisfy({ $0.width == width && $0.height == height }) else {
      throw BadRequest("several sizes", "these images are of several sizes")
    }
    return try Picture.grid(pictures, columns: columns, gap: 1, scale: max(1, side / max(1, width)))
      .png()
  }

  private func keep(_ key: String, _ bytes: [UInt8]) {
    state.update { state in
      state.made[key] = (bytes, monotonicSeconds())
      var sum = state.made.values.reduce(0) { $0 + $1.bytes.count }
      for (old, sheet) in state.made.sorted(by: { $0.value.usedAt < $1.value.usedAt })
      where sum > Self.room {
        state.made[old] = nil
        sum -= sheet.bytes.count
      }
    }
  }

  private static func picture(_ row: Record, _ reader: Reader) throws -> Picture {
    let sha256 = row.text("sha256")
    guard let place = row.integer("place"), let side = row.integer("side"),
      let channels = row.integer("channels"), let size = row.integer("size")
    else { return try Picture(png: reader.store.bytes(sha256: sha256), channels: 3) }
    let pixels = try reader.ranges.bytes(of: sha256, from: place, count: Int(size)) {
      let digest = String(UInt64(bitPattern: SHA256.leading64(of: $0)), radix: 16)
      return String(repeating: "0", count: 16 - digest.utf8.count) + digest == row["digest"]
    }
    return Picture(width: Int(side), height: Int(side), channels: Int(channels), pixels: pixels)
      .inRGB
  }
}
