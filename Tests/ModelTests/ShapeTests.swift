// Shapes that follow from a configuration are those of the model.

import Configuration
import PRAModel
import Tensor
import Testing

@Suite struct ShapeTests {
  @Test(arguments: tinyVariants.map(\.name))
  func theTableHasTheModelsTensors(_ name: String) throws {
    let configuration = try #require(tinyVariants.first { $0.name == name }).configuration
    let model = try PRAModel(configuration, classes: 3, on: Device(threads: 1))
    let told = configuration.tensorShapes(classes: 3)
    #expect(told.map(\.name).sorted() == model.parameters.all.map(\.name).sorted())
    for tensor in told {
      #expect(model.parameters[tensor.name]?.value.shape == tensor.shape, "\(tensor.name)")
    }
    #expect(configuration.parameterCount(classes: 3) == model.parameters.elementCount)
  }

  /// Figures of model.md section 7: what sampling needs, with 1,000 classes, no encoder and no norm_pix.
  @Test(arguments: [(Preset.small, 134.6), (.base, 249.8), (.large, 511.6)])
  func presetsHaveThePapersSizes(_ preset: Preset, _ millions: Double) {
    let sampled = preset.configuration.tensorShapes(classes: 1000).filter {
      !$0.name.hasPrefix("encoder.") && !$0.name.hasPrefix("norm_pix.")
    }
    let count = Double(sampled.reduce(0) { $0 + $1.count })
    #expect(abs(count / 1e6 - millions) < 0.06, "\(preset.rawValue): \(count)")
  }
}
