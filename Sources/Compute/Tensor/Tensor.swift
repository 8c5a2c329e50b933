// A contiguous, row-major array of numbers on a device.

import CKernels

/// A reference to numbers, which copies share. Only the code that made a tensor writes into it.
package struct Tensor {
  package let device: Device
  package let shape: [Int]
  package let type: ElementType
  package let count: Int
  private let storage: Storage

  package var byteCount: Int { count * type.size }

  /// A tensor whose elements are not set.
  package init(uninitialized shape: [Int], type: ElementType = .float32, on device: Device) {
    precondition(shape.allSatisfy { $0 >= 0 }, "Tensor: negative dimension in \(shape)")
    self.device = device
    self.shape = shape
    self.type = type
    count = shape.reduce(1, *)
    storage = Storage(byteCount: count * type.size, allocator: device.allocator)
  }

  package init(
    repeating value: Double, _ shape: [Int], type: ElementType = .float32, on device: Device
  ) {
    self.init(uninitialized: shape, type: type, on: device)
    fill(with: value)
  }

  /// A tensor of the given numbers, rounded to the element type.
  package init(
    _ values: some Collection<Double>, _ shape: [Int], type: ElementType = .float32,
    on device: Device
  ) {
    self.init(uninitialized: shape, type: type, on: device)
    precondition(values.count == count, "Tensor: \(values.count) values for shape \(shape)")
    let (target, numbers) = (pointer, Array(values))
    device.perform {
      switch type {
      case .float32:
        let out = target.assumingMemoryBound(to: Float.self)
        for i in numbers.indices { out[i] = Float(numbers[i]) }
      case .float64:
        let out = target.assumingMemoryBound(to: Double.self)
        for i in numbers.indices { out[i] = numbers[i] }
      }
    }
  }

  package init(
    _ values: [Float], _ shape: [Int], type: ElementType = .float32, on device: Device
  ) {
    if type == .float64 {
      self.init(values.lazy.map(Double.init), shape, type: type, on: device)
      return
    }
    self.init(uninitialized: shape, type: type, on: device)
    precondition(values.count == count, "Tensor: \(values.count) values for shape \(shape)")
    let target = pointer
    device.perform {
      values.withUnsafeBytes {
        if let from = $0.baseAddress { target.copyMemory(from: from, byteCount: $0.count) }
      }
    }
  }

  private init(sharing other: Tensor, shape: [Int]) {
    device = other.device
    type = other.type
    count = other.count
    storage = other.storage
    self.shape = shape
  }

  /// The address of element 0, in device memory: only kernels and copies may assume that it is the
  /// host's.
  package var pointer: UnsafeMutableRawPointer { storage.address }

  /// The address of an element.
  package func pointer(at element: Int) -> UnsafeMutableRawPointer {
    storage.address + element * type.size
  }

  /// The bytes of all elements, valid while the tensor lives.
  package var bytes: UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(start: storage.address, count: count * type.size)
  }

  /// The kernel table of this tensor's type on its device.
  package var kernels: UnsafePointer<CKernels.kernels> { device.table(type) }

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

  /// A copy with memory of its own.
  package func copied() -> Tensor {
    let copy = Tensor(uninitialized: shape, type: type, on: device)
    copy.copy(from: self)
    return copy
  }

  /// Exchanges the numbers of two tensors; large ones exchange pages, without a copy.
  package func exchange(with other: Tensor) {
    precondition(
      other.count == count && other.type == type, "exchange: \(other.shape) with \(shape)")
    let (a, b, size) = (pointer, other.pointer, storage.capacity)
    device.perform { blocks_exchange(a, b, size) }
  }

  /// Takes pages for elements that nobody has written yet, which takes longer than writing them.
  /// May run on any thread while others use the tensor.
  package func touch() { block_touch(pointer, byteCount) }

  /// Writes to each page without changing it. May run on any thread while others use the tensor.
  package func writePages() { block_write(pointer, byteCount) }

  package func copy(from other: Tensor) {
    precondition(other.count == count && other.type == type, "copy: \(other.shape) to \(shape)")
    device.copy(to: pointer, from: other.pointer, byteCount: count * type.size)
  }

  /// Lets the host write the elements where they lie, row-major: for numbers that come from outside, so
  /// that no other copy of them is made. Not within a program that is being recorded.
  package func writeInPlace(_ write: (UnsafeMutableBufferPointer<Float>) -> Void) {
    precondition(type == .float32, "writeInPlace: a tensor of \(type)")
    precondition(!device.isRecording, "writeInPlace: a program is being recorded")
    write(
      UnsafeMutableBufferPointer(
        start: pointer.assumingMemoryBound(to: Float.self), count: count))
  }

  package func fill(with value: Double) {
    let target = pointer
    let fill = kernels.pointee.fill!
    device.parallel(count, cost: 1) { begin, end, _ in fill(target, value, begin, end) }
  }

  /// Element i as a double.
  package subscript(_ i: Int) -> Double {
    precondition(i >= 0 && i < count, "element \(i) of a tensor of shape \(shape)")
    switch type {
    case .float32: return Double(pointer.assumingMemoryBound(to: Float.self)[i])
    case .float64: return pointer.assumingMemoryBound(to: Double.self)[i]
    }
  }

  /// All elements, row-major.
  package var doubles: [Double] { (0..<count).map { self[$0] } }

  package var floats: [Float] {
    switch type {
    case .float32:
      Array(
        UnsafeBufferPointer(start: pointer.assumingMemoryBound(to: Float.self), count: count))
    case .float64: doubles.map(Float.init)
    }
  }
}
