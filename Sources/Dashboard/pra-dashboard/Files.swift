// Files that jobs have made, to be fetched. A file is named by its digest, and given where a row of its job names it.

import Digest
import Pages
import Postgres
import RunStore

extension Sheets {
  /// Types under which a file is sent; any other is a row of bytes. All are downloads: a browser shows none.
  private static let types = ["application/json", "image/png", "text/csv", "text/plain"]

  /// A file as a download that breaks off where its bytes are not those that were stored.
  /// - Throws: `BadRequest` where the job has no such file
  func file(_ sha256: String, _ query: Query, _ snapshots: Snapshots) throws -> Reply {
    guard let job = query["job"].flatMap({ Int64($0) }), sha256.utf8.count == 64 else {
      throw BadRequest(404, "no such file", "expected files/SHA256?job=N")
    }
    let rows = try snapshots.answer(Question(QueueQueries.files, [.integer(job)])).table.records
    guard let row = rows.first(where: { $0.text("sha256") == sha256 }),
      let size = row.integer("size")
    else { throw BadRequest(404, "no such file", "job \(job) has no file \(sha256)") }
    let type = Self.types.first { $0 == row.text("media_type") } ?? "application/octet-stream"
    var reply = Reply(type: type, [])
    reply.headers.append(
      ("Content-Disposition", "attachment; filename=\"job-\(job)-\(Self.plain(row.text("name")))\"")
    )
    guard size > 0 else { return reply }
    reply.stream = Download(sha256, size, self).stream
    return reply
  }

  /// A name without anything that could mean more than a name.
  private static func plain(_ name: String) -> String {
    String(
      name.unicodeScalars.map { scalar in
        switch scalar {
        case "a"..."z", "A"..."Z", "0"..."9", ".", "-", "_": Character(scalar)
        default: "_"
        }
      })
  }
}

/// The pieces of one file, whose digest is compared before the last of them is given away.
private final class Download {
  private let sha256: String
  private let size: Int64
  private let sheets: Sheets
  private var digest: SHA256? = SHA256()
  private var place: Int64 = 0

  init(_ sha256: String, _ size: Int64, _ sheets: Sheets) {
    (self.sha256, self.size, self.sheets) = (sha256, size, sheets)
  }

  var stream: ByteStream { ByteStream(size: size, read: piece) }

  private func piece(from start: Int64, count: Int) throws -> [UInt8] {
    guard start == place else { throw BadRequest("broken off", "pieces are read in their order") }
    let bytes = try sheets.reading {
      try $0.ranges.bytes(of: sha256, from: start, count: count) { _ in true }
    }
    digest?.update(bytes)
    place += Int64(count)
    if place == size {
      guard digest.take()?.hexadecimal() == sha256 else {
        throw BadRequest(500, "damaged", "artifact \(sha256) is damaged")
      }
    }
    return bytes
  }
}
