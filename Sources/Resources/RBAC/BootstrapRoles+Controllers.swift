extension BootstrapRoles {
  /// What each controller needs, under its own service account.
  static let forControllers = """
    role system:controller:attachdetach-controller
      list watch of persistentvolumeclaims persistentvolumes in core
      get list watch of nodes in core
      patch update of nodes/status in core
      list watch of pods in core
      create patch update of events in core events.k8s.io
      create delete get list watch of volumeattachments in storage.k8s.io
      get list watch of csidrivers in storage.k8s.io
      get list watch of csinodes in storage.k8s.io
      to account kube-system/attachdetach-controller
    role system:controller:certificate-controller
      delete get list watch of certificatesigningrequests in certificates.k8s.io
      update of certificatesigningrequests/approval certificatesigningrequests/status in certificates.k8s.io
      approve of signers in certificates.k8s.io named kubernetes.io/kube-apiserver-client-kubelet
      sign of signers in certificates.k8s.io named kubernetes.io/kube-apiserver-client
          kubernetes.io/kube-apiserver-client-kubelet kubernetes.io/kubelet-serving kubernetes.io/legacy-unknown
      create of subjectaccessreviews in authorization.k8s.io
      create patch update of events in core events.k8s.io
      to account kube-system/certificate-controller
    role system:controller:clusterrole-aggregation-controller
      escalate get list patch update watch of clusterroles in rbac.authorization.k8s.io
      to account kube-system/clusterrole-aggregation-controller
    role system:controller:cronjob-controller
      get list update watch of cronjobs in batch
      create delete get list patch update watch of jobs in batch
      update of cronjobs/status in batch
      update of cronjobs/finalizers in batch
      delete list watch of pods in core
      create patch update of events in core events.k8s.io
      to account kube-system/cronjob-controller
    role system:controller:daemon-set-controller
      get list watch of daemonsets in apps extensions
      update of daemonsets/status in apps extensions
      update of daemonsets/finalizers in apps extensions
      list watch of nodes in core
      create delete list patch watch of pods in core
      create of pods/binding in core
      create delete get list patch update watch of controllerrevisions in apps
      create patch update of events in core events.k8s.io
      to account kube-system/daemon-set-controller
    role system:controller:deployment-controller
      get list update watch of deployments in apps extensions
      update of deployments/status in apps extensions
      update of deployments/finalizers in apps extensions
      create delete get list patch update watch of replicasets in apps extensions
      get list update watch of pods in core
      create patch update of events in core events.k8s.io
      to account kube-system/deployment-controller
    role system:controller:device-taint-eviction-controller
      delete get list watch of pods in core
      patch update of pods/status in core
      get list watch of resourceclaims in resource.k8s.io
      get list watch of resourceslices in resource.k8s.io
      get list watch of deviceclasses in resource.k8s.io
      create patch update of events in core events.k8s.io
      to account kube-system/device-taint-eviction-controller
    role system:controller:disruption-controller
      get list watch of deployments in apps extensions
      get list watch of replicasets in apps extensions
      get list watch of replicationcontrollers in core
      get list watch of poddisruptionbudgets in policy
      get list watch of statefulsets in apps
      update of poddisruptionbudgets/status in policy
      patch update of pods/status in core
      get of */scale in *
      create patch update of events in core events.k8s.io
      to account kube-system/disruption-controller
    role system:controller:endpoint-controller
      get list watch of pods services in core
      create delete get list update watch of endpoints in core
      create of endpoints/restricted in core
      create patch update of events in core events.k8s.io
      to account kube-system/endpoint-controller
    role system:controller:endpointslice-controller
      get list watch of nodes pods services in core
      update of services/finalizers in core
      create delete get list update watch of endpointslices in discovery.k8s.io
      create of endpointslices/restricted in discovery.k8s.io
      create patch update of events in core events.k8s.io
      to account kube-system/endpointslice-controller
    role system:controller:endpointslicemirroring-controller
      get list watch of endpoints services in core
      update of services/finalizers in core
      update of endpoints/finalizers in core
      create delete get list update watch of endpointslices in discovery.k8s.io
      create of endpointslices/restricted in discovery.k8s.io
      create patch update of events in core events.k8s.io
      to account kube-system/endpointslicemirroring-controller
    role system:controller:ephemeral-volume-controller
      get list watch of pods in core
      update of pods/finalizers in core
      create get list watch of persistentvolumeclaims in core
      create patch update of events in core events.k8s.io
      to account kube-system/ephemeral-volume-controller
    role system:controller:expand-controller
      get list patch update watch of persistentvolumes in core
      patch update of persistentvolumeclaims/status in core
      get list watch of persistentvolumeclaims in core
      create patch update of events in core events.k8s.io
      to account kube-system/expand-controller
    role system:controller:generic-garbage-collector
      delete get list patch update watch of * in *
      create patch update of events in core events.k8s.io
      to account kube-system/generic-garbage-collector
    role system:controller:horizontal-pod-autoscaler
      get list watch of horizontalpodautoscalers in autoscaling
      update of horizontalpodautoscalers/status in autoscaling
      get update of */scale in *
      list watch of pods in core
      list watch of pods in metrics.k8s.io
      get list watch of * in custom.metrics.k8s.io
      get list watch of * in external.metrics.k8s.io
      create patch update of events in core events.k8s.io
      to account kube-system/horizontal-pod-autoscaler
    role system:controller:job-controller
      get list patch update watch of jobs in batch
      update of jobs/status in batch
      update of jobs/finalizers in batch
      create delete list patch watch of pods in core
      create patch update of events in core events.k8s.io
      to account kube-system/job-controller
    role system:controller:legacy-service-account-token-cleaner
      get of configmaps in core named kube-apiserver-legacy-service-account-token-tracking
      delete patch of secrets in core
      to account kube-system/legacy-service-account-token-cleaner
    role system:controller:namespace-controller
      delete get list watch of namespaces in core
      update of namespaces/finalize namespaces/status in core
      delete deletecollection get list watch of * in *
      to account kube-system/namespace-controller
    role system:controller:node-controller
      delete get list patch update watch of nodes in core
      patch update of nodes/status in core
      patch update of pods/status in core
      delete get list watch of pods in core
      create patch update of events in core events.k8s.io
      to account kube-system/node-controller
    role system:controller:persistent-volume-binder
      create delete get list update watch of persistentvolumes in core
      update of persistentvolumes/status in core
      get list update watch of persistentvolumeclaims in core
      update of persistentvolumeclaims/status in core
      create delete get list watch of pods in core
      get list watch of storageclasses in storage.k8s.io
      list watch of nodes in core
      create patch update of events in core events.k8s.io
      watch of events in core
      to account kube-system/persistent-volume-binder
    role system:controller:pod-garbage-collector
      delete list watch of pods in core
      get list watch of nodes in core
      patch of pods/status in core
      to account kube-system/pod-garbage-collector
    role system:controller:pv-protection-controller
      get list update watch of persistentvolumes in core
      create patch update of events in core events.k8s.io
      to account kube-system/pv-protection-controller
    role system:controller:pvc-protection-controller
      get list update watch of persistentvolumeclaims in core
      update of persistentvolumeclaims/status in core
      get list watch of pods in core
      create patch update of events in core events.k8s.io
      to account kube-system/pvc-protection-controller
    role system:controller:replicaset-controller
      get list update watch of replicasets in apps extensions
      update of replicasets/status in apps extensions
      update of replicasets/finalizers in apps extensions
      create delete list patch watch of pods in core
      create patch update of events in core events.k8s.io
      to account kube-system/replicaset-controller
    role system:controller:replication-controller
      get list update watch of replicationcontrollers in core
      update of replicationcontrollers/status in core
      update of replicationcontrollers/finalizers in core
      create delete list patch watch of pods in core
      create patch update of events in core events.k8s.io
      to account kube-system/replication-controller
    role system:controller:resource-claim-controller
      get list watch of pods in core
      update of pods/finalizers in core
      create delete get list watch of resourceclaims in resource.k8s.io
      patch update of resourceclaims resourceclaims/status in resource.k8s.io
      patch update of pods/status in core
      create patch update of events in core events.k8s.io
      patch update of resourceclaims/binding in resource.k8s.io
      to account kube-system/resource-claim-controller
    role system:controller:resourcequota-controller
      list watch of * in *
      update of resourcequotas/status in core
      create patch update of events in core events.k8s.io
      to account kube-system/resourcequota-controller
    role system:controller:root-ca-cert-publisher
      create update of configmaps in core
      create patch update of events in core events.k8s.io
      to account kube-system/root-ca-cert-publisher
    role system:controller:route-controller
      list watch of nodes in core
      patch of nodes/status in core
      create patch update of events in core events.k8s.io
      to account kube-system/route-controller
    role system:controller:selinux-warning-controller
      create patch update of events in core events.k8s.io
      get list watch of persistentvolumes in core
      get list watch of persistentvolumeclaims in core
      get list watch of pods in core
      get list watch of csidrivers in storage.k8s.io
      to account kube-system/selinux-warning-controller
    role system:controller:service-account-controller
      create of serviceaccounts in core
      create patch update of events in core events.k8s.io
      to account kube-system/service-account-controller
    role system:controller:service-cidrs-controller
      get list patch update watch of servicecidrs in networking.k8s.io
      patch update of servicecidrs/finalizers in networking.k8s.io
      patch update of servicecidrs/status in networking.k8s.io
      get list watch of ipaddresses in networking.k8s.io
      create patch update of events in core events.k8s.io
      to account kube-system/service-cidrs-controller
    role system:controller:service-controller
      get list watch of services in core
      patch update of services/status in core
      list watch of nodes in core
      create patch update of events in core events.k8s.io
      to account kube-system/service-controller
    role system:controller:statefulset-controller
      list watch of pods in core
      get list watch of statefulsets in apps
      update of statefulsets/status in apps
      update of statefulsets/finalizers in apps
      create delete get patch update of pods in core
      create delete get list patch update watch of controllerrevisions in apps
      create get list watch of persistentvolumeclaims in core
      delete update of persistentvolumeclaims in core
      update of pods/finalizers in core
      create patch update of events in core events.k8s.io
      to account kube-system/statefulset-controller
    role system:controller:ttl-after-finished-controller
      delete get list watch of jobs in batch
      create patch update of events in core events.k8s.io
      to account kube-system/ttl-after-finished-controller
    role system:controller:ttl-controller
      list patch update watch of nodes in core
      create patch update of events in core events.k8s.io
      to account kube-system/ttl-controller
    role system:controller:validatingadmissionpolicy-status-controller
      get list watch of validatingadmissionpolicies in admissionregistration.k8s.io
      get patch update of validatingadmissionpolicies/status in admissionregistration.k8s.io
      create patch update of events in core events.k8s.io
      to account kube-system/validatingadmissionpolicy-status-controller
    role system:controller:volumeattributesclass-protection-controller
      get list watch of persistentvolumeclaims in core
      get list watch of persistentvolumes in core
      get list update watch of volumeattributesclasses in storage.k8s.io
      create patch update of events in core events.k8s.io
      to account kube-system/volumeattributesclass-protection-controller
    """
}
