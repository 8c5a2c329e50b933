// Memory of tensors. A training step asks for the same sizes again and again, so freed blocks are
// kept by size and reused: no page faults in the steady state.

import CKernels
import Synchronization

/// Number of bytes that the allocators of one device hold.
final class ReservedMemory: Sendable {
  let bytes = Atomic(0)
}

/// Memory of one device, from which blocks are taken.
final class DeviceMemory: Sendable {
  nonisolated(unsafe) let handle: OpaquePointer  // safe for many threads, as device_memory.h says

  init(isGuarded: Bool) {
    guard let handle = memory_create(isGuarded) else {
      fatalError("Device: cannot reserve guarded memory")
    }
    self.handle = handle
  }

  deinit { memory_destroy(handle) }
}

/// Blocks of one device or program, kept for reuse until it is freed.
final class Allocator: Sendable {
  private struct Block: @unchecked Sendable {  // a free block belongs to the allocator alone
    let address: UnsafeMutableRawPointer
  }
  private struct State {
    var free: [Int: [Block]] = [:]
  }
  private let state = Mutex(State())
  let memory: DeviceMemory
  private let reserved: ReservedMemory

  init(of memory: DeviceMemory, counting reserved: ReservedMemory) {
    (self.memory, self.reserved) = (memory, reserved)
  }

  /// Eight size classes per power of two, so that at most an eighth is wasted.
  static func sizeClass(_ byteCount: Int) -> Int {
    let least = max(byteCount, 64)
    let step = max(64, 1 << (Int.bitWidth - 1 - least.leadingZeroBitCount - 3))
    return (least + step - 1) / step * step
  }

  func take(_ byteCount: Int) -> UnsafeMutableRawPointer {
    let size = Self.sizeClass(byteCount)
    let kept = state.withLock { state -> Block? in
      state.free[size]?.popLast()
    }
    if let kept { return kept.address }
    reserved.bytes.add(size, ordering: .relaxed)
    guard let address = memory_take(memory.handle, size) else {
      fatalError("out of memory: a tensor of \(byteCount) bytes")
    }
    return address
  }

  func give(_ address: UnsafeMutableRawPointer, _ byteCount: Int) {
    let block = Block(address: address)
    state.withLock { $0.free[Self.sizeClass(byteCount), default: []].append(block) }
  }

  deinit {
    state.withLock { state in
      for (size, blocks) in state.free {
        for block in blocks { memory_release(memory.handle, block.address, size) }
        reserved.bytes.subtract(size * blocks.count, ordering: .relaxed)
      }
    }
  }
}

/// One block of memory, returned to its allocator when the last reference to it goes.
final class Storage {
  private let start: UnsafeMutableRawPointer
  let byteCount: Int
  private let allocator: Allocator

  init(byteCount: Int, allocator: Allocator) {
    self.byteCount = byteCount
    self.allocator = allocator
    start = allocator.take(byteCount)
  }

  /// Number of bytes in the whole block.
  var capacity: Int { Allocator.sizeClass(byteCount) }

  func address(at byte: Int) -> DeviceAddress { DeviceAddress(__memory: start + byte) }

  /// Lets the host use the block until `body` returns.
  func withHostMemory<R>(_ body: (UnsafeMutableRawPointer) throws -> R) rethrows -> R {
    memory_open(allocator.memory.handle)
    defer { memory_close(allocator.memory.handle) }
    return try body(start)
  }

  deinit { allocator.give(start, byteCount) }
}

extension Device {
  /// Bytes that tensors of this device and its programs have taken from the system, which is their
  /// peak.
  package var reservedBytes: Int { reserved.bytes.load(ordering: .relaxed) }
}
