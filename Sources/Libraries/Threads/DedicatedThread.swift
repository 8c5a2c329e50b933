// A thread of its own for calls that block: libpq, waiting for a process, reading a pipe.

import CProcess
import Glibc
import Synchronization

/// A running thread. Liveness must not depend on Swift's cooperative thread pool, which computation
/// may block.
///
/// It ends in one of two ways: it is joined, or it is detached when the last reference to it goes.
/// A thread that is neither keeps its stack for the life of the process, and a process may map only
/// some 65,000 pieces of memory (vm.max_map_count of proc(5)).
package final class DedicatedThread: Sendable {
  private let handle: pthread_t
  private let isJoined = Atomic(false)

  /// Starts the thread.
  /// - Parameter name: shown by ps and debuggers, 15 bytes at most
  /// - Throws: `ThreadError` where the machine gives no more threads
  @discardableResult
  package init(_ name: String, _ body: @escaping @Sendable () -> Void) throws(ThreadError) {
    let box = Unmanaged.passRetained(Body(name: name, run: body))
    var handle = pthread_t()
    let error = pthread_create(
      &handle, nil,
      { context in
        let body = Unmanaged<Body>.fromOpaque(context!).takeRetainedValue()
        // Swift does not see pthread_setname_np. If the name cannot be set, nothing else suffers.
        let comm = open("/proc/thread-self/comm", O_WRONLY | O_CLOEXEC)
        if comm >= 0 {
          _ = write(comm, body.name, body.name.utf8.count)
          close(comm)
        }
        body.run()
        return nil
      }, box.toOpaque())
    guard error == 0 else {
      box.release()
      throw ThreadError(name: name, code: error)
    }
    self.handle = handle
  }

  deinit { if !isJoined.load(ordering: .acquiring) { pthread_detach(handle) } }

  /// Waits for the thread's end; does nothing the second time.
  package func join() {
    guard !isJoined.exchange(true, ordering: .acquiringAndReleasing) else { return }
    pthread_join(handle, nil)
  }

  private final class Body: Sendable {
    let name: String
    let run: @Sendable () -> Void

    init(name: String, run: @escaping @Sendable () -> Void) {
      self.name = String(name.prefix(15))
      self.run = run
    }
  }
}

/// The number of threads that run at once: of the processors in this process's affinity mask.
package func allowedProcessors() -> Int { max(1, Int(allowed_processors())) }

/// The machine's refusal to start another thread: pthread_create(3).
package struct ThreadError: Error, Sendable, CustomStringConvertible {
  let name: String
  /// A number of errno(3): EAGAIN where a limit of threads or of memory is reached.
  package let code: Int32

  package var description: String {
    "thread \(name) does not start: \(String(cString: strerror(code)))"
  }
}
