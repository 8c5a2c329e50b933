// Inception-v3 as FID uses it: its features are used to compare generated images.
//
// torch_fidelity/feature_extractor_inceptionv3.py; pytorch_fid/inception.py. The same weights, the
// same resize, the same mistakes.

import Autodiff
import CKernels
import Files
import Tensor
import TensorFiles

/// The columns of an image's features in its row.
package struct InceptionLayout: Sendable, Equatable {
  /// pool_3: the mean over the last images, for FID, precision, recall and KID.
  package let pool: Range<Int>
  /// The first seven channels of `mixed_6/conv` (Mixed_6d.branch1x1), pixel by pixel, for sFID.
  package let spatial: Range<Int>
  /// Class scores without their bias, for the Inception score.
  package let logits: Range<Int>

  package var width: Int { logits.upperBound }

  package init(pool: Int = 2048, spatial: Int = 17 * 17 * 7, logits: Int = 1008) {
    self.pool = 0..<pool
    self.spatial = pool..<pool + spatial
    self.logits = pool + spatial..<pool + spatial + logits
  }
}

/// The network with one set of weights.
package final class InceptionNetwork {
  package let layout: InceptionLayout
  /// Divisor of every number of channels: 1 for the network that figures use.
  package let narrowing: Int
  private let device: Device
  private let stem: [FrozenConvolution]
  private let blocks: [any InceptionBlock]
  private let classifier: PackedWeights
  private var resize: (height: Int, width: Int, BilinearResize)?

  /// Side of the network's input images.
  private static let side = 299
  /// Channels of Mixed_6d.branch1x1 that sFID reads.
  private static let spatialChannels = 7
  private static let classes = 1008

  /// - Parameter source: `pt_inception-2015-12-05-6726825d.pth`, or another file with its tensors;
  ///   if all numbers of channels are divided by 2, 4, 8 or 16, it is a smaller network for tests
  /// - Throws: `FileError` naming file and tensor if one is missing, has another shape, or belongs
  ///   to another network
  package init(_ source: any TensorSource, on device: Device) throws {
    self.device = device
    let w = try InceptionWeights(source, on: device)
    narrowing = w.narrowing
    let three = Window(3)
    stem = [
      try w.unit("Conv2d_1a_3x3", 3, 32, Window(3, stride: 2)),
      try w.unit("Conv2d_2a_3x3", 32, 32, three),
      try w.unit("Conv2d_2b_3x3", 32, 64, Window(3, padding: 1)),
      try w.unit("Conv2d_3b_1x1", 64, 80, Window(1)),
      try w.unit("Conv2d_4a_3x3", 80, 192, three),
    ]
    blocks = [
      try InceptionA(w, "Mixed_5b", inputs: 192, pool: 32),
      try InceptionA(w, "Mixed_5c", inputs: 256, pool: 64),
      try InceptionA(w, "Mixed_5d", inputs: 288, pool: 64),
      try InceptionB(w, "Mixed_6a", inputs: 288),
      try InceptionC(w, "Mixed_6b", channels: 128),
      try InceptionC(w, "Mixed_6c", channels: 160),
      try InceptionC(w, "Mixed_6d", channels: 160),
      try InceptionC(w, "Mixed_6e", channels: 192),
      try InceptionD(w, "Mixed_7a"),
      try InceptionE(w, "Mixed_7b", inputs: 1280, poolsMaximum: false),
      try InceptionE(w, "Mixed_7c", inputs: 2048, poolsMaximum: true),
    ]
    let width = 2048 / narrowing
    layout = InceptionLayout(pool: width)
    classifier = PackedWeights(
      Tensor(
        try w.read("fc.weight", [Self.classes, width]), [Self.classes, width], on: device),
      bias: nil, precision: .full)
    // A tensor of the network that nothing here uses.
    _ = try w.read("fc.bias", [Self.classes])
    try w.refuseOthers()
  }

  /// Features of a batch of images of one size. A row depends bit for bit neither on its batch nor
  /// on the threads.
  /// - Parameters:
  ///   - images: each [height, width, channels] bytes
  ///   - channels: 3, or 1, which is read as three equal ones
  /// - Returns: [images, layout.width]
  package func features(
    of images: [UnsafeRawBufferPointer], height: Int, width: Int, channels: Int
  ) -> Tensor {
    precondition(channels == 1 || channels == 3, "InceptionNetwork: \(channels) channels")
    var x = resized(images, height, width, channels)
    for unit in stem[0..<3] { x = unit.infer(x) }
    x = maxPooled(x, Window(3, stride: 2))
    for unit in stem[3...] { x = unit.infer(x) }
    x = maxPooled(x, Window(3, stride: 2))
    let rows = Tensor(uninitialized: [images.count, layout.width], on: device)
    for (number, block) in blocks.enumerated() {
      x = block(x)
      if number == 6 { keepSpatial(x, in: rows) }
    }
    keepMeans(x, in: rows)
    classifier.multiply(rows, into: rows, column: layout.logits.lowerBound)
    return rows
  }

  private func resized(
    _ images: [UnsafeRawBufferPointer], _ height: Int, _ width: Int, _ channels: Int
  ) -> Tensor {
    if resize?.height != height || resize?.width != width {
      resize = (height, width, BilinearResize(height: height, width: width, to: Self.side))
    }
    let resize = resize!.2
    let x = Tensor(uninitialized: [images.count, Self.side, Self.side, 3], on: device)
    let size = Self.side * Self.side * 3
    x.writeOnHost { to in
      device.parallelOnHost(images.count, cost: 10 * size) {
        for i in $0 { resize.apply(images[i], channels: channels, to: to.baseAddress! + i * size) }
      }
    }
    return x
  }

  /// Keeps the first columns of Mixed_6d, which are branch1x1; pixel by pixel (NHWC), as ADM
  /// flattens them.
  private func keepSpatial(_ x: Tensor, in rows: Tensor) {
    let (pixels, channels) = (x.shape[1] * x.shape[2], Self.spatialChannels)
    precondition(pixels * channels == layout.spatial.count, "spatial features of \(x.shape)")
    rows.run(
      .copyBlock(
        .init(
          out: rows.address(at: layout.spatial.lowerBound), out_outer: layout.width,
          out_row: channels, x: x.address, x_outer: pixels * x.width, x_row: x.width,
          rows: pixels, width: channels, accumulate: false)), over: x.shape[0])
  }

  private func keepMeans(_ x: Tensor, in rows: Tensor) {
    rows.run(
      .meanRepeats(
        .init(
          out: rows.address, out_row: layout.width, x: x.address,
          repeats: x.shape[1] * x.shape[2], inner: x.width)), over: x.shape[0])
  }
}
