// The blocks of Inception-v3 as the TensorFlow graph of 2015 has them: Szegedy et al. 2016, arXiv
// 1512.00567, figures 5 to 7; names of torchvision.
//
// Average pools do not count the padding. Since they and 1x1 convolutions are both linear, the
// branch of a pool multiplies first and then averages the smaller result.

import Autodiff
import Tensor

/// Maps images [batch, height, width, channels] to images.
protocol InceptionBlock {
  func callAsFunction(_ x: Tensor) -> Tensor
}

private typealias Unit = FrozenConvolution

private func square(_ side: Int, stride: Int = 1, padding: Int = 0) -> Window {
  Window(side, stride: stride, padding: padding)
}
private let point = Window(1)
/// Windows 1 x n and n x 1 that keep the image's sides.
private func wide(_ n: Int) -> Window { Window((1, n), padding: (0, n / 2)) }
private func high(_ n: Int) -> Window { Window((n, 1), padding: (n / 2, 0)) }
private let neighbours = square(3, padding: 1)

/// Images to concatenate into, with the pixels of x.
private func images(like x: Tensor, _ channels: Int) -> Tensor {
  Tensor(uninitialized: Array(x.shape.dropLast()) + [channels], type: x.type, on: x.device)
}

/// Mixed_5b, 5c and 5d.
struct InceptionA: InceptionBlock {
  private let one, five1, five2, three1, three2, three3, pool: FrozenConvolution

  init(_ w: InceptionWeights, _ name: String, inputs: Int, pool features: Int) throws {
    one = try w.unit("\(name).branch1x1", inputs, 64, point)
    five1 = try w.unit("\(name).branch5x5_1", inputs, 48, point)
    five2 = try w.unit("\(name).branch5x5_2", 48, 64, square(5, padding: 2))
    three1 = try w.unit("\(name).branch3x3dbl_1", inputs, 64, point)
    three2 = try w.unit("\(name).branch3x3dbl_2", 64, 96, neighbours)
    three3 = try w.unit("\(name).branch3x3dbl_3", 96, 96, neighbours)
    pool = try w.unit("\(name).branch_pool", inputs, features, point)
  }

  func callAsFunction(_ x: Tensor) -> Tensor {
    let places = columns([one, five2, three3, pool])
    let y = images(like: x, places.total)
    let (a, b) = (images(like: x, five1.outputs), images(like: x, three1.outputs))
    let p = images(like: x, pool.outputs)
    Unit.pointwise(
      x,
      [
        (one, ImageColumns(y), true), (five1, ImageColumns(a), true),
        (three1, ImageColumns(b), true), (pool, ImageColumns(p), false),
      ])
    five2.infer(a, into: ImageColumns(y, column: places.starts[1]))
    three3.infer(three2.infer(b), into: ImageColumns(y, column: places.starts[2]))
    ImageColumns(y, column: places.starts[3]).take(relu: averagePooled(p, neighbours))
    return y
  }
}

/// Mixed_6a, from 35 x 35 to 17 x 17.
struct InceptionB: InceptionBlock {
  private let three, double1, double2, double3: FrozenConvolution

  init(_ w: InceptionWeights, _ name: String, inputs: Int) throws {
    three = try w.unit("\(name).branch3x3", inputs, 384, square(3, stride: 2))
    double1 = try w.unit("\(name).branch3x3dbl_1", inputs, 64, point)
    double2 = try w.unit("\(name).branch3x3dbl_2", 64, 96, neighbours)
    double3 = try w.unit("\(name).branch3x3dbl_3", 96, 96, square(3, stride: 2))
  }

  func callAsFunction(_ x: Tensor) -> Tensor {
    let pooled = maxPooled(x, square(3, stride: 2))
    let places = columns([three, double3])
    let y = images(like: pooled, places.total + x.width)
    three.infer(x, into: ImageColumns(y))
    let a = images(like: x, double1.outputs)
    Unit.pointwise(x, [(double1, ImageColumns(a), true)])
    double3.infer(double2.infer(a), into: ImageColumns(y, column: places.starts[1]))
    ImageColumns(y, column: places.total).take(pooled)
    return y
  }
}

/// Mixed_6b to 6e.
struct InceptionC: InceptionBlock {
  private let one, pool: FrozenConvolution
  private let seven, double: [FrozenConvolution]

  init(_ w: InceptionWeights, _ name: String, channels c: Int) throws {
    one = try w.unit("\(name).branch1x1", 768, 192, point)
    seven = [
      try w.unit("\(name).branch7x7_1", 768, c, point),
      try w.unit("\(name).branch7x7_2", c, c, wide(7)),
      try w.unit("\(name).branch7x7_3", c, 192, high(7)),
    ]
    double = [
      try w.unit("\(name).branch7x7dbl_1", 768, c, point),
      try w.unit("\(name).branch7x7dbl_2", c, c, high(7)),
      try w.unit("\(name).branch7x7dbl_3", c, c, wide(7)),
      try w.unit("\(name).branch7x7dbl_4", c, c, high(7)),
      try w.unit("\(name).branch7x7dbl_5", c, 192, wide(7)),
    ]
    pool = try w.unit("\(name).branch_pool", 768, 192, point)
  }

  /// Columns 0 to 191 are `branch1x1`.
  func callAsFunction(_ x: Tensor) -> Tensor {
    let places = columns([one, seven[2], double[4], pool])
    let y = images(like: x, places.total)
    let (a, b) = (images(like: x, seven[0].outputs), images(like: x, double[0].outputs))
    let p = images(like: x, pool.outputs)
    Unit.pointwise(
      x,
      [
        (one, ImageColumns(y), true), (seven[0], ImageColumns(a), true),
        (double[0], ImageColumns(b), true), (pool, ImageColumns(p), false),
      ])
    seven[2].infer(seven[1].infer(a), into: ImageColumns(y, column: places.starts[1]))
    let deep = double[3].infer(double[2].infer(double[1].infer(b)))
    double[4].infer(deep, into: ImageColumns(y, column: places.starts[2]))
    ImageColumns(y, column: places.starts[3]).take(relu: averagePooled(p, neighbours))
    return y
  }
}

/// Mixed_7a, from 17 x 17 to 8 x 8.
struct InceptionD: InceptionBlock {
  private let three1, three2: FrozenConvolution
  private let seven: [FrozenConvolution]

  init(_ w: InceptionWeights, _ name: String) throws {
    three1 = try w.unit("\(name).branch3x3_1", 768, 192, point)
    three2 = try w.unit("\(name).branch3x3_2", 192, 320, square(3, stride: 2))
    seven = [
      try w.unit("\(name).branch7x7x3_1", 768, 192, point),
      try w.unit("\(name).branch7x7x3_2", 192, 192, wide(7)),
      try w.unit("\(name).branch7x7x3_3", 192, 192, high(7)),
      try w.unit("\(name).branch7x7x3_4", 192, 192, square(3, stride: 2)),
    ]
  }

  func callAsFunction(_ x: Tensor) -> Tensor {
    let pooled = maxPooled(x, square(3, stride: 2))
    let places = columns([three2, seven[3]])
    let y = images(like: pooled, places.total + x.width)
    let (a, b) = (images(like: x, three1.outputs), images(like: x, seven[0].outputs))
    Unit.pointwise(x, [(three1, ImageColumns(a), true), (seven[0], ImageColumns(b), true)])
    three2.infer(a, into: ImageColumns(y))
    seven[3].infer(
      seven[2].infer(seven[1].infer(b)), into: ImageColumns(y, column: places.starts[1]))
    ImageColumns(y, column: places.total).take(pooled)
    return y
  }
}

/// Mixed_7b and 7c.
struct InceptionE: InceptionBlock {
  private let one, pool: FrozenConvolution
  private let three, double: [FrozenConvolution]
  /// True for 7c: a mistake of the graph of 2015 that all published figures share.
  private let poolsMaximum: Bool

  init(_ w: InceptionWeights, _ name: String, inputs: Int, poolsMaximum: Bool) throws {
    self.poolsMaximum = poolsMaximum
    one = try w.unit("\(name).branch1x1", inputs, 320, point)
    three = [
      try w.unit("\(name).branch3x3_1", inputs, 384, point),
      try w.unit("\(name).branch3x3_2a", 384, 384, wide(3)),
      try w.unit("\(name).branch3x3_2b", 384, 384, high(3)),
    ]
    double = [
      try w.unit("\(name).branch3x3dbl_1", inputs, 448, point),
      try w.unit("\(name).branch3x3dbl_2", 448, 384, neighbours),
      try w.unit("\(name).branch3x3dbl_3a", 384, 384, wide(3)),
      try w.unit("\(name).branch3x3dbl_3b", 384, 384, high(3)),
    ]
    pool = try w.unit("\(name).branch_pool", inputs, 192, point)
  }

  func callAsFunction(_ x: Tensor) -> Tensor {
    let places = columns([one, three[1], three[2], double[2], double[3], pool])
    let y = images(like: x, places.total)
    func target(_ number: Int) -> ImageColumns { ImageColumns(y, column: places.starts[number]) }
    let (a, b) = (images(like: x, three[0].outputs), images(like: x, double[0].outputs))
    var branches = [
      (one, target(0), true), (three[0], ImageColumns(a), true), (double[0], ImageColumns(b), true),
    ]
    if poolsMaximum {
      Unit.pointwise(x, branches)
      Unit.pointwise(maxPooled(x, neighbours), [(pool, target(5), true)])
    } else {
      let p = images(like: x, pool.outputs)
      branches.append((pool, ImageColumns(p), false))
      Unit.pointwise(x, branches)
      target(5).take(relu: averagePooled(p, neighbours))
    }
    three[1].infer(a, into: target(1))
    three[2].infer(a, into: target(2))
    let c = double[1].infer(b)
    double[2].infer(c, into: target(3))
    double[3].infer(c, into: target(4))
    return y
  }
}

/// First columns of units placed side by side, and the number of all columns.
private func columns(_ units: [FrozenConvolution]) -> (starts: [Int], total: Int) {
  var (starts, total): ([Int], Int) = ([], 0)
  for unit in units {
    starts.append(total)
    total += unit.outputs
  }
  return (starts, total)
}
