// Names and shapes of a model's tensors, as they follow from its configuration alone: model.md sections
// 3 and 9. A test compares them with those of the model itself.

/// One trained tensor of a model.
package struct TensorShape: Sendable, Equatable {
  /// As in checkpoints: `trunk.blocks.0.qkv.weight`.
  package let name: String
  package let shape: [Int]

  package var count: Int { shape.reduce(1, *) }
}

extension ModelConfiguration {
  /// The tensors that a model of this configuration trains.
  /// - Parameter classes: number of classes of the data set
  package func tensorShapes(classes: Int) -> [TensorShape] {
    var list = ShapeList()
    let patch = image.patch * image.patch * image.channels
    let positions = (image.size / image.patch) * (image.size / image.patch)
    let d = trunk.width

    list.add("trunk.class_embed.weight", [classes + 1, trunk.classTokens * d])
    list.linear("trunk.patch_embed", from: patch, to: d)
    list.add("trunk.embed_norm.weight", [d])
    list.transformer("trunk.blocks", width: d, layers: trunk.layers, multiple: trunk.mlpMultiple)
    list.add("trunk.norm.weight", [d])
    guard method != .diffusion else {
      list.time("dit.time", width: d)
      list.linear("dit.output", from: d, to: patch)
      return list.all
    }

    let generated = method.hasStates ? state.dim : patch
    list.add("head.position", [positions, d])
    list.linear("head.cond", from: d, to: head.width)
    list.time("head.time", width: head.width)
    list.residual(
      "head", from: generated, width: head.width, to: generated, blocks: head.blocks,
      groups: head.groups)
    if method.hasStates { addEncoderAndDecoder(to: &list, patch: patch) }
    list.linear("norm_pix", from: d, to: patch)
    return list.all
  }

  /// Number of trained parameters.
  package func parameterCount(classes: Int) -> Int {
    tensorShapes(classes: classes).reduce(0) { $0 + $1.count }
  }

  private func addEncoderAndDecoder(to list: inout ShapeList, patch: Int) {
    switch encoder.context {
    case .image:
      list.transformerPart(
        "encoder", from: patch, width: encoder.width, to: state.dim, layers: encoder.blocks,
        multiple: trunk.mlpMultiple)
    case .hidden, .none:
      if encoder.context == .hidden {
        list.linear("encoder.cond", from: trunk.width, to: encoder.width)
      }
      list.residual(
        "encoder", from: patch, width: encoder.width, to: state.dim, blocks: encoder.blocks,
        groups: encoder.context == .hidden ? 1 : 0)
    }
    switch decoder.context {
    case .causal:
      list.transformerPart(
        "decoder", from: state.dim, width: decoder.width, to: patch, layers: decoder.blocks,
        multiple: trunk.mlpMultiple)
    case .hidden, .none:
      if decoder.context == .hidden {
        list.linear("decoder.cond", from: trunk.width, to: decoder.width)
      }
      list.residual(
        "decoder", from: state.dim, width: decoder.width, to: patch, blocks: decoder.blocks,
        groups: decoder.context == .hidden ? 1 : 0)
    }
  }
}

/// Shapes of the layers of model.md section 3.
private struct ShapeList {
  private(set) var all: [TensorShape] = []
  /// Cosines and sines of a time.
  private let timeFeatures = 256

  mutating func add(_ name: String, _ shape: [Int]) {
    all.append(TensorShape(name: name, shape: shape))
  }

  mutating func linear(_ name: String, from inputs: Int, to outputs: Int, bias: Bool = true) {
    add("\(name).weight", [outputs, inputs])
    if bias { add("\(name).bias", [outputs]) }
  }

  mutating func time(_ name: String, width: Int) {
    linear("\(name).0", from: timeFeatures, to: width)
    linear("\(name).2", from: width, to: width)
  }

  /// A residual MLP.
  /// - Parameter groups: number of its modulations; 0 for one without
  mutating func residual(
    _ name: String, from inputs: Int, width: Int, to outputs: Int, blocks: Int, groups: Int
  ) {
    linear("\(name).input", from: inputs, to: width)
    for block in 0..<blocks {
      add("\(name).blocks.\(block).norm.weight", [width])
      add("\(name).blocks.\(block).norm.bias", [width])
      linear("\(name).blocks.\(block).up", from: width, to: 3 * width)
      linear("\(name).blocks.\(block).down", from: 3 * width / 2, to: width)
    }
    for group in 0..<groups { linear("\(name).modulation.\(group)", from: width, to: 3 * width) }
    if groups > 0 { linear("\(name).final_modulation", from: width, to: 2 * width) }
    linear("\(name).output", from: width, to: outputs)
  }

  /// Transformer blocks; their feed-forward part is 8/3 of their width, rounded up.
  mutating func transformer(_ name: String, width: Int, layers: Int, multiple m: Int) {
    let hidden = m * ((8 * width + 3 * m - 1) / (3 * m))
    for layer in 0..<layers {
      add("\(name).\(layer).attn_norm.weight", [width])
      linear("\(name).\(layer).qkv", from: width, to: 3 * width, bias: false)
      linear("\(name).\(layer).out", from: width, to: width, bias: false)
      add("\(name).\(layer).mlp_norm.weight", [width])
      linear("\(name).\(layer).up", from: width, to: 2 * hidden, bias: false)
      linear("\(name).\(layer).down", from: hidden, to: width, bias: false)
    }
  }

  /// Transformer blocks between an input and an output layer.
  mutating func transformerPart(
    _ name: String, from inputs: Int, width: Int, to outputs: Int, layers: Int, multiple: Int
  ) {
    linear("\(name).input", from: inputs, to: width)
    transformer("\(name).blocks", width: width, layers: layers, multiple: multiple)
    add("\(name).norm.weight", [width])
    linear("\(name).output", from: width, to: outputs)
  }
}
