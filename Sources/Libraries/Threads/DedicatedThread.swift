// A thread of its own for calls that block: libpq, waiting for a process, reading a pipe.

import Glibc

/// A running thread. Liveness must not depend on Swift's cooperative thread pool, which computation
/// may block.
package struct DedicatedThread: Sendable {
  private let handle: pthread_t

  /// Starts the thread.
  /// - Parameter name: shown by ps and debuggers, 15 bytes at most
  package init(_ name: String, _ body: @escaping @Sendable () -> Void) {
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
    precondition(error == 0, "thread \(name): \(String(cString: strerror(error)))")
    self.handle = handle
  }

  /// Waits for the thread's end. To be called once.
  package func join() { pthread_join(handle, nil) }

  private final class Body: Sendable {
    let name: String
    let run: @Sendable () -> Void

    init(name: String, run: @escaping @Sendable () -> Void) {
      self.name = String(name.prefix(15))
      self.run = run
    }
  }
}
