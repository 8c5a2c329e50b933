/// Exit codes by which a stage tells its agent how an attempt ended. Any other code, and any signal, is a
/// fault and retried.
package enum StageExit: Int32, Sendable {
  /// The outputs are committed.
  case finished = 0
  /// The input is bad; trying again would not help. EX_DATAERR of sysexits.h.
  case permanent = 65
  /// EX_SOFTWARE of sysexits.h.
  case fault = 70
  /// The host lacks something: room, memory, keys of the store. EX_OSERR of sysexits.h.
  case host = 71
  /// The host lacks what this job alone asks for, such as a user's program: others run there. EX_UNAVAILABLE of
  /// sysexits.h.
  case unfit = 69
  /// Another rank of the gang is gone, or has asked all to stop. EX_IOERR of sysexits.h.
  case peerLost = 74
  /// Stopped after a checkpoint, as asked. EX_TEMPFAIL of sysexits.h.
  case released = 75
  /// Nothing may be written any more.
  case leaseLost = 76
}
