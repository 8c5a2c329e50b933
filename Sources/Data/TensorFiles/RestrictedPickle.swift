// A pickle reader that runs nothing: https://github.com/python/cpython/blob/main/Lib/pickletools.py

import Files

/// One value of a pickle. Values refer to others by their index in the reader's table, so that
/// nothing nests, however deep a hostile file is.
enum PickleNode {
  case none
  case bool(Bool)
  case integer(Int)
  case float(Double)
  case text(String)
  case bytes
  case list([Int])
  case tuple([Int])
  /// Keys and values alternating.
  case dictionary([Int])
  /// A name of Python's, never looked up.
  case global(module: String, name: String)
  /// A reference to something outside of the pickle.
  case persistent(Int)
  /// The parts of a torch tensor: storage, offset, shape, stride; and a dtype if given.
  case tensor(storage: Int, offset: Int, shape: Int, stride: Int, dtype: Int?)
  /// Any other object: kept by name, inert.
  case opaque(String)
}

/// Reads one pickle in bounded memory: an opcode makes at most one node; nodes, stack, memo and
/// values copied between containers are counted. Tests measure the process (HostileFileTests).
struct RestrictedPickle {
  private(set) var nodes: [PickleNode] = []
  /// Number of bytes read, including the STOP.
  private(set) var length = 0
  private(set) var root = 0
  /// Integers of more than eight bytes that were read, as their bytes: torch's magic number.
  private(set) var longs: [[UInt8]] = []

  private let path: String
  private let bytes: ByteReader
  private var stack: [Int] = []
  private var marks: [Int] = []
  private var memo: [Int: Int] = [:]
  /// Number of values that calls copied out of lists, since one list may be given to many calls.
  private var copied = 0

  /// Limit of values, far above that of the largest file of weights.
  private static let mostNodes = 1_000_000

  /// - Throws: `FileError` naming file and byte
  init(_ bytes: UnsafeRawBufferPointer, path: String) throws {
    self.path = path
    self.bytes = ByteReader(bytes, path: "\(path): pickle")
    while try step() {}
    guard let last = stack.last, stack.count == 1, marks.isEmpty else {
      throw broken("\(stack.count) values are left on the stack at its end, expected one")
    }
    root = last
  }

  private func broken(_ what: String) -> FileError {
    FileError("\(path): damaged or hostile pickle at byte \(length): \(what)")
  }

  // MARK: the stack

  private mutating func push(_ node: PickleNode) throws {
    try bounded(nodes.count)
    nodes.append(node)
    stack.append(nodes.count - 1)
  }

  private func bounded(_ count: Int) throws {
    guard count < Self.mostNodes else { throw broken("more than \(Self.mostNodes) values") }
  }

  private mutating func remember(_ key: Int) throws {
    try bounded(memo.count)
    memo[key] = try top()
  }

  private mutating func pop() throws -> Int {
    guard stack.count > (marks.last ?? 0) else { throw broken("a value is taken from nothing") }
    return stack.removeLast()
  }

  private mutating func popToMark() throws -> [Int] {
    guard let mark = marks.popLast() else { throw broken("no mark") }
    let values = Array(stack[mark...])
    stack.removeLast(values.count)
    return values
  }

  private func top() throws -> Int {
    guard let top = stack.last, stack.count > (marks.last ?? 0) else { throw broken("no value") }
    return top
  }

  // MARK: arguments

  private mutating func take(_ count: Int) throws -> UnsafeRawBufferPointer {
    let slice = try bytes.slice(length, count)
    length += count
    return slice
  }

  private mutating func u8() throws -> Int { Int(try take(1)[0]) }
  private mutating func u16() throws -> Int {
    Int(UInt16(littleEndian: try take(2).loadUnaligned(as: UInt16.self)))
  }
  private mutating func u32() throws -> Int {
    Int(UInt32(littleEndian: try take(4).loadUnaligned(as: UInt32.self)))
  }

  private mutating func text(_ count: Int) throws -> String {
    guard let text = String(validating: try take(count), as: UTF8.self) else {
      throw broken("a text that is not UTF-8")
    }
    return text
  }

  private mutating func line() throws -> String {
    let start = length
    while try u8() != 10 {
      guard length - start <= 1000 else { throw broken("a name of more than 1,000 bytes") }
    }
    return String(decoding: try bytes.slice(start, length - 1 - start), as: UTF8.self)
  }

  // MARK: opcodes

  /// One opcode; false at the end.
  private mutating func step() throws -> Bool {
    let at = length
    let opcode = try u8()
    switch opcode {
    case 0x80:  // PROTO
      let version = try u8()
      guard version <= 5 else { throw broken("protocol \(version)") }
    case 0x95: _ = try take(8)  // FRAME
    case 0x2E: return false  // STOP
    case 0x28: marks.append(stack.count)  // MARK
    case 0x4E: try push(.none)
    case 0x88: try push(.bool(true))
    case 0x89: try push(.bool(false))
    case 0x4A: try push(.integer(Int(Int32(truncatingIfNeeded: try u32()))))  // BININT
    case 0x4B: try push(.integer(try u8()))
    case 0x4D: try push(.integer(try u16()))
    case 0x8A: try long(try u8())  // LONG1
    case 0x47:  // BINFLOAT, big-endian
      try push(
        .float(Double(bitPattern: UInt64(bigEndian: try take(8).loadUnaligned(as: UInt64.self)))))
    case 0x58: try push(.text(try text(try u32())))  // BINUNICODE
    case 0x8C: try push(.text(try text(try u8())))
    case 0x55: try push(.text(String(decoding: try take(try u8()), as: UTF8.self)))
    case 0x54: try push(.text(String(decoding: try take(try u32()), as: UTF8.self)))
    case 0x43:  // SHORT_BINBYTES
      _ = try take(try u8())
      try push(.bytes)
    case 0x42:
      _ = try take(try u32())
      try push(.bytes)
    case 0x5D: try push(.list([]))
    case 0x7D: try push(.dictionary([]))
    case 0x8F: try push(.opaque("set"))
    case 0x29: try push(.tuple([]))
    case 0x85...0x87:  // TUPLE1 to TUPLE3
      var values: [Int] = []
      for _ in 0..<opcode - 0x84 { values.insert(try pop(), at: 0) }
      try push(.tuple(values))
    case 0x74: try push(.tuple(try popToMark()))
    case 0x6C: try push(.list(try popToMark()))
    case 0x61: try extend([try pop()])  // APPEND
    case 0x65, 0x90: try extend(try popToMark())  // APPENDS, ADDITEMS
    case 0x73:  // SETITEM
      let value = try pop()
      try extend([try pop(), value])
    case 0x75:  // SETITEMS
      let values = try popToMark()
      guard values.count % 2 == 0 else { throw broken("a key without a value") }
      try extend(values)
    case 0x71: try remember(try u8())  // BINPUT
    case 0x72: try remember(try u32())
    case 0x94: try remember(memo.count)  // MEMOIZE
    case 0x68: try get(try u8())
    case 0x6A: try get(try u32())
    case 0x63: try push(.global(module: try line(), name: try line()))  // GLOBAL
    case 0x93:  // STACK_GLOBAL
      let (name, module) = (try pop(), try pop())
      guard case .text(let name) = nodes[name], case .text(let module) = nodes[module] else {
        throw broken("a global whose name is no text")
      }
      try push(.global(module: module, name: name))
    case 0x51: try push(.persistent(try pop()))  // BINPERSID
    case 0x52, 0x81:  // REDUCE, NEWOBJ
      let (arguments, callee) = (try pop(), try pop())
      try call(callee, arguments)
    case 0x62: _ = try pop()  // BUILD: the state of an object that is never used
    default:
      length = at
      throw broken(
        "opcode 0x\(String(opcode, radix: 16)) is none that files of weights are made of")
    }
    return true
  }

  private mutating func long(_ count: Int) throws {
    let digits = Array(try take(count))
    guard count <= 8 else {
      longs.append(digits)
      return try push(.opaque("long"))
    }
    var value: UInt64 = (digits.last ?? 0) >= 128 ? .max : 0
    for digit in digits.reversed() { value = value << 8 | UInt64(digit) }
    try push(.integer(Int(truncatingIfNeeded: value)))
  }

  private mutating func get(_ key: Int) throws {
    guard let known = memo[key] else { throw broken("memo \(key) was never set") }
    try bounded(stack.count)
    stack.append(known)
  }

  /// Adds to the list or dictionary on top; drops values given to an inert object.
  private mutating func extend(_ values: [Int]) throws {
    let target = try top()
    switch nodes[target] {
    case .list(var elements):
      nodes[target] = .none
      elements += values
      nodes[target] = .list(elements)
    case .dictionary(var entries):
      nodes[target] = .none
      entries += values
      nodes[target] = .dictionary(entries)
    case .opaque: break
    default: throw broken("elements for what is neither a list nor a dictionary")
    }
  }

  /// The value that stands for the result of a call; nothing is ever called.
  private mutating func call(_ callee: Int, _ arguments: Int) throws {
    guard case .tuple(let values) = nodes[arguments] else {
      throw broken("a call whose arguments are no tuple")
    }
    guard case .global(let module, let name) = nodes[callee] else {
      return try push(.opaque("object"))
    }
    switch "\(module).\(name)" {
    case "collections.OrderedDict", "builtins.dict":
      let pairs = orderedPairs(values)
      copied += pairs.count
      try bounded(copied)
      try push(.dictionary(pairs))
    case "torch._utils._rebuild_tensor", "torch._utils._rebuild_tensor_v2",
      "torch._utils._rebuild_tensor_v3":
      guard values.count >= 4 else { throw broken("a tensor of \(values.count) arguments") }
      try push(
        .tensor(
          storage: values[0], offset: values[1], shape: values[2], stride: values[3],
          dtype: name == "_rebuild_tensor_v3" && values.count > 6 ? values[6] : nil))
    case "torch._utils._rebuild_parameter", "torch._utils._rebuild_parameter_with_state":
      guard let data = values.first else { throw broken("a parameter without data") }
      stack.append(data)
    default: try push(.opaque("\(module).\(name)"))
    }
  }

  /// Pairs of `OrderedDict([[key, value], ...])`.
  private func orderedPairs(_ values: [Int]) -> [Int] {
    guard let first = values.first, case .list(let pairs) = nodes[first] else { return [] }
    return pairs.flatMap { pair -> [Int] in
      switch nodes[pair] {
      case .list(let both) where both.count == 2, .tuple(let both) where both.count == 2: both
      default: []
      }
    }
  }
}
