// Where tensors live and where their loops run: a kernel table, a pool of threads, an allocator.

import CKernels

/// The type of a tensor's elements.
package enum ElementType: Sendable {
  case float32
  /// For oracles: gradient checks and reference figures. Written for exactness, not speed.
  case float64

  package var size: Int { self == .float32 ? 4 : 8 }
}

/// How matrix products multiply: sums, and all that is not a product, are in the tensors' type.
package enum ProductPrecision: Sendable {
  /// In the tensors' own type.
  case full
  /// Float factors rounded to bfloat16 (8 bits of significand), where the processor multiplies
  /// them at twice the rate; elsewhere, and for float64, as `full`.
  case bfloat16
}

/// Instruction sets of the kernel tables, in rising order.
package enum InstructionSet: Int32, Sendable, CaseIterable {
  case base = 0
  case avx2 = 1
  case avx512 = 2

  /// The best one that this processor has.
  package static var best: InstructionSet { InstructionSet(rawValue: kernels_level()) ?? .base }

  /// Reads the name of a set, as the variable `PRA_KERNELS` spells it.
  package init?(name: String) {
    switch name {
    case "base": self = .base
    case "avx2": self = .avx2
    case "avx512": self = .avx512
    default: return nil
    }
  }
}

/// A processor with its threads. One thread at a time may use it: a training loop or a sampler.
package final class Device {
  private let pool: OpaquePointer
  private let float32: UnsafePointer<kernels>
  private let float64: UnsafePointer<kernels>
  package let threads: Int
  /// Where tensors made now get their memory: the device's own, or that of a program being recorded.
  private(set) var allocator: Allocator
  let reserved = ReservedMemory()
  private var recorder: RecordedProgram?
  /// Multiply-adds of matrix products and attention so far, masked ones left out: what a benchmark
  /// divides by the time. Weights packed once are not counted.
  package private(set) var multiplyAdds = 0

  /// Loops with less work than this many element operations run on the calling thread: handing
  /// a share to another thread costs about a microsecond.
  private static let worthSharing = 8192

  /// - Parameters:
  ///   - threads: of a loop, the caller included
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

  /// Whether `ProductPrecision.bfloat16` differs from `full` here.
  package var multipliesBFloat16: Bool { float32.pointee.gemm_bf16 != nil }

  package func table(_ type: ElementType) -> UnsafePointer<kernels> {
    type == .float32 ? float32 : float64
  }

  package func count(multiplyAdds: Int) { self.multiplyAdds += multiplyAdds }

  package typealias Share = (_ begin: Int64, _ end: Int64, _ thread: Int) -> Void

  /// Runs body over [0, count) in one contiguous share a thread, now and whenever a program that is
  /// being recorded runs again: it holds addresses and no tensors, whose memory would not be reused.
  /// - Parameter cost: element operations of one index, to decide whether sharing pays
  package func parallel(_ count: Int, cost: Int, _ body: @escaping Share) {
    guard count > 0 else { return }
    let shares = threads > 1 && count > 1 && count * cost >= Self.worthSharing
    let loop = Loop(count: Int64(count), isShared: shares, body: body)
    recorder?.append(loop)
    run(loop)
  }

  /// Runs work on the calling thread, now and whenever a program that is being recorded runs again.
  package func perform(_ work: @escaping () -> Void) {
    if recorder == nil { work() } else { parallel(1, cost: 0) { _, _, _ in work() } }
  }

  /// Copies memory, in each run of a program that is being recorded.
  package func copy(to: UnsafeMutableRawPointer, from: UnsafeRawPointer, byteCount: Int) {
    if recorder == nil {
      to.copyMemory(from: from, byteCount: byteCount)
    } else {
      perform { to.copyMemory(from: from, byteCount: byteCount) }
    }
  }

  /// One loop with its body: what a program is made of.
  struct Loop {
    let count: Int64
    let isShared: Bool
    let body: Share
  }

  func run(_ loop: Loop) {
    guard loop.isShared else { return loop.body(0, loop.count, 0) }
    // The pool joins before it returns, so the address never outlives this frame. Of the whole
    // struct: a closure by itself would be wrapped into another one for a generic function.
    withUnsafePointer(to: loop) { address in
      thread_pool_run(
        pool, loop.count,
        { context, begin, end, thread in
          context!.assumingMemoryBound(to: Loop.self).pointee.body(begin, end, Int(thread))
        }, UnsafeMutableRawPointer(mutating: UnsafeRawPointer(address)))
    }
  }

  var isRecording: Bool { recorder != nil }

  /// Runs `work` and records its loops. Tensors made meanwhile have memory of the program's own, which
  /// no others get while it lives; what they hold is written anew by each run.
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
