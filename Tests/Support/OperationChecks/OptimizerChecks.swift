// Checks of the optimizer and of the integration of states.

import CKernels
import Tensor

let optimizerChecks: [OperationCheck] = [
  OperationCheck("clip_step") { b in
    let scalars = scalars(b, finite: 1)
    scalars.clip(b.doubles(b.size() * 2), loss: DeviceNumber(b.doubles(1)))
    let s = scalars.read()
    let out = b.sums(4)
    out.upload { [s.norm, s.gradient_scale, s.loss, s.finite][$0] }
  },
  OperationCheck("adamw") { b in
    let (scalars, decay) = (scalars(b, finite: b.chance() ? 1 : 0), DeviceNumber(b.doubles(1)))
    let (elsewhere, hasAverage) = (b.chance(), b.chance())
    func tensors(_ n: Int, _ made: (Int) -> Tensor) -> AdamWTensors {
      AdamWTensors(w: made(n), m: made(n), v: made(n), average: hasAverage ? made(n) : nil)
    }
    let list = (0..<b.number(1...4)).map { _ in
      let n = b.size() * b.number(1...3)
      let old = tensors(n) {
        elsewhere ? b.input([$0], positive: true) : b.changed([$0], positive: true)
      }
      return (
        new: elsewhere ? tensors(n) { b.output([$0]) } : old, old: old, gradient: b.input([n])
      )
    }
    AdamWUpdate(
      list, weightDecays: list.indices.map { Double($0) / 10 }, scalars, averageDecay: decay
    ).run()
  },
  OperationCheck("move_averages") { b in
    let (scalars, decay) = (scalars(b, finite: b.chance() ? 1 : 0), DeviceNumber(b.doubles(1)))
    let list = (0..<b.number(1...4)).map { _ in
      let n = b.size() * b.number(1...3)
      return (average: b.changed([n]), w: b.input([n]))
    }
    AverageUpdate(list, decay: decay, scalars).run()
  },
]

private func scalars(_ b: Bench, finite: Double) -> DeviceList<StepScalars> {
  b.held(
    DeviceList(
      [
        StepScalars(
          learning_rate: 1e-2, beta1: 0.9, beta2: 0.95, correction1: 0.3439,
          correction2: 0.18549375,
          epsilon: 1e-3, clip: 1, norm: 1, gradient_scale: 0.75, loss: 1, finite: finite)
      ], on: b.device))
}

let integratorChecks: [OperationCheck] = [
  OperationCheck("integrate_states") { b in integrated(b, rounded: false) },
  // The same positions once more: a device may have kept what it did.
  OperationCheck("integrate_states repeated") { b in integrated(b, rounded: false, times: 3) },
]

/// Integrates a small head by Heun's method with noise, guided or not.
private func integrated(_ b: Bench, rounded: Bool, times repeats: Int = 1) {
  let (count, inputs, half) = (b.number(1...5), b.number(1...9), b.number(1...6))
  let (blocks, halves, shifts, predictsX) = (2, b.number(1...2), b.chance(), b.chance())
  let (w, evaluations, groups) = (2 * half, 3, b.number(1...2))
  let modulation = groups * 3 * w + w + (shifts ? inputs : w)
  func weights(_ outputs: Int, _ inputs: Int) -> PackedWeights {
    b.held(
      PackedWeights(
        b.input([outputs, inputs]).combined(0.3, 0, b.input([outputs, inputs])),
        bias: b.input([outputs]), precision: rounded ? .bfloat16 : .full))
  }
  let (first, last, modulations) = (weights(w, inputs), weights(inputs, w), weights(modulation, w))
  let maps = (0..<blocks).map { _ in (up: weights(3 * w, w), down: weights(w, 3 * w / 2)) }
  let norms = (0..<blocks).map { _ in (gain: b.input([w]), bias: b.input([w])) }
  let list = b.held(
    DeviceList(
      zip(norms, maps).map { norm, map in
        HeadBlock(
          gain: norm.gain.address, bias: norm.bias.address, up: map.up.address,
          up_bias: map.up.biasAddress, down: map.down.address, down_bias: map.down.biasAddress)
      }, on: b.device))
  let head = b.held(
    DeviceList(
      [
        HeadWeights(
          inputs: inputs, width: w, outputs: inputs, blocks: blocks, groups: groups,
          modulation_width: modulation, shifts_output: shifts, rounded: rounded,
          input: first.address, input_bias: first.biasAddress, modulation: modulations.address,
          modulation_bias: modulations.biasAddress, output: last.address,
          output_bias: last.biasAddress, block_list: list.address)
      ], on: b.device))
  func step(_ action: Int, _ time: Int32, _ alpha: Double = 0, _ beta: Double = 0) -> FlowStep {
    FlowStep(action: Int32(action), time: time, alpha: alpha, beta: beta, rest: 0.5)
  }
  let steps = b.held(
    DeviceList(
      [
        step(FLOW_VELOCITY, 0), step(FLOW_LOOK, 0, 0.25), step(FLOW_AHEAD, 1),
        step(FLOW_MOVE, 0, 0.75, 0.25), step(FLOW_NOISE, 1, 0.125), step(FLOW_FINISH, 2, 0.25),
      ], on: b.device))
  let times = b.input([evaluations, w])
  let numbers = b.held(DeviceList((0..<count).map { UInt32(3 * $0 + 1) }, on: b.device))
  for position in 0..<repeats {
    let condition = b.input([halves * count, w])
    let z = b.output([count, inputs])
    b.run(
      .integrateStates(
        .init(
          z: z.address, condition: condition.address, times: times.address, steps: steps.address,
          numbers: numbers.address, count: count, halves: halves, time_count: evaluations,
          step_count: steps.count, scale: halves == 1 ? 1 : 1.5 + Double(position) / 4,
          predicts_x: predictsX, key: 77, stream: 1, first_a: UInt32(40 * position),
          head: head.address, weights: 1000, evaluations: evaluations, rounded: rounded)))
  }
}
