@testable import StorageEtcd2
import Testing

@Suite struct `Keys as paths of a tree` {
  @Test(arguments: [
    "/registry/minions/n1", "/registry/events/default/a.17c", "/a/_hidden", "/_a/__b", "/a//b", "/a/", "/", "//",
    "/a/./b", "/a/../b", "/a/...", "/a/50%", "/a/%", "/a/%25",
    "/a/%5Fx", "/a/%2E", "/é/日本", "/a b/c?d#e&f=g+h;i", "/system:node", "/a/\u{1}\n",
  ])
  func `every key has a path of its own that leads back to it`(key: String) throws {
    let url = try #require(KeyPath.url(ofKey: key))
    let path = Self.unescaped(url)
    #expect(KeyPath.key(ofPath: path) == key)
    // Nothing that Go's path.Clean or etcd would change.
    let names = path.dropFirst().split(separator: "/", omittingEmptySubsequences: false)
    #expect(names.allSatisfy { !$0.isEmpty && $0 != "." && $0 != ".." && !$0.hasPrefix("_") })
  }

  @Test func `a usual key is stored where Kubernetes stored it`() {
    #expect(KeyPath.url(ofKey: "/registry/minions/node-1.example.com") == "/registry/minions/node-1.example.com")
    #expect(KeyPath.url(ofKey: "no slash") == nil)
  }

  @Test(arguments: ["/a/_hidden", "/a/x%5F", "/a/%2", "/a/%zz", "/a/%2E%2E%2E", "a"])
  func `what we would not have written is not taken for ours`(path: String) {
    #expect(KeyPath.key(ofPath: path) == nil)
  }

  @Test(arguments: [
    ("/registry/minions/", "/registry/minions"), ("/registry/minions/a", "/registry/minions"), ("/r", "/"), ("/", "/"),
    ("", "/"),
  ])
  func `the keys of a prefix are below one directory`(prefix: String, directory: String) {
    #expect(KeyPath.url(ofDirectoryAround: prefix) == directory)
  }

  /// What the server makes of a URL's path.
  static func unescaped(_ url: String) -> String {
    var bytes: [UInt8] = []
    var rest = url.utf8[...]
    while let byte = rest.popFirst() {
      if byte == UInt8(ascii: "%") {
        bytes.append(UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16) ?? 0)
        rest = rest.dropFirst(2)
      } else {
        bytes.append(byte)
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}
