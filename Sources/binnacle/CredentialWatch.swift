import Glibc
import HTTPServer
import Logging
import Synchronization

/// Looks at the files of TLS credentials once a second and has them read again when they change. On a thread of its
/// own, because file systems block.
final class CredentialWatch: Sendable {
  private let credentials: TLSCredentials
  private let serving: SecureServing
  private let logger: Logger
  private let isStopped = Atomic<Bool>(false)

  init(_ credentials: TLSCredentials, _ serving: SecureServing, _ logger: Logger) {
    self.credentials = credentials
    self.serving = serving
    self.logger = logger
  }

  func start() {
    var thread = pthread_t()
    let code = pthread_create(
      &thread, nil,
      { raw in
        guard let raw else { return nil }
        Unmanaged<CredentialWatch>.fromOpaque(raw).takeRetainedValue().run()
        return nil
      }, Unmanaged.passRetained(self).toOpaque())
    if code == 0 {
      pthread_detach(thread)
    } else {
      Unmanaged.passUnretained(self).release()
      logger.error(
        "certificates are not reloaded", metadata: ["why": "pthread_create: \(String(cString: strerror(code)))"])
    }
  }

  func stop() { isStopped.store(true, ordering: .relaxed) }

  private func run() {
    while true {
      sleep(1)
      if isStopped.load(ordering: .relaxed) { return }
      look()
    }
  }

  /// Has the files read again if they have changed. Blocks on the file system.
  func look() {
    do throws(TLSError) {
      if try credentials.reloadIfChanged() {
        logger.info("certificates reloaded", metadata: ["files": "\(serving.tls.keyPair.certFile)"])
      }
    } catch {
      logger.error("certificates not reloaded: the old ones stay", metadata: ["why": "\(serving.message(error))"])
    }
  }
}
