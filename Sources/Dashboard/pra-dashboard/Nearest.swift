// One drawn image beside the training images that are nearest to it, as a job of kind neighbours found them.

import FoundationEssentials
import Images
import Pages
import Postgres
import Raster

extension Sheets {
  /// The report of a job of kind neighbours: of each drawn image, in their order, the nearest training images.
  private struct Found: Decodable {
    struct Neighbour: Decodable {
      let image: Int
      let distance: Double
    }
    let threshold: Double
    let samples: [[Neighbour]]
  }

  /// The most bytes of such a file that are read for a page.
  private static let longest: Int64 = 16 << 20

  /// The neighbours of a number of some sampling runs; those that no job has looked for are left out.
  func nearest(_ number: Int, of samplings: [Int64], _ snapshots: Snapshots) throws
    -> [NearestImages]
  {
    let question = Question(RunQueries.neighbours, [.integers(samplings)])
    return try snapshots.answer(question).table.records.compactMap { row in
      guard (row.integer("size") ?? 0) <= Self.longest else { return nil }
      let found = try found(row)
      guard found.samples.indices.contains(number) else { return nil }
      return NearestImages(
        sampling: row.text("sampling"), job: row.text("job"), threshold: found.threshold,
        images: found.samples[number].map { ($0.image, $0.distance) })
    }
  }

  /// Those training images as one PNG.
  func nearestSheet(_ query: Query, _ snapshots: Snapshots) throws -> Reply {
    guard let sampling = query["sampling"].flatMap({ Int64($0) }),
      let number = query["image"].flatMap({ Int($0) }), number >= 0
    else { throw BadRequest("no such image", "expected nearest.png?sampling=N&image=N") }
    let rows = try snapshots.answer(
      Question(RunQueries.neighbours, [.integers([sampling])])
    ).table.records
    guard let row = rows.first, (row.integer("size") ?? 0) <= Self.longest else {
      throw BadRequest(
        404, "no neighbours", "pra neighbours finds them for sampling run \(sampling)")
    }
    let found = try found(row)
    guard found.samples.indices.contains(number), !found.samples[number].isEmpty else {
      throw BadRequest(
        404, "no neighbours",
        "image=\(number): job \(row.text("job")) has looked at \(found.samples.count) images")
    }
    let pictures = try reading { reader in
      let bytes = try reader.store.bytes(sha256: row.text("data"))
      let manifest = try bytes.withUnsafeBytes {
        try DataSetManifest(parsing: $0, path: "the data set")
      }
      return try found.samples[number].compactMap { one -> Picture? in
        guard let place = manifest.place(of: one.image) else { return nil }
        let pixels = try reader.ranges.bytes(
          of: place.sha256, from: place.byte, count: manifest.bytesOfImage
        ) { _ in true }
        return Picture(
          width: manifest.size, height: manifest.size, channels: manifest.channels, pixels: pixels
        ).inRGB
      }
    }
    guard let first = pictures.first else {
      throw BadRequest(404, "no neighbours", "its training images are not in the data set")
    }
    let png = try Picture.grid(
      pictures, columns: pictures.count, gap: 1, scale: max(1, 128 / max(1, first.width))
    ).png()
    return Reply(type: "image/png", png)
  }

  private func found(_ row: Record) throws -> Found {
    let bytes = try reading { try $0.store.bytes(sha256: row.text("sha256")) }
    do {
      return try JSONDecoder().decode(Found.self, from: Data(bytes))
    } catch {
      throw BadRequest(500, "damaged", "neighbours.json of job \(row.text("job")) cannot be read")
    }
  }
}
