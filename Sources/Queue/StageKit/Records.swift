// The rows that a stage commits besides artifacts.

import Files
import RunStore

/// A file that is to become one of a checkpoint's. Nobody writes into it any more.
package struct CheckpointPart: Sendable {
  /// Logical name, such as `weights.safetensors`; never a path.
  package let name: String
  package let path: String
  /// Where its writer has computed it: the file is not read again then.
  package let digest: FileDigest?

  package init(name: String, path: String, digest: FileDigest? = nil) {
    (self.name, self.path, self.digest) = (name, path, digest)
  }
}

/// A saved state from which a job can continue.
package struct Checkpoint: Sendable, Equatable {
  /// Steps made, which is also the number of the next one.
  package let step: Int64
  /// The attempt that wrote it.
  package let epoch: Int64
  /// Files by logical name.
  package let files: [String: Artifact]
}

/// The images that a job has drawn, in a packed set: pixels of equal size one after the other.
package struct ImageSet: Sendable {
  /// Number of the first image within the sampling run.
  package let first: Int64
  package let seed: UInt64
  /// The packed set.
  package let artifact: Artifact
  /// Byte at which the pixels of the first image begin.
  package let place: Int
  /// Width and height in pixels.
  package let side: Int
  package let channels: Int
  /// Number, name of the class, and digest of the pixels of each image.
  package let images: [(label: Int, className: String, digest: Int64)]

  package init(
    first: Int64, seed: UInt64, artifact: Artifact, place: Int, side: Int, channels: Int,
    images: [(label: Int, className: String, digest: Int64)]
  ) {
    (self.first, self.seed, self.artifact, self.place) = (first, seed, artifact, place)
    (self.side, self.channels, self.images) = (side, channels, images)
  }

  var json: String {
    JSONText.object([
      ("first", String(first)), ("seed", String(seed)),
      ("sha256", JSONText.string(artifact.sha256)), ("place", String(place)),
      ("side", String(side)), ("channels", String(channels)),
      ("labels", JSONText.array(images.map { String($0.label) })),
      ("classes", JSONText.array(images.map { JSONText.string($0.className) })),
      ("digests", JSONText.array(images.map { String($0.digest) })),
    ])
  }
}

/// One measured quality.
package struct EvaluationRecord: Sendable {
  package let metric: String
  package let scope: String
  package let value: Double
  package let images: Int64
  package let details: String

  /// - Parameters:
  ///   - scope: `overall`, or the name of a class
  ///   - images: number of images it is based on
  ///   - details: further figures, a JSON object
  package init(
    metric: String, scope: String, value: Double, images: Int64, details: String = "{}"
  ) {
    self.metric = metric
    self.scope = scope
    self.value = value
    self.images = images
    self.details = details
  }

  var json: String {
    JSONText.object([
      ("metric", JSONText.string(metric)), ("scope", JSONText.string(scope)),
      ("value", JSONText.number(value)), ("images", String(images)), ("details", details),
    ])
  }
}
