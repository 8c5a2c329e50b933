// Memory of tensors. A training step asks for the same sizes again and again, so freed blocks are
// kept by size and reused: no page faults in the steady state.

import Synchronization

#if canImport(Glibc)
  import Glibc
#endif

/// Number of bytes that the allocators of one device hold.
final class ReservedMemory: Sendable {
  let bytes = Atomic(0)
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
  private let reserved: ReservedMemory

  init(counting reserved: ReservedMemory) { self.reserved = reserved }

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
    guard let address = size < Self.mapped ? Self.lines(size) : Self.pages(size) else {
      fatalError("out of memory: a tensor of \(byteCount) bytes")
    }
    return address
  }

  /// Blocks of at least this size are mappings of their own, whose pages can be exchanged.
  private static let mapped = 1 << 20
  /// Size that one page table maps.
  private static let table = 2 << 20

  /// Memory in whole cache lines, so that no two threads share one.
  private static func lines(_ size: Int) -> UnsafeMutableRawPointer? {
    var address: UnsafeMutableRawPointer?
    return posix_memalign(&address, 64, size) == 0 ? address : nil
  }

  /// Memory in whole pages. Large blocks are aligned to the size that a page table maps: then whole
  /// tables can be exchanged, and the kernel may use huge pages, which it does only when asked.
  private static func pages(_ size: Int) -> UnsafeMutableRawPointer? {
    let slack = size >= table ? table : 0
    guard
      let start = mmap(
        nil, size + slack, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
      start != MAP_FAILED
    else { return nil }
    let before = (-Int(bitPattern: start)) & (max(slack, 1) - 1)
    if before > 0 { munmap(start, before) }
    if slack > before { munmap(start + before + size, slack - before) }
    if slack > 0 { madvise(start + before, size, Int32(MADV_HUGEPAGE)) }
    return start + before
  }

  private static func release(_ address: UnsafeMutableRawPointer, _ size: Int) {
    if size < mapped { free(address) } else { munmap(address, size) }
  }

  func give(_ address: UnsafeMutableRawPointer, _ byteCount: Int) {
    let block = Block(address: address)
    state.withLock { $0.free[Self.sizeClass(byteCount), default: []].append(block) }
  }

  deinit {
    state.withLock { state in
      for (size, blocks) in state.free {
        for block in blocks { Self.release(block.address, size) }
        reserved.bytes.subtract(size * blocks.count, ordering: .relaxed)
      }
    }
  }
}

/// One block of memory, returned to its allocator when the last reference to it goes.
final class Storage {
  let address: UnsafeMutableRawPointer
  let byteCount: Int
  private let allocator: Allocator

  init(byteCount: Int, allocator: Allocator) {
    self.byteCount = byteCount
    self.allocator = allocator
    address = allocator.take(byteCount)
  }

  /// Number of bytes in the whole block.
  var capacity: Int { Allocator.sizeClass(byteCount) }

  deinit { allocator.give(address, byteCount) }
}

extension Device {
  /// Bytes that tensors of this device and its programs have taken from the system, which is their
  /// peak.
  package var reservedBytes: Int { reserved.bytes.load(ordering: .relaxed) }
}
