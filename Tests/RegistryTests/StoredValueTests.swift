import ByteBuffers
import Cacher
import Foundation
import JSON
import Machinery
import Storage
import TestSupport
import Testing

@testable import Registry
@testable import Resources

/// What kube-apiserver 1.36 had in its etcd, and what it answered to a GET of it.
@Suite struct `Values that kube-apiserver stored` {
  private static let definitions: [ResourceDefinition] = [.configMaps, .secrets, .leases]

  @Test(arguments: ["configmaps", "secrets", "leases"], StorageMediaType.allCases)
  func `are answered as there, and written as there`(resource: String, form: StorageMediaType) throws {
    let definition = try #require(Self.definitions.first { $0.folder == resource })
    let file = Repository.root.appending(path: "Tests/Conformance/storage/\(resource).json")
    let recorded = try JSONValue(parsing: String(contentsOf: file, encoding: .utf8))
    let entries = try #require(recorded[form == .json ? "json" : "protobuf"]?.array)
    #expect(entries.count == 2)
    let codec = ResourceCodec(definition, mediaType: form)
    for entry in entries {
      let answer = try #require(entry["answer"])
      let revision = Revision(try #require((answer["metadata"]?["resourceVersion"]?.string).flatMap { Int64($0) }))
      let key = try #require(entry["key"]?.string)
      let value = SharedBytes(Array(try #require((entry["value"]?.string).flatMap { Data(base64Encoded: $0) })))
      let stored = StoredObject(key: key, value: value, revision: revision)
      let object = try codec.decode(stored)
      #expect(object.object.text == answer.encoded().text)
      #expect(!object.isStale)
      #expect(codec.storedBytes(of: object).hasSameBytes(as: value), "\(key)")
      #expect(codec.encode(try codec.tree(of: stored)).value.hasSameBytes(as: value), "\(key)")
      let meta = try #require(answer["metadata"])
      #expect(
        key == "/registry/\(definition.folder)/\(meta["namespace"]?.string ?? "")/\(meta["name"]?.string ?? "")")
    }
  }
}
