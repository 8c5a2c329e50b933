// The two passes of a training step and their losses (model.md section 4, 1 to 7).

import Autodiff
import Configuration
import NeuralNetwork
import Tensor

extension PRAModel {
  /// Runs the passes of the configured method on a tape.
  /// - Parameter perceptual: the network of `loss.lpips`, if its weight is above 0
  package func losses(
    _ batch: TrainingBatch, on tape: Tape, perceptual: LPIPS? = nil
  ) -> (StepLosses, StepActivations) {
    precondition(
      perceptual != nil || configuration.loss.lpips == 0, "losses: loss.lpips without a network")
    return switch generator {
    case .states(let parts): stateLosses(parts, batch, on: tape, perceptual)
    case .patches(let parts): patchLosses(parts, batch, on: tape)
    case .image(let denoiser): imageLosses(denoiser, batch, on: tape)
    }
  }

  /// `pra`, `clean-input`, `exact-rollout`: a reconstruction pass, then an AR pass.
  private func stateLosses(
    _ parts: StateGenerator, _ batch: TrainingBatch, on tape: Tape, _ perceptual: LPIPS?
  ) -> (StepLosses, StepActivations) {
    let labels = droppedLabels(batch)
    let target = tape.constant(batch.patches)

    // 1. Hidden states of clean patches. If the AR pass reads clean patches too, one pass serves
    // both.
    let cleanInput = configuration.method == .cleanInput
    var clean: Variable?
    if cleanInput {
      clean = trunk(labels, target)
    } else if parts.readsHiddenBeforeDecoding {
      let silent = Tape(on: device, type: type, products: products, recording: false)
      clean = tape.constant(trunk(labels, silent.constant(batch.patches)).value)
    }

    // 2-4. States, perturbed, decoded.
    let norm = configuration.state.norm
    let states = normalizedState(parts.encoder(target, hidden: clean), norm)
    let perturbation = perturbation(batch)
    let mixed = perturbation.applied(to: states)
    let perturbed =
      configuration.perturb.renormalize ? normalizedState(mixed, norm) : mixed
    let decoded = parts.decoder(perturbed, hidden: clean)

    // 5. The AR pass reads the patches that inference would feed back.
    var activations = [
      "states": states.value, "perturbed": perturbed.value, "decoded": decoded.value,
    ]
    let hidden: Variable
    switch configuration.method {
    case .cleanInput:
      hidden = clean!
    case .exactRollout:
      let fed = tape.constant(rollout(parts, labels, from: mixed.value, perturbation))
      activations["rollout"] = fed.value
      hidden = trunk(labels, fed)
    default:
      hidden = trunk(labels, decoded.detached)
    }

    // 6-7. Losses.
    let (flow, velocity) = flowLoss(parts.head, states.value, hidden, batch)
    let weights = configuration.loss
    var terms = [
      LossTerm(name: "loss.flow", weight: 1, scalar: flow),
      LossTerm(
        name: "loss.l1", weight: weights.l1,
        scalar: meanAbsoluteDifference(decoded, batch.patches)),
      LossTerm(
        name: "loss.l2", weight: weights.l2,
        scalar: meanSquaredDifference(decoded, batch.patches)),
    ]
    if weights.lpips > 0, let perceptual {
      let image = configuration.image
      func images(_ x: Variable) -> Variable {
        imagesOfPatches(x, patch: image.patch, channels: image.channels)
      }
      terms.append(
        LossTerm(
          name: "loss.lpips", weight: weights.lpips,
          scalar: perceptual(images(decoded), images(target).value)))
    }
    terms.append(patchPredictionLoss(parts.patchPrediction, hidden, batch))
    activations["hidden"] = hidden.value
    activations["velocity"] = velocity.value
    return (StepLosses(terms: terms), activations)
  }

  /// L_norm.
  func patchPredictionLoss(
    _ prediction: Linear, _ hidden: Variable, _ batch: TrainingBatch
  ) -> LossTerm {
    LossTerm(
      name: "loss.norm_pix", weight: configuration.loss.normPix,
      scalar: meanSquaredDifference(prediction(hidden), patchNormalized(batch.patches)))
  }

  /// t and e of step 3.
  private func perturbation(_ batch: TrainingBatch) -> Perturbation {
    let (rows, count, k) = (batch.count, sizes.positions, sizes.stateWidth)
    let least = configuration.perturb.tMin
    let times = exact(
      .uniform, batch, count: count, stream: TrainingStream.perturbationTime,
      map: .affine(offset: least, factor: 1 - least))
    let noise = normals(batch, count: count * k, stream: TrainingStream.perturbationNoise)
    return Perturbation(times: times, noise: noise.reshaped([rows, count, k]))
  }
}

/// Times and noise that say how far each state is moved, and towards what.
struct Perturbation {
  /// t, [batch, N], float64.
  let times: Tensor
  /// e, [batch, N, k].
  let noise: Tensor

  /// z^ = t z + (1 - t) e.
  func applied(to states: Variable) -> Variable {
    let (rows, count, k) = states.value.dimensions3
    return interpolated(
      noise: noise.reshaped([rows, 1, count, k]), to: states,
      t: times.converted(to: noise.type).reshaped([rows, 1, count]), repeats: 1
    ).reshaped([rows, count, k])
  }
}
