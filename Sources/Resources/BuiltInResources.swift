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
    /// Who signs tokens for service accounts; nil for nobody.
    public var tokens: TokenIssuer?
    public init() {}
  }

  public static func all(_ settings: Settings = Settings()) -> [ResourceDefinition] {
    [
      .configMaps,
      .endpoints,
      .events(timeToLive: settings.eventTimeToLive),
      .limitRanges,
      .namespaces,
      .nodes,
      .persistentVolumeClaims,
      .persistentVolumes,
      .podTemplates,
      .pods,
      .replicationControllers,
      .resourceQuotas,
      .secrets,
      .serviceAccounts(tokens: settings.tokens),
      .services(settings.services),
      .mutatingAdmissionPolicies,
      .mutatingAdmissionPolicyBindings,
      .mutatingWebhookConfigurations,
      .validatingAdmissionPolicies,
      .validatingAdmissionPolicyBindings,
      .validatingWebhookConfigurations,
      .customResourceDefinitions,
      .apiServices,
      .controllerRevisions,
      .daemonSets,
      .deployments,
      .replicaSets,
      .statefulSets,
      .horizontalPodAutoscalers,
      .cronJobs,
      .jobs,
      .certificateSigningRequests,
      .leases,
      .endpointSlices,
      .flowSchemas,
      .priorityLevelConfigurations,
      .ingressClasses,
      .ingresses,
      .ipAddresses,
      .networkPolicies,
      .serviceCIDRs,
      .runtimeClasses,
      .podDisruptionBudgets,
      .clusterRoleBindings,
      .clusterRoles,
      .roleBindings,
      .roles,
      .deviceClasses,
      .resourceClaimTemplates,
      .resourceClaims,
      .resourceSlices,
      .priorityClasses,
      .csiDrivers,
      .csiNodes,
      .csiStorageCapacities,
      .storageClasses,
      .volumeAttachments,
      .volumeAttributesClasses,
    ]
  }

  /// Those that are not stored, but made when they are read. `components`: what there is of a control plane.
  public static func computed(_ components: [Component]) -> [ComputedResource] {
    [.componentStatuses(components)]
  }
}
