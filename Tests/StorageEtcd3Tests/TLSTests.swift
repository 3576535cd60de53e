import ByteBuffers
import EtcdTransport
import Storage
@testable import StorageEtcd3
import TestSupport
import Testing

@Suite struct `etcd over TLS` {
  /// What a start says that must fail, and how long it took.
  private func failure(
    _ server: EtcdServer, url: String? = nil, _ change: (inout StorageBackend.Config) -> Void
  ) async throws -> (text: String, time: Duration) {
    var config = StorageBackend.Config()
    config.serverList = [url ?? server.url]
    change(&config)
    let start = ContinuousClock.now
    do {
      let (_, destroy) = try await Etcd3Storage.make(config)
      await destroy()
      return ("it started", ContinuousClock.now - start)
    } catch StorageError.invalidConfiguration(let text) {
      return (text, ContinuousClock.now - start)
    }
  }

  private func use(
    _ certificates: TestCertificates, _ pair: TestCertificates.Pair? = nil
  ) -> (inout StorageBackend.Config) -> Void {
    { config in
      config.caFile = certificates.ca
      config.certFile = (pair ?? certificates.client).certificate
      config.keyFile = (pair ?? certificates.client).key
    }
  }

  @Test(arguments: EtcdServer.Version.both)
  func `calls and watches share few connections`(version: EtcdServer.Version) async throws {
    let server = try await EtcdServer.start(version, certificates: TestCertificates())
    let certificates = try #require(server.certificates)
    var config = StorageBackend.Config()
    config.serverList = [server.url]
    use(certificates)(&config)
    let storage = try await Etcd3Storage.open(config)
    do {
      try await within(.seconds(60), "the test") {
        var watches: [StorageWatch] = []
        for number in 0..<300 { watches.append(try await storage.watch(prefix: "/registry/w\(number)/", after: nil)) }
        try await withThrowingTaskGroup(of: Void.self) { group in
          for writer in 0..<64 {
            group.addTask {
              for index in 0..<5 {
                _ = try await storage.create(key: "/registry/w\(writer)/\(index)", value: SharedBytes("x"), ttl: nil)
              }
            }
          }
          try await group.waitForAll()
        }
        #expect(ProcessState.connectionCount(to: server.clientPort) <= 2)
        for watch in watches.prefix(64) {
          var seen = 0
          while seen < 5 {
            for case .events(let events) in try await watch.nextBatch() { seen += events.count }
          }
        }
        for watch in watches { watch.cancel() }
      }
    } catch {
      await storage.destroy()
      throw error
    }
    await storage.destroy()
    #expect(ProcessState.connectionCount(to: server.clientPort) == 0)
  }

  @Test func `certificates that one side does not accept are told at once, with the file`() async throws {
    let certificates = try await TestCertificates()
    let strangers = try await TestCertificates()
    let server = try await EtcdServer.start(.v3_4, certificates: certificates)
    for (change, part) in [
      (
        { (config: inout StorageBackend.Config) in
          use(certificates)(&config)
          config.caFile = strangers.ca
        }, "(CA file \(strangers.ca), certificate file \(certificates.client.certificate))"
      ),
      (
        { (config: inout StorageBackend.Config) in
          use(strangers)(&config)
          config.caFile = certificates.ca
        }, "certificate file \(strangers.client.certificate))"
      ),
      ({ (config: inout StorageBackend.Config) in config.caFile = certificates.ca }, "(CA file \(certificates.ca))"),
    ] {
      let (text, time) = try await failure(server, change)
      #expect(
        text.hasPrefix("etcd at \(server.url) refuses us: \(server.url): ") && text.contains(part)
          && !text.contains("\n"), "\(text)")
      #expect(time < .seconds(8), "\(text)")
    }
  }

  @Test func `a server must be who its URL says, and in date`() async throws {
    let certificates = try await TestCertificates()
    let other = try await EtcdServer.start(
      .v3_4, certificates: certificates, server: certificates.pair("other", names: "DNS:elsewhere.example"))
    let name = try await failure(other, use(certificates)).text
    #expect(name.contains("no alternative certificate subject name matches target host name '127.0.0.1'"), "\(name)")
    let old = try await EtcdServer.start(
      .v3_4, certificates: certificates, server: certificates.pair("old", names: "IP:127.0.0.1", days: -1))
    #expect(try await failure(old, use(certificates)).text.contains("certificate has expired"))
  }

  @Test func `files that can't be used are named with what is wrong with them`() async throws {
    let certificates = try await TestCertificates()
    let strangers = try await TestCertificates()
    let server = try await EtcdServer.start(.v3_4)
    let expired = try await certificates.pair("expired", names: "DNS:client", days: -1)
    let mixed = TestCertificates.Pair(certificate: certificates.client.certificate, key: strangers.client.key)
    let swapped = TestCertificates.Pair(certificate: certificates.client.key, key: certificates.client.certificate)
    let texts = [
      try await failure(server, use(certificates, expired)).text,
      try await failure(server, use(certificates, mixed)).text,
      try await failure(server, use(certificates, swapped)).text,
      try await failure(server) { $0.caFile = certificates.client.key }.text,
      try await failure(
        server, use(certificates, .init(certificate: certificates.client.certificate, key: certificates.ca))
      ).text,
    ]
    #expect(texts[0].hasPrefix("etcd3 storage: the certificate file \(expired.certificate) expired at 20"))
    #expect(
      texts[1]
        == "etcd3 storage: the key file \(mixed.key) does not belong to the certificate file \(mixed.certificate)")
    #expect(texts[2] == "etcd3 storage: the certificate file \(swapped.certificate) holds no PEM certificate")
    #expect(texts[3] == "etcd3 storage: the CA file \(certificates.client.key) holds no PEM certificate")
    #expect(
      texts[4]
        == "etcd3 storage: the key file \(certificates.ca) holds no PEM private key, or one that needs a passphrase")
  }
}
