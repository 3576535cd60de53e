extension BootstrapRoles {
  /// What people are given, and what makes that up.
  static let forUsers = """
    role admin
      gathers admin
    role cluster-admin
      * of * in *
      * at *
      to group system:masters
    role edit
      joins admin
      gathers edit
    role system:aggregate-to-admin
      joins admin
      create of localsubjectaccessreviews in authorization.k8s.io
      create delete deletecollection get list patch update watch of rolebindings roles in rbac.authorization.k8s.io
    role system:aggregate-to-edit
      joins edit
      get list watch of pods/attach pods/exec pods/portforward pods/proxy secrets services/proxy in core
      impersonate of serviceaccounts in core
      create delete deletecollection patch update of pods pods/attach pods/exec pods/portforward pods/proxy in core
      create of pods/eviction in core
      create delete deletecollection patch update of configmaps persistentvolumeclaims replicationcontrollers
          replicationcontrollers/scale secrets serviceaccounts services services/proxy in core
      create of serviceaccounts/token in core
      create delete deletecollection patch update of events in core events.k8s.io
      create delete deletecollection patch update of daemonsets deployments deployments/rollback deployments/scale
          replicasets replicasets/scale statefulsets statefulsets/scale in apps
      create delete deletecollection patch update of horizontalpodautoscalers in autoscaling
      create delete deletecollection patch update of cronjobs jobs in batch
      create delete deletecollection patch update of daemonsets deployments deployments/rollback deployments/scale
          ingresses networkpolicies replicasets replicasets/scale replicationcontrollers/scale in extensions
      create delete deletecollection patch update of poddisruptionbudgets in policy
      create delete deletecollection patch update of ingresses networkpolicies in networking.k8s.io
      create delete deletecollection get list patch update watch of leases in coordination.k8s.io
      create delete deletecollection patch update of resourceclaims resourceclaimtemplates in resource.k8s.io
    role system:aggregate-to-view
      joins view
      get list watch of configmaps endpoints persistentvolumeclaims persistentvolumeclaims/status pods
          replicationcontrollers replicationcontrollers/scale serviceaccounts services services/status in core
      get list watch of bindings limitranges namespaces/status pods/log pods/status replicationcontrollers/status
          resourcequotas resourcequotas/status in core
      get list watch of namespaces in core
      get list watch of events in core events.k8s.io
      get list watch of endpointslices in discovery.k8s.io
      get list watch of controllerrevisions daemonsets daemonsets/status deployments deployments/scale
          deployments/status replicasets replicasets/scale replicasets/status statefulsets statefulsets/scale
          statefulsets/status in apps
      get list watch of horizontalpodautoscalers horizontalpodautoscalers/status in autoscaling
      get list watch of cronjobs cronjobs/status jobs jobs/status in batch
      get list watch of daemonsets daemonsets/status deployments deployments/scale deployments/status ingresses
          ingresses/status networkpolicies replicasets replicasets/scale replicasets/status
          replicationcontrollers/scale in extensions
      get list watch of poddisruptionbudgets poddisruptionbudgets/status in policy
      get list watch of ingresses ingresses/status networkpolicies in networking.k8s.io
      get list watch of resourceclaims resourceclaims/status resourceclaimtemplates in resource.k8s.io
    role view
      joins edit
      gathers view
    """

  /// What is needed in the system's namespaces alone.
  static let inNamespaces = """
    role kube-public/system:controller:bootstrap-signer
      get list watch of configmaps in core
      update of configmaps in core named cluster-info
      create patch update of events in core events.k8s.io
      to account kube-system/bootstrap-signer
    role kube-system/extension-apiserver-authentication-reader
      get list watch of configmaps in core named extension-apiserver-authentication
      to user system:kube-controller-manager by system::extension-apiserver-authentication-reader
      to user system:kube-scheduler by system::extension-apiserver-authentication-reader
    role kube-system/system::leader-locking-kube-controller-manager
      create get list update watch of leases in coordination.k8s.io
      create get list update watch of leasecandidates in coordination.k8s.io
      to user system:kube-controller-manager
      to account kube-system/kube-controller-manager
      to account kube-system/leader-election-controller
    role kube-system/system::leader-locking-kube-scheduler
      create get list update watch of leases in coordination.k8s.io
      create get list update watch of leasecandidates in coordination.k8s.io
      to user system:kube-scheduler
      to account kube-system/kube-scheduler
    role kube-system/system:controller:bootstrap-signer
      get list watch of secrets in core
      to account kube-system/bootstrap-signer
    role kube-system/system:controller:cloud-provider
      create get list watch of configmaps in core
      to account kube-system/cloud-provider
    role kube-system/system:controller:token-cleaner
      delete get list watch of secrets in core
      create patch update of events in core events.k8s.io
      to account kube-system/token-cleaner
    """
}
