// The owner of tensors' memory and the runner of operations on them.

import CKernels

/// The type of a tensor's elements.
package enum ElementType: Int32, Sendable {
  case float32 = 0
  /// For oracles: gradient checks and reference figures; written for exactness, not speed.
  case float64 = 1
  /// Activations in half the memory: 8 bits of significand. Operations that have a form for it
  /// compute in float32 and round their results once (arguments.h).
  case bfloat16 = 2

  package var size: Int {
    switch self {
    case .float32: 4
    case .float64: 8
    case .bfloat16: 2
    }
  }

  /// The type of the numbers beside those of this type in one operation: float32 beside bfloat16.
  package var wide: ElementType { self == .bfloat16 ? .float32 : self }
}

/// Precision of the factors of matrix products; sums, and everything else, have the tensors' type.
package enum ProductPrecision: Sendable {
  /// In the tensors' own type.
  case full
  /// Float factors rounded to bfloat16 (8 bits of significand), if the CPU multiplies them at twice
  /// the rate; otherwise, and for float64, the same as `full`.
  case bfloat16
}

/// Instruction sets of the kernel tables, in rising order.
package enum InstructionSet: Int32, Sendable, CaseIterable {
  case base = 0
  case avx2 = 1
  case avx512 = 2

  /// The best set that this CPU has.
  package static var best: InstructionSet { InstructionSet(rawValue: kernels_level()) ?? .base }

  /// Reads the name of a set, as spelt in the variable `PRA_KERNELS`.
  package init?(name: String) {
    switch name {
    case "base": self = .base
    case "avx2": self = .avx2
    case "avx512": self = .avx512
    default: return nil
    }
  }
}

/// A CPU with its threads, or a GPU. Only one thread at a time may use it, such as a training loop or
/// a sampler.
package final class Device {
  private let handle: OpaquePointer
  let memory: DeviceMemory
  package let threads: Int
  package let kind: DeviceKind
  /// Source of memory for new tensors: the device's own, or that of the program being recorded.
  private(set) var allocator: Allocator
  private let own: Allocator
  let reserved = ReservedMemory()
  private var recorder: RecordedProgram?
  private var profile: Profile?
  /// Multiply-adds of matrix products and attention so far, without masked ones; a benchmark
  /// divides them by the time. The packing of weights is not counted.
  package private(set) var multiplyAdds = 0

  /// - Parameters:
  ///   - threads: threads of an operation, including the caller; with a GPU, of work of the host
  ///   - instructions: at most `InstructionSet.best`
  package init(
    threads: Int, instructions: InstructionSet = .best, kind: DeviceKind = .chosen
  ) {
    precondition(threads >= 1, "Device: \(threads) threads")
    precondition(
      instructions.rawValue <= kernels_level(),
      "Device: this processor has no \(instructions)")
    self.kind = kind
    memory = DeviceMemory(of: kind)
    roundsConvolutions = kind.isGPU
    guard let handle = device_create(Int32(threads), instructions.rawValue, memory.handle) else {
      fatalError("Device: cannot start \(threads) threads")
    }
    self.handle = handle
    own = Allocator(of: memory, counting: reserved)
    allocator = own
    self.threads = threads
  }

  deinit { device_destroy(handle) }

  /// Whether `ProductPrecision.bfloat16` differs from `full` on this device.
  package var multipliesBFloat16: Bool { device_multiplies_bf16(handle) }

  /// Whether activations that products round are kept in bfloat16, which a device has kernels for.
  package var keepsBFloat16: Bool { multipliesBFloat16 }

  /// Whether convolutions round their factors to bfloat16 where they may: a GPU's tensor cores do.
  package let roundsConvolutions: Bool

  /// A GPU's number and name, as cuda:0 (NVIDIA H200); nil for a CPU.
  package var nameOfGPU: String? {
    var text = [CChar](repeating: 0, count: 256)
    memory_describe(memory.handle, &text, text.count)
    let bytes = text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:))
    return bytes.isEmpty ? nil : String(decoding: bytes, as: UTF8.self)
  }

  package func count(multiplyAdds: Int) { self.multiplyAdds += multiplyAdds }

  /// Number of bytes of packed weights [outputs, inputs].
  func packedBytes(_ outputs: Int, _ inputs: Int, _ type: ElementType, rounded: Bool) -> Int {
    device_packed_bytes(handle, type.rawValue, outputs, inputs, rounded)
  }

  /// Runs an operation on numbers of a type, now and whenever the program being recorded is run.
  /// - Parameter extent: the number of indices that operations.h speaks of, such as rows
  package func run(_ operation: Operation, _ type: ElementType, over extent: Int = 1) {
    guard extent > 0 else { return }
    var operation = operation
    operation.type = type.rawValue
    operation.extent = extent
    recorder?.append(operation)
    device_run(handle, &operation, 1)
  }

  /// Runs operations that have run before with these arguments.
  /// - Parameter graph: the form in which the device keeps them, nil at first
  func run(
    program operations: UnsafeBufferPointer<Operation>, graph: inout UnsafeMutableRawPointer?
  ) {
    device_run_program(handle, operations.baseAddress, operations.count, &graph)
  }

  func forget(graph: UnsafeMutableRawPointer) { device_forget_program(handle, graph) }

  /// Returns when the device has done all operations: a GPU works on while the host goes on.
  package func wait() { device_wait(handle) }

  /// Runs work of the host, which is no operation, over [0, count) in one contiguous range per
  /// thread. It reads and writes memory of the host alone.
  /// - Parameter cost: element operations per index, to decide whether sharing pays
  package func parallelOnHost(_ count: Int, cost: Int, _ body: (Range<Int>) -> Void) {
    precondition(recorder == nil, "Device: work of the host in a program")
    withoutActuallyEscaping(body) { body in
      var body = body
      withUnsafeMutablePointer(to: &body) {
        device_run_on_host(handle, count, cost, $0) { context, begin, end in
          context!.assumingMemoryBound(to: ((Range<Int>) -> Void).self).pointee(begin..<end)
        }
      }
    }
  }

  package var isRecording: Bool { recorder != nil }

  /// Sets a mark in the program that is being recorded, if one is: its runs stop there for a moment.
  package func mark() { recorder?.mark() }

  /// Memory that the host writes at once. While a program is recorded it is none of the program's
  /// and is kept as long as that: the host does not write again when the program is run, so no
  /// operation of it may write there.
  func storageForHost(byteCount: Int) -> Storage {
    let storage = Storage(byteCount: byteCount, allocator: own)
    recorder?.keep(storage)
    return storage
  }

  /// Runs `work` and records its operations. Tensors made meanwhile live in the program's own
  /// memory, which nobody else gets while it exists; each run writes their contents again.
  package func record<Result>(_ work: () throws -> Result) rethrows -> (RecordedProgram, Result) {
    precondition(recorder == nil, "Device: a program within a program")
    let program = RecordedProgram(on: self)
    let (outer, before) = (allocator, multiplyAdds)
    (recorder, allocator) = (program, program.allocator)
    defer {
      (recorder, allocator) = (nil, outer)
      program.multiplyAdds = multiplyAdds - before
    }
    return (program, try work())
  }

  /// Runs `work` and measures its operations by their kind.
  /// - Returns: those that were run, the slowest kind first
  package func profiled(_ work: () throws -> Void) rethrows -> [ProfiledOperation] {
    let rows = Profile()
    device_profile(handle, rows.start)
    profile = rows
    defer {
      device_profile(handle, nil)
      profile = nil
    }
    try work()
    return rows.operations
  }
}
