// Memory of tensors. A training step asks for the same sizes again and again, so freed blocks
// are kept by size and handed out again: no page faults in the steady state.

import Synchronization

#if canImport(Glibc)
  import Glibc
#endif

/// Blocks of one device, kept for reuse until the device goes.
final class Allocator: Sendable {
  private struct Block: @unchecked Sendable {  // a free block belongs to the allocator alone
    let address: UnsafeMutableRawPointer
  }
  private struct State {
    var free: [Int: [Block]] = [:]
    var reserved = 0
  }
  private let state = Mutex(State())

  /// Bytes taken from the system so far: the peak of the tensors' memory.
  var reservedBytes: Int { state.withLock { $0.reserved } }

  /// Eight size classes for each power of two: at most an eighth is wasted.
  static func sizeClass(_ byteCount: Int) -> Int {
    let least = max(byteCount, 64)
    let step = max(64, 1 << (Int.bitWidth - 1 - least.leadingZeroBitCount - 3))
    return (least + step - 1) / step * step
  }

  func take(_ byteCount: Int) -> UnsafeMutableRawPointer {
    let size = Self.sizeClass(byteCount)
    let kept = state.withLock { state -> Block? in
      if let block = state.free[size]?.popLast() { return block }
      state.reserved += size
      return nil
    }
    if let kept { return kept.address }
    var address: UnsafeMutableRawPointer?
    // Whole cache lines, so that two threads never share one; pages for large blocks.
    guard posix_memalign(&address, size >= 1 << 20 ? 4096 : 64, size) == 0, let address else {
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
      for blocks in state.free.values { for block in blocks { free(block.address) } }
    }
  }
}

/// One block of memory with one owner count; freed to its device's allocator.
final class Storage {
  let address: UnsafeMutableRawPointer
  let byteCount: Int
  private let allocator: Allocator

  init(byteCount: Int, allocator: Allocator) {
    self.byteCount = byteCount
    self.allocator = allocator
    address = allocator.take(byteCount)
  }

  deinit { allocator.give(address, byteCount) }
}

extension Device {
  /// Bytes that tensors of this device have taken from the system: their peak.
  package var reservedBytes: Int { allocator.reservedBytes }
}
