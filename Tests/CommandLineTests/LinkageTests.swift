// The libraries that draw letters are loaded by what draws figures, and by no stage that trains.

import Foundation
import Testing

@Suite struct LinkageTests {
  private func needsPango(_ program: String) throws -> Bool {
    let folder = URL(filePath: Outcome.executable).deletingLastPathComponent()
    let bytes = try Data(contentsOf: folder.appending(path: program), options: .alwaysMapped)
    // The name of the library as the dynamic section holds it.
    return bytes.range(of: Data("libpangocairo-1.0.so".utf8)) != nil
  }

  @Test(arguments: ["train", "sample", "ingest", "features", "reference", "evaluate"])
  func noStageThatTrainsLoadsTheLettersOfFigures(_ kind: String) throws {
    #expect(try !needsPango("pra-\(kind)"))
  }

  @Test(arguments: ["pra", "pra-compare", "pra-probe", "pra-neighbours"])
  func whatDrawsFiguresLoadsThem(_ program: String) throws { #expect(try needsPango(program)) }
}
