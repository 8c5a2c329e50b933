// The owner of tensors' memory and of the loops over them: a kernel table, a thread pool, an
// allocator.

import CKernels

/// The type of a tensor's elements.
package enum ElementType: Sendable {
  case float32
  /// For oracles: gradient checks and reference figures; written for exactness, not speed.
  case float64

  package var size: Int { self == .float32 ? 4 : 8 }
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

/// A CPU with its threads. Only one thread at a time may use it, such as a training loop or a
/// sampler.
package final class Device {
  private let pool: OpaquePointer
  private let float32: UnsafePointer<kernels>
  private let float64: UnsafePointer<kernels>
  package let threads: Int
  /// Source of memory for new tensors: the device's own, or that of the program being recorded.
  private(set) var allocator: Allocator
  let reserved = ReservedMemory()
  private var recorder: RecordedProgram?
  /// Multiply-adds of matrix products and attention so far, without masked ones; a benchmark
  /// divides them by the time. The packing of weights is not counted.
  package private(set) var multiplyAdds = 0

  /// Loops with fewer element operations than this run on the calling thread: handing a share to
  /// another thread costs about a microsecond.
  private static let worthSharing = 8192

  /// - Parameters:
  ///   - threads: threads of a loop, including the caller
  ///   - instructions: at most `InstructionSet.best`
  package init(threads: Int, instructions: InstructionSet = .best) {
    precondition(threads >= 1, "Device: \(threads) threads")
    precondition(
      instructions.rawValue <= kernels_level(),
      "Device: this processor has no \(instructions)")
    guard let pool = thread_pool_create(Int32(threads)) else {
      fatalError("Device: cannot start \(threads) threads")
    }
    self.pool = pool
    allocator = Allocator(counting: reserved)
    self.threads = threads
    float32 = kernels_float32(instructions.rawValue)
    float64 = kernels_float64()
    precondition(float32.pointee.version == KERNELS_VERSION, "kernel table of another version")
  }

  deinit { thread_pool_destroy(pool) }

  /// Whether `ProductPrecision.bfloat16` differs from `full` on this CPU.
  package var multipliesBFloat16: Bool { float32.pointee.gemm_bf16 != nil }

  package func table(_ type: ElementType) -> UnsafePointer<kernels> {
    type == .float32 ? float32 : float64
  }

  package func count(multiplyAdds: Int) { self.multiplyAdds += multiplyAdds }

  package typealias Share = (_ begin: Int64, _ end: Int64, _ thread: Int) -> Void

  /// Runs `body` over [0, count) in one contiguous share per thread, now and whenever the program
  /// being recorded is run. The closure must hold addresses, not tensors, whose memory could then
  /// not be reused.
  /// - Parameter cost: element operations per index, to decide whether sharing pays
  package func parallel(_ count: Int, cost: Int, _ body: @escaping Share) {
    guard count > 0 else { return }
    let shares = threads > 1 && count > 1 && count * cost >= Self.worthSharing
    let loop = Loop(count: Int64(count), isShared: shares, body: body)
    recorder?.append(loop)
    run(loop)
  }

  /// Runs work on the calling thread, now and whenever the program being recorded is run.
  package func perform(_ work: @escaping () -> Void) {
    if recorder == nil { work() } else { parallel(1, cost: 0) { _, _, _ in work() } }
  }

  /// Copies memory, now and whenever the program being recorded is run.
  package func copy(to: UnsafeMutableRawPointer, from: UnsafeRawPointer, byteCount: Int) {
    if recorder == nil {
      to.copyMemory(from: from, byteCount: byteCount)
    } else {
      perform { to.copyMemory(from: from, byteCount: byteCount) }
    }
  }

  /// One loop with its body, the unit of a recorded program.
  struct Loop {
    let count: Int64
    let isShared: Bool
    let body: Share
  }

  func run(_ loop: Loop) {
    guard loop.isShared else { return loop.body(0, loop.count, 0) }
    // The pool joins before it returns, so the address never outlives this frame. It is that of the
    // whole struct, since a closure passed to a generic function would be wrapped into another one.
    withUnsafePointer(to: loop) { address in
      thread_pool_run(
        pool, loop.count,
        { context, begin, end, thread in
          context!.assumingMemoryBound(to: Loop.self).pointee.body(begin, end, Int(thread))
        }, UnsafeMutableRawPointer(mutating: UnsafeRawPointer(address)))
    }
  }

  var isRecording: Bool { recorder != nil }

  /// Runs `work` and records its loops. Tensors made meanwhile live in the program's own memory,
  /// which nobody else gets while it exists; each run writes their contents again.
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
}
