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
      let arguments = try ConfigFile.expanding(try ProgramArguments.all())
      var command = try parseAsRoot(arguments)
      if var command = command as? any AsyncParsableCommand {
        try await command.run()
      } else {
        try command.run()
      }
      StandardError.flush()
    } catch let failure as StartFailure {
      StandardError.write("binnacle: \(failure.description)\n")
      StandardError.flush()
      exit(withError: ExitCode.failure)
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

/// `binnacle check-config`: everything that `serve` checks before it touches a file or a socket.
struct CheckConfig: ParsableCommand {
  static let configuration = CommandConfiguration(abstract: "Check flags and config file as `serve` would, then exit.")
  @OptionGroup var options: ServeOptions
  func run() throws {
    let settings = try options.checked()
    if let serving = settings.secure, serving.certificateFolder == nil { _ = try serving.credentials() }
    print("ok: \(settings.summary)")
  }
}
