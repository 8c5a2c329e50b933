// The enumerated values of model.md, as configuration files spell them.

/// The methods of training that are compared (section 9).
package enum Method: String, Sendable, CaseIterable {
  case pra
  case cleanInput = "clean-input"
  case teacherForced = "teacher-forced"
  case xPrediction = "x-prediction"
  case noiseInjection = "noise-injection"
  case exactRollout = "exact-rollout"
  case diffusion
}

extension Method {
  /// Whether a head generates intermediate states that a decoder turns into pixels.
  package var hasStates: Bool {
    switch self {
    case .pra, .cleanInput, .exactRollout: true
    case .teacherForced, .xPrediction, .noiseInjection, .diffusion: false
    }
  }

  /// Whether the network predicts the clean point x instead of the velocity.
  package var predictsX: Bool { self == .xPrediction || self == .diffusion }
}

/// Normalisation of states (section 3.3).
package enum StateNorm: String, Sendable, CaseIterable { case sphere, layer, none }

/// The state encoder's input besides its patch (section 3.3).
package enum EncoderContext: String, Sendable, CaseIterable { case hidden, none, image }

/// The pixel decoder's input besides its state (section 3.4).
package enum DecoderContext: String, Sendable, CaseIterable { case causal, hidden, none }

/// The start of the rollout of `exact-rollout` (section 9).
package enum RolloutStart: String, Sendable, CaseIterable { case perturbed, noise }

/// Arithmetic of matrix products in training (section 10).
package enum Precision: String, Sendable, CaseIterable { case fp32, bf16 }

/// Device of training and drawing (section 10).
package enum DeviceChoice: String, Sendable, CaseIterable { case auto, cpu, cuda }

/// Integrator of the flow (section 5).
package enum SamplingMethod: String, Sendable, CaseIterable { case euler, heun, sde }

/// The guidance scale as a function of the position (section 5).
package enum Guidance: String, Sendable, CaseIterable { case linear, constant }

/// The choice of classes for sampled images (section 6).
package enum Labels: String, Sendable, CaseIterable { case balanced, random }

/// From [-1, 1] to bytes (section 5).
package enum Rounding: String, Sendable, CaseIterable {
  case halfUp = "half-up"
  case adm
}
