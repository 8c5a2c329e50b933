// Numbers in the host's memory: what a download returns and an upload takes.

/// A row-major array that the host may read, element by element.
package struct HostArray: Sendable {
  private enum Numbers: Sendable {
    case float32([Float])
    case float64([Double])
  }
  package let shape: [Int]
  private let numbers: Numbers

  package init(_ values: [Float], _ shape: [Int]) {
    precondition(
      values.count == shape.reduce(1, *), "HostArray: \(values.count) values for shape \(shape)")
    (self.shape, numbers) = (shape, .float32(values))
  }

  /// Numbers rounded to a type.
  package init(_ values: some Collection<Double>, _ shape: [Int], type: ElementType = .float64) {
    precondition(
      values.count == shape.reduce(1, *), "HostArray: \(values.count) values for shape \(shape)")
    precondition(type != .bfloat16, "HostArray: bfloat16 is a type of devices")
    self.shape = shape
    numbers = type == .float32 ? .float32(values.map(Float.init)) : .float64(Array(values))
  }

  package var type: ElementType {
    if case .float32 = numbers { .float32 } else { .float64 }
  }

  package var count: Int { shape.reduce(1, *) }

  /// Element i as a double.
  package subscript(_ i: Int) -> Double {
    switch numbers {
    case .float32(let values): Double(values[i])
    case .float64(let values): values[i]
    }
  }

  package var doubles: [Double] {
    switch numbers {
    case .float32(let values): values.map(Double.init)
    case .float64(let values): values
    }
  }

  package var floats: [Float] {
    switch numbers {
    case .float32(let values): values
    case .float64(let values): values.map(Float.init)
    }
  }

  func withBytes<R>(_ body: (UnsafeRawBufferPointer) -> R) -> R {
    switch numbers {
    case .float32(let values): values.withUnsafeBytes(body)
    case .float64(let values): values.withUnsafeBytes(body)
    }
  }
}

extension Tensor {
  /// A tensor of the same numbers on a device.
  package init(_ numbers: HostArray, on device: Device) {
    self.init(forHost: numbers.shape, type: numbers.type, on: device)
    write(numbers)
  }

  /// A tensor of the given numbers, rounded to the element type.
  package init(
    _ values: some Collection<Double>, _ shape: [Int], type: ElementType = .float32,
    on device: Device
  ) {
    self.init(HostArray(values, shape, type: type), on: device)
  }

  package init(
    _ values: [Float], _ shape: [Int], type: ElementType = .float32, on device: Device
  ) {
    self.init(
      type == .float32 ? HostArray(values, shape) : HostArray(values.map(Double.init), shape),
      on: device)
  }

  /// A copy of all numbers in the host's memory, of bfloat16 as float32.
  package func download() -> HostArray {
    withHostMemory(.read) { from in
      switch type {
      case .float32:
        HostArray(
          Array(UnsafeBufferPointer(start: from.assumingMemoryBound(to: Float.self), count: count)),
          shape)
      case .float64:
        HostArray(
          Array(
            UnsafeBufferPointer(start: from.assumingMemoryBound(to: Double.self), count: count)),
          shape)
      case .bfloat16:
        HostArray(
          UnsafeBufferPointer(start: from.assumingMemoryBound(to: UInt16.self), count: count).map {
            Float(bitPattern: UInt32($0) << 16)
          }, shape)
      }
    }
  }

  /// Writes all numbers from the host; not part of a program.
  package func upload(_ numbers: HostArray) {
    precondition(
      numbers.count == count && numbers.type == type, "upload: \(numbers.shape) to \(shape)")
    precondition(!device.isRecording, "upload: a program is being recorded")
    write(numbers)
  }

  private func write(_ numbers: HostArray) {
    withHostMemory(.write) { to in
      numbers.withBytes {
        if let from = $0.baseAddress { to.copyMemory(from: from, byteCount: $0.count) }
      }
    }
  }

  /// Lets the host read float32 elements where they lie, row-major, until `body` returns. May run on
  /// any thread while nobody writes into the tensor.
  package func readOnHost<R>(
    _ body: (UnsafeBufferPointer<Float>) throws -> R
  ) rethrows -> R {
    precondition(type == .float32, "readOnHost: a tensor of \(type)")
    return try withHostMemory(.read) {
      try body(UnsafeBufferPointer(start: $0.assumingMemoryBound(to: Float.self), count: count))
    }
  }

  /// Lets the host read and write float32 elements where they lie, row-major, until `body`
  /// returns: for numbers of which no other copy shall be made. A device with memory of its own copies
  /// them there and back. Not within a program that is being recorded.
  package func withHostElements<R>(
    _ body: (UnsafeMutableBufferPointer<Float>) throws -> R
  ) rethrows -> R { try withHostElements(.change, body) }

  /// The same for a body that writes every element: nothing is copied to the host.
  package func writeOnHost<R>(
    _ body: (UnsafeMutableBufferPointer<Float>) throws -> R
  ) rethrows -> R { try withHostElements(.write, body) }

  private func withHostElements<R>(
    _ access: HostAccess, _ body: (UnsafeMutableBufferPointer<Float>) throws -> R
  ) rethrows -> R {
    precondition(type == .float32, "withHostElements: a tensor of \(type)")
    precondition(!device.isRecording, "withHostElements: a program is being recorded")
    return try withHostMemory(access) {
      try body(
        UnsafeMutableBufferPointer(start: $0.assumingMemoryBound(to: Float.self), count: count))
    }
  }
}
