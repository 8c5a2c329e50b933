// The network with a sixteenth of its channels, compared with torch-fidelity's
// (ops/oracle/metrics.py golden).

import Files
import Foundation
import Inception
import Tensor
import TensorFiles
import Testing

private let golden = URL(filePath: #filePath).deletingLastPathComponent()
  .deletingLastPathComponent().appending(path: "Golden/inception").path(percentEncoded: false)
private let weights = "\(golden)/narrow.pth"

/// A file's tensors, with some of them changed.
private struct Changed: TensorSource {
  let path = "weights.pth"
  var tensors: [String: (shape: [Int], values: [Float])]

  init() throws {
    let file = try WeightFiles.open(weights)
    tensors = try Dictionary(
      uniqueKeysWithValues: file.names.map {
        ($0, (shape: try file.shape(of: $0), values: try file.read($0)))
      })
  }

  var names: [String] { tensors.keys.sorted() }
  func shape(of name: String) throws -> [Int] { tensors[name]!.shape }
  func read(_ name: String) throws -> [Float] { tensors[name]!.values }
}

@Suite struct InceptionTests {
  private func features(
    _ name: String, batch: Int, threads: Int = 2, instructions: InstructionSet = .best
  ) throws -> [Float] {
    let images = try ArrayFile(
      path: "\(golden)/features.npz", array: name, of: .uint8, dimensions: 4)
    let network = try InceptionNetwork(
      WeightFiles.open(weights),
      on: Device(threads: threads, instructions: instructions))
    return stride(from: 0, to: images.shape[0], by: batch).flatMap { first in
      network.features(
        of: (first..<min(first + batch, images.shape[0])).map { images.rows($0..<$0 + 1) },
        height: images.shape[1], width: images.shape[2], channels: images.shape[3]
      ).download().floats
    }
  }

  private func expected(_ name: String) throws -> [Float] {
    let file = try ArrayFile(
      path: "\(golden)/features.npz", array: "\(name)_features", of: .float32, dimensions: 2)
    return (0..<file.bytes.count / 4).map {
      file.bytes.loadUnaligned(fromByteOffset: 4 * $0, as: Float.self)
    }
  }

  /// Images smaller and larger than the network's own, neither of them square.
  @Test(arguments: ["small", "large"])
  func matchesTorchFidelity(_ name: String) throws {
    let (found, wanted) = (try features(name, batch: 2), try expected(name))
    #expect(found.count == wanted.count)
    let layout = InceptionLayout(pool: 128)
    for row in 0..<found.count / layout.width {
      for part in [layout.pool, layout.spatial, layout.logits] {
        let places = part.map { row * layout.width + $0 }
        func length(_ values: [Double]) -> Double {
          values.reduce(0) { $0 + $1 * $1 }.squareRoot()
        }
        let error = length(places.map { Double(found[$0]) - Double(wanted[$0]) })
        #expect(error < 1e-5 * length(places.map { Double(wanted[$0]) }), "\(part)")
      }
    }
  }

  @Test func anImageDependsNeitherOnItsBatchNorOnThreads() throws {
    #expect(try features("small", batch: 2) == features("small", batch: 1, threads: 1))
  }

  @Test func graysAreReadAsThreeEqualChannels() throws {
    let network = try InceptionNetwork(
      WeightFiles.open(weights), on: Device(threads: 1))
    let gray = (0..<64).map { UInt8($0 * 3) }
    func features(_ pixels: [UInt8], _ channels: Int) -> [Float] {
      pixels.withUnsafeBytes {
        network.features(of: [$0], height: 8, width: 8, channels: channels).download().floats
      }
    }
    #expect(features(gray, 1) == features(gray.flatMap { [$0, $0, $0] }, 3))
  }

  // MARK: files of another network

  private func message(_ change: (inout Changed) -> Void) throws -> String {
    var source = try Changed()
    change(&source)
    do {
      _ = try InceptionNetwork(source, on: Device(threads: 1))
      return "taken"
    } catch let error as FileError {
      return "\(error)"
    }
  }

  @Test func countersOfTrainingStepsAreNoOtherTensors() throws {
    #expect(
      try message { $0.tensors["Mixed_5b.branch1x1.bn.num_batches_tracked"] = ([], [3]) }
        == "taken")
  }

  @Test func aMissingTensorIsNamed() throws {
    let text = try message { $0.tensors["Mixed_7c.branch_pool.bn.running_var"] = nil }
    #expect(text.hasPrefix("weights.pth: no tensor 'Mixed_7c.branch_pool.bn.running_var'"))
  }

  @Test func anotherShapeIsNamed() throws {
    let text = try message { $0.tensors["fc.weight"] = ([1000, 128], []) }
    #expect(
      text == "weights.pth: tensor 'fc.weight' has shape [1000, 128], expected [1008, 128]")
  }

  @Test func tensorsOfAnotherNetworkAreNamed() throws {
    let text = try message {
      $0.tensors["AuxLogits.conv0.conv.weight"] = ([1], [0])
      $0.tensors["AuxLogits.fc.bias"] = ([1], [0])
    }
    #expect(
      text.hasPrefix("weights.pth: tensor 'AuxLogits.conv0.conv.weight' is none of Inception-v3"))
    #expect(text.contains("and 1 others are not"))
  }

  @Test func numbersThatAreNoneAreNamed() throws {
    let text = try message { $0.tensors["fc.bias"]!.values[5] = .nan }
    #expect(text == "weights.pth: element 5 of tensor 'fc.bias' is nan")
    let negative = try message {
      $0.tensors["Conv2d_1a_3x3.bn.running_var"]!.values[1] = -1
    }
    #expect(negative.contains("Conv2d_1a_3x3.bn.running_var' is -1.0, expected a variance"))
  }
}
