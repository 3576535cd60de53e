public import Registry

/// The resources that Binnacle has built in, in the order in which they are served. The one list: the daemon, the
/// `storage` commands and the tests go by it.
public enum BuiltInResources {
  /// What an operator may set of them.
  public struct Settings: Sendable {
    /// How long an event lives after it was last written; nil for good. (`--event-ttl`)
    public var eventTimeToLive: Duration? = .seconds(3_600)
    public init() {}
  }

  public static func all(_ settings: Settings = Settings()) -> [ResourceDefinition] {
    [
      .configMaps,
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
      .serviceAccounts,
      .mutatingAdmissionPolicies,
      .mutatingAdmissionPolicyBindings,
      .mutatingWebhookConfigurations,
      .validatingAdmissionPolicies,
      .validatingAdmissionPolicyBindings,
      .validatingWebhookConfigurations,
      .apiServices,
      .horizontalPodAutoscalers,
      .cronJobs,
      .jobs,
      .leases,
      .flowSchemas,
      .priorityLevelConfigurations,
      .runtimeClasses,
      .podDisruptionBudgets,
      .clusterRoleBindings,
      .clusterRoles,
      .roleBindings,
      .roles,
      .priorityClasses,
      .csiDrivers,
      .csiNodes,
      .csiStorageCapacities,
      .storageClasses,
      .volumeAttributesClasses,
    ]
  }
}
