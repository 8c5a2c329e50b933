// Messages about options of the command line name the option; values that options replace are not read.

import Testing

@testable import Configuration

private func read(_ text: String, _ options: Override...) throws -> RunFile {
  try RunFile(text: text, source: "run.yaml", overrides: options)
}

private func refusal(_ text: String, _ options: Override...) -> String {
  do {
    _ = try RunFile(text: text, source: "run.yaml", overrides: options)
    return "accepted"
  } catch { return "\(error)" }
}

@Suite struct OptionErrorTests {
  private let plain = "name: a\ndata: {source: b}\n"

  @Test(arguments: [
    ("training.lr=fast", "--set training.lr: found 'fast', expected a number"),
    ("config.training.lr=fast", "--set config.training.lr: found 'fast', expected a number"),
    ("training.lrr=1", "--set training.lrr: unknown key"),
    ("preset=huge", "--set preset: found 'huge'"),
    ("sample.count=0", "--set sample.count: found 0, expected an integer from 1"),
    ("sample={count: 0}", "--set sample: sample.count: found 0"),
    ("sampel.count=4", "--set sampel.count: sampel: unknown key"),
    ("data.skip_limit=-1", "--set data.skip_limit: found -1"),
    ("data=5", "--set data: found 5, expected a mapping"),
    ("evaluate.shards=0", "--set evaluate.shards: found 0"),
    ("evaluate=7", "--set evaluate: found 7"),
    ("name=5", "--set name: found 5"),
    ("seeds=[1, 1]", "--set seeds: two of them give the same seed"),
    ("training.lr_min=1", "--set training.lr_min: 1 is above training.lr"),
    ("training.micro_batch=99", "--set training.micro_batch: 99 is above training.batch 48"),
    ("sampling.weights=ema-0.5", "--set sampling.weights: found 'ema-0.5'"),
  ])
  func theOptionIsNamedAsItWasGiven(_ option: String, _ message: String) throws {
    let found = refusal(plain, try Override(option))
    #expect(found.hasPrefix(message), "\(found)")
    #expect(!found.contains("run.yaml"), "\(found)")
  }

  @Test func anOptionOfItsOwnIsNamed() throws {
    #expect(
      refusal(plain, try Override("training.ranks=no", option: "--ranks")).hasPrefix(
        "--ranks: found 'no'"))
    let total = Override(path: ["training", "total"], value: .integer("0"), option: "--total")
    #expect(refusal(plain, total).hasPrefix("--total: found 0, expected an integer from 1"))
  }

  @Test func theFileIsBlamedForItsOwn() throws {
    let file = plain + "config: {training: {lr: fast}}"
    #expect(
      refusal(file, try Override("training.batch=9")).hasPrefix(
        "run.yaml: training.lr: found 'fast'"))
  }

  @Test func bothAreNamedWhereTheyDoNotFit() throws {
    let file = plain + "config: {training: {lr: 1e-3, lr_min: 1e-4}}"
    let found = refusal(file, try Override("training.lr=1e-5"))
    #expect(
      found
        == "run.yaml: training.lr_min: 0.0001 is above training.lr 1e-05 "
        + "(--set training.lr asks for it)")
    let shards = refusal(
      plain + "sample: {count: 9, shards: 5}", try Override("sample.count=4"))
    #expect(shards.hasPrefix("run.yaml: sample.shards: 5 jobs for 4 images"), "\(shards)")
    #expect(shards.hasSuffix("(--set sample.count asks for it)"), "\(shards)")
  }

  @Test(arguments: [
    ("sample: {count: 0}", "sample.count=4"),
    ("sample: {count: many}", "sample={count: 4}"),
    ("sample: 5", "sample=null"),
    ("config: {training: {lr: fast}}", "training.lr=1e-3"),
    ("config: {training: {lr: fast}}", "config.training.lr=1e-3"),
    ("config: {preset: huge}", "preset=micro"),
    ("config: {training: {total: 5, epochs: much}}", "training.epochs=null"),
    ("variants: {a: {seed: none}, b: {method: clean-input}}", "seed=3"),
    ("evaluate: {inception: f, shards: 0}", "evaluate.shards=2"),
    ("init: {file: 7}", "init.file=f"),
  ])
  func aReplacedValueNeedNotBeRight(_ line: String, _ option: String) throws {
    let found = refusal(plain + line, try Override(option))
    #expect(found == "accepted" || found.contains("evaluate"), "\(found)")
    #expect(!found.contains("found"), "\(found)")
  }

  @Test func whatIsNotReplacedStays() throws {
    let run = try read(
      plain + "sample: {count: 9, shards: 3}\nconfig: {training: {lr: 1e-3, total: 7}}",
      try Override("sample.count=4"), try Override("training.lr=2e-3"))
    #expect(run.sample?.count == 4 && run.sample?.shards == 3)
    #expect(run.configuration.training.lr == 2e-3 && run.configuration.training.total == 7)
  }
}
