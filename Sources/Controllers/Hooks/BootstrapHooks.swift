public import Machinery
public import Registry
import Resources

/// Make what a cluster begins with, as far as its kinds are served. (kube-apiserver: the hooks of its groups' storage.)
public enum BootstrapHooks {
  /// `store`: by the resource that it serves.
  public static func all(
    _ client: SystemClient, _ store: (GroupResource) -> Store?
  ) -> [any StartHook] {
    func of(_ group: String, _ resource: String) -> Store? { store(GroupResource(group: group, resource: resource)) }
    var hooks: [any StartHook] = []
    let rbac = "rbac.authorization.k8s.io"
    if let clusterRoles = of(rbac, "clusterroles"), let clusterRoleBindings = of(rbac, "clusterrolebindings"),
      let roles = of(rbac, "roles"), let roleBindings = of(rbac, "rolebindings"), let namespaces = of("", "namespaces")
    {
      let stores = BootstrapRolesHook.Stores(
        clusterRoles: clusterRoles, clusterRoleBindings: clusterRoleBindings, roles: roles, roleBindings: roleBindings,
        namespaces: namespaces)
      hooks.append(BootstrapRolesHook(stores, client))
    }
    if let priorityClasses = of("scheduling.k8s.io", "priorityclasses") {
      let name = "scheduling/bootstrap-system-priority-classes"
      hooks.append(MissingObjectsHook(name, SystemPriorityClasses.all, in: priorityClasses, client))
    }
    let flowControl = "flowcontrol.apiserver.k8s.io"
    if let schemas = of(flowControl, "flowschemas"), let levels = of(flowControl, "prioritylevelconfigurations") {
      hooks.append(FlowControlProducer(flowSchemas: schemas, priorityLevels: levels, client))
      hooks.append(FlowControlConsumer(flowSchemas: schemas, priorityLevels: levels, client))
    }
    return hooks
  }
}
