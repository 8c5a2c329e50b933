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

/// One sampled image.
package struct ImageRecord: Sendable {
  package let index: Int64
  package let label: Int
  package let className: String
  package let seed: UInt64
  package let artifact: Artifact

  /// - Parameters:
  ///   - index: number of the image within the sampling run, from 0
  ///   - artifact: its PNG
  package init(index: Int64, label: Int, className: String, seed: UInt64, artifact: Artifact) {
    self.index = index
    self.label = label
    self.className = className
    self.seed = seed
    self.artifact = artifact
  }

  var json: String {
    JSONText.object([
      ("number", String(index)), ("label", String(label)), ("class", JSONText.string(className)),
      ("seed", String(seed)), ("sha256", JSONText.string(artifact.sha256)),
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
