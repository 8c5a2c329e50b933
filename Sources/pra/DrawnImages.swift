// The images that runs have drawn, as pictures.

import Digest
import Postgres
import Raster
import RunStore

/// The place of a drawn image: in the packed set of its job, or a PNG of its own.
struct ImagePlace {
  let sha256: String
  /// Bytes of the image.
  let size: Int
  /// Nil for a PNG of its own.
  let set: (place: Int64, side: Int, channels: Int, digest: String)?

  /// - Parameter row: with the columns of `pra.images`
  init(_ row: Row) throws {
    sha256 = try row.string("sha256")
    size = Int(try row.integer("size"))
    set = try row.optionalInteger("place").map {
      (
        $0, Int(try row.integer("side")), Int(try row.integer("channels")),
        try row.string("digest")
      )
    }
  }
}

/// Reads drawn images. Those of a packed set are cut out of it; each is checked.
struct DrawnImages {
  private var store: ArtifactStore
  private var ranges: ArtifactRanges

  init() throws {
    store = try Database.store(.read)
    ranges = ArtifactRanges(try Database.store(.read))
  }

  /// Announces the images that will be read, in this order, so that near ones are read together.
  mutating func expect(_ images: [ImagePlace]) {
    ranges.expect(
      images.compactMap { image in
        image.set.map {
          ArtifactPiece(sha256: image.sha256, start: $0.place, count: Int64(image.size))
        }
      })
  }

  /// The picture in RGB.
  mutating func picture(_ image: ImagePlace) throws -> Picture {
    guard image.set != nil else {
      return try Picture(png: store.bytes(sha256: image.sha256), channels: 3)
    }
    return try cut(image).inRGB
  }

  /// The picture as a PNG file. Equal pictures give equal bytes, whatever the packed set.
  mutating func png(_ image: ImagePlace) throws -> [UInt8] {
    guard image.set != nil else { return try store.bytes(sha256: image.sha256) }
    return try cut(image).png()
  }

  private mutating func cut(_ image: ImagePlace) throws -> Picture {
    let set = image.set!
    let pixels = try ranges.bytes(of: image.sha256, from: set.place, count: image.size) {
      let digest = String(UInt64(bitPattern: SHA256.leading64(of: $0)), radix: 16)
      return String(repeating: "0", count: 16 - digest.utf8.count) + digest == set.digest
    }
    return Picture(width: set.side, height: set.side, channels: set.channels, pixels: pixels)
  }
}
