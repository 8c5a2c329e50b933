// The whole configuration of a run, nested as in model.md section 10; defaults are those of `nano`.

/// Every setting of model, training and sampling. Built by `resolve`, stored as `json`.
package struct ModelConfiguration: Section {
  package var method = Method.pra
  package var preset = Preset.nano
  package var device = DeviceChoice.auto
  package var seed: UInt64 = 0
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

  package static let additions: Set<String> = ["device"]

  package static let source: String? = "model.md section 10"

  package static var fields: [Field<Self>] {
    [
      .choice(
        "method", \.method,
        "Method that is trained: `pra`, the paper's method; `clean-input`, which reads clean patches in "
          + "training; `teacher-forced`, `x-prediction` and `noise-injection`, which generate pixels "
          + "without states; `exact-rollout`, which reads a sequential rollout in training; or "
          + "`diffusion`, which draws all patches at once."
      ).source("model.md section 9"),
      .choice(
        "preset", \.preset,
        "Named sizes and recipe, from which all other defaults come; the other keys change single settings of it."
      ).source("model.md section 7"),
      .choice(
        "device", \.device,
        "Device of training and drawing: `auto`, the GPU that a worker gives, the processor where it has none; "
          + "`cpu`, the processor; or `cuda`, a GPU: jobs of the run that compute wait for a worker that has one."
      ).source("model.md section 10"),
      .seed(
        "seed", \.seed,
        "Key of the random numbers of first weights, data order and training."
      ).source("model.md section 6"),
      .optionalInteger(
        "classes", \.classes, 1...1_000_000,
        "Number of classes; null for as many as the data set has."),
      .section("image", \.image, "Size of the images and of their patches."),
      .section("trunk", \.trunk, "The causal transformer."),
      .section(
        "state", \.state, "The intermediate state that the flow head generates for each patch."),
      .section("head", \.head, "The flow head, which generates states."),
      .section(
        "encoder", \.encoder, "The state encoder, which makes training's target states of patches."),
      .section("decoder", \.decoder, "The pixel decoder, which makes patches of states."),
      .section("perturb", \.perturb, "The perturbation of target states in training."),
      .section("noise_injection", \.noiseInjection, "The method `noise-injection`."),
      .section("rollout", \.rollout, "The method `exact-rollout`."),
      .section("loss", \.loss, "Weights of the losses."),
      .section("training", \.training, "Batches, schedule, optimizer and averages of weights."),
      .section(
        "sampling", \.sampling,
        "How images are drawn, as in `config: {sampling: {steps: 50}}`; how many is `sample`, beside `config`."
      ),
    ]
  }

  /// Dotted paths of the keys within sections.
  static let leafPaths = Key.settings.map(\.name).filter { $0.contains(".") }
}
