import Machinery
import Registry
import Testing

@testable import Resources

@Suite struct `The runtime config` {
  private static let infos = BuiltInResources.all().flatMap(\.servedInfos)

  /// What is served, as `GROUP/VERSION/PLURAL`.
  private static func served(_ pairs: String...) throws -> [String] {
    let config = try RuntimeConfig(pairs, served: infos)
    return infos.filter(config.serves).map { "\($0.groupVersion)/\($0.plural)" }
  }

  @Test func `takes versions and resources out`() throws {
    let all = try Self.served()
    #expect(all.count == Self.infos.count)
    #expect(try Self.served("coordination.k8s.io/v1=false") == all.filter { $0 != "coordination.k8s.io/v1/leases" })
    #expect(try Self.served("v1/secrets=false") == all.filter { $0 != "v1/secrets" })
    #expect(try Self.served("v1=0") == all.filter { !$0.hasPrefix("v1/") })
    #expect(try Self.served("/v1=F") == all.filter { !$0.hasPrefix("v1/") })
    #expect(try Self.served("apps/v1beta1=false", "api/alpha=false", "api/beta=false") == all, "there is no such thing")
  }

  @Test func `lets the narrower word count, and the later one of a key`() throws {
    #expect(try Self.served("api/all=false", "v1/secrets=true") == ["v1/secrets"])
    #expect(try Self.served("v1/secrets", "api/all=false") == ["v1/secrets"], "a key alone is true")
    #expect(try Self.served("api/all=false", "api/ga=true").count == Self.infos.count)
    #expect(try Self.served("v1=false", "v1/nodes=true").contains("v1/nodes"))
    #expect(try Self.served("v1=false", "v1=true").count == Self.infos.count)
  }

  @Test(
    arguments: [
      ("api/all=false", "invalid runtime-config with only api/all=false"),
      ("api/all=maybe", "invalid value api/all=maybe"), ("a/b/c/d=true", "runtime-config invalid key a/b/c/d"),
      ("nobody.example/v1=true", "unknown api groups nobody.example/v1"),
      ("apps/v9=false", "group version apps/v9 that has not been registered"),
      ("v1=so", #"invalid value of v1: so, err: strconv.ParseBool: parsing "so": invalid syntax"#),
      (
        "v1/Nodes=false",
        #"invalid key v1/Nodes: group/version/resource and resource is always lowercase plural, not "Nodes""#
      ),
    ])
  func `is refused where it makes no sense`(pair: String, problem: String) {
    #expect { try RuntimeConfig([pair], served: Self.infos) } throws: { "\($0)" == problem }
  }

  @Test func `says what it can't turn on`() throws {
    #expect(
      try RuntimeConfig(["resource.k8s.io/v1beta1=true"], served: Self.infos).unserved == ["resource.k8s.io/v1beta1"])
    #expect(try RuntimeConfig(["v1/unicorns=true"], served: Self.infos).unserved == ["v1/unicorns"])
    #expect(try RuntimeConfig(["v1/unicorns=false"], served: Self.infos).unserved == [])
  }
}
