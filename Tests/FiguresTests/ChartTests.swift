// Charts: ticks, SVG and pictures.

import Foundation
import FoundationXML
import Testing

@testable import Figures

/// A curve that looks like a loss.
private func curve(_ name: String, _ scale: Double, count: Int = 1500) -> Chart.Series {
  Chart.Series(
    name: name,
    points: (0..<count).map { i in
      let noise = Double((i * 7919 + 13) % 101) / 101 - 0.5
      return (Double(i), scale * (1.2 / (1 + Double(i) / 80) + 0.25 + 0.06 * noise))
    })
}

@Suite struct ChartTests {
  @Test(arguments: [
    (0.25, 0.05, "0.25"), (1500, 500, "1500"), (-2, 1, "-2"), (0, 0.1, "0"), (2e-5, 1e-5, "2e-5"),
    (0.05, 0.05, "0.05"), (2_500_000, 500_000, "2.5e6"), (0.3, 0.1, "0.3"),
  ])
  func ticksReadWell(value: Double, step: Double, text: String) {
    #expect(tickText(value, step: step) == text)
  }

  @Test func ticksAreRoundAndWithinTheRange() {
    let axis = Axis([0, 1499], pixels: (0, 100), isLogarithmic: false, room: 0)
    #expect(axis.ticks(8).map(\.text) == ["0", "200", "400", "600", "800", "1000", "1200", "1400"])
    let decades = Axis([1e-4, 1], pixels: (0, 100), isLogarithmic: true, room: 0)
    #expect(decades.ticks(6).map(\.text) == ["0.0001", "0.001", "0.01", "0.1", "1"])
    #expect(decades.position(1e-2) == 50)
  }

  /// A single step stands between its neighbours, a single zero between -1 and 1.
  @Test func oneValueHasASensibleAxis() {
    func ticks(_ value: Double, isWhole: Bool) -> [String] {
      Axis([value], pixels: (0, 100), isLogarithmic: false, room: 0, isWhole: isWhole).ticks(8).map(
        \.text)
    }
    #expect(ticks(0, isWhole: true) == ["-1", "0", "1"])
    #expect(ticks(1500, isWhole: true) == ["1499", "1500", "1501"])
    #expect(ticks(0, isWhole: false).first == "-1.0" && ticks(0, isWhole: false).last == "1.0")
    let chart = Chart(title: "t", series: [Chart.Series(name: "loss", points: [(5, 0.5)])])
    #expect(chart.svg().contains(/points="([0-9.]+),([0-9.]+) \1,\2" fill="none"/))
  }

  /// Means of bands are smoothed as their points would be: within 1 % of the band's height, wherever the average is
  /// longer than a band.
  @Test(arguments: [(0.99, 32), (0.99, 64), (0.999, 256), (0.999, 512), (0.9999, 1024)])
  func bandsAreSmoothedAsTheirPoints(weight: Double, width: Int) {
    let values = (0..<100 * width).map { i -> Double in
      // splitmix64 (Steele, Lea and Flood 2014)
      var z = UInt64(i) &* 0x9E37_79B9_7F4A_7C15
      z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
      z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
      let noise = Double((z ^ (z >> 31)) >> 48) / 65536
      return 0.55 + 0.4 * exp(-Double(i) / Double(25 * width)) + 0.2 * noise
    }
    let exact = Chart.smoothed(values, weight: weight)
    let starts = stride(from: 0, to: values.count, by: width)
    let means = starts.map { values[$0..<$0 + width].reduce(0, +) / Double(width) }
    let bands = Chart.smoothed(
      means, counts: means.map { _ in Double(width) }, weight: weight)
    for (k, start) in starts.enumerated() {
      let band = values[start..<start + width]
      let error = abs(bands[k] - exact[start + width - 1])
      #expect(error < 0.01 * (band.max()! - band.min()!), "band \(k)")
    }
  }

  @Test func gapsAreNotSmoothedOver() {
    let line = Chart.smoothed([1, .nan, 3], counts: [1, 5, 1], weight: 0.5)
    #expect(line[0] == 1 && line[1].isNaN && abs(line[2] - (0.25 + 1.5) / 0.75) < 1e-12)
  }

  /// WCAG 2.2, 1.4.11: 3:1 for graphics.
  @Test(arguments: 0..<24) func coloursStandOutFromWhite(_ i: Int) {
    func luminance(_ colour: Colour) -> Double {
      zip([colour.red, colour.green, colour.blue], [0.2126, 0.7152, 0.0722]).reduce(0) { sum, one in
        let part = Double(one.0) / 255
        return sum + one.1 * (part <= 0.03928 ? part / 12.92 : pow((part + 0.055) / 1.055, 2.4))
      }
    }
    let drawn = colour(i).mixed(with: Colour(0xFFFFFF), 1 - curveOpacity)
    #expect(1.05 / (luminance(drawn) + 0.05) >= 3)
  }

  @Test func svgIsWellFormedXML() throws {
    let chart = Chart(
      title: "a < b & \"c\" \u{1}", series: [curve("x<y", 1), curve("ü", 2, count: 3)])
    final class Counter: NSObject, XMLParserDelegate {
      var lines = 0
      func parser(
        _ parser: XMLParser, didStartElement name: String, namespaceURI: String?,
        qualifiedName: String?, attributes: [String: String]
      ) { lines += name == "polyline" ? 1 : 0 }
    }
    let parser = XMLParser(data: Data(chart.svg().utf8))
    let counter = Counter()
    parser.delegate = counter
    #expect(parser.parse())
    #expect(counter.lines > 4)
  }

  /// Many curves, and few low ones: a curve under the legend could not be read.
  @Test(arguments: [(18, 1.0), (2, 1.0), (2, -1)])
  func namesCoverNoCurve(count: Int, sign: Double) {
    let chart = Chart(
      title: "t", series: (0..<count).map { curve("curve \($0)", sign * Double($0 + 1)) })
    let shapes = chart.shapes()
    var curves: [(x: Double, y: Double)] = []
    var names: [(x: Double, y: Double)] = []
    var colours: Set<String> = []
    for shape in shapes {
      if case .line(let points, _, let colour, let opacity) = shape, opacity < 1 {
        curves += points
        colours.insert(colour.hex)
      }
      if case .text(let text, let x, let y, _, _, _, _) = shape, text.hasPrefix("curve") {
        names.append((x, y))
      }
    }
    #expect(names.count == count && colours.count == count)
    let (left, bottom) = (names.map(\.x).min()!, names.map(\.y).max()!)
    #expect(!curves.contains { $0.x > left && $0.y < bottom })
    // Few curves that leave the corner free use the whole width.
    #expect((curves.map(\.x).max()! > left) == (count == 2 && sign > 0))
  }

  @Test func valuesThatAreNotFiniteLeaveGaps() {
    let points = [(0.0, 1.0), (1, .nan), (2, 3), (3, 4), (4, .infinity), (5, -1)]
      .map { (x: $0.0, y: $0.1) }
    func lines(_ isLogarithmic: Bool) -> [Int] {
      let chart = Chart(
        title: "t", series: [.init(name: "a", points: points)], isLogarithmic: isLogarithmic)
      return chart.shapes().compactMap {
        if case .line(let points, _, let colour, _) = $0, colour == Colour(0x0072B2) {
          return points.count
        }
        return nil
      }
    }
    #expect(lines(false) == [1, 2, 1])
    #expect(lines(true) == [1, 2])
  }

  @Test func longCurvesAreThinnedToTheirEnvelope() {
    let chart = Chart(title: "t", series: [curve("a", 1, count: 200_000)])
    #expect(chart.svg().utf8.count < 60_000)
  }

  @Test func aChartWithoutDataSaysSo() {
    #expect(Chart(title: "t", series: []).svg().contains("no data"))
  }

  @Test func thePictureShowsEachCurveInItsColour() throws {
    let chart = Chart(
      title: "Loss of two runs", yLabel: "loss",
      series: [curve("pra, seed 0", 1), curve("clean-input", 2)], isLogarithmic: true)
    let picture = try chart.picture()
    #expect(picture.width == 960 && picture.height == 540)
    func count(_ r: UInt8, _ g: UInt8, _ b: UInt8) -> Int {
      (0..<960 * 540).count {
        picture.pixels[$0 * 3] == r && picture.pixels[$0 * 3 + 1] == g
          && picture.pixels[$0 * 3 + 2] == b
      }
    }
    #expect(count(0x00, 0x72, 0xB2) > 20 && count(0xC8, 0x52, 0x00) > 20)
    #expect(count(255, 255, 255) > 400_000)
  }

  @Test func aDotChartHasADotForEverySeed() throws {
    let chart = DotChart(
      title: "claims", xLabel: "distance",
      rows: [
        .init(name: "pra", values: [2.3, 2.4, 2.35]),
        .init(name: "teacher-forced", values: [9, .nan]),
      ])
    let svg = chart.svg()
    #expect(svg.split(separator: "stroke-width=\"8\"").count - 1 == 4)
    #expect(svg.contains(">pra</text>") && svg.contains(">2.35</text>"))
    #expect(try chart.picture().height == chart.height)
    // An empty chart is no error.
    #expect(try DotChart(title: "", xLabel: "", rows: []).picture().width == 960)
  }

  @Test func quantitiesOfOtherScalesHaveAPanelEach() throws {
    let all = Chart(
      title: "t",
      series: [curve("loss", 1), curve("rec", 0.1), curve("images", 5000), curve("lr", 1e-4)])
    let names = ["loss", "rec", "images", "lr"]
    let figure = ChartPanels(all, quantities: names)
    #expect(figure.charts.map { $0.series.map(\.name) } == [["loss", "rec"], ["images"], ["lr"]])
    #expect(figure.charts.map(\.yLabel) == ["loss, rec", "images", "lr"])
    #expect(figure.charts.map(\.xLabel) == ["", "", "step"])
    #expect(try figure.picture().height == 3 * 340)
    #expect(figure.svg().contains("height=\"1020\""))
    // A logarithmic axis holds them all, and runs of one quantity share theirs.
    var logarithmic = all
    logarithmic.isLogarithmic = true
    #expect(ChartPanels(logarithmic, quantities: names).charts.count == 1)
    let runs = Chart(title: "t", series: [curve("a", 1), curve("b", 5000)])
    #expect(ChartPanels(runs, quantities: ["loss", "loss"]).charts.count == 1)
    #expect(ChartPanels(Chart(title: "t", series: []), quantities: []).charts.count == 1)
  }
}
