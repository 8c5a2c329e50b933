// A contiguous, row-major array of numbers on a device.

import CKernels

/// A reference to numbers, which copies share. Only the code that made a tensor writes into it.
package struct Tensor {
  package let device: Device
  package let shape: [Int]
  package let type: ElementType
  package let count: Int
  private let storage: Storage
  /// The place of the first element in the storage.
  private let first: Int

  package var byteCount: Int { count * type.size }

  /// A tensor whose elements are not set.
  package init(uninitialized shape: [Int], type: ElementType = .float32, on device: Device) {
    precondition(shape.allSatisfy { $0 >= 0 }, "Tensor: negative dimension in \(shape)")
    self.device = device
    self.shape = shape
    self.type = type
    count = shape.reduce(1, *)
    first = 0
    storage = Storage(byteCount: count * type.size, allocator: device.allocator)
  }

  /// A tensor that the host writes at once, also while a program is recorded.
  init(forHost shape: [Int], type: ElementType, on device: Device) {
    (self.device, self.shape, self.type) = (device, shape, type)
    count = shape.reduce(1, *)
    first = 0
    storage = device.storageForHost(byteCount: count * type.size)
  }

  /// A tensor of the same shape, and the same type if none is given, whose elements are not set.
  package init(like other: Tensor, type: ElementType? = nil) {
    self.init(uninitialized: other.shape, type: type ?? other.type, on: other.device)
  }

  package init(
    repeating value: Double, _ shape: [Int], type: ElementType = .float32, on device: Device
  ) {
    self.init(uninitialized: shape, type: type, on: device)
    fill(with: value)
  }

  private init(sharing other: Tensor, from element: Int = 0, shape: [Int]) {
    device = other.device
    type = other.type
    count = shape.reduce(1, *)
    first = other.first + element
    storage = other.storage
    self.shape = shape
  }

  /// Where an operation finds the elements.
  package var address: DeviceAddress { address(at: 0) }

  package func address(at element: Int) -> DeviceAddress {
    storage.address(at: (first + element) * type.size)
  }

  /// Runs an operation on numbers of this tensor's type, as `Device.run` does.
  package func run(_ operation: Operation, over extent: Int = 1) {
    device.run(operation, type, over: extent)
  }

  func withHostMemory<R>(
    _ access: HostAccess, _ body: (UnsafeMutableRawPointer) throws -> R
  ) rethrows -> R {
    let start = first * type.size
    return try storage.withHostMemory(access, start..<start + byteCount, body)
  }

  /// The last dimension.
  package var width: Int { shape.last ?? 1 }
  /// The product of all dimensions but the last.
  package var rows: Int { shape.dropLast().reduce(1, *) }

  package var dimensions2: (Int, Int) {
    precondition(shape.count == 2, "expected two dimensions, found shape \(shape)")
    return (shape[0], shape[1])
  }

  package var dimensions3: (Int, Int, Int) {
    precondition(shape.count == 3, "expected three dimensions, found shape \(shape)")
    return (shape[0], shape[1], shape[2])
  }

  /// The same numbers under another shape of the same size.
  package func reshaped(_ shape: [Int]) -> Tensor {
    precondition(
      shape.reduce(1, *) == count, "reshaped: \(self.shape) does not hold \(shape) elements")
    return Tensor(sharing: self, shape: shape)
  }

  /// The elements from one on, under a shape of their own, in this tensor's memory.
  package func part(from element: Int, _ shape: [Int]) -> Tensor {
    let count = shape.reduce(1, *)
    precondition(
      element >= 0 && element + count <= self.count,
      "part: \(shape) from element \(element) of \(self.shape)")
    return Tensor(sharing: self, from: element, shape: shape)
  }

  /// A copy with memory of its own.
  package func copied() -> Tensor {
    let copy = Tensor(like: self)
    copy.copy(from: self)
    return copy
  }

  /// Exchanges the numbers of two tensors; large ones exchange pages, without a copy.
  package func exchange(with other: Tensor) {
    precondition(
      other.count == count && other.type == type, "exchange: \(other.shape) with \(shape)")
    precondition(
      storage.byteCount == byteCount && other.storage.byteCount == byteCount,
      "exchange: a part of a tensor")
    run(.exchange(.init(a: address, b: other.address, bytes: storage.capacity)))
  }

  /// Takes pages for elements that nobody has written yet, which takes longer than writing them.
  /// May run on any thread while others use the tensor.
  package func touch() {
    // A GPU has its pages at once.
    guard storage.isOfHost else { return }
    withHostMemory(.change) { block_touch($0, byteCount) }
  }

  /// Writes to each page without changing it. May run on any thread while others use the tensor.
  package func writePages() {
    guard storage.isOfHost else { return }
    withHostMemory(.change) { block_write($0, byteCount) }
  }

  /// The same numbers in another type, rounded to the nearest if that has fewer bits.
  package func converted(to type: ElementType) -> Tensor {
    guard type != self.type else { return self }
    let result = Tensor(like: self, type: type)
    result.run(
      .convert(.init(out: result.address, x: address, from: self.type.rawValue)), over: count)
    return result
  }

  package func copy(from other: Tensor) {
    precondition(other.count == count && other.type == type, "copy: \(other.shape) to \(shape)")
    device.copy(to: address, from: other.address, bytes: byteCount)
  }

  package func fill(with value: Double) {
    run(.fill(.init(out: address, value: value)), over: count)
  }
}

extension Optional where Wrapped == Tensor {
  /// The address of a tensor that an operation can do without.
  package var address: DeviceAddress { self?.address ?? DeviceAddress() }
}

extension Device {
  func copy(to: DeviceAddress, from: DeviceAddress, bytes: Int) {
    run(.copy(.init(out: to, x: from, bytes: bytes)), .float32, over: (bytes + 63) / 64)
  }
}
