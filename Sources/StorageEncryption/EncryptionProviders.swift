import ByteBuffers
import ConfigurationFiles
import Cryptography
import Glibc
import JSON
public import Machinery
import Schema
public import Storage
import Synchronization

/// The encryption providers of all resources, from an EncryptionConfiguration file (`--encryption-provider-config`).
///
/// Resources match by name, then `*.group`, then `*.*`; what matches nothing is stored as it is. (Kubernetes: package
/// `encryptionconfig`.)
public final class EncryptionProviders: Sendable {
  private let path: String
  private let reloads: Bool
  private struct State {
    var table: [GroupResource: ProviderList]
    /// Tells whether the file has changed, without keeping its secrets.
    var digest: [UInt8]
    var handedOut: [(resource: GroupResource, transformer: ReloadableTransformer)] = []
  }
  private let state: Mutex<State>

  /// Reads and checks the file. `reloads`: transformers follow later changes of it. Throws one line that says what to
  /// change.
  public init(file path: String, reloads: Bool) throws(StorageError) {
    self.path = path
    self.reloads = reloads
    let (table, digest) = try Self.load(path)
    state = Mutex(State(table: table, digest: digest))
  }

  /// What the values of a resource pass through; nil where they are stored as they are, and will be.
  public func transformer(for resource: GroupResource) -> (any Transformer)? {
    state.withLock { state in
      let list = Self.providers(for: resource, in: state.table)
      guard reloads else { return list.isIdentity ? nil : list }
      let transformer = ReloadableTransformer(list)
      state.handedOut.append((resource, transformer))
      return transformer
    }
  }

  /// Takes over a changed file; false when it has not changed. What can't be used throws and changes nothing.
  public func reload() throws(StorageError) -> Bool {
    let contents = try Self.contents(of: path)
    let digest = Digest.sha256.bytes(contents)
    if state.withLock({ $0.digest == digest }) { return false }
    let table = try Self.table(contents)
    state.withLock { state in
      state.table = table
      state.digest = digest
      for (resource, transformer) in state.handedOut {
        transformer.replace(with: Self.providers(for: resource, in: table))
      }
    }
    return true
  }

  private static func providers(for resource: GroupResource, in table: [GroupResource: ProviderList]) -> ProviderList {
    table[resource] ?? table[resource.wholeGroup] ?? table[.everything] ?? ProviderList(providers: [.identity])
  }

  // MARK: The file

  private static func load(_ path: String) throws(StorageError) -> ([GroupResource: ProviderList], digest: [UInt8]) {
    let contents = try contents(of: path)
    return (try table(contents), Digest.sha256.bytes(contents))
  }

  private static func table(_ contents: [UInt8]) throws(StorageError) -> [GroupResource: ProviderList] {
    do {
      var duplicates: [String] = []
      let tree: JSONValue
      do { tree = try JSONValue(yamlFile: ByteSlice(SharedBytes(contents)), duplicates: &duplicates) } catch {
        throw ConfigurationProblem(description: "\(error)")
      }
      if !duplicates.isEmpty {
        throw ConfigurationProblem(description: "strict decoding error: " + duplicates.joined(separator: ", "))
      }
      let configuration = try EncryptionConfiguration(tree)
      let errors = configuration.validate()
      if !errors.isEmpty { throw ConfigurationProblem(description: FieldError.aggregate(errors.map(\.message))) }
      return try configuration.providers()
    } catch {
      throw .invalidConfiguration("error while parsing file: \(error)")
    }
  }

  private static let largest = 1 << 20

  private static func contents(of path: String) throws(StorageError) -> [UInt8] {
    func failure(_ why: String) -> StorageError {
      .invalidConfiguration(
        "error while loading file: encryption provider configuration file \(GoText.quoted(path)) \(why)")
    }
    guard let file = fopen(path, "re") else { throw failure("can't be read: \(String(cString: strerror(errno)))") }
    defer { fclose(file) }
    // One byte more than allowed tells that there is more.
    let contents = [UInt8](unsafeUninitializedCapacity: largest + 1) { room, count in
      count = fread(room.baseAddress, 1, largest + 1, file)
    }
    guard ferror(file) == 0 else { throw failure("can't be read: \(String(cString: strerror(errno)))") }
    if contents.isEmpty { throw failure("is empty") }
    if contents.count > largest { throw failure("is larger than 1 MiB") }
    return contents
  }
}

extension EncryptionConfiguration {
  /// The validated configuration as transformers. A resource that several entries name gets all their providers, in
  /// order.
  fileprivate func providers() throws -> [GroupResource: ProviderList] {
    var lists: [GroupResource: [ProviderList.Provider]] = [:]
    for entry in resources {
      let providers = try entry.providers.map { try $0.made() }
      for name in entry.resources {
        let resource = GroupResource(parsing: name)
        for earlier in [resource.wholeGroup, .everything] where lists[earlier] != nil {
          throw ConfigurationProblem(
            description:
              "resource \(GoText.quoted(resource.configurationName)) is masked by earlier rule \(GoText.quoted(earlier.configurationName))"
          )
        }
        lists[resource, default: []] += providers
      }
    }
    return lists.mapValues { ProviderList(providers: $0) }
  }
}

extension EncryptionConfiguration.Provider {
  fileprivate func made() throws -> ProviderList.Provider {
    if let aesgcm { return try Self.keyed("aesgcm", "AES", aesgcm) { AESGCM($0) } }
    if let aescbc { return try Self.keyed("aescbc", "AES", aescbc) { AESCBC($0) } }
    if let secretbox { return try Self.keyed("secretbox", "Secretbox", secretbox) { SecretBox($0) } }
    return .identity
  }

  private static func keyed(
    _ name: String, _ title: String, _ keys: [EncryptionConfiguration.Key], _ make: (SecretKey) -> (any ValueCipher)?
  ) throws -> ProviderList.Provider {
    let prefix = "\(EncryptedValue.mark)\(name):v1:"
    let ciphers = try keys.map { key -> (prefix: [UInt8], cipher: any ValueCipher) in
      guard let cipher = key.secretBytes.flatMap({ make(SecretKey($0)) }) else {
        throw ConfigurationProblem(
          description: "the cipher library has no \(name) for the key named \(GoText.quoted(key.name))")
      }
      return (Array("\(prefix)\(key.name):".utf8), cipher)
    }
    return .keyed(
      .init(
        prefix: Array(prefix.utf8), keys: ciphers,
        unknownKey: "no matching key was found for the provided \(title) transformer"))
  }
}
