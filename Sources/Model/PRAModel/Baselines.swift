// The training steps of the methods without states (model.md section 9).

import Autodiff
import Configuration
import NeuralNetwork
import Tensor

extension PRAModel {
  /// `teacher-forced`, `x-prediction`, `noise-injection`: the AR pass alone, on patches.
  func patchLosses(
    _ parts: PatchGenerator, _ batch: TrainingBatch, on tape: Tape
  ) -> (StepLosses, StepActivations) {
    let hidden = trunk(droppedLabels(batch), tape.constant(inputs(batch)))
    let (flow, output) = flowLoss(parts.head, batch.patches, hidden, batch)
    let losses = StepLosses(terms: [
      LossTerm(name: "loss.flow", weight: 1, scalar: flow),
      patchPredictionLoss(parts.patchPrediction, hidden, batch),
    ])
    return (losses, ["hidden": hidden.value, "velocity": output.value])
  }

  /// Clean patches, or y + sigma e.
  private func inputs(_ batch: TrainingBatch) -> Tensor {
    guard configuration.method == .noiseInjection else { return batch.patches }
    let y = batch.patches
    let noise = normals(
      batch, count: y.count / batch.count, stream: TrainingStream.perturbationNoise)
    return y.combined(1, configuration.noiseInjection.sigma, noise.reshaped(y.shape))
  }

  /// `diffusion`: all patches of an image at one time, no mask. Li & He 2025, arXiv 2511.13720.
  func imageLosses(
    _ denoiser: ImageDenoiser, _ batch: TrainingBatch, on tape: Tape
  ) -> (StepLosses, StepActivations) {
    let (rows, count, width) = batch.patches.dimensions3
    let times = exact(.normal, batch, count: 1, stream: TrainingStream.flowTime, map: .sigmoid)
    let everywhere = times.repeated(count)
    let noise = normals(batch, count: count * width, stream: TrainingStream.flowNoise)
    let noisy = interpolated(
      noise: noise.reshaped([rows, 1, count, width]), to: tape.constant(batch.patches),
      t: everywhere.converted(to: type).reshaped([rows, 1, count]), repeats: 1
    ).reshaped([rows, count, width])
    let output = denoiser(trunk, droppedLabels(batch), noisy, times: times)
    let flow = clampedVelocityLoss(output, batch.patches, times: everywhere)
    return (
      StepLosses(terms: [LossTerm(name: "loss.flow", weight: 1, scalar: flow)]),
      ["velocity": output.value]
    )
  }
}
