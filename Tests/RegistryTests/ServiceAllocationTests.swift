import ByteBuffers
import Cacher
import JSON
import Machinery
import Storage
import StorageSQLite
import Synchronization
import TestSupport
import Testing

@testable import Registry
@testable import Resources

/// One replica: stores of its own over a storage that it may share.
private struct Replica {
  let allocation: ServiceAllocation
  let stores: [GroupResource: Store]
  let destroy: [DestroyFunc]

  init(_ raw: any Storage, _ config: StorageBackend.Config, _ networks: [String] = ["10.96.0.0/16"]) async throws {
    allocation = ServiceAllocation(.init(networks: networks.compactMap { IPNetwork($0) }))
    var stores: [GroupResource: Store] = [:]
    var destroy: [DestroyFunc] = []
    let kinds: [ResourceDefinition] = [.services(allocation), .endpoints, .ipAddresses, .serviceCIDRs]
    for definition in kinds {
      let codec = ResourceCodec(definition)
      let parameters = StorageDecorator.Parameters(definition, config: config, codec: codec)
      let (objects, end) = await StorageDecorator.storageWithCacher(parameters, over: raw)
      try await (objects as? Cacher)?.waitUntilReady()
      stores[definition.groupResource] = Store(
        ResourceStorage(definition, objects: objects, codec: codec, prefix: parameters.keyPrefix))
      destroy.append(end)
    }
    self.stores = stores
    self.destroy = destroy
    allocation.connect({ [stores] in stores[$0] }, raw, prefix: config.prefix, form: .json)
    try await allocation.makeDefaults(securePort: 6443)
  }

  var services: Store { get throws { try #require(stores[GroupResource(resource: "services")]) } }
  var addresses: Store {
    get throws { try #require(stores[GroupResource(group: "networking.k8s.io", resource: "ipaddresses")]) }
  }

  func create(_ name: String, _ spec: String, isDryRun: Bool = false) async throws -> ServiceSpec {
    let text = #"{"metadata":{"name":"\#(name)"},"spec":\#(spec)}"#
    let body = try services.decodeBody(ByteSlice(SharedBytes(text)), validation: .strict).object
    var options = WriteOptions(.create)
    if isDryRun { options.dryRun = ["All"] }
    let made = try await services.create(body, namespace: "n", options: options)
    return ServiceSpec(try JSONValue(parsing: made.object.object))
  }

  func put(_ name: String, _ spec: String) async throws -> ServiceSpec {
    let text = #"{"metadata":{"name":"\#(name)"},"spec":\#(spec)}"#
    let body = try services.decodeBody(ByteSlice(SharedBytes(text)), validation: .strict).object
    let made = try await services.update(name, namespace: "n", body: body, options: WriteOptions(.update))
    return ServiceSpec(try JSONValue(parsing: made.object.object))
  }

  func delete(_ name: String) async throws {
    _ = try await services.delete(name, namespace: "n", options: DeleteOptions())
  }

  /// What is taken, but for the service `kubernetes`.
  func taken() async throws -> (addresses: Set<String>, ports: Set<Int64>) {
    let list = try await addresses.list(try addresses.prepareList(ListOptions(), namespace: ""))
    let names = try list.objects.map { try JSONValue(parsing: $0.object)["metadata"]?["name"]?.string ?? "" }
    let ports = try await allocation.connection().ports.stored()?.range.ports ?? []
    return (Set(names).subtracting(["10.96.0.1", "fd00::1"]), Set(ports))
  }
}

/// Over one SQLite database.
private func withStorage(
  _ body: (any Storage, StorageBackend.Config) async throws -> [DestroyFunc]
) async throws {
  let folder = try TemporaryFolder()
  var config = StorageBackend.Config()
  config.type = StorageBackend.typeSQLite
  config.sqlitePath = folder.file("services.db")
  let (raw, destroy) = try await SQLiteStorage.make(config)
  for end in try await body(raw, config) { await end() }
  await destroy()
}

@Suite struct `What services have to themselves` {
  private static let nodePort = #"{"type":"NodePort","ports":[{"port":80}]}"#

  @Test func `two replicas give nothing out twice, and all of it comes back`() async throws {
    try await withStorage { raw, config in
      let replicas = [try await Replica(raw, config), try await Replica(raw, config)]
      let made = try await withThrowingTaskGroup(of: ServiceSpec.self) { group in
        for place in 0..<40 {
          group.addTask { try await replicas[place % 2].create("s\(place)", Self.nodePort) }
        }
        return try await group.reduce(into: []) { $0.append($1) }
      }
      #expect(Set(made.flatMap(\.addresses)).count == 40)
      #expect(Set(made.flatMap(\.nodePorts)).count == 40)
      let taken = try await replicas[0].taken()
      #expect(taken.addresses == Set(made.flatMap(\.addresses)) && taken.ports == Set(made.flatMap(\.nodePorts)))
      try await withThrowingTaskGroup(of: Void.self) { group in
        for place in 0..<40 { group.addTask { try await replicas[(place + 1) % 2].delete("s\(place)") } }
        try await group.waitForAll()
      }
      let left = try await replicas[1].taken()
      #expect(left.addresses.isEmpty && left.ports.isEmpty)
      return replicas.flatMap(\.destroy)
    }
  }

  @Test func `what is refused, dry or there already takes nothing`() async throws {
    try await withStorage { raw, config in
      let replica = try await Replica(raw, config)
      _ = try await replica.create("a", Self.nodePort)
      let before = try await replica.taken()
      // The rules refuse it after addresses and ports were given out.
      await #expect(throws: Status.self) {
        try await replica.create("b", #"{"type":"NodePort","ports":[{"port":80,"name":"-"}]}"#)
      }
      await #expect(throws: Status.self) { try await replica.create("a", Self.nodePort) }
      let dry = try await replica.create("c", Self.nodePort, isDryRun: true)
      #expect(dry.addresses == ["10.96.0.0"] && dry.nodePorts == [32_769])
      let after = try await replica.taken()
      #expect(after.addresses == before.addresses && after.ports == before.ports)
      return replica.destroy
    }
  }

  @Test func `a service of one family becomes one of two and goes back`() async throws {
    try await withStorage { raw, config in
      let replica = try await Replica(raw, config, ["10.96.0.0/16", "fd00::/108"])
      let one = try await replica.create("a", #"{"ports":[{"port":80}]}"#)
      #expect(one.families == ["IPv4"] && one.addresses.count == 1)
      let two = try await replica.put("a", #"{"ipFamilyPolicy":"RequireDualStack","ports":[{"port":80}]}"#)
      #expect(two.families == ["IPv4", "IPv6"] && two.addresses.first == one.clusterIP)
      #expect(try await replica.taken().addresses == Set(two.addresses))
      let again = try await replica.put(
        "a",
        #"{"ipFamilyPolicy":"SingleStack","clusterIP":"\#(one.clusterIP)","clusterIPs":["\#(one.clusterIP)"],"#
          + #""ipFamilies":["IPv4"],"ports":[{"port":80}]}"#)
      #expect(again.addresses == [one.clusterIP])
      #expect(try await replica.taken().addresses == [one.clusterIP])
      return replica.destroy
    }
  }

  @Test func `a repair takes what services hold, and what nobody holds stays for a while`() async throws {
    try await withStorage { raw, config in
      let replica = try await Replica(raw, config)
      let made = try await replica.create("a", Self.nodePort)
      let connection = try replica.allocation.connection()
      await connection.giveBack(made.addresses, made.nodePorts, of: ServiceName(made))
      try await connection.ports.change { try $0.take(30_000) }
      #expect(try await replica.allocation.repair().problems.count == 2)
      let taken = try await replica.taken()
      #expect(taken.addresses == Set(made.addresses) && taken.ports == Set(made.nodePorts + [30_000]))
      replica.allocation.leaks.withLock { $0[30_000] = .now - .seconds(61) }
      #expect(try await replica.allocation.repair().problems == ["the node port 30000 was taken by nobody"])
      #expect(try await replica.taken().ports == Set(made.nodePorts))
      return replica.destroy
    }
  }
}

@Suite struct `Ports of nodes as they are stored` {
  @Test(arguments: StorageMediaType.allCases)
  func `are read as they were written`(form: StorageMediaType) throws {
    var range = NodePortRange(30_000...32_767)
    for port in [30_000, 30_009, 32_767] as [Int64] { try range.take(port) }
    #expect(RangeAllocation.read(RangeAllocation.written(range, form)) == range)
  }

  @Test func `are one large number`() throws {
    var range = NodePortRange(30_000...30_019)
    #expect(range.data == [] && range.text == "30000-30019")
    try range.take(30_000)
    try range.take(30_009)
    #expect(range.data == [0b10, 0b1])
    #expect(throws: NodePortRange.Failure.self) { try range.take(30_009) }
    #expect(throws: NodePortRange.Failure.self) { try range.take(30_020) }
    var given = Set<Int64>()
    for _ in 0..<18 { given.insert(try range.takeAny()) }
    #expect(given.count == 18)
    #expect(throws: NodePortRange.Failure.self) { try range.takeAny() }
  }

  @Test(
    arguments: [
      ("30000-32767", 30_000, 32_767), ("30000+10", 30_000, 30_010), ("8080", 8_080, 8_080),
    ] as [(String, UInt16, UInt16)])
  func `a range is read in each of its forms`(text: String, first: UInt16, last: UInt16) {
    #expect(NodePortRange.ports(text) == first...last)
  }

  @Test(arguments: ["", "x", "5-4", "65535+1", "-1", "1-65536"]) func `no range is none`(text: String) {
    #expect(NodePortRange.ports(text) == nil)
  }
}
