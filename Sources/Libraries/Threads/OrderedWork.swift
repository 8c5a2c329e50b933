// Parallel work whose results are consumed in order.

import Glibc

/// Several threads compute elements; one thread takes them in order, whichever is finished first.
package enum OrderedWork {
  /// Largest number of elements per thread that are computed ahead of their turn.
  private static let ahead = 8

  /// Calls `consume` with `compute(i)` for every i, in order and on the calling thread; `compute` runs on
  /// `threads` other threads, or on this one where one thread is asked for.
  /// - Throws: the error of `consume`, when the threads have ended
  package static func run<Element: Sendable>(
    _ range: Range<Int>, threads: Int, compute: @escaping @Sendable (Int) -> Element,
    consume: (Int, Element) throws -> Void
  ) throws {
    guard threads > 1, range.count > 1 else {
      for i in range { try consume(i, compute(i)) }
      return
    }
    let queue = Queue<Element>(range, ahead: threads * ahead)
    var workers: [DedicatedThread] = []
    defer {
      queue.stop()
      for worker in workers { worker.join() }
    }
    // Not of the cooperative pool: long work must not take it.
    for i in 0..<threads {
      workers.append(
        try DedicatedThread("work \(i)") {
          while let i = queue.claim() { queue.finish(i, compute(i)) }
        })
    }
    for i in range { try consume(i, queue.take(i)) }
  }

  /// Sendable because every access to its variables holds the mutex.
  private final class Queue<Element: Sendable>: @unchecked Sendable {
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let isReady = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private let hasRoom = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private let end: Int
    private let ahead: Int
    private var next: Int
    private var taken: Int
    private var ready: [Int: Element] = [:]
    private var isStopped = false

    init(_ range: Range<Int>, ahead: Int) {
      (next, taken, end) = (range.lowerBound, range.lowerBound, range.upperBound)
      self.ahead = ahead
      pthread_mutex_init(mutex, nil)
      pthread_cond_init(isReady, nil)
      pthread_cond_init(hasRoom, nil)
    }

    deinit {
      pthread_cond_destroy(isReady)
      pthread_cond_destroy(hasRoom)
      pthread_mutex_destroy(mutex)
      isReady.deallocate()
      hasRoom.deallocate()
      mutex.deallocate()
    }

    /// The next element's number; nil when there are no more.
    func claim() -> Int? {
      pthread_mutex_lock(mutex)
      defer { pthread_mutex_unlock(mutex) }
      while !isStopped, next < end, next >= taken + ahead { pthread_cond_wait(hasRoom, mutex) }
      guard !isStopped, next < end else { return nil }
      next += 1
      return next - 1
    }

    func finish(_ i: Int, _ element: Element) {
      pthread_mutex_lock(mutex)
      ready[i] = element
      if i == taken { pthread_cond_signal(isReady) }
      pthread_mutex_unlock(mutex)
    }

    /// Waits for element `i`.
    func take(_ i: Int) -> Element {
      pthread_mutex_lock(mutex)
      defer { pthread_mutex_unlock(mutex) }
      while true {
        if let element = ready.removeValue(forKey: i) {
          taken = i + 1
          pthread_cond_signal(hasRoom)
          return element
        }
        pthread_cond_wait(isReady, mutex)
      }
    }

    func stop() {
      pthread_mutex_lock(mutex)
      isStopped = true
      pthread_cond_broadcast(hasRoom)
      pthread_mutex_unlock(mutex)
    }
  }
}
