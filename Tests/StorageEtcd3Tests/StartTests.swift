import EtcdTransport
import FoundationEssentials
import Storage
@testable import StorageEtcd3
import TestSupport
import Testing

@Suite struct `Starting on etcd` {
  private func failure(_ change: (inout StorageBackend.Config) -> Void) async -> StorageError? {
    var config = StorageBackend.Config()
    config.serverList = ["http://127.0.0.1:1"]
    config.startTimeout = .milliseconds(300)
    change(&config)
    do {
      let (_, destroy) = try await Etcd3Storage.make(config)
      await destroy()
      return nil
    } catch { return error as? StorageError }
  }

  @Test(arguments: [
    "", "127.0.0.1:2379", "ftp://a", "http://", "http://a:b", "http://a:0", "http://a:70000", "http://a/path",
    "http://user@a", "http://a b", "http://[::1",
    "http://a?x=1", "unix:///run/etcd.sock",
  ])
  func `a malformed URL is named`(url: String) async {
    #expect(
      await failure { $0.serverList = [url] }
        == .invalidConfiguration("etcd server \"\(url)\" is no URL such as http://127.0.0.1:2379"))
  }

  @Test(arguments: [
    ("http://a", "http://a:2379"), ("https://a.b:1/", "https://a.b:1"), ("http://[::1]:2379", "http://[::1]:2379"),
    ("http://[::1]", "http://[::1]:2379"),
  ])
  func `a good URL is completed`(url: String, whole: String) throws {
    #expect(try Endpoint.parse(url).base == whole)
  }

  @Test func `no servers, unreadable files and half a key pair are named`() async throws {
    #expect(
      await failure { $0.serverList = [] }
        == .invalidConfiguration("etcd3 storage needs at least one server, such as http://127.0.0.1:2379"))
    #expect(
      await failure { $0.caFile = "/nowhere/ca.pem" }
        == .invalidConfiguration("etcd3 storage: the CA file /nowhere/ca.pem can't be read: No such file or directory"))
    let folder = try TemporaryFolder()
    let certificate = folder.file("cert.pem")
    #expect(FileManager.default.createFile(atPath: certificate, contents: Data("x".utf8)))
    #expect(
      await failure { $0.certFile = certificate }
        == .invalidConfiguration("etcd3 storage needs the client certificate and its key together, or neither"))
  }

  @Test func `servers that do not answer are named after a bounded wait`() async throws {
    let port = try Ports.free()
    let error = await failure { $0.serverList = ["http://127.0.0.1:\(port)", "http://127.0.0.1:1"] }
    guard case .unreachable(let text)? = error else { throw DeadlinePassed("got \(String(describing: error))") }
    #expect(text.hasPrefix("no answer from etcd at http://127.0.0.1:\(port), http://127.0.0.1:1 within 1 s ("))
    #expect(!text.contains("\n"))
  }

  @Test(arguments: [
    ("3.4.23", false), ("3.4.31", true), ("3.5.1", false), ("3.5.13", true), ("3.6.0-rc.1", true), ("3.3.30", false),
    ("4.0.0", true),
  ])
  func `progress is believed from the versions that order it`(text: String, isTrusted: Bool) throws {
    #expect(try #require(Etcd3Version(text)).hasOrderedProgress == isTrusted)
  }

  @Test(arguments: ["", "3", "3.5", "a.b.c", "-3.5.1", "3.5.x"]) func `an unreadable version is none`(text: String) {
    #expect(Etcd3Version(text) == nil)
  }
}

extension EtcdServer.Version {
  static let both = EtcdServer.Version.allCases
}
