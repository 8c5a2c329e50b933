// Letters for charts: strokes along the dots of a 5 x 7 matrix.

/// Lines that form the printable ASCII characters.
enum StrokeFont {
  /// Cells from one character to the next.
  static let advance = 6.0
  /// Cells from the top of a capital to the baseline.
  static let capHeight = 6.0

  /// Strokes of a character in cells; x to the right, y down from the top of a capital. A dot is a
  /// stroke without length. Characters that are not ASCII show as a question mark.
  static func strokes(of character: Character) -> [(from: (Double, Double), to: (Double, Double))] {
    let code = character.asciiValue.map(Int.init) ?? 63
    let columns = glyphs[(32...126).contains(code) ? code - 32 : 31]
    func isLit(_ x: Int, _ y: Int) -> Bool {
      (0..<5).contains(x) && (0..<8).contains(y) && columns >> ((4 - x) * 8 + y) & 1 == 1
    }
    var strokes: [(from: (Double, Double), to: (Double, Double))] = []
    for x in 0..<5 {
      for y in 0..<8 where isLit(x, y) {
        let here = (Double(x), Double(y))
        var isAlone = true
        for (dx, dy) in [(1, 0), (0, 1), (1, 1), (1, -1)] where isLit(x + dx, y + dy) {
          // A diagonal beside a corner would cut it off.
          if dx != 0, dy != 0, isLit(x + dx, y) || isLit(x, y + dy) { continue }
          strokes.append((here, (Double(x + dx), Double(y + dy))))
          isAlone = false
        }
        if isAlone { strokes.append((here, here)) }
      }
    }
    return strokes
  }

  /// Five columns of eight dots per character from the space on; the first column is the highest
  /// byte, the lowest bit the top dot.
  private static let glyphs: [UInt64] = [
    0x00_0000_0000, 0x00_005F_0000, 0x00_0700_0700, 0x14_7F14_7F14, 0x24_2A7F_2A12, 0x23_1308_6462,
    0x36_4956_2050, 0x00_0007_0300, 0x00_1C22_4100, 0x00_4122_1C00, 0x2A_1C7F_1C2A, 0x08_083E_0808,
    0x00_8070_3000, 0x08_0808_0808, 0x00_0060_6000, 0x20_1008_0402, 0x3E_4141_413E, 0x00_427F_4000,
    0x62_5149_4946, 0x21_4145_4B31, 0x18_1412_7F10, 0x27_4545_4539, 0x3C_4A49_4930, 0x01_7109_0503,
    0x36_4949_4936, 0x06_4949_291E, 0x00_0014_0000, 0x00_8064_0000, 0x08_1422_4100, 0x14_1414_1414,
    0x00_4122_1408, 0x02_0151_0906, 0x3E_415D_594E, 0x7C_1211_127C, 0x7F_4949_4936, 0x3E_4141_4122,
    0x7F_4141_221C, 0x7F_4949_4941, 0x7F_0909_0901, 0x3E_4149_497A, 0x7F_0808_087F, 0x00_417F_4100,
    0x20_4041_3F01, 0x7F_0814_2241, 0x7F_4040_4040, 0x7F_020C_027F, 0x7F_0408_107F, 0x3E_4141_413E,
    0x7F_0909_0906, 0x3E_4151_215E, 0x7F_0919_2946, 0x26_4949_4932, 0x01_017F_0101, 0x3F_4040_403F,
    0x1F_2040_201F, 0x3F_4038_403F, 0x63_1408_1463, 0x03_0478_0403, 0x61_5149_4543, 0x00_7F41_4100,
    0x02_0408_1020, 0x00_4141_7F00, 0x04_0201_0204, 0x40_4040_4040, 0x00_0102_0400, 0x20_5454_5478,
    0x7F_4844_4438, 0x38_4444_4428, 0x38_4444_487F, 0x38_5454_5418, 0x00_087E_0902, 0x18_A4A4_A47C,
    0x7F_0804_0478, 0x00_447D_4000, 0x40_8084_7D00, 0x7F_1028_4400, 0x00_417F_4000, 0x7C_0478_0478,
    0x7C_0804_0478, 0x38_4444_4438, 0xFC_2424_2418, 0x18_2424_24FC, 0x7C_0804_0408, 0x48_5454_5424,
    0x04_043F_4424, 0x3C_4040_207C, 0x1C_2040_201C, 0x3C_4030_403C, 0x44_2810_2844, 0x4C_9090_907C,
    0x44_6454_4C44, 0x00_0836_4100, 0x00_007F_0000, 0x00_4136_0800, 0x08_0408_1008,
  ]
}
