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

  init(of kind: DeviceKind) {
    let (number, ordinal) =
      switch kind {
      case .cpu: (MEMORY_PLAIN, 0)
      case .guarded: (MEMORY_GUARDED, 0)
      case .cuda(let ordinal): (MEMORY_CUDA, ordinal)
      }
    guard let handle = memory_create(Int32(number), Int32(ordinal)) else {
      fatalError("Device: cannot reserve guarded memory")
    }
    self.handle = handle
  }

  /// Whether the host can use the memory where it lies, while it is opened.
  var opens: Bool { memory_opens(handle) }

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
    guard let address = memory_take(memory.handle, size) else { memory_lacking(size) }
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

/// The ways in which the host uses memory of a device.
enum HostAccess {
  case read
  /// Writes all of it.
  case write
  case change
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

  /// Lets the host use some bytes of the block until `body` returns: where they lie, or in a copy if the
  /// device has memory of its own.
  func withHostMemory<R>(
    _ access: HostAccess, _ bytes: Range<Int>? = nil,
    _ body: (UnsafeMutableRawPointer) throws -> R
  ) rethrows -> R {
    let bytes = bytes ?? 0..<byteCount
    let (memory, place) = (allocator.memory.handle, start + bytes.lowerBound)
    guard allocator.memory.opens else {
      let copy = UnsafeMutableRawPointer.allocate(byteCount: max(bytes.count, 1), alignment: 64)
      defer { copy.deallocate() }
      if access != .write { memory_read(memory, copy, place, bytes.count) }
      let result = try body(copy)
      if access != .read { memory_write(memory, place, copy, bytes.count) }
      return result
    }
    memory_open(memory)
    defer { memory_close(memory) }
    return try body(place)
  }

  /// Whether the host can use the block where it lies.
  var isOfHost: Bool { allocator.memory.opens }

  deinit { allocator.give(start, byteCount) }
}

extension Device {
  /// Bytes that tensors of this device and its programs have taken from the system, which is their
  /// peak.
  package var reservedBytes: Int { reserved.bytes.load(ordering: .relaxed) }
}
