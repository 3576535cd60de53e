import ArgumentParser
import Glibc
import Logging
import Synchronization

/// `binnacle serve`
struct Serve: AsyncParsableCommand {
  static let configuration = CommandConfiguration(abstract: "Serve the Kubernetes API (the default).")
  @OptionGroup var options: ServeOptions

  func run() async throws {
    let signals = Signals()
    let settings = try options.checked()
    let format = options.loggingFormat
    let level: Logger.Level = options.verbosity >= 4 ? .trace : options.verbosity >= 2 ? .debug : .info
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
