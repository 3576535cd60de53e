import ArgumentParser

/// The command line. It only reads settings, starts what they ask for and turns the outcome into an exit code:
/// 0 after an orderly end, 1 when the start or the service failed, 64 for a command line that can't be understood.
@main
struct Binnacle: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "binnacle",
    abstract: "A Kubernetes-compatible API server in one small daemon.",
    version: BuildInfo.version,
    subcommands: [Serve.self, Version.self, CheckConfig.self, PrintKubeconfig.self, StorageCommand.self],
    defaultSubcommand: Serve.self)

  static func main() async {
    do {
      let flags = try CommandLineFlags(try ProgramArguments.all())
      // These three are parsed without the tree of commands: in a debug build swift-argument-parser looks at each
      // option of each of them anew.
      switch flags.verb {
      case .serve:
        // Before files are read, so that no signal that means nothing ends a start.
        let signals = Signals()
        try await Serve.run(try flags.settings(), signals)
      case .checkConfig: CheckConfig.run(try flags.settings())
      case .kubeconfig: try PrintKubeconfig.run(try flags.options())
      case nil:
        var command = try parseAsRoot(flags.arguments)
        if var command = command as? any AsyncParsableCommand {
          try await command.run()
        } else {
          try command.run()
        }
      }
      StandardError.flush()
    } catch let failure as StartFailure {
      StandardError.write("binnacle: \(failure.description)\n")
      StandardError.flush()
      exit(withError: ExitCode.failure)
    } catch let failure as UsageFailure {
      StandardError.write("binnacle: \(failure.description)\n")
      StandardError.flush()
      exit(withError: ExitCode.validationFailure)
    } catch {
      StandardError.flush()
      exit(withError: error)
    }
  }
}

/// A start that can't go on: one line that says what to change.
struct StartFailure: Error, CustomStringConvertible {
  let description: String
  init(_ description: String) { self.description = description }
}

/// `binnacle version`
struct Version: ParsableCommand {
  static let configuration = CommandConfiguration(abstract: "Print the version.")
  func run() { print("Binnacle \(BuildInfo.version), Kubernetes API \(BuildInfo.kubernetesVersion)") }
}

/// `binnacle check-config`: everything that `serve` checks before it makes a file or opens a socket.
struct CheckConfig: ParsableCommand {
  static let configuration = CommandConfiguration(abstract: "Check flags and config file as `serve` would, then exit.")
  @OptionGroup var options: ServeOptions

  static func run(_ settings: Settings) {
    for note in settings.notes { StandardError.write("warning: \(note)\n") }
    print("ok: \(settings.summary)")
  }
}
