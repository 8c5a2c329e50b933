// The whole configuration of a run, nested as in model.md section 10; defaults are those of `nano`.

/// Every setting of model, training and sampling. Built by `resolve`, stored as `json`.
package struct ModelConfiguration: Section {
  package var method = Method.pra
  package var preset = Preset.nano
  /// Key of the random numbers of initialisation, data order and training.
  package var seed: UInt64 = 0
  /// Number of classes, or nil for the data set's.
  package var classes: Int?
  package var image = Image()
  package var trunk = Trunk()
  package var state = State()
  package var head = Head()
  package var encoder = Encoder()
  package var decoder = Decoder()
  package var perturb = Perturb()
  package var noiseInjection = NoiseInjection()
  package var rollout = Rollout()
  package var loss = LossConfiguration()
  package var training = TrainingConfiguration()
  package var sampling = SamplingConfiguration()

  package init() {}

  package static var fields: [Field<Self>] {
    [
      .choice("method", \.method), .choice("preset", \.preset), .seed("seed", \.seed),
      .optionalInteger("classes", \.classes, 1...1_000_000), .section("image", \.image),
      .section("trunk", \.trunk), .section("state", \.state), .section("head", \.head),
      .section("encoder", \.encoder), .section("decoder", \.decoder),
      .section("perturb", \.perturb), .section("noise_injection", \.noiseInjection),
      .section("rollout", \.rollout), .section("loss", \.loss),
      .section("training", \.training), .section("sampling", \.sampling),
    ]
  }
}

extension ModelConfiguration {
  /// Dotted paths of the keys within sections.
  static let leafPaths: [String] = {
    func paths<S: Section>(_ section: String, _: S) -> [String] {
      S.fields.map { "\(section).\($0.key)" }
    }
    let c = ModelConfiguration()
    return paths("image", c.image) + paths("trunk", c.trunk) + paths("state", c.state)
      + paths("head", c.head) + paths("encoder", c.encoder) + paths("decoder", c.decoder)
      + paths("perturb", c.perturb) + paths("noise_injection", c.noiseInjection)
      + paths("rollout", c.rollout) + paths("loss", c.loss) + paths("training", c.training)
      + paths("sampling", c.sampling)
  }()

  /// Side, channels (1 or 3) and patch side in pixels.
  package struct Image: Section, Hashable {
    package var size = 32
    package var channels = 3
    package var patch = 8

    package init() {}

    package static var fields: [Field<Self>] {
      [
        .integer("size", \.size, 1...4096), .integer("channels", \.channels, 1...3),
        .integer("patch", \.patch, 1...4096),
      ]
    }
  }

  /// The causal transformer (section 3.1).
  package struct Trunk: Section {
    package var width = 128
    package var layers = 4
    package var heads = 2
    package var classTokens = 2
    package var mlpMultiple = 64

    package init() {}

    package static var fields: [Field<Self>] {
      [
        .integer("width", \.width, 1...65536), .integer("layers", \.layers, 1...1024),
        .integer("heads", \.heads, 1...1024), .integer("class_tokens", \.classTokens, 1...1024),
        .integer("mlp_multiple", \.mlpMultiple, 1...65536),
      ]
    }
  }

  /// The intermediate state (section 3.3).
  package struct State: Section {
    package var dim = 16
    package var norm = StateNorm.sphere

    package init() {}

    package static var fields: [Field<Self>] {
      [.integer("dim", \.dim, 1...65536), .choice("norm", \.norm)]
    }
  }

  /// The flow head (section 3.2).
  package struct Head: Section {
    package var width = 128
    package var blocks = 3
    package var groups = 1

    package init() {}

    package static var fields: [Field<Self>] {
      [
        .integer("width", \.width, 2...65536), .integer("blocks", \.blocks, 1...1024),
        .integer("groups", \.groups, 1...1024),
      ]
    }
  }

  /// The state encoder (section 3.3).
  package struct Encoder: Section {
    package var context = EncoderContext.hidden
    package var width = 128
    package var blocks = 2
    package var headDim = 64

    package init() {}

    package static var fields: [Field<Self>] {
      [
        .choice("context", \.context), .integer("width", \.width, 2...65536),
        .integer("blocks", \.blocks, 1...1024), .integer("head_dim", \.headDim, 4...1024),
      ]
    }
  }

  /// The pixel decoder (section 3.4).
  package struct Decoder: Section {
    package var context = DecoderContext.causal
    package var width = 128
    package var blocks = 2
    package var headDim = 64

    package init() {}

    package static var fields: [Field<Self>] {
      [
        .choice("context", \.context), .integer("width", \.width, 2...65536),
        .integer("blocks", \.blocks, 1...1024), .integer("head_dim", \.headDim, 4...1024),
      ]
    }
  }

  /// The perturbation of target states (section 4, step 3).
  package struct Perturb: Section {
    package var tMin = 0.65
    package var renormalize = false

    package init() {}

    package static var fields: [Field<Self>] {
      [.number("t_min", \.tMin, .from(0, to: 1)), .flag("renormalize", \.renormalize)]
    }
  }

  /// The input noise of `noise-injection` (section 9).
  package struct NoiseInjection: Section {
    package var sigma = 0.2

    package init() {}

    package static var fields: [Field<Self>] { [.number("sigma", \.sigma, .zeroOrMore)] }
  }

  /// The sequential rollout of `exact-rollout` (section 9).
  package struct Rollout: Section {
    package var steps = 10
    package var start = RolloutStart.perturbed

    package init() {}

    package static var fields: [Field<Self>] {
      [.integer("steps", \.steps, 1...4095), .choice("start", \.start)]
    }
  }
}
