package enum Method: String, Sendable, Codable { case pra, cleanInput = "clean-input", teacherForced }
package enum StateNorm: String, Sendable { case sphere, layer, none }
package enum EncoderContext: String, Sendable { case hidden, none, image }
package enum DecoderContext: String, Sendable { case causal, hidden, none }
package enum SamplingMethod: String, Sendable { case euler, heun, sde }
package enum Guidance: String, Sendable { case linear, constant }
package enum Labels: String, Sendable { case balanced, random }
package enum Rounding: String, Sendable { case halfUp, adm }
package enum Precision: String, Sendable { case fp32, bf16 }
package struct ModelConfiguration: Sendable {
  package struct Image: Sendable { package var size = 32, channels = 3, patch = 8 }
  package struct Trunk: Sendable { package var width = 128, layers = 4, heads = 2, classTokens = 2, mlpMultiple = 64 }
  package struct State: Sendable { package var dim = 16, norm = StateNorm.sphere }
  package struct Head: Sendable { package var width = 128, blocks = 3, groups = 1 }
  package struct Encoder: Sendable { package var context = EncoderContext.hidden, width = 128, blocks = 2, headDim = 64 }
  package struct Decoder: Sendable { package var context = DecoderContext.causal, width = 128, blocks = 2, headDim = 64 }
  package struct Perturb: Sendable { package var tMin = 0.65, renormalize = false }
  package var method = Method.pra, seed: UInt64 = 0, image = Image(), trunk = Trunk(), state = State(), head = Head(), encoder = Encoder(), decoder = Decoder(), perturb = Perturb(), loss = LossConfiguration(), training = TrainingConfiguration(), sampling = SamplingConfiguration()
  package init() {}
}
package struct LossConfiguration: Sendable { package var l1 = 1.0, l2 = 0.0, lpips = 0.0, normPix = 0.1, flowRepeat = 4 }
package struct TrainingConfiguration: Sendable {
  package var batch = 48, lr = 1.5e-3, lrMin = 3e-5, warmup = 100, total = 1500, betas = [0.9, 0.95], eps = 1e-8, weightDecay = 0.05, clip = 1.0, labelDrop = 0.1, ema = [0.999], maxBadSteps = 10, precision = Precision.fp32
}
package struct SamplingConfiguration: Sendable { package var method = SamplingMethod.euler, steps = 25, guidance = Guidance.linear, scale = 2.0, labels = Labels.balanced, rounding = Rounding.halfUp, seed: UInt64 = 0 }
