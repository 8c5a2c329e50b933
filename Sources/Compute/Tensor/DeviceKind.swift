// The kinds of devices, as people name them.

import CKernels

#if canImport(Glibc)
  import Glibc
#endif

/// A device as the variable `PRA_DEVICE` names it.
package enum DeviceKind: Sendable, Hashable {
  /// A CPU, whose memory the host could use as well.
  case cpu
  /// A CPU whose memory is closed to the host outside of operations, as that of a GPU is: a read or
  /// write from elsewhere ends the program with SIGSEGV. Slower, with the same results.
  case guarded
  /// An NVIDIA GPU by its number, from 0.
  case cuda(Int)

  /// The names that are read, for messages.
  package static let names = "cpu, guarded, cuda or cuda:NUMBER"

  /// The kinds that every machine has.
  package static let ofEveryMachine: [DeviceKind] = [.cpu, .guarded]

  package init?(name: some StringProtocol) {
    switch name {
    case "cpu": self = .cpu
    case "guarded": self = .guarded
    case "cuda": self = .cuda(0)
    default:
      guard name.hasPrefix("cuda:"), let number = Int(name.dropFirst(5)), number >= 0,
        number < 1024, name == "cuda:\(number)"
      else { return nil }
      self = .cuda(number)
    }
  }

  /// The kind that the variable `PRA_DEVICE` names; a CPU without it. Stages check it first.
  package static let chosen: DeviceKind = {
    guard let text = getenv("PRA_DEVICE").map({ String(cString: $0) }), !text.isEmpty else {
      return .cpu
    }
    guard let kind = DeviceKind(name: text) else {
      fatalError("PRA_DEVICE: found '\(text)', expected \(names)")
    }
    return kind
  }()

  package var isGPU: Bool {
    if case .cuda = self { true } else { false }
  }
}
