// The network's weights: the tensor names of published files, and the checks of a file.

import Autodiff
import Files
import Tensor
import TensorFiles

/// Reads tensors of one file and remembers which were read.
final class InceptionWeights {
  private let source: any TensorSource
  private let known: Set<String>
  private var used: Set<String> = []
  private let device: Device
  /// Divisor of every number of channels: 1, except in tests.
  let narrowing: Int

  /// TensorFlow's epsilon, in every batch normalization of the network.
  private static let epsilon = 1e-3

  /// - Throws: `FileError`
  init(_ source: any TensorSource, on device: Device) throws {
    (self.source, self.device) = (source, device)
    known = Set(source.names)
    let first = "Conv2d_1a_3x3.conv.weight"
    let channels = known.contains(first) ? try source.shape(of: first).first ?? 32 : 32
    narrowing = [1, 2, 4, 8, 16].first { 32 / $0 == channels } ?? 1
  }

  /// A tensor's elements.
  /// - Throws: `FileError` naming file and tensor
  func read(_ name: String, _ shape: [Int]) throws -> [Float] {
    guard known.contains(name) else {
      throw FileError(
        "\(source.path): no tensor '\(name)'; expected Inception-v3 in its FID form "
          + "(pt_inception-2015-12-05-6726825d.pth)")
    }
    let found = try source.shape(of: name)
    guard found == shape else {
      throw FileError("\(source.path): tensor '\(name)' has shape \(found), expected \(shape)")
    }
    let values = try source.read(name)
    if let bad = values.firstIndex(where: { !$0.isFinite }) {
      throw FileError("\(source.path): element \(bad) of tensor '\(name)' is \(values[bad])")
    }
    used.insert(name)
    return values
  }

  /// Convolution without bias, batch normalisation and ReLU as one convolution: with s = gamma /
  /// sqrt(variance + epsilon) the weights are s w, the bias beta - s mean.
  /// - Parameters:
  ///   - inputs: channels of the full network
  ///   - outputs: channels of the full network
  func unit(
    _ name: String, _ inputs: Int, _ outputs: Int, _ window: Window
  ) throws -> FrozenConvolution {
    let (inputs, outputs) = (inputs == 3 ? 3 : inputs / narrowing, outputs / narrowing)
    let shape = [outputs, inputs, window.kernel.0, window.kernel.1]
    var weight = try read("\(name).conv.weight", shape)
    func statistic(_ part: String) throws -> [Float] {
      try read("\(name).bn.\(part)", [outputs])
    }
    let (gamma, beta) = (try statistic("weight"), try statistic("bias"))
    let (mean, variance) = (try statistic("running_mean"), try statistic("running_var"))
    var bias = [Float](repeating: 0, count: outputs)
    let size = weight.count / outputs
    for o in 0..<outputs {
      guard variance[o] >= 0 else {
        throw FileError(
          "\(source.path): element \(o) of tensor '\(name).bn.running_var' is \(variance[o]), "
            + "expected a variance")
      }
      let scale = Double(gamma[o]) / (Double(variance[o]) + Self.epsilon).squareRoot()
      bias[o] = Float(Double(beta[o]) - scale * Double(mean[o]))
      for i in o * size..<(o + 1) * size { weight[i] = Float(scale * Double(weight[i])) }
    }
    return FrozenConvolution(
      weight: Tensor(weight, shape, on: device), bias: Tensor(bias, [outputs], on: device),
      window: window)
  }

  /// Refuses a file with tensors that the network does not have: it belongs to another one.
  /// - Throws: `FileError` naming file and tensor
  func refuseOthers() throws {
    // Counters of training steps, which some versions of PyTorch save.
    let others = known.subtracting(used).filter { !$0.hasSuffix(".bn.num_batches_tracked") }
    if let first = others.min() {
      throw FileError(
        "\(source.path): tensor '\(first)' is none of Inception-v3 in its FID form"
          + (others.count > 1 ? ", and \(others.count - 1) others are not" : "")
          + "; its features would be of another network")
    }
  }
}
