import ByteBuffers
import Machinery
import Storage
import TestSupport
import Testing

@testable import StorageEncryption

@Suite struct `Encryption providers` {
  static let key = "/registry/minions/n1"

  private func read(_ transformer: any Transformer, _ stored: SharedBytes) -> String {
    do throws(TransformFailure) {
      let (value, isStale) = try transformer.fromStorage(stored, context: Self.key)
      return value.text + (isStale ? " (stale)" : "")
    } catch { return error.description }
  }

  @Test func `the first provider writes, all read, and what a later one can read is stale`() throws {
    let gcm = provider("aesgcm", [("new", 1), ("old", 2)])
    let box = provider("secretbox", [("box", 3)])
    let both = try transformer([gcm, box, "{identity: {}}"])
    let value = SharedBytes("v")
    #expect(try both.toStorage(value, context: Self.key).begins("k8s:enc:aesgcm:v1:new:"))
    #expect(read(both, try transformer([gcm]).toStorage(value, context: Self.key)) == "v")
    #expect(
      read(both, try transformer([provider("aesgcm", [("old", 2)])]).toStorage(value, context: Self.key)) == "v (stale)"
    )
    #expect(read(both, try transformer([box]).toStorage(value, context: Self.key)) == "v (stale)")
    #expect(read(both, value) == "v (stale)")
    // Back to clear text: identity first.
    let back = try transformer(["{identity: {}}", gcm])
    #expect(read(back, value) == "v")
    #expect(read(back, try both.toStorage(value, context: Self.key)) == "v (stale)")
    #expect(try back.toStorage(value, context: Self.key) === value)
  }

  @Test func `one provider given twice with the same key name tries both keys`() throws {
    let first = provider("aescbc", [("k", 1)])
    let second = provider("aesgcm", [("k", 2)])
    let again = provider("aesgcm", [("k", 1)])
    let list = try transformer([first, again, second])
    #expect(read(list, try transformer([second]).toStorage(SharedBytes("v"), context: Self.key)) == "v (stale)")
  }

  @Test func `what can't be read says why`() throws {
    let gcm = provider("aesgcm", [("a", 1)])
    let list = try transformer([gcm, provider("secretbox", [("s", 1)])])
    func stored(_ text: String) -> SharedBytes { SharedBytes(text) }
    #expect(read(list, stored("{}")) == "no matching prefix found")
    #expect(read(list, stored("k8s:enc:aescbc:v1:a:x")) == "no matching prefix found")
    #expect(read(list, stored("k8s:enc:aesgcm:v1:b:x")) == "no matching key was found for the provided AES transformer")
    #expect(
      read(list, stored("k8s:enc:secretbox:v1:b:x"))
        == "no matching key was found for the provided Secretbox transformer")
    #expect(read(list, stored("k8s:enc:aesgcm:v1:a:x")) == "the stored data was shorter than the required size")
    #expect(
      read(list, try transformer([provider("aesgcm", [("a", 9)])]).toStorage(stored("v"), context: Self.key))
        == "cipher: message authentication failed")
    #expect(
      read(list, stored("k8s:enc:kms:v2:vault:x")).hasPrefix(
        "no matching prefix found: the value is encrypted by a KMS v2 provider"))
    #expect(
      read(IdentityTransformer(), stored("k8s:enc:kms:v1:vault:x"))
        == "identity transformer tried to read encrypted data")
    let twoKeys = try transformer([gcm, provider("aesgcm", [("a", 2)]), provider("aescbc", [("a", 2)])])
    #expect(read(twoKeys, stored("k8s:enc:aesgcm:v1:a:x")) == "the stored data was shorter than the required size")
  }

  @Test func `resources match by name, then by group, then by anything, the earlier list first`() throws {
    let file = try ConfigFile(
      """
      [\(entry(["events"], ["{identity: {}}"])), \(entry(["secrets", "pandas.bears.example"], [provider("aesgcm", [("one", 1)])])),
       \(entry(["secrets"], [provider("secretbox", [("two", 2)])])), \(entry(["*.apps"], [provider("aesgcm", [("three", 3)])])),
       \(entry(["*."], [provider("aesgcm", [("core", 4)])])), \(entry(["*.*"], [provider("aesgcm", [("all", 5)])]))]
      """)
    let providers = try file.providers()
    func writes(_ resource: String, _ group: String = "") throws -> String {
      guard let transformer = providers.transformer(for: GroupResource(group: group, resource: resource)) else {
        return "as it is"
      }
      let sealed = try transformer.toStorage(SharedBytes("v"), context: "k").array
      return sealed.split(separator: UInt8(ascii: ":")).prefix(5).map { String(decoding: $0, as: UTF8.self) }.joined(
        separator: ":")
    }
    #expect(try writes("events") == "as it is")
    #expect(try writes("secrets") == "k8s:enc:aesgcm:v1:one")
    #expect(try writes("pandas", "bears.example") == "k8s:enc:aesgcm:v1:one")
    #expect(try writes("nodes") == "k8s:enc:aesgcm:v1:core")
    #expect(try writes("deployments", "apps") == "k8s:enc:aesgcm:v1:three")
    #expect(try writes("leases", "coordination.k8s.io") == "k8s:enc:aesgcm:v1:all")
    // A resource that two lists name is read by the providers of both.
    let second = try #require(
      try ConfigFile("[\(entry(["secrets"], [provider("secretbox", [("two", 2)])]))]").providers().transformer(
        for: GroupResource(resource: "secrets")))
    let old = try second.toStorage(SharedBytes("v"), context: "k")
    let read = try #require(providers.transformer(for: GroupResource(resource: "secrets"))).fromStorage(
      old, context: "k")
    #expect(read.value.text == "v" && read.isStale)
  }

  static let broken: [(resources: String, problem: String)] = [
    ("[]", "resources: Required value: at least one resources is required"),
    (
      "[{providers: [{identity: {}}]}]",
      "resources[0].resources: Required value: at least one resources[0].resources is required"
    ),
    (
      "[{resources: [nodes]}]",
      "resources[0].providers: Required value: at least one resources[0].providers is required"
    ),
    (
      "[{resources: [\"*\"], providers: [{identity: {}}]}]",
      "resources[0].resources[0]: Invalid value: \"*\": use '*.' to encrypt all the resources from core API group or *.* to encrypt all resources"
    ),
    (
      "[{resources: [Nodes], providers: [{identity: {}}]}]",
      "resources[0].resources[0]: Invalid value: \"Nodes\": resource name should not contain capital letters"
    ),
    (
      "[{resources: [\"nodes.*\"], providers: [{identity: {}}]}]",
      "resources[0].resources[0]: Invalid value: \"nodes.*\": encrypting the same resource across groups is not supported"
    ),
    (
      "[{resources: [serviceipallocations], providers: [{identity: {}}]}]",
      "resources[0].resources[0]: Invalid value: \"serviceipallocations\": resources which do not have REST API/s cannot be encrypted"
    ),
    (
      "[{resources: [events.events.k8s.io], providers: [{identity: {}}]}]",
      "resources[0].resources[0]: Invalid value: \"events.events.k8s.io\": '*.events.k8s.io' objects are stored using the 'events' API group in etcd. Use 'events' instead in the config file"
    ),
    (
      "[{resources: [ingresses.extensions], providers: [{identity: {}}]}]",
      "resources[0].resources[0]: Invalid value: \"ingresses.extensions\": 'extensions' group has been removed and cannot be used for encryption"
    ),
    (
      "[{resources: [nodes, nodes], providers: [{identity: {}}]}]",
      "resources[0].resources: Invalid value: [\"nodes\",\"nodes\"]: the same resource cannot be specified multiple times"
    ),
    (
      "[{resources: [nodes, \"*.\"], providers: [{identity: {}}]}]",
      "resources[0].resources: Invalid value: [\"nodes\",\"*.\"]: using overlapping resources such as 'secrets' and '*.' in the same resource list is not allowed as they will be masked"
    ),
    (
      "[{resources: [nodes], providers: [{}]}]",
      "resources[0].providers[0]: Invalid value: {\"AESGCM\":null,\"AESCBC\":null,\"Secretbox\":null,\"Identity\":null,\"KMS\":null}: provider does not contain any of the expected providers: KMS, AESGCM, AESCBC, Secretbox, Identity"
    ),
    (
      "[{resources: [nodes], providers: [{aesgcm: {keys: []}}]}]",
      "resources[0].providers[0].aesgcm.keys: Required value: at least one keys is required"
    ),
    (
      "[{resources: [nodes], providers: [{aescbc: {keys: [{secret: AAAA}]}}]}]",
      "[resources[0].providers[0].aescbc.keys[0].name: Required value: name is a mandatory field for a key, resources[0].providers[0].aescbc.keys[0].secret: Invalid value: \"REDACTED\": secret is not of the expected length, got 3, expected one of [16 24 32]]"
    ),
    (
      "[{resources: [nodes], providers: [{secretbox: {keys: [{name: a, secret: \"AAECAwQFBgcICQoLDA0ODw==\"}]}}]}]",
      "resources[0].providers[0].secretbox.keys[0].secret: Invalid value: \"REDACTED\": secret is not of the expected length, got 16, expected one of [32]"
    ),
    (
      "[{resources: [nodes], providers: [{aesgcm: {keys: [{name: a}]}}]}]",
      "resources[0].providers[0].aesgcm.keys[0].secret: Required value: secret is a mandatory field for a key"
    ),
    (
      "[{resources: [nodes], providers: [{aesgcm: {keys: [{name: a, secret: \"?\"}]}}]}]",
      "resources[0].providers[0].aesgcm.keys[0].secret: Invalid value: \"REDACTED\": secrets must be base64 encoded"
    ),
    (
      "[{resources: [nodes], providers: [{kms: {apiVersion: v2, name: vault, endpoint: \"unix:///a\"}}]}]",
      "resources[0].providers[0].kms: Forbidden: KMS providers are not supported by Binnacle: use aesgcm, aescbc, secretbox or identity"
    ),
    (
      "[{resources: [nodes], colour: red, providers: [{identity: {}}]}]",
      "strict decoding error: unknown field \"resources[0].colour\""
    ),
    (
      "[{resources: [\"*.\"], providers: [{identity: {}}]}, {resources: [nodes], providers: [{identity: {}}]}]",
      "resource \"nodes\" is masked by earlier rule \"*.\""
    ),
    (
      "[{resources: [\"*.*\"], providers: [{identity: {}}]}, {resources: [\"*.\"], providers: [{identity: {}}]}]",
      "resource \"*.\" is masked by earlier rule \"*.*\""
    ),
    ("{}", "json: cannot unmarshal object into resources: it must be a list"),
  ]

  @Test(arguments: broken)
  func `a file that can't be used is refused in kube-apiserver's words`(
    _ broken: (resources: String, problem: String)
  ) throws {
    #expect(try ConfigFile(broken.resources).problem() == "error while parsing file: " + broken.problem)
  }

  @Test func `a file that is no configuration is refused, and its secrets are not shown`() throws {
    let file = try ConfigFile("[]")
    for (text, problem) in [
      ("", "is empty"), ("- a", "it must hold"),
      ("kind: Secret\napiVersion: v1", "no kind \"Secret\" is registered for version \"v1\""),
      ("apiVersion: apiserver.config.k8s.io/v1", "Object 'Kind' is missing"), ("a: [", "yaml:"),
      (
        "kind: EncryptionConfiguration\nkind: EncryptionConfiguration\napiVersion: apiserver.config.k8s.io/v1",
        "key \"kind\" already set"
      ),
      (
        "kind: EncryptionConfiguration\napiVersion: apiserver.config.k8s.io/v1\n---\nresources: []",
        "line 4: more than one document"
      ),
    ] {
      try file.writeWhole(text)
      if problem == "it must hold" {
        #expect(file.problem().contains("must hold an object"))
      } else {
        #expect(file.problem().contains(problem), "\(file.problem())")
      }
    }
    try file.write("[{resources: [nodes], providers: [{aesgcm: {keys: [{name: a, secret: U0VDUkVU}]}, identity: {}}]}]")
    #expect(file.problem().contains("more than one provider specified") && !file.problem().contains("U0VDUkVU"))
    #expect(try ConfigFile("[]").problem().contains("resources: Required"))
  }

  @Test func `a changed file is taken over, a broken one is not`() throws {
    let file = try ConfigFile("[\(entry(["nodes"], [provider("aesgcm", [("one", 1)])]))]")
    let providers = try file.providers(reloads: true)
    let nodes = try #require(providers.transformer(for: GroupResource(resource: "nodes")))
    let leases = try #require(
      providers.transformer(for: GroupResource(group: "coordination.k8s.io", resource: "leases")))
    let value = SharedBytes("v")
    let old = try nodes.toStorage(value, context: "k")
    #expect(try !providers.reload())
    #expect(try leases.toStorage(value, context: "k") === value)
    try file.write("[\(entry(["*.*"], [provider("aesgcm", [("two", 2), ("one", 1)])]))]")
    #expect(try providers.reload())
    #expect(try nodes.fromStorage(old, context: "k").isStale)
    #expect(try leases.toStorage(value, context: "k").begins("k8s:enc:aesgcm:v1:two:"))
    try file.write("[]")
    #expect(throws: StorageError.self) { try providers.reload() }
    #expect(try nodes.fromStorage(old, context: "k").value.text == "v")
  }
}
