public import Registry

/// The resources that Binnacle has built in, in the order in which they are served. The one list: the daemon, the
/// `storage` commands and the tests go by it.
public enum BuiltInResources {
  /// What an operator may set of them.
  public struct Settings: Sendable {
    /// How long an event lives after it was last written; nil for good. (`--event-ttl`)
    public var eventTimeToLive: Duration? = .seconds(3_600)
    /// Who gives out addresses and ports of services; it has to be told where they are kept.
    public var services = ServiceAllocation()
    public init() {}
  }

  public static func all(_ settings: Settings = Settings()) -> [ResourceDefinition] {
    [
      .configMaps,
      .endpoints,
      .events(timeToLive: settings.eventTimeToLive),
      .namespaces,
      .nodes,
      .secrets,
      .services(settings.services),
      .leases,
      .endpointSlices,
      .ingressClasses,
      .ingresses,
      .ipAddresses,
      .networkPolicies,
      .serviceCIDRs,
      .runtimeClasses,
    ]
  }
}
