import ArgumentParser
import Glibc
import Logging
import Synchronization

/// `binnacle serve`
struct Serve: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Serve the Kubernetes API (the default).",
    discussion: "Other flags of kube-apiserver 1.36 are taken with a warning, or refused where they would protect.")
  @OptionGroup var options: ServeOptions

  static func run(_ settings: Settings, _ signals: Signals) async throws {
    let format = settings.options.loggingFormat
    let verbosity = settings.options.verbosity
    let level: Logger.Level = verbosity >= 4 ? .trace : verbosity >= 2 ? .debug : .info
    StandardError.format.withLock { $0 = format }
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
