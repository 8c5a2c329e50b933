// Completion of verbs and options in a shell.

import ArgumentParser

struct Completion: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Print a script that lets a shell complete verbs and options.",
    discussion: """
      bash: pra completion bash > /etc/bash_completion.d/pra
      zsh: pra completion zsh > a file _pra in a folder of $fpath
      fish: pra completion fish > ~/.config/fish/completions/pra.fish
      Example: source <(pra completion bash)
      """)

  enum Shell: String, ExpressibleByArgument, CaseIterable { case bash, zsh, fish }
  @Argument(help: "bash, zsh or fish.") var shell: Shell

  func run() throws {
    let known: CompletionShell =
      switch shell {
      case .bash: .bash
      case .zsh: .zsh
      case .fish: .fish
      }
    printExactly(WithoutHelp.completionScript(for: known))
  }
}

/// The root as scripts see it: the parser puts a `help` of its own into each.
private struct WithoutHelp: ParsableCommand {
  static var configuration: CommandConfiguration {
    var configuration = Pra.configuration
    configuration.groupedSubcommands = configuration.groupedSubcommands.map {
      CommandGroup(name: $0.name, subcommands: $0.subcommands.filter { $0 != Help.self })
    }
    return configuration
  }
}
