import Glibc
import Storage

/// Where a storage is, as flags name it, and the check of those flags.
struct StoragePlace {
  /// What the flags begin with: `--`, or `--from-`.
  let lead: String
  /// The flag of the type, and its value; nil for the default.
  let type: (flag: String, value: String?)
  let etcdServers: String
  let dataDir: String
  let (caFile, certFile, keyFile): (String, String, String)
  let prefix: String

  init(
    lead: String = "--", type: (flag: String, value: String?), etcdServers: String, dataDir: String, caFile: String,
    certFile: String, keyFile: String, prefix: String
  ) {
    self.lead = lead
    self.type = type
    self.etcdServers = etcdServers
    self.dataDir = dataDir
    (self.caFile, self.certFile, self.keyFile) = (caFile, certFile, keyFile)
    self.prefix = prefix
  }

  /// Type, servers or file, prefix and TLS files. Throws `StartFailure` with the flag to change.
  func config() throws -> StorageBackend.Config {
    let servers = etcdServers.split(separator: ",").map { $0.trimmingSpaces() }.filter { !$0.isEmpty }
    var storage = StorageBackend.Config()
    storage.type = type.value ?? (servers.isEmpty ? StorageBackend.typeSQLite : StorageBackend.typeETCD3)
    switch storage.type {
    case "", StorageBackend.typeETCD3, StorageBackend.typeETCD2:
      if storage.type.isEmpty { storage.type = StorageBackend.typeETCD3 }
      guard !servers.isEmpty else {
        throw StartFailure("\(type.flag) \(storage.type) needs \(lead)etcd-servers, such as http://127.0.0.1:2379")
      }
      for server in servers where !(server.hasPrefix("http://") || server.hasPrefix("https://")) {
        throw StartFailure("\(lead)etcd-servers: \"\(server)\" is not a URL: it must begin with http:// or https://")
      }
    case StorageBackend.typeSQLite:
      if !servers.isEmpty {
        throw StartFailure("\(lead)etcd-servers is of no use with \(type.flag) sqlite: leave one of them out")
      }
      if dataDir.isEmpty { throw StartFailure("\(lead)data-dir is empty: name the directory of the database") }
      storage.sqlitePath = "\(dataDir)/binnacle.db"
    default:
      throw StartFailure("\(type.flag): unknown storage type: \(storage.type)")
    }
    for (flag, file) in [("etcd-cafile", caFile), ("etcd-certfile", certFile), ("etcd-keyfile", keyFile)]
    where !file.isEmpty && Glibc.access(file, R_OK) != 0 {
      throw StartFailure("\(lead)\(flag): can't read \"\(file)\": \(String(cString: strerror(errno)))")
    }
    guard prefix.hasPrefix("/"), prefix == "/" || !prefix.hasSuffix("/") else {
      throw StartFailure("--etcd-prefix: \"\(prefix)\" must begin with / and not end with one")
    }
    storage.prefix = prefix == "/" ? "" : prefix
    storage.serverList = servers
    (storage.caFile, storage.certFile, storage.keyFile) = (caFile, certFile, keyFile)
    return storage
  }
}

extension Substring {
  fileprivate func trimmingSpaces() -> String {
    String(drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
  }
}
