import ArgumentParser
import Glibc
import Logging

/// `binnacle serve`
struct Serve: AsyncParsableCommand {
  static let configuration = CommandConfiguration(abstract: "Serve the Kubernetes API (the default).")
  @OptionGroup var options: ServeOptions

  func run() async throws {
    let settings = try options.checked()
    let signals = Signals()
    let format = options.loggingFormat
    let level: Logger.Level = options.verbosity >= 4 ? .trace : options.verbosity >= 2 ? .debug : .info
    LoggingSystem.bootstrap { label in
      var handler = StructuredLog(format: format, label: label)
      handler.logLevel = level
      return handler
    }
    let daemon = try await Daemon.start(settings)
    var signal = await signals.next()
    while signal == SIGHUP {
      await daemon.reload()
      signal = await signals.next()
    }
    await daemon.stop(because: signal)
  }
}
