// Checks of operations that move, convert and draw numbers.

import CKernels
import Tensor

let movingChecks: [OperationCheck] = [
  OperationCheck("fill", exact: true, stored: true) { b in
    let n = b.size()
    let out = b.activationOutput([n + 3])
    b.runStored(.fill(.init(out: out.address, value: 0.375)), over: n)
  },
  OperationCheck("copy", exact: true) { b in
    let (n, shift) = (b.size(), b.number(0...5))
    let (out, x) = (b.output([n + shift]), b.input([n + shift]))
    let bytes = n * b.type.size
    b.run(
      .copy(.init(out: out.address(at: shift), x: x.address, bytes: bytes)), over: (bytes + 63) / 64
    )
  },
  OperationCheck("exchange", exact: true) { b in
    let n = b.size() * 16
    let (x, y) = (b.changed([n]), b.changed([n]))
    b.run(.exchange(.init(a: x.address, b: y.address, bytes: n * b.type.size)))
  },
  OperationCheck("copy_block", exact: true) { b in
    let (outer, rows, width) = (b.number(1...4), b.number(1...9), b.size())
    let (more, accumulates) = (b.number(0...3), b.chance())
    let shape = [outer, rows, width + more]
    let out = accumulates ? b.changed(shape) : b.output(shape)
    let x = b.input([rows, outer, width])
    b.run(
      .copyBlock(
        .init(
          out: out.address, out_outer: rows * (width + more), out_row: width + more, x: x.address,
          x_outer: width, x_row: outer * width, rows: rows, width: width, accumulate: accumulates)),
      over: outer)
  },
  OperationCheck("gather_rows", exact: true) { b in
    let (rows, count, width) = (b.size(), b.size(), b.size())
    let (out, table) = (b.output([count, width]), b.input([rows, width]))
    let index = b.indices(count, below: rows)
    b.run(
      .gatherRows(
        .init(
          out: out.address, table: table.address, index: index.address, rows: rows, width: width)),
      over: count)
  },
  OperationCheck("scatter_add_rows") { b in
    let (rows, count, width) = (b.number(1...5), b.size(), b.size())
    let (table, x) = (b.changed([rows, width]), b.input([count, width]))
    let index = b.indices(count, below: rows)
    b.run(
      .scatterAddRows(
        .init(
          table: table.address, x: x.address, index: index.address, rows: count, width: width)),
      over: width)
  },
  OperationCheck("reorder_kernel", exact: true) { b in
    let (outputs, inputs, places) = (b.size(40), b.size(40), b.number(1...9))
    let turned = b.chance()
    let (out, x) = (b.output([outputs, inputs, places]), b.input([outputs, inputs, places]))
    b.run(
      .reorderKernel(
        .init(
          out: out.address, x: x.address, outputs: outputs, inputs: inputs, places: places,
          turned: turned)), over: (turned ? inputs : outputs) * places)
  },
  OperationCheck("move_patches", exact: true) { b in
    let (grid, patch, channels, count) = (b.number(1...4), b.number(1...5), 3, b.number(1...3))
    let (back, shape) = (b.chance(), [count, grid * grid * patch * patch * channels])
    let (from, to) = (b.input(shape), b.output(shape))
    b.run(
      .movePatches(
        .init(
          images: (back ? from : to).address, patches: (back ? to : from).address, grid: grid,
          patch: patch, channels: channels, to_images: !back)), over: count)
  },
  OperationCheck("convert", exact: true) { b in
    let n = b.size()
    let (out, x) = (b.output([n]), b.doubles(n))
    b.run(
      .convert(.init(out: out.address, x: x.address, from: ElementType.float64.rawValue)), over: n)
  },
  OperationCheck("convert from bfloat16", stored: true) { b in
    // In float64 there is nothing but doubles to convert.
    let n = b.size()
    let (out, x) = (b.output([n]), b.activations([n]))
    let numbers = b.type == .float64 ? x : x.converted(to: .bfloat16)
    b.run(
      .convert(.init(out: out.address, x: b.held(numbers).address, from: numbers.type.rawValue)),
      over: n)
  },
  OperationCheck("repeat_each", exact: true) { b in
    let (n, times) = (b.size(), b.number(1...5))
    let (out, x) = (b.output([n * times]), b.input([n]))
    b.run(.repeatEach(.init(out: out.address, x: x.address, times: times)), over: n)
  },
  OperationCheck("reciprocal_rest") { b in
    let n = b.size()
    let (out, x) = (b.output([n]), b.input([n]))
    b.run(.reciprocalRest(.init(out: out.address, x: x.address, least: 0.25)), over: n)
  },
  OperationCheck("philox uniform", exact: true) { b in drawn(b, PHILOX_UNIFORM, PHILOX_PLAIN) },
  OperationCheck("philox normal") { b in drawn(b, PHILOX_NORMAL, PHILOX_PLAIN) },
  OperationCheck("philox mapped") { b in
    drawn(b, PHILOX_NORMAL, b.chance() ? PHILOX_AFFINE : PHILOX_SIGMOID)
  },
  OperationCheck("drop_labels", exact: true) { b in
    let n = b.size()
    let labels = b.indices(n, below: 7)
    let out = Indices([Int32](repeating: -1, count: n), on: b.device)
    let step = b.held(DeviceList<UInt32>([9], on: b.device))
    b.run(
      .dropLabels(
        .init(
          out: out.address, labels: labels.address, step: step.address, key: 5, stream: 2,
          first_b: 3, null_class: 7, share: 0.4)), over: n)
    b.keep(out)
  },
  OperationCheck("time_features") { b in
    let (n, half) = (b.size(), b.size(64))
    let (out, t, frequencies) = (b.output([n, 2 * half]), b.doubles(n), b.doubles(half))
    b.run(
      .timeFeatures(
        .init(out: out.address, t: t.address, frequencies: frequencies.address, half: half)),
      over: n)
  },
]

private func drawn(_ b: Bench, _ kind: Int, _ map: Int) {
  let (together, width) = (b.number(1...4), b.size())
  let rows = together * b.number(1...9)
  let out = b.output([rows, width])
  let step = b.held(DeviceList<UInt32>([11], on: b.device))
  let numbers = b.held(DeviceList((0..<rows / together).map { UInt32($0 * 17 + 3) }, on: b.device))
  let (hasStep, hasNumbers) = (b.chance(), b.chance())
  b.run(
    .philox(
      .init(
        out: out.address, step: hasStep ? step.address : DeviceAddress(),
        numbers: hasNumbers ? numbers.address : DeviceAddress(), key: 0x1234_5678_9abc_def0,
        stream: 7, first_a: 21, stride_a: 100, first_b: 4, together: together, width: width,
        kind: Int32(kind), map: Int32(map), offset: 0.25, factor: 0.5)), over: rows)
}
