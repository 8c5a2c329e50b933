// A model small enough to differentiate by hand.

import Autodiff
import Configuration
import PRAModel
import Tensor

/// 8-pixel images in four patches, every width as small as it may be.
func tiny(_ edit: (inout ModelConfiguration) -> Void = { _ in }) -> ModelConfiguration {
  var c = ModelConfiguration()
  c.image.size = 8
  c.image.patch = 4
  c.trunk.width = 16
  c.trunk.layers = 2
  c.trunk.classTokens = 2
  c.trunk.mlpMultiple = 8
  c.state.dim = 4
  c.head.width = 8
  c.head.blocks = 2
  c.encoder.width = 8
  c.encoder.headDim = 4
  c.decoder.width = 8
  c.decoder.headDim = 4
  c.loss.flowRepeat = 2
  c.training.batch = 3
  c.sampling.weights = "model"
  edit(&c)
  return c
}

/// Moves every tensor by 0.1 * normal, since outputs initialized to zero hide errors.
func shaken(_ model: PRAModel) -> PRAModel {
  let random = Philox(seed: 99)
  for (n, parameter) in model.parameters.all.enumerated() {
    let noise = Tensor(
      random.normals(parameter.value.count, a: UInt32(n), b: 0, stream: 90),
      parameter.value.shape, type: model.type, on: model.device)
    parameter.value.combine(1, parameter.value, 0.1, noise)
  }
  return model
}

/// Images of uniform noise and labels 0, 1, 2, ...
func tinyBatch(_ model: PRAModel, count: Int = 3, step: Int = 0) -> TrainingBatch {
  let size = model.sizes.configuration.image.size
  let pixels = Philox(seed: 5)
    .uniforms(count * size * size * 3, a: 0, b: 0, stream: 91).map { Float(2 * $0 - 1) }
  return TrainingBatch(
    patches: cutIntoPatches(
      pixels, batch: count, sizes: model.sizes, type: model.type, on: model.device),
    labels: (0..<count).map { $0 % model.sizes.classes }, step: step)
}

/// Every context, norm and method at least once.
let tinyVariants: [(name: String, configuration: ModelConfiguration)] = [
  ("default", tiny()),
  ("clean-input", tiny { $0.method = .cleanInput }),
  (
    "no context",
    tiny {
      $0.encoder.context = .none
      $0.decoder.context = .none
    }
  ),
  (
    "image encoder, hidden decoder, layer norm, renormalize",
    tiny {
      $0.encoder.context = .image
      $0.decoder.context = .hidden
      $0.state.norm = .layer
      $0.perturb.renormalize = true
    }
  ),
  (
    "no norm, two groups, squared loss, one class token",
    tiny {
      $0.state.norm = .none
      $0.head.groups = 2
      $0.loss.l2 = 0.5
      $0.trunk.classTokens = 1
    }
  ),
  ("teacher-forced", tiny { $0.method = .teacherForced }),
  ("x-prediction", tiny { $0.method = .xPrediction }),
  ("noise-injection", tiny { $0.method = .noiseInjection }),
  (
    "exact-rollout",
    tiny {
      $0.method = .exactRollout
      $0.rollout.steps = 3
    }
  ),
  ("diffusion", tiny { $0.method = .diffusion }),
]

extension StepLosses {
  /// Leaves the gradients on the tape.
  func backward(on tape: Tape) {
    tape.backward(terms.filter { $0.weight != 0 }.map { (weight: $0.weight, of: $0.scalar) })
  }
}
