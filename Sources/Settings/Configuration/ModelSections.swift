// Sizes and parts of the model: sections of the configuration.

extension ModelConfiguration {
  package struct Image: Section, Hashable {
    package var size = 32
    package var channels = 3
    package var patch = 8

    package init() {}

    package static let source: String? = "model.md section 2"

    package static var fields: [Field<Self>] {
      [
        .integer("size", \.size, 1...4096, "Side of an image, a multiple of `image.patch`.")
          .unit("pixels"),
        .integer("channels", \.channels, 1...3, "3 for RGB, 1 for gray; 2 is refused.")
          .rule("enum", "[1,3]"),
        .integer("patch", \.patch, 1...4096, "Side of a patch; a patch is one position.")
          .unit("pixels"),
      ]
    }
  }

  package struct Trunk: Section {
    package var width = 128
    package var layers = 4
    package var heads = 2
    package var classTokens = 2
    package var mlpMultiple = 64

    package init() {}

    package static let source: String? = "model.md section 3.1"

    package static var fields: [Field<Self>] {
      [
        .integer(
          "width", \.width, 1...65536, "Width of a token, a multiple of 4 times `trunk.heads`."),
        .integer("layers", \.layers, 1...1024, "Number of transformer blocks."),
        .integer("heads", \.heads, 1...1024, "Attention heads of a block."),
        .integer(
          "class_tokens", \.classTokens, 1...1024,
          "Tokens that carry the class; they stand before the patches."),
        .integer(
          "mlp_multiple", \.mlpMultiple, 1...65536,
          "The inner width of an MLP, 8/3 of the block's, is rounded up to a multiple of this; also "
            + "in the decoder."),
      ]
    }
  }

  package struct State: Section {
    package var dim = 16
    package var norm = StateNorm.sphere

    package init() {}

    package static let source: String? = "model.md section 3.3"

    package static var fields: [Field<Self>] {
      [
        .integer("dim", \.dim, 1...65536, "Components of a state."),
        .choice(
          "norm", \.norm,
          "Normalisation of states: to length √dim (`sphere`), to mean 0 and variance 1 (`layer`), or "
            + "`none`, for diagnosis."),
      ]
    }
  }

  package struct Head: Section {
    package var width = 128
    package var blocks = 3
    package var groups = 1

    package init() {}

    package static let source: String? = "model.md section 3.2"

    package static var fields: [Field<Self>] {
      [
        .integer("width", \.width, 2...65536, "Width of its blocks, an even number."),
        .integer("blocks", \.blocks, 1...1024, "Number of residual blocks."),
        .integer(
          "groups", \.groups, 1...1024,
          "Groups of consecutive blocks that share one modulation; it divides `head.blocks`."),
      ]
    }
  }

  package struct Encoder: Section {
    package var context = EncoderContext.hidden
    package var width = 128
    package var blocks = 2
    package var headDim = 64

    package init() {}

    package static let source: String? = "model.md section 3.3"

    package static var fields: [Field<Self>] {
      [
        .choice(
          "context", \.context,
          "Input besides its patch: the trunk's `hidden` state, nothing (`none`), or all "
            + "patches of the `image`."),
        .integer(
          "width", \.width, 2...65536,
          "Width of its blocks: even, and with context `image` a multiple of `encoder.head_dim`."),
        .integer("blocks", \.blocks, 1...1024, "Number of blocks."),
        .integer(
          "head_dim", \.headDim, 4...1024,
          "Width of an attention head, a multiple of 4; used with context `image` alone."),
      ]
    }
  }

  package struct Decoder: Section {
    package var context = DecoderContext.causal
    package var width = 128
    package var blocks = 2
    package var headDim = 64

    package init() {}

    package static let source: String? = "model.md section 3.4"

    package static var fields: [Field<Self>] {
      [
        .choice(
          "context", \.context,
          "Input besides its state: the states before it (`causal`), the trunk's `hidden` "
            + "state, or nothing (`none`)."),
        .integer(
          "width", \.width, 2...65536,
          "Width of its blocks: even, and with context `causal` a multiple of `decoder.head_dim`."),
        .integer("blocks", \.blocks, 1...1024, "Number of blocks."),
        .integer(
          "head_dim", \.headDim, 4...1024,
          "Width of an attention head, a multiple of 4; used with context `causal` alone."),
      ]
    }
  }

  package struct Perturb: Section {
    package var tMin = 0.65
    package var renormalize = false

    package init() {}

    package static let source: String? = "model.md section 4"

    package static var fields: [Field<Self>] {
      [
        .number(
          "t_min", \.tMin, .from(0, to: 1),
          "A target state becomes t * state + (1 - t) * noise, with t drawn from `t_min` to 1."),
        .flag("renormalize", \.renormalize, "Whether perturbed states are normalised again."),
      ]
    }
  }

  package struct NoiseInjection: Section {
    package var sigma = 0.2

    package init() {}

    package static let source: String? = "model.md section 9"

    package static var fields: [Field<Self>] {
      [
        .number(
          "sigma", \.sigma, .zeroOrMore,
          "Standard deviation of the noise on training's input patches, whose pixels lie in [-1, 1]."
        )
      ]
    }
  }

  package struct Rollout: Section {
    package var steps = 10
    package var start = RolloutStart.perturbed

    package init() {}

    package static let source: String? = "model.md section 9"

    package static var fields: [Field<Self>] {
      [
        .integer("steps", \.steps, 1...4095, "Euler steps from the start to a state."),
        .choice(
          "start", \.start,
          "Where a state's flow starts: at the `perturbed` target state, or at `noise`."),
      ]
    }
  }
}
