// Reverse-mode differentiation: a tape of derivatives, run backwards. Griewank & Walther 2008, 3.2.

import CKernels
import Tensor

/// A trained tensor with its name of model.md section 3.
package final class Parameter {
  package let name: String
  package let value: Tensor

  package init(name: String, value: Tensor) {
    self.name = name
    self.value = value
  }
}

/// A tensor computed on a tape. Without an `id` no gradient flows into it: a constant, or sg().
package struct Variable {
  package let value: Tensor
  package let tape: Tape
  let id: Int?
  /// Computes the numbers again from tensors that are kept anyhow.
  var recipe: (() -> Tensor)?

  init(value: Tensor, tape: Tape, id: Int?, recipe: (() -> Tensor)? = nil) {
    self.value = value
    self.tape = tape
    self.id = id
    self.recipe = recipe
  }

  /// The same numbers, through which no gradient flows: sg() of model.md.
  package var detached: Variable { Variable(value: value, tape: tape, id: nil) }

  /// Gives a derivative the numbers. Large ones that have a recipe are not kept until the backward
  /// pass but computed again, which costs about as much as reading them from memory.
  var kept: () -> Tensor {
    if let recipe, value.byteCount >= Self.worthRecomputing { return recipe }
    let value = value
    return { value }
  }
  static let worthRecomputing = 4 << 20

  /// The identity of the gradient, without the numbers.
  var place: GradientPlace { GradientPlace(id: id, shape: shape, type: value.type) }
  package var shape: [Int] { value.shape }
  package var needsGradient: Bool { id != nil }

  /// The same numbers under another shape of the same size.
  package func reshaped(_ shape: [Int]) -> Variable {
    let place = place
    return tape.record(value.reshaped(shape), from: [self]) { tape, gradient in
      tape.add(gradient.reshaped(place.shape), to: place, owned: false)
    }
  }
}

/// A variable's gradient, for derivatives that do not need the variable's numbers.
struct GradientPlace {
  let id: Int?
  let shape: [Int]
  let type: ElementType
}

/// A mean over all elements, in float64.
package struct Scalar {
  package let number: DeviceNumber
  /// The value that the latest run of its operations left.
  package var value: Double { number.value }
  /// Adds `factor` times the derivative of the value to the gradients of the inputs.
  let derivative: ((_ factor: Double) -> Void)?

  init(_ number: DeviceNumber, derivative: ((_ factor: Double) -> Void)?) {
    self.number = number
    self.derivative = derivative
  }

  /// The same value, without a derivative.
  package var settled: Scalar { Scalar(number, derivative: nil) }

  /// The sum of several scalars.
  package static func sum(_ terms: [Scalar]) -> Scalar {
    let derivatives = terms.compactMap(\.derivative)
    let sum = DeviceNumber(on: terms[0].number.device)
    sum.setToSum(terms.map { (weight: 1, of: $0.number) })
    guard !derivatives.isEmpty else { return Scalar(sum, derivative: nil) }
    return Scalar(sum) { factor in for derivative in derivatives { derivative(factor) } }
  }
}

/// Records operations in the order in which they run, and runs their derivatives in reverse. One
/// backward pass per tape; not to be used by two threads.
package final class Tape {
  package let device: Device
  package let type: ElementType
  /// Precision of the products in `linear`.
  package let products: ProductPrecision
  /// Whether `recomputed` keeps no activations.
  package let recomputes: Bool
  /// False for inference: no derivative is kept and every variable is a constant.
  package let isRecording: Bool

  /// Weights packed at their first use, for products that read them again and again in inference.
  private var packed: [ObjectIdentifier: PackedWeights] = [:]
  private let packsWeights: Bool

  private struct Gradient {
    var tensor: Tensor
    /// Whether the tensor belongs to this gradient alone, and may be changed in place.
    var owned: Bool
  }
  private var derivatives: [((Tape, Tensor) -> Void)?] = []
  /// By variable, the numbers of those from which it was computed.
  private var inputs: [[Int]] = []
  private var gradients: [Gradient?] = []
  /// Variable numbers of the parameters. The variables themselves would keep the tape alive.
  private var leaves: [ObjectIdentifier: Int] = [:]
  private var parameters: [(parameter: Parameter, id: Int)] = []
  /// Numbers of the parameters whose gradients have been handed over.
  private var handedOver: Set<Int> = []
  /// The parameters that a tape of `recomputed` has read; nil for others.
  private(set) var read: [ObjectIdentifier: Parameter]?

  /// - Parameter packingWeights: for repeated inference with weights that do not change
  package init(
    on device: Device, type: ElementType = .float32, products: ProductPrecision = .full,
    recording: Bool = true, packingWeights: Bool = false, recomputing: Bool = false
  ) {
    precondition(!(recording && packingWeights), "Tape: packed weights do not see an update")
    self.device = device
    self.type = type
    self.products = products
    isRecording = recording
    recomputes = recomputing
    packsWeights = packingWeights
  }

  /// The type of activations between products, their norms and what acts on them alone, and of
  /// their gradients: bfloat16 if products round them anyhow. The sum that runs through all blocks,
  /// conditions and losses have the tape's type.
  package var activations: ElementType {
    products == .bfloat16 && type == .float32 && device.keepsBFloat16 && !packsWeights
      ? .bfloat16 : type
  }

  /// Whether attention rounds rotated keys and values, with and without a cache.
  var roundsKeys: Bool {
    products == .bfloat16 && type == .float32 && device.multipliesBFloat16 && packsWeights
  }

  /// A tensor into which no gradient flows.
  package func constant(_ tensor: Tensor) -> Variable {
    precondition(
      tensor.type == type || tensor.type == activations,
      "constant: \(tensor.type) on a tape of \(type)")
    return Variable(value: tensor, tape: self, id: nil)
  }

  /// A parameter's variable; always the same one, so that the gradients of its uses add up.
  package func variable(_ parameter: Parameter) -> Variable {
    guard isRecording else {
      read?[ObjectIdentifier(parameter)] = parameter
      return constant(parameter.value)
    }
    if let known = leaves[ObjectIdentifier(parameter)] {
      return Variable(value: parameter.value, tape: self, id: known)
    }
    let leaf = newVariable(parameter.value, derivative: nil)
    leaves[ObjectIdentifier(parameter)] = leaf.id
    parameters.append((parameter, derivatives.count - 1))
    return leaf
  }

  /// The packed form of a linear map's parameters, on a tape that packs weights.
  package func packedWeights(_ weight: Parameter, bias: Parameter?) -> PackedWeights? {
    guard packsWeights else { return nil }
    if let known = packed[ObjectIdentifier(weight)] { return known }
    let fresh = PackedWeights(weight.value, bias: bias?.value, precision: products)
    packed[ObjectIdentifier(weight)] = fresh
    return fresh
  }

  /// A leaf whose gradient is wanted, for tests of operations.
  package func input(_ tensor: Tensor) -> Variable { newVariable(tensor, derivative: nil) }

  private func newVariable(
    _ value: Tensor, from inputs: [Variable] = [], derivative: ((Tape, Tensor) -> Void)?
  ) -> Variable {
    derivatives.append(derivative)
    self.inputs.append(inputs.compactMap(\.id))
    gradients.append(nil)
    return Variable(value: value, tape: self, id: derivatives.count - 1)
  }

  /// Records the result of an operation. `derivative` receives the tape and the result's gradient,
  /// and adds to the gradients of `inputs`.
  /// - Parameter recipe: computes the result again from tensors that `derivative` holds anyhow; the
  ///   caller owns its memory
  func record(
    _ value: Tensor, from inputs: [Variable], recipe: (() -> Tensor)? = nil,
    derivative: @escaping (Tape, Tensor) -> Void
  ) -> Variable {
    guard isRecording, inputs.contains(where: \.needsGradient) else { return constant(value) }
    var result = newVariable(value, from: inputs, derivative: derivative)
    result.recipe = recipe
    return result
  }

  /// Records the result of work of another tape, and of the parameters that it has read.
  func record(
    _ value: Tensor, from inputs: [Variable], by silent: Tape,
    derivative: @escaping (Tape, Tensor) -> Void
  ) -> Variable {
    // In the order of their names: the numbers of variables are the same in every process.
    let parameters = silent.read!.values.sorted { $0.name < $1.name }.map { variable($0) }
    return newVariable(value, from: inputs + parameters, derivative: derivative)
  }

  /// A new tape for a part of this one's work.
  func another(recording: Bool) -> Tape {
    let tape = Tape(on: device, type: type, products: products, recording: recording)
    if !recording { tape.read = [:] }
    return tape
  }

  /// Gradients that reached parameters, in the order in which these were used.
  var parameterGradients: [(Parameter, Tensor)] {
    parameters.compactMap { entry in gradients[entry.id].map { (entry.parameter, $0.tensor) } }
  }

  /// Adds `tensor` to a gradient. Pass `owned: false` if others use the same memory.
  func add(_ tensor: @autoclosure () -> Tensor, to place: GradientPlace, owned: Bool = true) {
    guard let id = place.id else { return }
    checkIsOpen(id)
    guard let present = gradients[id] else {
      gradients[id] = Gradient(tensor: tensor(), owned: owned)
      return
    }
    let sum = present.owned ? present.tensor : Tensor(like: present.tensor)
    sum.setToSum(present.tensor, tensor())
    gradients[id] = Gradient(tensor: sum, owned: true)
  }

  /// Lets `write` put a derivative directly into the gradient's memory: it overwrites the numbers,
  /// or adds to them if `accumulate` is true.
  func accumulate(
    into place: GradientPlace, _ write: (_ gradient: Tensor, _ accumulate: Bool) -> Void
  ) {
    guard let id = place.id else { return }
    checkIsOpen(id)
    if let present = gradients[id] {
      let own = present.owned ? present.tensor : present.tensor.copied()
      write(own, true)
      gradients[id] = Gradient(tensor: own, owned: true)
    } else {
      let own = Tensor(uninitialized: place.shape, type: place.type, on: device)
      write(own, false)
      gradients[id] = Gradient(tensor: own, owned: true)
    }
  }

  private func checkIsOpen(_ id: Int) {
    precondition(!handedOver.contains(id), "Tape: a gradient that was handed over is added to")
  }

  /// Differentiates the sum of weight * value over the terms. To be called once.
  package func backward(_ terms: [(weight: Double, of: Scalar)]) {
    for term in terms { term.of.derivative?(term.weight) }
    propagate()
  }

  /// The same, which keeps no parameter's gradient.
  /// - Parameter take: gets each parameter's gradient as soon as it is complete, while the pass goes on
  package func backward(
    _ terms: [(weight: Double, of: Scalar)],
    _ take: (_ parameter: Parameter, _ gradient: Tensor) -> Void
  ) {
    for term in terms { term.of.derivative?(term.weight) }
    let complete = parametersByLastUse
    propagate { handOver(complete[$0] ?? [], take) }
    handOver(parameters, take)
  }

  /// Differentiates from a variable with a known gradient. To be called once.
  func backward(from variable: Variable, gradient: Tensor) {
    add(gradient, to: variable.place, owned: false)
    propagate()
  }

  /// - Parameter behind: is told each variable whose derivative has run or has had no gradient
  private func propagate(_ behind: (Int) -> Void = { _ in }) {
    for id in derivatives.indices.reversed() {
      if let derivative = derivatives[id], let gradient = gradients[id] {
        derivative(self, gradient.tensor)
        // The derivative is not needed any more: its memory serves the rest of the pass.
        derivatives[id] = nil
        gradients[id] = nil
      }
      behind(id)
    }
    // Derivatives that no gradient reached hold variables, which hold the tape: a reference cycle.
    derivatives = []
  }

  private func handOver(
    _ complete: [(parameter: Parameter, id: Int)], _ take: (Parameter, Tensor) -> Void
  ) {
    for (parameter, id) in complete {
      guard let gradient = gradients[id] else { continue }
      take(parameter, gradient.tensor)
      handedOver.insert(id)
      gradients[id] = nil
    }
  }

  /// The parameters by the derivative after which a backward pass from the present gradients adds to theirs no more: that
  /// of their first use which a gradient can reach.
  private var parametersByLastUse: [Int: [(parameter: Parameter, id: Int)]] {
    var isReached = gradients.map { $0 != nil }
    var last: [Int: Int] = [:]
    for id in derivatives.indices.reversed() where isReached[id] {
      for input in inputs[id] {
        isReached[input] = true
        last[input] = id
      }
    }
    return Dictionary(grouping: parameters.filter { last[$0.id] != nil }) { last[$0.id]! }
  }

  /// The gradient that reached a leaf; nil if none did.
  package func gradient(of variable: Variable) -> Tensor? {
    variable.id.flatMap { gradients[$0]?.tensor }
  }

  package func gradient(of parameter: Parameter) -> Tensor? {
    leaves[ObjectIdentifier(parameter)].flatMap { gradients[$0]?.tensor }
  }
}

extension Tensor {
  func setToSum(_ a: Tensor, _ b: Tensor) {
    precondition(a.count == count && b.count == count, "sum of \(a.shape) and \(b.shape)")
    run(.add(.init(out: address, a: a.address, b: b.address, width: width)), over: rows)
  }
}
