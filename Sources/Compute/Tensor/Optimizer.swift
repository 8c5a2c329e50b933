// AdamW and moving averages of a list of tensors, each one operation.

import CKernels

/// A trained tensor with what AdamW keeps of it, all of one size.
package struct AdamWTensors {
  package let w, m, v: Tensor
  package let average: Tensor?

  package init(w: Tensor, m: Tensor, v: Tensor, average: Tensor?) {
    (self.w, self.m, self.v, self.average) = (w, m, v, average)
    precondition(
      [m, v, average ?? m].allSatisfy { $0.count == w.count }, "AdamW: shapes of \(w.shape)")
  }
}

/// The update of many tensors (Loshchilov & Hutter 2019): w *= 1 - lr * weightDecay, then
/// w -= lr m^ / (sqrt(v^) + eps), after updating m and v and before updating the moving average. The
/// step's scalars decide whether anything changes.
package struct AdamWUpdate {
  private let list: DeviceList<AdamWTensor>
  private let scalars: DeviceList<StepScalars>
  private let averageDecay: DeviceNumber?
  private let type: ElementType
  private let runs: Int
  /// Keeps the memory of all addresses in the list.
  private let tensors: [(new: AdamWTensors, old: AdamWTensors, gradient: Tensor)]

  /// - Parameters:
  ///   - tensors: `old` holds the numbers to start from; where it lies elsewhere it does not change,
  ///     and the result is the same bit for bit
  ///   - averageDecay: D of a = D a + (1 - D) w
  package init(
    _ tensors: [(new: AdamWTensors, old: AdamWTensors, gradient: Tensor)], weightDecays: [Double],
    _ scalars: DeviceList<StepScalars>, averageDecay: DeviceNumber?
  ) {
    precondition(tensors.count == weightDecays.count && !tensors.isEmpty, "AdamW: decays")
    var first = 0
    let rows = zip(tensors, weightDecays).map { tensors, decay in
      let (new, old) = (tensors.new, tensors.old)
      precondition(
        tensors.gradient.count == new.w.count && old.w.count == new.w.count
          && (old.average == nil) == (new.average == nil), "AdamW: shapes of \(new.w.shape)")
      defer { first += runsOf(new.w.count) }
      return AdamWTensor(
        w: new.w.address, m: new.m.address, v: new.v.address, average: new.average.address,
        gradient: tensors.gradient.address, from_w: old.w.address, from_m: old.m.address,
        from_v: old.v.address, from_average: old.average.address, count: new.w.count,
        first_run: first, weight_decay: decay)
    }
    list = DeviceList(rows, on: scalars.device)
    runs = first
    type = tensors[0].new.w.type
    (self.tensors, self.scalars, self.averageDecay) = (tensors, scalars, averageDecay)
  }

  /// Elements that are computed together, from a tensor's first one on.
  package static var elementsOfRun: Int { Int(ADAMW_RUN) }

  package func run() {
    scalars.device.run(
      .adamw(
        .init(
          tensors: list.address, count: list.count, scalars: scalars.address,
          average_decay: averageDecay?.address ?? DeviceAddress())), type, over: runs)
  }
}

/// a = D a + (1 - D) w of many tensors, unless the step's scalars say that nothing changes.
package struct AverageUpdate {
  private let list: DeviceList<AveragedTensor>
  private let scalars: DeviceList<StepScalars>
  private let decay: DeviceNumber
  private let type: ElementType
  private let runs: Int
  private let tensors: [(average: Tensor, w: Tensor)]

  package init(
    _ tensors: [(average: Tensor, w: Tensor)], decay: DeviceNumber,
    _ scalars: DeviceList<StepScalars>
  ) {
    var first = 0
    let rows = tensors.map { average, w in
      precondition(average.count == w.count, "average: \(w.shape) into \(average.shape)")
      defer { first += runsOf(w.count) }
      return AveragedTensor(
        average: average.address, w: w.address, count: w.count, first_run: first)
    }
    list = DeviceList(rows, on: scalars.device)
    runs = first
    type = tensors[0].w.type
    (self.tensors, self.scalars, self.decay) = (tensors, scalars, decay)
  }

  package func run() {
    scalars.device.run(
      .moveAverages(
        .init(
          tensors: list.address, count: list.count, scalars: scalars.address,
          decay: decay.address)), type, over: runs)
  }
}

private func runsOf(_ count: Int) -> Int { (count + Int(ADAMW_RUN) - 1) / Int(ADAMW_RUN) }

extension DeviceList where Element == StepScalars {
  /// Computes the norm of all gradients, the factor that clips them, and whether norm and loss are
  /// finite, from one sum of squares for each gradient.
  package func clip(_ squares: DeviceList<Double>, loss: DeviceNumber) {
    device.run(
      .clipStep(
        .init(
          scalars: address, squares: squares.address, count: squares.count, loss: loss.address)),
      .float64)
  }
}
